"""Which differences count: each limit of each noise, just within it and just beyond."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelgate.domain.policy import Noise
from pixelgate.domain.verdict import (
    Evidence,
    Explained,
    Mark,
    NoiseKind,
    Picture,
    could_be_noise,
    explain,
    known,
    mark_of,
    needs_few_colours,
)

# Numbers of our own, so that none of these tests depends on how the rule is tuned: all exact in
# binary, and all of a measure apart from one another, so that no limit stands for another one.
N = Noise(
    levels=3,
    min_plain_pixels=100,
    min_solid_pixels=64,
    min_strong_pixels=9,
    one_way=52 / 64,
    min_light=2.5,
    one_hue=40 / 64,
    min_colour=4.5,
    min_outside=6,
    min_faint_tint=12,
    tint_reach=48 / 64,
    min_line_pixels=24,
    max_line_share=22 / 64,
    max_moved_raw=4 / 64,
    moved_residue=8 / 64,
    outlier=2.5,
    blend_moved=3 / 64,
    blend_outside=2 / 64,
    blend_off=6 / 64,
    blend_steepest=38 / 64,
    blend_raw=24 / 256,
    blend_residue=14 / 256,
    fringe_colour=20.5,
    fringe_hue=12 / 64,
    fringe_outside=20 / 64,
    fringe_raw=18 / 256,
    fringe_dense=44 / 64,
    fringe_residue=10 / 256,
    fringe_stray=5 / 256,
    fringe_more=1.5,
    text_coverage=28 / 64,
    text_picture=25 / 64,
    text_outside=13 / 64,
    text_farthest=150,
    text_off=16 / 64,
    text_dense=30 / 64,
    text_most_dense=60.5,
    text_raw=40 / 256,
    text_raw_high=56 / 256,
    text_moved_raw=26 / 256,
    text_residue=20 / 256,
    text_residue_high=28 / 256,
    text_few_blocks=5,
    text_few_residue_high=25 / 256,
    text_residue_most=15 / 256,
    text_stray=19 / 256,
    codec_coverage=58 / 64,
    raster_coverage=29 / 64,
    codec_dense_pixels=17.5,
    codec_residue=8 / 256,
    codec_residue_high=12 / 256,
    codec_residue_most=22 / 256,
    codec_outlier=3.25,
    codec_light=45,
    codec_farthest=120,
    codec_raw=17 / 256,
    codec_outside=22 / 64,
    palette_outside=7 / 64,
    palette_residue_high=7.5 / 256,
    photo_dense=17 / 64,
    photo_one_way=19 / 64,
    photo_outside=12 / 64,
    photo_raw=31 / 256,
    photo_light=60,
    photo_residue_sparse=12.5 / 256,
    photo_residue_high=15.5 / 256,
    photo_residue_most=11.5 / 256,
)
# Of so many pixels a share of n / 64 is 16 × n pixels.
MANY = 1_024
STRONG: dict[str, Any] = {"clear": MANY, "strong": MANY, "most": 128}
# As much of plain areas as no noise minds, and as much as none but compression forgives.
PLAIN: dict[str, Any] = {"plain": 99, "solid": 63, "solid_strong": 8}
RECOLOURED: dict[str, Any] = {"plain": 1_000, "solid": 1_000}


def over(number: float) -> float:
    return math.nextafter(number, math.inf)


def under(number: float) -> float:
    return math.nextafter(number, -math.inf)


EVERYWHERE = Picture(
    blocks=64,
    touched=58,
    dense=over(17.5),
    residue=8 / 256,
    residue_high=12 / 256,
)
LITTLE = Evidence(
    **STRONG,
    **RECOLOURED,
    solid_strong=8,
    one_way=52 / 64,
    light=9.0,
    hue=40 / 64,
    colour=4.5,
    farthest=120,
    light_off=45,
    outside=16 * 22,
    raw=17 / 256,
    residue_high=15 / 256,
    residue_most=3.25 * 12 / 256,
)
FRINGED: dict[str, Any] = {"colour": over(20.5), "hue": under(12 / 64)}

# For each noise what only it explains, because it lies at all of its limits at once.
WITHIN: dict[NoiseKind, tuple[Evidence, Picture]] = {
    NoiseKind.SHIFT: (
        Evidence(**STRONG, plain=99, solid=99, solid_strong=99, shifted=1, unshifted=8),
        Picture(),
    ),
    NoiseKind.LEVELS: (Evidence(most=3, plain=99, steepest=1.0), Picture()),
    NoiseKind.CODEC: (LITTLE, EVERYWHERE),
    NoiseKind.RASTER: (LITTLE, replace(EVERYWHERE, touched=29)),
    NoiseKind.PALETTE: (
        Evidence(
            **STRONG,
            **RECOLOURED,
            solid_strong=8,
            outside=16 * 7,
            light_off=45,
            raw=24 / 256,
            residue_high=7.5 / 256,
            residue_most=14 / 256,
        ),
        Picture(few_colours=True),
    ),
    NoiseKind.BLEND: (
        Evidence(
            **STRONG,
            **PLAIN,
            off=16 * 6,
            moved=16 * 3,
            outside=16 * 2,
            steepest=38 / 64,
            run=23,
            one_way=1.0,
            light=9.0,
            farthest=95,
            raw=24 / 256,
            residue_most=14 / 256,
        ),
        Picture(),
    ),
    NoiseKind.FRINGES: (
        Evidence(
            **STRONG,
            **PLAIN,
            **FRINGED,
            moved=MANY,
            outside=16 * 20,
            raw=18 / 256,
            dense=44 / 64,
            residue_most=10 / 256,
        ),
        Picture(),
    ),
    NoiseKind.TEXT: (
        Evidence(
            blocks=5,
            text=3,
            text_touched=28 / 64,
            **STRONG,
            **PLAIN,
            one_way=0.8,
            light=9.0,
            hue=40 / 64,
            colour=20.5,
            run=24,
            off=16 * 16,
            outside=16 * 13,
            farthest=150,
            dense=30 / 64,
            raw=40 / 256,
            raw_high=56 / 256,
            residue=20 / 256,
            residue_high=28 / 256,
            residue_most=15 / 256,
            stray=19 / 256,
        ),
        Picture(),
    ),
    NoiseKind.PHOTO: (
        Evidence(
            blocks=8,
            **STRONG,
            **PLAIN,
            dense=17 / 64,
            one_way=19 / 64,
            hue=40 / 64,
            outside=16 * 12,
            light_off=60,
            raw=31 / 256,
            residue_sparse=12.5 / 256,
            residue_high=15.5 / 256,
            residue_most=2.5 * 15.5 / 256,
        ),
        Picture(),
    ),
    NoiseKind.CORNER: (Evidence(corner=True, **STRONG, **RECOLOURED, steepest=1.0), Picture()),
}


@dataclass(frozen=True)
class Edge:
    """One measure that goes over one limit.

    Attributes:
        of: the number of the rule that is the limit; None where it is none that can be set.
        beyond: the measures that go beyond it, of an area or, named `picture.…`, of the picture.
        near: other measures of both cases.
    """

    of: str | None
    beyond: dict[str, Any]
    near: dict[str, Any] = field(default_factory=dict)


def edge(of: str | None, near: dict[str, Any] | None = None, **beyond: Any) -> Edge:
    return Edge(of, {name.replace("picture_", "picture."): v for name, v in beyond.items()},
                near or {})  # fmt: skip


RECOLOURS = [
    edge("min_strong_pixels", solid_strong=9),
    edge("min_solid_pixels", solid=64),
    edge("min_plain_pixels", plain=100),
]
# A tint goes as far as its largest difference lets it, here 96 of 128 levels.
TINTED = STRONG | {"most": 128, "farthest": 96, "light": 9.0, "one_way": 52 / 64, "run": 0}
BRIGHTENS = [
    edge("one_way", TINTED, one_way=over(52 / 64)),
    edge("min_light", TINTED | {"one_way": 1.0, "light": 2.5}, light=over(2.5)),
    edge("tint_reach", TINTED | {"one_way": 1.0, "farthest": 95}, farthest=96),
    edge("min_outside", TINTED | {"one_way": 1.0, "most": 4, "farthest": 5}, farthest=6),
]
BRIGHTENS.append(
    edge("min_faint_tint", TINTED | {"one_way": 1.0, "strong": 0, "moved": 0, "off": 0,
                                      "clear": 11, "outside": 0}, clear=12)
)  # fmt: skip
RECOLOURING = TINTED | {"one_way": 0.0, "hue": 1.0, "colour": 9.0}
SHADES = [
    edge("one_hue", RECOLOURING | {"hue": 40 / 64}, hue=over(40 / 64)),
    edge("min_colour", RECOLOURING | {"colour": 4.5}, colour=over(4.5)),
]
MOVES = [
    edge("max_moved_raw",
         {"raw": 16 / 256, "raw_high": 0.0, "residue_high": 0.0, "residue_most": 0.0},
         raw=over(16 / 256)),
    edge("moved_residue",
         {"raw": 17 / 256, "raw_high": 0.0, "residue_high": 17 / 256 / 8, "residue_most": 0.0},
         residue_high=under(17 / 256 / 8)),
]  # fmt: skip
ALL_OF_IT = {"picture.blocks": 4, "picture.touched": 4, "picture.dense": 60.5,
             "picture.residue": 0.0, "picture.residue_high": 0.0}  # fmt: skip
LITTLES = [
    edge("codec_dense_pixels", picture_dense=17.5),
    edge("codec_residue", picture_residue=over(8 / 256)),
    edge("codec_residue_high", {"residue_most": 0.0}, picture_residue_high=over(12 / 256)),
    edge("min_strong_pixels", solid_strong=9),
    edge("one_hue", {"colour": 9.0, "farthest": 0}, hue=over(40 / 64)),
    edge("min_colour", {"hue": 1.0, "farthest": 0}, colour=over(4.5)),
    edge("codec_farthest", farthest=121),
    edge("codec_light", light_off=46),
    edge("codec_raw", raw=over(17 / 256)),
    edge("codec_outside", outside=16 * 22 + 1),
    *MOVES,
    edge("codec_outlier", residue_most=over(3.25 * 12 / 256)),
    edge("codec_residue_most", {"picture.residue_high": 0.0, "residue_most": 22 / 256},
         residue_most=over(22 / 256)),
    *BRIGHTENS,
]  # fmt: skip
# Coloured fringes, and one and a half times the residue of other text.
LCD_AND_HINTING = FRINGED | {"off": 0, "stray": 5 / 256, "residue": 30 / 256,
                             "residue_high": 42 / 256, "residue_most": 22.5 / 256}  # fmt: skip
EDGES: dict[NoiseKind, list[Edge]] = {
    NoiseKind.SHIFT: [
        edge(None, shifted=0),
        edge("min_strong_pixels", unshifted=9),
        edge("min_plain_pixels", plain=100),
    ],
    NoiseKind.LEVELS: [edge("levels", most=4), edge("min_plain_pixels", plain=100)],
    NoiseKind.CODEC: [
        edge("codec_coverage", picture_touched=57),
        edge(None, {"picture.blocks": 4, "picture.touched": 4}, picture_blocks=3),
        *LITTLES,
    ],
    NoiseKind.RASTER: [
        edge("raster_coverage", picture_touched=28),
        edge(None, {"picture.blocks": 4, "picture.touched": 2}, picture_blocks=3),
        *LITTLES,
    ],
    NoiseKind.PALETTE: [
        edge(None, picture_few_colours=False),
        edge("min_strong_pixels", solid_strong=9),
        edge("palette_outside", outside=16 * 7 + 1),
        edge("codec_light", light_off=46),
        edge("blend_raw", raw=over(24 / 256)),
        edge("palette_residue_high", residue_high=over(7.5 / 256)),
        edge("blend_residue", residue_most=over(14 / 256)),
    ],
    NoiseKind.BLEND: [
        *RECOLOURS,
        *BRIGHTENS,
        *SHADES,
        edge("min_line_pixels", run=24),
        edge("max_line_share", {"run": 24, "steepest": 22 / 64, "one_way": 0.95},
             steepest=over(22 / 64)),
        edge(None, {"run": 24, "steepest": 22 / 64, "one_way": 0.95}, one_way=over(0.95)),
        edge("blend_off", off=16 * 6 + 1),
        edge(None, {"strong": 4, "moved": 0, "off": 3}, off=4),
        edge("blend_moved", moved=16 * 3 + 1),
        edge(None, {"strong": 4, "off": 0, "moved": 1}, moved=2),
        edge("blend_outside", outside=16 * 2 + 1),
        edge(None, {"clear": 4, "outside": 3}, outside=4),
        edge("blend_steepest", steepest=over(38 / 64)),
        edge("blend_raw", raw=over(24 / 256)),
        edge("blend_residue", residue_most=over(14 / 256)),
    ],
    NoiseKind.FRINGES: [
        *RECOLOURS,
        edge("fringe_colour", colour=20.5),
        edge("fringe_hue", hue=12 / 64),
        edge("fringe_outside", outside=16 * 20 + 1),
        edge("fringe_raw", raw=over(18 / 256)),
        edge("fringe_dense", dense=over(44 / 64)),
        edge("fringe_residue", residue_most=over(10 / 256)),
    ],
    NoiseKind.TEXT: [
        edge(None, {"blocks": 4, "residue_high": 25 / 256}, blocks=3),
        edge("text_few_blocks", blocks=4),
        edge("text_few_residue_high", {"blocks": 4, "residue_high": 25 / 256},
             residue_high=over(25 / 256)),
        edge(None, LCD_AND_HINTING | {"blocks": 4}, blocks=3),
        edge(None, text=2),
        edge("text_coverage", text_touched=under(28 / 64)),
        edge(None, {"text": 0, "picture.text_explained": 8, "picture.text_touched": 1.0},
             picture_text_explained=7),
        edge("text_picture",
             {"text": 0, "picture.text_explained": 8, "picture.text_touched": 25 / 64},
             picture_text_touched=under(25 / 64)),
        edge("text_most_dense", ALL_OF_IT, picture_dense=over(60.5)),
        edge(
            "codec_residue",
            ALL_OF_IT | {"picture.dense": 256.0, "picture.residue": over(8 / 256)},
            picture_residue=8 / 256,
        ),
        edge(None, ALL_OF_IT | FRINGED | {"picture.dense": 256.0}, hue=1.0),
        *RECOLOURS,
        *BRIGHTENS,
        *SHADES,
        edge(None, one_way=over(0.8)),
        edge(None, {"moved": MANY // 2}, moved=MANY // 2 + 1),
        edge("min_line_pixels", {"run": 23, "one_way": 52 / 64}, run=24),
        edge("text_off", off=16 * 16 + 1),
        edge(None, FRINGED | {"off": MANY}, colour=20.5),
        edge("text_dense", dense=over(30 / 64)),
        edge("fringe_dense", FRINGED | {"dense": 44 / 64}, dense=over(44 / 64)),
        *MOVES,
        edge("text_farthest", farthest=151),
        edge("text_outside", outside=16 * 13 + 1),
        edge("fringe_outside", FRINGED | {"outside": 16 * 20}, outside=16 * 20 + 1),
        edge("text_raw", raw=over(40 / 256)),
        edge("text_raw_high", raw_high=over(56 / 256)),
        edge("text_residue", residue=over(20 / 256)),
        edge("text_residue_high", residue_high=over(28 / 256)),
        edge("text_residue_most", residue_most=over(15 / 256)),
        edge("outlier", {"picture.residue_high": 16 / 256, "residue_most": 40 / 256},
             residue_most=over(40 / 256)),
        edge("text_stray", stray=over(19 / 256)),
        edge("text_moved_raw",
             {"raw": 0.0, "raw_high": 26 / 256, "residue_high": 0.0, "residue_most": 0.0},
             raw_high=over(26 / 256)),
        edge("moved_residue",
             {"raw": 0.0, "raw_high": 27 / 256, "residue_high": 27 / 256 / 8, "residue_most": 0.0},
             residue_high=under(27 / 256 / 8)),
        edge("fringe_stray", LCD_AND_HINTING, stray=over(5 / 256)),
        edge("fringe_more", LCD_AND_HINTING, residue=over(30 / 256)),
        edge("fringe_more", LCD_AND_HINTING, residue_high=over(42 / 256)),
        edge("fringe_more", LCD_AND_HINTING, residue_most=over(22.5 / 256)),
        edge("fringe_colour", LCD_AND_HINTING, colour=20.5),
    ],
    NoiseKind.PHOTO: [
        *RECOLOURS,
        edge(None, blocks=7),
        edge("photo_dense", dense=under(17 / 64)),
        edge("photo_one_way", one_way=over(19 / 64)),
        edge("one_hue", hue=over(40 / 64)),
        edge("photo_outside", outside=16 * 12 + 1),
        edge("photo_raw", raw=over(31 / 256)),
        *MOVES,
        edge("photo_light", light_off=61),
        edge("photo_residue_sparse", residue_sparse=over(12.5 / 256)),
        edge("photo_residue_high", {"residue_most": 0.0}, residue_high=over(15.5 / 256)),
        edge("outlier", residue_most=over(2.5 * 15.5 / 256)),
        edge("photo_residue_most",
             {"raw": 0.0, "residue_high": 0.0, "residue_most": 11.5 / 256},
             residue_most=over(11.5 / 256)),
    ],
    NoiseKind.CORNER: [edge(None, corner=False)],
}  # fmt: skip


# Every noise has a rule but the one that is learned.
RULED = [kind for kind in NoiseKind if kind is not NoiseKind.LEARNED]


def case_of(kind: NoiseKind, *changes: dict[str, Any]) -> tuple[Evidence, Picture]:
    """What lies at the limits of a noise, with other measures."""
    area, picture = WITHIN[kind]
    for change in changes:
        for name, value in change.items():
            _, whole, of_picture = name.rpartition("picture.")
            if whole:
                picture = replace(picture, **{of_picture: value})
            else:
                area = replace(area, **{name: value})
    return area, picture


CASES = [
    pytest.param(kind, one, id=f"{kind}: {one.of or 'fixed'}: {', '.join(one.beyond)} {n}")
    for kind, edges in EDGES.items()
    for n, one in enumerate(edges)
]


@pytest.mark.parametrize(("kind", "one"), CASES)
def test_a_noise_explains_up_to_each_limit_and_not_beyond(kind: NoiseKind, one: Edge) -> None:
    assert explain(*case_of(kind, one.near), N) is kind
    assert explain(*case_of(kind, one.near, one.beyond), N) is not kind


@pytest.mark.parametrize(
    ("kind", "one"), [p for p in CASES if isinstance(p.values[1], Edge) and p.values[1].of]
)
def test_each_limit_is_the_number_of_its_name(kind: NoiseKind, one: Edge) -> None:
    """Another number, and what lay beyond the limit lies within it."""
    assert one.of is not None
    beyond = case_of(kind, one.near, one.beyond)
    number = getattr(N, one.of)
    step = 1 if isinstance(number, int) else number / 8
    others = [replace(N, **{one.of: number + way * step}) for way in (1, -1)]
    assert [explain(*beyond, other) for other in others].count(kind) == 1


def test_every_number_of_the_rule_has_its_edge() -> None:
    told = {one.of for edges in EDGES.values() for one in edges}
    # The lines of a page that moved are no area: see test_subpixel.
    lines = {"min_shift_lines", "shift_coverage", "shift_apart", "shift_most"}
    assert told == {f.name for f in fields(Noise)} - {"corners"} - lines | {None}


def test_corners_count_if_they_should() -> None:
    assert explain(*WITHIN[NoiseKind.CORNER], replace(N, corners=False)) is None


@pytest.mark.parametrize("kind", RULED)
def test_what_only_one_image_has_always_counts(kind: NoiseKind) -> None:
    area, picture = WITHIN[kind]
    lost = replace(area, one_sided=1)
    assert explain(lost, picture, N) is None
    assert mark_of(lost, N) is Mark.ONE_SIDED


@pytest.mark.parametrize("kind", [k for k in RULED if k not in {NoiseKind.SHIFT, NoiseKind.LEVELS}])
def test_a_difference_of_few_levels_needs_no_other_noise(kind: NoiseKind) -> None:
    area, picture = WITHIN[kind]
    assert explain(replace(area, most=3, plain=0), picture, N) is NoiseKind.LEVELS


MARKED: list[tuple[Mark, dict[str, Any], Edge]] = [
    # the mark, what else is measured, and the edge from which on it is this mark
    (Mark.ONE_SIDED, {}, edge(None, one_sided=1)),
    *((Mark.PLAIN, PLAIN, one) for one in RECOLOURS),
    (Mark.LINE, {"run": 23, "steepest": 1.0}, edge("min_line_pixels", run=24)),
    (Mark.LINE, {"run": 24, "steepest": 22 / 64}, edge("max_line_share", steepest=over(22 / 64))),
    (Mark.LINE, {"run": 24, "one_way": 0.95}, edge(None, one_way=over(0.95))),
    *((Mark.MOVED, one.near, one) for one in MOVES),
    *((Mark.TINT, one.near, one) for one in (*BRIGHTENS, *SHADES)),
]


@pytest.mark.parametrize(("mark", "near", "one"), MARKED)
def test_an_area_is_marked_from_an_edge_on(mark: Mark, near: dict[str, Any], one: Edge) -> None:
    area = Evidence(**near)
    assert mark_of(area, N) is Mark.SHAPE
    assert mark_of(replace(area, **one.beyond), N) is mark


def test_the_first_reason_that_holds_is_the_mark() -> None:
    """An area for which every reason holds; then the first of them no longer does, and so on."""
    holds: dict[Mark, dict[str, Any]] = {
        Mark.ONE_SIDED: {"one_sided": 1},
        Mark.PLAIN: {"plain": 100},
        Mark.LINE: {"run": 24},
        Mark.MOVED: {"raw": 1.0},
        Mark.TINT: {"farthest": 96},
    }
    measured: dict[str, Any] = {"light": 9.0, "one_way": 1.0, "most": 128, "strong": 1}
    for change in holds.values():
        measured |= change
    area, found = Evidence(**measured), []
    for change in holds.values():
        found.append(mark_of(area, N))
        gone: dict[str, Any] = dict.fromkeys(change, 0)
        area = replace(area, **gone)
    assert [*found, mark_of(area, N)] == list(Mark)


def measures(cls: type, place: int) -> dict[str, list[Any]]:
    """For each measure the values at which anything in the tables above happens, and none."""
    found = {f.name: {f.default} for f in fields(cls)}
    cases = [case_of(kind) for kind in RULED]
    for kind, edges in EDGES.items():
        cases += [case_of(kind, one.near, *more) for one in edges for more in ((), (one.beyond,))]
    for case in cases:
        for name, value in vars(case[place]).items():
            found[name].add(value)
    return {name: sorted(values) for name, values in found.items()}


AREA_VALUES, PICTURE_VALUES = measures(Evidence, 0), measures(Picture, 1)


@st.composite
def near_a_noise(draw: st.DrawFn) -> tuple[Evidence, Picture]:
    """What lies within or just beyond the limits of a noise, in one measure or in some."""
    area, picture = draw(st.sampled_from([*WITHIN.values()]))
    names = st.sampled_from([*AREA_VALUES])
    for name in draw(st.lists(names, max_size=3)):
        area = replace(area, **{name: draw(st.sampled_from(AREA_VALUES[name]))})
    for name in draw(st.lists(st.sampled_from([*PICTURE_VALUES]), max_size=1)):
        picture = replace(picture, **{name: draw(st.sampled_from(PICTURE_VALUES[name]))})
    return area, picture


# The other measures are no size of a difference: what another one is a share of, what proves that
# there is a noise, or both (`dense`, `colour` and `residue_high`, below which no photo, no coloured
# fringe and no move ends). A larger `most` is no tint where the same range of levels is.
SIZES = [
    *("outside", "farthest", "light_off", "moved", "off", "steepest", "plain", "solid"),
    *("solid_strong", "run", "one_way", "light", "hue", "raw", "raw_high", "residue"),
    *("residue_most", "residue_sparse", "stray", "unshifted", "one_sided"),
]


@given(near_a_noise(), st.sampled_from(SIZES), st.data())
def test_a_larger_difference_never_becomes_noise(
    case: tuple[Evidence, Picture], name: str, data: st.DataObject
) -> None:
    area, picture = case
    before = getattr(area, name)
    larger = [value for value in AREA_VALUES[name] if value > before] or [before + 1]
    more = replace(area, **{name: data.draw(st.sampled_from(larger))})
    if explain(area, picture, N) is None:
        assert explain(more, picture, N) is None


@pytest.mark.parametrize("name", ["differing", "blocks", "text", "text_touched", "corner"])
def test_more_proof_of_a_noise_never_makes_it_count(name: str) -> None:
    for kind, (area, picture) in WITHIN.items():
        more = replace(area, **{name: getattr(area, name) + 1})
        assert explain(more, picture, N) in {kind, NoiseKind.TEXT}


@given(near_a_noise(), st.sampled_from([*PICTURE_VALUES]), st.data())
def test_the_rest_of_the_picture_takes_nothing_from_what_an_area_explains_by_itself(
    case: tuple[Evidence, Picture], name: str, data: st.DataObject
) -> None:
    area, picture = case
    alone = explain(area, Picture(), N)
    other = replace(picture, **{name: data.draw(st.sampled_from(PICTURE_VALUES[name]))})
    if alone is NoiseKind.LEVELS:
        assert explain(area, other, N) is alone
    elif alone in {NoiseKind.BLEND, NoiseKind.FRINGES, NoiseKind.PHOTO, NoiseKind.CORNER}:
        assert explain(area, other, N) is not None


@given(near_a_noise())
def test_what_is_explained_by_a_noise_depends_on_nothing_else(
    case: tuple[Evidence, Picture],
) -> None:
    area, picture = case
    other = replace(area, differing=area.differing + 5)
    assert explain(other, replace(picture, differing=7, text=9), N) is explain(area, picture, N)


# What is measured only where it can decide.
LATER = [
    *("residue", "residue_high", "residue_most", "residue_sparse", "stray"),
    *("text", "text_touched"),
]


@given(near_a_noise())
def test_an_area_that_is_noise_could_be_noise_before_all_is_measured(
    case: tuple[Evidence, Picture],
) -> None:
    area, picture = case
    if explain(area, picture, N) is not None:
        usual = vars(Evidence())
        before = replace(area, **{name: usual[name] for name in LATER})
        assert could_be_noise(area, N)
        assert could_be_noise(before, N)


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param({"one_sided": 1}, id="only one image has some of it"),
        pytest.param({"solid_strong": 9}, id="a plain area has another colour"),
        pytest.param({"raw": 1.0}, id="a larger raw difference than any noise has"),
        pytest.param({"outside": MANY}, id="more pixels outside than any noise has"),
    ],
)
def test_what_no_residue_could_save_needs_none(counts: dict[str, Any]) -> None:
    area = replace(WITHIN[NoiseKind.TEXT][0], **counts)
    assert not could_be_noise(area, N)
    assert could_be_noise(WITHIN[NoiseKind.TEXT][0], N)


def test_colours_are_counted_only_where_a_palette_would_explain_it() -> None:
    kind, bare = NoiseKind.PALETTE, {"picture.few_colours": False}
    assert needs_few_colours(*case_of(kind, bare), N)
    for one in EDGES[kind][1:]:
        assert needs_few_colours(*case_of(kind, bare, one.near), N)
        assert not needs_few_colours(*case_of(kind, bare, one.near, one.beyond), N)


def test_numbers_of_another_version_are_left_out() -> None:
    area, picture = WITHIN[NoiseKind.TEXT]
    assert Evidence(**known(Evidence, {**vars(area), "bold": 5})) == area
    assert Picture(**known(Picture, {**vars(picture), "recoloured": 5})) == picture
    assert Evidence(**known(Evidence, {"structural": 3, "differing": 4})) == Evidence(differing=4)
    assert Picture(**known(Picture, {})) == Picture()


def test_areas_of_a_noise_are_summed_up() -> None:
    one = Evidence(differing=5, most=9, residue_most=0.25, text=1, text_touched=1.0)
    two = Evidence(differing=7, most=3, residue_most=0.5, text=2, text_touched=0.0)
    told = Explained.of(NoiseKind.TEXT, [one, two])
    assert told == Explained(NoiseKind.TEXT, 2, 12, 9, 0.5, 0.333)
    assert Explained.from_json({**vars(told), "kind": "text"}) == told
    bare = Explained.of(NoiseKind.BLEND, [Evidence(differing=5, most=9)])
    assert bare == Explained(NoiseKind.BLEND, 1, 5, 9, 0.0, 0.0)
