"""The diff policy: what counts as a changed pixel, and how many of them a person wants to see."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from pixelgate.errors import BadManifest

# Raised whenever the same two images may give another mask than before, so that stored results
# of an older algorithm are not taken for ours.
ALGORITHM = 4


_MEASURING = ("structural_threshold", "sensitive_threshold", "antialiasing", "align_rows")


@dataclass(frozen=True, order=True)
class Rectangle:
    """A box in pixels, from the top left corner; it may reach past the image."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Noise:
    """The numbers of the rule that tells a change from noise; docs/verdict.md explains it.

    Attributes:
        min_solid_pixels: so many changed pixels amid one colour in both images are a change.
        min_bold_pixels: so many whose brightness the other image has nowhere near them are one.
        min_line_pixels: a straight run so long is one.
        local_blocks: differences in so few blocks of 16 × 16 count as local, …
        local_share: … or in so small a share of the blocks that show something.
        min_structural_pixels: where differences are local, so many structural pixels …
        min_structural_share: … that are such a share of the region are a change.
        min_ink_pixels: where they are local, so many changed pixels are one if …
        min_balance: … more became darker than brighter or the other way round by that share.
        one_way_balance: from here on all went one way.
        min_unmatched_pixels: where they are local, so many without a match nearby are one.
        clean_share: a region is clean if such a share of what differs in it has changed.
        min_tint_pixels: a clean region of that size in which all went one way is a change.
        crisp_share: all counts where such a share of all that differs at all has changed.
        recolour_threshold: the faintest recolour of a plain area, in the scale of the thresholds.
        min_recoloured_pixels: how large such an area must be.
        whole_picture: not if such a share of the picture differs, …
        whole_picture_blocks: … or such a share of the blocks that show something.
    """

    min_solid_pixels: int = 9
    min_bold_pixels: int = 36
    min_line_pixels: int = 32
    local_blocks: int = 4
    local_share: float = 0.125
    min_structural_pixels: int = 3
    min_structural_share: float = 0.25
    min_ink_pixels: int = 4
    min_balance: float = 0.25
    one_way_balance: float = 0.9
    min_unmatched_pixels: int = 3
    clean_share: float = 0.3
    min_tint_pixels: int = 32
    crisp_share: float = 0.9
    recolour_threshold: float = 0.006
    min_recoloured_pixels: int = 100
    whole_picture: float = 0.99
    whole_picture_blocks: float = 0.9


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
        align_rows: true finds inserted and deleted rows, so that what they moved is compared
            with its counterpart.
        strict: true lets any changed pixel count, where otherwise `noise` decides.
        noise: what tells a change from noise.
        max_changed_pixels: how many changed pixels still pass.
        max_changed_ratio: how large a share (0 to 1) of the canvas still passes.
        max_region_pixels: when set, a diff whose every region has at most so many pixels passes.
        ignore_regions: boxes of the canvas in which nothing counts.
    """

    structural_threshold: float = 0.15
    sensitive_threshold: float = 0.0225
    antialiasing: bool = True
    align_rows: bool = True
    strict: bool = False
    noise: Noise = Noise()
    max_changed_pixels: int = 0
    max_changed_ratio: float = 0.0
    max_region_pixels: int | None = None
    ignore_regions: tuple[Rectangle, ...] = ()

    def with_overrides(self, overrides: dict[str, Any]) -> Policy:
        """This policy with some fields replaced, those of `noise` one by one.

        Raises:
            BadManifest: the sensitive threshold would lie above the structural one.
        """
        if "noise" in overrides:
            overrides = overrides | {"noise": replace(self.noise, **overrides["noise"])}
        changed = replace(self, **overrides)
        if changed.sensitive_threshold > changed.structural_threshold:
            raise BadManifest(
                f"sensitive_threshold {changed.sensitive_threshold} lies above "
                f"structural_threshold {changed.structural_threshold}"
            )
        return changed

    def tolerates(self, changed_pixels: int, total_pixels: int, largest_region: int) -> bool:
        """Whether one of the limits that were set lets a diff of this size pass.

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
        """Names what decides the measurement: thresholds, algorithm and engine.

        Results are stored under it. What only judges them is left out, so that other tolerances
        need no new diff.
        """
        decides: dict[str, Any] = {name: getattr(self, name) for name in _MEASURING}
        decides["ignore_regions"] = [asdict(box) for box in self.ignore_regions]
        decides["recolour_threshold"] = self.noise.recolour_threshold
        text = json.dumps([ALGORITHM, engine, decides], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def as_json(self) -> dict[str, Any]:
        """The policy as the comparison manifest shows it."""
        return asdict(self)

    def differences(self, other: Policy) -> dict[str, Any]:
        """The fields in which this policy differs from the other, with this one's values."""
        if self is other:
            return {}  # of most images: they have the build's own
        mine = self.as_json()
        return {
            field.name: mine[field.name]
            for field in fields(self)
            if getattr(self, field.name) != getattr(other, field.name)
        }
