"""Each request that a function signs is an action on a resource, as IAM calls them."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from embedded_cloud.server.calls import FILE, Recorder, access_key, calls, signed_by

TABLE = "arn:aws:dynamodb:us-east-1:000000000000:table/T"


def scope(method: str, path: str, query: str = "", target: str = "", **more: str) -> dict[str, Any]:
    headers = {"x-amz-target": target} if target else {}
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [
            (k.replace("_", "-").encode(), v.encode()) for k, v in (headers | more).items()
        ],
    }


@pytest.mark.parametrize(
    ("service", "asked", "body", "expected"),
    [
        ("s3", scope("GET", "/b/images/a%20b"), "", ("s3:GetObject", "arn:aws:s3:::b/images/a b")),
        ("s3", scope("HEAD", "/b/k"), "", ("s3:GetObject", "arn:aws:s3:::b/k")),
        ("s3", scope("PUT", "/b/k", "x-id=PutObject"), "", ("s3:PutObject", "arn:aws:s3:::b/k")),
        ("s3", scope("DELETE", "/b/k"), "", ("s3:DeleteObject", "arn:aws:s3:::b/k")),
        (
            "s3",
            scope("PUT", "/b/k", "tagging"),
            "",
            ("s3:PutObjectWithtagging", "arn:aws:s3:::b/k"),
        ),
        ("s3", scope("GET", "/b", "list-type=2&prefix=x"), "", ("s3:ListBucket", "arn:aws:s3:::b")),
        ("s3", scope("GET", "/b", "versions"), "", ("s3:ListBucketVersions", "arn:aws:s3:::b")),
        ("s3", scope("GET", "/b", "policy"), "", ("s3:GETBucket", "arn:aws:s3:::b")),
        (
            "s3",
            scope("POST", "/b", "delete"),
            "<Delete><Object><Key>a&amp;b</Key></Object></Delete>",
            ("s3:DeleteObject", "arn:aws:s3:::b/a&b"),
        ),
        (
            "s3",
            scope("POST", "/b", "delete"),
            "<Delete><Object><Key>a</Key><VersionId>1</VersionId></Object></Delete>",
            ("s3:DeleteObjectVersion", "arn:aws:s3:::b/a"),
        ),
        (
            "dynamodb",
            scope("POST", "/", target="DynamoDB_20120810.Query"),
            {"TableName": "T", "IndexName": "unfinished"},
            ("dynamodb:Query", f"{TABLE}/index/unfinished"),
        ),
        (
            "dynamodb",
            scope("POST", "/", target="DynamoDB_20120810.BatchGetItem"),
            {"RequestItems": {"T": {}}},
            ("dynamodb:BatchGetItem", TABLE),
        ),
        (
            "lambda",
            scope("POST", "/2015-03-31/functions/compare/invocations"),
            "",
            ("lambda:InvokeFunction", "arn:aws:lambda:us-east-1:000000000000:function:compare"),
        ),
        (
            "events",
            scope("POST", "/", target="AWSEvents.PutEvents"),
            {"Entries": [{"Source": "pixelgate"}]},
            ("events:PutEvents", "arn:aws:events:us-east-1:000000000000:event-bus/default"),
        ),
        (
            "kms",
            scope("POST", "/", target="TrentService.Decrypt"),
            {"KeyId": "k"},
            ("kms:Decrypt", '{"KeyId": "k"}'),
        ),
        ("sts", scope("POST", "/"), "", ("sts:POST", "/")),
    ],
)
def test_a_request_is(
    service: str, asked: dict[str, Any], body: Any, expected: tuple[str, str]
) -> None:
    sent = (body if isinstance(body, str) else json.dumps(body)).encode()
    assert calls(asked, service, "us-east-1", sent) == [expected]


def credential(key: str) -> str:
    return f"AWS4-HMAC-SHA256 Credential={key}/20261125/us-east-1/s3/aws4_request, Signature=x"


def test_who_signed() -> None:
    ours = scope("GET", "/", authorization=credential(access_key("compare")))
    assert signed_by(ours) == ("compare", "us-east-1", "s3")
    assert signed_by(scope("GET", "/", authorization=credential("test"))) is None
    assert signed_by(scope("GET", "/")) is None


def test_each_kind_of_call_is_written_once_with_the_answer_and_its_condition(
    tmp_path: Path,
) -> None:
    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 412})
        await send({"type": "http.response.body"})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        assert message

    watched = Recorder(tmp_path).around(app)
    key = credential(access_key("compare"))
    once = scope("PUT", "/b/images/1", authorization=key, if_none_match="*")
    again = scope("PUT", "/b/images/1", authorization=key)
    other = scope("PUT", "/b/images/1", authorization=credential("test"))
    # In a thread: a browser of other tests has an event loop in this one.
    with ThreadPoolExecutor(1) as thread:
        for asked in (once, once, again, other):
            thread.submit(asyncio.run, watched(asked, receive, send)).result()
    lines = [json.loads(line) for line in (tmp_path / FILE).read_text().splitlines()]
    call = {"function": "compare", "action": "s3:PutObject", "resource": "arn:aws:s3:::b/images/1"}
    assert lines == [call | {"status": 412, "once": once_} for once_ in (True, False)]


@pytest.mark.parametrize(
    ("method", "key", "query", "action"),
    [
        ("GET", "/images/a", "versionId=1", "s3:GetObjectVersion"),
        ("GET", "", "versions&prefix=images/a", "s3:ListBucketVersions"),
        ("DELETE", "/images/a", "versionId=1", "s3:DeleteObjectWithversionId"),
    ],
)
def test_what_is_asked_of_versions_needs_a_grant_of_its_own(
    method: str, key: str, query: str, action: str
) -> None:
    asked = scope(method, f"/b{key}", query)
    assert calls(asked, "s3", "us-east-1", b"") == [(action, f"arn:aws:s3:::b{key}")]


def test_a_copy_reads_what_it_copies() -> None:
    asked = scope("PUT", "/b/aside/x", "x-id=CopyObject", x_amz_copy_source="b/images/a%20b")
    assert calls(asked, "s3", "us-east-1", b"") == [
        ("s3:PutObject", "arn:aws:s3:::b/aside/x"),
        ("s3:GetObject", "arn:aws:s3:::b/images/a b"),
    ]
