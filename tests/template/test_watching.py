"""Dashboard and alarms look at metrics that exist, and at all of ours."""

from __future__ import annotations

import json
from itertools import combinations

import pytest

from pixelgate.errors import FaultCode

from .stack import Json, Stack, texts

# What the functions emit (Powertools, EMF) and what AWS does, as far as we look at it.
EMITTED = {
    "Pixelgate": {
        "BadManifests",
        "BatchesDone",
        "BuildsRemoved",
        "BuildsWaiting",
        "ComparisonsFailed",
        "ComparisonsHandedOver",
        "ComparisonsNeedingReview",
        "ComparisonsPassed",
        "ComparisonsRetried",
        "DuplicateDeliveries",
        "EventsIgnored",
        "ExecutionsOrphaned",
        "HeadsWoken",
        "ImagesErrored",
        "ImagesDeleted",
        "LateWorkers",
        "LeaseTakeovers",
        "LeasesSwept",
        "NoticesRefused",
        "NoticesRetried",
        "NoticesSent",
        "ObjectsRemoved",
        "PairsDiffed",
        "PairsFromCache",
        "PixelsDiffed",
        "ReviewsCarriedOut",
        "ReviewsRefused",
        "ReviewsRetried",
        "SecondsDiffing",
        "SecondsToVerdict",
        "ShardsKept",
        "ShardsRepeated",
        "SnapshotsByHash",
        "SnapshotsCompared",
        "WaitsInVain",
    },
    "AWS/Lambda": {
        "AsyncEventsDropped",
        "ConcurrentExecutions",
        "DestinationDeliveryFailures",
        "Duration",
        "Errors",
        "Invocations",
        "Throttles",
    },
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible"},
    "AWS/DynamoDB": {"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"},
    "AWS/States": {
        "ExecutionsAborted",
        "ExecutionsFailed",
        "ExecutionsSucceeded",
        "ExecutionsTimedOut",
    },
}
DIMENSION = {
    "Pixelgate": [("service", {"pixelgate"})],
    "AWS/Lambda": [
        (
            "FunctionName",
            {
                f"${{{name}Function}}"
                for name in ("Compare", "Notify", "Publish", "Review", "Sweep", "Tidy", "Worker")
            },
        )
    ],
    "AWS/SQS": [("QueueName", {"${FailedEvents.QueueName}"})],
    "AWS/DynamoDB": [("TableName", {"${Table}"})],
    "AWS/States": [("StateMachineArn", {"${CompareMachine}"})],
}


def test_every_alarm_watches_a_metric_that_is_emitted(stack: Stack) -> None:
    for name, alarm in alarms(stack).items():
        assert alarm["MetricName"] in EMITTED[alarm["Namespace"]], name
        [(dimension, values)] = DIMENSION[alarm["Namespace"]]
        [found] = alarm["Dimensions"]
        assert found["Name"] == dimension, name
        assert found["Value"] in values, name


def test_every_metric_on_the_dashboard_is_emitted(stack: Stack) -> None:
    for namespace, metric, *dimensions in charted(stack):
        assert metric in EMITTED[namespace]
        [(dimension, values)] = DIMENSION[namespace]
        assert dimensions[0] == dimension, metric
        assert dimensions[1] in values, metric
        if metric == "ImagesErrored":
            assert dimensions[2] == "reason"
            assert dimensions[3] in set(FaultCode)
        else:
            assert dimensions[2:] == [], metric


def test_every_reason_why_an_image_is_errored_is_on_the_dashboard(stack: Stack) -> None:
    reasons = [row[5] for row in charted(stack) if row[1] == "ImagesErrored"]
    assert sorted(reasons) == sorted(FaultCode)


def test_every_metric_of_ours_is_on_the_dashboard(stack: Stack) -> None:
    ours = {metric for namespace, metric, *_ in charted(stack) if namespace == "Pixelgate"}
    assert ours == EMITTED["Pixelgate"]


def test_metrics_carry_the_namespace_and_dimension_that_are_watched(stack: Stack) -> None:
    for function in stack.of_type("AWS::Lambda::Function").values():
        variables = function["Environment"]["Variables"]
        assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Pixelgate"
        assert variables["POWERTOOLS_SERVICE_NAME"] == "pixelgate"


def test_dashboard_names_only_what_the_stack_has(stack: Stack) -> None:
    known = {f"${{{name}" for name in stack.resources} | {"${AWS::Region"}
    named = {part for text in texts(dashboard(stack)) for part in text.split("}") if "${" in part}
    assert {part[part.index("$") :].split(".")[0] for part in named} <= known


def test_each_widget_answers_a_question(stack: Stack) -> None:
    titles = [widget["properties"]["title"] for widget in dashboard(stack)]
    assert all(title.endswith("?") for title in titles)
    assert len(set(titles)) == len(titles)


def test_widgets_fit_on_the_dashboard(stack: Stack) -> None:
    squares = [
        {
            (x, y)
            for x in range(w["x"], w["x"] + w["width"])
            for y in range(w["y"], w["y"] + w["height"])
        }
        for w in dashboard(stack)
    ]
    assert max(x for square in squares for x, _ in square) < 24
    assert not any(one & other for one, other in combinations(squares, 2))


def test_every_alarm_is_on_the_dashboard(stack: Stack) -> None:
    [widget] = [w for w in dashboard(stack) if w["type"] == "alarm"]
    assert sorted(widget["properties"]["alarms"]) == sorted(
        f"${{{name}.Arn}}" for name in alarms(stack)
    )


def test_alarms_act_on_the_topic_if_there_is_one_and_say_what_to_do(stack: Stack) -> None:
    for name, alarm in alarms(stack).items():
        assert alarm["AlarmActions"] == {"if": "HasAlarmTopic", "then": [""]}, name
        assert len(alarm["AlarmDescription"]) > 40, name


def test_silence_is_trouble_for_the_sweeper_only(stack: Stack) -> None:
    missing = {name: alarm["TreatMissingData"] for name, alarm in alarms(stack).items()}
    assert missing.pop("SweepSilentAlarm") == "breaching"
    assert set(missing.values()) == {"notBreaching"}


def test_duration_alarm_is_at_80_percent_of_the_time_limit(stack: Stack) -> None:
    alarm = alarms(stack)["CompareDurationAlarm"]
    timeout = stack.function("CompareFunction")["Timeout"]
    assert alarm["ExtendedStatistic"] == "p99"
    assert alarm["Threshold"] == 0.8 * timeout * 1_000
    [widget] = [w for w in dashboard(stack) if "annotations" in w["properties"]]
    lines = {line["value"] for line in widget["properties"]["annotations"]["horizontal"]}
    assert lines == {timeout * 1_000, alarm["Threshold"]}


@pytest.mark.parametrize("name", ["FailedEventsAlarm", "ComparisonsFailedAlarm"])
def test_one_lost_or_failed_comparison_is_enough(stack: Stack, name: str) -> None:
    alarm = alarms(stack)[name]
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (0, 1)


def alarms(stack: Stack) -> dict[str, Json]:
    return stack.of_type("AWS::CloudWatch::Alarm")


def dashboard(stack: Stack) -> list[Json]:
    widgets: list[Json] = json.loads(stack.only("AWS::CloudWatch::Dashboard")["DashboardBody"])[
        "widgets"
    ]
    return widgets


def charted(stack: Stack) -> list[list[str]]:
    """Namespace, metric, dimension and value of every line on the dashboard.

    CloudWatch's shorthand is spelt out: "." is the same place of the row before, a leading "..."
    all its places but those that follow.
    """
    rows: list[list[str]] = []
    for widget in dashboard(stack):
        for metric in widget["properties"].get("metrics", []):
            match [part for part in metric if isinstance(part, str)]:
                case []:
                    pass  # an expression over other rows
                case ["...", *last]:
                    rows.append(rows[-1][: len(rows[-1]) - len(last)] + last)
                case row if "." in row:
                    rows.append([b if a == "." else a for a, b in zip(row, rows[-1], strict=True)])
                case row:
                    rows.append(row)
    return rows
