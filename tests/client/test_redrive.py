"""Failed events: listed with their reasons, sent again once, and safe to send twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pixelgate import bootstrap
from pixelgate.aws.failed_queue import SqsFailedEvents
from pixelgate.cli import app as cli
from pixelgate.client.redrive import list_failed, redrive
from pixelgate.domain.failed_event import FailedEvent, Message
from pixelgate.domain.keys import Upload
from pixelgate.errors import HeldByOther
from pixelgate.handlers.compare import uploads_of
from pixelgate.pipeline.compare.dispatch import receive
from support.doubles.failed_queue import MemoryFailedEvents
from support.fault_stories import WatchedLedger
from support.world import World

ROOT = Path(__file__).parents[2]

ARN = "arn:aws:lambda:us-east-1:123456789012:function:shop-compare"
KEY = "uploads/shop/7%2B1/manifest.json"
EVENT = json.loads((ROOT / "events" / "s3-manifest-put.json").read_text(encoding="utf-8"))
EVENT["Records"][0]["s3"]["object"]["key"] = KEY


def record(**changes: Any) -> str:
    """What Lambda puts into an on-failure queue."""
    return json.dumps(
        {
            "version": "1.0",
            "timestamp": "2026-11-25T10:00:00.000Z",
            "requestContext": {
                "requestId": "r",
                "functionArn": f"{ARN}:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": EVENT,
            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
            "responsePayload": {"errorType": "ClientError", "errorMessage": "SlowDown"},
            **changes,
        }
    )


def test_failed_events_are_listed_with_their_reasons_and_stay() -> None:
    resume = {"resume": {"project": "shop", "build": "8"}}
    queue = MemoryFailedEvents(
        record(), record(requestPayload=resume, timestamp="2026-11-25T09:00:00.000Z"), "garbage"
    )
    listed = list_failed(queue)
    told = [(e.event.about, e.event.why, e.event.name) if e.event else e.problem for e in listed]
    assert told[1:] == [
        ("build shop/8", "RetriesExhausted: ClientError: SlowDown", "shop-compare"),
        ("uploads/shop/7+1/manifest.json", "RetriesExhausted: ClientError: SlowDown",
         "shop-compare"),
    ]  # fmt: skip
    assert "message m2 is no record of an event that Lambda gave up on" in told[0]
    assert (len(queue.queue), queue.hidden) == (3, set())


@pytest.mark.parametrize("payload", [{"Records": [{}, EVENT["Records"][0]]}, {"Records": "many"}])
def test_an_event_that_cannot_be_read_is_listed_and_sent_again(payload: dict[str, Any]) -> None:
    """It is in the queue for that, until a version is deployed that can read it."""
    answer = {"errorType": "UnreadableEvent", "errorMessage": "a record has no eventName"}
    queue = MemoryFailedEvents(record(requestPayload=payload, responsePayload=answer))
    [listed] = list_failed(queue)
    assert listed.event is not None
    assert listed.event.why == "RetriesExhausted: UnreadableEvent: a record has no eventName"
    several = isinstance(payload["Records"], list)
    assert listed.event.about == (
        "a record that cannot be read, uploads/shop/7+1/manifest.json"
        if several
        else "an event of an unknown kind"
    )
    assert [sent.problem for sent in redrive(queue)] == [""]
    assert [event.payload for event in queue.sent] == [payload]


def test_redriven_once_however_often_it_is_asked() -> None:
    queue = MemoryFailedEvents(record())
    assert [listed.problem for listed in redrive(queue)] == [""]
    assert redrive(queue) == []
    assert [event.function for event in queue.sent] == [ARN]
    assert queue.queue == []


ELSEWHERE = {
    "functionArn": ARN.replace("123456789012", "999999999999"),
    "condition": "x",
    "approximateInvokeCount": 1,
}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("garbage", "no record of an event"),
        (record(requestPayload=None), "no record of an event"),
        (record(requestContext=ELSEWHERE), "is not in the queue's account"),
    ],
    ids=["no event", "no payload", "somebody else's function"],
)
def test_what_cannot_be_sent_stays(body: str, words: str) -> None:
    queue = MemoryFailedEvents(body)
    (listed,) = redrive(queue)
    assert words in listed.problem
    assert (queue.sent, len(queue.queue), queue.hidden) == ([], 1, set())


def test_one_that_cannot_be_called_does_not_keep_the_others() -> None:
    other = json.loads(record())["requestContext"] | {"functionArn": f"{ARN}-2"}
    queue = MemoryFailedEvents(record(), record(requestContext=other))
    queue.refuses = {"shop-compare"}
    assert [bool(listed.problem) for listed in redrive(queue)] == [True, False]
    assert len(queue.queue) == 1


class Lambda(MemoryFailedEvents):
    """Delivers what is sent again to a worker at once, as often as it is sent."""

    def __init__(self, world: World, body: str) -> None:
        super().__init__(body)
        self.world = world
        self.dies_before_deleting = False

    def send(self, event: FailedEvent) -> None:
        super().send(event)
        for upload in uploads_of(event.payload):
            assert isinstance(upload, Upload)
            try:
                receive(upload, self.world.service())
            except HeldByOther:
                continue  # Lambda delivers again later, and finds it done

    def delete(self, message: Message) -> None:
        if self.dies_before_deleting:
            raise KeyboardInterrupt
        if message in self.queue:
            super().delete(message)


@pytest.fixture
def given_up() -> Lambda:
    """A queue with one upload that no attempt could compare."""
    world = World(ledger=WatchedLedger())
    build = world.upload("7+1", {"a.png": b"a"})
    assert KEY.replace("%2B", "+") == f"uploads/{build}/manifest.json"
    return Lambda(world, record())


def published(queue: Lambda) -> int:
    ledger = queue.world.ledger
    assert isinstance(ledger, WatchedLedger)
    assert queue.world.status("7+1")["state"] == "SUCCEEDED"
    return len(ledger.published)


def test_broken_off_and_done_again_publishes_once(given_up: Lambda) -> None:
    given_up.dies_before_deleting = True
    with pytest.raises(KeyboardInterrupt):
        redrive(given_up)
    given_up.dies_before_deleting = False
    given_up.hidden.clear()  # a minute later
    assert [listed.problem for listed in redrive(given_up)] == [""]
    assert (len(given_up.sent), published(given_up), given_up.queue) == (2, 1, [])


def test_after_it_has_succeeded_otherwise_nothing_changes(given_up: Lambda) -> None:
    for upload in uploads_of(json.loads(record())["requestPayload"]):
        assert isinstance(upload, Upload)
        receive(upload, given_up.world.service())
    before = dict(given_up.world.objects.objects)
    assert [listed.problem for listed in redrive(given_up)] == [""]
    assert (published(given_up), given_up.world.objects.objects) == (1, before)


def test_by_eight_people_at_once_publishes_once(
    given_up: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(8)

    def seen_by_all(self: MemoryFailedEvents) -> Iterator[Message]:
        """A standard queue may show a message twice, hidden or not."""
        found = list(self.queue)
        together.wait(10)
        yield from found

    monkeypatch.setattr(MemoryFailedEvents, "messages", seen_by_all)
    threads = [threading.Thread(target=redrive, args=(given_up,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (len(given_up.sent), published(given_up), given_up.queue) == (8, 1, [])


@pytest.fixture
def sqs() -> Iterator[tuple[Any, Any, str]]:
    """SQS, Lambda, and a queue of twelve events and one message that is none."""
    with mock_aws():
        sqs = boto3.client("sqs", region_name="us-east-1")
        functions = boto3.client("lambda", region_name="us-east-1")
        url = sqs.create_queue(QueueName="failed")["QueueUrl"]
        for _ in range(12):
            sqs.send_message(QueueUrl=url, MessageBody=record())
        sqs.send_message(QueueUrl=url, MessageBody="garbage")
        yield sqs, functions, url


def test_on_sqs(sqs: tuple[Any, Any, str], monkeypatch: pytest.MonkeyPatch) -> None:
    queue = SqsFailedEvents(*sqs)
    asked: set[str] = set()
    for client, service in zip(sqs[:2], ("sqs", "lambda"), strict=True):
        client.meta.events.register(
            "before-call",
            lambda model, service=service, **_: asked.add(f"{service}:{model.name}"),
        )
    assert len(list_failed(queue)) == 13
    # There is no such function: what cannot be sent stays, and says why.
    assert all("lambda:InvokeFunction" in x.problem for x in redrive(queue) if x.event)
    assert len(list_failed(queue)) == 13
    sent: list[FailedEvent] = []
    monkeypatch.setattr(SqsFailedEvents, "send", lambda self, event: sent.append(event))
    assert sum(not listed.problem for listed in redrive(queue)) == 12
    assert len(sent) == 12
    assert len(list_failed(queue)) == 1
    asked = {action.replace("lambda:Invoke", "lambda:InvokeFunction") for action in asked}
    policy = json.loads((ROOT / "examples" / "ci" / "role-operator.json").read_text())
    granted = {action for s in policy["Statement"] for action in s["Action"]}
    assert asked == {a for a in granted if a.startswith(("sqs:", "lambda:"))}


def test_a_queue_that_is_not_there_is_told_in_words(
    sqs: tuple[Any, Any, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert cli.run(["admin", "failed", "--queue", f"{sqs[2]}-2"]) == 2
    assert "the stack's output FailedEvents" in " ".join(capsys.readouterr().err.split())


def test_a_terminal_gets_no_control_characters(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = {"errorType": "E", "errorMessage": "\x1b[2Jgone\u202e"}
    queue = MemoryFailedEvents(record(responsePayload=hostile))
    monkeypatch.setattr(bootstrap, "open_failed_events", lambda url: queue)
    cli.run(["admin", "failed", "--queue", "u"])
    assert "\\x1b[2Jgone\\x202e" in capsys.readouterr().out


def test_commands(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    queue = MemoryFailedEvents(record(), "garbage")
    monkeypatch.setattr(bootstrap, "open_failed_events", lambda url: queue)
    assert cli.run(["admin", "failed", "--queue", "u"]) == 0
    said = capsys.readouterr()
    assert "shop-compare  uploads/shop/7+1/manifest.json  3 attempts" in said.out
    assert "2 failed events" in said.err
    assert cli.run(["admin", "redrive", "--queue", "u"]) == 2
    assert "1 sent again, 1 left in the queue" in capsys.readouterr().err
    queue.queue.clear()
    assert cli.run(["admin", "redrive", "--queue", "u"]) == 0
