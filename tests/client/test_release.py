"""A release is read only if each of its files is there and is what SHA256SUMS means."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pixelgate.client.release import read_release
from pixelgate.errors import UsageError
from support.releases import FUNCTION, LAYER, write_release


def rewrite(folder: Path, name: str, content: bytes) -> None:
    """Writes a file, and its new hash into SHA256SUMS."""
    (folder / name).write_bytes(content)
    kept = [x for x in (folder / "SHA256SUMS").read_text().splitlines() if not x.endswith(name)]
    line = f"{hashlib.sha256(content).hexdigest()}  {name}"
    (folder / "SHA256SUMS").write_text("\n".join([*kept, line, ""]))


def test_a_whole_release_is_read(tmp_path: Path) -> None:
    release = read_release(write_release(tmp_path))
    assert release.version == "1.2.3"
    assert release.zips("x86_64") == [FUNCTION, LAYER]
    assert release.read(LAYER) == b"layer"
    assert [*release.parameters] == ["Architecture", "MemorySize", "Suffix"]


def sums(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "SHA256SUMS").write_text(text)


def template(content: bytes) -> Callable[[Path], object]:
    return lambda folder: rewrite(folder, "template.json", content)


def unlisted(folder: Path) -> None:
    text = (folder / "SHA256SUMS").read_text()
    (folder / "SHA256SUMS").write_text(
        "".join(line for line in text.splitlines(True) if LAYER not in line)
    )


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(lambda f: (f / "SHA256SUMS").unlink(), "is no release", id="no sums"),
        pytest.param(lambda f: (f / FUNCTION).unlink(), f"{FUNCTION} is missing", id="no zip"),
        pytest.param(
            lambda f: (f / FUNCTION).write_bytes(b"PK"),
            f"{FUNCTION} is not the file that SHA256SUMS means",
            id="a zip of another release",
        ),
        pytest.param(
            lambda f: (f / LAYER).write_bytes(b"layer\0"), f"{LAYER} is not", id="one byte more"
        ),
        pytest.param(
            lambda f: (f / "template.json").write_text("{}"), "template.json is not", id="template"
        ),
        pytest.param(sums("hello\n"), "'hello' is not a hash and a file's name", id="no hash"),
        pytest.param(sums(f"{'0' * 64}  ../etc\n"), "is not a hash and a file", id="a path"),
        pytest.param(sums(f"{'0' * 64}  ..\n"), "is not a hash and a file", id="the folder above"),
        pytest.param(sums(""), "template.json is not in SHA256SUMS", id="empty"),
        pytest.param(template(b"no JSON"), "is not the template of a release", id="no JSON"),
        pytest.param(template(b"[]"), "is not the template of a release", id="another JSON"),
        pytest.param(unlisted, f"names {LAYER}, which SHA256SUMS does not", id="unlisted"),
    ],
)
def test_anything_else_is_told(tmp_path: Path, spoil: Callable[[Path], object], said: str) -> None:
    folder = write_release(tmp_path)
    spoil(folder)
    with pytest.raises(UsageError, match=r"(?s).*") as told:
        read_release(folder)
    assert said in str(told.value)
    assert str(folder) in str(told.value)


@pytest.mark.parametrize("name", ["pixelgate-1-py3-none-any.whl", "requirements-client.txt"])
def test_a_deployment_does_without_what_is_for_clients_but_takes_no_damaged_file(
    tmp_path: Path, name: str
) -> None:
    folder = write_release(tmp_path)
    rewrite(folder, name, b"for clients")
    assert read_release(folder).version == "1.2.3"
    (folder / name).unlink()
    assert read_release(folder).version == "1.2.3"
    (folder / name).write_bytes(b"damaged")
    with pytest.raises(UsageError, match=f"{name} is not the file that SHA256SUMS means"):
        read_release(folder)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    folder = write_release(tmp_path)
    (folder / FUNCTION).unlink()
    (folder / LAYER).write_bytes(b"")
    with pytest.raises(UsageError) as told:
        read_release(folder)
    assert f"{FUNCTION} is missing; {LAYER} is not the file" in str(told.value)
