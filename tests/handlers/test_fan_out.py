"""Handing over, working on a batch and publishing, as the state machine calls them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from pydantic import ValidationError

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.handlers.machine_input import parse_publish, parse_search, parse_work
from pixelgate.pipeline.compare.batches import Batch, Handed
from pixelgate.pipeline.compare.fan_out import Round
from support.images import png

from .conftest import Account, Context

BASE, HEAD = BuildId("shop", "b1"), BuildId("shop", "b2")
ID = ComparisonId("shop", "b2", "b1")


@pytest.fixture
def machine(account: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    client = boto3.client("stepfunctions")
    definition = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
    arn = client.create_state_machine(
        name="compare",
        definition=json.dumps(definition),
        roleArn="arn:aws:iam::123456789012:role/machine",
    )["stateMachineArn"]
    monkeypatch.setenv("PIXELGATE_STATE_MACHINE", arn)
    monkeypatch.setenv("PIXELGATE_INLINE_MEGAPIXELS", "0")
    monkeypatch.setenv("PIXELGATE_FAN_OUT_CONCURRENCY", "7")
    from pixelgate.handlers import publish, worker

    yield arn
    for module in (publish, worker):
        if module.service.cache_info().currsize:
            module.service().pool.close()
            module.service.cache_clear()


@pytest.fixture
def handed_over(account: Account, machine: str) -> dict[str, Any]:
    """What the compare function says of a head with one pair."""
    account.upload(BASE, {"a.png": png((40, 40), (255, 255, 255))})
    account.deliver(BASE)
    account.upload(HEAD, {"a.png": png((40, 40), (0, 0, 0))}, base_build="b1")
    [answer] = account.deliver(HEAD)["builds"]
    return dict(answer)


def test_a_comparison_goes_through_all_three_functions(
    account: Account,
    machine: str,
    capsys: pytest.CaptureFixture[str],
    handed_over: dict[str, Any],
) -> None:
    from pixelgate.handlers import publish, worker

    assert handed_over["handed_over"] == (
        "0 megapixels to compare are more than the 0 for one worker; 1 pairs in 1 batches"
    )
    assert "ComparisonsHandedOver" in capsys.readouterr().out
    assert account.status(HEAD)["state"] == "PROCESSING"

    client = boto3.client("stepfunctions")
    [execution] = client.list_executions(stateMachineArn=machine)["executions"]
    assert execution["name"] == handed_over["execution"]
    said = json.loads(client.describe_execution(executionArn=execution["executionArn"])["input"])
    assert said == {
        "bucket": account.bucket,
        "project": "shop",
        "head": "b2",
        "base": "b1",
        "execution": handed_over["execution"],
        "concurrency": 7,
    }
    [batch] = json.loads(account.read(keys.fan_out(ID, handed_over["execution"], "batches.json")))
    begun = {"number": 0, "list": "batches.json", "concurrency": 7}
    lost = publish.handler({**said, "find_lost": begun}, Context())
    assert lost == {"number": 1, "list": "lost-1.json", "concurrency": 3, "batches": 1}
    assert '"BatchesLost":[1.0]' in capsys.readouterr().out
    listed = account.read(keys.fan_out(ID, handed_over["execution"], lost["list"]))
    assert json.loads(listed) == [batch]
    done = worker.handler({**said, "batch": batch}, Context())
    assert done == {"batch": 0, "diffed": 1, "cached": 0, "errored": 0}
    found = publish.handler({**said, "find_lost": lost}, Context())
    assert found == {"number": 2, "list": "lost-1.json", "concurrency": 3, "batches": 0}
    published = publish.handler({**said, "round": found}, Context())
    assert (published["state"], published["verdict"]) == ("SUCCEEDED", "needs_review")
    assert published["counts"]["changed"] == 1
    assert account.status(HEAD)["state"] == "SUCCEEDED"
    assert "ComparisonsNeedingReview" in capsys.readouterr().out
    assert worker.handler({**said, "batch": batch}, Context()) == {"batch": 0, "superseded": True}
    assert publish.handler(said, Context())["duplicate"] is True


def test_a_map_that_failed_is_given_back(account: Account, handed_over: dict[str, Any]) -> None:
    from pixelgate.handlers import publish

    said = {"project": "shop", "head": "b2", "base": "b1", "execution": handed_over["execution"]}
    caught = {"Error": "States.ItemReaderFailed", "Cause": "no such key"}
    assert publish.handler({**said, "caught": caught}, Context()) == {"given_back": True}
    record = account.compare.service().ledger.comparison(ID)
    assert record.lease_until == 0
    assert record.error_message == "INTERNAL: States.ItemReaderFailed: no such key"
    assert account.status(HEAD)["state"] == "PROCESSING"


@pytest.mark.usefixtures("account")
def test_images_without_a_result_are_counted_by_that_reason(
    capsys: pytest.CaptureFixture[str], handed_over: dict[str, Any]
) -> None:
    """As when every attempt of a batch is throttled or killed: an alarm watches for it."""
    from pixelgate.handlers import publish

    said = {"project": "shop", "head": "b2", "base": "b1", "execution": handed_over["execution"]}
    capsys.readouterr()
    published = publish.handler(said, Context())
    assert (published["verdict"], published["counts"]["errored"]) == ("needs_review", 1)
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    [counted] = [line for line in lines if "ImagesErrored" in line]
    assert (counted["ImagesErrored"], counted["reason"]) == ([1.0], "RESULT_MISSING")
    [directive] = counted["_aws"]["CloudWatchMetrics"]
    assert [set(names) for names in directive["Dimensions"]] == [{"service", "reason"}]


def test_what_the_machine_says_is_read_in_full() -> None:
    said = {"project": "p", "head": "h", "base": "b", "execution": "e", "bucket": "x"}
    handed = Handed(ComparisonId("p", "h", "b"), "e")
    batch = {"number": 3, "offset": 100, "length": 50}
    assert parse_work({**said, "batch": batch}) == (handed, Batch(3, 100, 50))
    assert parse_publish(said) == (handed, None)
    assert parse_search(said) is None
    round_ = {"number": 1, "list": "lost-1.json", "concurrency": 4, "batches": 2}
    found = parse_search({**said, "find_lost": round_})
    assert found == (handed, Round(1, "lost-1.json", 4, 2))
    assert parse_publish({**said, "caught": {"Error": "E", "Cause": "c"}}) == (handed, "E: c")


@pytest.mark.parametrize(
    "batch",
    [
        pytest.param({"number": 0, "offset": -1, "length": 5}, id="before the beginning"),
        pytest.param({"number": 0, "offset": 0, "length": 0}, id="nothing"),
        pytest.param({"number": 0, "offset": 0}, id="no length"),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused(batch: dict[str, int]) -> None:
    said = {"project": "p", "head": "h", "base": "b", "execution": "e"}
    with pytest.raises(ValidationError):
        parse_work({**said, "batch": batch})
