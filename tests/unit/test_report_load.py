"""comparison.json read back, and the report in a single file."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.baseline import Choice, Kind
from pixelgate.domain.comparison import (
    Band,
    BandKind,
    Comparison,
    Diff,
    Judgement,
    Measured,
    Region,
    Snapshot,
    Status,
)
from pixelgate.domain.cost import Usage
from pixelgate.domain.keys import NO_BASE
from pixelgate.domain.policy import Noise, Policy, Rectangle, Sensitivity
from pixelgate.domain.verdict import Evidence, Explained, Mark, NoiseKind, Picture
from pixelgate.errors import UsageError
from pixelgate.report import comparison_of, render, render_inline
from pixelgate.report.explain import MARKS, NOISES, why
from support.comparisons import SNAPSHOTS, comparison
from support.images import png
from support.manifests import digest
from support.pages import parsed

OLD = Path(__file__).parent / "gold" / "comparison-0.1.json"
REPORT_KEY = "comparisons/shop/b1/b0/e1/index.html"
MEASURED = Diff(
    changed_pixels=40,
    structural_pixels=30,
    total_pixels=140,
    base_size=(10, 10),
    head_size=(10, 14),
    regions=(Region(0, 3, 10, 4, 40, area=0), Region(0, 9, 1, 2, 2, area=1)),
    bands=(Band(BandKind.INSERTED, 3, 4, 3, 3),),
    picture=Picture(44, 3, 2, 1.5),
    counted_pixels=2,
    areas=(Evidence(blocks=1, differing=40, one_sided=40), Evidence(hue=0.125)),
    explained=(Explained(NoiseKind.TEXT, 1, 4, 90, 0.04, 0.75),),
    profiles=("sRGB", "Display P3"),
)
BANDED = Snapshot(
    *(Status.CHANGED, digest(21), digest(22), (10, 14), (10, 10)),
    Measured(MEASURED, "diffs/shop/f/22-21.png"),
    group="c0ffee",
    judgement=Judgement(True, (Mark.ONE_SIDED, None), kinds=(None, NoiseKind.TEXT)),
    policy={"strict": True},
    details={"tags": ["dark"]},
    thumb=f"diffs/shop/thumbs/{digest(23)}.webp",
)


def rich() -> Comparison:
    policy = Policy(
        max_region_pixels=3,
        noise=Noise(min_solid_pixels=50),
        sensitivity=Sensitivity.CAREFUL,
        ignore_regions=(Rectangle(1, 2, 3, 4),),
    )
    return replace(
        comparison({**SNAPSHOTS, "banded.png": BANDED}),
        policy=policy,
        choice=Choice(Kind.ANCESTOR, 2),
        started="2026-01-02T03:04:01.100+00:00",
        cost=Usage(1.5, {"s3.GetObject": 3}),
    )


def again(shown: Comparison) -> Comparison:
    return comparison_of(json.loads(json.dumps(shown.as_json())))


def image_key(sha256: str) -> str:
    return keys.image("shop", sha256)


def page_of(shown: Comparison) -> bytes:
    return render(shown, image_key, REPORT_KEY)


@pytest.mark.parametrize("shown", [comparison(), rich(), comparison({}, base=NO_BASE)])
def test_what_is_written_can_be_read_back(shown: Comparison) -> None:
    assert again(shown).as_json() == shown.as_json()


def test_all_that_was_measured_is_read_back() -> None:
    assert again(rich()).snapshots["banded.png"] == BANDED
    assert again(rich()).policy == rich().policy


def old() -> Comparison:
    """What version 0.1 wrote: with evidence in each region, and with marks of other names."""
    return comparison_of(json.loads(OLD.read_text()))


def test_a_comparison_of_before_is_read() -> None:
    read = old()
    # Numbers whose names the rule of today has, too.
    assert read.policy == Policy(noise=Noise(min_solid_pixels=9, min_line_pixels=32))
    every = read.snapshots["every mark.png"]
    assert every.judgement is not None
    assert every.judgement.marks == (
        *(Mark.ONE_SIDED, Mark.PLAIN, Mark.SHAPE, Mark.LINE),
        *(Mark.SHAPE, Mark.SHAPE, Mark.SHAPE, Mark.TINT, Mark.SHAPE, None),
    )
    assert every.judgement.kinds == ()
    assert every.measured is not None
    diff = every.measured.diff
    assert diff.regions[:2] == (Region(0, 0, 10, 4, 40), Region(0, 20, 10, 4, 39))
    assert (diff.areas, diff.explained, diff.counted_pixels) == ((), (), 0)
    assert diff.picture == Picture(differing=600, blocks=30, touched=20)
    assert diff.bands == (Band(BandKind.INSERTED, 3, 4, 3, 3),)


def test_a_comparison_of_before_is_told_in_words() -> None:
    read = old()
    told = {name: list(why(one, read.policy)) for name, one in read.snapshots.items()}
    assert told["every mark.png"] == [
        "4 rows inserted at row 3 of head.",
        f"1 region counts as one-sided (40 pixels): {MARKS[Mark.ONE_SIDED]}.",
        f"1 region counts as plain (39 pixels): {MARKS[Mark.PLAIN]}.",
        f"1 region counts as line (37 pixels): {MARKS[Mark.LINE]}.",
        f"1 region counts as tint (33 pixels): {MARKS[Mark.TINT]}.",
        f"5 regions count as shape (175 pixels): {MARKS[Mark.SHAPE]}.",
        "1 region looks like noise.",
    ]
    assert told["shade.png"] == ["Plain areas are recoloured by a shade, too faint for the mask."]
    assert told["noise.png"] == [
        "1 region looks like noise.",
        "Only colours changed: the mask has no pixel above the structural threshold.",
    ]
    assert told["faint.png"] == ["9 pixels differ, by too little to count."]


def test_a_comparison_of_before_makes_a_report() -> None:
    page = parsed(page_of(old()))
    assert page.block("list")["names"] == ["every mark.png", "shade.png", "faint.png", "noise.png"]
    details = page.block("details")
    reasons = [details["marks"][n - 1] if n else None for n in details["regions"]["0"][5::6]]
    assert reasons == [
        *("one_sided", "plain", "shape", "line", "shape", "shape", "shape", "tint", "shape", None)
    ]


def test_the_noise_of_each_region_is_in_the_report() -> None:
    page = parsed(page_of(rich()))
    listed, details = page.block("list"), page.block("details")
    at = str(listed["names"].index("banded.png"))
    counts, noise = details["regions"][at][5::6]
    assert (counts, details["marks"][counts - 1]) == (1, "one_sided")
    assert noise < 0
    assert details["noises"][-noise - 1] == "text"
    assert listed["run"]["noises"]["text"] == NOISES[NoiseKind.TEXT]


def test_the_report_of_what_was_read_back_is_the_same() -> None:
    assert page_of(again(rich())) == page_of(rich())


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ({}, "schema version None"),
        ({"schema_version": 99}, "schema version 99; this pixelgate reads 1"),
        ({"schema_version": 1}, "no comparison.json of ours"),
        ({**comparison().as_json(), "images": {"a": {"status": "lost"}}}, "'lost'"),
        ({**comparison().as_json(), "images": [1]}, "no comparison.json of ours"),
    ],
)
def test_something_else_is_refused(stored: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as raised:
        comparison_of(stored)
    assert words in str(raised.value)


def test_a_single_file_carries_the_pictures_of_what_changed() -> None:
    picture = png((2, 2))
    asked: list[str] = []

    def read(key: str) -> bytes | None:
        asked.append(key)
        return None if key.endswith(digest(6)) else picture

    page = parsed(render_inline(rich(), image_key, REPORT_KEY, read))
    assert "files-data" not in parsed(page_of(rich())).raw, "a report with links carries nothing"
    carried = json.loads(page.raw["files-data"])
    url = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    assert set(carried.values()) == {url}
    up = "../../../../.."
    assert f"{up}/images/shop/{digest(4)}" in carried
    assert f"{up}/diffs/shop/f/5-4.png" in carried
    assert f"{up}/diffs/shop/thumbs/{digest(23)}.webp" in carried
    assert f"{up}/images/shop/{digest(6)}" not in carried, "it could not be read"
    assert keys.image("shop", digest(12)) not in asked, "unchanged pictures are left out"
    assert keys.image("shop", digest(4)) in asked
    assert len(asked) == len(set(asked)), "each is read once"


@pytest.mark.parametrize(
    ("begin", "kind"),
    [(b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff\xe0", "jpeg"), (b"RIFF0000WEBP", "webp")],
)
def test_pictures_within_say_their_kind(begin: bytes, kind: str) -> None:
    shown = comparison({"a.png": Snapshot(Status.ADDED, digest(1))})
    page = render_inline(shown, lambda sha256: f"images/{sha256}", "index.html", lambda _: begin)
    [url] = json.loads(parsed(page).raw["files-data"]).values()
    assert url.startswith(f"data:image/{kind};base64,")
