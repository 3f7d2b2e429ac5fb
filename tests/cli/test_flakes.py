"""`flakes`: the list, the evidence, and the ignore region that is written after a yes."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pixelgate.client.config import read_config
from pixelgate.client.ignore_region import add_rule
from pixelgate.domain import keys
from pixelgate.domain.history import encode
from pixelgate.domain.policy import Rectangle
from pixelgate.errors import UsageError
from pixelgate.past.model import Entry, Spot
from support.doubles.memory import MemoryBucket
from support.pasts import entry, given, passed, seen
from support.repository import Repository

from .conftest import Cli

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
BOX = Rectangle(16, 26, 18, 18)


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).isoformat()


def lived() -> list[Entry]:
    """A flaky clock, a footer that somebody should approve, a font near its limit, a quiet logo."""
    names = ("clock.png", "footer.png", "font.png", "logo.png")
    first = [seen(name, A) for name in names]
    made = [entry("b0", None, *first, at=ago(200))]
    region = Spot(20, 30, 10, 10, 9, "plain")
    odd = seen("clock.png", B, A, pixels=9, total=10_000, regions=(region,))
    for n in range(12):
        fields = {"commit": f"c{n}", "branch": "t", "pull_request": str(n)}
        made += [
            entry(f"p{n}", "b0", at=ago(80 - n), **fields),
            entry(f"q{n}", "b0", *((odd,) if n < 3 else ()), at=ago(79.9 - n), **fields),
        ]
    small = seen(
        "clock.png", C, A, pixels=4, total=10_000, regions=(Spot(22, 32, 2, 2, 4, "plain"),)
    )
    made.append(
        entry("p99", "b0", small, at=ago(60), branch="t", pull_request="99", review="approved",
              reviews=(given("05", "approve", "clock.png", at=ago(59)),), verdict="needs_review")
    )  # fmt: skip
    near = passed("font.png", B, A, headroom=0.1, total=10)
    made.append(entry("m0", "b0", near, at=ago(10)))
    for n in range(1, 6):
        made.append(entry(f"m{n}", "m0", seen("footer.png", B, A), at=ago(6 - n), review="needed"))
    return made


@pytest.fixture
def filled(bucket: MemoryBucket) -> MemoryBucket:
    for one in lived():
        key = keys.index_line("shop", one.at, one.build, one.execution)
        bucket.write(key, encode([one]), "application/gzip")
    return bucket


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    return monkeypatch


def answer(says: pytest.MonkeyPatch, word: bool) -> list[str]:
    asked: list[str] = []

    def confirm(text: str, **_: object) -> bool:
        asked.append(text)
        return word

    says.setattr("typer.confirm", confirm)
    return asked


def test_the_list_names_what_is_not_quiet_the_worst_first(run: Cli, filled: MemoryBucket) -> None:
    done = run("flakes", COLUMNS="160")
    assert done.code == 0, done.err
    lines = [line.split() for line in (done.out + done.err).splitlines()]
    assert [line[0] for line in lines[1:-1]] == ["broken", "flaky", "at"]
    assert lines[2][:9] == ["flaky", "clock.png", "3", "of", "17", "17.6", "%", "6.2–41.0", "–"]
    assert "1 broken, 1 flaky, 1 at risk, 1 quiet" in done.out + done.err


def test_as_json_and_csv_have_all_and_state_picks(run: Cli, filled: MemoryBucket) -> None:
    found = run("flakes", "--json").json
    assert found["counts"] == {"broken": 1, "flaky": 1, "at risk": 1, "quiet": 1}
    assert [(s["name"], s["state"]) for s in found["snapshots"]] == [
        ("footer.png", "broken"),
        ("clock.png", "flaky"),
        ("font.png", "at risk"),
        ("logo.png", "quiet"),
    ]
    assert found["snapshots"][1]["evidence"][0]["build"] == "q0"
    rows = list(csv.DictReader(io.StringIO(run("flakes", "--csv").out)))
    assert [row["name"] for row in rows] == [s["name"] for s in found["snapshots"]]
    assert (rows[1]["pairs"], rows[1]["differing"], rows[1]["low"]) == ("17", "3", "0.0619")
    picked = run("flakes", "--json", "--state", "at risk", "--state", "quiet").json["snapshots"]
    assert [s["name"] for s in picked] == ["font.png", "logo.png"]
    empty = run("flakes", "--csv", "--state", "quiet", "--since", "1d").out
    assert empty.splitlines()[0].startswith("name,state,why,pairs")


def test_since_leaves_older_evidence_out_and_still_knows_the_images(
    run: Cli, filled: MemoryBucket
) -> None:
    found = run("flakes", "--json", "--since", "79d").json["snapshots"]
    pairs = {one["name"]: (one["commit_pairs"], one["differing"]) for one in found}
    assert pairs["clock.png"] == (11, 2)
    assert pairs["logo.png"] == (11, 0)


def test_of_a_name_it_tells_the_evidence_and_proposes_a_region(
    run: Cli, filled: MemoryBucket
) -> None:
    done = run("flakes", "clock.png", COLUMNS="160")
    assert done.code == 0, done.err
    told = done.out + done.err
    assert "clock.png is flaky: 3 of 17 pairs with the same input differ" in told
    assert "p0" in told
    assert "1 change was approved; this would have hidden 1: p99" in " ".join(told.split())
    assert "{x = 16, y = 26, width = 18, height = 18}" in told
    command = "pixelgate quarantine add clock.png --owner WHO --reason"
    assert f"{command} '3 of 17 pairs with the same input differ'" in told
    found = run("flakes", "clock.png", "--json").json
    assert found["unrest"]["ignore_regions"] == [{"x": 16, "y": 26, "width": 18, "height": 18}]
    assert len(found["snapshot"]["pairs_with_same_input"]) == 17
    rows = list(csv.DictReader(io.StringIO(run("flakes", "clock.png", "--csv").out)))
    assert [row["differs"] for row in rows].count("true") == 3
    quiet = run("flakes", "logo.png", "--json").json
    assert (quiet["unrest"], quiet["quarantine"]) == (None, None)
    assert found["quarantine"].startswith("pixelgate quarantine add clock.png ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--state", "odd"), "--state odd: it must be one of broken, flaky, at risk, quiet"),
        (("--csv", "--json"), "--csv and --json cannot be used together"),
        (("--take-over",), "--take-over writes one snapshot's region"),
        (("--sidecar", "a.json"), "--sidecar says where --take-over writes"),
        (("nope.png",), "has no snapshot 'nope.png' since 90d"),
        (("--since", "soon"), "--since soon: give days"),
        (("clock.png", "--state", "flaky"), "--state is for the list"),
        (("clock.png", "--take-over", "--json"), "--take-over asks"),
        (("logo.png", "--take-over"), "there is no region to ignore"),
    ],
)
def test_wrong_usage(run: Cli, filled: MemoryBucket, arguments: tuple[str, ...], said: str) -> None:
    done = run("flakes", *arguments)
    assert done.code == 2
    assert said in " ".join(done.err.split())


def test_without_a_history_it_says_how_to_make_one(run: Cli) -> None:
    done = run("flakes")
    assert done.code == 0
    assert "`pixelgate admin index`" in done.out + done.err


# --- taking over ----------------------------------------------------------------------------------

TOML = """\
project = "shop"  # ours

[[rules]]
match = "*.png"
policy = {ignore_regions = [{x = 1, y = 1, width = 2, height = 2}]}
"""


def test_take_over_asks_and_appends_a_rule_that_keeps_what_was_ignored(
    run: Cli, filled: MemoryBucket, repository: Repository, says: pytest.MonkeyPatch
) -> None:
    path = repository.folder / "pixelgate.toml"
    path.write_text(TOML)
    asked = answer(says, True)
    done = run("flakes", "clock.png", "--take-over")
    assert done.code == 0, done.err
    assert asked == [f"Write it into {path}?"]
    assert "hidden: clock.png in p99, approved by ada" in done.out + done.err
    assert path.read_text().startswith(TOML)
    policies = read_config(path).policies({})
    assert policies.of("clock.png").ignore_regions == (Rectangle(1, 1, 2, 2), BOX)
    assert policies.of("logo.png").ignore_regions == (Rectangle(1, 1, 2, 2),)
    assert run("flakes", "clock.png", "--take-over").code == 0  # again changes nothing that counts
    assert read_config(path).policies({}).of("clock.png").ignore_regions[1:] == (BOX,)


def test_nothing_is_written_without_a_yes(
    run: Cli, filled: MemoryBucket, repository: Repository, says: pytest.MonkeyPatch
) -> None:
    path = repository.folder / "pixelgate.toml"
    path.write_text(TOML)
    answer(says, False)
    assert run("flakes", "clock.png", "--take-over").code == 2
    says.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    done = run("flakes", "clock.png", "--take-over")
    assert done.code == 2
    assert "no terminal to ask on; nothing was written" in " ".join(done.err.split())
    assert path.read_text() == TOML
    assert [p.name for p in repository.folder.glob(".pixelgate.toml*")] == []


def test_without_a_file_the_lines_are_shown(run: Cli, filled: MemoryBucket) -> None:
    done = run("flakes", "clock.png", "--take-over")
    assert done.code == 2
    assert "there is no pixelgate.toml here or above" in " ".join(done.err.split())
    assert 'match = "clock.png"' in done.err


def test_a_sidecar_keeps_its_other_fields(
    run: Cli, filled: MemoryBucket, repository: Repository, says: pytest.MonkeyPatch
) -> None:
    path = repository.folder / "shots" / "clock.json"
    path.write_text('{"tags": ["ü"], "policy": {"strict": true, "ignore_regions": []}}')
    asked = answer(says, True)
    done = run("flakes", "clock.png", "--take-over", "--sidecar", path)
    assert done.code == 0, done.err
    assert asked == [f"Write it into {path}?"]
    box = {"x": 16, "y": 26, "width": 18, "height": 18}
    expected = {"tags": ["ü"], "policy": {"strict": True, "ignore_regions": [box]}}
    assert json.loads(path.read_text()) == expected
    new = repository.folder / "shots" / "new.json"
    assert run("flakes", "clock.png", "--take-over", "--sidecar", new).code == 0
    assert json.loads(new.read_text()) == {"policy": {"ignore_regions": [box]}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "must be a JSON object"),
        ("{", "cannot be read as JSON"),
        ('{"policy": 5}', "must be a JSON object, and its policy too"),
        ('{"policy": {"ignore_regions": [{"x": -1}]}}', "policy.ignore_regions[0]"),
    ],
)
def test_what_is_no_sidecar_stays_as_it_is(
    run: Cli, filled: MemoryBucket, tmp_path: Path, says: pytest.MonkeyPatch, text: str, said: str
) -> None:
    path = tmp_path / "clock.json"
    path.write_text(text)
    answer(says, True)
    done = run("flakes", "clock.png", "--take-over", "--sidecar", path)
    assert done.code == 2
    assert said in " ".join(done.err.split())
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("rules = []\n", "a.png", "a rule at its end would not be valid"),
        ("", "a*.png", "has a `*`, which stands for any text"),
        ('[[rules]]\nmatch = "x"\n' * 100, "a.png", "has 100 rules, which is the most"),
    ],
)
def test_a_file_without_room_for_a_rule_is_not_changed(
    tmp_path: Path, text: str, name: str, said: str
) -> None:
    path = tmp_path / "pixelgate.toml"
    path.write_text(text)
    if text.startswith("[["):
        text = text.replace('"x"\n', '"x"\npolicy = {strict = true}\n')
        path.write_text(text)
    with pytest.raises(UsageError, match=said.replace("*", r"\*")):
        add_rule(read_config(path), name, [BOX])
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_without_a_last_newline_or_with_windows_lines_gets_its_own(tmp_path: Path) -> None:
    path = tmp_path / "pixelgate.toml"
    path.write_bytes(b'project = "shop"\r\n[policy]\r\nstrict = true')
    add_rule(read_config(path), "a.png", [BOX])
    body = path.read_bytes()
    assert body.count(b"\n") == body.count(b"\r\n")
    assert read_config(path).policies({}).of("a.png").ignore_regions == (BOX,)
    assert read_config(path).policies({}).of("a.png").strict
