"""The compiled part by itself: what it says of pixels, and what it refuses to be given."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pixelgate.engine import native
from pixelgate.engine.native import Flag, Plane
from pixelgate.engine.yiq import least
from support.plain_evidence import joined
from support.plain_odiff import blended

Pixels = npt.NDArray[np.uint8]
ROOT = Path(__file__).parents[2]
LEAST = (least(0.0225), least(0.15))


def judged(base: Pixels, head: Pixels, rows: npt.NDArray[np.bool_] | None = None) -> Plane:
    flags = np.zeros(base.shape[:2], np.uint8)
    native.judge((base, head), np.ones(len(base), bool) if rows is None else rows, LEAST, flags)
    return flags


@pytest.mark.parametrize("width", [1, 7, 8, 9, 50])
@pytest.mark.parametrize("share", [0.001, 0.2, 0.9])
def test_every_plane_holds_just_its_pixels(width: int, share: float) -> None:
    random = np.random.default_rng(width)
    shape = (200, width)
    base = np.full((*shape, 3), 100, np.uint8)
    step = np.where(random.random(shape) < share, random.choice([1, 2, 6, 40], shape), 0)
    found = judged(base, base + step[..., None].astype(np.uint8))
    assert np.array_equal(found & Flag.DIFFERS > 0, step > 0)
    assert not (found & Flag.COUNTED).any()
    assert np.array_equal(found & Flag.SENSITIVE > 0, step >= 6)
    assert np.array_equal(found & Flag.STRUCTURAL > 0, step >= 40)


def test_each_channel_is_looked_at() -> None:
    base = np.zeros((1, 3, 3), np.uint8)
    assert judged(base, base + np.diag([90, 90, 90]).astype(np.uint8)).all()


def test_rows_that_are_left_out_stay_as_they_are() -> None:
    base, rows = np.zeros((3, 9, 3), np.uint8), np.array([True, False, True])
    assert (judged(base, base + 9, rows) > 0).all(axis=1).tolist() == [True, False, True]


def test_parts_of_larger_images_are_compared_as_they_are() -> None:
    base = np.random.default_rng(2).integers(0, 256, (90, 40, 3)).astype(np.uint8)
    head = base[::-1].copy()
    whole, part = judged(base, head), judged(base[3:80, 5:31], head[3:80, 5:31])
    assert np.array_equal(part, whole[3:80, 5:31])


@pytest.mark.parametrize("bytes_in_a_row", [1, 31, 32, 33, 64, 300])
def test_rows_have_one_hash_if_they_are_equal_and_others_if_not(bytes_in_a_row: int) -> None:
    random = np.random.default_rng(bytes_in_a_row)
    rows = random.integers(0, 256, (200, bytes_in_a_row, 1)).astype(np.uint8)
    rows[7] = rows[3]
    rows[8:] = rows[3]
    places = random.integers(0, bytes_in_a_row, 192)
    rows[np.arange(8, 200), places, 0] ^= (1 + np.arange(192) % 255).astype(np.uint8)
    found, wanted = native.hash_rows(rows), [row.tobytes() for row in rows]
    same = {(a, b) for a in range(200) for b in range(a) if wanted[a] == wanted[b]}
    assert {(a, b) for a in range(200) for b in range(a) if found[a] == found[b]} == same


def test_rows_of_one_beginning_and_other_lengths_of_zeros_have_other_hashes() -> None:
    hashes = [int(native.hash_rows(np.zeros((1, n, 1), np.uint8))[0]) for n in range(1, 100)]
    assert len(set(hashes)) == 99


def test_unequal_rows_of_views() -> None:
    base = np.zeros((6, 10, 4), np.uint8)
    head = base.copy()
    head[1, 9, 3] = head[4, 0, 0] = 1
    assert native.unequal_rows(base, head).tolist() == [False, True, False, False, True, False]
    assert not native.unequal_rows(base[:, 1:9], head[:, 1:9]).any()


def test_every_flag_is_counted_in_its_block() -> None:
    flags = np.random.default_rng(3).integers(0, 1 << len(Flag), (50, 70)).astype(np.uint8)
    found = native.count_blocks(flags)
    assert found.shape == (len(Flag), 4, 5)
    for flag in Flag:
        padded = np.zeros((64, 80), int)
        padded[:50, :70] = flags & flag > 0
        wanted = padded.reshape(4, 16, 5, 16).sum(axis=(1, 3))
        assert np.array_equal(found[flag.plane], wanted), flag


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        pytest.param(Flag.SMOOTHED, Flag.SMOOTHED, Flag.SMOOTHED, id="forgiven on both"),
        pytest.param(Flag.SMOOTHED, Flag(0), Flag.SMOOTHED, id="forgiven on one, equal on one"),
        pytest.param(Flag.SMOOTHED, Flag.SENSITIVE, Flag.SENSITIVE, id="forgiven on one only"),
        pytest.param(Flag(0), Flag.SENSITIVE, Flag.SENSITIVE, id="too faint on one"),
    ],
)
def test_what_counts_on_one_background_counts(one: Flag, other: Flag, both: Flag) -> None:
    for first, second in ((one, other), (other, one)):
        flags = np.full((3, 3), first | Flag.DIFFERS, np.uint8)
        native.unite(flags, np.full((3, 3), second | Flag.DIFFERS, np.uint8))
        assert (flags == both | Flag.DIFFERS).all()


@pytest.mark.parametrize("reach", [1, 3])
@pytest.mark.parametrize("seed", range(12))
def test_blocks_are_joined_as_one_by_one(seed: int, reach: int) -> None:
    random = np.random.default_rng(seed)
    shape = tuple(int(n) for n in random.integers(1, 24, 2))
    touched = (random.random(shape) < random.choice([0.02, 0.1, 0.9])).astype(np.uint8)
    found, number = native.join_blocks(touched, reach)
    groups = joined([(int(y), int(x)) for y, x in np.argwhere(touched)], reach)
    wanted = np.full(shape, -1)
    for n, group in enumerate(groups):
        for place in group:
            wanted[place] = n
    assert number == len(groups)
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("width", [1, 15, 16, 17, 70])
@pytest.mark.parametrize("levels", [0, 2, 8])
def test_pixels_of_wanted_blocks_are_counted_but_for_odiffs(width: int, levels: int) -> None:
    random = np.random.default_rng(width)
    base = random.integers(0, 200, (37, width, 3)).astype(np.uint8)
    head = base + random.choice([0, 1, 2, 3, 9], base.shape).astype(np.uint8)
    before = random.choice([0, 1, 5, 33, 37], base.shape[:2]).astype(np.uint8)
    wanted = random.integers(0, 2, (3, -(-width // 16))).astype(np.uint8)
    flags, counts = before.copy(), native.count_blocks(before)
    native.count_pixels((base, head), wanted, levels, flags, counts[Flag.COUNTED.plane])
    assert np.array_equal(counts, native.count_blocks(flags))
    chosen = np.repeat(np.repeat(wanted, 16, 0), 16, 1)[:37, :width] > 0
    differs = (before & Flag.DIFFERS > 0) & (before & Flag.SENSITIVE == 0)
    counted = chosen & differs & ((head - base).max(axis=2) > levels)
    assert np.array_equal(flags, before | np.where(counted, Flag.COUNTED, 0))


@pytest.mark.parametrize(("colours", "few"), [(1, True), (256, True), (257, False), (4_000, False)])
def test_an_image_with_few_colours_is_told(colours: int, few: bool) -> None:
    codes = np.resize(np.arange(colours) * 4_099, (50, 90))
    image = np.stack([codes & 255, codes >> 8 & 255, codes >> 16], axis=2).astype(np.uint8)
    assert native.has_few_colours(image) == few
    assert native.has_few_colours(image, colours)
    assert colours == 1 or not native.has_few_colours(image, colours - 1)


@pytest.mark.parametrize("level", [0, 255, 128])
def test_every_colour_and_alpha_is_blended_to_the_nearest(level: int) -> None:
    """Half a level does not happen: 255 is odd."""
    colours, alphas = np.meshgrid(np.arange(256), np.arange(256))
    image = np.stack([colours, 255 - colours, colours // 2, alphas], axis=2).astype(np.uint8)
    assert np.array_equal(native.blend(image, level), blended(image, level))


@pytest.mark.parametrize("where", [None, 0, 4_095, 4_096, 9_999])
def test_alpha_is_dropped_only_if_nothing_shines_through_anywhere(where: int | None) -> None:
    image = np.random.default_rng(1).integers(0, 256, (100, 100, 4)).astype(np.uint8)
    image[..., 3] = 255
    if where is not None:
        image[where // 100, where % 100, 3] = 254
    room = np.zeros((100, 100, 3), np.uint8)
    assert native.without_alpha(image, room) == (where is None)
    assert where is not None or np.array_equal(room, image[..., :3])


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.zeros((4, 9, 3), np.uint8)[:, ::2], id="every second pixel"),
        pytest.param(np.zeros((4, 9, 4), np.uint8)[..., :3], id="three of four channels"),
        pytest.param(np.zeros((9, 4, 3), np.uint8).transpose(1, 0, 2), id="turned"),
    ],
)
def test_pixels_that_do_not_lie_side_by_side_are_refused(image: Pixels) -> None:
    with pytest.raises(ValueError, match=r"pixels of \(4, \d, 3\) lie \(\d+, 1\) bytes apart"):
        native.unequal_rows(image, image)


def test_views_must_be_rgb_and_of_one_size() -> None:
    small, large = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3, 3), np.uint8)
    for pair in ((small, large), (np.zeros((2, 2, 4), np.uint8),) * 2):
        with pytest.raises(ValueError, match="two RGB images of one size"):
            native.find_questions(pair, np.zeros((2, 2), np.uint8))


def test_without_the_library_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    native._library.cache_clear()
    monkeypatch.setattr("platform.machine", lambda: "pdp11")
    try:
        with pytest.raises(RuntimeError, match=r"compiled part is missing.*`make setup`"):
            native.hash_rows(np.zeros((1, 1, 3), np.uint8))
    finally:
        native._library.cache_clear()


def make(*words: str) -> subprocess.CompletedProcess[str]:
    folder = str(ROOT / "functions/native")
    return subprocess.run(
        ["make", "-s", "-C", folder, *words], capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize(("processor", "machine"), [("x86_64", 62), ("aarch64", 183)])
def test_it_compiles_for_both_of_lambdas_processors(
    tmp_path: Path, processor: str, machine: int
) -> None:
    zig = os.environ.get("ZIG", f"{ROOT}/.tools/zig/bin/python -m ziglang")
    assert make(f"ARCH={processor}", f"OUT={tmp_path}", f"ZIG={zig}").returncode == 0
    elf = (tmp_path / f"native-{processor}.so").read_bytes()
    assert (elf[:4], int.from_bytes(elf[18:20], "little")) == (b"\x7fELF", machine)


def test_a_library_that_is_no_library_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = tmp_path / "native.so"
    text.write_text("text")
    native._library.cache_clear()
    monkeypatch.setattr(native, "native_library", lambda: text)
    try:
        with pytest.raises(RuntimeError, match=r"native\.so cannot be loaded"):
            native.hash_rows(np.zeros((1, 1, 3), np.uint8))
    finally:
        native._library.cache_clear()


def test_an_unknown_processor_is_refused_by_name(tmp_path: Path) -> None:
    ended = make("ARCH=pdp11", f"OUT={tmp_path}")
    assert ended.returncode
    assert (
        "no processor of 'pdp11-linux-gnu.2.28' that we compile for: x86_64 or aarch64"
        in ended.stderr
    )
