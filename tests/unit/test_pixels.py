"""Decoded pixels: what each kind of file becomes, what shines through, what odiff is given."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from pixelgate.engine.pixels import decode, in_words, is_opaque, on_background
from pixelgate.errors import FaultCode, ImageFault
from support.images import (
    encoded,
    interlaced_png,
    jpeg,
    palette_png,
    picture,
    png,
    png_16_bit,
    webp,
)

RED_GREEN = [255, 0, 0, 0, 255, 0]


GREY_TRNS = encoded(picture("L", (5, 3), 7), "PNG", transparency=7)
DECODED: dict[str, tuple[bytes, tuple[int, int, int, int]]] = {
    "PNG RGB": (png(), (200, 100, 50, 255)),
    "PNG RGBA": (png(colour=(1, 2, 3, 128), mode="RGBA"), (1, 2, 3, 128)),
    "PNG RGBA, nothing to see": (png(colour=(1, 2, 3, 0), mode="RGBA"), (1, 2, 3, 0)),
    "PNG palette": (palette_png([1] * 15, 5, RED_GREEN), (0, 255, 0, 255)),
    "PNG palette with tRNS": (palette_png([0] * 15, 5, RED_GREEN, b"\x80"), (255, 0, 0, 128)),
    "PNG grey": (png(colour=7, mode="L"), (7, 7, 7, 255)),
    "PNG grey, tRNS": (GREY_TRNS, (7, 7, 7, 0)),
    "PNG grey and alpha": (png(colour=(7, 9), mode="LA"), (7, 7, 7, 9)),
    "PNG of one bit, white": (png(colour=1, mode="1"), (255, 255, 255, 255)),
    "PNG of one bit, black": (png(colour=0, mode="1"), (0, 0, 0, 255)),
    # The high byte decides; Pillow's own conversion would clip all of these to 255.
    "16-bit grey": (png_16_bit((5, 3), (0x6400,)), (100, 100, 100, 255)),
    "16-bit grey, low byte": (png_16_bit((5, 3), (0x64FF,)), (100, 100, 100, 255)),
    "16-bit white": (png_16_bit((5, 3), (0xFFFF,)), (255, 255, 255, 255)),
    "16-bit nearly black": (png_16_bit((5, 3), (0x00FF,)), (0, 0, 0, 255)),
    "16-bit RGB": (png_16_bit((5, 3), (0x0102, 0x6400, 0xFF00)), (1, 100, 255, 255)),
    "interlaced": (interlaced_png((5, 3), (9, 8, 7)), (9, 8, 7, 255)),
    "WebP lossless": (webp(), (200, 100, 50, 255)),
    "WebP with alpha": (webp(colour=(9, 8, 7, 6), mode="RGBA"), (9, 8, 7, 6)),
    "JPEG black": (jpeg(colour=0), (0, 0, 0, 255)),
    "JPEG grey": (jpeg(colour=128, mode="L"), (128, 128, 128, 255)),
    "JPEG CMYK, no ink": (jpeg(colour=(0, 0, 0, 0), mode="CMYK"), (255, 255, 255, 255)),
    "JPEG CMYK, ink": (jpeg(colour=(0, 0, 0, 255), mode="CMYK"), (0, 0, 0, 255)),
}


@pytest.mark.parametrize(("body", "rgba"), DECODED.values(), ids=DECODED)
def test_decoded(body: bytes, rgba: tuple[int, int, int, int]) -> None:
    image = decode(body)
    seen = rgba if rgba[3] < 255 else rgba[:3]  # alpha that hides nothing is left out
    assert image.dtype == np.uint8
    assert image.shape == (3, 5, len(seen))
    assert np.array_equal(image, np.full((3, 5, len(seen)), seen))


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (9, 17), (33, 5)])
def test_interlaced_image_is_whole(size: tuple[int, int]) -> None:
    assert np.array_equal(decode(interlaced_png(size, (9, 8, 7))), decode(png(size, (9, 8, 7))))


def test_rows_stay_rows() -> None:
    pixels = np.arange(5 * 3 * 3, dtype=np.uint8).reshape(3, 5, 3)
    assert np.array_equal(decode(encoded(Image.fromarray(pixels), "PNG"))[..., :3], pixels)


def half(format_: str) -> bytes:
    """The first half of a file whose pixels do not compress."""
    noise = np.random.default_rng(1).integers(0, 256, (50, 50, 3), np.uint8)
    body = encoded(Image.fromarray(noise), format_)
    return body[: len(body) // 2]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"", "", id="empty"),
        pytest.param(b"text", "", id="text"),
        pytest.param(half("PNG"), ": image file is truncated", id="half a PNG"),
        pytest.param(half("JPEG"), ": image file is truncated", id="half a JPEG"),
        pytest.param(half("WEBP"), ": could not create decoder object", id="half a WebP"),
        pytest.param(
            png((50, 50)).replace(b"IDAT", b"IDAX"), "", id="PNG whose pixels have another name"
        ),
        pytest.param(encoded(picture("P", (5, 3), 0), "GIF"), "", id="GIF"),
    ],
)
def test_damaged_image_is_unreadable(body: bytes, words: str) -> None:
    with pytest.raises(ImageFault) as caught:
        decode(body)
    assert caught.value.code is FaultCode.UNREADABLE
    said = str(caught.value).partition(" (")[0]  # Pillow may add how many bytes are missing
    assert said == f"the image is damaged{words}"


@pytest.mark.parametrize("body", [png(), encoded(picture("RGB", (5, 3), 0), "WEBP")])
def test_memory_that_runs_out_is_not_the_image_s_fault(
    monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image, "open", exhausted)
    monkeypatch.setattr("pixelgate.engine.png.deflate_decode", exhausted)
    with pytest.raises(MemoryError):
        decode(body)


@pytest.mark.parametrize("alphas", [[255, 255], [255, 254], [0, 255]])
def test_is_opaque(alphas: list[int]) -> None:
    image = np.zeros((1, 2, 4), np.uint8)
    image[0, :, 3] = alphas
    opaque = alphas == [255, 255]
    assert is_opaque(decode(encoded(Image.fromarray(image), "PNG"))) is opaque


def test_on_background_rounds_to_the_nearest_for_every_value() -> None:
    values, alphas = np.meshgrid(np.arange(256), np.arange(256))
    image = np.stack([values, values, values, alphas], axis=-1).astype(np.uint8)
    for level in (0, 255):
        exact = (values * alphas + level * (255 - alphas)) / 255
        seen = on_background(image, level)[..., 0].astype(float)
        assert np.abs(seen - exact).max() <= 0.5


@pytest.mark.parametrize("height", [1, 255, 256, 257, 600])
def test_on_background_leaves_no_row_out(height: int) -> None:
    image = np.zeros((height, 2, 4), np.uint8)
    image[..., 0] = (np.arange(height) % 251)[:, None]
    image[..., 3] = 255
    assert np.array_equal(on_background(image, 0), image[..., :3])


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        pytest.param("image file is truncated", ": image file is truncated", id="for a person"),
        pytest.param("", "", id="nothing"),
        pytest.param("PngImagePlugin.MAX_TEXT_MEMORY", "", id="a module"),
        pytest.param("<_io.BytesIO object at 7f>", "", id="an object"),
        pytest.param("invalid literal for int()", "", id="a literal"),
        pytest.param("required argument is not an integer", "", id="an argument"),
        pytest.param("bad marker 0xff", "", id="a number for machines"),
    ],
)
def test_what_a_library_says_of_its_own_insides_is_left_out(said: str, shown: str) -> None:
    assert in_words(ValueError(said)) == shown
