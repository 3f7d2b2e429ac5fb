"""What most tests of the pipeline begin with."""

from __future__ import annotations

import pytest

from support.world import World


@pytest.fixture
def world() -> World:
    """An empty bucket and an empty table."""
    return World()
