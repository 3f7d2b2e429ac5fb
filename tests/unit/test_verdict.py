"""Which regions count, and why: each number of the rule at both of its edges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixelgate.comparison import Diff, Judgement, Region
from pixelgate.policy import Noise, Policy
from pixelgate.verdict import Evidence, Mark, Spread, is_recoloured, mark_regions

# Differences everywhere or in one place; both so many that no picture is crisp.
WIDE = Spread(differing=10**9, blocks=100, touched=100)
LOCAL = replace(WIDE, touched=0)


def mark(
    pixels: int, spread: Spread = WIDE, noise: Noise | None = None, **evidence: Any
) -> Mark | None:
    """Why a region counts that is the only one."""
    [found] = mark_regions([pixels], [Evidence(**evidence)], spread, noise or Noise())
    return found


Case = tuple[int, Spread, dict[str, Any]]

EDGES: list[tuple[str, Mark, Case, Case]] = [
    # what, mark, the last case that counts, the first that does not
    ("one-sided pixels", Mark.ONE_SIDED, (9, WIDE, {"one_sided": 1}), (9, WIDE, {"one_sided": 0})),
    ("solid pixels", Mark.SOLID, (9, WIDE, {"solid": 9}), (9, WIDE, {"solid": 8})),
    ("bold pixels", Mark.BOLD, (24, WIDE, {"bold": 36}), (24, WIDE, {"bold": 35})),
    (
        "a line, local",
        Mark.LINE,
        (32, LOCAL, {"line": 32, "differing": 999}),
        (32, LOCAL, {"line": 31, "differing": 999}),
    ),
    (
        "a structural line",
        Mark.LINE,
        (32, WIDE, {"line": 32, "structural": 32, "differing": 999}),
        (32, WIDE, {"line": 32, "structural": 31, "differing": 999}),
    ),
    (
        "a line that is half of what differs",
        Mark.LINE,
        (40, WIDE, {"line": 32, "differing": 80}),
        (40, WIDE, {"line": 32, "differing": 81}),
    ),
    ("local: pixels", Mark.LOCAL, (3, LOCAL, {"structural": 3}), (3, LOCAL, {"structural": 2})),
    ("local: share", Mark.LOCAL, (12, LOCAL, {"structural": 3}), (13, LOCAL, {"structural": 3})),
    (
        "local: only there",
        Mark.LOCAL,
        (12, LOCAL, {"structural": 3}),
        (12, WIDE, {"structural": 3}),
    ),
    ("ink: pixels", Mark.INK, (4, LOCAL, {"balance": 0.25}), (3, LOCAL, {"balance": 0.25})),
    ("ink: balance", Mark.INK, (4, LOCAL, {"balance": 0.25}), (4, LOCAL, {"balance": 0.24})),
    (
        "ink: clean",
        Mark.INK,
        (30, LOCAL, {"balance": 0.25, "differing": 100}),
        (30, LOCAL, {"balance": 0.25, "differing": 101}),
    ),
    (
        "ink: all one way",
        Mark.INK,
        (30, LOCAL, {"balance": 0.9, "differing": 999}),
        (30, LOCAL, {"balance": 0.89, "differing": 999}),
    ),
    ("ink: only locally", Mark.INK, (31, LOCAL, {"balance": 1.0}), (31, WIDE, {"balance": 1.0})),
    ("shape: pixels", Mark.SHAPE, (3, LOCAL, {"unmatched": 3}), (3, LOCAL, {"unmatched": 2})),
    ("shape: only locally", Mark.SHAPE, (3, LOCAL, {"unmatched": 3}), (3, WIDE, {"unmatched": 3})),
    (
        "shape: clean",
        Mark.SHAPE,
        (30, LOCAL, {"unmatched": 3, "differing": 100}),
        (30, LOCAL, {"unmatched": 3, "differing": 101}),
    ),
    ("tint: pixels", Mark.TINT, (32, WIDE, {"balance": 0.9}), (31, WIDE, {"balance": 0.9})),
    ("tint: balance", Mark.TINT, (32, WIDE, {"balance": 0.9}), (32, WIDE, {"balance": 0.89})),
    (
        "tint: clean",
        Mark.TINT,
        (33, WIDE, {"balance": 1.0, "differing": 110}),
        (33, WIDE, {"balance": 1.0, "differing": 111}),
    ),
    (
        "crisp",
        Mark.CRISP,
        (90, replace(WIDE, differing=100), {}),
        (89, replace(WIDE, differing=100), {}),
    ),
]


@pytest.mark.parametrize(
    ("expected", "counts", "passes"), [pytest.param(*row[1:], id=row[0]) for row in EDGES]
)
def test_each_number_counts_from_its_edge_on(expected: Mark, counts: Case, passes: Case) -> None:
    assert mark(counts[0], counts[1], **counts[2]) is expected
    assert mark(passes[0], passes[1], **passes[2]) is None


def test_every_mark_has_its_edge_in_the_table() -> None:
    assert {row[1] for row in EDGES} == set(Mark)


NUMBERS: list[tuple[Mark, dict[str, Any], Case]] = [
    # a case just past the edge that counts with another number
    (Mark.SOLID, {"min_solid_pixels": 8}, (9, WIDE, {"solid": 8})),
    (Mark.BOLD, {"min_bold_pixels": 35}, (24, WIDE, {"bold": 35})),
    (Mark.LINE, {"min_line_pixels": 31}, (32, LOCAL, {"line": 31, "differing": 999})),
    (Mark.LOCAL, {"min_structural_pixels": 2}, (3, LOCAL, {"structural": 2})),
    (Mark.LOCAL, {"min_structural_share": 0.23}, (13, LOCAL, {"structural": 3})),
    (Mark.INK, {"min_ink_pixels": 3}, (3, LOCAL, {"balance": 0.25})),
    (Mark.INK, {"min_balance": 0.24}, (4, LOCAL, {"balance": 0.24})),
    (Mark.INK, {"one_way_balance": 0.89}, (30, LOCAL, {"balance": 0.89, "differing": 999})),
    (Mark.INK, {"clean_share": 0.29}, (30, LOCAL, {"balance": 0.25, "differing": 101})),
    (Mark.SHAPE, {"min_unmatched_pixels": 2}, (3, LOCAL, {"unmatched": 2})),
    (Mark.SHAPE, {"clean_share": 0.29}, (30, LOCAL, {"unmatched": 3, "differing": 101})),
    (Mark.TINT, {"min_tint_pixels": 31}, (31, WIDE, {"balance": 0.9})),
    (Mark.TINT, {"one_way_balance": 0.89}, (32, WIDE, {"balance": 0.89})),
    (Mark.TINT, {"clean_share": 0.29}, (33, WIDE, {"balance": 1.0, "differing": 111})),
    (Mark.CRISP, {"crisp_share": 0.89}, (89, replace(WIDE, differing=100), {})),
    (Mark.SHAPE, {"local_blocks": 100}, (3, WIDE, {"unmatched": 3})),
    (Mark.SHAPE, {"local_share": 1.0}, (3, WIDE, {"unmatched": 3})),
]


@pytest.mark.parametrize(
    ("expected", "number", "case"),
    [pytest.param(*row, id=f"{next(iter(row[1]))}: {row[0]}") for row in NUMBERS],
)
def test_each_number_can_be_set(expected: Mark, number: dict[str, Any], case: Case) -> None:
    pixels, spread, evidence = case
    assert mark(pixels, spread, **evidence) is None
    assert mark(pixels, spread, Noise(**number), **evidence) is expected


def test_the_first_rule_that_holds_names_the_region() -> None:
    """A region for which every rule holds; then the first of them no longer does, and so on."""
    evidence: dict[str, Any] = {"one_sided": 1, "solid": 9, "bold": 36, "line": 32,
                                "structural": 40, "balance": 1.0, "unmatched": 40}  # fmt: skip
    crisp = replace(LOCAL, differing=40)
    found = [mark(40, crisp, None, **evidence)]
    for name in list(evidence):
        evidence[name] = 0
        found.append(mark(40, crisp, None, **evidence))
    assert found == [*list(Mark)[:7], Mark.CRISP]
    assert list(Mark)[7:] == [Mark.TINT, Mark.CRISP]
    assert mark(40, replace(WIDE, differing=40), balance=1.0) is Mark.TINT


FAINT: list[tuple[Mark, dict[str, Any]]] = [
    (Mark.LOCAL, {"structural": 10}),
    (Mark.INK, {"balance": 1.0}),
    (Mark.SHAPE, {"unmatched": 3}),
]
STRONG: list[tuple[Mark, dict[str, Any]]] = [
    (Mark.ONE_SIDED, {"one_sided": 1}),
    (Mark.SOLID, {"solid": 9}),
    (Mark.BOLD, {"bold": 36}),
    (Mark.LINE, {"line": 32}),
]


@pytest.mark.parametrize(("faint", "evidence"), FAINT)
def test_faint_marks_fall_where_most_of_what_changed_is_noise(
    faint: Mark, evidence: dict[str, Any]
) -> None:
    both = [Evidence(**evidence), Evidence(differing=999)]
    assert mark_regions([10, 10], both, LOCAL, Noise()) == [faint, None]
    assert mark_regions([10, 11], both, LOCAL, Noise()) == [None, None]


@pytest.mark.parametrize(("strong", "evidence"), STRONG)
def test_other_marks_stay_whatever_else_is_noise(strong: Mark, evidence: dict[str, Any]) -> None:
    both = [Evidence(**evidence), Evidence(differing=10**6)]
    assert mark_regions([10, 9_999], both, LOCAL, Noise()) == [strong, None]


def test_tint_stays_whatever_else_is_noise() -> None:
    both = [Evidence(balance=1.0), Evidence(differing=10**6)]
    assert mark_regions([32, 9_999], both, WIDE, Noise()) == [Mark.TINT, None]


def test_faint_marks_stand_beside_a_clear_one_that_is_most_of_what_changed() -> None:
    three = [Evidence(unmatched=3), Evidence(solid=9), Evidence(differing=999)]
    assert mark_regions([10, 40, 50], three, LOCAL, Noise()) == [Mark.SHAPE, Mark.SOLID, None]
    assert mark_regions([10, 40, 51], three, LOCAL, Noise()) == [None, Mark.SOLID, None]


@pytest.mark.parametrize(
    ("touched", "blocks", "local"),
    [
        pytest.param(0, 0, True, id="nothing anywhere"),
        pytest.param(4, 0, True, id="four blocks, on a blank page"),
        pytest.param(5, 0, False, id="five blocks, on a blank page"),
        pytest.param(5, 39, False, id="five blocks, less than an eighth of 39"),
        pytest.param(5, 40, True, id="five blocks, an eighth of 40"),
        pytest.param(125, 1_000, True, id="an eighth of very many"),
        pytest.param(126, 1_000, False, id="one more"),
    ],
)
def test_differences_are_local_in_few_blocks_or_in_a_small_share(
    touched: int, blocks: int, local: bool
) -> None:
    assert Spread(blocks=blocks, touched=touched).is_local(Noise()) is local


ALL_BUT = {"differing": 9_899, "recoloured": 100, "blocks": 100, "touched": 90}


@pytest.mark.parametrize(
    ("change", "recoloured"),
    [
        pytest.param({}, True, id="at all edges"),
        pytest.param({"recoloured": 99}, False, id="a pixel too few"),
        pytest.param({"differing": 9_900}, False, id="99 % of the picture"),
        pytest.param({"differing": 10_000}, False, id="the whole picture"),
        pytest.param({"touched": 91}, False, id="more than nine tenths of what shows something"),
        pytest.param({"blocks": 0, "touched": 0}, True, id="on a blank page"),
        pytest.param({"recoloured": 0, "differing": 0}, False, id="nothing"),
    ],
)
def test_a_recolour_is_large_and_not_of_the_whole_picture(
    change: dict[str, int], recoloured: bool
) -> None:
    assert is_recoloured(Spread(**ALL_BUT | change), 10_000, Noise()) is recoloured


@pytest.mark.parametrize(
    ("number", "change"),
    [
        ({"min_recoloured_pixels": 99}, {"recoloured": 99}),
        ({"whole_picture": 1.0}, {"differing": 9_900}),
        ({"whole_picture_blocks": 0.91}, {"touched": 91}),
    ],
)
def test_each_number_of_a_recolour_can_be_set(
    number: dict[str, Any], change: dict[str, int]
) -> None:
    assert is_recoloured(Spread(**ALL_BUT | change), 10_000, Noise(**number))


def diff(*regions: tuple[int, Evidence], spread: Spread = WIDE) -> Diff:
    """100 × 100 pixels with these regions."""
    pixels = sum(n for n, _ in regions)
    boxes = tuple(Region(0, 0, n, 1, n, found) for n, found in regions)
    return Diff(pixels, 0, 10_000, (100, 100), (100, 100), boxes, spread=spread)


NOISY, SOLID = Evidence(differing=999), Evidence(solid=9)
FADED = replace(WIDE, differing=100, touched=0, recoloured=100)


def test_strictly_any_changed_pixel_counts_and_the_marks_still_tell() -> None:
    noise = diff((1, NOISY))
    assert noise.judge(Policy()) == Judgement(False, (None,), False)
    assert noise.judge(Policy(strict=True)) == Judgement(True, (None,), False)
    assert diff((9, SOLID)).judge(Policy(strict=True)) == Judgement(True, (Mark.SOLID,), False)
    assert diff().judge(Policy(strict=True)) == Judgement(False, (), False)


def test_a_mask_without_regions_counts_strictly_only() -> None:
    bare = replace(diff(), changed_pixels=5)
    assert bare.judge(Policy()) == Judgement(False, (), False)
    assert bare.judge(Policy(strict=True)) == Judgement(True, (), False)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("tolerance", "changed"),
    [
        pytest.param({"max_changed_pixels": 59}, True, id="a pixel too few"),
        pytest.param({"max_changed_pixels": 60}, False, id="all pixels, noise among them"),
        pytest.param({"max_changed_ratio": 0.0059}, True, id="too small a share"),
        pytest.param({"max_changed_ratio": 0.006}, False, id="the share"),
        pytest.param({"max_region_pixels": 49}, True, id="smaller regions"),
        pytest.param({"max_region_pixels": 50}, False, id="regions of that size"),
    ],
)
def test_tolerances_let_pass_what_counts_and_keep_its_marks(
    tolerance: dict[str, Any], changed: bool, strict: bool
) -> None:
    judged = diff((50, NOISY), (10, SOLID)).judge(Policy(strict=strict, **tolerance))
    assert judged == Judgement(changed, (None, Mark.SOLID), False)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(
    ("tolerance", "changed"),
    [
        pytest.param({}, True, id="none"),
        pytest.param({"max_changed_pixels": 99}, True, id="a pixel too few"),
        pytest.param({"max_changed_pixels": 100}, False, id="its pixels"),
        pytest.param({"max_changed_ratio": 0.0099}, True, id="too small a share"),
        pytest.param({"max_changed_ratio": 0.01}, False, id="its share"),
        pytest.param({"max_region_pixels": 99}, True, id="smaller regions"),
        pytest.param({"max_region_pixels": 100}, False, id="a region of that size"),
    ],
)
def test_a_recolour_counts_without_any_mask_unless_tolerated(
    tolerance: dict[str, Any], changed: bool, strict: bool
) -> None:
    judged = diff(spread=FADED).judge(Policy(strict=strict, **tolerance))
    assert judged == Judgement(changed, (), True)


def test_the_pixels_of_a_recolour_and_of_the_mask_are_tolerated_together() -> None:
    both = diff((10, NOISY), spread=replace(FADED, differing=10**3))
    assert both.judge(Policy(max_changed_pixels=109)).changed
    assert not both.judge(Policy(max_changed_pixels=110)).changed


EVIDENCE = st.builds(
    Evidence,
    differing=st.integers(0, 300),
    structural=st.integers(0, 100),
    solid=st.integers(0, 12),
    bold=st.integers(0, 30),
    unmatched=st.integers(0, 5),
    line=st.integers(0, 40),
    balance=st.floats(0, 1),
    one_sided=st.integers(0, 1),
)
REGIONS = st.lists(st.tuples(st.integers(1, 100), EVIDENCE), min_size=1, max_size=6)
SPREADS = st.builds(
    Spread, differing=st.integers(0, 1_000), blocks=st.integers(0, 50), touched=st.integers(0, 50)
)


def marks(regions: list[tuple[int, Evidence]], spread: Spread) -> list[Mark | None]:
    return mark_regions([n for n, _ in regions], [e for _, e in regions], spread, Noise())


@given(REGIONS, SPREADS, st.data())
def test_more_evidence_never_makes_a_change_pass(
    regions: list[tuple[int, Evidence]], spread: Spread, data: st.DataObject
) -> None:
    before = marks(regions, spread)
    at = data.draw(st.integers(0, len(regions) - 1))
    name = data.draw(st.sampled_from(["solid", "bold", "one_sided", "unmatched"]))
    pixels, found = regions[at]
    more = getattr(found, name) + data.draw(st.integers(1, 30))
    regions[at] = pixels, replace(found, **{name: more})
    after = marks(regions, spread)
    assert all(now for was, now in zip(before, after, strict=True) if was)


@given(REGIONS, SPREADS)
def test_marks_depend_on_nothing_but_what_was_measured(
    regions: list[tuple[int, Evidence]], spread: Spread
) -> None:
    given_ = list(regions)
    first = marks(regions, spread)
    assert regions == given_
    assert marks(regions, spread) == first
    assert marks(regions[::-1], spread) == first[::-1]
