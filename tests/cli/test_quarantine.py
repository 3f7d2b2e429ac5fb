"""`quarantine add`, `lift` and `list`, and what `compare` does with pixelgate.toml's tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.pipeline.context import StorageContext
from pixelgate.pipeline.review.quarantine import WrittenQuarantine, carry_out_quarantine
from support.doubles.memory import MemoryBucket, MemoryLedger
from support.repository import Repository

from .conftest import Cli
from .test_compare import Suite, picture, suite  # noqa: F401 - a fixture

ADA = "AWS:AROAEXAMPLE:ada"


def deliver(bucket: MemoryBucket) -> None:
    """What S3 and the review function do with every object of the project shop."""
    folder = f"reviews/shop/{keys.QUARANTINE}/"
    storage = StorageContext(objects=bucket, ledger=MemoryLedger())
    for listed in [*bucket.list(folder)]:
        name = listed.key.removeprefix(folder).removesuffix(".json")
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        carry_out_quarantine(WrittenQuarantine("shop", name, ADA, at), storage)


def objects(bucket: MemoryBucket) -> list[dict[str, Any]]:
    return [json.loads(bucket.read(e.key)) for e in bucket.list("reviews/")]


def add(run: Cli, match: str = "a*", *options: str) -> str:
    done = run("quarantine", "add", match, "--owner", "bob", "-m", "fonts", "--json", *options)
    assert done.code == 0, done.err
    [identifier] = done.json["quarantines"]
    return str(identifier)


def test_add_writes_an_object_that_names_nobody(run: Cli, bucket: MemoryBucket) -> None:
    identifier = add(run)
    assert bucket.exists(keys.quarantine_review("shop", identifier))
    assert objects(bucket) == [
        {
            "schema_version": 1,
            "action": "quarantine",
            "match": "a*",
            "owner": "bob",
            "reason": "fonts",
            "days": 14,
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("a",), "Missing option '--owner'"),
        (("a", "--owner", "bob"), "Missing option '--reason'"),
        (("a", "--owner", "bob", "-m", "x", "--days", "91"), "less than or equal to 90"),
        (("a", "--owner", "bob", "-m", "x\ny"), "reason: must be words"),
        (("", "--owner", "bob", "-m", "x"), "match: must have at least 1 character"),
    ],
)
def test_add_refuses_what_breaks_a_rule(
    run: Cli, bucket: MemoryBucket, arguments: tuple[str, ...], error: str
) -> None:
    done = run("quarantine", "add", *arguments)
    assert done.code == 2
    assert error in " ".join(done.err.replace("│", " ").split())
    assert objects(bucket) == []


def test_list_names_owner_reason_end_and_who(run: Cli, bucket: MemoryBucket) -> None:
    identifier = add(run)
    deliver(bucket)
    [row] = run("quarantine", "list", "--json").json["quarantines"]
    assert (row["id"], row["match"], row["owner"], row["reason"], row["by"], row["state"]) == (
        *(identifier, "a*", "bob", "fonts", "ada", "applies"),
    )
    shown = run("quarantine", "list").err
    assert f"bob: fonts, {identifier} by ada" in shown


def test_list_without_any(run: Cli) -> None:
    assert "no snapshot is in quarantine" in run("quarantine", "list").err
    assert run("quarantine", "list", "--json").json == {"quarantines": [], "refused": []}


def test_list_shows_the_file_too(run: Cli, repository: Repository) -> None:
    (repository.folder / "pixelgate.toml").write_text(table("old.png", days_ago=30))
    [row] = run("quarantine", "list", "--json").json["quarantines"]
    assert (row["match"], row["source"], row["state"]) == ("old.png", "pixelgate.toml", "expired")
    done = run("quarantine", "lift", "old.png")
    assert done.code == 2
    (repository.folder / "pixelgate.toml").write_text(table("old.png"))
    done = run("quarantine", "lift", "old.png")
    assert "is in quarantine by pixelgate.toml: remove it there" in done.err


def test_lift_takes_the_head_of_this_clone(
    run: Cli, bucket: MemoryBucket, repository: Repository
) -> None:
    identifier = add(run)
    deliver(bucket)
    done = run("quarantine", "lift", "a*", "-m", "mended")
    assert done.code == 0, done.err
    lift = objects(bucket)[-1]
    assert (lift["quarantine"], lift["reason"]) == (identifier, "mended")
    assert lift["commit"] == repository.git("rev-parse", "HEAD").strip()
    assert lift["tree"] == repository.git("rev-parse", "HEAD^{tree}").strip()
    deliver(bucket)
    [row] = run("quarantine", "list", "--json").json["quarantines"]
    assert [(one["commit"], one["by"]) for one in row["lifts"]] == [(lift["commit"], "ada")]


def test_lift_of_a_build_knows_its_pull_request(run: Cli, bucket: MemoryBucket) -> None:
    identifier = add(run)
    deliver(bucket)
    manifest = {"project": "shop", "build": "b1", "commit": "c", "branch": "t", "images": {}}
    body = json.dumps({**manifest, "allow_empty": True, "tree": "t1", "pull_request": 7}).encode()
    bucket.write(keys.accepted_manifest(BuildId("shop", "b1")), body, "application/json")
    assert run("quarantine", "lift", identifier, "--build", "b1").code == 0
    lift = objects(bucket)[-1]
    assert (lift["commit"], lift["tree"], lift["pull_request"]) == ("c", "t1", "7")
    assert run("quarantine", "lift", identifier, "--build", "b2").code == 2
    assert run("quarantine", "lift", identifier, "--commit", "nothing").code == 2


def test_lift_of_nothing_writes_nothing(run: Cli, bucket: MemoryBucket) -> None:
    done = run("quarantine", "lift", "b*")
    assert done.code == 2
    assert "no quarantine that applies is called 'b*'" in done.err
    assert objects(bucket) == []


def test_wait_ends_with_3_where_nobody_applies_it(run: Cli) -> None:
    options = ("--owner", "bob", "-m", "fonts", "--wait", "--timeout", "0.05")
    assert run("quarantine", "add", "a", *options).code == 3


# --- compare --------------------------------------------------------------------------------------


def table(match: str, days_ago: float = 1, owner: str = "bob") -> str:
    since = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat(timespec="seconds")
    return (
        f'[[quarantine]]\nmatch = "{match}"\nowner = "{owner}"\nreason = "fonts"\nsince = {since}\n'
    )


def test_compare_excuses_a_quarantined_change(suite: Suite, tmp_path: Path) -> None:  # noqa: F811
    picture(suite.head / "same.png", 10, block=5)
    (tmp_path / "pixelgate.toml").write_text(table("same.png"))
    done = suite.compare("--junit", "junit.xml", "--summary", "summary.md")
    assert done.code == 0, done.err
    assert "passed: no changes to review; 1 quarantined snapshot changed" in done.err
    assert "bob: fonts" in done.err
    found = suite.manifest
    assert (found["verdict"], found["counts"]["quarantined"]) == ("passed", 1)
    assert found["images"]["same.png"]["status"] == "changed"
    assert found["images"]["same.png"]["quarantined"]["owner"] == "bob"
    [tests] = Tree.parse(tmp_path / "junit.xml").getroot()
    assert (tests.get("failures"), tests.get("errors")) == ("0", "0")
    [case] = [c for c in tests.iter("testcase") if c.get("name") == "same.png"]
    said = case.findtext("system-out") or ""
    assert said.startswith("quarantined: differs from the baseline: 25 pixels (2.78%)")
    assert "bob: fonts" in said
    assert "no changes to review; 1 quarantined" in (tmp_path / "summary.md").read_text()


def test_compare_never_excuses_what_is_gone_or_new(suite: Suite, tmp_path: Path) -> None:  # noqa: F811
    picture(suite.head / "new.png", 77)
    picture(suite.base / "gone.png", 88)
    (tmp_path / "pixelgate.toml").write_text(table("*"))
    done = suite.compare("--json")
    assert done.code == 1
    assert done.json["counts"]["added"] == done.json["counts"]["removed"] == 1
    [note] = done.json["quarantine"]["notes"]
    assert note.startswith("4 of 4 snapshots are in quarantine")


def test_compare_names_what_has_expired(suite: Suite, tmp_path: Path) -> None:  # noqa: F811
    picture(suite.head / "same.png", 10, block=5)
    (tmp_path / "pixelgate.toml").write_text(table("same.png", days_ago=15))
    done = suite.compare()
    assert done.code == 1
    assert "'same.png' of bob, quarantine of pixelgate.toml, expired on" in done.err


def test_compare_refuses_a_wrong_table(suite: Suite, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "pixelgate.toml").write_text('[[quarantine]]\nmatch = "a"\n')
    done = suite.compare()
    assert done.code == 2
    assert "pixelgate.toml: quarantine[0].owner: must be given" in done.err
