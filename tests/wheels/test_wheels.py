"""The wheels that `make wheels` builds, as files: for whom they are and what is in them."""

from __future__ import annotations

import hashlib
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest
from packaging.tags import Tag
from packaging.utils import parse_wheel_filename

from pixelgate import __version__
from pixelgate.sandbox.files import COPIED
from wheels.build import PINS, PLATFORMS, Platform, build

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
# How an executable file begins: format and processor.
ELF_X86, ELF_ARM = (b"\x7fELF", 18, b"\x3e\x00"), (b"\x7fELF", 18, b"\xb7\x00")
MACH_X86 = (b"\xcf\xfa\xed\xfe", 4, b"\x07\x00\x00\x01")
MACH_ARM = (b"\xcf\xfa\xed\xfe", 4, b"\x0c\x00\x00\x01")
PROCESSORS = {
    "manylinux_2_28_x86_64": ELF_X86,
    "manylinux_2_28_aarch64": ELF_ARM,
    "macosx_11_0_x86_64": MACH_X86,
    "macosx_11_0_arm64": MACH_ARM,
}


def is_for(body: bytes, platform: Platform) -> bool:
    """Whether a program or library is for that system and processor."""
    if platform.tag == "win_amd64":
        at = int.from_bytes(body[0x3C:0x40], "little")
        return body[:2] == b"MZ" and body[at : at + 6] == b"PE\0\0\x64\x86"
    magic, at, processor = PROCESSORS[platform.tag]
    return body.startswith(magic) and body[at : at + len(processor)] == processor


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All wheels by the platform of their tag."""
    built = build(tmp_path_factory.mktemp("wheels"), PLATFORMS)
    return {path.stem.rpartition("-")[2]: path for path in built}


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        return message_from_string(archive.read(name).decode())


def test_there_is_one_for_everybody_and_one_for_each_platform(wheels: dict[str, Path]) -> None:
    tags = {}
    for path in wheels.values():
        name, version, _, [tag] = parse_wheel_filename(path.name)
        assert str(version) == __version__
        tags[tag] = name
    compare = {Tag("py3", "none", one.tag): "pixelgate-compare" for one in PLATFORMS}
    assert tags == {Tag("py3", "none", "any"): "pixelgate", **compare}


def test_the_one_for_everybody_has_nothing_compiled_and_all_that_is_read(
    wheels: dict[str, Path],
) -> None:
    with zipfile.ZipFile(wheels["any"]) as archive:
        names = set(archive.namelist())
    below = (ROOT / "functions/pixelgate").rglob("*")
    sources = {p.relative_to(ROOT / "functions").as_posix() for p in below if p.suffix == ".py"}
    pages = {f"pixelgate/report/app/{p.name}" for p in
             (ROOT / "functions/pixelgate/report/app").iterdir()}  # fmt: skip
    assert names >= sources | pages | {"pixelgate/py.typed"}
    for name, place in COPIED.items():
        with zipfile.ZipFile(wheels["any"]) as archive:
            carried = archive.read(f"pixelgate/sandbox/data/{name}")
        assert carried == (ROOT / place).read_bytes()
    assert not [n for n in names if n.endswith((".so", ".dylib", ".dll", ".pyc"))]


def test_it_asks_for_the_compiled_part_of_its_own_version(wheels: dict[str, Path]) -> None:
    stated = metadata(wheels["any"])
    assert stated["Requires-Python"] == "<3.15,>=3.11"
    needed = stated.get_all("Requires-Dist") or []
    assert [n for n in needed if "extra" in n] == [
        f'pixelgate-compare=={__version__}; extra == "compare"',
        'mcp<3,>=2.3; extra == "mcp"',
        f'pixelgate-compare=={__version__}; extra == "mcp"',
    ]


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda one: one.tag)
def test_the_compiled_part_and_odiff_are_for_the_platform(
    wheels: dict[str, Path], platform: Platform
) -> None:
    with zipfile.ZipFile(wheels[platform.tag]) as archive:
        native = archive.read(f"pixelgate_compare/{platform.native}")
        entry = archive.getinfo(f"pixelgate_compare/{platform.program}")
        odiff = archive.read(entry)
        code = archive.read("pixelgate_compare/__init__.py").decode()
        licences = [n for n in archive.namelist() if "/licenses/" in n]
    assert is_for(native, platform)
    assert is_for(odiff, platform)
    assert entry.external_attr >> 16 & 0o111 == 0o111, "odiff can be executed"
    assert b"pg_take_verdict" in native
    assert f'VERSION = "{__version__}"' in code
    assert len(licences) == 2
    assert hashlib.sha256(odiff).hexdigest() == pin_of(platform)


def pin_of(platform: Platform) -> str:
    """The hash that the checkout states for the platform's odiff."""
    layer = ROOT / "layers" / "odiff" / platform.odiff / "odiff.sha256"
    if layer.exists():
        return layer.read_text().split()[0]
    [pin] = [
        line.split()[0] for line in PINS.read_text().splitlines() if line.endswith(platform.odiff)
    ]
    return pin


def test_the_pytest_plugin_comes_with_the_compiled_part(wheels: dict[str, Path]) -> None:
    with zipfile.ZipFile(wheels[PLATFORMS[0].tag]) as archive:
        [name] = [n for n in archive.namelist() if n.endswith("entry_points.txt")]
        assert archive.read(name).decode().split() == [
            "[pytest11]", "pixelgate.pytest", "=", "pixelgate.pytest",
        ]  # fmt: skip


def test_two_builds_give_the_same_bytes(wheels: dict[str, Path], tmp_path: Path) -> None:
    linux, *_, windows = PLATFORMS
    for path in build(tmp_path, [linux, PLATFORMS[2], windows]):
        assert path.read_bytes() == wheels[path.stem.rpartition("-")[2]].read_bytes(), path.name
