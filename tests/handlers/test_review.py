"""The review function: S3's event of a review object changes what the build's status says."""

from __future__ import annotations

import copy
import json
from typing import Any

import boto3
import pytest

from handlers.conftest import Account, Context, event
from handlers.test_compare import WEB, metrics_in, png
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.handlers.s3_events import UnreadableEvent

BASE = BuildId("web", "b7730e52")
ADA = "AWS:AROAEXAMPLEEXAMPLE01:ada@example.com"


@pytest.fixture
def changed(account: Account) -> Account:
    """A build with one change that a person has to look at."""
    account.upload(BASE, {"a.png": png(1)})
    account.deliver(BASE)
    account.upload(
        WEB, {"a.png": png(1, block=20)}, base_build=BASE.build, branch="topic", pull_request=5
    )
    account.deliver(WEB)
    assert account.status(WEB)["review"]["state"] == "needed"
    return account


def written(account: Account, **fields: Any) -> dict[str, Any]:
    """Writes the review that the event file tells of; returns the event."""
    made = copy.deepcopy(event("s3-review-put.json"))
    found = made["Records"][0]["s3"]["object"]
    answer = account.s3.put_object(
        Bucket=account.bucket,
        Key=found["key"],
        Body=json.dumps({"schema_version": 1, **fields}).encode(),
    )
    found["eTag"] = answer["ETag"].strip('"')
    return made


def test_review_is_carried_out(
    changed: Account, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    capsys.readouterr()
    answer = changed.review.handler(written(changed, action="approve"), Context())
    assert answer == {
        "reviews": [
            {
                "build": "web/4f2a9c1d",
                "review": "20261123T091530Z-7c1f",
                "action": "approve",
                "build_is": "approved",
            }
        ]
    }
    said = changed.status(WEB)["review"]
    assert (said["state"], said["by"]) == ("approved", [ADA])
    assert metrics_in(capsys.readouterr().out)["ReviewsCarriedOut"] == 1
    [line] = [r for r in caplog.records if r.message == "review handled"]
    assert line.__dict__["by"] == ADA
    kept = json.loads(changed.read("builds/web/4f2a9c1d/reviews/20261123T091530Z-7c1f.json"))
    assert (kept["by"], kept["at"]) == (ADA, "2026-11-23T09:15:31.102+00:00")


def test_refused_review_is_told_and_not_raised(
    changed: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    answer = changed.review.handler(written(changed, action="approve", names=["x"]), Context())
    why = "names: the build has no snapshot 'x'"
    assert answer["reviews"][0]["why"] == why
    assert metrics_in(capsys.readouterr().out)["ReviewsRefused"] == 1
    assert [r["why"] for r in changed.status(WEB)["review"]["refused"]] == [why]


def test_overwritten_review_is_not_the_one_that_the_event_tells_of(changed: Account) -> None:
    delivered = written(changed, action="reject")
    written(changed, action="approve")
    answer = changed.review.handler(delivered, Context())
    assert answer["reviews"][0]["refused"] is True
    assert changed.status(WEB)["review"]["state"] == "needed"


def test_review_that_is_gone_is_ignored(changed: Account) -> None:
    delivered = written(changed, action="approve")
    key = delivered["Records"][0]["s3"]["object"]["key"]
    changed.s3.delete_object(Bucket=changed.bucket, Key=key)
    answer = changed.review.handler(delivered, Context())
    assert answer["reviews"][0]["ignored"] == "the review is gone"


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("uploads/web/4f2a9c1d/manifest.json", "is no review"),
        ("reviews/web/4f2a9c1d/a/b.json", "is no review"),
        ("reviews/web/4f2a9c1d.json", "is no review"),
        ("reviews/web/%40none/1.json", "cannot be a review: build: '@none' may not be"),
        ("reviews/web/b1/..json", "cannot be a review: review: '.' may not be"),
    ],
)
def test_other_keys_are_ignored_in_words(account: Account, key: str, why: str) -> None:
    other = copy.deepcopy(event("s3-review-put.json"))
    other["Records"][0]["s3"]["object"]["key"] = key
    [answer] = account.review.handler(other, Context())["reviews"]
    assert why in answer["ignored"]


@pytest.mark.parametrize("name", ["s3-test-event.json", "s3-manifest-delete.json"])
def test_other_events_are_ignored(account: Account, name: str) -> None:
    [answer] = account.review.handler(event(name), Context())["reviews"]
    assert "ignored" in answer


@pytest.mark.parametrize("garbage", [[], "x", {}])
def test_garbage_is_ignored(account: Account, garbage: Any) -> None:
    [answer] = list(account.review.reviews_of(garbage))
    assert answer.why


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"userIdentity": {}}, "no userIdentity.principalId"),
        ({"eventTime": "yesterday"}, "eventTime is no time: 'yesterday'"),
        ({"eventTime": None}, "no eventTime"),
        ({"s3": {}}, "no s3.object.key"),
    ],
)
def test_review_whose_event_cannot_be_read_is_raised_after_the_others(
    changed: Account, change: dict[str, Any], why: str
) -> None:
    """Lambda then tries it again and keeps it in the failed-events queue: no review is lost."""
    delivered = written(changed, action="approve")
    [record] = delivered["Records"]
    delivered["Records"] = [{**record, **change}, record]
    with pytest.raises(UnreadableEvent, match=why):
        changed.review.handler(delivered, Context())
    assert changed.status(WEB)["review"]["state"] == "approved"


def test_key_is_decoded(changed: Account) -> None:
    other = copy.deepcopy(event("s3-review-put.json"))
    other["Records"][0]["s3"]["object"]["key"] = "reviews/B%C3%BCro/release+1.0%2B50%25/a+b.json"
    [found] = changed.review.reviews_of(other)
    assert (found.build, found.id) == (BuildId("Büro", "release 1.0+50%"), "a b")


def test_trouble_with_one_review_is_raised_after_the_others(
    changed: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    delivered = written(changed, action="approve")
    broken = copy.deepcopy(delivered["Records"][0])
    broken["s3"]["object"]["key"] = "reviews/web/broken/1.json"
    delivered["Records"].insert(0, broken)
    real = changed.review.carry_out

    def carry_out(review: Any, records: Any) -> Any:
        if review.build.build == "broken":
            raise ConnectionError("S3 is down")
        return real(review, records)

    monkeypatch.setattr(changed.review, "carry_out", carry_out)
    with pytest.raises(ConnectionError):
        changed.review.handler(delivered, Context())
    assert changed.status(WEB)["review"]["state"] == "approved"
    assert metrics_in(capsys.readouterr().out)["ReviewsRetried"] == 1


def test_event_reaches_the_bus(changed: Account) -> None:
    bus, sqs = boto3.client("events"), boto3.client("sqs")
    queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
    bus.put_rule(Name="all", EventPattern=json.dumps({"source": ["pixelgate"]}))
    arn = "arn:aws:sqs:us-east-1:123456789012:heard"
    bus.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": arn}])
    changed.review.handler(written(changed, action="approve"), Context())
    [message] = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    heard = json.loads(message["Body"])
    assert (heard["source"], heard["detail-type"]) == ("pixelgate", "Review State Change")
    assert heard["detail"]["review"]["by"] == [ADA]
    # Of which stack it is, if an account has two.
    assert heard["resources"] == [f"arn:aws:s3:::{changed.bucket}"]
    assert heard["detail"]["bucket"] == changed.bucket


def test_names_of_images_are_no_information_for_the_log(
    changed: Account, caplog: pytest.LogCaptureFixture
) -> None:
    changed.review.handler(written(changed, action="approve", names=["secret.png"]), Context())
    assert {r.levelname for r in caplog.records if "secret" in str(vars(r))} == {"WARNING"}


def test_review_calls_the_compare_function_for_who_waits(
    changed: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A head waits for the squash of the pull request whose build is approved now."""
    called: list[BuildId] = []
    monkeypatch.setattr(changed.review, "resume_by_lambda", lambda: called.append)
    changed.review.records.cache_clear()
    head = BuildId("web", "next")
    landed = {"S": {"pull_request": 5}}
    changed.upload(head, {"a.png": png(1)}, branch="next", base_commit="S", landed=landed)
    changed.deliver(head)
    assert changed.status(head)["state"] == "WAITING_FOR_BASE"
    changed.review.handler(written(changed, action="approve"), Context())
    assert called == [head]


def test_quarantine_is_added_to_the_projects_log(changed: Account) -> None:
    made = copy.deepcopy(event("s3-review-put.json"))
    found = made["Records"][0]["s3"]["object"]
    key = keys.quarantine_review("web", "q1")
    fields = {"action": "quarantine", "match": "a.png", "owner": "bob", "reason": "fonts"}
    body = json.dumps({"schema_version": 1, **fields}).encode()
    answer = changed.s3.put_object(Bucket=changed.bucket, Key=key, Body=body)
    found |= {"key": key.replace("@", "%40"), "eTag": answer["ETag"].strip('"')}
    assert changed.review.handler(made, Context()) == {
        "reviews": [{"project": "web", "review": "q1", "action": "quarantine"}]
    }
    log = json.loads(changed.read(keys.quarantine_log("web")))
    assert (log["entries"]["q1"]["by"], log["entries"]["q1"]["owner"]) == (ADA, "bob")
    assert changed.status(WEB)["review"]["state"] == "needed", "results stay as they are"


def test_wrong_quarantine_is_refused_and_not_raised(changed: Account) -> None:
    made = copy.deepcopy(event("s3-review-put.json"))
    found = made["Records"][0]["s3"]["object"]
    key = keys.quarantine_review("web", "q1")
    answer = changed.s3.put_object(Bucket=changed.bucket, Key=key, Body=b"{")
    found |= {"key": key, "eTag": answer["ETag"].strip('"')}
    [said] = changed.review.handler(made, Context())["reviews"]
    assert said["refused"] is True
