"""The tidy function on moto: real keys, real times."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from handlers.conftest import Account, Context, event
from handlers.test_compare import WEB, metrics_in, png
from pixelgate import bootstrap
from pixelgate.bootstrap import retention_days
from pixelgate.domain import keys
from pixelgate.domain.keys import ComparisonId
from pixelgate.errors import UsageError
from pixelgate.pipeline.context import CompareContext
from pixelgate.ports import Aged, Attic, Stages

# A day that every test begins on, whenever it is run.
BEGIN = "2026-11-14"
DAY = 86_400.0
Tidy = Callable[[float], dict[str, Any]]


@dataclass
class ShiftedAttic:
    """A bucket whose objects were written `shift` seconds later than it says."""

    attic: Attic
    shift: float

    def entries(self, prefix: str) -> Iterator[Aged]:
        for found in self.attic.entries(prefix):
            yield Aged(found.key, found.size, found.modified + self.shift)

    def folders(self, prefix: str) -> Iterator[str]:
        return self.attic.folders(prefix)

    def copy(self, key: str, to: str) -> None:
        self.attic.copy(key, to)

    def delete(self, keys: Collection[str]) -> None:
        self.attic.delete(keys)


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
        records, attic = bootstrap.open_attic(account.bucket, account.table)
        now = start + days * DAY
        shifted = ShiftedAttic(attic, start - started)
        monkeypatch.setattr(tidy, "opened", lambda: (replace(records, clock=lambda: now), shifted))
        answer: dict[str, Any] = tidy.handler({}, Context())
        return answer

    return run


def test_what_a_dead_run_left_goes_and_what_is_published_stays(
    account: Account, tidy: Tidy, capsys: pytest.CaptureFixture[str]
) -> None:
    account.upload(WEB, {"a.png": png(1)})
    account.compare.handler(event("s3-manifest-put.json"), Context())
    before = account.keys()
    record = ComparisonId("web", WEB.build, "@none")
    account.put(keys.result(record, "dead", "comparison.json"), b"{}")
    assert tidy(0.5) == {"projects": {"web": {"orphans": 0}}}
    capsys.readouterr()
    assert tidy(2) == {"projects": {"web": {"orphans": 1}}}
    assert metrics_in(capsys.readouterr().out)["ExecutionsOrphaned"] == 1
    assert account.keys() == before


def test_garbage_is_reported_or_collected_as_the_stack_says(
    account: Account,
    tidy: Tidy,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    account.upload(WEB, {"a.png": png(1)}, branch="topic")
    account.compare.handler(event("s3-manifest-put.json"), Context())
    monkeypatch.setenv("PIXELGATE_RETENTION_DAYS", "90,web=30")
    before = account.keys()
    assert tidy(31) == {"projects": {"web": {"orphans": 0}}}  # off

    monkeypatch.setenv("PIXELGATE_GARBAGE_COLLECTION", "dry")
    nothing = dict.fromkeys(("hidden", "removed", "set_aside", "restored", "deleted"), 0)
    young = {"orphans": 0, "builds": 0, "images": 0, "diffs": 0, "bytes": 0, **nothing}
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
    assert (done["removed"], done["set_aside"]) == (1, 1)
    metrics = metrics_in(capsys.readouterr().out)
    assert (metrics["BuildsRemoved"], metrics["ImagesSetAside"]) == (1, 1)
    assert metrics["ObjectsRemoved"] == done["deleted"] > 3
    # What was aside has gone too: by the bucket's own clock it was written weeks ago.
    assert tops(account) == {"diffs", "gc"}
    assert tidy(150)["projects"]["web"]["deleted"] == 1
    assert account.keys() == ["gc/web/going.json"]


@pytest.mark.parametrize(
    ("begin", "gone"),
    [
        # A run looks for results of its month and of the one before; a week later nobody is left
        # who began in the month after that.
        pytest.param("2026-11-01", "2027-01-08", id="first day"),
        pytest.param("2026-11-30", "2027-01-08", id="last day"),
        pytest.param("2026-12-31", "2027-02-08", id="end of the year"),
        pytest.param("2027-01-01", "2027-03-08", id="new year"),
        pytest.param("2028-02-29", "2028-04-08", id="leap day"),
    ],
    indirect=["begin"],
)
def test_results_go_a_week_into_the_month_after_the_next(
    account: Account, tidy: Tidy, monkeypatch: pytest.MonkeyPatch, begin: datetime, gone: str
) -> None:
    monkeypatch.setenv("PIXELGATE_RETENTION_DAYS", "1")
    monkeypatch.setenv("PIXELGATE_GARBAGE_COLLECTION", "delete")
    account.upload(WEB, {"a.png": png(1)}, branch="topic")
    account.compare.handler(event("s3-manifest-put.json"), Context())
    assert tidy(2)["projects"]["web"]["hidden"] == 1
    assert tidy(10)["projects"]["web"]["removed"] == 1
    assert tops(account) == {"diffs", "gc"}
    days = (a_day(gone) - begin) / timedelta(days=1)
    tidy(days - 1)
    assert tops(account) == {"diffs", "gc"}
    tidy(days)
    assert tops(account) == {"gc"}


def tops(account: Account) -> set[str]:
    return {key.split("/")[0] for key in set(account.keys())}


@pytest.mark.parametrize("said", ["soon", "web=", "web=-1", "90;30"])
def test_a_retention_that_makes_no_sense_is_refused(said: str) -> None:
    with pytest.raises(UsageError, match="is no retention: days, or project=days"):
        retention_days(said)


def test_one_project_that_cannot_be_tidied_up_does_not_keep_the_others(
    account: Account, tidy: Tidy
) -> None:
    account.upload(WEB, {"a.png": png(1)})
    account.compare.handler(event("s3-manifest-put.json"), Context())
    record = ComparisonId("web", WEB.build, "@none")
    dead = keys.result(record, "dead", "comparison.json")
    account.put(dead, b"{}")
    account.put("comparisons/odd/not-as-we-write-them", b"{}")
    with pytest.raises(ExceptionGroup) as raised:
        tidy(2)
    assert [error.__notes__ for error in raised.value.exceptions] == [["odd"]]
    assert dead not in set(account.keys())
