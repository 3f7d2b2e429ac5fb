"""Why a snapshot counts or passes, in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pixelgate.domain.comparison import (
    Axis,
    Band,
    BandKind,
    Diff,
    Judgement,
    Measured,
    Region,
    Snapshot,
    Status,
)
from pixelgate.domain.learned_noise import LearnedNoise, Place
from pixelgate.domain.policy import Noise, Policy, Rectangle, Sensitivity
from pixelgate.domain.verdict import Explained, Mark, NoiseKind, Picture
from pixelgate.report.explain import (
    MARKS,
    NOISES,
    number,
    own_policy,
    policy_in_words,
    tolerance,
    why,
)

INSERTED, DELETED = BandKind.INSERTED, BandKind.DELETED


def changed(
    *pixels: int,
    marks: tuple[Mark | None, ...] = (),
    structural: int = 1,
    status: Status = Status.CHANGED,
    differing: int = 0,
    counted: int = 0,
    noise: tuple[Explained, ...] = (),
    kinds: tuple[NoiseKind | None, ...] = (),
    bands: tuple[Band, ...] = (),
    recoloured: bool = False,
) -> Snapshot:
    regions = tuple(Region(0, 10 * n, 5, 5, p) for n, p in enumerate(pixels))
    diff = Diff(
        sum(pixels) - counted,
        structural if pixels else 0,
        10_000,
        (100, 100),
        (100, 100),
        regions,
        bands=bands,
        picture=Picture(differing=differing),
        counted_pixels=counted,
        explained=noise,
    )
    judgement = Judgement(
        status is Status.CHANGED, marks or (Mark.PLAIN,) * len(pixels), recoloured, kinds
    )
    return Snapshot(status, measured=Measured(diff, "m.png"), judgement=judgement)


def told(snapshot: Snapshot, policy: Policy = Policy()) -> list[str]:  # noqa: B008 - likewise
    return list(why(snapshot, policy))


def test_every_mark_and_every_noise_has_words() -> None:
    assert set(MARKS) == set(Mark)
    assert set(NOISES) == set(NoiseKind)


PLACE = Place(
    *(Mark.ONE_SIDED, (Rectangle(600, 10, 40, 20),), 90, 312, (), ()),
    *(7, 6, 5, "2026-11-01T12:00:00+00:00", "2026-11-30T12:00:00+00:00"),
)


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        ((300,), "1 region (300 pixels) would count as one-sided, and is explained"),
        ((200, 100), "2 regions (300 pixels) would count as one-sided, and are explained"),
    ],
)
def test_learned_noise_is_told_in_words_and_numbers(regions: tuple[int, ...], words: str) -> None:
    none = (None,) * len(regions)
    shown = changed(*regions, marks=none, status=Status.UNCHANGED)
    assert shown.judgement is not None
    judged = replace(
        shown.judgement,
        kinds=(NoiseKind.LEARNED,) * len(regions),
        learned=LearnedNoise(10_000, (PLACE,)),
        places=(0,) * len(regions),
    )
    assert told(replace(shown, judgement=judged)) == [
        f"{words} by learned noise: 7 same-input pairs of 5 commits, region 40×20 at 600, 10, at "
        "most 312 pixels; last seen 2026-11-30."
    ]


@pytest.mark.parametrize("mark", Mark)
def test_a_region_that_counts_says_under_which_rule(mark: Mark) -> None:
    spoken = mark.replace("_", "-")
    assert told(changed(1_234, marks=(mark,))) == [
        f"1 region counts as {spoken} (1,234 pixels): {MARKS[mark]}."
    ]


def test_another_colour_profile_is_named_and_read_back() -> None:
    snapshot = changed(100)
    assert snapshot.measured is not None
    diff = replace(snapshot.measured.diff, profiles=("sRGB", "Display P3"))
    tagged = replace(snapshot, measured=replace(snapshot.measured, diff=diff))
    assert told(tagged)[0] == ("The colour profiles differ: sRGB in base, Display P3 in head.")
    entry = tagged.as_json()
    assert (entry["base_profile"], entry["head_profile"]) == ("sRGB", "Display P3")
    assert "base_profile" not in snapshot.as_json()


def test_regions_of_a_mark_are_told_together_and_noise_of_old_results_too() -> None:
    marks = (Mark.MOVED, None, Mark.MOVED, Mark.LINE, None)
    assert told(changed(100, 2, 50, 40, 1, marks=marks)) == [
        f"1 region counts as line (40 pixels): {MARKS[Mark.LINE]}.",
        f"2 regions count as moved (150 pixels): {MARKS[Mark.MOVED]}.",
        "2 regions look like noise.",
    ]


def test_a_recolour_of_an_old_result_is_told() -> None:
    assert told(changed(recoloured=True, differing=9))[0] == (
        "Plain areas are recoloured by a shade, too faint for the mask."
    )


def explained(kind: NoiseKind, areas: int = 1, pixels: int = 1, most: int = 1) -> Explained:
    return Explained(kind, areas, pixels, most, residue=0.0512, text_touched=0.625)


@pytest.mark.parametrize("kind", NoiseKind)
def test_each_noise_is_told_with_its_numbers(kind: NoiseKind) -> None:
    shown = changed(
        *(7, 3),
        marks=(None, None),
        kinds=(kind, kind),
        noise=(explained(kind, 2, 1_234, 90),),
        status=Status.UNCHANGED,
        differing=1_234,
    )
    [line] = told(shown)
    begin, numbers = f"2 areas (1,234 pixels, at most 90 levels) are noise: {NOISES[kind]}", ""
    if kind not in {NoiseKind.LEVELS, NoiseKind.CORNER}:
        numbers = "the best filter of 3 × 3 pixels leaves at most 5.1% of the contrast"
    if kind is NoiseKind.TEXT:
        numbers = f"62% of the text around differs, {numbers}"
    assert line == begin + (f" ({numbers})." if numbers else ".")


def test_one_area_of_one_pixel_is_told_in_the_singular() -> None:
    shown = changed(noise=(explained(NoiseKind.LEVELS),), differing=1)
    assert told(shown) == ["1 area (1 pixel, at most 1 level) is noise: rounding or dithering."]


@pytest.mark.parametrize(
    ("counted", "left_out", "begin"),
    [
        (1, "1 pixel of the mask, as below its threshold or as a smoothed edge", "it is"),
        (
            1_200,
            "1,200 pixels of the mask, as below its threshold or as smoothed edges",
            "they are",
        ),
    ],
)
def test_pixels_that_odiff_leaves_out_are_told(counted: int, left_out: str, begin: str) -> None:
    words = f"odiff itself leaves out {left_out}; in the mask's file {begin} orange."
    assert words in told(changed(5_000, counted=counted))
    assert "orange" not in "".join(told(changed(5_000)))


@pytest.mark.parametrize(
    ("differing", "words"),
    [
        (0, "The files differ, but no pixel does."),
        (1, "1 pixel differs, by too little to count."),
        (2_000, "2,000 pixels differ, by too little to count."),
    ],
)
def test_pixels_that_differ_too_little_for_any_noise_are_told(differing: int, words: str) -> None:
    assert told(changed(status=Status.UNCHANGED, differing=differing)) == [words]


@pytest.mark.parametrize("own", [{"strict": True}, {"sensitivity": "exact"}])
def test_a_policy_that_counts_everything_is_told(own: dict[str, Any]) -> None:
    shown, words = changed(1, marks=(None,)), "The policy is strict: any pixel that differs at all"
    assert told(replace(shown, policy=own))[-1] == f"{words} counts."
    assert told(shown, Policy(strict=True))[-1] == f"{words} counts."


def test_a_change_of_colour_alone_is_told() -> None:
    assert told(changed(90, structural=0))[-1] == (
        "Only colours changed: the mask has no pixel above the structural threshold."
    )


def test_what_a_limit_lets_pass_is_told() -> None:
    shown = changed(40, status=Status.UNCHANGED)
    assert told(shown, Policy(max_changed_pixels=50))[-1] == (
        "It passes because noise or up to 50 changed pixels pass."
    )


def test_single_rows_of_another_line_height_are_told_together() -> None:
    single = tuple(Band(INSERTED, y, 1, y, y) for y in range(20, 60, 10))
    bands = (Band(INSERTED, 3, 9, 3, 3), *single, Band(DELETED, 90, 2, 70, 90))
    assert told(changed(9, bands=bands))[:3] == [
        "9 rows inserted at row 3 of head.",
        "4 rows inserted one by one between rows 20 and 51, as after a change of the line height.",
        "2 rows deleted at row 70 of base.",
    ]


def test_columns_are_told_as_columns() -> None:
    single = tuple(Band(INSERTED, x, 1, x, x, Axis.COLUMNS) for x in range(20, 60, 10))
    bands = (
        *(Band(INSERTED, 10, 1, 10, 10), Band(DELETED, 80, 1, 41, 80)),
        *(Band(DELETED, 8, 24, 7, 8, Axis.COLUMNS), *single),
    )
    assert told(changed(9, bands=bands))[:4] == [
        "1 row inserted at row 10 of head.",
        "1 row deleted at row 41 of base.",
        "24 columns deleted at column 7 of base.",
        "4 columns inserted one by one between columns 20 and 51.",
    ]


def test_many_bands_are_counted() -> None:
    bands = tuple(Band(INSERTED, y, 9, y, y) for y in range(0, 140, 20))
    assert told(changed(9, bands=bands))[4] == "And 3 more bands."


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        (Snapshot(Status.ADDED), "The base has no snapshot of that name."),
        (Snapshot(Status.REMOVED), "The head has no snapshot of that name."),
        (
            Snapshot(Status.RENAMED, previous_name="old"),
            "The same image was called old in the base.",
        ),
        (Snapshot(Status.SKIPPED), "The upload is selective and left it out; that is no removal."),
        (Snapshot(Status.ERRORED), "What cannot be compared never passes."),
        (Snapshot(Status.UNCHANGED), "Base and head are the same file."),
    ],
)
def test_other_statuses(snapshot: Snapshot, words: str) -> None:
    assert told(snapshot) == [words]


def test_a_name_that_the_base_writes_otherwise() -> None:
    assert told(Snapshot(Status.UNCHANGED, previous_name="u\u0308.png")) == [
        r"The base writes this name in another Unicode form, which looks the same: 'u\u0308.png'.",
        "Base and head are the same file.",
    ]


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (Policy(), "noise passes"),
        (Policy(strict=True), "any pixel that differs counts"),
        (Policy(sensitivity=Sensitivity.EXACT), "any pixel that differs counts"),
        (Policy(sensitivity=Sensitivity.CAREFUL), "little noise passes"),
        (Policy(sensitivity=Sensitivity.TOLERANT), "much noise passes"),
        (Policy(max_changed_pixels=1), "noise or up to 1 changed pixel pass"),
        (
            Policy(strict=True, max_changed_ratio=0.01, max_region_pixels=7),
            "up to 0.01 of the pixels or regions of up to 7 pixels pass",
        ),
    ],
)
def test_tolerance(policy: Policy, words: str) -> None:
    assert tolerance(policy) == words
    assert policy_in_words(policy).endswith(f"anti-aliasing left out, {words}")
    smoothed = replace(policy, antialiasing=False)
    assert policy_in_words(smoothed).endswith(f"anti-aliasing counted, {words}")


def test_fields_of_its_own() -> None:
    noise = vars(Noise(min_solid_pixels=20))
    boxes = [vars(Rectangle(0, 0, 5, 5))] * 2
    own = {"antialiasing": False, "noise": noise, "ignore_regions": boxes}
    assert own_policy(own, Policy()) == (
        "antialiasing false, noise.min_solid_pixels 20, 2 ignored regions"
    )


def test_numbers_of_an_older_rule_are_not_listed() -> None:
    noise = {"min_bold_pixels": 36, "min_solid_pixels": 9, "levels": 3}
    policy = Policy(noise=Noise(min_solid_pixels=9))
    assert own_policy({"noise": noise}, policy) == "noise.levels 3, numbers of an older rule"


def test_numbers() -> None:
    assert [number(n, "row") for n in (0, 1, 1_234)] == ["0 rows", "1 row", "1,234 rows"]
