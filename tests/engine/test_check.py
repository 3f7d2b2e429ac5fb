"""Some pairs are judged by odiff as well: how often, and what becomes of a difference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelgate.comparison import Diff
from pixelgate.engine import native
from pixelgate.engine.differ import CHECK_EVERY, OdiffDiffer
from pixelgate.engine.native import Flag, Plane, View
from pixelgate.engine.odiff import Answer, OdiffServer
from pixelgate.errors import EngineDied, FaultCode, ImageFault
from pixelgate.policy import Policy
from support.images import encoded
from support.pixels import ellipse, with_box

# A disc of which anti-aliasing moved the edge, and beside it a box that came in.
BASE = encoded(Image.fromarray(ellipse(0)), "PNG")
HEAD = encoded(Image.fromarray(with_box(ellipse(4), 2, 2, 5, 5, (255, 0, 0))), "PNG")


class Counting(OdiffServer):
    """An odiff that counts what it is asked."""

    asked = 0

    def compare(self, *words: Any) -> Any:
        self.asked += 1
        return super().compare(*words)


@pytest.fixture
def server(odiff: Path) -> Counting:
    return Counting(odiff)


def diffs(differ: OdiffDiffer, count: int, policy: Policy | None = None) -> list[Diff]:
    return [differ.diff(BASE, HEAD, policy or Policy()) for _ in range(count)]


@pytest.mark.parametrize(
    ("every", "pairs", "asked"),
    [
        pytest.param(CHECK_EVERY, 1, 1, id="the first"),
        pytest.param(CHECK_EVERY, CHECK_EVERY, 1, id="and not the next ones"),
        pytest.param(CHECK_EVERY, CHECK_EVERY + 1, 2, id="the fiftieth after it"),
        pytest.param(1, 5, 5, id="each"),
        pytest.param(None, 5, 0, id="none"),
    ],
)
def test_so_many_pairs_are_checked(
    server: Counting, every: int | None, pairs: int, asked: int
) -> None:
    with OdiffDiffer(server, check_every=every) as differ:
        assert len(set(map(str, diffs(differ, pairs)))) == 1
    assert server.asked == asked


@pytest.mark.parametrize(
    ("base", "head", "policy"),
    [
        pytest.param(BASE, BASE, Policy(), id="no pixel that could be an edge"),
        pytest.param(BASE, HEAD, Policy(antialiasing=False), id="edges that count"),
    ],
)
def test_a_pair_without_a_question_is_no_check(
    server: Counting, base: bytes, head: bytes, policy: Policy
) -> None:
    with OdiffDiffer(server) as differ:
        differ.diff(base, head, policy)
        assert server.asked == 0
        diffs(differ, 1)
        assert server.asked == 1


def wrong(change: Callable[[Plane], None]) -> Callable[[View, Plane], None]:
    right = native.leave_out_smoothed

    def judge(view: View, flags: Plane) -> None:
        right(view, flags)
        change(flags)

    return judge


def all_smoothed(flags: Plane) -> None:
    flags &= np.uint8(~(Flag.SENSITIVE | Flag.STRUCTURAL))


def one_less(flags: Plane) -> None:
    flags[4, 4] = Flag.DIFFERS


@pytest.mark.parametrize("change", [all_smoothed, one_less])
def test_where_odiff_says_otherwise_its_word_counts_from_then_on(
    server: Counting,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    change: Callable[[Plane], None],
) -> None:
    with OdiffDiffer(server, check_every=None) as differ:
        [right] = diffs(differ, 1)
    monkeypatch.setattr(native, "leave_out_smoothed", wrong(change))
    with OdiffDiffer(server) as differ:
        assert diffs(differ, 3) == [right] * 3
    assert server.asked == 3
    assert [r.levelname for r in caplog.records] == ["ERROR"] * 3
    assert "odiff judges smoothed edges otherwise" in caplog.text


@pytest.mark.parametrize(
    ("rows", "trusted"),
    [
        pytest.param(200, False, id="the whole picture"),
        pytest.param(20, False, id="the rows around what is wrong"),
        pytest.param(5, True, id="only rows above it"),
    ],
)
def test_of_a_large_pair_only_the_first_rows_are_checked(
    server: Counting, monkeypatch: pytest.MonkeyPatch, rows: int, trusted: bool
) -> None:
    """What is wrong lies in the sixth row; the first that differs is the third."""
    with OdiffDiffer(server, check_every=None) as differ:
        [right] = diffs(differ, 1)
    monkeypatch.setattr("pixelgate.engine.differ._CHECKED_PIXELS", 200 * rows)
    monkeypatch.setattr(native, "leave_out_smoothed", wrong(one_less))
    with OdiffDiffer(server) as differ:
        assert (diffs(differ, 1) == [right]) == (not trusted)
    assert server.asked == (2 if rows == 20 else 1)


@pytest.mark.parametrize("pixels", [1, 1_000, 4_000, 20_000, 39_999])
def test_a_part_that_is_checked_agrees_wherever_it_ends(
    server: Counting,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    pixels: int,
) -> None:
    monkeypatch.setattr("pixelgate.engine.differ._CHECKED_PIXELS", pixels)
    with OdiffDiffer(server) as differ:
        diffs(differ, 1)
    assert server.asked == 1
    assert caplog.text == ""


def test_a_pair_that_odiff_fails_on_is_errored_and_the_next_one_is_checked(
    server: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        server.asked += 1
        raise EngineDied(FaultCode.ENGINE_FAILED, "odiff is gone")

    with OdiffDiffer(server) as differ:
        with monkeypatch.context() as broken:
            broken.setattr(server, "compare", dies)
            for _ in range(3):
                with pytest.raises(ImageFault, match="odiff is gone"):
                    diffs(differ, 1)
        assert server.asked == 6  # each is tried once more, on a fresh odiff
        diffs(differ, 1)
    assert server.asked == 7


def test_on_white_and_on_black_odiff_is_asked_about_each(server: Counting) -> None:
    one, other = (np.dstack([ellipse(n), np.full((200, 200), 200, np.uint8)]) for n in (0, 4))
    bodies = [encoded(Image.fromarray(image), "PNG") for image in (one, other)]
    with OdiffDiffer(server) as differ:
        differ.diff(bodies[0], bodies[1], Policy())
    assert server.asked == 2


@pytest.mark.parametrize(("free", "error"), [(0, OSError), (10**9, ImageFault)])
def test_a_mask_that_had_no_room_is_no_fault_of_the_image(
    monkeypatch: pytest.MonkeyPatch, free: int, error: type[Exception]
) -> None:
    class Full(OdiffServer):
        def compare(self, *_: object) -> Answer:
            return Answer(match=False, pixels=5)  # and leaves no mask

    monkeypatch.setattr(
        "pixelgate.engine.reference.shutil.disk_usage", lambda _: SimpleNamespace(free=free)
    )
    with OdiffDiffer(Full(Path("none"))) as differ, pytest.raises(error, match="mask"):
        differ.diff(BASE, HEAD, Policy())
