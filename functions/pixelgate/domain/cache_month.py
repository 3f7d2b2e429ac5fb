"""The months by which cached results are stored; results of old months may be deleted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Generations:
    """The months in which a run looks for cached results.

    Attributes:
        current: the month in which the run began, `YYYY-MM`; it writes its results there.
        previous: the month before; results of earlier runs are read from there too.
    """

    current: str
    previous: str

    @classmethod
    def at(cls, now: float) -> Generations:
        """Returns the months for a run that begins at `now`, seconds since 1970."""
        began = datetime.fromtimestamp(now, UTC)
        year, month = (began.year - 1, 12) if began.month == 1 else (began.year, began.month - 1)
        return cls(f"{began:%Y-%m}", f"{year:04}-{month:02}")

    @property
    def both(self) -> tuple[str, ...]:
        """Both months, the newer one first."""
        return tuple(dict.fromkeys((self.current, self.previous)))


# For results in a local folder, where nothing is garbage-collected.
NO_GENERATIONS = Generations("", "")


def is_generation(name: str) -> bool:
    """Whether a folder's name is a month, `YYYY-MM`."""
    return _MONTH.fullmatch(name) is not None
