"""The log says how long each step of a run took, and what a runbook asks is in it."""

from __future__ import annotations

import pytest

from handlers.conftest import Account
from handlers.test_compare import metrics_in, png
from pixelgate.domain.keys import BuildId
from support.log_lines import assert_is_recorded

STEPS = ["accept", "claim", "plan", "fetch", "diff", "report", "publish", "thumbnails"]


def test_each_step_is_timed(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "2048")  # so that there is a cost
    base, head = BuildId("web", "base"), BuildId("web", "head")
    account.upload(base, {"a.png": png(100), "b.png": png(5)})
    account.deliver(base)
    account.upload(head, {"a.png": png(100, block=7), "b.png": png(5)}, base_build="base")
    capsys.readouterr()
    caplog.clear()
    account.deliver(head)
    [line] = [vars(record) for record in caplog.records if record.message == "build compared"]
    assert_is_recorded("build compared", caplog)
    assert list(line["stages"]) == list(line["processors"]) == STEPS
    assert line["processors"]["diff"] > 0
    assert (line["project"], line["build"]) == ("web", "head")
    assert line["comparison"] == "web: head against base"
    assert line["execution"] == account.status(head)["execution"]
    found = metrics_in(capsys.readouterr().out)
    assert {name: found[name] for name in ("SnapshotsByHash", "PairsDiffed", "PixelsDiffed")} == {
        "SnapshotsByHash": 1,
        "PairsDiffed": 1,
        "PixelsDiffed": 1_600,
    }
    assert found["SecondsDiffing"] > 0


@pytest.mark.usefixtures("account")
def test_what_is_not_known_of_a_build_is_none() -> None:
    from pixelgate.handlers import telemetry

    assert telemetry.log_fields(BuildId("web", "1")) == {
        "project": "web",
        "build": "1",
        "comparison": None,
        "execution": None,
    }
