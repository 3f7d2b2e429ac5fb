"""The real odiff for the engine's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pixelgate.bootstrap import find_engine
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer


@pytest.fixture(scope="session")
def odiff() -> Path:
    return find_engine().binary


@pytest.fixture
def differ(odiff: Path, tmp_path: Path) -> Iterator[OdiffDiffer]:
    with OdiffDiffer(OdiffServer(odiff), folder=tmp_path) as differ:
        yield differ
    assert list(tmp_path.iterdir()) == [], "files were left behind"
