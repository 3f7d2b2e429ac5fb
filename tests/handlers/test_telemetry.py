"""A trace has a sub-segment for each step of a run, and the log says how long each took."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from handlers.conftest import Account
from handlers.test_compare import metrics_in, png
from pixelgate.domain.keys import BuildId

STEPS = ["accept", "claim", "plan", "fetch", "diff", "report", "publish", "thumbnails"]


def test_each_step_is_a_sub_segment_and_is_timed(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Imported here, as the fixture does: Powertools reads its settings when it is imported.
    from pixelgate.handlers import telemetry

    begun: list[str] = []
    really = telemetry.tracer.provider.in_subsegment

    @contextmanager
    def in_subsegment(name: str) -> Iterator[Any]:
        begun.append(name)
        with really(name) as segment:
            yield segment

    monkeypatch.setattr(telemetry.tracer.provider, "in_subsegment", in_subsegment)
    base, head = BuildId("web", "base"), BuildId("web", "head")
    account.upload(base, {"a.png": png(100), "b.png": png(5)})
    account.deliver(base)
    account.upload(head, {"a.png": png(100, block=7), "b.png": png(5)}, base_build="base")
    begun.clear()
    capsys.readouterr()
    caplog.clear()
    account.deliver(head)
    assert [name for name in begun if not name.startswith("##")] == STEPS
    [line] = [vars(record) for record in caplog.records if record.message == "build compared"]
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
