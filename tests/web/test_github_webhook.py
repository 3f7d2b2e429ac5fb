"""GitHub's webhook: what is signed is read, and what is ours is handed on."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from pixelgate.errors import NotTold
from pixelgate.notify.check_approval import Approved, NotApproved, Pressed, Sender
from pixelgate.web.github_webhook import PATH, Webhook, answer
from pixelgate.web.http import Refused, Request
from support.github_app import APP_ID, SECRET, delivery

EVENT: dict[str, Any] = {
    "action": "requested_action",
    "requested_action": {"identifier": "pixelgate-approve"},
    "check_run": {
        "id": 9001,
        "name": "pixelgate/shop",
        "head_sha": "c0ffee",
        "external_id": "shop/b1/e1",
        "app": {"id": APP_ID, "slug": "acme-pixelgate"},
        "pull_requests": [],
    },
    "repository": {"id": 7, "full_name": "acme/shop"},
    "sender": {"login": "ada", "id": 1, "type": "User"},
    "installation": {"id": 99},
}
PRESSED = Pressed(
    delivery="72d3162e-cc78-11e3",
    repository="acme/shop",
    app_id=APP_ID,
    external_id="shop/b1/e1",
    commit="c0ffee",
    button="pixelgate-approve",
    sender=Sender("ada", 1),
)


@dataclass
class Hook:
    """What was handed on, and the outcome of the next press."""

    outcome: Approved | NotApproved | Exception = field(
        default_factory=lambda: Approved("github-72d3162e-cc78-11e3")
    )
    secret: str | None = SECRET
    pressed: list[Pressed] = field(default_factory=list)

    def press(self, pressed: Pressed, site: str) -> Approved | NotApproved:
        assert site == "https://shots.example"
        self.pressed.append(pressed)
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome

    def post(
        self, headers: dict[str, str], body: bytes, method: str = "POST"
    ) -> tuple[int, dict[str, Any]]:
        """Status and JSON of the answer, also of one that is refused."""
        request = Request(method, PATH, "https://shots.example", headers=headers, body=body)
        try:
            found = answer(request, Webhook(lambda: self.secret, self.press))
        except Refused as refused:
            return int(refused.status), {"error": refused.words}
        return int(found.status), json.loads(found.body)


def changed(path: str, value: Any) -> dict[str, Any]:
    """The event with another value; None leaves the field out."""
    event = json.loads(json.dumps(EVENT))
    *parents, last = path.split(".")
    place = event
    for name in parents:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    found: dict[str, Any] = event
    return found


def test_a_press_is_handed_on() -> None:
    hook = Hook()
    assert hook.post(*delivery(EVENT)) == (202, {"review": "github-72d3162e-cc78-11e3"})
    assert hook.pressed == [PRESSED]


def test_a_repeated_delivery_is_fine() -> None:
    hook = Hook(Approved("github-72d3162e-cc78-11e3", again=True))
    assert hook.post(*delivery(EVENT)) == (200, {"review": "github-72d3162e-cc78-11e3"})


def test_a_press_that_approves_nothing_is_answered_with_the_reason() -> None:
    hook = Hook(NotApproved("build b2 is newer"))
    assert hook.post(*delivery(EVENT)) == (200, {"not_approved": "build b2 is newer"})


def test_a_silent_github_is_no_approval_and_may_deliver_again() -> None:
    status, said = Hook(NotTold("GET /repos: 503")).post(*delivery(EVENT))
    assert (status, said) == (503, {"error": "GitHub could not be asked; deliver this again"})


# --- signatures -----------------------------------------------------------------------------------


def signed_by(secret: str, body: bytes, hash_name: str = "sha256") -> str:
    return f"{hash_name}={hmac.new(secret.encode(), body, hash_name).hexdigest()}"


BODY = json.dumps(EVENT).encode()


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "sha256=",
        signed_by("another secret", BODY),
        signed_by(SECRET, BODY + b" "),
        signed_by(SECRET, BODY, "sha1"),
        signed_by(SECRET, BODY).removeprefix("sha256="),
        signed_by(SECRET, BODY).upper(),
        signed_by(SECRET, BODY)[:-1],
        signed_by(SECRET, BODY) + "0",
        "sha256=" + hashlib.sha256(BODY).hexdigest(),
        "sha256=é\ud800",
    ],
)
def test_forged_signatures(signature: str | None) -> None:
    hook = Hook()
    headers, body = delivery(EVENT)
    del headers["x-hub-signature-256"]
    if signature is not None:
        headers["x-hub-signature-256"] = signature
    assert hook.post(headers, body)[0] == 401
    assert hook.pressed == []


def test_a_body_that_was_changed_on_its_way() -> None:
    hook = Hook()
    headers, body = delivery(EVENT)
    assert hook.post(headers, body.replace(b"ada", b"eve"))[0] == 401
    assert hook.post(headers, json.dumps(EVENT, indent=1).encode())[0] == 401  # the raw bytes count
    assert hook.pressed == []


@pytest.mark.parametrize("secret", [None, ""])
def test_an_app_without_a_secret_takes_nothing(secret: str | None) -> None:
    hook = Hook(secret=secret)
    assert hook.post(*delivery(EVENT, secret=""))[0] == 401
    assert hook.pressed == []


def test_a_signature_is_checked_before_the_body_is_read() -> None:
    headers, _ = delivery(EVENT, secret="another secret")
    assert Hook().post(headers, b"{")[0] == 401
    assert Hook().post({**headers, "content-type": "text/plain"}, b"{")[0] == 401


# --- other events, and what GitHub never sends ----------------------------------------------------


def test_ping() -> None:
    hook = Hook()
    status, said = hook.post(*delivery({"zen": "Design for failure."}, event="ping"))
    assert (status, said) == (200, {"ignored": "only the button of a check run counts"})
    assert hook.pressed == []


@pytest.mark.parametrize(
    ("event", "action"),
    [("check_run", "created"), ("check_run", "completed"), ("check_run", "rerequested"),
     ("check_suite", "requested_action"), ("", "requested_action"), ("check_run", None)],
)  # fmt: skip
def test_other_events_are_ignored(event: str, action: str | None) -> None:
    hook = Hook()
    assert hook.post(*delivery(changed("action", action), event=event))[0] == 200
    assert hook.pressed == []


@pytest.mark.parametrize("kind", ["Bot", "Organization"])
def test_only_people_press_buttons(kind: str) -> None:
    hook = Hook()
    status, said = hook.post(*delivery(changed("sender.type", kind)))
    assert (status, said) == (200, {"ignored": "only a person's press counts"})
    assert hook.pressed == []


def test_methods() -> None:
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        assert Hook().post(*delivery(EVENT), method=method)[0] == 405


def test_a_body_over_the_limit_is_not_even_hashed() -> None:
    hook = Hook()
    headers, body = delivery({**EVENT, "more": "x" * 1024 * 1024})
    assert hook.post(headers, body)[0] == 413
    assert hook.pressed == []


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "", "application/jsonx"]
)
def test_content_types(kind: str) -> None:
    hook = Hook()
    headers, body = delivery(EVENT)
    assert hook.post({**headers, "content-type": kind}, body)[0] == 415
    assert hook.post({**headers, "content-type": "application/json; charset=utf-8"}, body)[0] == 202
    assert len(hook.pressed) == 1


@pytest.mark.parametrize("number", ["", "..", "a/b", "a b", "x" * 65, "é" * 10, "../../../x"])
def test_delivery_ids(number: str) -> None:
    hook = Hook()
    assert hook.post(*delivery(EVENT, number=number))[0] == 400
    assert hook.pressed == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_bodies_that_are_no_json_object(body: bytes) -> None:
    headers, _ = delivery(EVENT)
    headers["x-hub-signature-256"] = signed_by(SECRET, body)
    assert Hook().post(headers, body)[0] == 400


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sender", None),
        ("sender.id", "1"),
        ("sender.login", ""),
        ("sender.login", "x" * 257),
        ("repository.full_name", None),
        ("check_run.app", None),
        ("check_run.app.id", "4711"),
        ("check_run.head_sha", 5),
        ("check_run.external_id", "x" * 1_025),
        ("requested_action", None),
        ("requested_action.identifier", ["pixelgate-approve"]),
    ],
)
def test_fields_that_github_never_sends_so(path: str, value: Any) -> None:
    hook = Hook()
    status, said = hook.post(*delivery(changed(path, value)))
    assert status == 400
    assert said["error"].startswith(f"not as GitHub sends it: {path}")
    assert hook.pressed == []


def test_a_check_run_without_an_id_of_ours_is_handed_on_as_such() -> None:
    hook = Hook()
    event = json.loads(json.dumps(EVENT))
    event["check_run"]["external_id"] = None
    hook.post(*delivery(event))
    assert [pressed.external_id for pressed in hook.pressed] == [""]
