"""The state machine: it ends, tries again, names its executions, and fits what it calls."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from pixelgate.bootstrap import max_megapixels
from pixelgate.domain import keys
from pixelgate.domain.keys import ComparisonId
from pixelgate.engine.header import MAX_PIXELS
from pixelgate.handlers.machine_input import parse_search
from pixelgate.pipeline.compare.batches import BATCHES
from pixelgate.pipeline.compare.budget import MEGAPIXELS_PER_SECOND
from pixelgate.pipeline.compare.fan_out import Round
from pixelgate.pipeline.context import Limits

from .stack import Json, Stack, translated

# What names a comparison that was handed over.
HANDED = {"project": "shop", "head": "7", "base": "6", "execution": "e1"}


@pytest.fixture
def machine(stack: Stack) -> Json:
    return stack.only("AWS::StepFunctions::StateMachine")["Definition"]


def states(machine: Json) -> Iterator[tuple[str, Json]]:
    """Every state, those within the map too."""
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


def test_parent_is_standard_and_children_are_express(stack: Stack, machine: Json) -> None:
    # Only a STANDARD execution's name is unique: starting it twice is harmless.
    assert stack.only("AWS::StepFunctions::StateMachine")["StateMachineType"] == "STANDARD"
    children = machine["States"]["CompareBatches"]["ItemProcessor"]["ProcessorConfig"]
    assert children == {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}


def test_everything_that_runs_has_a_time_limit(stack: Stack, machine: Json) -> None:
    assert machine["TimeoutSeconds"] == 4 * 3_600
    limits = {"${Worker}": "WorkerFunction", "${Publisher}": "PublishFunction"}
    tasks = [state for _, state in states(machine) if state["Type"] == "Task"]
    assert len(tasks) == 4
    for task in tasks:
        function = stack.function(limits[task["Parameters"]["FunctionName"]])
        assert task["TimeoutSeconds"] == function["Timeout"] + 10


def test_two_attempts_of_a_worker_fit_into_an_express_execution(machine: Json) -> None:
    [task] = machine["States"]["CompareBatches"]["ItemProcessor"]["States"].values()
    longest_wait = max(retry["MaxDelaySeconds"] for retry in task["Retry"])
    assert 2 * task["TimeoutSeconds"] + longest_wait <= 300


def test_all_retries_have_jitter_and_an_end(machine: Json) -> None:
    retries = [retry for _, state in states(machine) for retry in state.get("Retry", ())]
    assert len(retries) == 6
    for retry in retries:
        assert retry["JitterStrategy"] == "FULL"
        assert retry["MaxAttempts"] <= 8
        assert retry["BackoffRate"] >= 2
        assert retry["MaxDelaySeconds"] <= 60


def test_lost_batches_do_not_stop_the_others_and_a_lost_map_is_given_back(machine: Json) -> None:
    mapped = machine["States"]["CompareBatches"]
    assert mapped["ToleratedFailurePercentage"] == 100
    assert mapped["Next"] == "FindLost"
    assert "ResultWriter" not in mapped  # results are read where the workers left them
    for name in ("CompareBatches", "FindLost"):
        [caught] = machine["States"][name]["Catch"]
        assert (caught["ErrorEquals"], caught["Next"]) == (["States.ALL"], "GiveBack")
    assert machine["States"]["GiveBack"]["Next"] == "Failed"


def test_the_list_of_batches_is_where_the_plan_is_written(machine: Json) -> None:
    reader = machine["States"]["CompareBatches"]["ItemReader"]["Parameters"]
    said, *arguments = reader["Key.$"].removeprefix("States.Format('").rstrip(")").split(", ")
    assert arguments == ["$.project", "$.head", "$.base", "$.execution", "$.round.list"]
    first = machine["States"][machine["StartAt"]]["Parameters"]["list"]
    assert said.rstrip("'").format("shop", "head", "base", "e1", first) == keys.fan_out(
        ComparisonId("shop", "head", "base"), "e1", BATCHES
    )


def test_lost_batches_are_mapped_over_again_until_none_is_wanted(machine: Json) -> None:
    """What the search answers is the next round's input, and it is asked after every round."""
    all_states = machine["States"]
    first = all_states["FirstRound"]
    assert parse_search({**HANDED, "find_lost": {**first["Parameters"], "concurrency": 8}})
    assert (first["ResultPath"], first["Next"]) == ("$.round", "CompareBatches")
    assert all_states["CompareBatches"]["MaxConcurrencyPath"] == "$.round.concurrency"
    search = all_states["FindLost"]
    assert search["Parameters"]["Payload"] == {
        **{f"{name}.$": f"$.{name}" for name in HANDED},
        "find_lost.$": "$.round",
    }
    answered = {f.name for f in dataclasses.fields(Round)}
    assert search["ResultSelector"] == {f"{name}.$": f"$.Payload.{name}" for name in answered}
    assert (search["ResultPath"], search["Next"]) == ("$.round", "AnyLost")
    choice = all_states["AnyLost"]
    again = {"Variable": "$.round.batches", "NumericGreaterThan": 0, "Next": "CompareBatches"}
    assert (choice["Choices"], choice["Default"]) == ([again], "Publish")


def test_defaults_fit_a_new_account(stack: Stack) -> None:
    """It may use 3,008 MB a function, and run ten at the same time."""
    assert stack.parameters["MemorySize"]["Default"] <= 3_008
    assert stack.parameters["FanOutConcurrency"]["Default"] <= 10 - 2


def test_workers_and_publisher_keep_the_same_long_lease(stack: Stack) -> None:
    for name in ("WorkerFunction", "PublishFunction"):
        variables = stack.function(name)["Environment"]["Variables"]
        lease = float(variables["PIXELGATE_FAN_OUT_LEASE_SECONDS"])
        # Longer than a batch with all its retries; else the sweeper would take over what lives.
        assert lease == Limits().fan_out_lease > 300


def test_what_one_worker_is_given_fits_into_its_time(stack: Stack) -> None:
    budget = stack.parameters["InlineMegapixels"]
    assert float(budget["Default"]) == Limits().inline_megapixels
    processors = 2
    seconds = budget["MaxValue"] / (MEGAPIXELS_PER_SECOND * processors)
    assert seconds < stack.function("CompareFunction")["Timeout"] - Limits().margin
    assert budget["Default"] / (MEGAPIXELS_PER_SECOND * processors) <= 100


def test_budget_concurrency_and_the_largest_picture_are_parameters(stack: Stack) -> None:
    chosen = translated(InlineMegapixels="7", FanOutConcurrency="9", MaxMegapixels="80")
    variables = chosen.function("CompareFunction")["Environment"]["Variables"]
    assert variables["PIXELGATE_INLINE_MEGAPIXELS"] == "7"
    assert variables["PIXELGATE_FAN_OUT_CONCURRENCY"] == "9"
    assert variables["PIXELGATE_STATE_MACHINE"] == "${CompareMachine}"
    assert stack.parameters["MaxMegapixels"]["Default"] * 1_000_000 == MAX_PIXELS
    for name in ("CompareFunction", "WorkerFunction", "PublishFunction"):
        assert max_megapixels(chosen.function(name)["Environment"]["Variables"]) == 80
    assert max_megapixels({}) is None


def test_the_machine_logs_no_images_and_only_our_account_s_may_take_its_role(stack: Stack) -> None:
    machine = stack.only("AWS::StepFunctions::StateMachine")
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert machine["LoggingConfiguration"]["Level"] == "ERROR"
    role = stack.of_type("AWS::IAM::Role")["MachineRole"]
    [trust] = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"}}
