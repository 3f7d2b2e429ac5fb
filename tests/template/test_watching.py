"""Dashboard and alarms look at metrics that exist, and at all of ours."""

from __future__ import annotations

import json
from itertools import combinations

import pytest

from pixelgate.errors import FaultCode

from .stack import Json, Stack, texts

# Metrics of AWS's as far as we look at them. Of ours tests/e2e/test_whole_run.py knows which exist.
OF_AWS = {
    "AWS/Lambda": {
        *("AsyncEventsDropped", "ConcurrentExecutions", "DestinationDeliveryFailures"),
        *("Duration", "Errors", "Invocations", "Throttles"),
    },
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible"},
    "AWS/DynamoDB": {"ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"},
    "AWS/States": {f"Executions{end}" for end in ("Aborted", "Failed", "Succeeded", "TimedOut")},
}
FUNCTIONS = ("Compare", "Notify", "Publish", "Review", "Sweep", "Tidy", "Worker")
DIMENSION = {
    "Pixelgate": ("service", {"pixelgate"}),
    "AWS/Lambda": ("FunctionName", {f"${{{name}Function}}" for name in FUNCTIONS}),
    "AWS/SQS": ("QueueName", {"${FailedEvents.QueueName}"}),
    "AWS/DynamoDB": ("TableName", {"${Table}"}),
    "AWS/States": ("StateMachineArn", {"${CompareMachine}"}),
}


def check(namespace: str, metric: str, dimension: str, value: str) -> None:
    """There is such a metric with such a dimension."""
    name, values = DIMENSION[namespace]
    assert namespace == "Pixelgate" or metric in OF_AWS[namespace], metric
    assert dimension == name, metric
    assert value in values, metric


def test_every_alarm_watches_a_metric_that_is_emitted(stack: Stack) -> None:
    for alarm in alarms(stack).values():
        [found] = alarm["Dimensions"]
        check(alarm["Namespace"], alarm["MetricName"], found["Name"], found["Value"])


def test_every_metric_on_the_dashboard_is_emitted(stack: Stack) -> None:
    for namespace, metric, dimension, value, *more in charted(stack):
        check(namespace, metric, dimension, value)
        if metric == "ImagesErrored":
            assert more[0] == "reason"
            assert more[1] in set(FaultCode)
        else:
            assert more == [], metric


def test_every_reason_why_an_image_is_errored_is_on_the_dashboard(stack: Stack) -> None:
    reasons = [row[5] for row in charted(stack) if row[1] == "ImagesErrored"]
    assert sorted(reasons) == sorted(FaultCode)


def test_dashboard_names_only_what_the_stack_has(stack: Stack) -> None:
    known = {f"${{{name}" for name in stack.resources} | {"${AWS::Region"}
    named = {part for text in texts(dashboard(stack)) for part in text.split("}") if "${" in part}
    assert {part[part.index("$") :].split(".")[0] for part in named} <= known


def test_widgets_answer_questions_and_fit_on_the_dashboard(stack: Stack) -> None:
    widgets = dashboard(stack)
    titles = [widget["properties"]["title"] for widget in widgets]
    assert all(title.endswith("?") for title in titles)
    assert len(set(titles)) == len(titles)
    squares = [
        {(w["x"] + x, w["y"] + y) for x in range(w["width"]) for y in range(w["height"])}
        for w in widgets
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
        silence = "breaching" if name == "SweepSilentAlarm" else "notBreaching"
        assert alarm["TreatMissingData"] == silence, name


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
