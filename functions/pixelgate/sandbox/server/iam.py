"""IAM: what MiniStack lets pass with AUTH=true and AWS refuses, and a record of every decision.

MiniStack authenticates each request and evaluates identity, bucket, queue and secret policies. It
lacks some things that we rely on. `enforce` adds them, each by one function here:

- the condition keys s3:if-none-match, s3:ObjectCreationOperation, events:source and
  dynamodb:LeadingKeys (`_more_condition_keys`), and aws:ResourceAccount of a bucket that another
  account owns (`_owners_of_buckets`);
- S3 answers 403, not 404, for a missing key if the caller may not list the bucket, and 403 if the
  bucket is not of the expected owner (`_careful_s3`);
- S3 and EventBridge call a function only if its permission names them and the source
  (`_services_need_permission`);
- S3's events name the session that wrote the object (`_events_name_sessions`), by the id of its
  role (`_sessions_have_ids`);
- a state machine does only what its role allows (`_machines_under_roles`);
- AssumeRoleWithWebIdentity verifies the token (oidc.py).

Root, whose key is `test`, may do everything, as MiniStack has it: who deploys is not checked.
"""

import contextvars
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ministack.app  # type: ignore[import-not-found]
from ministack.core import iam_actions, iam_evaluator  # type: ignore[import-not-found]
from ministack.core.lambda_runtime import (  # type: ignore[import-not-found]
    execution_credentials,
)
from ministack.core.responses import get_account_id, get_region  # type: ignore[import-not-found]
from ministack.services import (  # type: ignore[import-not-found]
    eventbridge,
    iam,
    lambda_svc,
    s3,
    stepfunctions,
    sts,
)

from . import DECISIONS, oidc

PARTITION_KEY = "pk"  # of every table of ours
_ROLE_SESSION = re.compile(r"arn:aws:sts::(\d+):assumed-role/([^/]+)/(.+)")
_EQUALITY = re.compile(r"([#\w]+)\s*=\s*(:\w+)")

Json = dict[str, Any]


class Decisions:
    """Writes down, beside the logs, what each role session was allowed and refused, once a kind."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / DECISIONS
        self._lock = threading.Lock()
        self._seen: set[str] = set()

    def note(self, principal: str, action: str, resource: str, *, allowed: bool) -> None:
        """Adds one decision.

        Args:
            principal: the ARN of a role session, or a service and the source it acts for.
            action: such as s3:GetObject.
            resource: its ARN.
            allowed: the decision.
        """
        session = _ROLE_SESSION.fullmatch(principal)
        line = json.dumps(
            {
                "principal": principal,
                "session": session[3] if session else "",
                "action": action,
                "resource": resource,
                "allowed": allowed,
            }
        )
        with self._lock:
            if line not in self._seen:
                self._seen.add(line)
                with self._file.open("a", encoding="utf-8") as file:
                    file.write(line + "\n")


def enforce(decisions: Decisions, issuers: Path) -> None:
    """Puts all of this module's rules into MiniStack.

    Args:
        decisions: where decisions are recorded.
        issuers: a file that says where each OIDC issuer's keys are, see oidc.py.
    """
    _record(decisions)
    _more_condition_keys()
    _owners_of_buckets()
    _careful_s3()
    _events_name_sessions()
    _sessions_have_ids()
    _services_need_permission(decisions)
    _machines_under_roles(decisions)
    oidc.verify_tokens(issuers)


def _sessions_have_ids() -> None:
    """Names each role session by its role's id; functions' are named by the role's name."""
    register = sts.register_session

    def registered(access_key: str, session: Json) -> Any:
        named = _ROLE_SESSION.fullmatch(session.get("Arn", ""))
        role = iam._roles.get_scoped(named[1], None, named[2]) if named else None
        if named and role:
            session = {**session, "UserId": f"{role['RoleId']}:{named[3]}"}
        return register(access_key, session)

    sts.register_session = registered


def let_sessions_last() -> None:
    """Makes the credentials of every role valid until the server ends: nobody renews them."""
    register = sts.register_session

    def registered(access_key: str, session: Json) -> Any:
        return register(access_key, {**session, "Expiration": None})

    sts.register_session = registered


def function_credentials(config: Json) -> dict[str, str]:
    """Returns the environment variables with temporary credentials of a function's role.

    Raises:
        PermissionError: the role does not exist, or does not let Lambda assume it.
    """
    if not _trusts(config["Role"], "lambda.amazonaws.com"):
        raise PermissionError(f"The role {config['Role']} cannot be assumed by Lambda.")
    found = execution_credentials(config)
    return dict(found)


def _record(decisions: Decisions) -> None:
    decide = iam_evaluator.enforce

    def recorded(
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: Json | None = None,
    ) -> Any:
        refusal = decide(access_key_id, iam_action, service, region, resource_arn, service_context)
        identity = iam_evaluator.resolve_caller_identity(access_key_id) or {}
        principal = str(identity.get("userArn", ""))
        if _ROLE_SESSION.fullmatch(principal):
            decisions.note(principal, iam_action, resource_arn, allowed=refusal is None)
        return refusal

    iam_evaluator.enforce = recorded


def _more_condition_keys() -> None:
    of_s3, of_dynamodb = iam_actions.s3_service_context, iam_actions.dynamodb_service_context
    of_tags = iam_actions.request_tag_context

    def s3_keys(action: str, query: Any, path: str = "", headers: Any = None) -> Json:
        keys: Json = of_s3(action, query, path, headers)
        if action == "s3:PutObject":
            for name in ("if-none-match", "if-match"):
                if (headers or {}).get(name):
                    keys[f"s3:{name}"] = headers[name]
            # Only what makes the object is an ObjectCreationOperation: no part, no start of one.
            partial = "partNumber" in (query or {}) or "uploads" in (query or {})
            keys["s3:ObjectCreationOperation"] = str(not partial).lower()
        return keys

    def dynamodb_keys(body: bytes) -> Json:
        leading = sorted(set(_leading_keys(json.loads(body or b"{}"))))
        more = {"dynamodb:LeadingKeys": leading} if leading else {}
        return {**of_dynamodb(body), **more}

    def tag_keys(service: str, action: str, body: bytes, params: Any) -> Json:
        keys: Json = of_tags(service, action, body, params)
        if action == "events:PutEvents":
            entries = json.loads(body or b"{}").get("Entries", [])
            sources = sorted({entry.get("Source", "") for entry in entries})
            keys["events:source"] = sources[0] if len(sources) == 1 else sources
        return keys

    iam_actions.s3_service_context = s3_keys
    iam_actions.dynamodb_service_context = dynamodb_keys
    iam_actions.request_tag_context = tag_keys


def _leading_keys(request: Json) -> Iterator[str]:
    """The partition keys that a request to DynamoDB names; an index has other ones."""
    items = [request.get("Key"), request.get("Item")]
    for table in (request.get("RequestItems") or {}).values():
        if isinstance(table, dict):
            items += table.get("Keys", [])
        else:
            writes = [next(iter(write.values())) for write in table]
            items += [write.get("Key") or write.get("Item") for write in writes]
    for item in items:
        if item and PARTITION_KEY in item:
            yield from item[PARTITION_KEY].values()
    if "IndexName" not in request:
        names = request.get("ExpressionAttributeNames") or {}
        for name, value in _EQUALITY.findall(request.get("KeyConditionExpression", "")):
            if names.get(name, name) == PARTITION_KEY:
                yield from request["ExpressionAttributeValues"][value].values()


def _owners_of_buckets() -> None:
    resolve = iam_evaluator._resolve_condition_key

    def resolved(key: str, context: Any) -> Any:
        bucket = _bucket_of(context.resource_arn)
        if bucket and key.lower() in ("aws:resourceaccount", "s3:resourceaccount"):
            return s3._bucket_owner_account(bucket) or context.principal_account
        return resolve(key, context)

    iam_evaluator._resolve_condition_key = resolved


def _bucket_of(resource: str) -> str:
    prefix, _, rest = resource.partition(":::")
    return rest.partition("/")[0] if prefix == "arn:aws:s3" else ""


def _careful_s3() -> None:
    answer = ministack.app.SERVICE_HANDLERS["s3"]

    async def handle(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        bucket, _, key = path.lstrip("/").partition("/")
        owner = s3._bucket_owner_account(bucket)
        expected = headers.get("x-amz-expected-bucket-owner")
        if expected and owner and expected != owner:
            return s3._error("AccessDenied", "Access Denied", 403, path)
        signer = ministack.app.extract_access_key_id(headers, query)
        _signer.set(signer or "")
        answered = await answer(method, path, headers, body, query)
        if answered[0] == 404 and method in ("GET", "HEAD") and key and owner and signer:
            bucket_arn = f"arn:aws:s3:::{bucket}"
            action = "s3:ListBucket"
            if iam_evaluator.enforce(signer, action, "s3", get_region(), bucket_arn):
                return iam_actions.access_denied_response(
                    "s3", action, iam_evaluator.caller_arn(), bucket_arn, headers=headers
                )
        return answered

    ministack.app.SERVICE_HANDLERS["s3"] = handle


# The access key of the request to S3 that this task answers.
_signer: contextvars.ContextVar[str] = contextvars.ContextVar("signer", default="")


def _events_name_sessions() -> None:
    """Has an event say who wrote the object, as S3 does: `AWS:<id of the role>:<session>`."""
    fire = s3._fire_s3_event_async

    def fire_with_writer(*arguments: Any, record_extra: Json | None = None, **more: Any) -> None:
        identity = iam_evaluator.resolve_caller_identity(_signer.get()) or {}
        if identity.get("session"):
            writer = {"userIdentity": {"principalId": f"AWS:{identity['userId']}"}}
            record_extra = {**writer, **(record_extra or {})}
        fire(*arguments, record_extra=record_extra, **more)

    s3._fire_s3_event_async = fire_with_writer


def _services_need_permission(decisions: Decisions) -> None:
    from_s3, from_rule = s3._deliver_event_to_lambda, eventbridge._invoke_target

    def s3_delivers(arn: str, payload: Json, region: str) -> None:
        source = payload["Records"][0]["s3"]["bucket"]["arn"]
        if may_invoke("s3.amazonaws.com", arn, source, decisions):
            from_s3(arn, payload, region)

    def rule_invokes(target: Json, event: Json, rule: Json, view: Any = None) -> None:
        arn = target.get("Arn", "")
        if ":function:" not in arn or may_invoke(
            "events.amazonaws.com", arn, rule["Arn"], decisions
        ):
            from_rule(target, event, rule, view)

    s3._deliver_event_to_lambda = s3_delivers
    eventbridge._invoke_target = rule_invokes


def may_invoke(service: str, function_arn: str, source_arn: str, decisions: Decisions) -> bool:
    """Whether a function's own policy lets a service call it on behalf of a source; it is noted."""
    found = lambda_svc.function_policy_for_arn(function_arn)
    allowed = found is not None and _names_service(
        found[0],
        service,
        "lambda:InvokeFunction",
        function_arn,
        {"aws:sourcearn": source_arn, "aws:sourceaccount": get_account_id()},
    )
    decisions.note(
        f"{service} for {source_arn}", "lambda:InvokeFunction", function_arn, allowed=allowed
    )
    return allowed


def _trusts(role_arn: str, service: str) -> bool:
    """Whether a role may be assumed by a service of this account."""
    role = iam._roles.get_scoped(get_account_id(), None, role_arn.rpartition("/")[2])
    if role is None:
        return False
    policy = role["AssumeRolePolicyDocument"]
    policy = json.loads(policy) if isinstance(policy, str) else policy
    # A trust policy names no resource: it is the role's own.
    named = {"Statement": [{**one, "Resource": role_arn} for one in policy["Statement"]]}
    keys = {"aws:sourceaccount": get_account_id()}
    return _names_service(named, service, "sts:AssumeRole", role_arn, keys)


def _names_service(
    policy: Json | str, service: str, action: str, resource: str, keys: dict[str, str]
) -> bool:
    context = iam_evaluator.EvalContext(
        "", "Service", "", action, resource, get_region(), service_context=keys
    )
    result = iam_evaluator.evaluate_resource_policy(policy, context, service=service)
    return bool(result.decision == "Allow")


# The state machine whose execution this thread serves: its role's ARN and the execution's name.
_machine: contextvars.ContextVar[tuple[str, str]] = contextvars.ContextVar("machine")


def _machines_under_roles(decisions: Decisions) -> None:
    run, call, read = (
        stepfunctions._run_execution,
        stepfunctions._call_lambda,
        stepfunctions._s3_object_text,
    )

    def run_as_role(execution_arn: str, *rest: Any) -> Any:
        execution = stepfunctions._executions[execution_arn]
        machine = stepfunctions._state_machines[execution["stateMachineArn"]]
        token = _machine.set((machine["roleArn"], execution["name"]))  # children copy the context
        try:
            return run(execution_arn, *rest)
        finally:
            _machine.reset(token)

    def check(action: str, resource: str, error: str) -> None:
        role, name = _machine.get()
        session = f"{role.replace(':iam:', ':sts:').replace(':role/', ':assumed-role/')}/{name}"
        allowed = _trusts(role, "states.amazonaws.com") and _role_allows(session, action, resource)
        decisions.note(session, action, resource, allowed=allowed)
        if not allowed:
            raise stepfunctions._ExecutionError(
                error, f"{session} is not authorized to perform: {action} on resource: {resource}"
            )

    def call_checked(function: str, event: Any) -> Any:
        _, config, _ = lambda_svc._get_func_record_for_ref(function)
        if config:
            check("lambda:InvokeFunction", config["FunctionArn"], "Lambda.AWSLambdaException")
        return call(function, event)

    def read_checked(bucket: str, key: str) -> Any:
        check("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}", "States.ItemReaderFailed")
        return read(bucket, key)

    stepfunctions._run_execution = run_as_role
    stepfunctions._call_lambda = call_checked
    stepfunctions._s3_object_text = read_checked


def _role_allows(session: str, action: str, resource: str) -> bool:
    found = _ROLE_SESSION.fullmatch(session)
    assert found is not None  # noqa: S101 - made of a role's ARN
    account, role, _ = found.groups()
    policies = iam_evaluator._gather_role_policies(role, account)
    limits = iam_evaluator._permissions_boundary(iam._roles, role, account)
    context = iam_evaluator.EvalContext(
        session, "AssumedRole", account, action, resource, get_region()
    )
    return bool(iam_evaluator.evaluate(context, policies, *limits).decision == "Allow")
