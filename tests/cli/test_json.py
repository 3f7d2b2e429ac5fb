"""`--json`: every command that prints results has it, and a schema without gaps that says what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from pixelgate import bootstrap
from pixelgate.cli.app import app
from pixelgate.cli.json_schemas import COMMANDS, file_of, schema_of
from pixelgate.client import deploy, redrive, release
from pixelgate.client.redrive import Listed
from pixelgate.domain.failed_event import FailedEvent
from support.doubles.memory import MemoryBucket
from support.gold import Gold
from support.images import png
from support.reviews import Reviewed

from .conftest import Cli

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs/json"
# Those without --json, and why: docs/json/README.md says the same.
WITHOUT = {
    "init": "writes files, and says which",
    "serve": "serves pages until it is ended",
    "mcp": "speaks a protocol of its own",
    "schema": "prints JSON anyway",
    "review-comment": "answers on the pull request",
    "site setup": "`site show --json` has the settings",
    "site sign-out-everybody": "its exit code says it all",
}
RED, BLUE = png((40, 40), (250, 0, 0)), png((40, 40), (0, 0, 250))


def commands() -> Iterator[tuple[str, bool]]:
    """Every command, and whether it has --json."""

    def walk(group: Any, words: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from walk(command, (*words, name))
            else:
                has = any("--json" in param.opts for param in command.params)
                yield " ".join((*words, name)), has

    yield from walk(typer.main.get_command(app), ())


def test_every_command_that_prints_results_has_it_and_a_schema() -> None:
    found = dict(commands())
    assert {name for name, has in found.items() if has} == {*COMMANDS}
    assert {name for name, has in found.items() if not has} == WITHOUT.keys()
    page = (DOCS / "README.md").read_text(encoding="utf-8")
    assert [word for word in WITHOUT if f"`{word}`" not in page] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_the_schemas_as_files_are_those_of_the_program(command: str, gold: Gold) -> None:
    body = json.dumps(schema_of(command), indent=2) + "\n"
    gold.check(body.encode(), DOCS / file_of(command))


def test_there_is_no_file_of_another_command() -> None:
    assert {path.name for path in DOCS.glob("*.json")} == {file_of(name) for name in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_schema_leaves_nothing_undocumented(command: str) -> None:
    schema = schema_of(command)
    Draft202012Validator.check_schema(schema)

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if part.get("type") in ("object", ["object", "null"]):
                assert "additionalProperties" in part, part
                closed = part["additionalProperties"] is False
                assert closed == ("properties" in part), "named fields, or data as names"
            for value in part.values():
                walk(value)
        elif isinstance(part, list):
            for value in part:
                walk(value)

    walk(schema)


def test_what_is_not_in_the_schema_is_refused() -> None:
    said = {"project": "shop", "build": "1", "manifest": "k"}
    validator = Draft202012Validator(schema_of("finalize"))
    assert validator.is_valid(said)
    assert not validator.is_valid({**said, "more": 1})
    assert not validator.is_valid({"project": "shop"})


def test_the_program_prints_them(run: Cli) -> None:
    assert run("schema").out.split("\n")[:-1] == [*COMMANDS]
    assert run("schema", "projects", "list").json == schema_of("projects list")
    done = run("schema", "init")
    assert (done.code, "no command with --json" in done.err) == (2, True)


# --- commands whose JSON no other file asks for: `run` holds each output against its schema -------


def compared(folder: Path) -> None:
    for side, picture in (("base", RED), ("head", BLUE)):
        (folder / side).mkdir()
        (folder / side / "a.png").write_bytes(picture)


def test_compare(run: Cli, tmp_path: Path) -> None:
    compared(tmp_path)
    done = run("compare", tmp_path / "base", tmp_path / "head", "--out", tmp_path / "o", "--json")
    assert (done.code, done.json["verdict"]) == (1, "needs_review")


def test_changes(run: Cli, bucket: MemoryBucket) -> None:
    reviewed = Reviewed()
    reviewed.world.objects = bucket
    both = {"a.png": b"a", "gone.png": b"g"}
    reviewed.build("b0", both, branch="main")
    reviewed.build("b1", {"a.png": b"a2", "new.png": b"n"}, base_build="b0")
    reviewed.review("b1", action="reject", names=["a.png"], reason="too red")
    said = run("changes", "b1", "--json").json
    assert (said["verdict"], said["review"], said["base"]) == ("needs_review", "rejected", "b0")
    rows = {row["name"]: row for row in said["snapshots"]}
    assert list(rows) == ["a.png", "new.png", "gone.png"]
    assert rows["a.png"]["counts_as"][0]["mark"] == "one-sided"
    assert rows["a.png"]["decision"]["reason"] == "too red"
    assert run("changes", "b1", "--status", "added", "--json").json["snapshots"] == [
        rows["new.png"]
    ]
    told = run("changes", "b1").err
    assert "changed: a.png\n  1 region counts as one-sided" in told
    assert run("changes", "b0", "--glob", "x*").code == 2


def test_changes_of_a_build_without_a_result(run: Cli, bucket: MemoryBucket) -> None:
    bucket.write("builds/shop/b1/status.json", b'{"state": "PROCESSING"}', "x")
    done = run("changes", "b1", "--json")
    assert (done.code, "is PROCESSING and has no result" in done.err) == (2, True)


def test_deploy(run: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    target = SimpleNamespace(account="1", region="eu-central-1")
    monkeypatch.setattr(bootstrap, "open_target", lambda *asked: target)
    monkeypatch.setattr(release, "read_release", lambda folder: None)
    monkeypatch.setattr(deploy, "check_parameters", lambda *asked: None)
    monkeypatch.setattr(deploy, "deploy", lambda *asked: {"Bucket": "shots"})
    done = run("deploy", "--release", tmp_path, "--stack", "acme", "--json")
    assert (done.code, done.json) == (0, {"Bucket": "shots"})


@pytest.mark.parametrize(("command", "code"), [("failed", 0), ("redrive", 2)])
def test_failed_events(run: Cli, monkeypatch: pytest.MonkeyPatch, command: str, code: int) -> None:
    event = FailedEvent("arn:f", "2026-11-01T00:00:00Z", 3, "TimedOut", {"uploaded": "k"})
    message: Any = None
    listed = [Listed(message, event), Listed(message, None, "it is not JSON")]
    monkeypatch.setattr(bootstrap, "open_failed_events", lambda url: None)
    monkeypatch.setattr(redrive, "list_failed", lambda queue: listed)
    monkeypatch.setattr(redrive, "redrive", lambda queue: listed)
    done = run("admin", command, "--queue", "https://q", "--json")
    assert done.code == code
    first, second = done.json["events"]
    assert (first["why"], first["problem"]) == ("TimedOut", None)
    assert (second["when"], second["problem"]) == (None, "it is not JSON")
