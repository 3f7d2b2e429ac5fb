"""`pixelgate mcp`: what an agent is told, how much of it, what is marked as data, and no writes."""

from __future__ import annotations

import base64
import io
import json
import os
import random
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp.types import ImageContent
from PIL import Image

from pixelgate import __version__, bootstrap
from pixelgate.cli import app as cli
from pixelgate.cli import mcp as command
from pixelgate.client.mcp import answers, pictures
from pixelgate.client.mcp.server import make_server
from pixelgate.client.mcp.source import ReadOnly, Source
from pixelgate.client.reviews import read_decisions
from pixelgate.domain import keys
from pixelgate.domain.history import encode
from pixelgate.domain.keys import BuildId
from pixelgate.errors import UsageError
from pixelgate.past.model import Entry
from pixelgate.ports import Bucket
from support.agents import ORDER, Said, ask, ask_one, begun, frozen, hostile, texts, tools, waited
from support.doubles.memory import MemoryBucket
from support.images import png
from support.pasts import at, entry, passed, seen
from support.reviews import Reviewed
from support.world import sha

A, B, C = (png((10, 1), (shade, 0, 0)) for shade in (10, 90, 200))
WHITE, NEAR, NEXT = (png((40, 40), (shade, 250, 250)) for shade in (250, 248, 246))
WRITING = {"write", "replace", "put_new", "delete", "check_write"}


@pytest.fixture(scope="module")
def reviewed() -> Reviewed:
    made = begun()
    made.build("b0", {"a.png": A, "b.png": B, "-c.png": C}, branch="main")
    made.build("b1", {"a.png": B, "b.png": B, "d e.png": A}, base_build="b0", pull_request="5")
    made.review("b1", action="reject", names=["a.png"], reason="too red")
    return made


def server_of(store: Bucket, project: str | None = None, **options: Any) -> Any:
    return make_server(Source.of_bucket(store, "shots", project, command._pool), **options)


@pytest.fixture(scope="module")
def server(reviewed: Reviewed) -> Any:
    return server_of(frozen(reviewed.world.objects))


def drifted() -> MemoryBucket:
    """The index of two steps that passed, with their images."""
    bucket = MemoryBucket()
    entries: tuple[Entry, ...] = (
        entry("b0", None, seen("a.png", sha(WHITE)), at="2026-11-01T00:00:00+00:00"),
        entry("b1", "b0", passed("a.png", sha(NEAR), sha(WHITE)), at="2026-11-02T00:00:00+00:00"),
        entry("b2", "b1", passed("a.png", sha(NEXT), sha(NEAR)), at="2026-11-03T00:00:00+00:00"),
    )
    for one in entries:
        line = keys.index_line("shop", one.at, one.build, one.execution)
        bucket.write(line, encode([one]), "x")
        build = BuildId("shop", one.build)
        manifest = {
            "project": "shop", "build": one.build, "commit": one.commit, "branch": one.branch,
            "images": {"a.png": {"sha256": sha(WHITE)}}, "defaults": {"sensitivity": "exact"},
        }  # fmt: skip
        bucket.write(keys.accepted_manifest(build), json.dumps(manifest).encode(), "x")
    for image in (WHITE, NEAR, NEXT):
        bucket.write(keys.image("shop", sha(image)), image, "image/png")
    return bucket


# --- what is told ---------------------------------------------------------------------------------


def test_projects_and_builds_are_listed_with_verdict_and_review(server: Any) -> None:
    projects, builds = ask(server, ("list_projects", {}), ("list_builds", {"project": "shop"}))
    assert [one["untrusted"]["project"] for one in projects.json["projects"]] == ["shop"]
    told = [
        (b["untrusted"]["build"], b["verdict"], b["review"], b["untrusted"]["reviewers"])
        for b in builds.json["builds"]
    ]
    assert told == [
        ("b1", "needs_review", "rejected", ["AWS:ada"]),
        ("b0", "passed", "not_needed", []),
    ]
    [found] = ask_one(server, "list_builds", search="#5").json["builds"]
    assert found["untrusted"]["build"] == "b1"


def test_what_changed_tells_counts_names_and_why_each_counts(server: Any) -> None:
    told = ask_one(server, "what_changed", build="b1").json
    assert (told["verdict"], told["review"]) == ("needs_review", "rejected")
    assert (told["counts"]["changed"], told["counts"]["added"], told["counts"]["removed"]) == (
        1,
        1,
        1,
    )
    rows = {row["untrusted"]["name"]: row for row in told["snapshots"]}
    assert list(rows) == ["a.png", "d e.png", "-c.png"]
    a = rows["a.png"]
    assert a["needs_review"]
    assert a["counts_as"] == [
        {"mark": "one-sided", "regions": 1, "meaning": "only one of the images has these pixels"}
    ]
    assert a["untrusted"]["why"][0].startswith("1 region counts as one-sided (1 pixel)")
    assert a["decision"]["action"] == "reject"
    assert a["decision"]["untrusted"]["reason"] == "too red"
    assert rows["d e.png"]["untrusted"]["why"] == ["The base has no snapshot of that name."]


def test_what_a_noise_explains_is_told_when_it_is_asked_for(tmp_path: Path) -> None:
    told = ask_one(server_of_folder(compared(tmp_path)), "what_changed", statuses=["explained"])
    [row] = told.json["snapshots"]
    assert row["status"] == "unchanged"
    assert not row["needs_review"]
    assert row["untrusted"]["why"]


def test_groups_are_told_with_their_names(tmp_path: Path) -> None:
    told = ask_one(server_of_folder(compared(tmp_path)), "what_changed").json
    [group] = told["groups"]
    assert group["snapshots"] == 2
    assert group["statuses"] == {"changed": 2}
    assert group["untrusted"]["names"] == ["one.png", "two.png"]
    of_it = ask_one(server_of_folder(tmp_path / "out"), "what_changed", group=group["group"])
    assert [r["untrusted"]["name"] for r in of_it.json["snapshots"]] == ["one.png", "two.png"]


def test_a_failed_build_tells_its_error(reviewed: Reviewed) -> None:
    store = MemoryBucket()
    vars(store).update(vars(reviewed.world.objects), objects={**reviewed.world.objects.objects})
    status = {"project": "shop", "build": "b9", "state": "FAILED",
              "error": {"code": "TIMEOUT", "message": "it took too long"}}  # fmt: skip
    store.write(keys.status(BuildId("shop", "b9")), json.dumps(status).encode(), "x")
    told = ask_one(server_of(store), "what_changed", build="b9").json
    assert told["state"] == "FAILED"
    assert told["untrusted"]["error"] == {"code": "TIMEOUT", "message": "it took too long"}


def test_a_snapshots_life_and_a_projects_are_told(server: Any) -> None:
    life, rates, builds = ask(
        server,
        ("snapshot_history", {"name": "a.png"}),
        ("project_life", {"since_days": 3650, "table": "rates"}),
        ("project_life", {"since_days": 3650, "table": "builds"}),
    )
    first, last = life.json["steps"][-1], life.json["steps"][0]
    assert (first["untrusted"]["build"], first["how"]) == ("b0", "first")
    assert (last["untrusted"]["build"], last["how"], last["untrusted"]["reason"]) == (
        "b1", "rejected", "too red",
    )  # fmt: skip
    [row] = rates.json["rows"]
    assert (row["builds"], row["rejected"]) == (2, 1)
    assert [b["untrusted"]["build"] for b in builds.json["rows"]] == ["b1", "b0"]


def test_drift_is_measured(tmp_path: Path) -> None:
    told = ask_one(server_of(drifted()), "drift").json
    [row] = told["rows"]
    assert (row["untrusted"]["name"], row["steps"], row["needs_review"]) == ("a.png", 2, True)
    assert ask_one(server_of(drifted()), "snapshot_history", name="a.png").json["drift"] == {
        "steps_that_passed": 2, "pixels_of_steps": 0,
        "meaning": "the tool `drift` measures what they add up to",
    }  # fmt: skip


def test_flakes_are_told_with_their_numbers() -> None:
    bucket = MemoryBucket()
    base = entry("b0", None, seen("a.png", sha(WHITE)), at=at(1))
    again = [
        entry(
            f"b{n}", "b0", seen("a.png", sha(NEAR if n % 2 else NEXT), sha(WHITE)),
            at=at(2, n), commit="c", branch="topic", verdict="needs_review", review="needed",
        )
        for n in range(1, 14)
    ]  # fmt: skip
    for one in (base, *again):
        bucket.write(keys.index_line("shop", one.at, one.build, one.execution), encode([one]), "x")
    bucket.write(keys.status(BuildId("shop", "b1")), b"{}", "x")
    told = ask_one(server_of(bucket), "flakes", since_days=3650).json
    [row] = told["rows"]
    assert (row["state"], row["pairs"], row["differing"]) == ("flaky", 12, 12)
    assert row["untrusted"]["name"] == "a.png"
    assert told["counts"] == {"broken": 0, "flaky": 1, "at risk": 0, "quiet": 0}
    assert "states: 'odd' is none" in ask_one(server_of(bucket), "flakes", states=["odd"]).error


def test_quarantines_are_told_as_they_were_stamped_on_a_build() -> None:
    bucket = MemoryBucket()
    for name, names in (("b0", {}), ("b1", {"a.png": "a clock", "b.png": "an advert"})):
        made = entry(name, None, at=f"2026-11-0{len(names) + 1}T00:00:00+00:00", quarantined=names)
        bucket.write(keys.index_line("shop", made.at, name, made.execution), encode([made]), "x")
    bucket.write(keys.status(BuildId("shop", "b1")), b"{}", "x")
    newest, older = ask(
        server_of(bucket), ("quarantines", {"limit": 1}), ("quarantines", {"build": "b0"})
    )
    assert newest.json["rows"] == [{"untrusted": {"name": "a.png", "reason": "a clock"}}]
    assert newest.json["total"] == 2
    assert older.json["rows"] == []
    assert "no 'b9'" in ask_one(server_of(bucket), "quarantines", build="b9").error


def test_without_the_engine_drift_says_what_is_missing() -> None:
    source = Source.of_bucket(drifted(), "shots", None, lambda: None)
    assert "pixelgate[compare]" in ask_one(make_server(source), "drift").error


# --- nothing is written ---------------------------------------------------------------------------


def calls(build: str, name: str) -> dict[str, dict[str, Any]]:
    """One call of each tool that succeeds; a new tool must be added here."""
    return {
        "list_projects": {},
        "list_builds": {},
        "what_changed": {"build": build, "pictures": 4},
        "show_snapshot": {"build": build, "name": name},
        "snapshot_history": {"name": name},
        "project_life": {"table": "builds", "since_days": 3650},
        "drift": {},
        "flakes": {"states": ["quiet", "broken", "flaky", "at risk"]},
        "quarantines": {},
        "prepare_decision": {"build": build, "action": "approve", "names": [name], "reason": "r"},
    }


def test_every_tool_says_that_it_reads_only(server: Any) -> None:
    listed = tools(server)
    assert {tool.name for tool in listed} == calls("", "").keys()
    for tool in listed:
        told = tool.annotations
        assert told is not None
        assert (told.read_only_hint, told.destructive_hint) == (True, False), tool.name
        assert tool.description


def test_no_tool_writes(reviewed: Reviewed) -> None:
    store = frozen(reviewed.world.objects)
    before = dict(store.objects)
    for said in ask(server_of(store), *calls("b1", "a.png").items()):
        assert not said.failed, said
    assert store.objects == before
    assert store.deleted == reviewed.world.objects.deleted


def test_whatever_tries_to_write_is_refused_before_anything_is_sent() -> None:
    inner = MemoryBucket()
    store = ReadOnly(inner)
    for attempt in (
        lambda: store.write("k", b"", "x"),
        lambda: store.replace("k", b"", "x", None),
        lambda: store.put_new("k", b"", "x", b""),
        lambda: store.delete(["k"]),
        lambda: store.check_write("k"),
    ):
        with pytest.raises(UsageError, match=r"writes nothing, and would have written k"):
            attempt()
    assert not inner.objects
    ours = {name for name in vars(ReadOnly) if not name.startswith("_")}
    assert ours == {name for name in vars(Bucket) if not name.startswith("_")}, "of the protocol"
    assert ours > WRITING


# --- decisions ------------------------------------------------------------------------------------


def prepared(server: Any, **asked: Any) -> dict[str, Any]:
    told: dict[str, Any] = ask_one(server, "prepare_decision", **asked).json
    assert told["submitted"] is False
    return told


def run(reviewed: Reviewed, words: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Runs a prepared command as a person would."""
    monkeypatch.setattr(bootstrap, "open_bucket", lambda name: reviewed.world.objects)
    program, *arguments = shlex.split(words)
    assert program == "pixelgate"
    return cli.run(arguments)


def written(reviewed: Reviewed) -> list[dict[str, Any]]:
    objects = reviewed.world.objects.objects
    found = [key for key in objects if keys.review_of(key) and "b1" in key]
    return [json.loads(objects[key]) for key in found]


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ({"names": ["-c.png", "d e.png"]}, {"names": ["-c.png", "d e.png"]}),
        ({"globs": ["d*"]}, {"globs": ["d*"]}),
        ({}, {}),
        ({"names": ["d e.png"], "reason": "it's $(new) `x` \"y\""},
         {"names": ["d e.png"], "reason": "it's $(new) `x` \"y\""}),
    ],
)  # fmt: skip
def test_the_prepared_command_writes_what_was_meant(
    asked: dict[str, Any],
    kept: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    reviewed = begun()
    reviewed.build("b0", {"a.png": A, "-c.png": C}, branch="main")
    reviewed.build("b1", {"a.png": B, "d e.png": A}, base_build="b0")
    told = prepared(server_of(reviewed.world.objects), build="b1", action="approve", **asked)
    assert written(reviewed) == []
    execution = reviewed.world.status("b1")["execution"]
    assert told["execution"] == execution
    command = told["untrusted"]["command"]
    assert command.startswith(
        f"pixelgate approve --project shop --bucket shots --execution {execution} "
    )
    assert run(reviewed, command, monkeypatch) == 0
    [review] = written(reviewed)
    assert review == {"schema_version": 1, "action": "approve", "execution": execution, **kept}


def test_a_command_of_an_older_result_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    reviewed = begun()
    reviewed.build("b0", {"a.png": A}, branch="main")
    reviewed.build("b1", {"a.png": B}, base_build="b0")
    told = prepared(server_of(reviewed.world.objects), build="b1", action="approve")
    key = keys.status(BuildId("shop", "b1"))
    status = {**reviewed.world.status("b1"), "execution": "another"}
    reviewed.world.objects.write(key, json.dumps(status).encode(), "x")
    assert run(reviewed, told["untrusted"]["command"], monkeypatch) == 2
    assert "was compared again" in " ".join(capsys.readouterr().err.split())


def test_many_names_come_as_a_file_that_the_command_takes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [f"page {number:02}.png" for number in range(30)]
    reviewed = begun()
    reviewed.build("b0", dict.fromkeys(names, A), branch="main")
    reviewed.build("b1", dict.fromkeys(names, B), base_build="b0")
    told = prepared(
        server_of(reviewed.world.objects),
        build="b1", action="reject", names=names, reason="too red",
    )["untrusted"]  # fmt: skip
    Path(told["file"]).write_text(told["content"], encoding="utf-8")
    build, [decision] = read_decisions(Path(told["file"]), None)
    assert build == BuildId("shop", "b1")
    assert decision.selection.names == tuple(names)
    assert run(reviewed, told["command"], monkeypatch) == 0
    [review] = written(reviewed)
    assert (review["action"], review["reason"], review["names"]) == ("reject", "too red", names)


def test_a_rejection_that_would_be_overturned_is_told(server: Any) -> None:
    told = prepared(server, build="b1", action="approve")
    assert told["overturned"] == 1
    assert told["overturns"][0]["untrusted"]["reason"] == "too red"
    assert "asks a person" in told["asks"]


# --- what others wrote is marked -----------------------------------------------------------------


def answered_by_all(store: Bucket, build: str, name: str) -> list[Said]:
    found = ask(server_of(store), *calls(build, name).items())
    assert not [said for said in found if said.failed]
    return found


def test_what_others_wrote_stands_only_below_untrusted() -> None:
    reviewed = hostile()
    found = answered_by_all(reviewed.world.objects, f"topic {ORDER}", f"{ORDER}/a.png")
    for said in found:
        all_texts = list(texts(said.json))
        assert said.json["note"] == answers.NOTE
        assert not [text for trusted, text in all_texts if trusted and ORDER in text], said.tool
    told = {said.tool for said in found if any(ORDER in text for _, text in texts(said.json))}
    assert told == calls("", "").keys() - {"list_projects"}, "each other quotes an order"


def test_characters_that_nobody_sees_are_told_as_escapes() -> None:
    hidden = "a\U000e0041\u200b\u00a0.png"
    reviewed = begun()
    reviewed.build("b0", {hidden: A}, branch="main")
    said = ask_one(server_of(reviewed.world.objects), "what_changed", build="b0")
    assert "a\\udb40\\udc41\\u200b\\u00a0.png" in said.text
    assert said.text.isprintable()
    [row] = said.json["snapshots"]
    assert row["untrusted"]["name"] == hidden, "and are the same for who asks on"


# --- bounds ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large() -> Bucket:
    """A build of 120 snapshots with names of a kilobyte and a long reason each."""
    reviewed = begun()
    names = [f"{number:03}{'ü' * 490}.png" for number in range(120)]
    reviewed.build("b0", dict.fromkeys(names, A), branch="main")
    reviewed.build("b1", dict.fromkeys(names, B), base_build="b0", branch="t" * 200)
    for number in range(12):
        reviewed.build(f"later{number}", {"a.png": A}, base_build="b0", branch="x" * 250)
    reviewed.review("b1", action="reject", reason="r" * 2000)
    return reviewed.world.objects


def pages(server: Any, tool: str, **asked: Any) -> Iterator[Any]:
    cursor = None
    while True:
        said = ask_one(server, tool, **asked, cursor=cursor)
        assert len(said.text) <= answers.MOST_CHARACTERS, len(said.text)
        yield said.json
        cursor = said.json["next_cursor"]
        if cursor is None:
            return


def test_a_long_answer_comes_in_parts_without_gap_or_repeat(large: Bucket) -> None:
    server = server_of(large)
    found = [
        row["untrusted"]["name"][:3]
        for one in pages(server, "what_changed", build="b1", limit=100)
        for row in one["snapshots"]
    ]
    assert found == [f"{number:03}" for number in range(120)]


def test_builds_go_on_where_the_page_before_ended_also_if_new_ones_came() -> None:
    reviewed = begun()
    for number in range(5):
        reviewed.build(f"b{number}", {"a.png": A})
    server = server_of(reviewed.world.objects)
    first = ask_one(server, "list_builds", limit=2).json
    reviewed.build("b5", {"a.png": A})
    second = ask_one(server, "list_builds", limit=2, cursor=first["next_cursor"]).json
    third = ask_one(server, "list_builds", limit=2, cursor=second["next_cursor"]).json
    found = [b["untrusted"]["build"] for one in (first, second, third) for b in one["builds"]]
    assert found == ["b4", "b3", "b2", "b1", "b0"]
    assert third["next_cursor"] is None


@pytest.mark.parametrize(
    ("tool", "asked"),
    [
        ("list_builds", {"limit": 100}),
        ("project_life", {"table": "builds", "since_days": 3650, "limit": 100}),
        ("project_life", {"table": "snapshots", "since_days": 3650, "limit": 100}),
        ("snapshot_history", {"name": f"007{'ü' * 490}.png", "limit": 100}),
        ("prepare_decision", {"build": "b1", "action": "approve"}),
    ],
)
def test_every_answer_is_bounded(large: Bucket, tool: str, asked: dict[str, Any]) -> None:
    assert len(ask_one(server_of(large), tool, **asked).text) <= answers.MOST_CHARACTERS


def test_a_decision_on_too_many_names_says_what_to_do(large: Bucket) -> None:
    names = [f"{number:03}{'ü' * 490}.png" for number in range(120)]
    said = ask_one(server_of(large), "prepare_decision", build="b1", action="approve", names=names)
    assert "select them by groups or globs" in said.error


def test_a_cursor_fits_one_question_only(large: Bucket, server: Any) -> None:
    of_large = server_of(large)
    cursor = ask_one(of_large, "what_changed", build="b1", limit=1).json["next_cursor"]
    for asked in ({"build": "b0"}, {"build": "b1", "statuses": ["added"]}):
        said = ask_one(of_large, "what_changed", **asked, cursor=cursor)
        assert "belongs to another question" in said.error
    for wrong in ("x", "!", "W10", base64.urlsafe_b64encode(b'["a"]').decode(), "é" * 9):
        said = ask_one(of_large, "what_changed", build="b1", cursor=wrong)
        assert said.error.startswith("cursor: "), wrong
    assert "is gone" in ask_one(
        server, "list_builds",
        cursor=answers.cursor_of(answers.question("builds", project="shop", words=[]), "gone"),
    ).error  # fmt: skip


# --- pictures -------------------------------------------------------------------------------------


def compared(tmp_path: Path) -> Path:
    """A folder that `pixelgate compare` wrote: two snapshots alike, one noisy, one that passes."""
    rng = random.Random(5)
    noisy = [Image.frombytes("RGB", (900, 500), rng.randbytes(900 * 500 * 3)) for _ in range(2)]
    plain, other = (Image.new("RGB", (60, 60), shade) for shade in ((255, 255, 255), (0, 90, 200)))
    near = Image.new("RGB", (60, 60), (255, 255, 255))
    near.putpixel((30, 30), (254, 255, 255))
    both = {
        "one.png": (plain, other), "two.png": (plain, other), "noisy.png": tuple(noisy),
        "near.png": (plain, near),
    }  # fmt: skip
    for name, pair in both.items():
        for side, picture in zip(("base", "head"), pair, strict=True):
            (tmp_path / side).mkdir(exist_ok=True)
            picture.save(tmp_path / side / name)
    out = tmp_path / "out"
    code = cli.run(
        ["compare", str(tmp_path / "base"), str(tmp_path / "head"), "--out", str(out), "--json"]
    )
    assert code == 1
    return out


def server_of_folder(folder: Path, **options: Any) -> Any:
    return make_server(Source.of_folder(folder, None, command._pool), **options)


def opened(picture: ImageContent) -> Image.Image:
    body = base64.b64decode(picture.data)
    assert len(body) <= pictures.MOST_BYTES
    found = Image.open(io.BytesIO(body))
    assert Image.MIME[str(found.format)] == picture.mime_type
    return found.convert("RGB")


def test_pictures_show_base_head_and_difference(tmp_path: Path) -> None:
    said = ask_one(server_of_folder(compared(tmp_path)), "show_snapshot", name="one.png")
    assert said.json["pictures"] == [
        {"untrusted": {"name": "one.png"}, "picture": 1, "shows_difference": True}
    ]
    [picture] = map(opened, said.pictures)
    assert picture.width == 976
    base, head, difference = (picture.getpixel((x, 30)) for x in (160, 488, 816))
    assert base == (255, 255, 255)
    assert head == (0, 90, 200)
    assert isinstance(difference, tuple)
    assert difference not in (base, head)


def test_a_picture_that_would_be_large_is_made_small(tmp_path: Path) -> None:
    said = ask_one(server_of_folder(compared(tmp_path)), "show_snapshot", name="noisy.png")
    [picture] = said.pictures
    assert picture.mime_type == "image/jpeg"
    assert opened(picture).width >= 488


def test_pictures_are_sent_only_if_they_are_asked_for_and_allowed(tmp_path: Path) -> None:
    folder = compared(tmp_path)
    none, two = ask(
        server_of_folder(folder), ("what_changed", {}), ("what_changed", {"pictures": 2})
    )
    assert (len(none.pictures), len(two.pictures)) == (0, 2)
    assert [one["picture"] for one in two.json["pictures"]] == [1, 2]
    refused = ask_one(
        server_of_folder(folder, with_pictures=False), "show_snapshot", name="one.png"
    )
    assert not refused.pictures
    assert "--no-pictures" in refused.json["no_pictures"]


def test_a_picture_that_is_gone_says_so(tmp_path: Path) -> None:
    folder = compared(tmp_path)
    for image in (folder / "images/local").iterdir():
        image.unlink()
    said = ask_one(server_of_folder(folder), "show_snapshot", name="one.png")
    assert not said.pictures
    [told] = said.json["pictures"]
    assert told["picture"] is None
    assert "cannot be drawn" in told["why_not"]


def test_without_the_compiled_part_the_rest_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = compared(tmp_path)
    monkeypatch.setattr(pictures, "installed", lambda: "pixelgate[compare] is missing")
    said = ask_one(server_of_folder(folder), "show_snapshot", name="one.png")
    assert said.json["pictures"][0]["why_not"] == "pixelgate[compare] is missing"
    assert said.json["snapshot"]["status"] == "changed"


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "asked", "said"),
    [
        ("list_builds", {"project": "none"}, "project: there is no 'none'; list_projects"),
        ("what_changed", {"build": "none"}, "build: 'none' is not there"),
        ("what_changed", {"build": "a/b"}, "may not be"),
        ("what_changed", {"build": "b1", "statuses": ["odd"]}, "statuses: 'odd' is none"),
        ("what_changed", {"build": "b1", "group": "g"}, "no snapshot of the build fits"),
        ("show_snapshot", {"build": "b1", "name": "x"}, "the build has no snapshot 'x'"),
        ("snapshot_history", {"name": "x"}, "the history knows no 'x'"),
        (
            "prepare_decision",
            {"build": "b1", "action": "approve", "names": ["x"]},
            "no snapshot 'x'",
        ),
        ("prepare_decision", {"build": "b1", "action": "approve", "globs": ["x*"]}, "matches no"),
        ("prepare_decision", {"build": "b1", "action": "approve", "reason": "r" * 2001}, "2,000"),
        ("prepare_decision", {"build": "b1", "action": "approve", "reason": "\x1b[2J"}, "control"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_wrong(
    server: Any, tool: str, asked: Mapping[str, Any], said: str
) -> None:
    assert said in ask_one(server, tool, **asked).error


def test_a_bucket_that_cannot_be_read_is_told() -> None:
    store = frozen(MemoryBucket())
    store.objects = {"builds/shop/b1/status.json": b"{}", "builds/shop/@history/2026-11.gz": b"no"}
    store._versions = dict.fromkeys(store.objects, 1)
    store.modified = dict.fromkeys(store.objects, 1.0)
    said = ask_one(server_of(store), "snapshot_history", name="a.png")
    assert said.failed


# --- the program ----------------------------------------------------------------------------------


def copied(reviewed: Reviewed, folder: Path) -> Path:
    """What a bucket holds, as a folder."""
    for key, body in reviewed.world.objects.objects.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder


def program(folder: Path, *more: str) -> StdioServerParameters:
    environ = {**os.environ, "PIXELGATE_PROJECT": "shop"}
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "pixelgate", "mcp", str(folder), *more],
        env=environ,
        cwd=folder,
    )


def test_the_program_answers_each_call_over_standard_input_and_output(
    reviewed: Reviewed, tmp_path: Path
) -> None:
    folder = copied(reviewed, tmp_path)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    asked = calls("b1", "a.png")
    found = ask(program(folder), *asked.items())
    assert [said.tool for said in found] == [*asked]
    assert not [said for said in found if said.failed]
    assert len(found[[*asked].index("show_snapshot")].pictures) == 1
    prepared = found[-1].json["untrusted"]["command"]
    assert "--bucket" not in prepared, "a copy knows no bucket"
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_the_program_introduces_itself(reviewed: Reviewed, tmp_path: Path) -> None:
    from mcp import Client

    async def introduced() -> tuple[str, str, str]:
        async with Client(program(copied(reviewed, tmp_path))) as client:
            server = client.server_info
            assert server is not None
            return server.name, server.version, client.instructions or ""

    name, version, instructions = waited(introduced())
    assert (name, version) == ("pixelgate", __version__)
    assert answers.NOTE in instructions


def test_without_the_extra_it_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    assert cli.run(["mcp"]) == 2
    assert "extra `mcp`" in " ".join(capsys.readouterr().err.split())


def test_a_folder_that_is_none_of_ours_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["mcp", str(tmp_path)]) == 2
    assert "has no report" in " ".join(capsys.readouterr().err.split())


def test_rows_are_never_left_out_because_one_is_large() -> None:
    written, more = answers.page(
        ["x" * 50_000, "y"], lambda text: {"text": text},
        asked="q", cursor=None, limit=10, around={},
    )  # fmt: skip
    assert (len(written), more["next_cursor"] is None) == (1, False)
