"""What pairs of one input prove of a snapshot's noise, and which differences it then explains."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pixelgate.domain.comparison import Band, BandKind, Diff, Region
from pixelgate.domain.learned_noise import (
    MEASURES,
    MIN_COMMITS,
    MIN_PAIRS,
    LearnedNoise,
    Patch,
    Proof,
    decode,
    encode,
    learn,
    strength_of,
)
from pixelgate.domain.policy import Policy, Rectangle
from pixelgate.domain.verdict import Evidence, Mark, NoiseKind, Picture

TOTAL = 10_000
SHAPE = Evidence(
    blocks=4, differing=80, clear=80, strong=60, most=200, raw=0.3, raw_high=0.3, residue=0.3,
    residue_high=0.3, residue_most=0.3, stray=0.1, outside=40, farthest=180, light=90.0, colour=2.0,
)  # fmt: skip


def patch(
    x: int = 10, y: int = 10, width: int = 40, height: int = 20, *, pixels: int = 300,
    kind: Mark = Mark.SHAPE, area: Evidence = SHAPE,
) -> Patch:  # fmt: skip
    return Patch(kind, Rectangle(x, y, width, height), pixels, strength_of(area))


def proof(number: int, *patches: Patch, certain: bool = True, **fields: object) -> Proof:
    known = Proof(
        at=f"2026-11-{number + 1:02}T12:00:00+00:00",
        build=f"b{number}",
        commit=f"c{number}",
        certain=certain,
        total=TOTAL,
        patches=patches or (patch(),),
    )
    return replace(known, **fields)  # type: ignore[arg-type]


def proofs(*patches: Patch) -> list[Proof]:
    return [proof(n, *patches) for n in range(MIN_PAIRS)]


def known(*given: Proof) -> LearnedNoise:
    found = learn(given)
    assert found is not None
    return found


def explained(noise: LearnedNoise, *patches: Patch) -> list[bool]:
    return [n is not None for n in noise.explain(patches, TOTAL)]


# --- what is learned


def test_three_pairs_of_two_commits_prove_a_place() -> None:
    (place,) = known(*proofs()).places
    assert (place.kind, place.box, place.most_pixels) == (
        Mark.SHAPE,
        Rectangle(10, 10, 40, 20),
        300,
    )
    assert (place.pairs, place.builds, place.commits) == (3, 3, 3)
    assert (place.first[:10], place.last[:10]) == ("2026-11-01", "2026-11-03")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([], "no pair"),
        (proofs()[:-1], "one pair fewer"),
        ([replace(p, commit="c") for p in proofs()], "one commit alone"),
        ([replace(p, certain=False) for p in proofs()], "changes that were reverted look like it"),
        (proofs(patch(kind=Mark.ONE_SIDED)), "the page has another size"),
        (proofs(patch(), patch(kind=Mark.ONE_SIDED)), "in such a pair nothing is certain"),
        ([proof(n, replace(patch(), strength=())) for n in range(3)], "strength not measured"),
        ([proof(n, patch(x=200 * n)) for n in range(3)], "three places, each seen once"),
        (
            [proof(n, patch(kind=kind)) for n, kind in enumerate((Mark.SHAPE, Mark.MOVED))]
            + [proof(2)],
            "three pairs, but not of one kind",
        ),
        ([*proofs()[:2], proof(9, total=TOTAL + 1)], "a canvas of another size"),
    ],
)
def test_too_little_proves_nothing(given: list[Proof], why: str) -> None:
    assert learn(given) is None, why


def test_two_commits_are_enough() -> None:
    given = [replace(p, commit=f"c{n % MIN_COMMITS}") for n, p in enumerate(proofs())]
    assert known(*given).places[0].commits == 2


def test_a_returned_image_confirms_a_place_but_never_widens_it() -> None:
    once = known(proof(0), proof(1, certain=False), proof(2, certain=False))
    assert once.places[0].pairs == 3
    larger = patch(width=41), patch(pixels=301), patch(area=replace(SHAPE, most=201))
    for one in larger:
        assert learn([proof(0), proof(1), proof(2, one, certain=False)]) is None
        wider = known(*proofs(), proof(3, one, certain=False)).places[0]
        assert wider == known(*proofs()).places[0]


def test_the_limits_are_the_most_that_was_proven_of_each() -> None:
    second = patch(x=14, pixels=120, area=replace(SHAPE, most=90, stray=0.2))
    (place,) = known(proof(0), proof(1, second), proof(2, patch(pixels=340))).places
    most = dict(zip(MEASURES, place.most, strict=True))
    least = dict(zip(MEASURES, place.least, strict=True))
    assert (place.least_pixels, place.most_pixels) == (120, 340)
    assert (least["most"], most["most"], least["stray"], most["stray"]) == (90, 200, 0.1, 0.2)
    assert place.box == Rectangle(10, 10, 44, 20)


def test_a_rejected_change_is_never_learned() -> None:
    inner = patch(12, 12, 20, 10, pixels=200)
    assert learn(proofs(), [proof(9, inner)]) is None
    unmeasured = replace(inner, strength=())
    assert learn(proofs(), [proof(9, unmeasured)]) is None, "it might be the same"


def test_a_rejected_change_elsewhere_or_larger_unlearns_nothing() -> None:
    for other in (patch(x=100), patch(pixels=301), patch(kind=Mark.MOVED)):
        assert learn(proofs(), [proof(9, other)]) == learn(proofs())
    assert learn(proofs(), [proof(9, total=9)]) == learn(proofs()), "a canvas of another size"


def test_two_places_are_learned_apart() -> None:
    noise = known(*proofs(patch(), patch(x=200, pixels=50)))
    assert [place.box.x for place in noise.places] == [10, 200]
    assert explained(noise, patch(x=200, pixels=300)) == [False], "as large as the other one"


def test_the_order_of_the_pairs_does_not_matter() -> None:
    given = [proof(n, patch(x=10 + n, pixels=300 + n)) for n in range(6)]
    assert learn(given) == learn(reversed(given))


# --- what it explains


def test_the_same_difference_again_is_explained() -> None:
    assert explained(known(*proofs()), patch()) == [True]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (patch(x=9), "one pixel further to the left"),
        (patch(width=41), "one pixel wider"),
        (patch(y=200), "elsewhere"),
        (patch(pixels=301), "one pixel more"),
        (patch(pixels=149), "less than half: a letter where the paragraph stirs"),
        (patch(kind=Mark.MOVED), "the same place, moved"),
        (patch(kind=Mark.PLAIN), "the same place, recoloured"),
        (patch(kind=Mark.TINT), "the same place, tinted"),
        (patch(kind=Mark.ONE_SIDED), "one image lacks it"),
        (replace(patch(), strength=()), "its strength is not known"),
        (patch(area=replace(SHAPE, most=201)), "one level stronger"),
        (patch(area=replace(SHAPE, stray=0.11)), "further outside"),
        (patch(area=replace(SHAPE, colour=2.1)), "more coloured"),
        (patch(area=replace(SHAPE, one_way=0.1)), "more of it in one way"),
        (patch(area=replace(SHAPE, light=44.9)), "less than half as bright"),
    ],
)
def test_what_differs_in_anything_is_not(changed: Patch, why: str) -> None:
    assert explained(known(*proofs()), changed) == [False], why


def test_regions_of_one_place_count_together() -> None:
    noise = known(*proofs(patch(width=60)))
    left, right = patch(width=20, pixels=160), patch(x=40, width=20, pixels=160)
    assert explained(noise, left) == [True]
    assert explained(noise, left, right) == [False, False], "320 pixels, and 300 are proven"
    smaller = replace(right, pixels=140)
    assert explained(noise, left, smaller) == [True, True]


def test_a_gap_between_boxes_is_in_none_of_them() -> None:
    noise = known(*proofs(patch(width=10, pixels=150), patch(x=30, width=10, pixels=150)))
    assert explained(noise, patch(width=30, pixels=200)) == [False]
    touching = known(*proofs(patch(width=20, pixels=150), patch(x=30, width=10, pixels=150)))
    assert explained(touching, patch(width=30, pixels=200)) == [True]


@pytest.mark.parametrize("kind", [Mark.PLAIN, Mark.LINE, Mark.TINT])
def test_a_colour_or_a_line_is_explained_only_by_the_same_again(kind: Mark) -> None:
    noise = known(*proofs(patch(kind=kind)))
    assert explained(noise, patch(kind=kind)) == [True]
    assert explained(noise, patch(kind=kind, pixels=299)) == [False]
    assert explained(noise, patch(kind=kind, area=replace(SHAPE, light=89.9))) == [False]


def test_on_a_canvas_of_another_size_nothing_is_explained() -> None:
    assert known(*proofs()).explain([patch()], TOTAL + 1) == (None,)


# --- the verdict


def diff(*parts: tuple[int, Evidence], **fields: object) -> Diff:
    """A diff with one region of that many pixels in each area, side by side."""
    regions = tuple(
        Region(10 + 100 * n, 10, 40, 20, pixels, n) for n, (pixels, _) in enumerate(parts)
    )
    known = Diff(
        sum(pixels for pixels, _ in parts), 0, TOTAL, (100, 100), (100, 100), regions,
        picture=Picture(differing=9), areas=tuple(area for _, area in parts),
    )  # fmt: skip
    return replace(known, **fields)  # type: ignore[arg-type]


NOISE = known(*proofs())
STRICT = Policy(strict=True)


def test_a_difference_that_is_explained_passes_and_names_its_proof() -> None:
    judged = diff((300, SHAPE)).judge(Policy(), NOISE)
    assert not judged.changed
    assert (judged.marks, judged.kinds) == ((None,), (NoiseKind.LEARNED,))
    assert (judged.learned, judged.places) == (NOISE, (0,))


def test_the_rest_still_counts() -> None:
    judged = diff((300, SHAPE), (9, SHAPE)).judge(Policy(), NOISE)
    assert judged.changed
    assert judged.marks == (None, Mark.SHAPE)
    assert judged.kinds == (NoiseKind.LEARNED, None)


@pytest.mark.parametrize(
    ("policy", "measured"),
    [
        (Policy(learned_noise=False), diff((300, SHAPE))),
        (STRICT, diff((300, SHAPE))),
        (Policy(), diff((300, SHAPE), head_size=(50, 200))),
        (Policy(), diff((300, SHAPE), bands=(Band(BandKind.INSERTED, 3, 1, 3, 3),))),
    ],
    ids=["switched off", "strict", "another shape of the same area", "a row was inserted"],
)
def test_nothing_is_explained(policy: Policy, measured: Diff) -> None:
    judged = measured.judge(policy, NOISE)
    assert judged.changed
    assert judged == measured.judge(policy)


def test_what_is_cached_does_not_depend_on_it() -> None:
    assert Policy().fingerprint("odiff 4") == Policy(learned_noise=False).fingerprint("odiff 4")


# --- the file


def test_the_file_gives_back_what_was_written() -> None:
    learned = {"b.png": known(*proofs()), "a.png": known(*proofs(patch(), patch(x=200)))}
    assert decode(encode(learned)) == learned
    assert encode(learned) == encode(dict(sorted(learned.items())))


def test_a_measurement_that_the_file_lacks_was_never_proven() -> None:
    stored = json.loads(encode({"a.png": known(*proofs())}))
    del stored["snapshots"]["a.png"]["places"][0]["most"]["stray"]
    noise = decode(json.dumps(stored).encode())["a.png"]
    assert explained(noise, patch()) == [False]
    assert explained(noise, patch(area=replace(SHAPE, stray=0.0))) == [False]


def test_a_limit_that_is_no_number_is_an_error() -> None:
    body = encode({"a.png": known(*proofs())})
    for wrong in (b"Infinity", b"NaN", b"1e999", b'"9"', b"true"):
        with pytest.raises(ValueError, match="no finite number"):
            decode(body.replace(b'"stray":0.1', b'"stray":' + wrong))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"schema_version": 2, "snapshots": {}}',
        b'{"schema_version": 1}',
        b'{"schema_version": 1, "snapshots": {"a": {"total": 1, "places": [{}]}}}',
        b'{"schema_version": 1, "snapshots": {"a": {"total": "x", "places": []}}}',
    ],
)
def test_what_is_no_such_file_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(body)
