"""Whether one worker compares a build, or many."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pixelgate.domain.keys import BuildId
from pixelgate.domain.manifest import parse
from pixelgate.pipeline.compare.budget import fan_out_reason, pixels_of
from pixelgate.pipeline.diffing.plan import make_plan
from support.manifests import BUILD, body, build_of, entry


@pytest.mark.parametrize(
    ("work", "seconds_left", "reason"),
    [
        (300.0, 800.0, None),
        (300.1, 800.0, "300 megapixels to compare are more than the 300 for one worker"),
        (250.0, 50.0, None),
        (250.0, 49.0, "250 megapixels to compare may take one worker 50 s, and it has 49 left"),
        (5.0, -3.0, "5 megapixels to compare may take one worker 1 s, and it has 0 left"),
        (0.0, 0.0, None),
    ],
    ids=["as much as one may do", "a little more", "just in time", "not in time", "too late",
         "nothing to do"],
)  # fmt: skip
def test_two_processors(work: float, seconds_left: float, reason: str | None) -> None:
    assert fan_out_reason(work, 300.0, 2, seconds_left) == reason


def test_a_pair_whose_names_are_in_two_unicode_forms_counts_like_any_other() -> None:
    base = parse(body(images={"u\u0308": entry(1, width=100, height=50)}), BUILD)
    head = parse(body(images={"\u00fc": entry(2, width=10, height=10)}), BUILD)
    assert [*pixels_of(make_plan(head, base, "engine")).values()] == [5_000]


def test_each_unique_pair_counts_with_its_larger_image_and_no_more_than_is_compared() -> None:
    images = {
        "a": entry(1, width=100, height=50),
        "b": entry(2, width=10, height=10),
        "b again": entry(2, width=10, height=10),
        "huge": entry(3, width=30_000, height=30_000),
        "same": entry(4),
        "new": entry(5),
    }
    before = {
        "a": entry(11, width=20, height=20),
        "b": entry(12, width=10, height=20),
        "b again": entry(12, width=10, height=20),
        "huge": entry(13),
        "same": entry(4),
    }
    head, base = (
        parse(body(BuildId("shop", name), images=found), BuildId("shop", name))
        for name, found in (("b1", images), ("b0", before))
    )
    plan = make_plan(head, base, "odiff 4.5.0")
    assert sorted(pixels_of(plan).values()) == [200, 5_000, 50_000_000]


def test_an_unknown_size_counts_as_a_page() -> None:
    head, base = (
        replace(
            built, images={name: replace(image, size=None) for name, image in built.images.items()}
        )
        for built in (build_of({"a": 1}), build_of({"a": 2}, BuildId("shop", "b0")))
    )
    assert list(pixels_of(make_plan(head, base, "odiff 4.5.0")).values()) == [1_440 * 4_000]
