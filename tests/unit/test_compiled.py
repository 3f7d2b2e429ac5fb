"""Where the compiled part and odiff are found, and what is said where they are not."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pixelgate import __version__
from pixelgate.engine import compiled
from pixelgate.errors import UsageError


def package(version: str, folder: Path) -> SimpleNamespace:
    return SimpleNamespace(VERSION=version, NATIVE=folder / "native.so", ODIFF=folder / "odiff")


@pytest.fixture
def installed_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No checkout: nothing lies beside the module."""
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "compiled.py"))
    monkeypatch.setitem(sys.modules, "pixelgate_compare", None)  # as if it were not installed
    return tmp_path


def test_in_a_checkout_and_on_lambda_the_library_lies_beside_the_module() -> None:
    found = compiled.native_library()
    assert found is not None
    assert found.parent == Path(compiled.__file__).parent
    compiled.check_installed()


def test_the_package_of_the_extra_has_both(
    installed_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pixelgate_compare", package(__version__, installed_only))
    assert compiled.native_library() == installed_only / "native.so"
    assert compiled.packaged_odiff() == installed_only / "odiff"


@pytest.mark.usefixtures("installed_only")
def test_without_the_extra_it_is_said_what_is_missing() -> None:
    assert compiled.packaged_odiff() is None
    with pytest.raises(UsageError, match=r"its extra `compare`.*: pixelgate_compare is missing"):
        compiled.check_installed()


def test_a_package_of_another_version_is_refused(
    installed_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pixelgate_compare", package("0.0.1", installed_only))
    with pytest.raises(UsageError, match=rf"pixelgate is {__version__} and pixelgate-compare 0\.0"):
        compiled.native_library()
