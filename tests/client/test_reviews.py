"""What approve and reject write, and when it counts as carried out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pixelgate.client.reviews import is_carried_out, read_decisions, refusal_of
from pixelgate.domain.keys import BuildId
from pixelgate.errors import UsageError
from pixelgate.published.decisions import Decision, Selection, new_id, write_review
from support.doubles.memory import MemoryBucket

BUILD = BuildId("shop", "9001-1")
IMAGES: dict[str, Any] = {
    "icons/a.png": {"status": "changed", "group": "g1"},
    "icons/b[1].png": {"status": "changed", "group": "g1", "details": {"group": "icons"}},
    "page.png": {"status": "added"},
    "same.png": {"status": "unchanged", "group": "g3"},
}


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        (Selection(), set(IMAGES)),
        (Selection(names=("page.png", "same.png")), {"page.png", "same.png"}),
        (Selection(globs=("*",)), set(IMAGES) - {"same.png"}),
        (Selection(globs=("icons/*",)), {"icons/a.png", "icons/b[1].png"}),
        (Selection(globs=("*[1]*",)), {"icons/b[1].png"}),
        (Selection(groups=("g1",)), {"icons/a.png", "icons/b[1].png"}),
        (Selection(groups=("icons",)), {"icons/b[1].png"}),
        (Selection(("page.png",), ("*/a.*",), ("icons",)), set(IMAGES) - {"same.png"}),
    ],
)
def test_selection(selection: Selection, names: set[str]) -> None:
    assert selection.of(IMAGES) == names


@pytest.mark.parametrize(
    "selection", [Selection(names=("\u00fc.png",)), Selection(globs=("\u00fc*",))]
)
def test_a_selection_in_another_unicode_form(selection: Selection) -> None:
    assert selection.of({"u\u0308.png": {"status": "changed"}}) == {"u\u0308.png"}


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (Selection(names=("pages.png",)), r"no snapshot 'pages.png'; did you mean 'page.png'\?"),
        (Selection(names=("zzz",)), "no snapshot 'zzz'$"),
        (Selection(globs=("buttons/*",)), "--glob 'buttons/.' matches no snapshot of the build"),
        (Selection(groups=("g3",)), "--group 'g3' matches no snapshot of the build that needs a"),
        (Selection(globs=("same.*",)), "--glob 'same..' matches no snapshot of the build that"),
    ],
)
def test_a_selection_of_nothing_is_misspelt(selection: Selection, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        selection.of(IMAGES)


def test_a_review_object(store: MemoryBucket) -> None:
    decision = Decision("reject", Selection(("a.png",), ("b/*",), ("g",)), "e1", "the logo is gone")
    key = write_review(store, BUILD, decision, "an-id")
    assert key == "reviews/shop/9001-1/an-id.json"
    assert json.loads(store.objects[key]) == {
        "schema_version": 1,
        "action": "reject",
        "execution": "e1",
        "names": ["a.png"],
        "globs": ["b/*"],
        "groups": ["g"],
        "reason": "the logo is gone",
    }
    key = write_review(store, BUILD, Decision("approve", Selection(), None), new_id())
    assert json.loads(store.objects[key]) == {"schema_version": 1, "action": "approve"}


def test_a_reason_has_its_limit(store: MemoryBucket) -> None:
    decision = Decision("approve", Selection(), None, "x" * 2_001)
    with pytest.raises(UsageError, match="--reason has 2,001 characters; up to 2,000"):
        write_review(store, BUILD, decision, "r1")


def test_ids_sort_by_time_and_are_nobody_elses() -> None:
    early, late = (datetime(2026, 1, 2, 3, 4, second, tzinfo=UTC) for second in (5, 6))
    assert new_id(early) < new_id(late)
    assert new_id(early) != new_id(early)
    assert new_id(early).startswith("20260102T030405000000Z-")


def decisions_file(tmp_path: Path, **fields: Any) -> Path:
    said = {
        "schema_version": 1,
        "project": "shop",
        "build": "9001-1",
        "execution": "e1",
        "decisions": {"b.png": "approve", "a.png": "approve", "c.png": "reject"},
    }
    path = tmp_path / "decisions.json"
    path.write_text(json.dumps({**said, **fields}))
    return path


def test_decisions_of_a_report(tmp_path: Path) -> None:
    build, decisions = read_decisions(decisions_file(tmp_path), None)
    assert build == BUILD
    assert decisions == (
        Decision("approve", Selection(names=("a.png", "b.png")), "e1"),
        Decision("reject", Selection(names=("c.png",)), "e1"),
    )


OTHER = BuildId("shop", "8")


@pytest.mark.parametrize(
    ("fields", "build", "words"),
    [
        ({"schema_version": 2}, None, "is not a decisions.json of a report"),
        ({"decisions": []}, None, "is not a decisions.json of a report"),
        ({"decisions": {}}, None, "has no decisions"),
        ({"decisions": {"a": "maybe"}}, None, r"\['a'\] is 'maybe'; it must be approve or"),
        ({}, OTHER, "is for shop/9001-1, but the command line names shop/8"),
    ],
)
def test_decisions_that_are_none(
    tmp_path: Path, fields: dict[str, Any], build: BuildId | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        read_decisions(decisions_file(tmp_path, **fields), build)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--from .*gone.json cannot be read: No such file"):
        read_decisions(tmp_path / "gone.json", None)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(UsageError, match=r"--from .*broken.json is not valid JSON"):
        read_decisions(tmp_path / "broken.json", None)


ALL, SOME = Selection(), Selection(names=("a.png",))


@pytest.mark.parametrize(
    ("action", "selection", "review", "done"),
    [
        ("approve", ALL, None, False),
        ("approve", ALL, {"state": "needed", "left": 2}, False),
        ("approve", ALL, {"state": "approved", "left": 0}, True),
        ("approve", SOME, {"state": "needed", "left": 2, "names": ["a.png", "b.png"]}, False),
        ("approve", SOME, {"state": "needed", "left": 1, "names": ["b.png"]}, True),
        ("approve", SOME, {"state": "needed", "left": 900, "names": ["b.png"]}, False),
        (
            "approve", SOME,
            {"state": "needed", "left": 900, "names": ["b.png"], "approved": 1}, True,
        ),
        ("reject", ALL, {"state": "needed", "left": 1}, False),
        ("reject", ALL, {"state": "rejected", "left": 0}, True),
        ("reject", SOME, {"state": "needed", "left": 1, "rejected": 1}, True),
    ],
)  # fmt: skip
def test_carried_out(
    action: str, selection: Selection, review: dict[str, Any] | None, done: bool
) -> None:
    status = {"verdict": "needs_review", "review": review}
    decision = Decision(action, selection, None)
    assert is_carried_out(status, decision, set(selection.names)) is done


def test_a_review_that_does_not_count() -> None:
    refused = [{"id": "i1", "why": "names: the build has no snapshot 'x'"}]
    status = {"review": {"state": "needed", "left": 1, "refused": refused}}
    assert refusal_of(status, "reviews/shop/7/i1.json") == refused[0]["why"]
    assert refusal_of(status, "reviews/shop/7/i2.json") is None
    assert refusal_of({"review": None}, "reviews/shop/7/i1.json") is None
    assert refusal_of(None, "reviews/shop/7/i1.json") is None
