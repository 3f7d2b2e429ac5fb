"""Builds what a check run shows beside a commit status, from status.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pixelgate.domain.keys import BuildId
from pixelgate.domain.records import BuildRecord
from pixelgate.notify.forge import Details
from pixelgate.notify.markdown import code, plain
from pixelgate.notify.pr_comment import compared_with, findings
from pixelgate.published.status import review_of

_FINAL = frozenset({"SUCCEEDED", "FAILED"})
# GitHub documents no limit of `external_id`; the columns of such fields usually hold so many.
_REFERENCE_LETTERS = 255


def reference(build: BuildId, execution: str) -> str:
    """Names a build and an execution of its comparison, for `external_id`.

    No id has a "/", so the three parts are unambiguous. It is empty if it would be longer than 255
    characters: such a build has no button.
    """
    named = f"{build}/{execution}"
    return named if len(named) <= _REFERENCE_LETTERS else ""


def details(
    build: BuildRecord, status: Mapping[str, Any], *, button: bool, refused: str | None = None
) -> Details:
    """Builds the details of a check run.

    Args:
        build: as it was accepted.
        status: its status.json.
        button: whether a build may be approved unseen.
        refused: why somebody's press of the button approved nothing; None if nobody pressed it.
    """
    execution = status["execution"] or ""
    named = reference(build.id, execution)
    succeeded = status["state"] == "SUCCEEDED"
    review = review_of(status) if succeeded else ""
    undecided = review == "needed"
    approvable = button and undecided and build.trusted and bool(execution and named)
    return Details(
        reference=named,
        summary="\n".join(_summary(status, approvable, refused)).strip() + "\n",
        undecided=undecided,
        uncompared=succeeded and status["base"] is None and review == "not_needed",
        approvable=approvable,
    )


def _summary(status: Mapping[str, Any], approvable: bool, refused: str | None) -> list[str]:
    lines = [f"> Not approved: {plain(refused)}", ""] if refused else []
    if status["state"] not in _FINAL:
        return [*lines, f"Build {code(status['build'])} has no result yet.", ""]
    lines += findings(status)
    if status["baseline_reason"]:
        lines += [compared_with(status), ""]
    if approvable:
        lines += ["**Approve** approves all of it without looking.", ""]
    return lines
