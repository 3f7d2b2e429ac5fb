"""`pixelgate projects` and the outputs that `admin` and it read: what is asked, said and done."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from pixelgate import bootstrap
from pixelgate.aws.operator import stack_of
from pixelgate.errors import NotFound
from support.doubles.failed_queue import MemoryFailedEvents
from support.doubles.memory import MemoryBucket
from support.doubles.project_table import MemoryProjectTable as Records
from support.world import World

from .conftest import Cli

BUCKET = "acme-123456789012-eu-central-1"


class Described:
    """A stack with these outputs and parameters."""

    def __init__(self, name: str, region: str | None, **described: Any) -> None:
        self.name, self.region, self.described = name, region, described

    def describe(self) -> dict[str, Any]:
        if self.name not in {"acme", "mine"}:
            raise NotFound(self.name)
        return self.described


OUTPUTS = [
    {"OutputKey": "Table", "OutputValue": "t"},
    {"OutputKey": "FailedEvents", "OutputValue": "https://sqs/q"},
    {"OutputKey": "BaselineBranches", "OutputValue": "main,release/*"},
]


@pytest.fixture
def records() -> Records:
    return Records([{"pk": "shop", "sk": "build/1"}, {"pk": "other", "sk": "build/1"}])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, bucket: MemoryBucket, records: Records) -> list[Any]:
    """A project in a bucket; what was opened, in order."""
    opened: list[Any] = []

    def open_stack(name: str, region: str | None = None) -> Described:
        opened.append(("stack", name, region))
        return Described(name, region, Outputs=OUTPUTS)

    def open_store(name: str, table: str, region: str | None = None) -> Any:
        opened.append((name, table, region))
        return bucket, records

    monkeypatch.setattr(bootstrap, "open_stack", open_stack)
    monkeypatch.setattr(bootstrap, "open_project_store", open_store)
    bucket.clock = lambda: 1_000.0
    status = {"project": "shop", "state": "SUCCEEDED", "counts": {"total": 1234}}
    bucket.write("builds/shop/1/status.json", json.dumps(status).encode(), "application/json")
    bucket.write("images/shop/abc", b"x" * 2_000_000, "image/png")
    return opened


def keys_of(bucket: MemoryBucket, project: str) -> list[str]:
    return sorted(key for key in bucket.objects if key.split("/")[1] == project)


def test_the_list(run: Cli, bucket: MemoryBucket, asked: list[Any]) -> None:
    bucket.write("builds/[odd]/1/status.json", b"{}", "application/json")
    done = run("projects", "list", PIXELGATE_PROJECT="")
    assert (done.code, done.out) == (0, "")
    lines = [line.split() for line in done.err.splitlines()]
    assert lines[0] == ["project", "builds", "newest", "snapshots", "images", "storage", "runs",
                        "cost"]  # fmt: skip
    assert lines[1][0] == "[odd]"
    assert lines[2] == ["shop", "1", "1970-01-01", "00:16", "1,234", "1", "2.0", "MB", "0",
                        "$0.0000"]  # fmt: skip
    assert "2 projects; their runs cost $0.0000 so far, by AWS's list prices" in done.err
    alone = run("projects", "list", "--project", "shop").err
    assert "1 project; its runs cost $0.0000 so far, by AWS's list prices" in alone
    as_json = run("projects", "list", "--json", "--project", "shop").json
    assert [one["project"] for one in as_json["projects"]] == ["shop"]
    assert as_json["projects"][0]["snapshots"] == 1234


@pytest.mark.parametrize("command", ["list", "rename", "move", "delete"])
def test_help_says_the_exit_codes(run: Cli, command: str) -> None:
    done = run("projects", command, "--help", COLUMNS="200")
    assert (done.code, "Exit code: 0 " in done.out) == (0, True)


def test_an_empty_bucket_has_no_project(run: Cli) -> None:
    done = run("projects", "list", PIXELGATE_PROJECT="")
    assert (done.code, "there is no project in shots yet" in done.err) == (0, True)


def test_a_rename_finds_the_table_and_says_what_to_change(
    run: Cli, bucket: MemoryBucket, records: Records, asked: list[Any]
) -> None:
    done = run("projects", "rename", "shop", "store", "--yes", "--bucket", BUCKET)
    assert done.code == 0, done.err
    assert asked == [("stack", "acme", "eu-central-1"), (BUCKET, "t", "eu-central-1")]
    assert keys_of(bucket, "shop") == []
    assert keys_of(bucket, "store") == ["builds/store/1/status.json", "images/store/abc"]
    assert [item["pk"] for item in records.items("store")] == ["store"]
    assert f"moved shop in {BUCKET} to store in {BUCKET}: 2 objects, 2.0 MB, 1 records" in done.err
    assert "now change: `project` in pixelgate.toml" in done.err
    assert "not carried over: uploads and reviews as they came" in done.err


def test_a_move_to_another_bucket_with_another_name(
    run: Cli, bucket: MemoryBucket, asked: list[Any]
) -> None:
    done = run("projects", "move", "shop", "--to-bucket", BUCKET, "--table", "u", "--as", "new",
               "--yes")  # fmt: skip
    assert done.code == 0, done.err
    assert asked == [("shots", "u", None), ("stack", "acme", "eu-central-1"),
                     (BUCKET, "t", "eu-central-1")]  # fmt: skip
    assert keys_of(bucket, "new") == ["builds/new/1/status.json", "images/new/abc"]
    assert "now change the bucket in pixelgate.toml" in done.err


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("rename", "shop", "store"), id="rename"),
        pytest.param(("move", "shop", "--to-bucket", BUCKET, "--as", "store"), id="move"),
        pytest.param(("delete", "shop"), id="delete"),
    ],
)
def test_nothing_happens_unasked(
    run: Cli, bucket: MemoryBucket, records: Records, asked: list[Any], command: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    before, kept = dict(bucket.objects), dict(records.stored)
    done = run("projects", *command, "--table", "t", "--dry-run")
    assert (done.code, "nothing was changed" in done.err) == (0, True)
    done = run("projects", *command, "--table", "t")
    assert done.code == 2
    assert "without being asked, pass --yes" in done.err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    for typed in ("shops", ""):
        monkeypatch.setattr("typer.prompt", lambda *a, typed=typed, **k: typed)
        done = run("projects", *command, "--table", "t")
        assert (done.code, f"{typed!r} is not 'shop'" in done.err) == (2, True)
    assert (bucket.objects, records.stored) == (before, kept)
    monkeypatch.setattr("typer.prompt", lambda *a, **k: " shop ")
    assert run("projects", *command, "--table", "t").code == 0
    assert keys_of(bucket, "shop") == []
    assert ("other", "build/1") in records.stored


@pytest.mark.parametrize("name", ["a/b", "@x", "", ".."])
def test_a_name_that_no_project_can_have(run: Cli, asked: list[Any], name: str) -> None:
    done = run("projects", "rename", "shop", name, "--table", "t", "--yes")
    assert (done.code, "the project: " in done.err) == (2, True)


@pytest.mark.parametrize(
    ("bucket", "found"),
    [
        (BUCKET, ("acme", "eu-central-1")),
        ("my-own-stack-123456789012-us-gov-west-1-an", ("my-own-stack", "us-gov-west-1")),
        ("shots", None),
        ("acme-1234-eu-central-1", None),
    ],
)
def test_a_bucket_s_name_tells_its_stack(bucket: str, found: tuple[str, str] | None) -> None:
    assert stack_of(bucket) == found


def test_admin_finds_table_and_branches_in_the_outputs(
    run: Cli, asked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []

    def open_storage(*values: Any) -> Any:
        opened.append(values)
        return World().service()

    monkeypatch.setattr(bootstrap, "open_storage", open_storage)
    assert run("admin", "gc", "--bucket", BUCKET).code == 0
    assert run("admin", "gc", "--stack", "mine", "--table", "u").code == 0
    assert run("admin", "gc", "--bucket", BUCKET, "--baseline-branches", "trunk").code == 0
    assert opened == [
        (BUCKET, "t", ("main", "release/*")),
        ("shots", "u", ("main", "release/*")),
        (BUCKET, "t", ("trunk",)),
    ]


def test_admin_finds_the_branches_of_an_older_stack_among_its_parameters(
    run: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = [{"ParameterKey": "BaselineBranches", "ParameterValue": "trunk"}]
    opened: list[Any] = []

    def open_stack(name: str, region: str | None = None) -> Described:
        return Described(name, region, Outputs=OUTPUTS[:2], Parameters=parameters)

    def open_storage(*values: Any) -> Any:
        opened.append(values)
        return World().service()

    monkeypatch.setattr(bootstrap, "open_stack", open_stack)
    monkeypatch.setattr(bootstrap, "open_storage", open_storage)
    assert run("admin", "gc", "--bucket", BUCKET).code == 0
    assert opened == [(BUCKET, "t", ("trunk",))]


@pytest.mark.parametrize("command", ["failed", "redrive"])
def test_admin_finds_the_queue(
    run: Cli, asked: list[Any], command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def open_queue(url: str) -> MemoryFailedEvents:
        opened.append(url)
        return MemoryFailedEvents()

    monkeypatch.setattr(bootstrap, "open_failed_events", open_queue)
    for options in (("--bucket", BUCKET), ("--stack", "mine"), ("--queue", "https://sqs/z")):
        assert run("admin", command, *options, PIXELGATE_BUCKET="").code == 0
    assert opened == ["https://sqs/q", "https://sqs/q", "https://sqs/z"]
    assert asked == [("stack", "acme", "eu-central-1"), ("stack", "mine", None)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--bucket", "shots"), "which stack the bucket shots is of is not in its name; pass"),
        (("--stack", "gone"), "there is no stack gone in this account and region; name it by"),
    ],
)
def test_a_stack_that_is_not_found(
    run: Cli, asked: list[Any], arguments: tuple[str, ...], words: str
) -> None:
    for command in (("admin", "gc"), ("admin", "failed"), ("projects", "delete", "shop", "--yes")):
        done = run(*command, *arguments)
        assert (done.code, words in " ".join(done.err.split())) == (2, True), done.err


@pytest.mark.parametrize(
    ("command", "told"),
    [
        pytest.param(
            ("rename", "shop", "store"), {"to": {"bucket": "shots", "project": "store"}},
            id="rename",
        ),
        pytest.param(
            ("move", "shop", "--to-bucket", BUCKET, "--as", "new"),
            {"to": {"bucket": BUCKET, "project": "new"}}, id="move",
        ),
        pytest.param(("delete", "shop"), {"bucket": "shots", "project": "shop"}, id="delete"),
    ],
)  # fmt: skip
def test_what_was_done_as_json(
    run: Cli, asked: list[Any], command: tuple[str, ...], told: dict[str, Any]
) -> None:
    for more, changed in (("--dry-run", False), ("--yes", True)):
        done = run("projects", *command, "--table", "t", "--json", more)
        assert done.code == 0, done.err
        assert done.json.items() >= {**told, "changed": changed, "objects": 2}.items()
