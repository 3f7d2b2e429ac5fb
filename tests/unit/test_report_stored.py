"""comparison.json read back, and the report in a single file."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from pixelgate import keys
from pixelgate.baseline import Choice, Kind
from pixelgate.comparison import (
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
from pixelgate.cost import Usage
from pixelgate.errors import UsageError
from pixelgate.keys import NO_BASE
from pixelgate.policy import Noise, Policy, Rectangle
from pixelgate.report import comparison_of, render, render_inline
from pixelgate.verdict import Evidence, Mark, Spread
from support.comparisons import SNAPSHOTS, comparison
from support.images import png
from support.manifests import digest
from support.pages import parsed

REPORT_KEY = "comparisons/shop/b1/b0/e1/index.html"
BANDED = Snapshot(
    Status.CHANGED,
    digest(21),
    digest(22),
    (10, 14),
    (10, 10),
    Measured(
        Diff(
            40,
            30,
            140,
            (10, 10),
            (10, 14),
            (Region(0, 3, 10, 4, 40, Evidence(differing=40, one_sided=40)),),
            bands=(Band(BandKind.INSERTED, 3, 4, 3, 3),),
            spread=Spread(40, 3, 2, 0),
            profiles=("sRGB", "Display P3"),
        ),
        "diffs/shop/f/22-21.png",
    ),
    group="c0ffee",
    judgement=Judgement(True, (Mark.ONE_SIDED,), recoloured=False),
    policy={"strict": True},
    details={"tags": ["dark"]},
    thumb=keys.thumbnail("shop", digest(23)),
)


def rich() -> Comparison:
    policy = Policy(
        max_region_pixels=3,
        noise=Noise(min_bold_pixels=50),
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


@pytest.mark.parametrize("shown", [comparison(), rich(), comparison({}, base=NO_BASE)])
def test_what_is_written_can_be_read_back(shown: Comparison) -> None:
    assert again(shown).as_json() == shown.as_json()


def test_the_report_of_what_was_read_back_is_the_same() -> None:
    def page(shown: Comparison) -> bytes:
        return render(shown, lambda sha256: keys.image("shop", sha256), REPORT_KEY)

    assert page(again(rich())) == page(rich())


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

    page = parsed(
        render_inline(rich(), lambda sha256: keys.image("shop", sha256), REPORT_KEY, read)
    )
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


def test_a_report_with_links_carries_nothing() -> None:
    page = parsed(render(comparison(), lambda sha256: keys.image("shop", sha256), REPORT_KEY))
    assert "files-data" not in page.raw
