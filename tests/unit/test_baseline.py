"""Whether a build waits for its base, by the time of the base's commit."""

from __future__ import annotations

import pytest

from pixelgate.domain.baseline import is_waited_for

UPLOADED = 1_800_000_000.5
GIT_BEGAN = 1_112_911_993


@pytest.mark.parametrize(
    ("committed", "grace", "waits"),
    [
        pytest.param(None, 600, True, id="the time is not known"),
        pytest.param(1_800_000_000, 600, True, id="just committed"),
        pytest.param(1_799_999_401, 600, True, id="younger than the grace"),
        pytest.param(1_799_999_400, 600, False, id="older than the grace by half a second"),
        pytest.param(1_799_999_400, 601, True, id="younger than this project's grace"),
        pytest.param(1_800_000_000, 0, False, id="no grace"),
        pytest.param(1_800_000_001, 600, True, id="in the future"),
        pytest.param(10**30, 600, True, id="in an absurd future"),
        pytest.param(0, 600, True, id="1970, a clock that was never set"),
        pytest.param(-(10**30), 600, True, id="before all time"),
        pytest.param(GIT_BEGAN - 1, 600, True, id="before there was git"),
        pytest.param(GIT_BEGAN, 600, False, id="git's first commit"),
    ],
)
def test_a_base_commit_older_than_the_grace_is_not_waited_for(
    committed: int | None, grace: float, waits: bool
) -> None:
    assert is_waited_for(committed, UPLOADED, grace) is waits
