"""The real odiff for the engine's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pixelgate.bootstrap import find_engine
from pixelgate.domain.comparison import Diff
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from support.agreement import disagreement
from support.drawings import png
from support.plain_odiff import Pixels, PlainOdiff

Compare = Callable[..., Diff]


@pytest.fixture(scope="session")
def odiff() -> Path:
    return find_engine().binary


@pytest.fixture
def differ(odiff: Path, tmp_path: Path) -> Iterator[OdiffDiffer]:
    with OdiffDiffer(OdiffServer(odiff), folder=tmp_path) as differ:
        yield differ
    assert list(tmp_path.iterdir()) == [], "files were left behind"


@pytest.fixture
def compare(differ: OdiffDiffer) -> Compare:
    """Compares two pictures under the default policy with some settings of its own."""

    def compare(base: Pixels, head: Pixels, **settings: Any) -> Diff:
        diff = differ.diff(png(base), png(head), Policy(**settings))
        assert disagreement(diff) is None
        return diff

    return compare


@pytest.fixture
def plain(odiff: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlainOdiff]:
    """Odiff asked about whole images, without the engine's shortcuts."""
    with OdiffServer(odiff) as server:
        yield PlainOdiff(server, tmp_path_factory.mktemp("plain"))
