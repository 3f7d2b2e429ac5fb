"""The result of a build, as all summaries use it: its status and its comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pixelgate.client import exit_code
from pixelgate.published.status import in_words, is_excused, quarantine_notes

# In the order in which a reviewer wants to see them.
STATUSES = ("errored", "changed", "added", "removed", "renamed", "skipped", "unchanged")


@dataclass(frozen=True)
class Result:
    """The result of a build."""

    # The content of status.json; a local comparison makes one of the same form.
    status: Mapping[str, Any]
    # The content of comparison.json; None if there is none.
    comparison: Mapping[str, Any] | None = None
    gate: exit_code.Gate = exit_code.GATE  # the conditions under which the build passes
    notes: tuple[str, ...] = ()  # notes about the build's origin

    @property
    def exit(self) -> exit_code.Exit:
        """The exit code for this result."""
        return exit_code.exit_of(self.status, self.gate)

    @property
    def words(self) -> str:
        """The result in words, such as `passed` or `needs review`."""
        return in_words(self.status)

    @property
    def counts(self) -> Mapping[str, int]:
        """The number of snapshots by status."""
        return self.status.get("counts") or {}

    @property
    def error(self) -> str | None:
        """The code and message of the error; None if the build did not fail."""
        error = self.status.get("error")
        return f"{error.get('code')}: {error.get('message')}" if isinstance(error, dict) else None

    @property
    def warnings(self) -> list[str]:
        """The comparison's warnings about the upload."""
        comparison = self.comparison or {}
        notes = comparison.get("quarantine_notes") or quarantine_notes(self.status)
        return [str(warning) for warning in (*(comparison.get("warnings") or ()), *notes)]

    def images(self, *statuses: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yields the snapshots with these statuses, ordered by status and name."""
        images = (self.comparison or {}).get("images") or {}
        for status in statuses:
            yield from sorted((n, i) for n, i in images.items() if i.get("status") == status)

    def in_words(self, image: Mapping[str, Any]) -> str:
        """Describes the result of one snapshot in a few words."""
        match image.get("status"):
            case "changed" if is_excused(image):
                return f"{_measured(image)}; {in_quarantine(image)}"
            case "changed":
                return _measured(image)
            case "errored":
                return str(image.get("reason") or "")
            case "renamed":
                return f"was {image.get('previous_name')}"
            case _:
                return ""


def in_quarantine(image: Mapping[str, Any]) -> str:
    """Says whose quarantine a snapshot is in, until when and why."""
    stamp = image["quarantined"]
    return f"in quarantine until {str(stamp['until'])[:10]}, {stamp['owner']}: {stamp['reason']}"


def pixels_of(image: Mapping[str, Any]) -> int | None:
    """Returns the pixels in the mask: those of odiff and of the evidence; None without a mask."""
    pixels, counted = image.get("changed_pixels"), image.get("counted_pixels", 0)
    return pixels + counted if isinstance(pixels, int) and isinstance(counted, int) else None


def _measured(image: Mapping[str, Any]) -> str:
    pixels, total = pixels_of(image), image.get("total_pixels")
    if pixels is None or not isinstance(total, int) or not total:
        return ""
    size = "; the size changed" if image.get("size_changed") else ""
    return f"{pixels:,} pixels ({pixels / total:.2%}){size}"
