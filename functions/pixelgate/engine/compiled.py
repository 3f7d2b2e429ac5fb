"""Finds the compiled part of the engine, and the odiff that came with it."""

from __future__ import annotations

import platform
from importlib.util import find_spec
from pathlib import Path

from pixelgate import __version__
from pixelgate.errors import UsageError

_PACKAGE = "pixelgate_compare"  # of the extra `compare`
_LIBRARIES = ("imagecodecs", "numpy", "PIL")


def check_installed() -> None:
    """Checks that this Python has what it takes to compare images.

    Raises:
        UsageError: it lacks a package of the extra `compare`.
    """
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if native_library() is None:
        missing.append(_PACKAGE)
    if missing:
        raise UsageError(
            f"to compare images on this machine, pixelgate needs its extra `compare`, which is not "
            f"installed: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing. "
            "docs/install.md says how to install pixelgate[compare]; uploads do without it"
        )


def native_library() -> Path | None:
    """The library that `make setup` or the zip has put beside this file, else the package's."""
    beside = Path(__file__).with_name(f"native-{platform.machine()}.so")
    if beside.is_file():
        return beside
    package = _installed()
    return package and package[0]


def packaged_odiff() -> Path | None:
    """The odiff of the package pixelgate-compare, if that is installed."""
    package = _installed()
    return package and package[1]


def _installed() -> tuple[Path, Path] | None:
    """The library and odiff of the package.

    Raises:
        UsageError: the package is of another version than pixelgate.
    """
    try:
        import pixelgate_compare
    except ImportError:
        return None
    if __version__ != pixelgate_compare.VERSION:
        raise UsageError(
            f"pixelgate is {__version__} and pixelgate-compare {pixelgate_compare.VERSION}; "
            "install both in one version"
        )
    return pixelgate_compare.NATIVE, pixelgate_compare.ODIFF
