"""The template is translated once for all tests of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .stack import Stack, translated


@pytest.fixture(scope="session", autouse=True)
def region() -> Iterator[None]:
    """The translator asks boto3 for one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield


@pytest.fixture(scope="session")
def stack(region: None) -> Stack:
    return translated()
