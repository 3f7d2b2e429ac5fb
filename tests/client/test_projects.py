"""Projects of a bucket: listed, renamed, moved and deleted, and interrupted at each write."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from pixelgate.aws.operator import ProjectTable
from pixelgate.client.projects import Place, Table, delete, list_projects, marker_of
from pixelgate.client.projects_move import move
from pixelgate.client.report_download import fetch_report
from pixelgate.domain import keys
from pixelgate.domain.history import encode, raw_lines
from pixelgate.domain.keys import BuildId, ShardId
from pixelgate.domain.records import BuildRecord, Review
from pixelgate.errors import BucketError, Refused, UsageError
from pixelgate.past.model import Past
from pixelgate.pipeline.cleanup.garbage import Retention, collect
from pixelgate.pipeline.cleanup.index import merge_index
from pixelgate.pipeline.compare.outcomes import Outcome, Published, Rejected
from pixelgate.pipeline.compare.run import compare_build
from pixelgate.pipeline.review.apply import carry_out
from pixelgate.ports import Listed
from pixelgate.report import render_failure
from pixelgate.storage.dynamodb_comparisons import DynamoLedger
from pixelgate.storage.dynamodb_projects import DynamoProjects
from pixelgate.storage.s3 import S3Bucket
from support import aws
from support.doubles.memory import MemoryBucket
from support.doubles.project_table import MemoryProjectTable
from support.world import World, manifest, sha

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_dynamodb import DynamoDBClient

NEW = "store"
DAY = 86_400.0


class Broken(BucketError):
    """The fault that a test makes."""


@dataclass
class Faults:
    """Lets so many writes happen; the next one fails, as do all after it."""

    left: int = 1_000_000
    writes: list[str] = field(default_factory=list)

    def write(self, what: str) -> None:
        if self.left == 0:
            raise Broken(what)
        self.left -= 1
        self.writes.append(what)


class FaultyBucket(MemoryBucket):
    """A bucket whose writes and deletions may fail."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self.faults = faults

    def write(self, key: str, body: bytes, content_type: str) -> None:
        self.faults.write(f"write {key}")
        super().write(key, body, content_type)

    def put_new(self, key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        self.faults.write(f"write {key}")
        return super().put_new(key, body, content_type, sha256)

    def delete(self, keys: Collection[str]) -> None:
        for key in keys:
            self.faults.write(f"delete {key}")
            super().delete([key])


class FaultyTable:
    """A table whose writes and deletions may fail."""

    def __init__(self, inner: Table, faults: Faults) -> None:
        self.inner = inner
        self.faults = faults

    def items(self, project: str) -> list[dict[str, Any]]:
        return list(self.inner.items(project))

    def put_new(self, item: Mapping[str, Any]) -> dict[str, Any] | None:
        self.faults.write(f"record {item['pk']} {item['sk']}")
        return self.inner.put_new(item)

    def put(self, item: Mapping[str, Any]) -> None:
        self.faults.write(f"record {item['pk']} {item['sk']}")
        self.inner.put(item)

    def delete(self, item: Mapping[str, Any]) -> bool:
        self.faults.write(f"remove {item['pk']} {item['sk']}")
        return self.inner.delete(item)


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[DynamoDBClient]:
    with aws.dynamodb() as client:
        yield client


@dataclass
class Stack:
    """A bucket and a table, with a worker."""

    world: World
    bucket: FaultyBucket
    table: FaultyTable
    ledger: DynamoLedger
    faults: Faults

    def place(self, project: str = "shop", at: str = "shots") -> Place:
        return Place(self.bucket, self.table, at, project)

    def now(self) -> float:
        return self.world.clock.now

    def move(self, project: str = NEW, *, dry_run: bool = False) -> Any:
        return move(self.place(), self.place(project), self.now(), dry_run=dry_run)

    def compare(
        self, project: str, build: str, images: Mapping[str, bytes], **said: Any
    ) -> Outcome:
        """Uploads a build to a project and compares it."""
        body = json.loads(manifest(build, images, **said))
        for image in images.values():
            self.bucket.write(keys.image(project, sha(image)), image, "image/png")
        name = BuildId(project, build)
        uploaded = json.dumps({**body, "project": project}).encode()
        self.bucket.write(keys.uploaded_manifest(name), uploaded, "application/json")
        return compare_build(name, self.world.service(render_failure=render_failure))


def stack_of(dynamodb: DynamoDBClient) -> Stack:
    faults = Faults()
    bucket, name = FaultyBucket(faults), aws.make_table(dynamodb)
    table = FaultyTable(ProjectTable(DynamoProjects(dynamodb, name), name), faults)
    ledger = DynamoLedger(dynamodb, name)
    world = World(objects=bucket, ledger=ledger)  # type: ignore[arg-type]
    bucket.clock = world.clock
    return Stack(world, bucket, table, ledger, faults)


BASE = {"a.png": b"a", "b.png": b"b"}


@pytest.fixture
def stack(dynamodb: DynamoDBClient) -> Stack:
    """A project with a baseline, an approved build, a rejected one, a plain and a sharded one."""
    made = stack_of(dynamodb)
    world = made.world
    made.compare("shop", "trunk.1", BASE, commit="c1")
    made.compare("shop", "2", {**BASE, "a.png": b"A"}, commit="c2", branch="topic",
                 base_commit="c1", pull_request="7")  # fmt: skip
    review = {"schema_version": 1, "action": "approve"}
    written = world.write_review(BuildId("shop", "2"), "r1", json.dumps(review).encode())
    carry_out(written, world.service())
    world.write_manifest("bad", b'{"project": "shop", "build": "bad"}')
    world.receive("uploads/shop/bad/manifest.json", render_failure=render_failure)
    world.receive(world.upload_plain("plain", {"a.png": b"a"}, commit="c3"))
    for index in (1, 2):
        shard = ShardId(index, 2)
        world.receive(world.upload_shard("parts", shard, {f"{index}.png": b"a"}, commit="c4"))
    world.clock.sleep(2 * DAY)
    made.faults.writes.clear()
    return made


def objects(stack: Stack, project: str) -> dict[str, bytes]:
    """The objects of a project by key, with neither marker nor cached diffs."""
    return {
        key: body
        for key, body in stack.bucket.objects.items()
        if key.split("/")[1] == project and not key.startswith("cache/")
    }


def test_a_renamed_project_is_whole(stack: Stack, tmp_path: Path) -> None:
    before = objects(stack, "shop")
    records = len(stack.table.items("shop"))
    done = stack.move()
    after = objects(stack, NEW)
    kept = [key for key in before if key.split("/")[0] not in {"uploads", "reviews"}]
    assert sorted(after) == sorted(key.replace("/shop/", f"/{NEW}/") for key in kept)
    assert (done.objects, done.records, done.left) == (len(kept), records, [])
    assert objects(stack, "shop") == {}
    assert stack.table.items("shop") == []
    # Nothing in it says the old name, besides what people and CI wrote.
    assert not [key for key, body in after.items() if b"shop" in body and "/reviews/" not in key]
    for build, state in (("trunk.1", "passed"), ("2", "needs_review"), ("bad", None)):
        status = json.loads(after[f"builds/{NEW}/{build}/status.json"])
        assert (status["project"], status["verdict"]) == (NEW, state)
        if state:
            comparison = json.loads(after[status["comparison"]])
            page = fetch_report(stack.bucket, status, comparison, tmp_path / build)
            links = re.findall(rb'(?:\.\./)+images/[^\s"\'<>),]+', page.read_bytes())
            for link in links:
                assert (page.parent / unquote(link.decode())).exists()


def test_a_renamed_project_has_its_baselines_and_approvals(stack: Stack) -> None:
    stack.move()
    record = stack.ledger.build(BuildId(NEW, "2"))
    assert isinstance(record, BuildRecord)
    assert record.review is Review.APPROVED
    assert [b.id.build for b in stack.ledger.builds_at(NEW, "c1")] == ["trunk.1"]
    outcome = stack.compare(NEW, "3", {**BASE, "a.png": b"A"}, commit="c5", ancestors=["c2", "c1"])
    assert isinstance(outcome, Published)
    assert (outcome.record.id.base, outcome.record.verdict) == ("2", "passed")
    # The ids of its builds are taken there, too.
    assert isinstance(stack.compare(NEW, "2", {"a.png": b"other"}, commit="c2"), Rejected)


def test_copies_start_no_comparison_and_are_seen_last(stack: Stack) -> None:
    stack.move()
    written = [w.removeprefix("write ") for w in stack.faults.writes if w.startswith("write ")]
    assert not [k for k in written if keys.upload_of(k) or keys.review_of(k)]
    assert not [k for k in written if k.startswith(("uploads/", "reviews/"))]
    said = [w for w in stack.faults.writes if f"/{NEW}/" in w or f" {NEW} " in w]
    record = said.index(f"record {NEW} build/2")
    status = said.index(f"write builds/{NEW}/2/status.json")
    assert record < status
    parts = [w for w in said[1:record] if w.startswith("write ")]
    assert f"write builds/{NEW}/2/manifest.json" in parts
    assert f"write images/{NEW}/{sha(b'A')}" in parts
    assert any(w.startswith(f"write comparisons/{NEW}/2/trunk.1/") for w in parts)
    first = next(i for i, w in enumerate(stack.faults.writes) if w.startswith("remove shop"))
    assert stack.faults.writes.index(f"write builds/{NEW}/2/status.json") < first


def builds_whole(stack: Stack, project: str) -> set[str]:
    """The builds of a project that could be a baseline or shown: record, objects and images."""
    found = set()
    for item in stack.table.items(project):
        build = BuildId(project, item["sk"].removeprefix("build/"))
        if not item["sk"].startswith("build/") or "manifest_sha256" not in item:
            continue
        body = stack.bucket.objects.get(keys.accepted_manifest(build))
        hashes = [i["sha256"] for i in json.loads(body)["images"].values()] if body else ["none"]
        if all(keys.image(project, name) in stack.bucket.objects for name in hashes):
            found.add(build.build)
    return found


def records_of(stack: Stack, project: str) -> set[str]:
    items = stack.table.items(project)
    return {i["sk"][6:] for i in items if i["sk"].startswith("build/") and "commit" in i}


def test_an_interrupted_move_loses_nothing_and_goes_on(dynamodb: DynamoDBClient) -> None:
    wanted, number, builds = None, 0, {"trunk.1", "2"}
    first = stack_of(dynamodb)
    first.compare("shop", "trunk.1", {"a.png": b"a"}, commit="c1")
    first.compare("shop", "2", {"a.png": b"A"}, commit="c2", base_commit="c1", branch="x")
    first.world.clock.sleep(2 * DAY)
    items = first.table.items("shop")
    while True:
        faults = Faults()
        bucket, table = FaultyBucket(faults), FaultyTable(MemoryProjectTable(items), faults)
        bucket.clock = first.world.clock
        for key, body in first.bucket.objects.items():
            bucket.write(key, body, first.bucket.content_types[key])
            bucket.modified[key] = first.bucket.modified[key]
        stack = replace(first, bucket=bucket, table=table, faults=faults)
        stack.faults.left = number
        try:
            stack.move()
        except Broken:
            interrupted = True
        else:
            interrupted = False
        # Each build is whole in one place, and a record is only where its build is whole.
        assert builds_whole(stack, "shop") | builds_whole(stack, NEW) == builds, number
        for project in ("shop", NEW):
            assert records_of(stack, project) == builds_whole(stack, project), (number, project)
        stack.faults.left = 1_000_000
        if interrupted:
            stack.move()
        result = objects(stack, NEW)
        assert wanted is None or result.keys() == wanted
        wanted = result.keys()
        assert objects(stack, "shop") == {}
        assert stack.table.items("shop") == []
        assert builds_whole(stack, NEW) == builds
        if not interrupted:
            break
        number += 1
    assert number > 30


def test_to_another_bucket_with_its_own_table(stack: Stack, dynamodb: DynamoDBClient) -> None:
    other = stack_of(dynamodb)
    before = objects(stack, "shop")
    move(stack.place(), other.place(at="other"), stack.now(), dry_run=False)
    after = objects(other, "shop")
    assert after == {
        key: body for key, body in before.items() if key.split("/")[0] not in {"uploads", "reviews"}
    }
    assert objects(stack, "shop") == {}
    assert [b.id.build for b in other.ledger.builds_at("shop", "c1")] == ["trunk.1"]


def test_a_dry_run_changes_nothing(stack: Stack) -> None:
    planned = stack.move(dry_run=True)
    assert stack.faults.writes == []
    assert (planned.objects, planned.records) == (
        stack.move().objects, len(stack.table.items(NEW)),
    )  # fmt: skip


Prepare = Callable[[Stack], None]


def _running(stack: Stack) -> None:
    stack.ledger.claim(
        BuildId("shop", "9").against("trunk.1"), "named", "e9", stack.now(), stack.now() + 90
    )


def _just_uploaded(stack: Stack) -> None:
    stack.world.upload("10", {"a.png": b"a"})


def _just_reviewed(stack: Stack) -> None:
    stack.world.write_review(BuildId("shop", "2"), "r2", b"{}")


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        pytest.param(_running, "are compared, .* not announced yet: '9'", id="running"),
        pytest.param(_just_uploaded, "uploaded in the last hour .*: '10'", id="on its way"),
        pytest.param(_just_reviewed, "reviews of the last minutes .*: '2'", id="a review"),
    ],
)
def test_what_runs_is_left_alone(stack: Stack, prepare: Prepare, words: str) -> None:
    prepare(stack)
    before = dict(stack.bucket.objects)
    with pytest.raises(UsageError, match=words):
        stack.move()
    with pytest.raises(UsageError, match=words):
        delete(stack.place(), stack.now(), dry_run=False)
    assert stack.bucket.objects == before


def test_an_upload_that_nobody_accepted_stays_where_it_is(stack: Stack) -> None:
    stack.world.upload("10", {"a.png": b"a"})
    stack.world.clock.sleep(DAY)
    assert stack.move().left == ["10"]
    assert [key.split("/")[0:3] for key in objects(stack, "shop")] == [["uploads", "shop", "10"]]


def test_what_comes_meanwhile_is_moved_too(stack: Stack) -> None:
    whole = stack.bucket.put_new
    came: list[str] = []

    def put_new(key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        if not came:
            came.append(key)
            stack.compare("shop", "late", {"a.png": b"late"}, commit="c8")
        return whole(key, body, content_type, sha256)

    stack.bucket.put_new = put_new  # type: ignore[method-assign]
    stack.move()
    assert "late" in builds_whole(stack, NEW)
    assert objects(stack, "shop") == {}


def test_a_review_at_the_last_moment_is_not_lost(stack: Stack) -> None:
    whole = stack.table.delete

    def later(item: Mapping[str, Any]) -> bool:
        if item["sk"] == "build/2":
            stack.ledger.set_review(BuildId("shop", "2"), Review.REJECTED, 99)
        return whole(item)

    stack.table.delete = later  # type: ignore[method-assign]
    with pytest.raises(UsageError, match=r"has changed meanwhile .*Run the same command again"):
        stack.move()
    stack.table.delete = whole  # type: ignore[method-assign]
    stack.move()
    record = stack.ledger.build(BuildId(NEW, "2"))
    assert record is not None
    assert record.review is Review.REJECTED


def test_a_review_in_the_new_place_is_not_overwritten_by_what_is_left_of_the_old(
    stack: Stack,
) -> None:
    stack.move(dry_run=True)
    whole = stack.table.delete
    stack.table.delete = lambda item: False  # type: ignore[method-assign]
    with pytest.raises(UsageError, match="has changed meanwhile"):
        stack.move()
    stack.table.delete = whole  # type: ignore[method-assign]
    build = BuildId(NEW, "2")
    review = {"schema_version": 1, "action": "reject"}
    written = stack.world.write_review(build, "r9", json.dumps(review).encode())
    carry_out(written, stack.world.service())
    status = json.loads(stack.bucket.objects[keys.status(build)])
    assert status["review"]["state"] == "rejected"
    stack.world.clock.sleep(DAY)
    stack.move()
    record = stack.ledger.build(build)
    assert record is not None
    assert record.review is Review.REJECTED
    assert json.loads(stack.bucket.objects[keys.status(build)]) == status
    assert objects(stack, "shop") == {}


def test_a_result_that_was_replaced_after_an_interruption_is_moved_as_it_is_now(
    stack: Stack,
) -> None:
    whole = stack.table.delete
    stack.table.delete = lambda item: False  # type: ignore[method-assign]
    with pytest.raises(UsageError, match="has changed meanwhile"):
        stack.move()
    stack.table.delete = whole  # type: ignore[method-assign]
    # A later delivery has written the build's status and the record of its comparison anew.
    status = {**stack.world.status("2"), "updated": "2099-01-01T00:00:00.000+00:00"}
    stack.bucket.write(keys.status(BuildId("shop", "2")), json.dumps(status).encode(), "x")
    [item] = [i for i in stack.table.items("shop") if i["sk"].startswith("comparison/2/")]
    stack.table.put({**item, "updated": item["updated"] + 1})
    stack.move()
    moved = json.loads(stack.bucket.objects[keys.status(BuildId(NEW, "2"))])
    assert moved["updated"] == status["updated"]


@pytest.mark.parametrize("writes", [4, 12, 30, 45])
def test_garbage_collection_leaves_a_move_alone(stack: Stack, writes: int) -> None:
    stack.faults.left = writes
    with pytest.raises(Broken):
        stack.move()
    stack.faults.left = 1_000_000
    stack.faults.writes.clear()
    for project in ("shop", NEW):
        collect(project, stack.world.service(), Retention(), delete=True)
    assert stack.faults.writes == []
    stack.move()
    assert builds_whole(stack, NEW) >= {"trunk.1", "2"}


def test_a_name_that_is_taken_is_refused(stack: Stack) -> None:
    stack.compare(NEW, "1", {"a.png": b"a"}, commit="c1")
    with pytest.raises(UsageError, match="there is a project store in shots already"):
        stack.move()
    with pytest.raises(UsageError, match="is where it is to go"):
        stack.move("shop")
    with pytest.raises(UsageError, match="there is no project nowhere in shots"):
        move(stack.place("nowhere"), stack.place("x"), stack.now(), dry_run=False)


def test_a_move_that_is_not_finished_stands_in_the_way_of_others(stack: Stack) -> None:
    stack.faults.left = 3
    with pytest.raises(Broken):
        stack.move()
    stack.faults.left = 1_000_000
    stack.compare("other", "1", {"a.png": b"a"}, commit="c1")
    stack.world.clock.sleep(2 * DAY)
    with pytest.raises(UsageError, match="a move from shop in shots into store in shots is not"):
        move(stack.place("other"), stack.place(NEW), stack.now(), dry_run=False)
    with pytest.raises(UsageError, match="a move into store in shots is not finished"):
        move(stack.place(NEW), stack.place("x"), stack.now(), dry_run=False)
    assert [s.moving_from for s in list_projects(stack.bucket)] == [None, None, "shop"]
    # It may be given up: nothing was removed yet.
    delete(stack.place(NEW), stack.now(), dry_run=False)
    assert objects(stack, NEW) == {}
    assert builds_whole(stack, "shop") >= {"trunk.1", "2"}


def test_what_is_the_only_copy_is_not_given_up(stack: Stack) -> None:
    whole = stack.table.delete
    stack.table.delete = lambda item: False  # type: ignore[method-assign]
    with pytest.raises(UsageError, match="has changed meanwhile"):
        stack.move()
    stack.table.delete = whole  # type: ignore[method-assign]
    with pytest.raises(UsageError, match="repeat that move first, else the builds would be lost"):
        delete(stack.place(NEW), stack.now(), dry_run=False)
    stack.move()
    assert marker_of(NEW) not in stack.bucket.objects


def test_a_project_that_ci_uses_already_is_not_overwritten(stack: Stack) -> None:
    stack.faults.left = 3
    with pytest.raises(Broken):
        stack.move()
    stack.faults.left = 1_000_000
    stack.compare(NEW, "2", {"a.png": b"another"}, commit="c9")
    stack.world.clock.sleep(2 * DAY)
    with pytest.raises(UsageError, match=r"has builds of its own with ids .*'2'. Nothing was"):
        stack.move()


def test_an_odd_object_stops_a_rename_before_anything_is_removed(stack: Stack) -> None:
    stack.bucket.write("builds/shop/2/status.json", b"[", "application/json")
    before = objects(stack, "shop")
    with pytest.raises(BucketError, match=r"builds/shop/2/status.json is not as pixelgate writes"):
        stack.move()
    assert objects(stack, "shop") == before


def told(stack: Stack, project: str) -> dict[str, tuple[str, str, int]]:
    """What the history of a project says of each build."""
    entries = Past.of(stack.bucket, project).entries
    assert {entry.project for entry in entries} <= {project}
    return {entry.build: (entry.verdict, entry.review, len(entry.shots)) for entry in entries}


@pytest.mark.parametrize("merged", [True, False])
def test_a_renamed_project_has_its_history(stack: Stack, merged: bool) -> None:
    before = told(stack, "shop")
    assert before["2"] == ("needs_review", "approved", 1)
    if merged:
        assert merge_index("shop", stack.bucket, stack.now()) == len(before) + 1
    stack.move()
    assert told(stack, NEW) == before
    assert told(stack, "shop") == {}
    for key in objects(stack, NEW):
        if "/@history/" in key:
            assert b"shop" not in b"".join(raw_lines(stack.bucket.objects[key]))
            assert stack.bucket.content_types[key] == "application/gzip"


def test_what_the_history_of_the_new_place_got_meanwhile_stays(stack: Stack) -> None:
    before = told(stack, "shop")
    merge_index("shop", stack.bucket, stack.now())
    [month] = [key for key in objects(stack, "shop") if "/@history/" in key]
    stack.faults.left = 3
    with pytest.raises(Broken):
        stack.move()
    stack.faults.left = 1_000_000
    moved = month.replace("/shop/", f"/{NEW}/")
    [entry] = [e for e in Past.of(stack.bucket, "shop").entries if e.build == "2"]
    late = replace(entry.change, review="rejected", revision=9)
    stack.bucket.write(moved, encode([late]), "application/gzip")
    stack.move()
    assert told(stack, NEW) == {**before, "2": ("needs_review", "rejected", 1)}


def test_a_deleted_project_is_gone_and_may_be_deleted_again(stack: Stack) -> None:
    stack.compare("other", "1", {"a.png": b"a"}, commit="c1")
    stack.world.clock.sleep(DAY)
    found = delete(stack.place(), stack.now(), dry_run=True)
    assert found.objects == len(objects(stack, "shop")) > 0
    stack.faults.left = 5
    with pytest.raises(Broken):
        delete(stack.place(), stack.now(), dry_run=False)
    stack.faults.left = 1_000_000
    assert records_of(stack, "shop") <= builds_whole(stack, "shop")
    delete(stack.place(), stack.now(), dry_run=False)
    assert objects(stack, "shop") == {}
    assert stack.table.items("shop") == []
    assert builds_whole(stack, "other") == {"1"}
    with pytest.raises(UsageError, match="there is no project shop in shots"):
        delete(stack.place(), stack.now(), dry_run=False)


def test_the_list_says_builds_snapshots_storage_and_cost(stack: Stack) -> None:
    for key in [k for k in stack.bucket.objects if k.endswith("/comparison.json")]:
        fields = json.loads(stack.bucket.objects[key])
        images = fields.pop("images")
        priced = {**fields, "cost": {"dollars": 0.0025}, "images": images}
        if "/parts/" in key:
            priced.pop("cost")
        stack.bucket.objects[key] = json.dumps(priced).encode()
    [shop] = list_projects(stack.bucket)
    assert (shop.project, shop.builds, shop.images) == ("shop", 5, 3)
    assert (shop.runs, shop.unpriced, round(shop.dollars, 4)) == (4, 1, 0.0075)
    assert shop.snapshots == 2  # of the newest build, whose two shards have one each
    assert shop.size == sum(map(len, objects(stack, "shop").values()))
    assert list_projects(stack.bucket, "nowhere")[0].builds == 0


def test_a_reviewer_sees_the_list_without_what_only_operators_may_list() -> None:
    hidden = {"uploads", "reviews"}

    class Reviewer(MemoryBucket):
        def list(self, prefix: str) -> Iterator[Listed]:
            if prefix.split("/")[0] in hidden:
                raise Refused(f"no {prefix}")
            return super().list(prefix)

    bucket = Reviewer()
    bucket.write("builds/p/1/status.json", b"{}", "application/json")
    bucket.write("uploads/p/1/manifest.json", b"12345", "application/json")
    [found] = list_projects(bucket, "p")
    assert (found.builds, found.size, found.unseen) == (1, 2, ["uploads", "reviews"])
    hidden.add("builds")
    with pytest.raises(Refused):
        list_projects(bucket, "p")


class Ranges(MemoryBucket):
    """Counts the objects that are read whole."""

    whole = 0

    def read(self, key: str, limit: int | None = None) -> bytes:
        self.whole += 1
        return super().read(key, limit)

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        return self.objects[key][offset : offset + length]


@pytest.mark.parametrize("long", [False, True])
def test_the_cost_is_read_from_the_heading_alone(long: bool) -> None:
    bucket = Ranges()
    warning = 'a "cost": {"dollars": 9}, "images": {' + "x" * (100_000 if long else 10)
    fields = {"warnings": [warning], "cost": {"dollars": 0.5}, "images": {"a": {"x": 1}}}
    bucket.write("comparisons/p/1/0/e/comparison.json", json.dumps(fields).encode(), "x")
    [found] = list_projects(bucket)
    assert (found.dollars, found.unpriced) == (0.5, 0)
    assert bucket.whole == long


def test_on_s3_and_dynamodb(dynamodb: DynamoDBClient) -> None:
    """The same on moto's S3, whose bucket keeps versions."""
    made = stack_of(dynamodb)
    made.compare("shop", "trunk.1", BASE, commit="c1")
    with aws.s3() as client:
        name = aws.make_bucket(client)
        bucket = S3Bucket(client, name)
        for key, body in made.bucket.objects.items():
            bucket.write(key, body, "application/octet-stream")
        source = replace(made.place(), bucket=bucket)
        later = made.now() + 60 * 365 * DAY
        target = replace(source, project=NEW)
        move(source, target, later, dry_run=False)
        assert [b.id.build for b in made.ledger.builds_at(NEW, "c1")] == ["trunk.1"]
        there = [entry.key for entry in target.listed()]
        assert keys.status(BuildId(NEW, "trunk.1")) in there
        assert source.listed() == []
        page = next(key for key in there if key.endswith("/index.html"))
        head = client.head_object(Bucket=name, Key=page)
        assert head["ContentType"] == "text/html; charset=utf-8"
        assert client.head_object(Bucket=name, Key=keys.image(NEW, sha(b"a")))["ContentType"]
