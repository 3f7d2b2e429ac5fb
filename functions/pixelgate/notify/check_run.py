"""Writes check runs of a GitHub App in the place of commit statuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pixelgate.domain.keys import BuildId, check_build
from pixelgate.errors import BadManifest
from pixelgate.notify.forge import CommitStatus, Details, State, cut
from pixelgate.notify.github import GitHub
from pixelgate.notify.github_app import App
from pixelgate.notify.http import Answer, Patience, may_pass, part

# What the button says, and by what the webhook knows it. GitHub allows 20, 40 and 20 characters.
APPROVE = "pixelgate-approve"
_BUTTON = {
    "label": "Approve",
    "description": "Approve all changes without looking",
    "identifier": APPROVE,
}
_TITLE_LETTERS = 255
_SUMMARY_BYTES = 65_535  # GitHub's documentation says characters, and its API counts bytes
_CONCLUSIONS = {
    State.PASSED: "success",
    State.FAILED: "failure",
    State.ERROR: "failure",
}
# GitHub may add a line end to a summary, so texts are compared by their words.
_WORDS = re.compile(r"\S+")


def referred(external_id: str) -> tuple[BuildId, str] | None:
    """Parses what `check_details.reference` returns; None for anything else."""
    project, _, rest = external_id.partition("/")
    build, _, execution = rest.partition("/")
    if not execution or "/" in execution:
        return None
    try:
        return check_build(BuildId(project, build)), execution
    except BadManifest:
        return None


class GitHubChecks(GitHub):
    """One repository, `owner/name`, in which a GitHub App is installed."""

    def __init__(self, repository: str, app: App, patience: Patience) -> None:
        """Reads the App's credentials. Raises UsageError if they cannot be used."""
        credentials = app.credentials()
        token = app.token(repository, patience)
        super().__init__(repository, token, credentials.api, patience)
        self._app_id = credentials.app_id
        self._login = f"{credentials.slug}[bot]"

    def set_commit_status(self, commit: str, name: str, status: CommitStatus) -> bool:
        """Updates the commit's check run of that name, or makes one; False if it was up to date.

        A check run that is completed cannot be in progress again, so there another one is made; of
        one name GitHub shows the latest, and a merge waits for that.
        """
        wanted = _fields(status)
        latest = self._latest_run(commit, name)
        if latest is not None:
            if _is_shown(wanted, latest):
                return False
            if wanted["status"] == latest["status"] or wanted["status"] == "completed":
                path = f"{self._path}/check-runs/{latest['id']}"
                if _has_state(wanted, self._api.ask("PATCH", path, wanted).json()):
                    return True
        body = {"name": name, "head_sha": commit, **wanted}
        self._api.ask("POST", f"{self._path}/check-runs", body)
        return True

    def _latest_run(self, commit: str, name: str) -> Mapping[str, Any] | None:
        """Returns our check run of that name; another App's of the same name is not ours."""
        path = f"{self._path}/commits/{part(commit)}/check-runs"
        app = str(self._app_id)
        ours = [
            run
            for page in self._api.pages(path, check_name=name, app_id=app, filter="latest")
            for run in page["check_runs"]
            if run["name"] == name and run["app"]["id"] == self._app_id
        ]
        return max(ours, key=lambda run: int(run["id"]), default=None)

    def pull_request(self, number: int) -> Mapping[str, Any] | None:
        """Reads a pull request as GitHub describes it; None if there is none of that number."""
        answer = self._api.ask("GET", f"{self._path}/pulls/{number}", fine=_is_missing)
        return None if _is_missing(answer) else answer.json()

    def _is_own(self, comment: Mapping[str, Any]) -> bool:
        app, user = comment.get("performed_via_github_app") or {}, comment["user"] or {}
        # No person's name may contain brackets.
        return app.get("id") == self._app_id or user.get("login") == self._login

    def edit_comment(self, pull_request: int, comment: int, body: str) -> bool:
        """Replaces a comment's text; an App may not edit those that a token wrote before it."""
        path = f"{self._path}/issues/comments/{comment}"
        return not _is_not_ours(self._api.ask("PATCH", path, {"body": body}, fine=_is_not_ours))

    def delete_comment(self, pull_request: int, comment: int) -> None:
        """Deletes a comment, unless the App may not."""
        path = f"{self._path}/issues/comments/{comment}"
        self._api.ask("DELETE", path, fine=_is_not_ours)


def _fields(status: CommitStatus) -> dict[str, Any]:
    """Returns the fields that may change, in GitHub's words."""
    details = status.details or Details("", status.description)
    fields: dict[str, Any] = {
        "external_id": details.reference,
        "output": {
            "title": cut(status.description, _TITLE_LETTERS),
            "summary": _cut_lines(details.summary),
        },
        "actions": [_BUTTON] if details.approvable else [],
        "status": "completed" if status.state in _CONCLUSIONS else "in_progress",
    }
    if status.state in _CONCLUSIONS:
        fields["conclusion"] = _conclusion(status.state, details)
    if status.url is not None:
        fields["details_url"] = status.url
    return fields


def _conclusion(state: State, details: Details) -> str:
    """`neutral` holds no merge up, but does not claim either that something was compared."""
    if details.undecided:
        return "action_required"
    return "neutral" if details.uncompared else _CONCLUSIONS[state]


def _cut_lines(summary: str) -> str:
    """Leaves out the last lines of a summary that GitHub would not take."""
    lines = summary.splitlines()
    size = len(summary.encode())
    while lines and size > _SUMMARY_BYTES - len("\n…".encode()):
        size -= len(lines.pop().encode()) + 1
    shown = "\n".join(lines)
    return shown if len(lines) == len(summary.splitlines()) else f"{shown}\n…".strip()


def _is_shown(wanted: Mapping[str, Any], run: Mapping[str, Any]) -> bool:
    """Whether a check run shows all this. GitHub does not tell which buttons one has.

    The summary of a check run with a button says what the button does, so it tells them apart.
    """
    output = run.get("output") or {}
    same_words = all(
        _WORDS.findall(text) == _WORDS.findall(output.get(field) or "")
        for field, text in wanted["output"].items()
    )
    fields = [name for name in ("external_id", "details_url") if name in wanted]
    same = all(wanted[name] == (run.get(name) or "") for name in fields)
    return same_words and same and _has_state(wanted, run)


def _has_state(wanted: Mapping[str, Any], run: Mapping[str, Any]) -> bool:
    return all(wanted.get(field) == run.get(field) for field in ("status", "conclusion"))


def _is_missing(answer: Answer) -> bool:
    return answer.status == HTTPStatus.NOT_FOUND


def _is_not_ours(answer: Answer) -> bool:
    """Whether a comment was deleted, or has another author and the App may not change it."""
    forbidden = answer.status == HTTPStatus.FORBIDDEN and not may_pass(answer)
    return forbidden or _is_missing(answer)
