"""A folder of screenshots to upload, and a bucket in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import images
from support.doubles.memory import MemoryBucket


@pytest.fixture
def store() -> MemoryBucket:
    return MemoryBucket()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three screenshots, two of them with the same bytes."""
    made = tmp_path / "shots"
    (made / "sub").mkdir(parents=True)
    (made / "a.png").write_bytes(images.png((5, 3), (10, 10, 10)))
    (made / "sub" / "b.jpg").write_bytes(images.jpeg((7, 4), (20, 20, 20)))
    (made / "sub" / "same as a.png").write_bytes(images.png((5, 3), (10, 10, 10)))
    return made
