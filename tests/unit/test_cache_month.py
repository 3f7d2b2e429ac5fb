"""A month, the one before it, and what is no month."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pixelgate.domain.cache_month import NO_GENERATIONS, Generations, is_generation


@pytest.mark.parametrize(
    ("when", "both"),
    [
        ("2026-11-25T10:00:00", ("2026-11", "2026-10")),
        ("2026-12-31T23:59:59", ("2026-12", "2026-11")),
        ("2027-01-01T00:00:00", ("2027-01", "2026-12")),
        ("2024-03-01T00:00:00", ("2024-03", "2024-02")),
    ],
)
def test_a_month_and_the_one_before(when: str, both: tuple[str, str]) -> None:
    at = datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp()
    assert Generations.at(at).both == both


def test_on_one_s_own_machine_there_is_one_place() -> None:
    assert NO_GENERATIONS.both == ("",)


@pytest.mark.parametrize("name", ["2026-11", "0001-01"])
def test_a_month_is_one(name: str) -> None:
    assert is_generation(name)


@pytest.mark.parametrize("name", ["2026-13", "2026-00", "thumbs", "bd8120448bfa4bd6", "2026-11 "])
def test_what_else_is_none(name: str) -> None:
    assert not is_generation(name)
