"""`history NAME` and `life`: what the index of a project tells people and scripts."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pixelgate.cli import history as history_module
from pixelgate.domain import keys
from pixelgate.domain.history import encode
from pixelgate.domain.keys import BuildId
from pixelgate.past.model import Entry
from support.doubles.memory import MemoryBucket
from support.images import png
from support.pasts import entry, given, passed, seen
from support.world import sha

from .conftest import Cli

WHITE, NEAR, NEXT, RED = (
    png((40, 40), colour)
    for colour in ((250, 250, 250), (248, 250, 250), (246, 250, 250), (250, 0, 0))
)
RULE = "approved by rule: main is a baseline branch"


def days_ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


def store(bucket: MemoryBucket, *entries: Entry, policy: Mapping[str, Any] | None = None) -> None:
    """Writes entries to the index, with the images and the manifests of their builds."""
    for number, one in enumerate(entries):
        key = keys.index_line("shop", one.at, one.build, one.execution)
        bucket.write(key, encode([one]), "application/gzip")
        manifest = {
            "project": "shop",
            "build": one.build,
            "commit": one.commit,
            "branch": one.branch,
            "images": {"a.png": {"sha256": sha(WHITE)}},
            "defaults": dict(policy or {}),
        }
        body = json.dumps(manifest).encode()
        bucket.write(keys.accepted_manifest(BuildId("shop", one.build)), body, "application/json")
        bucket.modified[key] = float(number)
    for image in (WHITE, NEAR, NEXT, RED):
        bucket.write(keys.image("shop", sha(image)), image, "image/png")


def lived() -> tuple[Entry, ...]:
    """A page that is approved in red by Ada, and goes back to white."""
    return (
        entry("b0", None, seen("a.png", sha(WHITE)), at=days_ago(200), usd=0.001),
        entry("b1", "b0", seen("a.png", sha(RED), sha(WHITE)), at=days_ago(20), usd=0.002,
              pull_request="5", branch="=topic", verdict="needs_review", review="approved",
              reviews=(given("30", "approve", at=days_ago(19.5), reason="red it is"),)),
        entry("b2", "b1", seen("a.png", sha(WHITE), sha(RED)), at=days_ago(10),
              verdict="needs_review", review="approved", granted=RULE),
    )  # fmt: skip


def drifted() -> tuple[Entry, ...]:
    """Two steps, each of which passed."""
    return (
        entry("b0", None, seen("a.png", sha(WHITE)), at=days_ago(3)),
        entry("b1", "b0", passed("a.png", sha(NEAR), sha(WHITE)), at=days_ago(2)),
        entry("b2", "b1", passed("a.png", sha(NEXT), sha(NEAR)), at=days_ago(1)),
    )


def lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


# --- a snapshot -----------------------------------------------------------------------------------


def test_history_of_a_snapshot_lists_its_accepted_images(run: Cli, bucket: MemoryBucket) -> None:
    store(bucket, *lived())
    done = run("history", "a.png")
    assert done.code == 0
    *_, heads, first, second, third, cost = lines(done.err)
    assert heads == "accepted image build commit branch how why"
    rows = [first, second, third]
    assert re.fullmatch(r"read with \d requests to S3, \$0\.0000\d\d", cost)
    assert rows[1].endswith(f"{sha(RED)[:12]} b1 c-b1 =topic #5 approved by ada red it is")
    assert rows[2].endswith(f"{sha(WHITE)[:12]} b2 c-b2 main by rule {RULE}")
    found = run("history", "a.png", "--json").json["snapshot"]
    images = [(i["build"], i["image"], i["how"], i["by"], i["reason"]) for i in found["images"]]
    assert images == [
        ("b0", sha(WHITE), "first", "", "first upload"),
        ("b1", sha(RED), "approved", "ada", "red it is"),
        ("b2", sha(WHITE), "by rule", "", RULE),
    ]
    assert found["drift"] is None


def test_history_of_a_snapshot_as_csv(run: Cli, bucket: MemoryBucket) -> None:
    store(bucket, *lived())
    rows = list(csv.DictReader(io.StringIO(run("history", "a.png", "--csv").out)))
    assert [(row["build"], row["branch"]) for row in rows] == [
        ("b0", "main"),
        ("b1", "'=topic"),
        ("b2", "main"),
    ]
    assert run("history", "--csv").out.startswith("build,commit,branch,")
    assert run("history", "x", "--csv").out.startswith("at,name,build,")


def test_two_accepted_images_are_compared(run: Cli, bucket: MemoryBucket, tmp_path: Path) -> None:
    store(bucket, *lived())
    done = run("history", "a.png", "--diff", "1", sha(RED)[:8], "--out", tmp_path / "out")
    assert done.code == 0, done.err
    found = json.loads((tmp_path / "out" / "comparison.json").read_text())["images"]["a.png"]
    assert (found["status"], found["base_sha256"], found["head_sha256"]) == (
        "changed",
        sha(WHITE),
        sha(RED),
    )
    assert "report: " in done.err
    told = run("history", "a.png", "--diff", "1", "2", "--out", tmp_path / "json", "--json").json
    assert (told["snapshot"], told["verdict"]) == ("a.png", "needs_review")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a.png", "--diff", "1", "4"), "--diff 4: there is no such image; give a number"),
        (("a.png", "--diff", "0", "1"), "--diff 0: there is no such image"),
        (("--diff", "1", "2"), "--diff compares images of a snapshot"),
        (("--csv", "--json"), "--csv and --json cannot be used together"),
        (("b.png",), "no snapshot 'b.png'"),
    ],
)
def test_wrong_usage_of_history(
    run: Cli, bucket: MemoryBucket, arguments: tuple[str, ...], words: str
) -> None:
    store(bucket, *lived())
    done = run("history", *arguments)
    assert done.code == 2
    assert words in done.err


def test_an_image_that_is_gone_is_named(run: Cli, bucket: MemoryBucket, tmp_path: Path) -> None:
    store(bucket, *lived())
    bucket.delete([keys.image("shop", sha(RED))])
    done = run("history", "a.png", "--diff", "1", "2", "--out", tmp_path / "out")
    assert done.code == 2
    assert f"the image {sha(RED)[:12]} of build b1 is gone" in done.err
    assert not (tmp_path / "out").exists()


# --- drift ----------------------------------------------------------------------------------------


def test_drift_is_named_though_each_step_passed(run: Cli, bucket: MemoryBucket) -> None:
    store(bucket, *drifted())
    done = run("history", "a.png")
    assert "note: drift: a.png changed in 2 steps since build b0" in " ".join(done.err.split())
    assert "would need a review against the image" in " ".join(done.err.split())
    found = run("history", "a.png", "--json").json["snapshot"]["drift"]
    assert (found["needs_review"], found["pixels"], found["total"]) == (True, 1_600, 1_600)
    [row] = run("life", "drift", "--json").json["drift"]
    assert row == found
    assert "a.png yes 1,600 1,600 2 b0" in " ".join(run("life", "drift").err.split())


def test_drift_that_the_policy_allows_is_no_note(run: Cli, bucket: MemoryBucket) -> None:
    store(bucket, *drifted(), policy={"max_changed_ratio": 1.0})
    done = run("history", "a.png")
    assert "note:" not in done.err
    assert "now it still passes against" in " ".join(done.err.split())


def test_without_the_engine_only_the_steps_are_told(
    run: Cli, bucket: MemoryBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(bucket, *drifted())
    monkeypatch.setattr(history_module, "measured", lambda context, chains: None)
    done = run("history", "a.png")
    assert done.code == 0
    assert "drift: a.png changed in 2 steps, each of which passed" in " ".join(done.err.split())


# --- a project ------------------------------------------------------------------------------------


def test_the_life_of_a_project(run: Cli, bucket: MemoryBucket) -> None:
    store(bucket, *lived())
    done = run("life")
    text = " ".join(done.err.split())
    assert done.code == 0
    assert "2 2 100.0 % 1 0 100.0 % 1 0 12.0 h $0.0020 $0.0020" in text
    assert "a.png 2 2 100.0 % 1 0 0 2" in text
    # One to list, and one for each line of these 90 days that is in no month yet.
    assert "read with 3 requests to S3, $0.000006" in text
    every = run("life", "--since", "300d", "--json").json
    assert every["rates"][0]["builds"] == 3
    assert every["rates"][0]["usd"] == 0.003
    assert {row["build"] for row in every["builds"]} == {"b0", "b1", "b2"}
    assert {*every} == {"project", "since", "rates", "builds", "series", "snapshots", "months"}


@pytest.mark.parametrize("table", ["builds", "series", "snapshots", "months", "rates", "drift"])
def test_each_table_as_csv_as_json_and_for_people(
    run: Cli, bucket: MemoryBucket, table: str
) -> None:
    store(bucket, *lived())
    rows = list(csv.DictReader(io.StringIO(run("life", table, "--csv").out)))
    assert len(run("life", table, "--json").json[table]) == len(rows)
    assert (len(rows) > 0) == (table != "drift")
    assert table in run("life", table).err


def test_a_branch_and_a_date(run: Cli, bucket: MemoryBucket) -> None:
    store(bucket, *lived())
    [row] = run("life", "rates", "--branch", "main", "--json").json["rates"]
    assert row["builds"] == 1
    date = (datetime.now(UTC) - timedelta(days=250)).date().isoformat()
    [row] = run("life", "rates", "--branch", "main", "--since", date, "--json").json["rates"]
    assert row["builds"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--since", "soon"), "--since soon: give days, such as 30d, or a date"),
        (("--csv",), "--csv prints one table; name it: builds, series"),
        (("rates", "--csv", "--json"), "--csv and --json cannot be used together"),
    ],
)
def test_wrong_usage_of_life(
    run: Cli, bucket: MemoryBucket, arguments: tuple[str, ...], words: str
) -> None:
    done = run("life", *arguments)
    assert done.code == 2
    assert words in done.err


def test_without_an_index_it_says_what_makes_one(run: Cli, bucket: MemoryBucket) -> None:
    done = run("life")
    assert done.code == 0
    assert "`pixelgate admin index`" in done.err
