"""Times all routes on the same pairs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.speed.pairs import Pair
from bench.speed.routes.base import Found, Missing, Route


@dataclass
class Timed:
    """A route's times on a set of pairs.

    Attributes:
        route: which.
        seconds: of each round.
        found: what it found in the last round.
        problem: why it could not take part.
    """

    route: Route
    seconds: list[float] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    problem: str = ""

    @property
    def median(self) -> float:
        """The median of its rounds."""
        return statistics.median(self.seconds)

    def against(self, other: Timed) -> float:
        """How many times as long as the other it takes: the median of the rounds' ratios.

        Both ran within seconds of each other in each round, so that what disturbs one of them
        mostly disturbs the other too.
        """
        rounds = zip(self.seconds, other.seconds, strict=True)
        return statistics.median(mine / theirs for mine, theirs in rounds)


def time_all(routes: Sequence[Route], pairs: Sequence[Pair], rounds: int) -> list[Timed]:
    """Round after round, each time beginning with another route, so that noise hits all alike."""
    timed = [Timed(route) for route in routes]
    with ExitStack() as ends:
        for one in timed:
            try:
                one.route.start()
                ends.callback(one.route.close)
                one.route.warm_up(pairs)
            except Missing as missing:
                one.problem = str(missing)
            except (OSError, RuntimeError, ValueError) as error:
                one.problem = f"failed: {error}"
        running = [one for one in timed if not one.problem]
        for number in range(rounds):
            first = number % len(running)
            for one in running[first:] + running[:first]:
                began = time.perf_counter()
                one.found = one.route.run(pairs)
                one.seconds.append(time.perf_counter() - began)
    return timed
