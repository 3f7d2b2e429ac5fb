"""How much is tried, and from which seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.artefact import up_to_date


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """From which random faults are drawn."""
    return int(request.config.getoption("--seed"))


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """How many random runs each story has."""
    return int(request.config.getoption("--rounds"))


@pytest.fixture(scope="session")
def built() -> Path:
    """Where the artefact lies."""
    return up_to_date()
