"""Keys are listed where that takes fewer requests, and asked for one by one where it does not."""

from __future__ import annotations

import pytest

from pixelgate.pipeline.diffing import listing
from pixelgate.pipeline.diffing.listing import list_if_cheaper
from support.doubles.memory import MemoryBucket


@pytest.mark.parametrize(
    ("there", "wanted", "listed"),
    [
        pytest.param(0, 10, True, id="nothing there"),
        pytest.param(3, 9, False, id="a listing for nine is not worth it"),
        pytest.param(20, 10, True, id="just one page of what ten are worth"),
        pytest.param(21, 10, False, id="one more than that"),
        pytest.param(40, 20, True, id="two pages for twenty"),
        pytest.param(41, 20, False, id="one more than those"),
    ],
)
def test_present(monkeypatch: pytest.MonkeyPatch, there: int, wanted: int, listed: bool) -> None:
    monkeypatch.setattr(listing, "PAGE", 20)
    objects = MemoryBucket()
    for number in range(there):
        objects.write(f"images/shop/{number:02}", b"", "image/png")
    objects.write("images/shoes/1", b"", "image/png")
    found = list_if_cheaper(objects, "images/shop/", wanted)
    expected = frozenset(f"images/shop/{number:02}" for number in range(there))
    assert found == (expected if listed else None)
