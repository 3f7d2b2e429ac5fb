"""`pixelgate compare` on a folder with images that mean harm: they are errored, the rest is not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from support import hostile
from support.images import chunk, declared_png

BAD = {
    "bomb.png": declared_png(60_000, 60_000),
    "empty.png": b"",
    "gif.png": hostile.other_format("GIF"),
    "tiff.png": hostile.other_format("TIFF"),
    "half.png": hostile.good_png()[:4_000],
    "half.jpg": hostile.jpeg()[:900],
    "half.webp": hostile.webp()[:900],
    "moves.png": hostile.animated("PNG"),
    "page.png": b"<html>502 Bad Gateway</html>",
}
GOOD = {
    "a same.png": (hostile.good_png(), hostile.good_png()),
    "a text.png": (
        hostile.good_png(),
        hostile.with_chunks(chunk(b"zTXt", b"k\0\0" + hostile.bomb(70_000_000))),
    ),
    "m moved.png": (hostile.good_png(), hostile.other_png()),
    "z moved.png": (hostile.other_png(), hostile.good_png()),
}


def test_every_bad_image_has_its_reason_and_every_good_one_its_numbers(tmp_path: Path) -> None:
    for side in ("base", "head"):
        (tmp_path / side).mkdir()
    for name, body in BAD.items():
        (tmp_path / "base" / name).write_bytes(hostile.good_png())
        (tmp_path / "head" / name).write_bytes(body)
    for name, (base, head) in GOOD.items():
        (tmp_path / "base" / name).write_bytes(base)
        (tmp_path / "head" / name).write_bytes(head)

    done = subprocess.run(
        [Path(sys.executable).parent / "pixelgate", "compare", "base", "head"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    written = (tmp_path / "pixelgate-report" / "comparison.json").read_text()
    images = json.loads(written)["images"]
    assert {n: i["status"] for n, i in images.items()} == dict.fromkeys(BAD, "errored") | {
        "a same.png": "unchanged",
        "a text.png": "unchanged",
        "m moved.png": "changed",
        "z moved.png": "changed",
    }
    assert [images[n]["changed_pixels"] for n in ("m moved.png", "z moved.png")] == [20, 20]
    for name in BAD:
        code, _, words = images[name]["reason"].partition(": ")
        assert code in {"UNREADABLE", "UNSUPPORTED_FORMAT", "EXCEEDS_PIXEL_LIMIT"}
        assert len(words) > 15
        assert str(tmp_path) not in words
