"""In which month a stored result was made: what no reader looks for any more may be collected."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Generations:
    """Where a run writes results, and where else it looks for them.

    Attributes:
        current: results that this run makes are written here, and looked for.
        previous: results of earlier runs are looked for here too.
    """

    current: str
    previous: str

    @classmethod
    def at(cls, now: float) -> Generations:
        """The month of `now`, seconds since 1970, and the one before: for a run that begins."""
        begun = datetime.fromtimestamp(now, UTC)
        year, month = (begun.year - 1, 12) if begun.month == 1 else (begun.year, begun.month - 1)
        return cls(f"{begun:%Y-%m}", f"{year:04}-{month:02}")

    @property
    def both(self) -> tuple[str, ...]:
        """The newer first."""
        return tuple(dict.fromkeys((self.current, self.previous)))


# For a folder of one's own, which nobody collects.
NO_GENERATIONS = Generations("", "")


def is_generation(name: str) -> bool:
    """Whether a folder's name is a month."""
    return _MONTH.fullmatch(name) is not None
