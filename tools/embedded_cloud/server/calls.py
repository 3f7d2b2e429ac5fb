"""What the functions ask of AWS, as IAM would read it: who, which action, on which resource.

A function signs with an access key of its own, so that each request says whose it is. Each kind of
request is written once, with the status of its first answer: the file stays short however long
the cloud runs.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Coroutine, Mapping
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

App = Callable[[dict[str, Any], Any, Any], Coroutine[Any, Any, None]]
Call = tuple[str, str]  # action and resource

FILE = "calls.jsonl"
PREFIX = "function."  # of a function's access key
ACCOUNT = "000000000000"

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")
_FUNCTION = re.compile(r"/2015-03-31/functions/([^/]+)/invocations")
_DELETED = re.compile(r"<Object>.*?</Object>", re.DOTALL)
_KEY = re.compile(r"<Key>(.*?)</Key>", re.DOTALL)
_OBJECT_ACTIONS = {
    "GET": "GetObject",
    "HEAD": "GetObject",
    "PUT": "PutObject",
    "DELETE": "DeleteObject",
}


def access_key(function: str) -> str:
    """What a function signs with; nobody checks the signature."""
    return f"{PREFIX}{function}"


class Recorder:
    """Writes down, beside the logs, what functions have asked for."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / FILE
        self._seen: set[tuple[str, str, str, int, bool]] = set()
        self._lock = threading.Lock()

    def around(self, app: App) -> App:
        """The application, watched."""

        async def watched(scope: dict[str, Any], receive: Any, send: Any) -> None:
            signer = signed_by(scope)
            if signer is None:
                await app(scope, receive, send)
                return
            function, region, service = signer
            body = bytearray()
            status = 0

            async def receive_and_keep() -> Any:
                message = await receive()
                # Images are of no interest, and large; what is deleted together is a POST.
                if service != "s3" or scope["method"] == "POST":
                    body.extend(message.get("body", b""))
                return message

            async def send_and_look(message: dict[str, Any]) -> None:
                nonlocal status
                status = message.get("status", status)
                await send(message)

            await app(scope, receive_and_keep, send_and_look)
            once = (b"if-none-match", b"*") in scope["headers"]
            for call in calls(scope, service, region, bytes(body)):
                self._note(function, *call, status, once)

        return watched

    def _note(self, function: str, action: str, resource: str, status: int, once: bool) -> None:
        call = (function, action, resource, status, once)
        with self._lock:
            if call in self._seen:
                return
            self._seen.add(call)
            line = dict(
                zip(("function", "action", "resource", "status", "once"), call, strict=True)
            )
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def signed_by(scope: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """The function that signed a request, its region and service; None if it was somebody else."""
    if scope.get("type") != "http":
        return None
    headers = dict(scope["headers"])
    found = _CREDENTIAL.search(headers.get(b"authorization", b"").decode("latin-1"))
    if found is None or not found[1].startswith(PREFIX):
        return None
    return found[1].removeprefix(PREFIX), found[2], found[3]


def calls(scope: Mapping[str, Any], service: str, region: str, body: bytes) -> list[Call]:
    """The actions that a request needs, each with its resource.

    What is not known here is named by its request, so that no grant covers it and it shows.
    """
    path = unquote(scope["path"])
    if service == "s3":
        return _on_bucket(scope, path, body)
    if service == "lambda" and (found := _FUNCTION.fullmatch(path)):
        name = found[1].rpartition(":function:")[2]
        return [
            (
                "lambda:InvokeFunction",
                f"arn:aws:lambda:{region}:{ACCOUNT}:function:{name}",
            )
        ]
    target = dict(scope["headers"]).get(b"x-amz-target", b"").decode().rpartition(".")[2]
    if not target:
        return [(f"{service}:{scope['method']}", path)]
    asked = json.loads(body or b"{}")
    action = f"{service}:{target}"
    return [(action, resource) for resource in _resources(action, asked, region)]


def _on_bucket(scope: Mapping[str, Any], path: str, body: bytes) -> list[Call]:
    bucket, _, key = path.removeprefix("/").partition("/")
    query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    method = scope["method"]
    if not key:
        if method == "POST" and "delete" in query:
            return [
                (f"s3:{_deletes(found)}", f"arn:aws:s3:::{bucket}/{unescape(named[1])}")
                for found in _DELETED.findall(body.decode())
                if (named := _KEY.search(found))
            ]
        listing = method == "HEAD" or "list-type" in query
        action = "ListBucketVersions" if "versions" in query else f"{method}Bucket"
        return [(f"s3:{'ListBucket' if listing else action}", f"arn:aws:s3:::{bucket}")]
    action = _OBJECT_ACTIONS.get(method, f"{method}Object")
    if method == "GET" and query.pop("versionId", None):
        action += "Version"
    if query.keys() - {"x-id"}:  # its tags, a part: each needs a grant of its own
        action += "With" + "And".join(sorted(query.keys() - {"x-id"}))
    asked = [(f"s3:{action}", f"arn:aws:s3:::{bucket}/{key}")]
    source = dict(scope["headers"]).get(b"x-amz-copy-source", b"").decode().removeprefix("/")
    if source:
        asked.append(("s3:GetObject", f"arn:aws:s3:::{unquote(source)}"))
    return asked


def _deletes(entry: str) -> str:
    return "DeleteObjectVersion" if "<VersionId>" in entry else "DeleteObject"


def _resources(action: str, asked: Mapping[str, Any], region: str) -> list[str]:
    match action.partition(":")[0]:
        case "dynamodb":
            tables = [asked["TableName"]] if "TableName" in asked else [*asked["RequestItems"]]
            index = f"/index/{asked['IndexName']}" if "IndexName" in asked else ""
            return [f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/{t}{index}" for t in tables]
        case "events":
            buses = {entry.get("EventBusName", "default") for entry in asked["Entries"]}
            return [f"arn:aws:events:{region}:{ACCOUNT}:event-bus/{bus}" for bus in sorted(buses)]
        case "secretsmanager":
            return [str(asked["SecretId"])]
        case "sqs":
            queue = str(asked["QueueUrl"]).rpartition("/")[2]
            return [f"arn:aws:sqs:{region}:{ACCOUNT}:{queue}"]
        case "states":
            return [str(asked.get("stateMachineArn") or asked.get("executionArn"))]
        case _:
            return [json.dumps(asked)[:200]]
