"""The compare function, fed with the events that AWS sends."""

from __future__ import annotations

import io
import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handlers.conftest import EVENTS, Account, Context, event
from pixelgate.domain import keys
from pixelgate.domain.keys import NO_BASE, BuildId, ComparisonId, ShardId
from pixelgate.errors import HeldByOther
from pixelgate.handlers.s3_events import UnreadableEvent
from support.log_lines import assert_is_recorded
from support.pages import parsed
from support.world import sha

WEB = BuildId("web", "4f2a9c1d")


def png(level: int, block: int = 0) -> bytes:
    pixels = np.full((40, 40, 3), level, np.uint8)
    pixels[16 : 16 + block, 16 : 16 + block] = (255, 0, 0)  # corners may differ
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def metrics_in(output: str) -> dict[str, float]:
    """The metrics in the log, as CloudWatch would extract them."""
    found: dict[str, float] = {}
    for line in output.splitlines():
        if line.startswith("{") and '"_aws"' in line:
            blob = json.loads(line)
            for directive in blob["_aws"]["CloudWatchMetrics"]:
                assert directive["Namespace"] == "Pixelgate"
                assert directive["Dimensions"] == [["service"]]
                for metric in directive["Metrics"]:
                    value = blob[metric["Name"]]
                    found[metric["Name"]] = sum(value) if isinstance(value, list) else value
    return found


def test_an_upload_becomes_a_verdict_masks_a_manifest_and_a_report(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    base = BuildId("web", "base")
    account.upload(base, {"a.png": png(100), "b.png": png(50), "gone.png": png(1)})
    account.deliver(base)
    account.upload(
        WEB,
        {"a.png": png(100, block=7), "b.png": png(50), "new.png": png(2)},
        base_build="base",
    )
    capsys.readouterr()
    answer = account.deliver(WEB)

    assert answer["builds"][0]["verdict"] == "needs_review"
    status = account.status(WEB)
    assert (status["state"], status["verdict"]) == ("SUCCEEDED", "needs_review")
    assert status["counts"] == {"total": 4, "changed": 1, "added": 1, "removed": 1, "renamed": 0,
                                "unchanged": 1, "skipped": 0, "errored": 0}  # fmt: skip
    comparison = json.loads(account.read(status["comparison"]))
    changed = comparison["images"]["a.png"]
    assert (changed["changed_pixels"], changed["total_pixels"]) == (49, 1_600)
    assert changed["regions"] == [
        {"x": 16, "y": 16, "width": 7, "height": 7, "pixels": 49, "area": 0, "mark": "plain",
         "noise": None},
    ]  # fmt: skip
    [area] = changed["areas"]
    assert (area["blocks"], area["differing"], area["strong"]) == (1, 49, 49)
    assert (area["solid"], area["most"]) == (25, 155)
    assert (changed["counted_pixels"], changed["differing"]["differing"]) == (0, 49)
    thumb = Image.open(io.BytesIO(account.read(changed["thumb"])))
    assert (thumb.format, thumb.size) == ("WEBP", (40, 40))
    assert "cost" not in comparison, "nobody said how much memory there is"
    mask = Image.open(io.BytesIO(account.read(changed["mask"])))
    assert mask.size == (40, 40)
    assert "a.png" in parsed(account.read(status["report"])).block("list")["names"]
    metrics = metrics_in(capsys.readouterr().out)
    assert metrics["ComparisonsNeedingReview"] == 1
    assert metrics["SnapshotsCompared"] == 4
    assert metrics["PairsDiffed"] == 1
    assert metrics["LeaseTakeovers"] == 0


def test_keys_arrive_url_encoded(account: Account) -> None:
    build = BuildId("Büro & Café", "release 1.0+50%")
    account.upload(build, {"ä b.png": png(1)})
    answer = account.compare.handler(event("s3-manifest-put-encoded.json"), Context())
    assert answer["builds"][0]["verdict"] == "passed"
    assert account.status(build)["state"] == "SUCCEEDED"


def test_every_record_of_an_event_is_handled(account: Account) -> None:
    builds = [WEB, BuildId("docs", "8c01be77"), BuildId("web", "b7730e52")]
    for build in builds:
        account.upload(build, {"a.png": png(1)})
    account.compare.handler(event("s3-several-records.json"), Context())
    assert [account.status(b)["state"] for b in builds] == ["SUCCEEDED"] * 3


def test_one_record_that_wants_a_retry_does_not_hold_up_the_others(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    docs, last = BuildId("docs", "8c01be77"), BuildId("web", "b7730e52")
    account.upload(WEB, {"a.png": png(1)})
    account.upload(docs, {"a.png": png(1)})
    account.upload(last, {"a.png": png(1)})
    held = ComparisonId(WEB.project, WEB.build, NO_BASE)
    ledger = account.compare.service().ledger
    long_ago = time.time() - 60  # so that its worker may be dead
    ledger.claim(held, "held", "another-worker", long_ago, long_ago + 90)
    with pytest.raises(HeldByOther, match="another-worker"):
        account.compare.handler(event("s3-several-records.json"), Context())
    assert account.status(docs)["state"] == account.status(last)["state"] == "SUCCEEDED"
    assert ledger.comparison(held).state == "PROCESSING"
    assert metrics_in(capsys.readouterr().out)["DuplicateDeliveries"] == 1


@pytest.mark.parametrize(
    ("ago", "answered"),
    [
        pytest.param(0, True, id="just claimed or renewed"),
        pytest.param(35, True, id="renewed when a third was over, a few seconds late"),
        pytest.param(37, False, id="not renewed when it was due"),
        pytest.param(60, False, id="Lambda's first retry after a death"),
    ],
)
def test_a_second_delivery_ends_well_only_while_the_first_is_seen_to_be_alive(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ago: int,
    answered: bool,
) -> None:
    """Raising would put its event into the failed-events queue, if the first runs for minutes."""
    account.upload(WEB, {"a.png": png(1)})
    made, now = account.compare.service(), time.time()
    held = ComparisonId(WEB.project, WEB.build, NO_BASE)
    made.ledger.claim(held, "held", "another-worker", now - ago, now - ago + 90)
    with monkeypatch.context() as patch:
        patch.setattr(account.compare, "service", lambda: replace(made, clock=lambda: now))
        if answered:
            answer = account.compare.handler(event("s3-manifest-put.json"), Context())
            assert answer == {"builds": [{"build": str(WEB), "held": True}]}
        else:
            with pytest.raises(HeldByOther, match="another-worker"):
                account.compare.handler(event("s3-manifest-put.json"), Context())
    assert metrics_in(capsys.readouterr().out) == {"DuplicateDeliveries": 1}
    record = made.ledger.comparison(held)
    assert (record.execution, record.state) == ("another-worker", "PROCESSING")
    # Whatever became of this delivery, the sweeper finds the comparison when the lease is over.
    assert [r.id for r in made.ledger.unfinished(now + 91)] == [held]


def test_a_heartbeat_keeps_a_second_delivery_away(account: Account) -> None:
    account.upload(WEB, {"a.png": png(1)})
    ledger, now = account.compare.service().ledger, time.time()
    held = ComparisonId(WEB.project, WEB.build, NO_BASE)
    claim = ledger.claim(held, "held", "another-worker", now - 600, now - 510)
    ledger.heartbeat(claim, now - 5, now + 85)
    [answer] = account.compare.handler(event("s3-manifest-put.json"), Context())["builds"]
    assert answer["held"] is True


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("s3-test-event.json", "S3 tests the notification"),
        ("s3-manifest-delete.json", "ObjectRemoved"),
        ("s3-not-a-manifest.json", "no build's manifest"),
        ("sweep-schedule.json", "not an S3 event"),
    ],
)
def test_what_is_none_of_our_business_is_answered_and_left_alone(
    account: Account, name: str, why: str
) -> None:
    answer = account.compare.handler(event(name), Context())
    assert why in answer["builds"][0]["ignored"]
    assert account.keys() == []


GARBAGE: list[tuple[str, object]] = [
    ("a list", []),
    ("a text", "text"),
    ("empty", {}),
    ("empty resume", {"resume": {}}),
    ("climbing resume", {"resume": {"project": "../x", "build": "a/b"}}),
]


@pytest.mark.parametrize("garbage", [pytest.param(g, id=name) for name, g in GARBAGE])
def test_garbage_is_answered_without_an_error(account: Account, garbage: object) -> None:
    answer = account.compare.handler(garbage, Context())
    assert "ignored" in answer["builds"][0]
    assert account.keys() == []


@pytest.mark.parametrize(
    "field", [(), ("eventName",), ("s3",), ("s3", "object"), ("s3", "object", "key")]
)
def test_a_record_that_cannot_be_read_is_raised_after_the_others(
    account: Account, caplog: pytest.LogCaptureFixture, field: tuple[str, ...]
) -> None:
    """Lambda then tries it again and keeps it in the failed-events queue: no upload is lost."""
    delivered = event("s3-several-records.json")
    first, *others = delivered["Records"]
    delivered["Records"] = [without(first, field), *others]
    docs, last = BuildId("docs", "8c01be77"), BuildId("web", "b7730e52")
    for build in (docs, last):
        account.upload(build, {"a.png": png(1)})
    named = ".".join(field) or "eventName"
    with pytest.raises(UnreadableEvent, match=f"a record of the event has no {named}"):
        account.compare.handler(delivered, Context())
    assert account.status(docs)["state"] == account.status(last)["state"] == "SUCCEEDED"
    [line] = [r for r in caplog.records if r.levelname == "ERROR"]
    assert line.message == "event not readable"
    assert_is_recorded("event not readable", caplog)


@pytest.mark.parametrize("records", ["no list", None, [None], ["text"]])
def test_records_of_another_kind_are_raised(account: Account, records: object) -> None:
    with pytest.raises(UnreadableEvent):
        account.compare.handler({"Records": records}, Context())


def test_only_what_is_used_of_an_event_has_to_be_there(account: Account) -> None:
    """AWS may add, drop or change all other fields, as an address that is no address."""
    account.upload(WEB, {"a.png": png(1)})
    [record] = event("s3-manifest-put.json")["Records"]
    key = {"key": record["s3"]["object"]["key"]}
    bare = {
        "eventName": record["eventName"],
        "requestParameters": {"sourceIPAddress": "somewhere"},
        "s3": {"object": key},
    }
    [answer] = account.compare.handler({"Records": [bare]}, Context())["builds"]
    assert answer["state"] == "SUCCEEDED"


def without(record: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The record without the field at a path; without a path, nothing at all."""
    if not path:
        return {}
    name, *rest = path
    if not rest:
        return {key: value for key, value in record.items() if key != name}
    return {**record, name: without(record[name], tuple(rest))}


def test_a_wrong_manifest_is_recorded_and_counted(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.put(keys.uploaded_manifest(WEB), b'{"project": "web"}')
    answer = account.deliver(WEB)
    assert answer["builds"][0]["code"] == "BAD_MANIFEST"
    assert account.status(WEB)["error"]["code"] == "BAD_MANIFEST"
    assert metrics_in(capsys.readouterr().out) == {"BadManifests": 1}


def test_an_event_delivered_twice_runs_once(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.upload(WEB, {"a.png": png(1)})
    account.deliver(WEB)
    first = account.status(WEB)
    capsys.readouterr()
    answer = account.deliver(WEB)
    assert answer["builds"][0]["duplicate"] is True
    assert account.status(WEB) == first
    assert metrics_in(capsys.readouterr().out) == {"DuplicateDeliveries": 1}


def test_a_worker_out_of_time_asks_for_another_delivery(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    account.upload(WEB, {"a.png": png(1)})
    with pytest.raises(Exception, match="time limit is near"):
        account.deliver(WEB, seconds_left=10)
    assert_is_recorded("delivery failed", caplog)
    account.deliver(WEB)
    assert account.status(WEB)["state"] == "SUCCEEDED"


def test_a_result_that_cannot_be_told_is_counted_once_and_delivered_again(
    account: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    account.upload(WEB, {"a.png": png(1)})
    objects = account.compare.service().objects
    replace = objects.replace

    def refuse_results(key: str, body: bytes, content_type: str, tag: str | None) -> None:
        if b"SUCCEEDED" in body:
            raise ConnectionError("503 Slow Down")
        replace(key, body, content_type, tag)

    monkeypatch.setattr(objects, "replace", refuse_results)
    with pytest.raises(ConnectionError):
        account.deliver(WEB)
    assert metrics_in(capsys.readouterr().out)["ComparisonsPassed"] == 1
    monkeypatch.setattr(objects, "replace", replace)
    account.deliver(WEB)
    assert account.status(WEB)["state"] == "SUCCEEDED"
    assert metrics_in(capsys.readouterr().out) == {"DuplicateDeliveries": 1}


def test_a_failure_is_an_error_in_the_log_and_is_counted(
    account: Account,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    account.upload(WEB, {"a.png": png(1)}, lost=True)
    answer = account.deliver(WEB)
    assert answer["builds"][0]["code"] == "IMAGE_MISSING"
    assert metrics_in(capsys.readouterr().out) == {"ComparisonsFailed": 1}
    [error] = [r for r in caplog.records if r.levelname == "ERROR"]
    assert "'a.png'" in vars(error)["reason"]
    assert error.message == "image missing"
    assert_is_recorded("image missing", caplog)
    assert_is_recorded("build failed", caplog)
    [info] = [r for r in caplog.records if r.message == "build failed"]
    assert "a.png" not in str(vars(info))


def test_the_function_writes_under_its_own_prefixes_only(account: Account) -> None:
    account.upload(WEB, {"a.png": png(1)})
    before = set(account.keys())
    account.deliver(WEB)
    written = set(account.keys()) - before
    assert {key.split("/")[0] for key in written} == {"builds", "comparisons"}


def test_what_a_run_cost_is_in_its_result(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "2048")
    account.upload(WEB, {"a.png": png(1)})
    account.deliver(WEB)
    cost = json.loads(account.read(account.status(WEB)["comparison"]))["cost"]
    # The manifest that was accepted is in hand; the image is read for its hash, and will be for
    # its thumbnail, which is drawn and written when this is told.
    # Two queries ask who waits for this build: for its id, and for its commit.
    assert cost["requests"] == {
        "dynamodb.GetItem": 2,
        "dynamodb.Query": 2,
        "dynamodb.UpdateItem": 1,
        "s3.GetObject": 2,
        "s3.PutObject": 1,
    }
    assert 0 < cost["gb_seconds"] < 60
    assert cost["dollars"] > 0.000005
    [line] = [vars(r) for r in caplog.records if r.message == "build compared"]
    assert line["outcome"]["dollars"] == cost["dollars"]
    # Two reads at $0.0004 a thousand, one write at $0.005.
    counted = metrics_in(capsys.readouterr().out)["S3Dollars"]
    assert counted == pytest.approx(2 * 0.0000004 + 0.000005)


def test_thumbnails_that_cannot_be_drawn_are_a_warning(
    account: Account, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> bytes:
        raise OSError("no space left")

    made = account.compare.service()
    account.upload(WEB, {"a.png": png(1)})
    with monkeypatch.context() as patch:
        patch.setattr(account.compare, "service", lambda: replace(made, thumbnail=fail))
        answer = account.deliver(WEB)
    assert answer["builds"][0]["state"] == "SUCCEEDED"
    [line] = [vars(record) for record in caplog.records if record.levelname == "WARNING"]
    assert (line["message"], line["error"]) == (
        "thumbnails missing",
        "OSError('no space left')",
    )


def test_pictures_of_a_comment_that_cannot_be_drawn_are_a_warning(
    account: Account, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> bytes:
        raise OSError("no space left")

    made = account.compare.service()
    account.upload(WEB, {"a.png": b"garbage"}, pull_request=12)
    with monkeypatch.context() as patch:
        patch.setattr(account.compare, "service", lambda: replace(made, preview=fail))
        answer = account.deliver(WEB)
    assert answer["builds"][0]["state"] == "SUCCEEDED"
    said = [vars(record) for record in caplog.records if record.message == "pictures missing"]
    assert [(line["levelname"], line["error"]) for line in said] == [
        ("WARNING", "OSError('no space left')")
    ]


def test_a_build_that_is_refused_has_a_page_that_says_why(account: Account) -> None:
    account.put(keys.uploaded_manifest(WEB), b"{")
    account.deliver(WEB)
    status = account.status(WEB)
    assert status["report"] == "builds/web/4f2a9c1d/index.html"
    page = parsed(account.read(status["report"]))
    assert page.all("body")[0]["class"] == "failed"
    assert "Failed: the manifest is wrong" in page.text
    assert status["error"]["message"] in page.text


def test_names_of_images_are_logged_only_as_errors(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    account.upload(WEB, {"secret-launch.png": png(1)})
    account.deliver(WEB)
    [record] = [r for r in caplog.records if r.message == "build compared"]
    assert vars(record)["outcome"]["verdict"] == "passed"
    assert (vars(record)["project"], vars(record)["build"]) == ("web", WEB.build)
    assert "secret-launch" not in "".join(str(vars(r)) for r in caplog.records)


def test_every_event_file_has_a_test() -> None:
    covered = {"s3-manifest-put.json", "s3-manifest-put-encoded.json", "s3-several-records.json",
               "s3-test-event.json", "s3-manifest-delete.json", "s3-not-a-manifest.json",
               "sweep-schedule.json", "sweep-waits.json", "s3-shard-put.json",
               "s3-finalize-put.json", "s3-review-put.json", "state-change.json"}  # fmt: skip
    assert {path.name for path in EVENTS.glob("*.json")} == covered


def test_a_base_that_comes_late_calls_the_function_for_the_head(
    account: Account,
    calls: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("PIXELGATE_COMPARE_FUNCTION")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "compare")
    account.compare.service.cache_clear()
    account.upload(WEB, {"a.png": png(9)}, commit="H", base_commit="C")
    answer = account.deliver(WEB)
    assert answer["builds"][0]["state"] == "WAITING_FOR_BASE"
    assert metrics_in(capsys.readouterr().out)["BuildsWaiting"] == 1
    base = BuildId("web", "base")
    account.upload(base, {"a.png": png(1)}, commit="C")
    account.deliver(base)
    assert calls == [{"resume": {"project": "web", "build": WEB.build}}]
    assert metrics_in(capsys.readouterr().out)["HeadsWoken"] == 1
    account.compare.handler(calls[0], Context())
    assert account.status(WEB)["base"] == "base"
    assert account.status(WEB)["counts"]["changed"] == 1


def test_a_head_that_cannot_be_called_is_logged_and_does_not_fail_its_base(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    """Moto has no such function: the call fails, as it does when Lambda is out of reach."""
    account.upload(WEB, {"a.png": png(9)}, commit="H", base_commit="C")
    account.deliver(WEB)
    base = BuildId("web", "base")
    account.upload(base, {"a.png": png(1)}, commit="C")
    account.deliver(base)
    assert account.status(base)["state"] == "SUCCEEDED"
    [said] = [r for r in caplog.records if r.levelname == "ERROR"]
    assert said.message == "waiting build not resumed"
    assert vars(said)["build"] == WEB.build


def test_settings_come_from_the_environment(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIXELGATE_BASELINE_BRANCHES", "trunk, release/*")
    monkeypatch.setenv("PIXELGATE_BASE_GRACE_SECONDS", "30")
    monkeypatch.setenv("PIXELGATE_MARGIN_SECONDS", "20")
    monkeypatch.setenv("PIXELGATE_SWEEP_AFTER_SECONDS", "40")
    service = account.compare.service()
    assert service.baseline_branches == ("trunk", "release/*")
    limits = service.limits
    assert (limits.grace, limits.margin, limits.sweep_after) == (30.0, 20.0, 40.0)


def test_shards_and_finalize(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    for index in (1, 2):
        shard = ShardId(index, 2)
        body = png(index)
        account.put(keys.image("web", sha(body)), body)
        manifest = {
            "project": "web",
            "build": WEB.build,
            "commit": "C",
            "branch": "main",
            "shard": {"index": index, "total": 2},
            "images": {f"{index}.png": {"sha256": sha(body), "width": 40, "height": 40}},
        }
        account.put(keys.uploaded_manifest(WEB, shard), json.dumps(manifest).encode())
    answer = account.compare.handler(event("s3-shard-put.json"), Context())
    assert answer["builds"][0]["shards"] == "shard 2 of 2 came; shard 1 did not yet"
    assert account.status(WEB)["state"] == "PROCESSING"
    assert metrics_in(capsys.readouterr().out)["ShardsKept"] == 1
    account.put(keys.finalize(WEB), json.dumps({"project": "web", "build": WEB.build}).encode())
    account.compare.handler(event("s3-finalize-put.json"), Context())
    status = account.status(WEB)
    assert (status["state"], status["counts"]["total"]) == ("SUCCEEDED", 2)


def test_more_than_a_thousand_plain_images(account: Account) -> None:
    """What `aws s3 cp --recursive` leaves; S3 lists a thousand at once."""
    body, other = png(1), png(2)
    for n in range(1_004):
        account.put(f"{keys.uploads(WEB)}page {n:04}.png", body)
    account.put(f"{keys.uploads(WEB)}zzz.png", other)
    manifest = {"project": "web", "build": WEB.build, "commit": "C", "branch": "main"}
    account.put(keys.uploaded_manifest(WEB), json.dumps(manifest).encode())
    account.deliver(WEB)
    status = account.status(WEB)
    assert (status["state"], status["counts"]["added"]) == ("SUCCEEDED", 1_005)
    images = json.loads(account.read(status["comparison"]))["images"]
    assert images["page 0007.png"]["head_size"] == [40, 40]
    assert account.read(keys.image("web", sha(other))) == other
