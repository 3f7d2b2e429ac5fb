"""Answers GitHub's webhook: the button of a check run, pressed by somebody who may write."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from pixelgate.errors import NotTold
from pixelgate.notify.check_approval import Approved, NotApproved, Pressed, Sender
from pixelgate.web.http import MAX_BODY, Refused, Request, Response, json_response

PATH = "/github/webhook"
_DELIVERY = re.compile(r"[0-9a-zA-Z-]{8,64}")

_Text = Annotated[str, StringConstraints(max_length=1_024)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)


class _App(_Part):
    id: int


class _CheckRun(_Part):
    app: _App
    external_id: _Text | None
    head_sha: _Text


class _RequestedAction(_Part):
    identifier: _Text


class _Repository(_Part):
    full_name: _Text


class _Sender(_Part):
    login: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    id: int
    type: _Text


class _Event(_Part):
    """What is read of `check_run` with the action `requested_action`."""

    check_run: _CheckRun
    requested_action: _RequestedAction
    repository: _Repository
    sender: _Sender


@dataclass(frozen=True)
class Webhook:
    """What the webhook needs.

    Attributes:
        secret: returns the secret with which GitHub signs; None if the App has none.
        press: decides on a press of a button, at a site of this address. Raises NotTold if GitHub
            could not be asked.
    """

    secret: Callable[[], str | None]
    press: Callable[[Pressed, str], Approved | NotApproved]


def answer(request: Request, webhook: Webhook) -> Response:
    """Answers a request to PATH.

    The signature over the raw bytes is checked first; nothing of a body is read before it. An event
    that is none of ours is answered with 200, as GitHub asks for. A press of the button gets 202 if
    it wrote a review, and 200 if it did not; then the check run says why.

    Raises:
        Refused: 401 for a missing or wrong signature, 405, 413, 415 or 400 for what GitHub never
            sends, 503 if GitHub could not be asked; a delivery may be repeated there.
    """
    if request.method != "POST":
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "GitHub's webhook is sent by POST")
    if len(request.body) > MAX_BODY:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is over {MAX_BODY:,} bytes")
    _check_signature(request, webhook.secret())
    content = request.json()
    event = request.headers.get("x-github-event", "")
    delivery = request.headers.get("x-github-delivery", "")
    if not _DELIVERY.fullmatch(delivery):
        raise Refused(HTTPStatus.BAD_REQUEST, "X-GitHub-Delivery is missing or no id")
    if event != "check_run" or content.get("action") != "requested_action":
        return json_response({"ignored": "only the button of a check run counts"})
    pressed = _pressed(content, delivery)
    if pressed is None:
        return json_response({"ignored": "only a person's press counts"})
    try:
        outcome = webhook.press(pressed, request.origin)
    except NotTold as error:
        raise Refused(
            HTTPStatus.SERVICE_UNAVAILABLE, "GitHub could not be asked; deliver this again"
        ) from error
    if isinstance(outcome, NotApproved):
        return json_response({"not_approved": outcome.why})
    status = HTTPStatus.OK if outcome.again else HTTPStatus.ACCEPTED
    return json_response({"review": outcome.review}, status)


def _check_signature(request: Request, secret: str | None) -> None:
    signature = request.headers.get("x-hub-signature-256", "")
    if not secret:
        raise Refused(HTTPStatus.UNAUTHORIZED, "the GitHub App has no webhook")
    wanted = "sha256=" + hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
    # As bytes: `compare_digest` takes only texts in ASCII.
    if not hmac.compare_digest(wanted.encode(), signature.encode("utf-8", "replace")):
        raise Refused(HTTPStatus.UNAUTHORIZED, "the signature is missing or wrong")


def _pressed(content: dict[str, Any], delivery: str) -> Pressed | None:
    """Reads the event; None if its sender is an App or an organisation."""
    try:
        event = _Event.model_validate(content)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, e["loc"])) for e in error.errors())
        raise Refused(HTTPStatus.BAD_REQUEST, f"not as GitHub sends it: {fields}") from error
    if event.sender.type != "User":
        return None
    run = event.check_run
    return Pressed(
        delivery=delivery,
        repository=event.repository.full_name,
        app_id=run.app.id,
        external_id=run.external_id or "",
        commit=run.head_sha,
        button=event.requested_action.identifier,
        sender=Sender(event.sender.login, event.sender.id),
    )
