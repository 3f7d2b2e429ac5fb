"""Events about a change of state for other systems; docs/events.md has the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SOURCE = "pixelgate"
COMPARISON = "Comparison State Change"
REVIEW = "Review State Change"

_FROM_STATUS = (
    "project", "build", "commit", "branch", "pull_request", "base", "state", "verdict", "counts",
    "comparison", "report", "execution", "error", "updated",
)  # fmt: skip
# EventBridge allows 256 KB an event; status.json has the full lists.
_MAX_NAMES = 20
_MAX_LETTERS = 1_000


def detail(status: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the detail of an event about the state in status.json."""
    fields = {name: status[name] for name in _FROM_STATUS}
    review = _short(status["review"])
    revision = review["revision"] if review else 0
    error = fields["error"]
    return {
        "schema_version": 1,
        "id": f"{fields['execution'] or fields['updated']}/{fields['state']}/{revision}",
        **fields,
        "error": error and {**error, "message": _cut(error["message"])},
        "review": review,
    }


def _short(review: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Returns the review without refused reviews, which concern only their authors."""
    if review is None:
        return None
    fields = {name: value for name, value in review.items() if name != "refused"}
    fields["names"] = fields["names"][:_MAX_NAMES]
    fields["reasons"] = [_cut(reason) for reason in fields["reasons"]]
    return fields


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_LETTERS else text[:_MAX_LETTERS] + " …"
