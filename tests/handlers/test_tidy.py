"""The tidy function on moto: real keys, real times."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

import pytest

from handlers.conftest import Account, Context
from handlers.test_compare import WEB, metrics_in, png
from pixelgate import bootstrap
from pixelgate.bootstrap import retention_days
from pixelgate.domain import keys
from pixelgate.domain.keys import ComparisonId
from pixelgate.errors import BucketError, UsageError
from pixelgate.pipeline.context import CompareContext
from pixelgate.ports import Bucket, Listed, Stages
from support.log_lines import assert_is_recorded

# A day that every test begins on, whenever it is run.
BEGIN = "2026-11-14"
DAY = 86_400.0
Tidy = Callable[[float], dict[str, Any]]


@dataclass
class ShiftedBucket:
    """A bucket whose objects were written `shift` seconds later than it says."""

    bucket: Bucket
    shift: float

    def list(self, prefix: str) -> Iterator[Listed]:
        for found in self.bucket.list(prefix):
            yield replace(found, modified=found.modified + self.shift)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.bucket, name)


def a_day(iso: str) -> datetime:
    """Its noon."""
    return datetime.fromisoformat(f"{iso}T12:00:00+00:00")


@pytest.fixture
def begin(request: pytest.FixtureRequest) -> datetime:
    return a_day(getattr(request, "param", BEGIN))


@pytest.fixture
def tidy(account: Account, monkeypatch: pytest.MonkeyPatch, begin: datetime) -> Tidy:
    """Runs the function as it would run so many days after `begin`, when everything is written.

    The bucket of these tests stamps its objects with the day on which the test runs: they are
    taken for written at `begin`.
    """
    from pixelgate.handlers import tidy

    start, started = begin.timestamp(), time.time()

    def at_begin(stage: Stages) -> CompareContext:
        return replace(bootstrap.aws_service(stage), clock=lambda: start)

    monkeypatch.setattr(account.compare, "aws_service", at_begin)

    def run(days: float) -> dict[str, Any]:
        storage = bootstrap.open_storage(account.bucket, account.table)
        now = start + days * DAY
        shifted = cast("Bucket", ShiftedBucket(storage.objects, start - started))
        at_that_day = replace(storage, objects=shifted, clock=lambda: now)
        monkeypatch.setattr(tidy, "opened", lambda: at_that_day)
        answer: dict[str, Any] = tidy.handler({}, Context())
        return answer

    return run


def test_what_a_dead_run_left_goes_and_what_is_published_stays(
    account: Account, tidy: Tidy, capsys: pytest.CaptureFixture[str]
) -> None:
    account.upload(WEB, {"a.png": png(1)})
    account.deliver(WEB)
    assert tidy(0.01) == {"projects": {"web": {"orphans": 0, "indexed": 0, "learned": 0}}}
    assert tidy(0.5) == {"projects": {"web": {"orphans": 0, "indexed": 1, "learned": 0}}}
    before = account.keys()
    record = ComparisonId("web", WEB.build, "@none")
    account.put(keys.result(record, "dead", "comparison.json"), b"{}")
    assert tidy(0.5) == {"projects": {"web": {"orphans": 0, "indexed": 0, "learned": 0}}}
    capsys.readouterr()
    assert tidy(2) == {"projects": {"web": {"orphans": 1, "indexed": 0, "learned": 0}}}
    assert metrics_in(capsys.readouterr().out)["ExecutionsOrphaned"] == 1
    assert account.keys() == before


def test_garbage_is_reported_or_collected_as_the_stack_says(
    account: Account,
    tidy: Tidy,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    account.upload(WEB, {"a.png": png(1)}, branch="topic")
    account.deliver(WEB)
    monkeypatch.setenv("PIXELGATE_RETENTION_DAYS", "90,web=30")
    assert tidy(31) == {"projects": {"web": {"orphans": 0, "indexed": 1, "learned": 0}}}  # off
    before = account.keys()

    monkeypatch.setenv("PIXELGATE_GARBAGE_COLLECTION", "dry")
    nothing = dict.fromkeys(("hidden", "removed", "swept", "restored", "deleted"), 0)
    young = {
        "orphans": 0,
        "indexed": 0,
        "learned": 0,
        "builds": 0,
        "images": 0,
        "bytes": 0,
        **nothing,
    }
    assert tidy(29)["projects"]["web"] == young
    found = tidy(31)["projects"]["web"]
    assert found == {**young, "builds": 1, "images": 1, "bytes": found["bytes"]}
    assert found["bytes"] > 100
    assert account.keys() == before

    monkeypatch.setenv("PIXELGATE_GARBAGE_COLLECTION", "delete")
    assert tidy(31)["projects"]["web"]["hidden"] == 1
    assert account.keys() == before
    capsys.readouterr()
    done = tidy(39)["projects"]["web"]
    assert (done["removed"], done["swept"]) == (1, 1)
    metrics = metrics_in(capsys.readouterr().out)
    assert (metrics["BuildsRemoved"], metrics["ImagesDeleted"]) == (1, 1)
    assert metrics["ObjectsRemoved"] == done["deleted"] > 3
    [index] = account.keys()
    assert re.fullmatch(r"builds/web/@history/\d{4}-\d\d\.json\.gz", index)


@pytest.mark.parametrize("begin", ["2026-11-30", "2026-12-31", "2028-02-29"], indirect=True)
def test_an_image_goes_when_it_is_30_days_old_and_comes_back_when_it_is_needed(
    account: Account, tidy: Tidy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXELGATE_GARBAGE_COLLECTION", "delete")
    account.upload(WEB, {"a.png": png(1)})
    manifest = account.read(keys.uploaded_manifest(WEB))
    account.s3.delete_object(Bucket=account.bucket, Key=keys.uploaded_manifest(WEB))
    tidy(29.9)
    assert tops(account) == {"images"}
    assert tidy(30.1)["projects"]["web"]["swept"] == 1
    assert account.keys() == []
    account.put(keys.uploaded_manifest(WEB), manifest)
    account.deliver(WEB)
    assert account.status(WEB)["state"] == "SUCCEEDED"
    assert "images" in tops(account)


def tops(account: Account) -> set[str]:
    return {key.split("/")[0] for key in set(account.keys())}


@pytest.mark.parametrize("said", ["soon", "web=", "web=-1", "90;30"])
def test_a_retention_that_makes_no_sense_is_refused(said: str) -> None:
    with pytest.raises(UsageError, match="is no retention: days, or project=days"):
        retention_days(said)


def test_one_project_that_cannot_be_tidied_up_does_not_keep_the_others(
    account: Account, tidy: Tidy, caplog: pytest.LogCaptureFixture
) -> None:
    account.upload(WEB, {"a.png": png(1)})
    account.deliver(WEB)
    record = ComparisonId("web", WEB.build, "@none")
    dead = keys.result(record, "dead", "comparison.json")
    account.put(dead, b"{}")
    account.put("comparisons/odd/not-as-we-write-them", b"{}")
    with pytest.raises(ExceptionGroup) as raised:
        tidy(2)
    assert [error.__notes__ for error in raised.value.exceptions] == [["odd"]]
    assert_is_recorded("project tidied", caplog)
    assert_is_recorded("project not tidied", caplog)
    [line] = [r for r in caplog.records if r.message == "project not tidied"]
    assert line.__dict__["project"] == "odd"
    assert dead not in set(account.keys())


def test_a_damaged_index_does_not_keep_dead_runs(account: Account, tidy: Tidy) -> None:
    account.upload(WEB, {"a.png": png(1)})
    account.deliver(WEB)
    at = account.status(WEB)["updated"]
    month = keys.index_month("web", at[:7])
    account.put(month, b"mine")
    dead = keys.result(ComparisonId("web", WEB.build, "@none"), "dead", "comparison.json")
    account.put(dead, b"{}")
    with pytest.raises(ExceptionGroup) as raised:
        tidy(2)
    [error] = raised.value.exceptions
    assert f"{month} is no index of pixelgate" in str(error)
    assert dead not in set(account.keys())
    assert account.read(month) == b"mine"


def test_every_project_is_the_first_on_some_day(account: Account, tidy: Tidy) -> None:
    """A run that is cut off at its time limit does not always leave the same projects."""
    names = {"a", "b", "c"}
    for name in names:
        account.put(f"builds/{name}/1/manifest.json", b"{}")
    orders = {tuple(tidy(1)["projects"]) for _ in range(50)}
    assert {order[0] for order in orders} == {order[-1] for order in orders} == names
    # The neighbour of a project that takes all the time is not always behind it.
    assert len(orders) == 6


def test_who_names_another_bucket_is_told_in_words(account: Account) -> None:
    storage = bootstrap.open_storage("elsewhere", account.table)
    with pytest.raises(BucketError, match="there is no bucket 'elsewhere'"):
        list(storage.objects.list(""))
