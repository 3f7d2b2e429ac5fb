"""What a pull request is told of a build: a commit status and a comment, from status.json alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pixelgate.domain.comparison import NEEDING_REVIEW
from pixelgate.domain.wording import and_more
from pixelgate.notify.forge import Comment, CommitStatus, State, cut

_NAMES_SHOWN = 20
_NAME_LETTERS = 200
_MESSAGE_LETTERS = 2_000
_MARKER = re.compile(r"<!-- pixelgate: (\{.*\}) -->")
_COUNTED = ("changed", "added", "removed", "renamed", "unchanged", "skipped", "errored")


@dataclass(frozen=True)
class Marker:
    """What a comment of ours says about itself, where people do not see it.

    Attributes:
        context: project and trust; a pull request has one comment for each.
        build: of which build it tells.
        created: when that build was first compared, ISO 8601 in UTC.
        state: of its review, or FAILED.
    """

    context: str
    build: str
    created: str
    state: str

    def __str__(self) -> str:
        # An id may hold "-->", and whatever follows would be shown.
        said = json.dumps(vars(self)).replace("<", "\\u003c").replace(">", "\\u003e")
        return f"<!-- pixelgate: {said} -->"

    @classmethod
    def of(cls, body: str) -> Marker | None:
        """The marker that a comment begins with; None if the comment is not ours."""
        found = _MARKER.match(body)
        if found is None:
            return None
        try:
            return cls(**{name: str(value) for name, value in json.loads(found[1]).items()})
        except (TypeError, ValueError):
            return None


def commit_status(status: Mapping[str, Any], url: str | None) -> CommitStatus:
    """The line beside the commit."""
    state, words = _line(status)
    return CommitStatus(state, words, url)


def _line(status: Mapping[str, Any]) -> tuple[State, str]:
    if status["state"] == "FAILED":
        return State.ERROR, f"{status['error']['code']}: {status['error']['message']}"
    if status["state"] == "WAITING_FOR_BASE":
        return State.WAITING, "waiting for the base build"
    if status["state"] != "SUCCEEDED":
        return State.RUNNING, "comparing"
    review, found = review_state(status), _found(status["counts"])
    if review == "needed":
        return State.FAILED, f"{status['review']['left']} left to review: {found}"
    if review == "rejected":
        return State.FAILED, f"rejected: {found}"
    if review == "approved":
        return State.PASSED, f"approved: {found}"
    return State.PASSED, found


def review_state(status: Mapping[str, Any]) -> str:
    """State of the review, also where status.json does not say it."""
    if status.get("review"):
        return str(status["review"]["state"])
    return "needed" if status["verdict"] == "needs_review" else "not_needed"


def _found(counts: Mapping[str, int]) -> str:
    found = [f"{counts[kind]} {kind}" for kind in NEEDING_REVIEW if counts.get(kind)]
    return ", ".join(found) or f"no changes in {counts.get('total', 0)} snapshots"


def marker(status: Mapping[str, Any], context: str) -> Marker:
    """What the comment on this status says about itself."""
    state = "FAILED" if status["state"] == "FAILED" else review_state(status)
    return Marker(context, status["build"], str(status["created"] or status["updated"]), state)


def comment(status: Mapping[str, Any], context: str, url: str | None) -> str:
    """The comment, as Markdown."""
    lines = [
        str(marker(status, context)),
        f"### {context}: {_headline(status)}",
        "",
        *(_error(status) if status["state"] == "FAILED" else _table(status["counts"])),
        "",
        *_left(status),
    ]
    if url:
        lines += [f"[Look at the report]({url}) of build {_code(status['build'])}.", ""]
    if status["baseline_reason"]:
        base = _code(status["base"]) if status["base"] else "nothing"
        lines.append(f"<sub>Compared with {base}: {_plain(status['baseline_reason'])}.</sub>")
    return "\n".join(lines).rstrip() + "\n"


def _headline(status: Mapping[str, Any]) -> str:
    if status["state"] == "FAILED":
        return "the comparison failed"
    return {
        "needed": "review needed",
        "rejected": "rejected",
        "approved": "approved",
        "not_needed": "nothing to review",
    }[review_state(status)]


def _error(status: Mapping[str, Any]) -> list[str]:
    error = status["error"]
    return [f"{_code(error['code'])} {_plain(error['message'])}"]


def _table(counts: Mapping[str, int]) -> list[str]:
    shown = [kind for kind in _COUNTED if counts.get(kind)] or ["unchanged"]
    return [
        "| " + " | ".join(shown) + " |",
        "|" + " ---: |" * len(shown),
        "| " + " | ".join(str(counts.get(kind, 0)) for kind in shown) + " |",
    ]


def _left(status: Mapping[str, Any]) -> list[str]:
    review = status.get("review") or {}
    said = [_plain(words) for words in review.get("reasons", [])]
    lines = [f"> {words}" for words in said]
    if lines:
        lines.append("")
    if review.get("by"):
        lines += ["By " + ", ".join(_code(who) for who in review["by"]) + ".", ""]
    names = review.get("names", [])[:_NAMES_SHOWN]
    if review.get("state") == "needed" and names:
        lines += [f"Left to review, {review['left']}:", ""]
        lines += [f"- {_code(name)}" for name in names]
        lines += [f"- {line}" for line in and_more(review["left"] - len(names))]
        lines.append("")
    return lines


def _code(text: str) -> str:
    """Text that somebody chose, as code: it calls nobody, links nowhere and ends no table."""
    text = cut(" ".join(text.split()), _NAME_LETTERS)
    fence = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"`{text}`"


def _plain(text: str) -> str:
    """Words that may quote what somebody chose: no mark-up, no mention, no reference, no link.

    What GitHub and GitLab make of a sign and a word behind it (@ada, #1, !1, $1, %1, ~bug, &1, an
    address) is broken by a space of no width, as GitLab looks for some of it behind a backslash.
    """
    text = cut(" ".join(text.split()), _MESSAGE_LETTERS)
    text = re.sub(r"([@#:!$%~&^])(?=\w|/)|(?<=www)(\.)", "\\g<0>\u200b", text)
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = re.sub(r"([\\`*_{}\[\]|~!$])", r"\\\1", text)
    return re.sub(r"^(\d*)([#+=.)/-])", r"\1\\\2", text)  # a heading, a list, GitLab's /close


@dataclass(frozen=True)
class Plan:
    """What is to happen to the comments of a pull request.

    Attributes:
        create: whether a new comment is written.
        edit: the comment that gets the new text instead.
        delete: comments that are out of date.
    """

    create: bool = False
    edit: int | None = None
    delete: tuple[int, ...] = ()


def plan_comments(comments: Iterable[Comment], wanted: str) -> Plan:
    """Keeps one comment: a new one when new review is needed, since edits notify nobody.

    A comment on a later build stays; events come in any order. Where nothing has to be said and
    nothing was said, nothing is.
    """
    mine = Marker.of(wanted)
    if mine is None:
        raise ValueError("the comment has no marker")
    ours = sorted(
        ((c, m) for c in comments if (m := Marker.of(c.body)) and m.context == mine.context),
        key=lambda one: (one[1].created, one[0].id),
    )
    if not ours:
        return Plan(create=mine.state in {"needed", "rejected", "FAILED"})
    *older, (latest, told) = ours
    stale = tuple(c.id for c, _ in older)
    if told.build != mine.build and told.created > mine.created:
        return Plan(delete=stale)
    if mine.state == "needed" and (told.build, told.state) != (mine.build, mine.state):
        return Plan(create=True, delete=(*stale, latest.id))
    same = latest.body.split() == wanted.split()  # a browser sends other ends of lines
    return Plan(edit=None if same else latest.id, delete=stale)
