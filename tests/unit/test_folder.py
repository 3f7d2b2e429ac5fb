"""Folders of screenshots: which files are snapshots, and what they are called."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pixelgate.errors import FaultCode, ImageFault
from pixelgate.storage.folder import FolderBucket, FolderImages, find_images


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def test_images_are_called_by_their_paths_below_the_folder_in_one_order(tmp_path: Path) -> None:
    names = ["a.png", "a/b/c.png", "a/z.png", "b.png", "sub dir/ü/a.png", "z/a.png"]
    touch(tmp_path, *reversed(names))
    assert list(find_images(tmp_path).items()) == [(name, tmp_path / name) for name in names]


SNAPSHOTS = [
    *("a.png", "a.PNG", "a.jpg", "a.jpeg", "a.webp"),
    # Not compared, but told: errored instead of lost in silence.
    *("a.gif", "a.bmp", "a.tiff", "a.avif"),
]
OTHERS = [
    *("a.txt", "manifest.json", "png", "a.png.bak"),
    *(".a.png", ".git/a.png", "sub/.cache/deep/a.png"),
]


@pytest.mark.parametrize("name", [*SNAPSHOTS, *OTHERS])
def test_which_files_are_snapshots(tmp_path: Path, name: str) -> None:
    touch(tmp_path, name)
    assert list(find_images(tmp_path)) == ([name] if name in SNAPSHOTS else [])


def test_links_within_the_folder_are_followed_and_a_ring_is_entered_once(tmp_path: Path) -> None:
    suite, elsewhere = tmp_path / "suite", tmp_path / "elsewhere"
    touch(elsewhere, "a.png")
    touch(suite, "own.png", "sub/own.png", "sub/deep/b.png")
    (suite / "link.png").symlink_to(suite / "own.png")
    (suite / "linked").symlink_to(Path("sub") / "deep")
    (suite / "sub" / "ring").symlink_to(suite)
    (suite / "out.png").symlink_to(elsewhere / "a.png")
    (suite / "outer").symlink_to(elsewhere)
    assert list(find_images(suite)) == [
        "link.png", "linked/b.png", "own.png", "sub/deep/b.png", "sub/own.png",
    ]  # fmt: skip


def test_folder_that_cannot_be_read_is_an_error_and_not_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "a.png", "locked/b.png")
    listed = Path.iterdir

    def refuse(path: Path) -> Iterator[Path]:  # root may read everything, so nobody is asked
        if path.name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(PermissionError, match="locked"):
        find_images(tmp_path)


@pytest.mark.parametrize(
    ("after_the_scan", "code"),
    [
        pytest.param(Path.unlink, FaultCode.IMAGE_MISSING, id="deleted"),
        pytest.param(lambda p: p.write_bytes(b"new"), FaultCode.HASH_MISMATCH, id="overwritten"),
    ],
)
def test_image_that_did_not_stay_what_it_was_is_a_fault(
    tmp_path: Path, after_the_scan: Callable[[Path], object], code: FaultCode
) -> None:
    touch(tmp_path, "a.png")
    sha256 = hashlib.sha256(b"a.png").hexdigest()
    assert FolderImages({sha256: tmp_path / "a.png"}).read(sha256) == b"a.png"
    after_the_scan(tmp_path / "a.png")
    with pytest.raises(ImageFault, match=r"a\.png") as caught:
        FolderImages({sha256: tmp_path / "a.png"}).read(sha256)
    assert caught.value.code is code


def test_objects_are_files_that_everybody_may_read_and_nothing_else(tmp_path: Path) -> None:
    objects = FolderBucket(tmp_path)
    objects.write("diffs/p/a.png", b"1", "image/png")
    objects.write("diffs/p/a.png", b"2", "image/png")
    assert os.listdir(tmp_path / "diffs" / "p") == ["a.png"]
    assert stat.S_IMODE((tmp_path / "diffs" / "p" / "a.png").stat().st_mode) == 0o644
