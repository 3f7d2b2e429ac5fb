"""odiff judges every pair: what it is asked, that its word counts, and what it may not say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelgate.domain.policy import Policy
from pixelgate.engine import native, pixel_flags
from pixelgate.engine.buffers import BufferPool
from pixelgate.engine.canvas import lay_out
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.native import Flag
from pixelgate.engine.odiff import Answer, OdiffServer
from pixelgate.engine.odiff_mask import Reference
from pixelgate.errors import EngineDied, FaultCode, ImageFault
from support.agreement import disagreement
from support.drawings import png, random_pair
from support.pixels import ellipse, grey, with_box
from support.plain_odiff import PlainOdiff, mismatch, unaligned

RED = (255, 0, 0)
# A disc of which anti-aliasing moved the edge, and beside it a box that came in.
MOVED = ellipse(4)
BASE, HEAD = png(ellipse(0)), png(with_box(MOVED, 2, 2, 5, 5, RED))
EVEN, BOX = png(grey(60, 60)), png(with_box(grey(60, 60), 20, 20, 9, 9, RED))
PLAIN = unaligned(Policy())
NO_SMOOTHING = replace(PLAIN, antialiasing=False)


class Recording(OdiffServer):
    """An odiff that notes the size in pixels of what it is asked about."""

    def __init__(self, binary: Path) -> None:
        super().__init__(binary)
        self.asked: list[tuple[int, ...]] = []

    def compare(self, base: Path, *words: Any) -> Answer:
        with Image.open(base) as image:
            self.asked.append(image.size)
        return super().compare(base, *words)


@pytest.fixture
def server(odiff: Path) -> Recording:
    return Recording(odiff)


def spotted(*places: tuple[int, int]) -> bytes:
    """A grey page with single pixels in another colour, 400 × 1,000."""
    image = grey(400, 1_000)
    for x, y in places:
        image[y, x] = RED
    return png(image)


@pytest.mark.parametrize(
    ("base", "head", "policy", "asked"),
    [
        pytest.param(BASE, BASE, PLAIN, [], id="nothing differs"),
        pytest.param(EVEN, png(grey(60, 60, 129)), PLAIN, [], id="nothing lies far enough apart"),
        pytest.param(BASE, HEAD, NO_SMOOTHING, [(68, 5)], id="edges that count: some of them"),
        pytest.param(EVEN, BOX, PLAIN, [(42, 5)], id="a box, which has no smoothed edge"),
        pytest.param(EVEN, png(grey(60, 60, 9)), PLAIN, [(60, 3)], id="no pixel could be smoothed"),
        pytest.param(spotted(), spotted((9, 9)), PLAIN, [(5, 5)], id="a single pixel"),
        pytest.param(spotted(), spotted((9, 9), (390, 990)), PLAIN, [(10, 10)], id="two of them"),
    ],
)  # fmt: skip
def test_odiff_is_asked_about_the_part_that_matters(
    server: Recording, base: bytes, head: bytes, policy: Policy, asked: list[tuple[int, int]]
) -> None:
    with OdiffDiffer(server) as differ:
        differ.diff(base, head, policy)
    assert server.asked == asked


def test_no_pair_is_changed_that_odiff_has_not_seen(server: Recording) -> None:
    with OdiffDiffer(server) as differ:
        for seed in range(25):
            pair, before = random_pair(np.random.default_rng(seed)), len(server.asked)
            found = differ.diff(pair.base, pair.head, pair.policy)
            one_sided = sum(area.one_sided for area in found.areas)
            assert len(server.asked) > before or found.changed_pixels == one_sided


def test_on_white_and_on_black_odiff_is_asked_about_each(server: Recording) -> None:
    one, other = (np.dstack([ellipse(n), np.full((200, 200), 200, np.uint8)]) for n in (0, 4))
    with OdiffDiffer(server) as differ:
        differ.diff(png(one), png(other), PLAIN)
    assert len(server.asked) == 2


def test_what_odiff_forgives_is_told_apart(odiff: Path) -> None:
    with Reference(OdiffServer(odiff)) as reference:
        canvas = lay_out(ellipse(0), MOVED, BufferPool(), align_rows=False)
        every = pixel_flags.find(canvas, NO_SMOOTHING, BufferPool(), reference).flags
        found = pixel_flags.find(canvas, PLAIN, BufferPool(), reference).flags
    forgiven = native.has(found, Flag.SMOOTHED)
    assert not native.has(every, Flag.SMOOTHED).any()
    assert forgiven.any()
    assert np.array_equal(
        native.has(every, Flag.SENSITIVE) & ~native.has(found, Flag.SENSITIVE), forgiven
    )
    assert not (found[forgiven] & (Flag.SENSITIVE | Flag.STRUCTURAL)).any()
    assert int(np.max(found)) < 2 * Flag.SMOOTHED


@pytest.mark.parametrize("most", [1, 300, 2_000, 10**9])
@pytest.mark.parametrize("of_a_request", [-(10**9), 0, 500, 10**9])
def test_however_the_questions_are_divided_the_answer_is_plain_odiffs(
    server: Recording,
    plain: PlainOdiff,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
    of_a_request: int,
) -> None:
    monkeypatch.setattr("pixelgate.engine.odiff_mask._MOST_PIXELS", most)
    monkeypatch.setattr("pixelgate.engine.odiff_mask._PIXELS_OF_A_REQUEST", of_a_request)
    with OdiffDiffer(server) as differ:
        for seed in range(100, 103 if most == 1 else 109):
            pair = random_pair(np.random.default_rng(seed))
            policy = replace(pair.policy, antialiasing=True)
            found = differ.diff(pair.base, pair.head, policy)
            wanted = plain.expected(pair.base_pixels, pair.head_pixels, policy)
            assert mismatch(found, wanted) is None
            assert disagreement(found) is None
    if most == 1:
        assert len(server.asked) > 30


@pytest.mark.parametrize("seed", range(30))
def test_at_the_edges_of_an_image_the_answer_is_plain_odiffs(
    differ: OdiffDiffer, plain: PlainOdiff, seed: int
) -> None:
    """Small images of few colours, on which most pixels lie near an edge of the image."""
    random = np.random.default_rng(seed)
    height, width = random.integers(1, 14, 2)
    colours = random.integers(0, 256, (5, 3)).astype(np.uint8)
    base = colours[np.sort(random.integers(0, 5, (height, width)), axis=int(random.integers(0, 2)))]
    head = np.roll(base, random.integers(-1, 2, 2), axis=(0, 1))
    wanted = plain.expected(base, head, PLAIN)
    assert mismatch(differ.diff(png(base), png(head), PLAIN), wanted) is None


class Otherwise(OdiffServer):
    """The real odiff, asked something else than what it is asked."""

    def __init__(self, binary: Path, **options: Any) -> None:
        super().__init__(binary)
        self._options = options

    def compare(self, base: Path, head: Path, output: Path, options: Any) -> Answer:
        return super().compare(base, head, output, {**options, **self._options})


class Scripted(OdiffServer):
    """An odiff that always gives one answer, and a mask of one size or none."""

    def __init__(self, pixels: int, mask: tuple[int, int] | None = None) -> None:
        super().__init__(Path("none"))
        self._answer = Answer(match=pixels == 0, pixels=pixels)
        self._mask = mask

    def compare(self, _base: Path, _head: Path, output: Path, _options: object) -> Answer:
        if self._mask:
            output.write_bytes(png(np.full((*self._mask, 4), 255, np.uint8)))
        return self._answer


BLIND = Scripted(0)


def test_odiffs_word_counts(odiff: Path) -> None:
    """One that knows no smoothed edges, and one that takes everything for one."""
    base, head = png(ellipse(0)), png(MOVED)
    with OdiffDiffer(OdiffServer(odiff)) as differ:
        every = differ.diff(base, head, NO_SMOOTHING)
        some = differ.diff(base, head, PLAIN)
    with OdiffDiffer(Otherwise(odiff, antialiasing=False)) as differ:
        assert differ.diff(base, head, PLAIN).mask == every.mask
    assert 0 < some.changed_pixels < every.changed_pixels
    with OdiffDiffer(BLIND) as differ:
        assert differ.diff(spotted(), spotted((9, 9)), PLAIN).changed_pixels == 0


FORGIVES = "forgives pixels that cannot be smoothed edges"


@pytest.mark.parametrize(
    ("server", "head", "policy", "words"),
    [
        pytest.param(BLIND, BOX, PLAIN, FORGIVES, id="the inside of a box"),
        pytest.param(BLIND, png(grey(60, 60, 9)), PLAIN, FORGIVES, id="an even page"),
        pytest.param(BLIND, BOX, NO_SMOOTHING, FORGIVES, id="anything, where smoothed edges count"),
        pytest.param(
            Scripted(81, (9, 9)), BOX, PLAIN, "mask has .9, 9. pixels instead of", id="another size"
        ),
        pytest.param(
            Scripted(5, (5, 42)), BOX, PLAIN, "counted 5 pixels, its mask shows 210", id="number"
        ),
    ],
)
def test_what_odiff_cannot_mean_is_no_answer(
    server: OdiffServer, head: bytes, policy: Policy, words: str
) -> None:
    with OdiffDiffer(server) as differ, pytest.raises(ImageFault, match=words) as caught:
        differ.diff(EVEN, head, policy)
    assert caught.value.code is FaultCode.ENGINE_FAILED


def test_what_lies_nearer_than_the_threshold_odiff_may_not_report(odiff: Path) -> None:
    head = with_box(grey(60, 60), 20, 20, 9, 9, RED)
    head[22:40, 30:50] += 1
    with (
        OdiffDiffer(Otherwise(odiff, threshold=0.0)) as differ,
        pytest.raises(ImageFault, match="nearer than the threshold") as caught,
    ):
        differ.diff(EVEN, png(head), PLAIN)
    assert caught.value.code is FaultCode.ENGINE_FAILED


def test_a_pair_that_odiff_fails_on_is_errored_and_the_next_one_is_not(
    server: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaths = []

    def dies(*_: object) -> None:
        deaths.append(1)
        raise EngineDied(FaultCode.ENGINE_FAILED, "odiff is gone")

    with OdiffDiffer(server) as differ:
        with monkeypatch.context() as broken:
            broken.setattr(server, "compare", dies)
            with pytest.raises(ImageFault, match="odiff is gone"):
                differ.diff(BASE, HEAD, PLAIN)
        assert len(deaths) == 2  # it is tried once more, on a fresh odiff
        assert differ.diff(BASE, HEAD, PLAIN).changed_pixels


@pytest.mark.parametrize(("free", "error"), [(0, OSError), (10**9, ImageFault)])
def test_a_mask_that_had_no_room_is_no_fault_of_the_image(
    monkeypatch: pytest.MonkeyPatch, free: int, error: type[Exception]
) -> None:
    monkeypatch.setattr(
        "pixelgate.engine.odiff_mask.shutil.disk_usage", lambda _: SimpleNamespace(free=free)
    )
    with OdiffDiffer(Scripted(5)) as differ, pytest.raises(error, match="mask"):
        differ.diff(BASE, HEAD, Policy())
