"""Decides which differences count: every difference counts unless a named noise explains it.

docs/verdict.md explains the rule and its quality. The rule is a pure function of the measurements
of an area of differing blocks (`Evidence`) and of the whole picture (`Picture`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any, Self

from pixelgate.domain.policy import Noise


class NoiseKind(StrEnum):
    """The noises that can explain a difference, in the order in which the rule tries them."""

    SHIFT = "shift"
    LEVELS = "levels"
    CODEC = "codec"
    RASTER = "raster"
    PALETTE = "palette"
    BLEND = "blend"
    FRINGES = "fringes"
    TEXT = "text"
    PHOTO = "photo"
    CORNER = "corner"
    # Not of the rule: what pairs of the same input have shown; see domain/learned_noise.py.
    LEARNED = "learned"


class Mark(StrEnum):
    """The reasons why an area counts, in the order in which the rule checks them."""

    ONE_SIDED = "one_sided"
    PLAIN = "plain"
    LINE = "line"
    MOVED = "moved"
    TINT = "tint"
    SHAPE = "shape"


@dataclass(frozen=True)
class Evidence:
    """The measurements of an area, which is a group of differing 16 × 16 blocks close together.

    Attributes:
        blocks: how many blocks differ by more than two levels of a channel.
        text: blocks in and around the area that look like text in the base.
        text_touched: share of these text blocks that differ by more than two levels.
        differing, clear, strong: pixels that differ at all, by more than two levels of a channel,
            and by more than eight.
        most: the largest difference, in levels.
        outside: pixels with a channel more than 12 levels outside its range in the 3 × 3 pixels
            of the other image at that place. No blend of those pixels can give such a pixel.
        farthest, light_off: the largest distance of a channel, and of the brightness, from that
            range, in levels.
        moved: strong pixels that differ by more than 35 % of the height of their edge.
        off: pixels that differ by more than 24 levels, and whose colour in one image is more than
            24 levels away from the line between the darkest and the brightest colour of the 3 × 3
            pixels of the other image.
        steepest: the largest difference of a strong pixel, as a share of the height of its edge.
        plain, solid, solid_strong: pixels surrounded by one colour in both images that differ by
            two levels or more, by more than two, and by more than eight.
        run: the longest straight run of strong differences of one colour, in pixels.
        one_way: 0 if equally many pixels got brighter and darker, 1 if all changed the same way.
        light: mean difference of brightness of the pixels that differ, in levels.
        hue: 0 if colours changed in all directions, 1 if all changed in the same direction.
        colour: mean difference of colour, in levels of red against green and blue against green.
        dense: share of the pixels of its blocks that differ.
        raw, raw_high: root mean square difference of a block, divided by its contrast; the median
            block, and the one at the 90th percentile.
        residue, residue_high, residue_most: what is left of `raw` after the best 3 × 3 filter; the
            median block, the one at the 90th percentile, and the largest. It is not measured where
            no residue could explain the area, and then equals `raw`.
        residue_sparse: the largest residue of a block of which less than a quarter differs.
        stray: how far a block's smoothed pixels lie outside the range of the other image's 3 × 3
            pixels, divided by its contrast; the largest block. Measured together with `residue`.
        shifted, unshifted: pixels that differ by more than two levels and that a move of the whole
            page by a fraction of a pixel explains, and those that it does not explain. `shifted` is
            0 where no such move was found.
        corner: whether all differences lie in one corner of the picture, 8 × 8 pixels.
        one_sided: pixels that only one image has.
    """

    blocks: int = 0
    text: int = 0
    text_touched: float = 0.0
    differing: int = 0
    clear: int = 0
    strong: int = 0
    most: int = 0
    outside: int = 0
    farthest: int = 0
    light_off: int = 0
    moved: int = 0
    off: int = 0
    steepest: float = 0.0
    plain: int = 0
    solid: int = 0
    solid_strong: int = 0
    run: int = 0
    one_way: float = 0.0
    light: float = 0.0
    hue: float = 0.0
    colour: float = 0.0
    dense: float = 0.0
    raw: float = 0.0
    raw_high: float = 0.0
    residue: float = 0.0
    residue_high: float = 0.0
    residue_most: float = 0.0
    residue_sparse: float = 0.0
    stray: float = 0.0
    shifted: int = 0
    unshifted: int = 0
    corner: bool = False
    one_sided: int = 0


@dataclass(frozen=True)
class Picture:
    """The measurements of the whole picture.

    Attributes:
        differing: pixels with any difference.
        blocks: 16 × 16 blocks with content, such as text, an edge or a picture. 0 if the verdict
            did not need it.
        touched: blocks with content in which a pixel differs.
        dense: mean number of differing pixels in the blocks with content.
        text: blocks that look like text. 0 if the verdict did not need it.
        text_touched: share of the text blocks that differ by more than two levels.
        text_explained: blocks of areas that were explained as another rendering of text.
        residue, residue_high: of all blocks that differ by more than two levels; the median block,
            and the one at the 90th percentile.
        few_colours: whether one image has at most 256 colours and the other one more.
        right, down: how far the lines of the page moved, in pixels, if less than one.
    """

    differing: int = 0
    blocks: int = 0
    touched: int = 0
    dense: float = 0.0
    text: int = 0
    text_touched: float = 0.0
    text_explained: int = 0
    residue: float = 0.0
    residue_high: float = 0.0
    few_colours: bool = False
    right: float = 0.0
    down: float = 0.0


def known(cls: type, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the fields of a stored record, without those that only older versions measured."""
    names = {field.name for field in fields(cls)}
    return {name: value for name, value in stored.items() if name in names}


def explain(area: Evidence, picture: Picture, noise: Noise) -> NoiseKind | None:
    """Returns the noise that explains the whole difference of an area; None if it counts."""
    if area.one_sided:
        return None
    return next((kind for kind, holds in _RULES.items() if holds(area, picture, noise)), None)


# The most favourable measurements of a compressed picture, and of an uncompressed one.
_AT_BEST = tuple(
    Picture(blocks=n, touched=n, dense=256, text_touched=1, text_explained=100, few_colours=True)
    for n in (100, 0)
)


def could_be_noise(area: Evidence, noise: Noise) -> bool:
    """Whether a noise could explain the area, before residue and surroundings are measured."""
    known = replace(area, residue=0.0, residue_sparse=0.0, stray=0.0, text=100, text_touched=1.0)
    # With less residue than that the area would count as moved.
    raws = {area.raw, area.raw_high} if area.raw_high > noise.text_moved_raw else {area.raw}
    leasts = [noise.moved_residue * raw for raw in raws]
    at_best = [replace(known, residue_high=n, residue_most=n) for n in leasts]
    return any(explain(best, picture, noise) for best in at_best for picture in _AT_BEST)


def could_be_shifted(area: Evidence, noise: Noise) -> bool:
    """Whether an area has lines that a move of the page by a fraction of a pixel could explain."""
    lines = area.run >= noise.min_line_pixels
    return lines and not area.one_sided and not is_recoloured(area, noise)


def needs_few_colours(area: Evidence, picture: Picture, noise: Noise) -> bool:
    """Whether an area would be explained if one image had few colours."""
    return explain(area, replace(picture, few_colours=True), noise) is NoiseKind.PALETTE


def mark_of(area: Evidence, noise: Noise) -> Mark:
    """Returns the reason why an area without an explaining noise counts."""
    reasons = {
        Mark.ONE_SIDED: area.one_sided > 0,
        Mark.PLAIN: is_recoloured(area, noise),
        Mark.LINE: has_line(area, noise),
        Mark.MOVED: is_moved(area, noise),
        Mark.TINT: is_tinted(area, noise),
    }
    return next((mark for mark, holds in reasons.items() if holds), Mark.SHAPE)


def is_recoloured(area: Evidence, noise: Noise) -> bool:
    """Whether a plain area has another colour in both images."""
    return (
        area.solid_strong >= noise.min_strong_pixels
        or area.solid >= noise.min_solid_pixels
        or area.plain >= noise.min_plain_pixels
    )


def is_tinted(area: Evidence, noise: Noise) -> bool:
    """Whether all of an area got brighter, darker or another hue, ends of its range included."""
    brighter = area.one_way > noise.one_way and area.light > noise.min_light
    recoloured = area.hue > noise.one_hue and area.colour > noise.min_colour
    # A blend changes colours within the range of an edge; a tint moves the ends of that range.
    ends = area.farthest >= max(noise.min_outside, noise.tint_reach * area.most)
    seen = area.strong > 0 or area.clear >= noise.min_faint_tint
    return ends and seen and (brighter or recoloured)


def has_line(area: Evidence, noise: Noise) -> bool:
    """Whether a straight line of one colour differs."""
    return area.run >= noise.min_line_pixels and (
        area.steepest > noise.max_line_share or area.one_way > 0.95
    )


def _is_a_line_on_its_own(area: Evidence, noise: Noise) -> bool:
    """Whether a line is most of the difference; the short lines within text are not."""
    alone = area.one_way > 0.8 or 2 * area.moved > area.strong
    return area.run >= noise.min_line_pixels and alone


def is_moved(area: Evidence, noise: Noise) -> bool:
    """Whether the shapes moved: a 3 × 3 filter explains everything, and the difference is large."""
    return area.raw > noise.max_moved_raw and area.residue_high < noise.moved_residue * area.raw


def _are_some_moved(area: Evidence, noise: Noise) -> bool:
    """Whether a part of the area moved: some of its text lies a whole pixel away."""
    some = area.raw_high
    return some > noise.text_moved_raw and area.residue_high < noise.moved_residue * some


def is_codec(picture: Picture, noise: Noise) -> bool:
    """Whether the pair shows compression: all content differs, and everywhere by little."""
    return _is_everywhere(picture, noise, noise.codec_coverage)


def _is_everywhere(picture: Picture, noise: Noise, coverage: float) -> bool:
    return (
        picture.blocks >= 4
        and picture.touched >= coverage * picture.blocks
        and picture.dense > noise.codec_dense_pixels
        and picture.residue <= noise.codec_residue
        and picture.residue_high <= noise.codec_residue_high
    )


def _shift(area: Evidence, picture: Picture, noise: Noise) -> bool:
    return (
        area.shifted > 0
        and area.unshifted < noise.min_strong_pixels
        and area.plain < noise.min_plain_pixels
    )


def _levels(area: Evidence, picture: Picture, noise: Noise) -> bool:
    return area.most <= noise.levels and area.plain < noise.min_plain_pixels


def _codec(area: Evidence, picture: Picture, noise: Noise) -> bool:
    return is_codec(picture, noise) and _is_little(area, picture, noise)


def _raster(area: Evidence, picture: Picture, noise: Noise) -> bool:
    return _is_everywhere(picture, noise, noise.raster_coverage) and _is_little(
        area, picture, noise
    )


def _is_little(area: Evidence, picture: Picture, noise: Noise) -> bool:
    """Whether the difference is as small as it is everywhere else in the picture."""
    limit = max(noise.codec_residue_most, noise.codec_outlier * picture.residue_high)
    return (
        area.solid_strong < noise.min_strong_pixels
        and not (area.hue > noise.one_hue and area.colour > noise.min_colour)
        and not is_tinted(area, noise)
        and not is_moved(area, noise)
        and area.outside <= noise.codec_outside * area.clear
        and area.farthest <= noise.codec_farthest
        and area.light_off <= noise.codec_light
        and area.raw <= noise.codec_raw
        and area.residue_most <= limit
    )


def _palette(area: Evidence, picture: Picture, noise: Noise) -> bool:
    return (
        picture.few_colours
        and area.solid_strong < noise.min_strong_pixels
        and area.light_off <= noise.codec_light
        and area.outside <= noise.palette_outside * area.clear
        and area.raw <= noise.blend_raw
        and area.residue_high <= noise.palette_residue_high
        and area.residue_most <= noise.blend_residue
    )


def _blend(area: Evidence, picture: Picture, noise: Noise) -> bool:
    moved, outside = area.moved, area.outside
    return (
        not is_recoloured(area, noise)
        and not is_tinted(area, noise)
        and not has_line(area, noise)
        and (area.off < 4 or area.off <= noise.blend_off * area.strong)
        and area.steepest <= noise.blend_steepest
        and (moved < 2 or moved <= noise.blend_moved * area.strong)
        and (outside < 4 or outside <= noise.blend_outside * area.clear)
        and area.raw <= noise.blend_raw
        and area.residue_most <= noise.blend_residue
    )


def _is_fringed(area: Evidence, noise: Noise) -> bool:
    return area.colour > noise.fringe_colour and area.hue < noise.fringe_hue


def _fringes(area: Evidence, picture: Picture, noise: Noise) -> bool:
    return (
        _is_fringed(area, noise)
        and not is_recoloured(area, noise)
        and area.outside <= noise.fringe_outside * area.clear
        and area.raw <= noise.fringe_raw
        and area.dense <= noise.fringe_dense
        and area.residue_most <= noise.fringe_residue
    )


def _is_text(area: Evidence, picture: Picture, noise: Noise) -> bool:
    """Whether the difference is as small as another rendering of text would make it."""
    fringed = _is_fringed(area, noise)
    outside = noise.fringe_outside if fringed else noise.text_outside
    limit = max(noise.text_residue_most, noise.outlier * picture.residue_high)
    # LCD smoothing together with other hinting blends more, but adds no ink far from the text.
    more = noise.fringe_more if fringed and area.stray <= noise.fringe_stray else 1.0
    few = area.blocks < noise.text_few_blocks and not fringed
    high = noise.text_few_residue_high if few else more * noise.text_residue_high
    return (
        not is_recoloured(area, noise)
        and not is_tinted(area, noise)
        and not _is_a_line_on_its_own(area, noise)
        and (fringed or area.off <= noise.text_off * area.strong)
        and area.dense <= (noise.fringe_dense if fringed else noise.text_dense)
        and not is_moved(area, noise)
        and not _are_some_moved(area, noise)
        and area.farthest <= noise.text_farthest
        and area.outside <= outside * area.clear
        and area.raw <= noise.text_raw
        and area.raw_high <= noise.text_raw_high
        and area.residue <= more * noise.text_residue
        and area.residue_high <= high
        and area.residue_most <= more * limit
        and area.stray <= noise.text_stray
    )


def _text(area: Evidence, picture: Picture, noise: Noise) -> bool:
    alone = area.blocks >= 4 and area.text >= 3 and area.text_touched >= noise.text_coverage
    along = picture.text_explained >= 8 and picture.text_touched >= noise.text_picture
    # Dense differences everywhere mean compression; text must then pass the rule of `codec`.
    codec = is_codec(picture, noise) and picture.dense > noise.text_most_dense
    codec = codec and not _is_fringed(area, noise)
    return (alone or along) and not codec and _is_text(area, picture, noise)


def _photo(area: Evidence, picture: Picture, noise: Noise) -> bool:
    limit = max(noise.photo_residue_most, noise.outlier * area.residue_high)
    return (
        not is_recoloured(area, noise)
        and area.blocks >= 8
        and area.dense >= noise.photo_dense
        and area.one_way <= noise.photo_one_way
        and area.hue <= noise.one_hue
        and area.outside <= noise.photo_outside * area.clear
        and area.raw <= noise.photo_raw
        and not is_moved(area, noise)
        and area.light_off <= noise.photo_light
        and area.residue_sparse <= noise.photo_residue_sparse
        and area.residue_high <= noise.photo_residue_high
        and area.residue_most <= limit
    )


def _corner(area: Evidence, picture: Picture, noise: Noise) -> bool:
    return area.corner and noise.corners


_RULES: Mapping[NoiseKind, Callable[[Evidence, Picture, Noise], bool]] = {
    NoiseKind.SHIFT: _shift,
    NoiseKind.LEVELS: _levels,
    NoiseKind.CODEC: _codec,
    NoiseKind.RASTER: _raster,
    NoiseKind.PALETTE: _palette,
    NoiseKind.BLEND: _blend,
    NoiseKind.FRINGES: _fringes,
    NoiseKind.TEXT: _text,
    NoiseKind.PHOTO: _photo,
    NoiseKind.CORNER: _corner,
}


@dataclass(frozen=True)
class Explained:
    """The sum of all areas of a picture that one noise explains.

    `areas` and `pixels` are their numbers, `most` is the largest difference in levels, `residue`
    the largest of a block, and `text_touched` the share of the text in and around them that
    differs.
    """

    kind: NoiseKind
    areas: int
    pixels: int
    most: int
    residue: float
    text_touched: float

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Decodes a stored record."""
        return cls(**{**stored, "kind": NoiseKind(stored["kind"])})

    @classmethod
    def of(cls, kind: NoiseKind, areas: Sequence[Evidence]) -> Explained:
        """Sums up the areas, of which there is at least one."""
        text = sum(area.text for area in areas)
        touched = sum(area.text * area.text_touched for area in areas)
        return cls(
            kind,
            len(areas),
            sum(area.differing for area in areas),
            max(area.most for area in areas),
            max(area.residue_most for area in areas),
            round(touched / text, 3) if text else 0.0,
        )
