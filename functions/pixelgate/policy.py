"""The diff policy: what counts as a changed pixel, and how many of them a person wants to see."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from pixelgate.errors import BadManifest

# Raised whenever the same two images may give another mask than before, so that stored results
# of an older algorithm are not taken for ours.
ALGORITHM = 1


@dataclass(frozen=True, order=True)
class Rectangle:
    """A box in pixels, from the top left corner; it may reach past the image."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Policy:
    """How two images are compared and when they count as changed.

    Two thresholds, both in odiff's YIQ scale of 0 (any difference) to 1 (black against white):
    the structural one sees shapes, the colour-sensitive one faint and wide recolours. A pixel of
    the mask is one that the sensitive pass reports; the structural pass is a subset of it.

    Attributes:
        structural_threshold: 0.15; grey 100 against 140 is seen.
        sensitive_threshold: 0.0225; grey 100 against 106 is seen.
        antialiasing: true leaves out pixels that are only smoothed edges.
        max_changed_pixels: how many changed pixels still pass.
        max_changed_ratio: how large a share (0 to 1) of the canvas still passes.
        max_region_pixels: when set, a diff whose every region has at most so many pixels passes.
        ignore_regions: boxes of the canvas in which nothing counts.
    """

    structural_threshold: float = 0.15
    sensitive_threshold: float = 0.0225
    antialiasing: bool = True
    max_changed_pixels: int = 0
    max_changed_ratio: float = 0.0
    max_region_pixels: int | None = None
    ignore_regions: tuple[Rectangle, ...] = ()

    def with_overrides(self, overrides: dict[str, Any]) -> Policy:
        """This policy with some fields replaced.

        Raises:
            BadManifest: the sensitive threshold would lie above the structural one.
        """
        changed = replace(self, **overrides)
        if changed.sensitive_threshold > changed.structural_threshold:
            raise BadManifest(
                f"sensitive_threshold {changed.sensitive_threshold} lies above "
                f"structural_threshold {changed.structural_threshold}"
            )
        return changed

    def tolerates(self, changed_pixels: int, total_pixels: int, largest_region: int) -> bool:
        """Whether a diff of this size passes: any one of the limits that were set suffices.

        Args:
            changed_pixels: pixels in the mask.
            total_pixels: pixels of the canvas.
            largest_region: pixels of the mask's largest region.
        """
        if changed_pixels <= self.max_changed_pixels:
            return True
        # Divided, not multiplied: 29 of 100 are 0.29, but 0.29 × 100 is less than 29 in binary.
        if changed_pixels / total_pixels <= self.max_changed_ratio:
            return True
        return self.max_region_pixels is not None and largest_region <= self.max_region_pixels

    def fingerprint(self, engine: str) -> str:
        """Names what decides the mask: policy, algorithm and engine, but not the tolerances.

        Results are stored under it, so that a new tolerance re-judges them and needs no new diff.
        """
        decides = asdict(self)
        for tolerance in ("max_changed_pixels", "max_changed_ratio", "max_region_pixels"):
            del decides[tolerance]
        text = json.dumps([ALGORITHM, engine, decides], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def as_json(self) -> dict[str, Any]:
        """The policy as the comparison manifest shows it."""
        return asdict(self)

    def differences(self, other: Policy) -> dict[str, Any]:
        """The fields in which this policy differs from the other, with this one's values."""
        mine = self.as_json()
        return {
            field.name: mine[field.name]
            for field in fields(self)
            if getattr(self, field.name) != getattr(other, field.name)
        }
