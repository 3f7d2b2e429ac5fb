"""The tidy function on moto: real keys, real times."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from handlers.conftest import Account, Context, event
from handlers.test_compare import WEB, metrics_in, png
from pixelgate import keys, wiring
from pixelgate.errors import UsageError
from pixelgate.keys import ComparisonId
from pixelgate.wiring import retention_days

DAY = 86_400.0
Tidy = Callable[[float], dict[str, Any]]


@pytest.fixture
def tidy(account: Account, monkeypatch: pytest.MonkeyPatch) -> Tidy:
    """Runs the function as it would run so many days from now."""
    from pixelgate.handlers import tidy

    def run(days: float) -> dict[str, Any]:
        real = wiring.open_attic(account.bucket, account.table)
        now = time.time() + days * DAY
        monkeypatch.setattr(tidy, "opened", lambda: (replace(real[0], clock=lambda: now), real[1]))
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
    assert {key.split("/")[0] for key in set(account.keys())} == {"diffs", "gc"}
    assert tidy(150)["projects"]["web"]["deleted"] == 1
    assert account.keys() == ["gc/web/going.json"]


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
