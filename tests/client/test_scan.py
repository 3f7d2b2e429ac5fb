"""A folder becomes the images of a manifest, or everything wrong with it is told at once."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from pixelgate.client import scan as scanning
from pixelgate.client.scan import scan
from pixelgate.errors import UsageError
from pixelgate.ports import Progress
from support import images


def test_hash_size_and_bytes(folder: Path) -> None:
    body = (folder / "sub" / "b.jpg").read_bytes()
    (folder / "results.json").write_text("not even JSON, and nobody's")
    found = scan(folder)
    assert list(found.entries) == ["a.png", "sub/b.jpg", "sub/same as a.png"]
    assert found.fields()["sub/b.jpg"] == {
        "sha256": hashlib.sha256(body).hexdigest(),
        "width": 7,
        "height": 4,
        "bytes": len(body),
    }
    assert found.warnings == ()


def test_a_sidecar_goes_with_its_image_and_does_not_say_what_the_image_is(folder: Path) -> None:
    said = {
        "display_name": "The basket",
        "group": "checkout",
        "tags": ["wide"],
        "description": "Empty.",
        "policy": {"strict": True},
        "context": {"browser": "chromium"},
    }
    where = folder / "a.json"
    where.write_text(json.dumps({**said, "width": 9, "sha256": "x", "viewport": [1]}))
    (folder / "sub" / "b.json").write_text('{"group": "checkout"}')
    found = scan(folder)
    assert found.fields()["sub/b.jpg"]["group"] == "checkout"
    entry = found.fields()["a.png"]
    assert {name: entry[name] for name in said} == said
    assert entry["width"] == 5
    assert found.warnings == tuple(
        f"unknown field {name!r} was ignored, in {where} and maybe others"
        for name in ("sha256", "viewport", "width")
    )


def test_everything_wrong_is_told_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "MAX_IMAGE_BYTES", 5_000)
    (folder / "big.png").write_bytes(images.declared_png(8_001, 6_250))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    (folder / "empty.png").write_bytes(b"")
    (folder / "film.gif").write_bytes(b"GIF89a")
    (folder / "heavy.png").write_bytes(b"x" * 5_001)
    (folder / "line\nbreak.png").write_bytes(images.png())
    (folder / "text.webp").write_text("hello")
    (folder / "a.json").write_text("{")
    (folder / "sub" / "b.json").write_text('{"policy": {"strickt": true}, "group": 5}')
    (folder / "sub" / "same as a.json").write_text("[]")
    with pytest.raises(UsageError) as caught:
        scan(folder)
    assert str(caught.value).splitlines() == [
        f"nothing was uploaded: 10 files in {folder} cannot be:",
        f"  {folder}/a.png: a.json beside it: is not valid JSON: Expecting property name enclosed "
        "in double quotes: line 1 column 2 (char 1)",
        f"  {folder}/big.png: 8001×6250 are 50,006,250 pixels; up to 50,000,000 are compared",
        f"  {folder}/broken.png: the header is damaged",
        f"  {folder}/empty.png: the file is empty",
        f"  {folder}/film.gif: the file is GIF; PNG, JPEG and WebP are compared",
        f"  {folder}/heavy.png: has 5,001 bytes; up to 5,000 are read",
        f"  '{folder}/line\\nbreak.png': the name holds a control character",
        f"  {folder}/sub/b.jpg: b.json beside it: group: must be a text (got 5); "
        "policy.strickt: there is no such field",
        f"  {folder}/sub/same as a.png: same as a.json beside it: must be a JSON object",
        f"  {folder}/text.webp: the file is no PNG, JPEG or WebP image",
    ]


def test_one_name_in_two_unicode_forms_is_told_with_both(folder: Path) -> None:
    for name in ("\u00fc.png", "u\u0308.png"):
        (folder / name).write_bytes(images.png())
    if len([*folder.glob("*\u0308.png"), *folder.glob("\u00fc.png")]) < 2:
        pytest.skip("this file system takes both for one")
    with pytest.raises(UsageError) as caught:
        scan(folder)
    assert str(caught.value).splitlines() == [
        f"nothing was uploaded: 1 file in {folder} cannot be:",
        r"  'u\u0308.png' and '\xfc.png' are one name in two Unicode forms; a build can hold only "
        "one",
    ]


def test_of_very_many_the_first_hundred_are_shown(folder: Path) -> None:
    for number in range(105):
        (folder / f"x{number:03}.png").write_bytes(b"")
    with pytest.raises(UsageError) as caught:
        scan(folder)
    lines = str(caught.value).splitlines()
    assert len(lines) == 102
    assert lines[0] == f"nothing was uploaded: 105 files in {folder} cannot be:"
    assert lines[-1] == "  and 5 more"


def test_50_megapixels_are_allowed_or_what_the_stack_compares(folder: Path) -> None:
    (folder / "big.png").write_bytes(images.declared_png(8_000, 6_250))
    assert scan(folder).entries["big.png"].header.size == (8_000, 6_250)
    assert scan(folder, max_megapixels=50).entries["big.png"].header.size == (8_000, 6_250)
    with pytest.raises(UsageError, match="up to 49,000,000 are compared"):
        scan(folder, max_megapixels=49)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(folder: Path) -> None:
    (folder / "a.png").chmod(0)
    with pytest.raises(UsageError, match=r"a.png: cannot be read: Permission denied"):
        scan(folder)


def test_a_link_into_nothing_is_told(folder: Path) -> None:
    (folder / "gone.png").symlink_to(folder / "nowhere.png")
    with pytest.raises(UsageError, match=r"gone.png: cannot be read: No such file"):
        scan(folder)


def test_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"shots does not exist; name the folder with the screens"):
        scan(tmp_path / "shots")
    with pytest.raises(UsageError, match=r"file is not a folder"):
        scan(tmp_path / "file")


def test_too_many_images(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "MAX_IMAGES", 2)
    with pytest.raises(UsageError, match=r"holds 3 images; a build may have 2. Split it"):
        scan(folder)


def test_progress_is_told(folder: Path) -> None:
    told: list[object] = []
    scan(folder, Progress(lambda stage, total: told.append((stage, total)), lambda: told.append(1)))
    assert told == [("hashing", 3), 1, 1, 1]
