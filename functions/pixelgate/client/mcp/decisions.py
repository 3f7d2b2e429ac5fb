"""Prepares decisions for a person: a command, or a decisions.json. Nothing is submitted."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from pixelgate.client.mcp.answers import MOST_CHARACTERS, NOTE, Answer, as_text
from pixelgate.client.mcp.source import Result, Source
from pixelgate.domain.comparison import needing_review
from pixelgate.errors import UsageError
from pixelgate.published.decisions import APPROVE, MAX_REASON, REJECT, Selection
from pixelgate.published.reviews import overturned_by

_MOST_NAMES = 20  # on a command line; more of them are easier to look at in a file
_MOST_OVERTURNED = 10
_FILE = "decisions.json"


def prepare_decision(
    source: Source,
    project: str | None,
    build: str,
    action: str,
    *,
    names: Sequence[str] = (),
    globs: Sequence[str] = (),
    groups: Sequence[str] = (),
    reason: str | None = None,
) -> Answer:
    """Returns the command with which a person writes a decision, and what it would select.

    Raises:
        UsageError: there is nothing to decide, or the selection fits nothing.
    """
    if action not in {APPROVE, REJECT}:
        raise UsageError(f"action: {action!r} is none; it is approve or reject")
    if reason and len(reason) > MAX_REASON:
        raise UsageError(f"reason: it has {len(reason):,} characters; up to {MAX_REASON:,}")
    if reason and not all(c.isprintable() or c == "\n" for c in reason):
        raise UsageError("reason: it holds a control character, which a terminal would obey")
    if source.local:
        raise UsageError(
            "what `pixelgate compare` wrote is no build, so there is nothing to decide; reviews "
            "are of builds in a bucket"
        )
    result = source.result(source.named(project), build)
    if result.comparison is None:
        state = result.status.get("state")
        raise UsageError(f"build: it is {state} and has no result to {action}")
    selection = Selection(tuple(names), tuple(globs), tuple(groups))
    images = result.stored.get("images") or {}
    selected = selection.of(images)
    needing = needing_review(has_base=result.has_base)
    snapshots = result.comparison.snapshots
    reviews = source.reviews(result)
    meant = None if selection.is_all else selected
    lost = list(overturned_by(action, meant, reviews, images))
    answer: Answer = {
        "note": NOTE,
        "submitted": False,
        "meaning": "Nothing was written. A person who agrees runs the command, under their own "
        "name; it writes nothing if the build was compared again since.",
        "action": action,
        "execution": result.comparison.execution,
        "selected": "the whole build" if selection.is_all else len(selected),
        "selected_that_need_review": sum(snapshots[name].status in needing for name in selected),
        "overturns": [
            {"action": one.given.action, "at": one.given.at,
             "untrusted": {"by": one.given.by, "reason": one.given.reason}}
            for one in lost[:_MOST_OVERTURNED]
        ],
        "overturned": len(lost),
    }  # fmt: skip
    if any(one.given.action == REJECT for one in lost):
        answer["asks"] = "It overturns a rejection: the command asks a person about that."
    texts = _texts(source, result, result.comparison.execution, action, selection, reason)
    whole = {**answer, "untrusted": texts}
    if len(as_text(whole)) > MOST_CHARACTERS:
        raise UsageError(
            "names: these are too many for one answer; select them by groups or globs, or prepare "
            "several decisions"
        )
    return whole


def _texts(
    source: Source,
    result: Result,
    execution: str,
    action: str,
    selection: Selection,
    reason: str | None,
) -> dict[str, Any]:
    """Returns the command, and with many names the file that it takes them from."""
    where = ["--project", result.build.project]
    where += ["--bucket", source.bucket] if source.bucket else []
    told = {"project": result.build.project, "build": result.build.build}
    if len(selection.names) <= _MOST_NAMES:
        chosen = [f"--glob={glob}" for glob in selection.globs]
        chosen += [f"--group={group}" for group in selection.groups]
        chosen += [f"--reason={reason}"] if reason else []
        # After `--`, a name that begins with a dash is no option.
        words = ["pixelgate", action, *where, "--execution", execution, *chosen]
        words += ["--", result.build.build, *selection.names]
        return {**told, "command": shlex.join(words)}
    if selection.globs or selection.groups:
        raise UsageError("names: with so many of them, leave out globs and groups")
    named = sorted(selection.of(result.stored.get("images") or {}))
    file = {
        "schema_version": 1,
        "project": result.build.project,
        "build": result.build.build,
        "execution": execution,
        "decisions": dict.fromkeys(named, action),
        **({"reasons": dict.fromkeys(named, reason)} if reason else {}),
    }
    words = ["pixelgate", action, *where, "--from", _FILE]
    return {
        **told,
        "command": shlex.join(words),
        "file": _FILE,
        "content": json.dumps(file, ensure_ascii=False),
    }
