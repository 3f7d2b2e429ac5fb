"""The functions stay within Lambda's limits, and their numbers agree with one another."""

from __future__ import annotations

import re

import pytest

from pixelgate.pipeline.context import Limits, StorageContext

from .stack import ROOT, Json, Stack, allows, translated

FUNCTIONS = [
    "CompareFunction",
    "NotifyFunction",
    "PublishFunction",
    "ReviewFunction",
    "SiteFunction",
    "SweepFunction",
    "TidyFunction",
    "WorkerFunction",
]


def test_these_are_all_functions(stack: Stack) -> None:
    assert sorted(stack.of_type("AWS::Lambda::Function")) == FUNCTIONS


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function(stack: Stack, name: str) -> None:
    function = stack.function(name)
    # cfn-lint knows the larger limits of Lambda Managed Instances and lets more than this pass.
    assert 1 <= function["Timeout"] <= 900
    assert 128 <= function["MemorySize"] <= 10_240
    assert 512 <= function.get("EphemeralStorage", {}).get("Size", 512) <= 10_240
    module, handler = function["Handler"].rsplit(".", 1)
    source = ROOT / "functions" / (module.replace(".", "/") + ".py")
    assert re.search(rf"^(def {handler}\(|{handler} = )", source.read_text(), re.MULTILINE)
    makefile = (ROOT / "functions/Makefile").read_text()
    [python] = re.findall(r"^LAMBDA_PYTHON \?= (\S+)$", makefile, re.MULTILINE)
    assert function["Runtime"] == f"python{python}"
    assert f" build-{name}" in f" {makefile}"
    assert "TracingConfig" not in function  # decision 0055: the log has the time of each step
    logs = name.replace("Function", "Logs")
    assert function["LoggingConfig"] == {"LogGroup": f"${{{logs}}}", "LogFormat": "JSON"}
    retention = stack.of_type("AWS::Logs::LogGroup")[logs]["RetentionInDays"]
    assert retention == stack.parameters["LogRetentionDays"]["Default"] == 30
    variables = function["Environment"]["Variables"]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Pixelgate"
    assert variables["POWERTOOLS_SERVICE_NAME"] == "${AWS::StackName}"


def test_memory_parameter_offers_no_more_than_lambda_has(stack: Stack) -> None:
    memory = stack.parameters["MemorySize"]
    assert memory["MaxValue"] == 10_240
    assert memory["MinValue"] == 1_769  # one full vCPU
    assert memory["MinValue"] <= memory["Default"] <= 3_008  # a new account's limit


@pytest.mark.parametrize("architecture", ["x86_64", "arm64"])
def test_builds_learn_the_architecture_from_their_working_directory(architecture: str) -> None:
    stack = translated(Architecture=architecture)
    folder = f"layers/odiff/{architecture}"
    assert (ROOT / folder / "package.json").is_file()
    built = {"BuildMethod": "makefile", "WorkingDirectory": folder}
    for name in FUNCTIONS:
        assert stack.function(name)["Architectures"] == [architecture]
        assert stack.metadata[name] == built
    assert stack.metadata["OdiffLayer"] == {**built, "BuildArchitecture": architecture}
    assert stack.only("AWS::Lambda::LayerVersion")["CompatibleArchitectures"] == [architecture]


@pytest.mark.parametrize("name", ["CompareFunction", "WorkerFunction", "PublishFunction"])
def test_odiff_comes_from_the_layer(stack: Stack, name: str) -> None:
    function = stack.function(name)
    [(layer, properties)] = stack.of_type("AWS::Lambda::LayerVersion").items()
    assert function["Layers"] == [f"${{{layer}}}"]
    assert function["Environment"]["Variables"]["PIXELGATE_ODIFF"] == "/opt/bin/odiff"
    assert properties["CompatibleArchitectures"] == function["Architectures"]
    assert properties["CompatibleRuntimes"] == [function["Runtime"]]


def test_attempts_are_lambda_s_and_the_last_finds_the_lease_of_a_dead_worker_run_out(
    stack: Stack,
) -> None:
    config = invoke_config(stack, "CompareFunction")
    variables = stack.function("CompareFunction")["Environment"]["Variables"]
    assert int(variables["PIXELGATE_MAX_ATTEMPTS"]) == 1 + config["MaximumRetryAttempts"]
    assert int(variables["PIXELGATE_LEASE_SECONDS"]) < 120  # Lambda waits that before the last


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("CompareFunction", 21_600), ("ReviewFunction", 21_600), ("NotifyFunction", 3_600)],
)
def test_events_that_lambda_gives_up_on_are_kept(stack: Stack, name: str, seconds: int) -> None:
    config = invoke_config(stack, name)
    assert config["DestinationConfig"] == {"OnFailure": {"Destination": "${FailedEvents.Arn}"}}
    assert config["MaximumEventAgeInSeconds"] == seconds
    assert config["MaximumRetryAttempts"] == 2
    granted = stack.grants(name.replace("Function", "Role"))
    assert allows(granted, "sqs:SendMessage", "${FailedEvents.Arn}")
    queue = stack.only("AWS::SQS::Queue")
    assert queue["MessageRetentionPeriod"] == 14 * 86_400  # how it is encrypted: test_options
    # What nobody has handled outlives the stack, unless its first deployment failed.
    resource = stack.resources["FailedEvents"]
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource["UpdateReplacePolicy"] == "Retain"


def test_sweeps_do_not_pile_up(stack: Stack) -> None:
    rules = stack.of_type("AWS::Events::Rule").values()
    schedules = {
        r["ScheduleExpression"]: r["Targets"][0].get("Input")
        for r in rules
        if "ScheduleExpression" in r
    }
    assert schedules.pop("rate(1 day)") is None  # the tidy function's
    assert schedules == {"rate(5 minutes)": None, "rate(1 minute)": '{"only": "waits"}'}
    assert stack.function("SweepFunction")["Timeout"] < 300
    assert invoke_config(stack, "SweepFunction")["MaximumRetryAttempts"] == 0


def test_baselines_are_a_matter_of_parameters_with_the_defaults_of_the_code(stack: Stack) -> None:
    chosen = translated(BaselineBranches="main,release/*", BaseGraceSeconds="30")
    for name in FUNCTIONS:
        variables = chosen.function(name)["Environment"]["Variables"]
        assert variables["PIXELGATE_BASELINE_BRANCHES"] == "main,release/*"
        assert variables["PIXELGATE_BASE_GRACE_SECONDS"] == "30"
    branches = stack.parameters["BaselineBranches"]
    assert branches["Default"] == ",".join(StorageContext.baseline_branches)
    assert stack.parameters["BaseGraceSeconds"]["Default"] == Limits.grace
    for said in ("main", "main,release/*", "main, master"):
        assert re.fullmatch(branches["AllowedPattern"], said)
    for said in ("", "a,,b"):
        assert not re.fullmatch(branches["AllowedPattern"], said)


@pytest.mark.parametrize("name", ["SweepFunction", "ReviewFunction"])
def test_sweeper_and_review_function_know_whom_to_start(stack: Stack, name: str) -> None:
    found = dict(stack.function(name)["Environment"]["Variables"])
    compare = dict(stack.function("CompareFunction")["Environment"]["Variables"])
    assert compare.pop("MALLOC_ARENA_MAX") == "2"  # they decode nothing
    handing_over = ("STATE_MACHINE", "FAN_OUT_CONCURRENCY", "INLINE_MEGAPIXELS", "MAX_MEGAPIXELS")
    for setting in handing_over:
        del compare[f"PIXELGATE_{setting}"]
    if name == "ReviewFunction":
        site = {"if": "HasSite", "then": "${SiteRole.RoleId}"}
        assert found.pop("PIXELGATE_SITE_ROLE") == site
    del compare["PIXELGATE_COMMENT_PICTURES"]  # they draw none
    assert found == {**compare, "PIXELGATE_COMPARE_FUNCTION": "${CompareFunction}"}


def test_garbage_is_collected_only_if_somebody_says_so(stack: Stack) -> None:
    tidy = stack.function("TidyFunction")["Environment"]["Variables"]
    assert tidy["PIXELGATE_GARBAGE_COLLECTION"] == "off"
    assert tidy["PIXELGATE_RETENTION_DAYS"] == "90"
    assert stack.parameters["GarbageCollection"]["AllowedValues"] == ["off", "dry", "delete"]


def test_the_package_has_no_library_of_x_ray() -> None:
    pinned = (ROOT / "functions/requirements.txt").read_text(encoding="utf-8")
    assert "xray" not in pinned
    assert "aws-lambda-powertools==" in pinned


def invoke_config(stack: Stack, function: str) -> Json:
    """How Lambda treats the function's asynchronous events."""
    configs = stack.of_type("AWS::Lambda::EventInvokeConfig").values()
    [config] = [c for c in configs if c["FunctionName"] == f"${{{function}}}"]
    return config
