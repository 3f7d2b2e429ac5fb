"""Two parsers read a PNG, Pillow its header and libspng its pixels: they must mean one picture."""

from __future__ import annotations

import pytest

from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.errors import ImageFault
from support import hostile
from support.hostile import DATA, END, NOISE, SIGNATURE, header
from support.images import chunk

KEY = chunk(b"tRNS", b"".join(bytes([0, int(level)]) for level in NOISE[0, 0]))


def test_the_first_of_two_headers_does_not_get_past_the_limit(differ: OdiffDiffer) -> None:
    body = SIGNATURE + header(1_000_000, 1_000_000) + header() + DATA + END
    try:
        total = differ.diff(hostile.good_png(), body, Policy()).total_pixels
    except ImageFault:
        total = 64 * 48  # to refuse it is right too
    assert total == 64 * 48


@pytest.mark.parametrize("text", [b"", chunk(b"tEXt", b"a\0IDAT")])
def test_a_transparent_colour_counts_whatever_a_text_before_it_says(
    differ: OdiffDiffer, text: bytes
) -> None:
    body = SIGNATURE + header() + text + KEY + DATA + END
    strict = Policy(0.0, 0.0, antialiasing=False)
    assert differ.diff(hostile.good_png(), body, strict).changed_pixels == 1
