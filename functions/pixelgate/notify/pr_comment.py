"""Builds the commit status and the comment of a pull request from status.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pixelgate.domain.comparison import NEEDING_REVIEW
from pixelgate.domain.keys import BuildId, is_trusted
from pixelgate.domain.review_line import line_for
from pixelgate.domain.wording import and_more
from pixelgate.notify.forge import Comment, CommitStatus, State
from pixelgate.notify.markdown import code, plain
from pixelgate.published.status import quarantine_notes, quarantined, review_of

_NAMES_SHOWN = 20
_MARKER = re.compile(r"<!-- pixelgate: (\{.*\}) -->")
# An account, an ARN, the id of a role or a user: no name of a person.
_NO_NAME = re.compile(r"\d{12}|:|\b(?:AROA|AIDA|ASIA|AKIA)[A-Z0-9]{12,}")
_COUNTED = (
    *("changed", "added", "removed", "renamed", "quarantined"),
    *("unchanged", "skipped", "errored"),
)


@dataclass(frozen=True)
class Marker:
    """The hidden first line of our comments, by which we find them again.

    A pull request has one comment for each `context`, project and trust. `created` is when the
    build was first compared, ISO 8601 in UTC; `state` is that of its review, or FAILED.
    """

    context: str
    build: str
    created: str
    state: str

    def __str__(self) -> str:
        # An id may contain "-->", and the text after it would be shown.
        fields = json.dumps(vars(self)).replace("<", "\\u003c").replace(">", "\\u003e")
        return f"<!-- pixelgate: {fields} -->"

    @classmethod
    def of(cls, body: str) -> Marker | None:
        """Parses the marker at the start of a comment; None if the comment is not ours."""
        match = _MARKER.match(body)
        if match is None:
            return None
        try:
            return cls(**{name: str(value) for name, value in json.loads(match[1]).items()})
        except (TypeError, ValueError):
            return None


def commit_status(status: Mapping[str, Any], url: str | None) -> CommitStatus:
    """Builds the commit status."""
    state, words = _line(status)
    return CommitStatus(state, words, url)


def _line(status: Mapping[str, Any]) -> tuple[State, str]:
    if status["state"] == "FAILED":
        return State.ERROR, f"{status['error']['code']}: {status['error']['message']}"
    if status["state"] == "WAITING_FOR_BASE":
        return State.WAITING, "waiting for the base build"
    if status["state"] != "SUCCEEDED":
        return State.RUNNING, "comparing"
    review, changes = review_of(status), _changes(status)
    if review == "needed":
        return State.FAILED, f"{status['review']['left']} left to review: {changes}"
    if review == "rejected":
        return State.FAILED, f"rejected: {changes}"
    if review == "approved":
        return State.PASSED, f"approved: {changes}"
    return State.PASSED, changes


def _changes(status: Mapping[str, Any]) -> str:
    counts, excused = status["counts"], quarantined(status)
    changes = [f"{counts[kind]} {kind}" for kind in NEEDING_REVIEW if counts.get(kind)]
    if excused:
        words = "; ".join((", ".join(changes) or "no changes to review", excused))
    else:
        words = ", ".join(changes) or f"no changes in {counts.get('total', 0)} snapshots"
    if learned := counts.get("learned_noise"):
        words = f"{words}; {learned} explained by learned noise"
    # A line has room for one; the comment and the report have them all.
    notes = quarantine_notes(status)
    return f"{words}. {notes[0]}" if notes else words


def marker(status: Mapping[str, Any], context: str) -> Marker:
    """Builds the marker of the comment on this status."""
    state = "FAILED" if status["state"] == "FAILED" else review_of(status)
    return Marker(context, status["build"], str(status["created"] or status["updated"]), state)


def comment(
    status: Mapping[str, Any], context: str, url: str | None, *, commands: bool = False
) -> str:
    """Builds the comment, as Markdown; with `commands` it has the line that approves by comment."""
    lines = [
        str(marker(status, context)),
        f"### {context}: {_headline(status)}",
        "",
        *findings(status),
    ]
    if url:
        lines += [f"[Look at the report]({url}) of build {code(status['build'])}.", ""]
    elif status["report"]:
        lines += [f"Look at the report: {code('pixelgate report ' + status['build'])}.", ""]
    if commands:
        lines += _command(status)
    if status["baseline_reason"]:
        lines.append(f"<sub>{compared_with(status)}</sub>")
    return "\n".join(lines).rstrip() + "\n"


def findings(status: Mapping[str, Any]) -> list[str]:
    """Returns the lines that a check run shows too: counts or error, reviewers, what is left."""
    error = None
    if status["state"] == "FAILED":
        error = [f"{code(status['error']['code'])} {plain(status['error']['message'])}"]
    table = _table(status["counts"]) if error is None else error
    learned = _learned(status["counts"])
    return [*table, "", *learned, *_left(status), *_quarantined(status)]


def _quarantined(status: Mapping[str, Any]) -> list[str]:
    """Lists what changed in quarantine, with owner, reason and end, and notes on quarantines."""
    quarantine = status.get("quarantine") or {}
    snapshots = quarantine.get("snapshots", ())[:_NAMES_SHOWN]
    lines = []
    if snapshots:
        lines += [f"In quarantine, {quarantined(status)}; nobody has to review that:", ""]
        for one in snapshots:
            tail = f"until {one['until'][:10]}, {plain(one['owner'])}: {plain(one['reason'])}"
            lines.append(f"- {code(one['name'])} {tail}")
        lines += [f"- {line}" for line in and_more(quarantine["changed"] - len(snapshots))]
        lines.append("")
    for note in quarantine_notes(status):
        lines += [f"> {plain(note)}", ""]
    return lines


def compared_with(status: Mapping[str, Any]) -> str:
    """Names the base, and says why it is the base."""
    base = code(status["base"]) if status["base"] else "nothing"
    return f"Compared with {base}: {plain(status['baseline_reason'])}."


def _headline(status: Mapping[str, Any]) -> str:
    if status["state"] == "FAILED":
        return "the comparison failed"
    return {
        "needed": "review needed",
        "rejected": "rejected",
        "approved": "approved",
        "not_needed": "nothing to review",
    }[review_of(status)]


def _table(counts: Mapping[str, int]) -> list[str]:
    shown = [kind for kind in _COUNTED if counts.get(kind)] or ["unchanged"]
    return [
        "| " + " | ".join(shown) + " |",
        "|" + " ---: |" * len(shown),
        "| " + " | ".join(str(counts.get(kind, 0)) for kind in shown) + " |",
    ]


def _learned(counts: Mapping[str, int]) -> list[str]:
    learned = counts.get("learned_noise")
    if not learned:
        return []
    return [
        f"Of the unchanged ones, {learned} explained by learned noise; the report says how.",
        "",
    ]


def _left(status: Mapping[str, Any]) -> list[str]:
    review = status.get("review") or {}
    lines = [f"> {plain(reason)}" for reason in review.get("reasons", [])]
    if lines:
        lines.append("")
    if review.get("by"):
        lines += [f"By {_people(review['by'])}.", ""]
    names = review.get("names", [])[:_NAMES_SHOWN]
    if review.get("state") == "needed" and names:
        lines += [f"Left to review, {review['left']}:", ""]
        lines += [f"- {code(name)}" for name in names]
        lines += [f"- {line}" for line in and_more(review["left"] - len(names))]
        lines.append("")
    return lines


def _command(status: Mapping[str, Any]) -> list[str]:
    """The line to copy into a comment; none for a fork's build, which a comment cannot approve."""
    build = BuildId(status["project"], status["build"])
    execution = status.get("execution")
    if status["state"] != "SUCCEEDED" or review_of(status) != "needed":
        return []
    if not execution or not is_trusted(build):
        return []
    return [
        "When you have looked at it, this comment approves all of it. With `reject` instead it",
        "rejects, and a reason may follow:",
        "",
        "```",
        line_for("approve", build, execution),
        "```",
        "",
    ]


def _people(identities: Iterable[str]) -> str:
    """Names the reviewers by their sessions, as everybody on the internet may read it.

    S3 calls a role's session `AWS:<id of the role>:<name of the session>`, and single sign-on names
    the session by an e-mail address. An IAM user has an id and no name.
    """
    names = list(dict.fromkeys(map(_name_of, identities)))
    known = [code(name) for name in names if name]
    if len(known) < len(names):
        known.append("others" if known else "a reviewer")
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} and {known[-1]}"


def _name_of(identity: str) -> str | None:
    """Returns the name of a session without what follows "@"; None if it is no name."""
    parts = identity.split(":", 2)
    name = parts[2].partition("@")[0] if len(parts) == 3 and parts[0] == "AWS" else ""
    return None if _NO_NAME.search(name) else name or None


@dataclass(frozen=True)
class Plan:
    """The changes to the comments of a pull request: a new one, and the ids of others."""

    create: bool = False
    edit: int | None = None
    delete: tuple[int, ...] = ()


def plan_comments(comments: Iterable[Comment], wanted: str) -> Plan:
    """Plans the changes that leave one comment.

    A newly needed review gets a new comment, because edits send no notification. A comment on a
    later build stays, because events come in any order. Without an earlier comment, none is
    written if nothing needs a person.
    """
    mine = Marker.of(wanted)
    if mine is None:
        raise ValueError("the comment has no marker")
    ours = sorted(
        ((c, m) for c in comments if (m := Marker.of(c.body)) and m.context == mine.context),
        key=lambda pair: (pair[1].created, pair[0].id),
    )
    if not ours:
        return Plan(create=mine.state in {"needed", "rejected", "FAILED"})
    *older, (latest, shown) = ours
    stale = tuple(c.id for c, _ in older)
    if shown.build != mine.build and shown.created > mine.created:
        return Plan(delete=stale)
    if mine.state == "needed" and (shown.build, shown.state) != (mine.build, mine.state):
        return Plan(create=True, delete=(*stale, latest.id))
    same = latest.body.split() == wanted.split()  # a browser sends other line endings
    return Plan(edit=None if same else latest.id, delete=stale)
