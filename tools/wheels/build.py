"""`make wheels`: builds the wheels that a user's machine installs.

`pixelgate` is pure Python and for every platform. `pixelgate-compare`, one wheel for each platform,
has the compiled part of the engine, cross-compiled by zig, and odiff from npm, by pinned hashes.
Two builds of the same sources give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pixelgate import __version__
from pixelgate.sandbox.files import COPIED

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
COMPARE = HERE / "compare"
PINS = HERE / "odiff.sha256"
ZIG = os.environ.get("ZIG") or f"{ROOT}/.tools/zig/bin/python -m ziglang"
FIRST_DAY = "315532800"  # 1980-01-01, as a zip knows nothing earlier
CODE = '''"""Where the compiled part of pixelgate and odiff lie; made by tools/wheels."""

from pathlib import Path

VERSION = "{version}"
NATIVE = Path(__file__).with_name("{native}")
ODIFF = Path(__file__).with_name("{odiff}")
'''


class CannotBuild(Exception):
    """A wheel cannot be built; the message says why."""


@dataclass(frozen=True)
class Platform:
    """A system that a wheel is built for."""

    tag: str  # of the wheel
    target: str  # of zig
    odiff: str  # the architecture in layers/odiff, or the file in npm's package odiff-bin
    native: str = "native.so"
    program: str = "odiff"


PLATFORMS = (
    Platform("manylinux_2_28_x86_64", "x86_64-linux-gnu.2.28", "x86_64"),
    Platform("manylinux_2_28_aarch64", "aarch64-linux-gnu.2.28", "arm64"),
    Platform("macosx_11_0_x86_64", "x86_64-macos.11.0", "odiff-macos-x64", "native.dylib"),
    Platform("macosx_11_0_arm64", "aarch64-macos.11.0", "odiff-macos-arm64", "native.dylib"),
    Platform("win_amd64", "x86_64-windows-gnu", "odiff-windows-x64.exe", "native.dll", "odiff.exe"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Builds the wheels; 1 with a message if one cannot be built."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("into", type=Path, help="the folder for the wheels")
    parser.add_argument(
        "--only", action="append", choices=[one.tag for one in PLATFORMS], metavar="TAG",
        help="build pixelgate-compare for this platform only; may be repeated",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    wanted = [one for one in PLATFORMS if options.only is None or one.tag in options.only]
    try:
        for wheel in build(options.into, wanted):
            print(f"{wheel.stat().st_size:>12,}  {wheel}")
    except CannotBuild as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def build(into: Path, platforms: Sequence[Platform]) -> list[Path]:
    """Builds `pixelgate`, and `pixelgate-compare` for these platforms; returns the wheels.

    Raises:
        CannotBuild: a tool fails, or npm serves another odiff than the pinned one.
    """
    into.mkdir(parents=True, exist_ok=True)
    for earlier in into.glob("pixelgate*.whl"):
        earlier.unlink()
    with tempfile.TemporaryDirectory(prefix="pixelgate-wheels-") as work:
        wheels = [_wheel(_pure_sources(Path(work, "pure")), into)]
        wheels += [_wheel(fill(Path(work, one.tag), one), into, one.tag) for one in platforms]
    return wheels


def _pure_sources(into: Path) -> Path:
    """Copies what the pure wheel is built of: setuptools would leave its folders beside it."""
    shutil.copytree(
        ROOT / "functions" / "pixelgate",
        into / "functions" / "pixelgate",
        ignore=shutil.ignore_patterns("__pycache__", "native-*"),
    )
    for path in ("pyproject.toml", "setup.py", "README.md", "LICENSE", *COPIED.values()):
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, into / path)
    return into


def fill(into: Path, platform: Platform) -> Path:
    """Writes the sources of pixelgate-compare for a platform; returns their folder."""
    shutil.copytree(COMPARE, into)
    shutil.copy(ROOT / "LICENSE", into)
    package = into / "pixelgate_compare"
    package.mkdir()
    native, program = package / platform.native, package / platform.program
    _compile(platform, native)
    _fetch_odiff(platform, program)
    program.chmod(0o755)
    code = CODE.format(version=__version__, native=native.name, odiff=program.name)
    (package / "__init__.py").write_text(code, encoding="utf-8")
    (package / "py.typed").touch()
    return into


def _compile(platform: Platform, into: Path) -> None:
    _run(
        "make", "--no-print-directory", "-C", str(ROOT / "functions" / "native"), "library",
        f"ZIG={ZIG}", f"TARGET={platform.target}", f"LIBRARY={into}",
    )  # fmt: skip


def _fetch_odiff(platform: Platform, into: Path) -> None:
    if (ROOT / "layers" / "odiff" / platform.odiff).is_dir():
        _run(str(ROOT / "layers" / "odiff" / "fetch.sh"), platform.odiff, str(into.parent))
        return
    # The package that arm64's lock pins has the programs of all platforms.
    with tempfile.TemporaryDirectory(prefix="pixelgate-odiff-") as work:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(ROOT / "layers" / "odiff" / "arm64" / name, work)
        _run(
            "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error",
            folder=work,
        )  # fmt: skip
        body = Path(work, "node_modules", "odiff-bin", "raw_binaries", platform.odiff).read_bytes()
    lines = (line.split() for line in PINS.read_text().splitlines())
    pins = {name: pin for pin, name in lines}
    found = hashlib.sha256(body).hexdigest()
    if found != pins[platform.odiff]:
        raise CannotBuild(f"npm's {platform.odiff} is not the pinned one: its sha256 is {found}")
    into.write_bytes(body)


def _wheel(sources: Path, into: Path, tag: str = "any") -> Path:
    """Builds a wheel with setuptools from .venv, which requirements-dev.txt pins."""
    for path in sources.rglob("*"):  # the umask of whoever builds does not count
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    built = sources / "built"
    _run(
        sys.executable, "-c",
        "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])",
        str(built),
        folder=str(sources), PLATFORM=tag, SOURCE_DATE_EPOCH=FIRST_DAY, PYTHONHASHSEED="0",
    )  # fmt: skip
    [wheel] = built.glob("*.whl")
    return Path(shutil.move(wheel, into / wheel.name))


def _run(*words: str, folder: str | None = None, **variables: str) -> None:
    """Runs a command apart from the make that called us. Raises CannotBuild."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        words, cwd=folder, env=kept | variables, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CannotBuild(f"`{' '.join(words[:4])} …` failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
