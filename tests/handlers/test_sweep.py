"""The sweep function: finds dead comparisons through the index and delivers them again."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from handlers.conftest import Account, Context, event
from handlers.test_compare import WEB, metrics_in, png
from pixelgate.bootstrap import aws_records
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from support.log_lines import assert_is_recorded


def age(account: Account, head: str, base: str, seconds: float) -> None:
    """Makes a comparison look as if nothing had moved for so long."""
    then = str(time.time() - seconds)
    account.dynamodb.update_item(
        TableName=account.table,
        Key={"pk": {"S": "web"}, "sk": {"S": f"comparison/{head}/{base}"}},
        UpdateExpression="SET updated = :then, lease_until = :then",
        ExpressionAttributeValues={":then": {"N": then}},
    )


def test_a_dead_comparison_is_delivered_again_and_then_succeeds(
    account: Account, calls: list[dict[str, Any]]
) -> None:
    account.upload(WEB, {"a.png": png(1)})
    with pytest.raises(Exception, match="time limit"):
        account.deliver(WEB, seconds_left=1)
    age(account, WEB.build, "@none", 400)

    answer = account.sweep.handler(event("sweep-schedule.json"), Context())
    assert [s["action"] for s in answer["swept"]] == ["resume"]
    assert calls == [{"resume": {"project": "web", "build": WEB.build}}]

    account.compare.handler(calls[0], Context())
    assert account.status(WEB)["state"] == "SUCCEEDED"
    assert account.sweep.handler(event("sweep-schedule.json"), Context()) == {"swept": []}


def test_what_goes_well_is_not_swept(
    account: Account, calls: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    account.upload(WEB, {"a.png": png(1)})
    account.compare.handler(event("s3-manifest-put.json"), Context())
    capsys.readouterr()
    assert account.sweep.handler(event("sweep-schedule.json"), Context()) == {"swept": []}
    assert calls == []
    # No zeros: a metric costs money for each hour in which it has a value.
    assert metrics_in(capsys.readouterr().out) == {"SweepsDone": 1}


@pytest.mark.usefixtures("calls")
def test_the_sweep_of_every_minute_does_not_count_as_a_sweep(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    """It restarts nothing, so the alarm on silence must not take it for one that does."""
    account.sweep.handler(event("sweep-waits.json"), Context())
    assert "_aws" not in capsys.readouterr().out


def test_what_is_dead_for_good_is_failed_and_counted(
    account: Account,
    calls: list[dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    build = BuildId("web", "4f2a9c1d")
    account.upload(build, {"a.png": png(1)})
    with pytest.raises(Exception, match="time limit"):
        account.deliver(WEB, seconds_left=1)
    age(account, build.build, "@none", 4_000)
    answer = account.sweep.handler(event("sweep-schedule.json"), Context())
    assert [s["action"] for s in answer["swept"]] == ["give up"]
    metrics = metrics_in(capsys.readouterr().out)
    assert (metrics["LeasesSwept"], metrics["ComparisonsFailed"]) == (1, 1)
    assert_is_recorded("stalled comparison", caplog)
    assert account.status(build)["error"]["code"] == "TIMEOUT"
    assert calls == []


def test_what_cannot_be_swept_is_named_in_the_log(
    account: Account,
    calls: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Lambda's own report of an ExceptionGroup leaves out what is in it."""
    account.upload(WEB, {"a.png": png(1)})
    with pytest.raises(Exception, match="time limit"):
        account.compare.handler(event("s3-manifest-put.json"), Context(seconds_left=1))
    age(account, WEB.build, "@none", 400)

    def refuse(build: BuildId) -> None:
        raise ConnectionError("Lambda is away")

    monkeypatch.setattr(account.sweep, "resume", lambda: refuse)
    capsys.readouterr()
    with pytest.raises(ExceptionGroup):
        account.sweep.handler(event("sweep-schedule.json"), Context())
    assert_is_recorded("comparison not swept", caplog)
    [line] = [vars(r) for r in caplog.records if r.message == "comparison not swept"]
    assert (line["comparison"], line["error"]) == (
        f"web: {WEB.build} against @none",
        "ConnectionError('Lambda is away')",
    )
    # A sweep that failed was not done.
    assert "SweepsDone" not in metrics_in(capsys.readouterr().out)


def test_a_wait_whose_grace_is_over_ends_with_the_nearest_ancestor(
    account: Account, calls: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    old = BuildId("web", "old")
    account.upload(old, {"a.png": png(1)}, commit="A")
    account.compare.handler({"resume": {"project": "web", "build": "old"}}, Context())
    account.upload(WEB, {"a.png": png(9)}, commit="H", base_commit="C", ancestors=["B", "A"])
    answer = account.deliver(WEB)
    assert answer["builds"][0]["state"] == "WAITING_FOR_BASE"
    assert account.sweep.handler(event("sweep-waits.json"), Context()) == {"swept": []}

    age(account, WEB.build, "@commit:C", 700)
    account.dynamodb.update_item(
        TableName=account.table,
        Key={"pk": {"S": "web"}, "sk": {"S": f"comparison/{WEB.build}/@commit:C"}},
        UpdateExpression="SET wait_until = :then",
        ExpressionAttributeValues={":then": {"N": str(time.time() - 100)}},
    )
    capsys.readouterr()
    answer = account.sweep.handler(event("sweep-waits.json"), Context())
    assert [s["action"] for s in answer["swept"]] == ["end wait"]
    assert metrics_in(capsys.readouterr().out)["WaitsInVain"] == 1
    account.compare.handler(calls[0], Context())
    status = account.status(WEB)
    assert (status["base"], status["baseline"]["kind"]) == ("old", "grace")
    assert account.sweep.handler(event("sweep-schedule.json"), Context()) == {"swept": []}


def test_an_upload_without_an_event_is_delivered_and_compared(
    account: Account, calls: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    account.upload(WEB, {"a.png": png(1)})
    late = time.time() + 900
    monkeypatch.setattr(account.sweep, "is_due", lambda now: True)
    monkeypatch.setattr(
        account.sweep, "records", cache(lambda: replace(aws_records(), clock=lambda: late))
    )
    answer = account.sweep.handler(event("sweep-schedule.json"), Context())
    assert answer["delivered"] == [str(WEB)]
    assert calls == [{"uploaded": keys.uploaded_manifest(WEB)}]
    account.compare.handler(calls[0], Context())
    assert account.status(WEB)["state"] == "SUCCEEDED"
    assert account.sweep.handler(event("sweep-schedule.json"), Context()) == {"swept": []}


def test_who_ends_waits_lists_no_uploads(
    account: Account, calls: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account.sweep, "deliver_lost_uploads", lambda *_: pytest.fail("it listed"))
    assert account.sweep.handler({"only": "waits"}, Context()) == {"swept": []}
