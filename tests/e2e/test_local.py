"""`make local`: each event in events/ is handed to its function, and its answer is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local import Setting, embedded, function_of, seed, write_overrides
from pixelgate.sandbox.cloud import EmbeddedCloud
from runtime_emulator import emulator

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
EVENTS = {file.name: json.loads(file.read_text()) for file in (ROOT / "events").glob("*.json")}
MANIFEST = "uploads/web/4f2a9c1d/manifest.json"
COMPARED = {"state": "SUCCEEDED", "verdict": "passed"}
# What each function answers, as far as it does not depend on ids and times.
ANSWERS: dict[str, dict[str, Any]] = {
    "s3-manifest-put.json": {"builds": [COMPARED]},
    "s3-manifest-put-encoded.json": {"builds": [COMPARED]},
    "s3-several-records.json": {"builds": [COMPARED] * 3},
    "s3-shard-put.json": {"builds": [{"shards": "shard 2 of 2 came; shard 1 did not yet"}]},
    "s3-finalize-put.json": {"builds": [COMPARED]},
    "s3-manifest-delete.json": {
        "builds": [{"ignored": f"ObjectRemoved:DeleteMarkerCreated of {MANIFEST}"}]
    },
    "s3-test-event.json": {"builds": [{"ignored": "S3 tests the notification"}]},
    "s3-not-a-manifest.json": {
        "builds": [{"ignored": "uploads/web/4f2a9c1d/screens/manifest.json is no build's manifest"}]
    },
    "s3-review-put.json": {"reviews": [{"action": "approve", "build_is": "approved"}]},
    "state-change.json": {},
    "sweep-schedule.json": {},
    "sweep-waits.json": {},
}


def test_every_event_has_an_expected_answer() -> None:
    assert ANSWERS.keys() == EVENTS.keys()


SEEDED = sorted(
    name
    for name, event in EVENTS.items()
    if event.get("Records") and "ignored" not in json.dumps(ANSWERS[name])
)


@pytest.mark.parametrize("name", SEEDED)
def test_an_event_about_a_build_is_handled(built: Path, name: str) -> None:
    """In a cloud of its own, because the same builds are named by several events."""
    with EmbeddedCloud.start(build_dir=built) as cloud:
        check(cloud, built, name, seed(cloud, EVENTS[name]))


@pytest.mark.parametrize("name", sorted(ANSWERS.keys() - SEEDED))
def test_any_other_event_is_handled(cloud: EmbeddedCloud, built: Path, name: str) -> None:
    check(cloud, built, name, EVENTS[name])


def check(cloud: EmbeddedCloud, built: Path, name: str, event: Any) -> None:
    """The function answers as expected, and IAM refuses nothing."""
    function = function_of(event)
    setting = embedded(cloud, function)
    with emulator(built, function, {**setting.variables, **setting.access}) as running:
        answer = running.invoke(event)
    assert contains(answer, ANSWERS[name]), answer
    sessions = cloud.stack.resources[function]
    mine = [d for d in cloud.decisions() if d.principal.endswith(f"/{sessions}")]
    assert not [d for d in mine if not d.allowed]


def contains(answer: Any, expected: Any) -> bool:
    """Whether an answer has everything that is expected."""
    if isinstance(expected, dict):
        return isinstance(answer, dict) and all(
            name in answer and contains(answer[name], value) for name, value in expected.items()
        )
    if isinstance(expected, list):
        return len(answer) == len(expected) and all(map(contains, answer, expected))
    return bool(answer == expected)


def test_the_command_prints_the_answer_and_how_it_ran(cloud: EmbeddedCloud) -> None:
    """With a stack: the shared cloud stands for an account, and its root for your credentials."""
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "local.py", ROOT / "events" / "sweep-waits.json",
         "--stack", cloud.stack.name],
        env={**os.environ, **cloud.variables(), "PYTHONPATH": str(ROOT / "tools")},
        capture_output=True,
        text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    first, _, answer = done.stdout.partition("\n")
    assert first.startswith("SweepFunction: AWS's Runtime Interface Emulator")
    assert isinstance(json.loads(answer), dict)


def test_an_unknown_stack_and_an_unknown_event_are_named(
    cloud: EmbeddedCloud, tmp_path: Path
) -> None:
    strange = tmp_path / "event.json"
    strange.write_text('{"a": 1}')
    for arguments, words in (
        ([ROOT / "events" / "sweep-waits.json", "--stack", "no-such"], "the stack no-such cannot"),
        ([strange], "no function of the stack gets such an event; name one with --function"),
    ):
        done = subprocess.run(
            [sys.executable, ROOT / "tools" / "local.py", *arguments],
            env={**os.environ, **cloud.variables(), "PYTHONPATH": str(ROOT / "tools")},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 1
        assert words in done.stderr


SAM_S_VIEW = """
import json, sys
from samcli.commands.local.lib.local_lambda import LocalLambdaRunner
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider
template, overrides, function = sys.argv[1:]
stacks, _ = SamLocalStackProvider.get_stacks(template)
provider = SamFunctionProvider(stacks, use_raw_codeuri=True)
runner = LocalLambdaRunner(None, provider, "/", "/", env_vars_values=json.load(open(overrides)))
found = runner._make_env_vars(provider.get(function))
print(json.dumps(found.resolve()))
"""


@pytest.mark.parametrize(
    "function", ["CompareFunction", "ReviewFunction", "SweepFunction", "NotifyFunction"]
)
def test_sam_gives_the_container_the_variables_of_the_stack(
    cloud: EmbeddedCloud, built: Path, tmp_path: Path, function: str
) -> None:
    """There is no Docker here: SAM's own resolver says what it would put into the container."""
    setting = embedded(cloud, function)
    (tmp_path / "template.yaml").write_bytes((built / "template.yaml").read_bytes())
    overrides = tmp_path / "variables.json"
    template = write_overrides(function, setting, overrides, tmp_path / "template.yaml")
    python = ROOT / ".tools" / "sam" / "bin" / "python"
    done = subprocess.run(
        [python, "-c", SAM_S_VIEW, template, overrides, function],
        env={"PATH": os.environ["PATH"], **setting.access},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen.items() >= setting.variables.items()
    assert seen["AWS_ENDPOINT_URL"] == cloud.endpoint_url


def test_a_stack_on_aws_needs_no_endpoint(tmp_path: Path, built: Path) -> None:
    setting = Setting({"PIXELGATE_BUCKET": "shots"}, {"AWS_DEFAULT_REGION": "eu-central-1"})
    (tmp_path / "template.yaml").write_bytes((built / "template.yaml").read_bytes())
    overrides = tmp_path / "variables.json"
    template = write_overrides("SweepFunction", setting, overrides, tmp_path / "template.yaml")
    assert "AWS_ENDPOINT_URL" not in template.read_text()
    assert json.loads(overrides.read_text()) == {"SweepFunction": {"PIXELGATE_BUCKET": "shots"}}
