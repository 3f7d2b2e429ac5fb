"""Colours and orientations as Chromium shows them: compared is what is seen, not what is stored.

All colours that are expected here were read from a canvas of Chromium 150 on which these very
files were drawn. A level more or less is rounding.
"""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import ExifTags, Image

from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.header import read_header
from pixelgate.engine.pixels import decode, read
from support import colours, hostile
from support.colours import chrm, cicp, exif, gama, iccp
from support.images import chunk, encoded, raw_png
from support.plain_odiff import Pixels

STORED = ((200, 100, 50), (100, 200, 50), (50, 100, 200), (128, 128, 128), (10, 10, 10),
          (255, 0, 0), (0, 255, 0), (2, 30, 60))  # fmt: skip
ROW = np.array([STORED], np.uint8)
SIGNATURE_AND_HEADER = 33
SRGB_CHUNK = chunk(b"sRGB", b"\0")
SRGB_POINTS = (31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)
P3_POINTS = (31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000)

AS_STORED = STORED
P3 = ((215, 93, 31), (45, 203, 0), (26, 101, 207), (128, 128, 128), (10, 10, 10),
      (255, 0, 0), (0, 255, 0), (0, 31, 62))  # fmt: skip
LINEAR = ((229, 168, 122), (168, 229, 122), (122, 168, 229), (188, 188, 188), (56, 56, 56),
          (255, 0, 0), (0, 255, 0), (22, 96, 133))  # fmt: skip
LINEAR_P3 = ((240, 165, 114), (150, 231, 107), (109, 170, 235), (188, 188, 188), (56, 56, 56),
             (255, 0, 0), (0, 255, 0), (0, 98, 137))  # fmt: skip
GAMMA_2_2 = ((201, 100, 46), (100, 201, 46), (46, 100, 201), (129, 129, 129), (3, 3, 3),
             (255, 0, 0), (0, 255, 0), (0, 24, 57))  # fmt: skip
GAMMA_1_8 = ((210, 119, 65), (119, 210, 65), (65, 119, 210), (146, 146, 146), (10, 10, 10),
             (255, 0, 0), (0, 255, 0), (1, 40, 77))  # fmt: skip
BT2020 = ((241, 76, 29), (0, 209, 0), (0, 103, 208), (128, 128, 128), (10, 10, 10),
          (255, 0, 0), (0, 255, 0), (0, 32, 63))  # fmt: skip
BT709_CURVE = ((197, 91, 39), (91, 197, 39), (39, 91, 197), (121, 121, 121), (1, 1, 1),
               (255, 0, 0), (0, 255, 0), (0, 18, 49))  # fmt: skip


def with_chunks(*before: bytes, pixels: Pixels = ROW, after: bytes = b"") -> bytes:
    body = encoded(Image.fromarray(pixels), "PNG")
    head, data = body[:SIGNATURE_AND_HEADER], body[SIGNATURE_AND_HEADER:-12]
    return head + b"".join(before) + data + after + body[-12:]


P3_PROFILE, SRGB_PROFILE = iccp(colours.display_p3()), iccp(colours.srgb())
TAGGED: dict[str, tuple[bytes, tuple[tuple[int, int, int], ...], str]] = {
    "nothing": (with_chunks(), AS_STORED, "sRGB"),
    "sRGB": (with_chunks(SRGB_CHUNK), AS_STORED, "sRGB"),
    "iCCP": (with_chunks(P3_PROFILE), P3, "Display P3"),
    "cICP": (with_chunks(cicp(12, 13)), P3, "Display P3"),
    "gAMA 1": (with_chunks(gama(100_000)), LINEAR, "gamma 1"),
    "gAMA 1/1.8": (with_chunks(gama(55_555)), GAMMA_1_8, "gamma 0.55555"),
    "gAMA and cHRM": (
        with_chunks(gama(100_000), chrm(*P3_POINTS)), LINEAR_P3, "gamma 1 with colours of its own"),
    # sRGB's gamma alone is taken for sRGB, within five per cent; with cHRM for a power curve.
    "gAMA 1/2.2": (with_chunks(gama(45_455)), AS_STORED, "sRGB"),
    "gAMA near 1/2.2": (with_chunks(gama(47_600)), AS_STORED, "sRGB"),
    "gAMA 1/2.2 and cHRM": (with_chunks(gama(45_455), chrm(*SRGB_POINTS)), GAMMA_2_2,
                            "gamma 0.45455 with colours of its own"),
    "cHRM alone": (with_chunks(chrm(*P3_POINTS)), AS_STORED, "sRGB"),
    "linear iCCP": (with_chunks(iccp(colours.linear())), LINEAR, "linear"),
    "BT.2020": (with_chunks(cicp(9, 13)), BT2020, "BT.2020 colours"),
    "BT.709's curve": (with_chunks(cicp(1, 1)), BT709_CURVE, "cICP 1/1"),
    # what counts if a file says two things
    "cICP before iCCP": (with_chunks(P3_PROFILE, cicp(1, 13)), AS_STORED, "sRGB"),
    "an odd cICP and iCCP": (with_chunks(cicp(2, 2), P3_PROFILE), P3, "Display P3"),
    "a narrow cICP and iCCP": (with_chunks(cicp(1, 13, full=0), P3_PROFILE), P3, "Display P3"),
    "iCCP before sRGB": (with_chunks(SRGB_CHUNK, P3_PROFILE), P3, "Display P3"),
    "iCCP before gAMA": (with_chunks(SRGB_PROFILE, gama(100_000)), AS_STORED, "sRGB"),
    "sRGB before gAMA": (with_chunks(gama(100_000), SRGB_CHUNK), AS_STORED, "sRGB"),
    "a bad iCCP and gAMA": (with_chunks(iccp(b"no" * 99), gama(100_000)), LINEAR, "gamma 1"),
    "a bad sRGB and gAMA": (with_chunks(chunk(b"sRGB", b"\x09"), gama(100_000)), LINEAR, "gamma 1"),
    "iCCP twice": (with_chunks(SRGB_PROFILE, P3_PROFILE), AS_STORED, "sRGB"),
    "a wrong checksum": (with_chunks(hostile.wrong_crc(P3_PROFILE)), AS_STORED, "sRGB"),
    "behind the pixels": (with_chunks(after=P3_PROFILE + gama(100_000)), AS_STORED, "sRGB"),
    "a profile of greys": (with_chunks(iccp(colours.linear_grey())), AS_STORED, "sRGB"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "seen", "profile"), TAGGED.values(), ids=TAGGED)
def test_a_tagged_png_is_seen_as_chromium_shows_it(
    body: bytes, seen: tuple[tuple[int, int, int], ...], profile: str
) -> None:
    picture = read(body)
    assert picture.profile == profile
    assert np.abs(picture.pixels[0].astype(int) - seen).max() <= (0 if seen is AS_STORED else 1)


PROFILE = colours.display_p3()
LARGE = ROW.repeat(16, 0).repeat(16, 1)
FORMATS = {
    "JPEG": encoded(
        Image.fromarray(LARGE), "JPEG", quality=100, subsampling=0, icc_profile=PROFILE
    ),
    "WebP": encoded(Image.fromarray(LARGE), "WEBP", lossless=True, icc_profile=PROFILE),
    "transparent WebP": encoded(
        Image.fromarray(np.dstack([LARGE, np.full(LARGE.shape[:2], 254, np.uint8)])),
        "WEBP", lossless=True, icc_profile=PROFILE,
    ),
    "palette": encoded(Image.fromarray(LARGE).quantize(16), "PNG", icc_profile=PROFILE),
}  # fmt: skip


@pytest.mark.parametrize("body", FORMATS.values(), ids=FORMATS)
def test_a_profile_counts_in_every_format(body: bytes) -> None:
    picture = read(body)
    assert picture.profile == "Display P3"
    assert np.abs(picture.pixels[8, 8::16, :3].astype(int) - P3).max() <= 2
    if picture.pixels.shape[2] == 4:
        assert np.all(picture.pixels[..., 3] == 254)


def test_greys_have_profiles_too() -> None:
    grey = np.array([[200, 100, 50, 128, 10, 255, 0, 2]], np.uint8)
    lit = [229, 168, 122, 188, 56, 255, 0, 22]
    for tag in (gama(100_000), iccp(colours.linear_grey()), iccp(colours.linear())):
        assert np.abs(decode(with_chunks(tag, pixels=grey))[0, :, 0].astype(int) - lit).max() <= 1
    ramp = np.arange(256, dtype=np.uint8)[None]
    plain = np.repeat(ramp[..., None], 3, axis=2)
    assert np.array_equal(decode(with_chunks(P3_PROFILE, pixels=ramp)), plain)
    assert np.array_equal(decode(with_chunks(P3_PROFILE, pixels=plain)), plain)


@pytest.mark.parametrize(
    "profile", [colours.srgb(), colours.srgb_by_table(), colours.srgb_by_table(4096)]
)
def test_srgb_under_any_name_leaves_every_bit(profile: bytes) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (60, 80, 3), np.uint8)
    picture = read(with_chunks(iccp(profile), pixels=pixels))
    assert picture.profile == "sRGB"
    assert np.array_equal(picture.pixels, pixels)


def test_large_pictures_are_converted_to_their_last_row() -> None:
    pixels = np.tile(ROW, (300, 500, 1))  # more than one strip
    found = decode(with_chunks(P3_PROFILE, pixels=pixels))
    assert np.array_equal(found, np.tile(found[:1, :8], (300, 500, 1)))
    assert np.abs(found[0, :8].astype(int) - P3).max() <= 1


def look(rng: np.random.Generator) -> tuple[Pixels, Pixels]:
    """A picture in sRGB, and the numbers that look like it in Display P3."""
    srgb = rng.integers(0, 256, (40, 60, 3)).astype(np.uint8)
    to_p3 = np.array([[0.82246, 0.17754, 0], [0.03319, 0.96681, 0], [0.01708, 0.07240, 0.91052]])
    level = srgb / 255
    light = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4) @ to_p3.T
    back = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return srgb, np.rint(back.clip(0, 1) * 255).astype(np.uint8)


def test_the_same_look_is_unchanged_and_the_profiles_are_named(differ: OdiffDiffer) -> None:
    srgb, p3 = look(np.random.default_rng(5))
    for tag in (P3_PROFILE, cicp(12, 13)):
        tagged = with_chunks(tag, pixels=p3)
        diff = differ.diff(with_chunks(pixels=srgb), tagged, Policy())
        assert diff.changed_pixels == 0
        assert diff.profiles == ("sRGB", "Display P3")
        assert differ.diff(tagged, tagged, Policy()).profiles is None
        # The darkest of three channels has few levels in P3 where the others are bright.
        assert np.quantile(np.abs(decode(tagged).astype(int) - srgb), 0.99) <= 2


def test_the_same_numbers_under_another_profile_are_changed(differ: OdiffDiffer) -> None:
    srgb, _ = look(np.random.default_rng(6))
    for tag in (P3_PROFILE, cicp(12, 13), gama(100_000)):
        diff = differ.diff(with_chunks(pixels=srgb), with_chunks(tag, pixels=srgb), Policy())
        assert diff.changed_pixels > 200
        assert not diff.passes(Policy())


TURNS = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: np.rot90(p, 2).transpose(1, 0, 2),
    8: lambda p: np.rot90(p),
}
SHAPE = np.random.default_rng(4).integers(0, 256, (5, 9, 3)).astype(np.uint8)


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("order", "<>")
def test_a_png_is_turned_as_its_exif_block_says(orientation: int, order: str) -> None:
    shown = TURNS[orientation](SHAPE)
    clear = np.dstack([SHAPE, np.full(SHAPE.shape[:2], 9, np.uint8)])
    for pixels in (SHAPE, clear, Image.fromarray(SHAPE).convert("L")):
        body = with_chunks(
            chunk(b"eXIf", exif(orientation, order=order)), pixels=np.asarray(pixels)
        )
        assert read_header(body).size == shown.shape[1::-1]
        assert decode(body).shape[:2] == shown.shape[:2]
    body = with_chunks(chunk(b"eXIf", exif(orientation, order=order)), pixels=SHAPE)
    assert np.array_equal(decode(body), shown)


@pytest.mark.parametrize("orientation", TURNS)
def test_a_webp_and_a_jpeg_are_turned_likewise(orientation: int) -> None:
    for format_, options in (("WEBP", {"lossless": True}), ("JPEG", {"quality": 100})):
        plain = decode(encoded(Image.fromarray(SHAPE), format_, **options))
        block = exif(orientation, prefix=b"Exif\0\0")
        body = encoded(Image.fromarray(SHAPE), format_, exif=block, **options)
        assert np.array_equal(decode(body), TURNS[orientation](plain))
        assert read_header(body).size == decode(body).shape[1::-1]


SIX = chunk(b"eXIf", exif(6))
# A TIFF of one entry: text of four bytes where a short number belongs. Pillow writes none.
TEXT = struct.pack("<2sHIHHHI4sI", b"II", 42, 8, 1, ExifTags.Base.Orientation, 2, 4, b"AAA", 0)
UPRIGHT = {
    "behind the pixels": with_chunks(pixels=SHAPE, after=SIX),
    "a wrong checksum": with_chunks(hostile.wrong_crc(SIX), pixels=SHAPE),
    "the second of two": with_chunks(chunk(b"eXIf", exif(1)), SIX, pixels=SHAPE),
    "a number that is none": with_chunks(chunk(b"eXIf", exif(9)), pixels=SHAPE),
    "as in a JPEG": with_chunks(chunk(b"eXIf", exif(6, prefix=b"Exif\0\0")), pixels=SHAPE),
    "cut off": with_chunks(chunk(b"eXIf", exif(6)[:14]), pixels=SHAPE),
    "a text in a WebP": encoded(
        Image.fromarray(SHAPE), "WEBP", lossless=True, exif=b"Exif\0\0" + TEXT
    ),
}


@pytest.mark.parametrize("body", UPRIGHT.values(), ids=UPRIGHT)
def test_what_chromium_does_not_turn_stays(body: bytes) -> None:
    assert read_header(body).size == (9, 5)
    assert np.array_equal(decode(body), SHAPE)


def sixteen_bits(*colours_: tuple[int, int, int], key: tuple[int, int, int]) -> bytes:
    row = b"\0" + b"".join(struct.pack(">HHH", *colour) for colour in colours_)
    body = raw_png((len(colours_), 1), 16, 2, row)
    at = SIGNATURE_AND_HEADER
    return body[:at] + chunk(b"tRNS", struct.pack(">HHH", *key)) + body[at:]


def test_of_sixteen_bits_all_sixteen_tell_the_transparent_colour() -> None:
    key, near = (0x1234, 0x1234, 0x1234), (0x1234, 0x12FF, 0x1234)
    found = decode(sixteen_bits(key, near, (0x1334, 0x1234, 0x1234), key=key))
    assert found[0].tolist() == [[0x12, 0x12, 0x12, 0], [0x12, 0x12, 0x12, 255],
                                 [0x13, 0x12, 0x12, 255]]  # fmt: skip
    grey = Image.fromarray(np.array([[7_000, 7_001]], np.uint16))
    assert decode(encoded(grey, "PNG", transparency=7_000))[0, :, 3].tolist() == [0, 255]


def test_of_eight_bits_the_lower_byte_tells_the_transparent_colour() -> None:
    key = chunk(b"tRNS", struct.pack(">HHH", 200, 0x0100 + 100, 50))
    assert decode(with_chunks(key))[0, :, 3].tolist() == [0] + [255] * 7


def test_a_key_that_no_pixel_has_leaves_the_picture_opaque() -> None:
    found = decode(sixteen_bits((0x12FF, 0, 0), (0x1200, 0, 0), key=(0x1234, 0, 0)))
    assert found.tolist() == [[[0x12, 0, 0], [0x12, 0, 0]]]
