"""Web requests: function URLs and HTTP APIs call functions as AWS's do.

MiniStack serves both. `take_over` changes what it does otherwise than AWS:

- the function's own policy must let the caller in: everybody by both permissions of a function URL,
  API Gateway by the one that names the API (`_allowed`);
- the event has path and query as the browser sent them, cookies in a field of their own, and the
  name that was asked for, be it a custom domain (`_as_aws_says`). Of a path an HTTP API decodes all
  but `%25`, as MiniStack has it already;
- an exception and an answer above Lambda's 6 MB are an error without a word of the function's;
- an HTTP API is reached by its real name, `<id>.execute-api.<region>.amazonaws.com`, unless that is
  turned off (`_real_names`).
"""

import contextvars
import json
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import ministack.app  # type: ignore[import-not-found]
from ministack.core import iam_evaluator  # type: ignore[import-not-found]
from ministack.core.responses import get_region  # type: ignore[import-not-found]
from ministack.services import apigateway, lambda_svc  # type: ignore[import-not-found]

from .iam import Decisions, may_invoke

App = Callable[..., Coroutine[Any, Any, None]]
Json = dict[str, Any]

ANSWER_BYTES = 6 * 1024 * 1024 + 100  # Lambda's limit for the JSON of an answer
API_HOST = r"^([a-f0-9]{8})\.execute-api\.(?:127\.0\.0\.1|[a-z0-9-]+\.amazonaws\.com)(?::\d+)?$"
BY_PATH = "/_aws/"  # MiniStack's own way to address a function or an API without its name


@dataclass(frozen=True)
class Asked:
    """What a client sent, before MiniStack decoded it."""

    host: str
    path: str
    query: str
    cookies: tuple[str, ...]


_asked: contextvars.ContextVar[Asked] = contextvars.ContextVar("asked")


def as_asked(cloud: App) -> App:
    """MiniStack's application; keeps each request as it was sent for the event made of it."""

    async def app(scope: Json, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"]]
            crumbs = "; ".join(value for name, value in headers if name == "cookie")
            _asked.set(
                Asked(
                    host=next((v for n, v in headers if n == "host"), "").partition(":")[0],
                    path=scope["raw_path"].decode("latin-1"),
                    query=scope["query_string"].decode("latin-1"),
                    cookies=tuple(part.strip() for part in crumbs.split(";") if part.strip()),
                )
            )
        await cloud(scope, receive, send)

    return app


def take_over(decisions: Decisions) -> None:
    """Puts all of this module's rules into MiniStack."""
    run = lambda_svc._execute_function_with_config_scope

    def execute(record: Json, event: Json) -> Json:
        by_url = _is_web(event, ".lambda-url.")
        if not by_url and not _is_web(event, ".execute-api."):
            return dict(run(record, event))
        arn = record["config"]["FunctionArn"]
        if not _allowed(event, arn, decisions, by_url=by_url):
            return _answer(403, {"Message": "Forbidden"}) if by_url else _failed(by_url=False)
        result = dict(run(record, _as_aws_says(event, _asked.get(), by_url=by_url)))
        too_large = len(json.dumps(result.get("body"))) > ANSWER_BYTES
        return _failed(by_url=by_url) if result.get("error") or too_large else result

    lambda_svc._execute_function_with_config_scope = execute
    _real_names()


def _is_web(event: object, domain: str) -> bool:
    """Whether it is an event of payload format 2.0 that came by such a domain."""
    if not isinstance(event, dict) or event.get("version") != "2.0" or "rawPath" not in event:
        return False
    return domain in str(event["requestContext"].get("domainName"))


def _allowed(event: Json, function_arn: str, decisions: Decisions, *, by_url: bool) -> bool:
    """Whether the function's own policy lets this request call it."""
    context = event["requestContext"]
    if not by_url:
        route = event["routeKey"].replace(" ", "")
        region, account = function_arn.split(":")[3:5]
        api = (
            f"arn:aws:execute-api:{region}:{account}:{context['apiId']}/{context['stage']}/{route}"
        )
        return may_invoke("apigateway.amazonaws.com", function_arn, api, decisions)
    if context["accountId"] != "anonymous":  # of AuthType AWS_IAM: the caller's policies decided
        return True
    wanted = {
        "lambda:InvokeFunctionUrl": {"lambda:functionurlauthtype": "NONE"},
        "lambda:InvokeFunction": {"lambda:invokedviafunctionurl": "true"},
    }
    decided = []
    for action, keys in wanted.items():
        allowed = _lets_everybody(function_arn, action, keys)
        decisions.note(f"everybody for {function_arn}", action, function_arn, allowed=allowed)
        decided.append(allowed)
    return all(decided)


def _lets_everybody(function_arn: str, action: str, keys: Mapping[str, str]) -> bool:
    found = lambda_svc.function_policy_for_arn(function_arn)
    if found is None:
        return False
    context = iam_evaluator.EvalContext(
        "*", "Anonymous", "", action, function_arn, get_region(), service_context=dict(keys)
    )
    return bool(iam_evaluator.evaluate_resource_policy(found[0], context).decision == "Allow")


def _as_aws_says(event: Json, asked: Asked, *, by_url: bool) -> Json:
    """The event as AWS makes it; MiniStack has decoded, re-encoded and renamed some of it."""
    if asked.path.startswith(BY_PATH):
        return event
    headers = {name: value for name, value in event["headers"].items() if name != "cookie"}
    changed = {**event, "rawQueryString": asked.query, "headers": headers}
    if asked.cookies:
        changed["cookies"] = list(asked.cookies)
    if by_url:
        changed["rawPath"] = asked.path
    else:
        context = {**event["requestContext"], "domainName": asked.host}
        changed["requestContext"] = context
    return changed


def _answer(status: int, content: Json) -> Json:
    headers = {"Content-Type": "application/json"}
    body = {"statusCode": status, "headers": headers, "body": json.dumps(content)}
    return {"body": body, "error": False, "log": ""}


def _failed(*, by_url: bool) -> Json:
    if by_url:
        text = {"Content-Type": "text/plain"}
        body = {"statusCode": 502, "headers": text, "body": "Internal Server Error"}
        return {"body": body, "error": False, "log": ""}
    return _answer(500, {"message": "Internal Server Error"})


def _real_names() -> None:
    """Has an HTTP API answer under the name that AWS gives it, unless that is turned off."""
    ministack.app._EXECUTE_API_RE = re.compile(API_HOST)
    parse = ministack.app._parse_execute_api_url

    def parsed(host: str, path: str) -> tuple[str, str, str] | None:
        found: tuple[str, str, str] | None = parse(host, path)
        if found and not path.startswith(BY_PATH):
            scope = apigateway.find_api_scope(found[0])
            api = apigateway._apis.get_scoped(*scope, found[0]) if scope else None
            if api and api.get("disableExecuteApiEndpoint"):
                return ("", *found[1:])  # no API has this id, so the answer is 404
        return found

    ministack.app._parse_execute_api_url = parsed
