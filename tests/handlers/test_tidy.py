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
from pixelgate.keys import ComparisonId

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
    assert dead not in account.keys()
