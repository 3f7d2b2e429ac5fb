"""`admin index`: results from before there was an index are added once, and say what they cost."""

from __future__ import annotations

import pytest

from pixelgate.client.index_older import index_older
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.errors import BucketError
from pixelgate.past.model import Entry, Past
from support.doubles.memory import MemoryBucket
from support.reviews import Reviewed
from support.world import PROJECT

BASE = {"a.png": b"a", "b.png": b"b", "same.png": b"s"}
HEAD = {"a.png": b"a2", "b.png": b"b2", "same.png": b"s"}


@pytest.fixture
def town() -> Reviewed:
    """Builds of all kinds, with an index."""
    made = Reviewed()
    made.world.objects.clock = made.world.clock
    made.build("b0", BASE, branch="main")
    made.build("b1", HEAD, base_build="b0", pull_request=5)
    made.review("b1", action="reject", names=["a.png", "b.png"], reason="too blue")
    made.review("b1", action="approve", names=["b.png"])
    made.build("m1", HEAD, base_build="b0", branch="main")
    made.build("b2", HEAD, base_build="b0", pull_request=6, tree="7" * 40)
    made.review("b2", action="approve", on_behalf_of=None)
    made.build("b3", HEAD, base_build="b0", pull_request=6)
    made.build("fork.1", HEAD, base_build="b0", branch="main")
    made.world.compare(made.world.upload("lost", {"x": b"x"}, missing=("x",), base_build="b0"))
    return made


def entries(store: MemoryBucket) -> dict[str, Entry]:
    return {entry.build: entry for entry in Past.of(store, PROJECT).entries}


def forget(store: MemoryBucket) -> None:
    """Makes the bucket one of a version without an index."""
    gone = [key for key in store.objects if key.startswith(keys.index(PROJECT))]
    gone += [key for key in store.objects if key.endswith("/history.json.gz")]
    store.delete(gone)


def test_what_is_added_later_is_what_was_written_at_once(town: Reviewed) -> None:
    store = town.world.objects
    written = entries(store)
    assert written.keys() == {"b0", "b1", "m1", "b2", "b3", "fork.1"}
    forget(store)
    assert entries(store) == {}
    done = index_older(store, PROJECT)
    assert (done.added, done.known, done.left) == (6, 0, {})
    found = entries(store)
    # Of a decision that was overturned, the log has only the names on which it still counts.
    reject, approve = written["b1"].reviews
    assert (reject.names, found["b1"].reviews[0].names) == (("a.png", "b.png"), ("a.png",))
    assert found["b1"].reviews[1] == approve
    assert {**found, "b1": None} == {**written, "b1": None}
    assert found["b3"].carried_from == "b2"


@pytest.mark.parametrize("number", [1, 2, 5])
def test_however_many_are_written_at_once_it_is_the_same(
    town: Reviewed, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = town.world.objects
    forget(store)
    bodies = dict(store.objects)
    index_older(store, PROJECT)
    at_once = entries(store)
    store.delete([key for key in store.objects if key not in bodies])
    monkeypatch.setattr("pixelgate.client.index_older._AT_ONCE", number)
    assert index_older(store, PROJECT).added == len(at_once) == 6
    assert entries(store) == at_once


def test_a_second_run_adds_nothing_and_reads_only_statuses(town: Reviewed) -> None:
    forget(town.world.objects)
    first = index_older(town.world.objects, PROJECT)
    before = dict(town.world.objects.objects)
    again = index_older(town.world.objects, PROJECT)
    assert (again.added, again.known) == (0, 6)
    assert town.world.objects.objects == before
    assert "s3.PutObject" not in again.usage.requests
    assert again.usage.requests == {"s3.ListObjectsV2": 2, "s3.GetObject": 1 + 7}
    assert 0 < again.usage.dollars < first.usage.dollars < 0.0001


def test_reviews_after_it_are_added_to_what_it_added(town: Reviewed) -> None:
    forget(town.world.objects)
    index_older(town.world.objects, PROJECT)
    town.review("b1", action="approve", reason="agreed")
    # The result has no entry beside it, and its review is told all the same.
    found = entries(town.world.objects)["b1"]
    assert (found.review, found.reviews[-1].reason) == ("approved", "agreed")
    town.build("b4", HEAD, base_build="b0", pull_request=7)
    town.review("b4", action="approve")
    assert entries(town.world.objects)["b4"].review == "approved"


@pytest.mark.parametrize(
    ("name", "body", "why"),
    [
        ("comparison.json", b"{}", "schema version None"),
        ("comparison.json", b"{", "Expecting"),
        ("comparison.json", None, "is gone"),
        ("manifest.json", b"{}", "must be given"),
        ("manifest.json", None, "is gone"),
    ],
)
def test_a_result_that_cannot_be_read_is_named_and_the_others_are_added(
    town: Reviewed, name: str, body: bytes | None, why: str
) -> None:
    store = town.world.objects
    forget(store)
    beside = str(town.world.status("b1")["comparison"]).rpartition("/")[0]
    key = f"{beside}/{name}"
    if name == "manifest.json":
        key = keys.accepted_manifest(BuildId(PROJECT, "b1"))
    if body is None:
        store.delete([key])
    else:
        store.write(key, body, "application/json")
    done = index_older(store, PROJECT)
    assert done.added == 5
    assert done.left.keys() == {"b1"}
    assert why in done.left["b1"]


def test_something_else_under_the_index_is_not_overwritten(town: Reviewed) -> None:
    store = town.world.objects
    forget(store)
    key = keys.index_month(PROJECT, "1970-01")
    store.write(key, b"mine", "text/plain")
    with pytest.raises(BucketError, match="is no index of pixelgate"):
        index_older(store, PROJECT)
    assert store.read(key) == b"mine"
