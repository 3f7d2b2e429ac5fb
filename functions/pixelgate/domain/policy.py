"""The policy: which pixels count as changed, and how many of them a snapshot may have."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

from pixelgate.errors import BadManifest

# Raised whenever the same two images may give another mask than before, so that cached results of
# an older algorithm are not used.
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
    """The numbers of the rule that explains noise; docs/verdict.md explains them.

    A residue is what is left of a block's difference, over its contrast, after the best filter of
    3 × 3; a raw difference is the same without a filter.

    Attributes:
        levels: differences of so many levels of a channel are rounding or dithering, …
        min_plain_pixels: … unless so many pixels of plain areas differ by two levels or more.
        min_solid_pixels: so many pixels of plain areas that differ by more are a change, …
        min_strong_pixels: … and so many that differ by more than eight levels.
        one_way: above it, all of an area got brighter or darker; …
        min_light: … if the mean difference of brightness is above so many levels.
        one_hue: above it, all of an area moved to one hue; …
        min_colour: … if the mean difference of colour is above so many levels.
        min_outside: a tint takes a pixel at least so many levels out of what is around it, …
        min_faint_tint: … in so many pixels, where no channel differs by more than eight levels, …
        tint_reach: … and at least by this share of the largest difference.
        min_line_pixels: a straight run so long is a line; …
        max_line_share: … if it differs by more than this share of its edge's height.
        max_moved_raw: a raw difference above it, …
        moved_residue: … of which a filter leaves less than this share, is a move by whole pixels.
        outlier: so many times the residue that nine in ten blocks stay below still fits to them.
        blend_moved: share of an area's strong pixels that may move by over 35 % of their edge.
        blend_outside: share of its pixels that may lie outside the other image's 3 × 3.
        blend_off: share of its strong pixels that may have a colour off the line of their edge.
        blend_steepest: the largest share of its edge's height by which a pixel may differ.
        blend_raw: largest median of the raw difference of a blend.
        blend_residue: largest residue of a blend.
        fringe_colour: coloured fringes of text have a mean difference of colour above it, …
        fringe_hue: … and go one way by less than this.
        fringe_outside: share of their pixels that may lie outside the other image's 3 × 3.
        fringe_raw: largest median of their raw difference.
        fringe_dense: share of their blocks' pixels that may differ.
        fringe_residue: their largest residue.
        fringe_stray: where they stray by no more than this, LCD smoothing and another hinting …
        fringe_more: … may leave so many times the residue of other text.
        text_coverage: share of the text around that another rendering touches at least.
        text_picture: the same share of all text, for areas too small to prove it.
        text_outside: share of its pixels that may lie outside the other image's 3 × 3, …
        text_farthest: … and the farthest that one may, in levels.
        text_off: share of its strong pixels that may have a colour off the line of their edge.
        text_dense: share of its blocks' pixels that may differ.
        text_most_dense: mean number of differing pixels above which it is compression.
        text_raw: largest median of its raw difference, and …
        text_raw_high: … what nine in ten blocks stay below.
        text_moved_raw: where nine in ten blocks stay below more than this, `moved_residue` of it is
            a move by whole pixels.
        text_residue: largest median of its residue, and …
        text_residue_high: … what nine in ten blocks stay below.
        text_few_blocks: an area of fewer blocks proves less, unless it has coloured fringes: …
        text_few_residue_high: … nine in ten of them stay below this residue.
        text_residue_most: its largest residue, where `outlier` does not allow more.
        text_stray: how far it may stray outside the other image's 3 × 3, over its contrast.
        codec_coverage: share of the blocks that show something which compression touches.
        raster_coverage: the same share for another rasteriser.
        codec_dense_pixels: mean number of their pixels that differ.
        codec_residue: largest median of the residue over the picture, and …
        codec_residue_high: … what nine in ten blocks stay below.
        codec_residue_most: the largest residue, where `outlier` does not allow more.
        codec_outlier: the same as `outlier`, for compression.
        codec_light: the farthest that brightness may lie outside the other image's 3 × 3.
        codec_farthest: the farthest that a channel may.
        codec_outside: share of pixels that may lie outside the other image's 3 × 3.
        codec_raw: largest median of an area's raw difference.
        palette_outside: share of pixels that may lie outside the other image's 3 × 3, if one
            image has few colours.
        palette_residue_high: what nine in ten blocks of it stay below.
        photo_dense: share of the pixels of a photo's blocks that differ at least.
        photo_one_way: how far they may go one way.
        photo_outside: share of its pixels that may lie outside the other image's 3 × 3.
        photo_raw: largest median of its raw difference.
        photo_light: the farthest that brightness may lie outside the other image's 3 × 3.
        photo_residue_sparse: the largest residue of a block of which less than a quarter differs.
        photo_residue_high: what nine in ten blocks of it stay below.
        photo_residue_most: its largest residue, where `outlier` does not allow more.
        min_shift_lines: so many lines and edges prove a page that moved by a fraction of a pixel, …
        shift_coverage: … if they are such a share of all straight lines that differ, …
        shift_apart: … moved by the same, but for so many pixels, …
        shift_most: … and by no more than this.
        corners: whether 8 × 8 pixels in one corner of the picture may differ.
    """

    levels: int = 2
    min_plain_pixels: int = 100
    min_solid_pixels: int = 64
    min_strong_pixels: int = 5
    one_way: float = 0.85
    min_light: float = 2.0
    one_hue: float = 0.6
    min_colour: float = 4.0
    min_outside: int = 3
    min_faint_tint: int = 10
    tint_reach: float = 0.8
    min_line_pixels: int = 24
    max_line_share: float = 0.33
    max_moved_raw: float = 0.04
    moved_residue: float = 0.16
    outlier: float = 2.6
    blend_moved: float = 0.06
    blend_outside: float = 0.04
    blend_off: float = 0.1
    blend_steepest: float = 0.6
    blend_raw: float = 0.1
    blend_residue: float = 0.055
    fringe_colour: float = 20.0
    fringe_hue: float = 0.2
    fringe_outside: float = 0.34
    fringe_raw: float = 0.07
    fringe_dense: float = 0.7
    fringe_residue: float = 0.04
    fringe_stray: float = 0.03
    fringe_more: float = 1.35
    text_coverage: float = 0.45
    text_picture: float = 0.4
    text_outside: float = 0.2
    text_farthest: int = 150
    text_off: float = 0.25
    text_dense: float = 0.45
    text_most_dense: float = 60.0
    text_raw: float = 0.16
    text_raw_high: float = 0.22
    text_moved_raw: float = 0.1
    text_residue: float = 0.075
    text_residue_high: float = 0.11
    text_few_blocks: int = 7
    text_few_residue_high: float = 0.08
    text_residue_most: float = 0.06
    text_stray: float = 0.08
    codec_coverage: float = 0.9
    raster_coverage: float = 0.44
    codec_dense_pixels: float = 17.0
    codec_residue: float = 0.03
    codec_residue_high: float = 0.05
    codec_residue_most: float = 0.08
    codec_outlier: float = 3.2
    codec_light: int = 45
    codec_farthest: int = 120
    codec_outside: float = 0.35
    codec_raw: float = 0.07
    palette_outside: float = 0.1
    palette_residue_high: float = 0.03
    photo_dense: float = 0.25
    photo_one_way: float = 0.3
    photo_outside: float = 0.2
    photo_raw: float = 0.12
    photo_light: int = 60
    photo_residue_sparse: float = 0.05
    photo_residue_high: float = 0.06
    photo_residue_most: float = 0.05
    min_shift_lines: int = 4
    shift_coverage: float = 0.6
    shift_apart: float = 0.15
    shift_most: float = 0.75
    corners: bool = True


class Sensitivity(StrEnum):
    """How much a noise may explain."""

    EXACT = "exact"
    CAREFUL = "careful"
    DEFAULT = "default"
    TOLERANT = "tolerant"


# The limits of the rule are multiplied by these; under `exact`, no noise explains anything.
_SCALES = {Sensitivity.CAREFUL: 0.6, Sensitivity.DEFAULT: 1.0, Sensitivity.TOLERANT: 1.5}
# Not scaled: numbers that prove a noise, shares of something else, and numbers of levels.
_SCALED = re.compile(r".*_(raw|residue|outside|off|moved|stray)(_high|_most|_sparse)?$")
_NOT_SCALED = {"min_outside", "max_moved_raw", "moved_residue", "text_moved_raw"}
SCALED = frozenset(
    field.name
    for field in fields(Noise)
    if _SCALED.fullmatch(field.name) and field.name not in _NOT_SCALED
)


@dataclass(frozen=True)
class Policy:
    """How two images are compared and when they count as changed.

    Two thresholds, both in odiff's YIQ scale of 0 (any difference) to 1 (black against white):
    the structural one finds shapes, the sensitive one also faint recolours of large areas. The mask
    has the pixels above the sensitive threshold; those above the structural one are a subset.

    Attributes:
        structural_threshold: 0 to 1; at 0.15, grey 100 against grey 140 is above it.
        sensitive_threshold: 0 to 1; at 0.0225, grey 100 against grey 106 is above it.
        antialiasing: whether smoothed edges are ignored.
        align_rows: whether inserted and deleted rows are found, so that the rows that they moved
            are compared with their counterparts.
        strict: whether any pixel that differs at all counts; otherwise `noise` decides.
        sensitivity: how large a difference a noise may explain; `exact` means strict.
        noise: the numbers that tell a change from noise, before `sensitivity` scales them.
        max_changed_pixels: a diff with at most this number of changed pixels passes.
        max_changed_ratio: a diff with at most this share (0 to 1) of changed pixels passes.
        max_region_pixels: if set, a diff passes if no region has more pixels than this.
        ignore_regions: boxes of the canvas in which differences do not count.
        learned_noise: whether what pairs of the same input have shown explains later differences.
    """

    structural_threshold: float = 0.15
    sensitive_threshold: float = 0.0225
    antialiasing: bool = True
    align_rows: bool = True
    strict: bool = False
    sensitivity: Sensitivity = Sensitivity.DEFAULT
    noise: Noise = Noise()
    max_changed_pixels: int = 0
    max_changed_ratio: float = 0.0
    max_region_pixels: int | None = None
    ignore_regions: tuple[Rectangle, ...] = ()
    learned_noise: bool = True

    def with_overrides(self, overrides: dict[str, Any]) -> Policy:
        """Returns this policy with fields replaced, those of `noise` singly; regions may be dicts.

        Raises BadManifest if the sensitive threshold would lie above the structural one.
        """
        if "sensitivity" in overrides:
            overrides = overrides | {"sensitivity": Sensitivity(overrides["sensitivity"])}
        if "ignore_regions" in overrides:
            boxes = overrides["ignore_regions"]
            regions = tuple(b if isinstance(b, Rectangle) else Rectangle(**b) for b in boxes)
            overrides = overrides | {"ignore_regions": regions}
        if "noise" in overrides:
            overrides = overrides | {"noise": replace(self.noise, **overrides["noise"])}
        changed = replace(self, **overrides)
        if changed.sensitive_threshold > changed.structural_threshold:
            raise BadManifest(
                f"sensitive_threshold {changed.sensitive_threshold} lies above "
                f"structural_threshold {changed.structural_threshold}"
            )
        return changed

    @property
    def is_exact(self) -> bool:
        """Whether any pixel that differs at all counts."""
        return self.strict or self.sensitivity == Sensitivity.EXACT

    @property
    def limits(self) -> Noise:
        """The numbers of the rule that apply: those of `noise`, scaled by `sensitivity`."""
        scale = _SCALES.get(self.sensitivity, 1.0)
        if scale == 1.0:
            return self.noise
        scaled = {
            field.name: getattr(self.noise, field.name) * scale
            for field in fields(Noise)
            if field.name in SCALED
        }
        return replace(self.noise, **scaled)

    def tolerates(self, changed_pixels: int, total_pixels: int, largest_region: int) -> bool:
        """Whether a diff passes by its pixels in the mask, the canvas and the largest region."""
        return (
            changed_pixels <= self.max_changed_pixels
            # Divided, not multiplied: 29 / 100 is 0.29, but 0.29 × 100 is less than 29 in binary.
            or changed_pixels / total_pixels <= self.max_changed_ratio
            or (self.max_region_pixels is not None and largest_region <= self.max_region_pixels)
        )

    def fingerprint(self, engine: str) -> str:
        """Returns a hash of all that a diff depends on: thresholds, noise, algorithm and engine.

        Cached results are stored under it. The limits on changed pixels and learned noise are left
        out, so that others need no new diff.
        """
        decides: dict[str, Any] = {name: getattr(self, name) for name in _MEASURING}
        decides["ignore_regions"] = [asdict(box) for box in self.ignore_regions]
        # The mask shows what counts, so it depends on the numbers of the rule.
        decides["noise"] = asdict(self.limits)
        decides["strict"] = self.is_exact
        text = json.dumps([ALGORITHM, engine, decides], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def as_json(self) -> dict[str, Any]:
        """Returns `policy` of comparison.json."""
        return asdict(self)

    def differences(self, other: Policy) -> dict[str, Any]:
        """Returns this policy's values of the fields in which it differs from the other."""
        if self is other:
            return {}  # true of most snapshots, as they share the build's policy
        mine = self.as_json()
        return {
            field.name: mine[field.name]
            for field in fields(self)
            if getattr(self, field.name) != getattr(other, field.name)
        }
