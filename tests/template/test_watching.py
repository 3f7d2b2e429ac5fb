"""Dashboard and alarms look at metrics that exist, and at all of ours."""

from __future__ import annotations

import json
import re
from itertools import combinations

import pytest

from pixelgate.errors import FaultCode

from .stack import ROOT, Json, Stack, decided, texts, translated

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
FUNCTIONS = ("Compare", "Notify", "Publish", "Review", "Site", "Sweep", "Tidy", "Worker")
DIMENSION = {
    "Pixelgate": ("service", {"${AWS::StackName}"}),
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
        found, *more = alarm["Dimensions"]
        check(alarm["Namespace"], alarm["MetricName"], found["Name"], found["Value"])
        lost = [{"Name": "reason", "Value": FaultCode.RESULT_MISSING}]
        assert more == (lost if alarm["MetricName"] == "ImagesErrored" else [])


def test_every_metric_on_the_dashboard_is_emitted(stack: Stack) -> None:
    for namespace, metric, dimension, value, *more in charted(stack):
        check(namespace, metric, dimension, value)
        if metric == "ImagesErrored":
            assert more[0] == "reason"
            assert more[1] in set(FaultCode)
        elif namespace == "AWS/DynamoDB" and more:
            assert more == ["GlobalSecondaryIndexName", "unfinished"]
        else:
            assert more == [], metric


def test_every_reason_why_an_image_is_errored_is_on_the_dashboard(stack: Stack) -> None:
    reasons = [row[5] for row in charted(stack) if row[1] == "ImagesErrored"]
    assert sorted(reasons) == sorted(FaultCode)


def test_two_stacks_of_one_account_have_a_dashboard_each(stack: Stack) -> None:
    """Dashboards are global: those of two regions must not have one name either."""
    name = stack.only("AWS::CloudWatch::Dashboard")["DashboardName"]
    assert name == "${AWS::StackName}-${AWS::Region}"


def test_dashboard_names_only_what_the_stack_has(stack: Stack) -> None:
    known = {f"${{{name}" for name in stack.resources} | {"${AWS::Region", "${AWS::StackName"}
    named = {part for text in texts(dashboard(stack)) for part in text.split("}") if "${" in part}
    assert {part[part.index("$") :].split(".")[0] for part in named} <= known


def test_widgets_answer_questions_and_fit_on_the_dashboard(stack: Stack) -> None:
    widgets = dashboard(stack)
    titles = [w["properties"]["title"] for w in widgets if w["type"] != "text"]
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


TOPIC, ADDRESS = "arn:aws:sns:eu-west-1:111122223333:oncall", "oncall@example.com"


@pytest.mark.parametrize(
    ("named", "called"),
    [
        ({}, []),
        ({"AlarmTopic": TOPIC}, [TOPIC]),
        ({"AlarmEmail": ADDRESS}, ["${AlarmMail}"]),
        ({"AlarmTopic": TOPIC, "AlarmEmail": ADDRESS}, [TOPIC, "${AlarmMail}"]),
    ],
    ids=["nobody", "a topic", "an address", "both"],
)
def test_alarms_call_whoever_is_named_and_tell_them_when_it_is_over(
    named: dict[str, str], called: list[str]
) -> None:
    for name, alarm in alarms(decided(**named)).items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == called, name
        assert len(alarm["AlarmDescription"]) > 40, name
        silence = "breaching" if name == "SweepSilentAlarm" else "notBreaching"
        assert alarm["TreatMissingData"] == silence, name


def test_an_address_makes_a_topic_to_which_only_this_account_s_alarms_write(stack: Stack) -> None:
    named = translated(AlarmEmail="oncall@example.com")
    assert named.only("AWS::SNS::Topic") == {
        "Subscription": [{"Protocol": "email", "Endpoint": "oncall@example.com"}]
    }
    [grant] = named.only("AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    assert grant["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert grant["Action"] == "sns:Publish"
    assert grant["Condition"] == {"StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"}}
    for name in ("AlarmMail", "AlarmMailPolicy"):
        assert stack.resources[name]["Condition"] == "HasAlarmEmail"
    pattern = stack.parameters["AlarmEmail"]["AllowedPattern"]
    allowed = [a for a in ("", "a@b.example", "a", "a@", "a b@c") if re.fullmatch(pattern, a)]
    assert allowed == ["", "a@b.example"]


def test_an_alarm_and_the_dashboard_link_the_runbook(stack: Stack) -> None:
    url = "https://git.example.com/team/pixelgate/docs/runbook"
    named = translated(RunbookUrl=url)
    for name, alarm in alarms(named).items():
        assert re.search(
            rf"Runbook: {re.escape(url)}/[\w-]+\.md$", alarm["AlarmDescription"].strip()
        ), name
    [widget] = [w for w in dashboard(named) if w["type"] == "text"]
    assert f"[Runbook]({url}/README.md)" in widget["properties"]["markdown"]
    pattern = stack.parameters["RunbookUrl"]["AllowedPattern"]
    assert re.fullmatch(pattern, stack.parameters["RunbookUrl"]["Default"])
    assert re.fullmatch(pattern, url)
    assert not re.fullmatch(pattern, f"{url}/")


def test_events_that_are_lost_call_somebody(stack: Stack) -> None:
    """Of each function that S3 or EventBridge calls: what no queue took, and what was dropped."""
    lost = {"DestinationDeliveryFailures", "AsyncEventsDropped"}
    watched = {
        (alarm["MetricName"], alarm["Dimensions"][0]["Value"])
        for alarm in alarms(stack).values()
        if alarm["MetricName"] in lost
        and (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["Statistic"]) == (0, 1, "Sum")
    }
    functions = {f"${{{name}Function}}" for name in ("Compare", "Review", "Notify")}
    assert watched == {(metric, function) for metric in lost for function in functions}
    charted_too = {(row[1], row[3]) for row in charted(stack) if row[1] in lost}
    assert charted_too == watched


def test_silence_is_that_of_the_sweep_that_restarts_comparisons(stack: Stack) -> None:
    """The function runs every minute, too: its invocations say nothing of the rule that matters."""
    alarm = alarms(stack)["SweepSilentAlarm"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("Pixelgate", "SweepsDone")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 900


def test_throttles_of_the_workers_call_somebody(stack: Stack) -> None:
    alarm = alarms(stack)["WorkerThrottlesAlarm"]
    assert (alarm["MetricName"], alarm["Threshold"]) == ("Throttles", 0)
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": "${WorkerFunction}"}]


def test_duration_alarm_is_at_80_percent_of_the_time_limit(stack: Stack) -> None:
    alarm = alarms(stack)["CompareDurationAlarm"]
    timeout = stack.function("CompareFunction")["Timeout"]
    assert alarm["ExtendedStatistic"] == "p99"
    assert alarm["Threshold"] == 0.8 * timeout * 1_000
    [widget] = [w for w in dashboard(stack) if "annotations" in w["properties"]]
    lines = {line["value"] for line in widget["properties"]["annotations"]["horizontal"]}
    assert lines == {timeout * 1_000, alarm["Threshold"]}


@pytest.mark.parametrize(
    "name", ["FailedEventsAlarm", "ComparisonsFailedAlarm", "ResultsMissingAlarm"]
)
def test_one_lost_or_failed_comparison_is_enough(stack: Stack, name: str) -> None:
    alarm = alarms(stack)[name]
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (0, 1)


def test_what_a_day_costs_is_by_the_memory_that_functions_have(stack: Stack) -> None:
    [widget] = [w for w in dashboard(stack) if "a day cost" in str(w["properties"].get("title"))]
    expressions = {
        row[0]["id"]: row[0]["expression"]
        for row in widget["properties"]["metrics"]
        if isinstance(row[0], dict)
    }
    ids = {"sweeping": "Sweep", "tidying": "Tidy", "reviewing": "Review", "telling": "Notify"}
    factors = dict(re.findall(r"FILL\((\w+), 0\) \* (\d+)", expressions["others"]))
    assert {ids[name]: int(memory) for name, memory in factors.items()} == {
        name: stack.function(f"{name}Function")["MemorySize"] for name in ids.values()
    }
    memory = stack.parameters["MemorySize"]["Default"]
    for name in ("lambda", "many"):
        assert f"* {memory} / 1024 *" in expressions[name]
    assert "S3Dollars" in {row[1] for row in widget["properties"]["metrics"] if len(row) > 1}


TIDIED = ("ExecutionsOrphaned", "BuildsRemoved", "ImagesDeleted", "ObjectsRemoved")


def test_what_an_idle_stack_costs_is_stated_as_it_is(stack: Stack) -> None:
    """By AWS's list prices, without its free tier: what is there whether anything is uploaded."""
    number = len(alarms(decided()))
    runs = 30 * 24 * (60 + 12)  # of the sweep function, by its two schedules
    one_run = 0.2 * 512 / 1024 * 0.0000166667 + 0.0000002  # 0.2 s is a guess
    its_lines, its_query = 700 / 1e9 * 0.50, 0.000000125
    prices = {
        "alarms": number * 0.10,
        "dashboard": 3.00,
        # Every five minutes one metric has a value, and four have one in one of a day's hours.
        "metrics": (1 + len(TIDIED) / 24) * 0.30,
        "sweeps": runs * (one_run + its_lines + its_query),
    }
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| .*?\b(\w+) \| \$(\d+\.\d\d) \|", page, re.MULTILINE))
    assert {name: float(price) for name, price in table.items()} == {
        name: round(price, 2) for name, price in prices.items()
    }
    assert f"{number} alarms |" in page
    total = f"${sum(round(price, 2) for price in prices.values()):.2f}"
    assert total in page
    assert total in (ROOT / "README.md").read_text(encoding="utf-8")
    # Above 50 metrics no dashboard is free. Below, this sentence and the table would be wrong.
    assert len(charted(stack)) > 50


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
