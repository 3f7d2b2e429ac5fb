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


def posted(target: str) -> dict[str, Any]:
    return scope("POST", "/", target=target)


BUCKET, OBJECT = "arn:aws:s3:::b", "arn:aws:s3:::b/k"
COMPARE = "arn:aws:lambda:us-east-1:000000000000:function:compare"
BUS = "arn:aws:events:us-east-1:000000000000:event-bus/default"
DELETE = "<Delete><Object><Key>a&amp;b</Key></Object></Delete>"
DELETE_VERSION = "<Delete><Object><Key>a</Key><VersionId>1</VersionId></Object></Delete>"
INVOKE = scope("POST", "/2015-03-31/functions/compare/invocations")
QUERY = {"TableName": "T", "IndexName": "unfinished"}
# What is asked in which body, the action and the resource; the action names the service.
CALLS: list[tuple[dict[str, Any], Any, str, str]] = [
    (scope("GET", "/b/images/a%20b"), "", "s3:GetObject", "arn:aws:s3:::b/images/a b"),
    (scope("HEAD", "/b/k"), "", "s3:GetObject", OBJECT),
    (scope("PUT", "/b/k", "x-id=PutObject"), "", "s3:PutObject", OBJECT),
    (scope("DELETE", "/b/k"), "", "s3:DeleteObject", OBJECT),
    (scope("PUT", "/b/k", "tagging"), "", "s3:PutObjectWithtagging", OBJECT),
    (scope("GET", "/b", "list-type=2&prefix=x"), "", "s3:ListBucket", BUCKET),
    (scope("GET", "/b", "versions"), "", "s3:ListBucketVersions", BUCKET),
    (scope("GET", "/b", "policy"), "", "s3:GETBucket", BUCKET),
    (scope("POST", "/b", "delete"), DELETE, "s3:DeleteObject", "arn:aws:s3:::b/a&b"),
    (scope("POST", "/b", "delete"), DELETE_VERSION, "s3:DeleteObjectVersion", "arn:aws:s3:::b/a"),
    # What is asked of versions needs a grant of its own.
    (scope("GET", "/b/k", "versionId=1"), "", "s3:GetObjectVersion", OBJECT),
    (scope("GET", "/b", "versions&prefix=images/a"), "", "s3:ListBucketVersions", BUCKET),
    (scope("DELETE", "/b/k", "versionId=1"), "", "s3:DeleteObjectWithversionId", OBJECT),
    (posted("DynamoDB_20120810.Query"), QUERY, "dynamodb:Query", f"{TABLE}/index/unfinished"),
    (
        *(posted("DynamoDB_20120810.BatchGetItem"), {"RequestItems": {"T": {}}}),
        *("dynamodb:BatchGetItem", TABLE),
    ),
    (INVOKE, "", "lambda:InvokeFunction", COMPARE),
    (posted("AWSEvents.PutEvents"), {"Entries": [{"Source": "x"}]}, "events:PutEvents", BUS),
    (posted("TrentService.Decrypt"), {"KeyId": "k"}, "kms:Decrypt", '{"KeyId": "k"}'),
    (scope("POST", "/"), "", "sts:POST", "/"),
]


@pytest.mark.parametrize(("asked", "body", "action", "resource"), CALLS)
def test_a_request_is(asked: dict[str, Any], body: Any, action: str, resource: str) -> None:
    sent = (body if isinstance(body, str) else json.dumps(body)).encode()
    service = action.partition(":")[0]
    assert calls(asked, service, "us-east-1", sent) == [(action, resource)]


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


def test_a_copy_reads_what_it_copies() -> None:
    asked = scope("PUT", "/b/aside/x", "x-id=CopyObject", x_amz_copy_source="b/images/a%20b")
    assert calls(asked, "s3", "us-east-1", b"") == [
        ("s3:PutObject", "arn:aws:s3:::b/aside/x"),
        ("s3:GetObject", "arn:aws:s3:::b/images/a b"),
    ]
