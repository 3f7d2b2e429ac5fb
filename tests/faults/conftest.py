"""How much is tried, and from which seed."""

from __future__ import annotations

import pytest


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """From which random faults are drawn."""
    return int(request.config.getoption("--seed"))


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """How many random runs each story has."""
    return int(request.config.getoption("--rounds"))
