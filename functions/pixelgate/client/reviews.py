"""Reads decisions that a report saved, and tells whether a review was applied."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixelgate.domain.keys import BuildId
from pixelgate.errors import UsageError
from pixelgate.published.decisions import APPROVE, MAX_REASON, REJECT, Decision, Selection
from pixelgate.published.status import review_in, review_of


def read_decisions(path: Path, build: BuildId | None) -> tuple[BuildId, tuple[Decision, ...]]:
    """Reads a decisions.json that the report saved, with approvals and rejections.

    `build` is the one named on the command line, if any.

    Raises:
        UsageError: the file is not a decisions.json, or belongs to another build.
    """
    try:
        fields = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"--from {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"--from {path} is not valid JSON: {error}") from error
    decisions = fields.get("decisions") if isinstance(fields, dict) else None
    if not isinstance(decisions, dict) or fields.get("schema_version") != 1:
        raise UsageError(
            f"--from {path} is not a decisions.json of a report: it needs schema_version 1, "
            "project, build, execution and decisions"
        )
    named = BuildId(str(fields.get("project")), str(fields.get("build")))
    if build and build != named:
        raise UsageError(f"--from {path} is for {named}, but the command line names {build}")
    wrong = {n: d for n, d in decisions.items() if d not in {APPROVE, REJECT}}
    if wrong:
        name, word = next(iter(wrong.items()))
        raise UsageError(
            f"--from {path}: decisions[{name!r}] is {word!r}; it must be approve or reject"
        )
    if not decisions:
        raise UsageError(f"--from {path} has no decisions")
    reasons = _reasons(path, fields.get("reasons"), decisions)
    execution = fields.get("execution")
    # One review for each action and reason: approvals first, those without a reason before others.
    alike: dict[tuple[str, str], list[str]] = {}
    for name in sorted(decisions):
        alike.setdefault((decisions[name], reasons.get(name, "")), []).append(name)
    return named, tuple(
        Decision(
            action,
            Selection(names=tuple(alike[action, reason])),
            str(execution) if execution else None,
            reason or None,
        )
        for action, reason in sorted(alike)
    )


def _reasons(path: Path, stated: Any, decisions: Mapping[str, str]) -> dict[str, str]:
    """Returns the reasons of a file; reports of older versions write none."""
    reasons = {} if stated is None else stated
    if not isinstance(reasons, dict) or not all(isinstance(r, str) for r in reasons.values()):
        raise UsageError(f"--from {path}: reasons must map names to texts")
    if unknown := sorted(reasons.keys() - decisions.keys()):
        raise UsageError(f"--from {path}: reasons[{unknown[0]!r}] belongs to no decision")
    for name, reason in reasons.items():
        if len(reason) > MAX_REASON:
            raise UsageError(
                f"--from {path}: reasons[{name!r}] has {len(reason):,} characters; "
                f"up to {MAX_REASON:,}"
            )
    return reasons


def refusal_of(status: Mapping[str, Any] | None, key: str) -> str | None:
    """Returns the reason why a review was refused, if the status lists it as refused."""
    refused = review_in(status).get("refused")
    identifier = key.rpartition("/")[2].removesuffix(".json")
    matching = (r for r in refused or () if isinstance(r, dict) and r.get("id") == identifier)
    return next((str(r.get("why")) for r in matching), None)


def is_carried_out(status: Mapping[str, Any] | None, decision: Decision, names: set[str]) -> bool:
    """Whether the decision is applied to the status."""
    review = (status or {}).get("review")
    if not isinstance(review, dict):
        return False
    if decision.action == REJECT:
        return review_of(status or {}) == "rejected" or bool(review.get("rejected"))
    if decision.selection.is_all:
        return review_of(status or {}) == "approved"
    left = review.get("names") or []
    listed_all = len(left) >= int(review.get("left") or 0)
    return not names & set(left) and (listed_all or bool(review.get("approved")))
