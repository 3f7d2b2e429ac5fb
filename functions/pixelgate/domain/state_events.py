"""What everybody else is told of a change of state; docs/events.md has the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SOURCE = "pixelgate"
COMPARISON = "Comparison State Change"
REVIEW = "Review State Change"

_FROM_STATUS = (
    "project",
    "build",
    "commit",
    "branch",
    "pull_request",
    "base",
    "state",
    "verdict",
    "counts",
    "comparison",
    "report",
    "execution",
    "error",
    "updated",
)
# EventBridge takes 256 KB an event; what is longer is in status.json.
_NAMES_TOLD = 20
_LETTERS_TOLD = 1_000


def detail(status: Mapping[str, Any]) -> dict[str, Any]:
    """The detail of an event, from what status.json says."""
    said = {name: status[name] for name in _FROM_STATUS}
    review = _short(status["review"])
    revision = review["revision"] if review else 0
    error = said["error"]
    return {
        "schema_version": 1,
        "id": f"{said['execution'] or said['updated']}/{said['state']}/{revision}",
        **said,
        "error": error and {**error, "message": _cut(error["message"])},
        "review": review,
    }


def _short(review: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Who was refused is between them and status.json."""
    if review is None:
        return None
    told = {name: value for name, value in review.items() if name != "refused"}
    told["names"] = told["names"][:_NAMES_TOLD]
    told["reasons"] = [_cut(reason) for reason in told["reasons"]]
    return told


def _cut(text: str) -> str:
    return text if len(text) <= _LETTERS_TOLD else text[:_LETTERS_TOLD] + " …"
