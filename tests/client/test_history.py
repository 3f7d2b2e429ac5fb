"""The builds of a project, newest first, and one snapshot through them."""

from __future__ import annotations

import json
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.published.history import history, newest, of_snapshot
from support.doubles.memory import MemoryBucket


def build(
    store: MemoryBucket, name: str, moment: float, branch: str | None, **status: Any
) -> BuildId:
    made = BuildId("shop", name)
    said = {"state": "SUCCEEDED", "verdict": "passed", "base": "b0", "updated": f"2026-{name}",
            "commit": f"c{name}", "branch": branch, "pull_request": "5"}  # fmt: skip
    store.write(keys.status(made), json.dumps({**said, **status}).encode(), "x")
    store.modified[keys.status(made)] = moment
    return made


def test_newest_first_by_upload(store: MemoryBucket) -> None:
    """A review writes the status of an old build again, and that makes it no newer."""
    for name, uploaded, told in (("1", 100, 900), ("2", 300, 301), ("3", 200, 201)):
        made = build(store, name, told, "main")
        store.write(keys.accepted_manifest(made), b"{}", "x")
        store.modified[keys.accepted_manifest(made)] = uploaded
    store.write("builds/shop/1/reviews/manifest.json", b"{}", "x")
    store.modified["builds/shop/1/reviews/manifest.json"] = 950
    build(store, "rejected", 250, None)  # its manifest was refused, so only a status is there
    store.write("builds/shop2/9/status.json", b"{}", "x")
    store.write("builds/shop/4/manifest.json", b"{}", "x")
    assert [b.build for b in newest(store, "shop")] == ["2", "rejected", "3", "1"]


def test_a_branch_and_a_limit(store: MemoryBucket) -> None:
    for number in range(30):
        build(store, f"{number:02}", number, "main" if number % 3 == 0 else "feature")
    found = history(store, "shop", branch="main", limit=4)
    assert [past.id.build for past in found] == ["27", "24", "21", "18"]
    assert [past.id.build for past in history(store, "shop", limit=2)] == ["29", "28"]


def test_a_build_as_json(store: MemoryBucket) -> None:
    build(store, "1", 100, "main", counts={"total": 3}, report="r")
    assert [past.as_json() for past in history(store, "shop")] == [
        {
            "build": "1",
            "commit": "c1",
            "branch": "main",
            "pull_request": "5",
            "state": "SUCCEEDED",
            "verdict": "passed",
            "result": "passed",
            "counts": {"total": 3},
            "base": "b0",
            "report": "r",
            "updated": "2026-1",
            "reviewers": [],
        }
    ]


def test_of_a_refused_build_no_commit_is_known(store: MemoryBucket) -> None:
    build(store, "1", 100, None, state="FAILED", commit=None, pull_request=None)
    (past,) = history(store, "shop")
    assert (past.commit, past.branch, past.as_json()["result"]) == (None, None, "failed")


def test_no_manifest_is_read(store: MemoryBucket) -> None:
    """One may have 256 MiB."""
    build(store, "1", 100, "main")
    read, asked = store.read, []

    def note(key: str, limit: int | None = None) -> bytes:
        asked.append(key)
        return read(key, limit)

    store.read = note  # type: ignore[method-assign]
    history(store, "shop")
    assert asked == ["builds/shop/1/status.json"]


def test_a_snapshot_through_the_builds_in_whatever_unicode_form_they_write_it(
    store: MemoryBucket,
) -> None:
    images: dict[str, dict[str, Any]] = {
        "1": {"u\u0308.png": {"status": "added"}},
        "2": {},
        "3": {"\u00fc.png": {"status": "changed"}},
    }
    for name, written in images.items():
        key = f"comparisons/shop/{name}.json"
        store.write(key, json.dumps({"images": written}).encode(), "x")
        build(store, name, float(name), "main", comparison=key)
    found = of_snapshot(store, "\u00fc.png", history(store, "shop"))
    assert [(past.id.build, seen.image) for past, seen in found] == [
        ("3", {"status": "changed"}),
        ("2", None),
        ("1", {"status": "added"}),
    ]
