"""Learned noise: what it saves and what it hides: ``python -m bench.quality.learned --cases DIR``.

Two tables. The first is of drawn snapshots that stir (`tests/support/learned_cases.py`): some pairs
of one input teach, others come later, and changes are made in the place of the noise and beside
it. The second is of the pairs by group: each harmless pair of a whole page teaches as if it had
been seen three times, in two commits; then its two pictures come the other way round, and after
them every changed pair of the same page in the same window. At last all noises of a page teach
together, which gives the widest limits. Nothing of the rest of the benchmark learns anything.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.quality.cases import DIFFER, Case, read_groups
from pixelgate.bootstrap import find_engine
from pixelgate.domain.comparison import Diff
from pixelgate.domain.learned_noise import LearnedNoise, Patch, Proof, learn, strength_of
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from support.learned_cases import Series, series

DEFAULT = Policy()
COLUMNS = (*("later", "alarms before", "alarms", "changed", "false passes before", "false passes"),)


@dataclass(frozen=True)
class Tally:
    """What one kind of noise cost before anything was learned, and afterwards.

    Attributes:
        later, alarms_before, alarms: harmless pairs that came later, and how many of them count.
        changed, passes_before, passes: changed pairs, and how many of them pass.
    """

    later: int
    alarms_before: int
    alarms: int
    changed: int
    passes_before: int
    passes: int

    def plus(self, other: Tally) -> Tally:
        """Adds up two."""
        return Tally(*(a + b for a, b in zip(self.numbers, other.numbers, strict=True)))

    @property
    def numbers(self) -> tuple[int, ...]:
        """In the order of COLUMNS."""
        return tuple(vars(self).values())


NOTHING = Tally(0, 0, 0, 0, 0, 0)


def proof_of(diff: Diff, number: int, commit: int) -> Proof:
    """A pair of one input, as the index tells of it."""
    patches = tuple(
        Patch.of(mark, region, region.pixels, strength_of(diff.areas[region.area]))
        for region, mark in zip(diff.regions, diff.judge(DEFAULT).marks, strict=True)
        if mark is not None and region.area is not None
    )
    at = f"2026-11-01T12:{number:02}:00+00:00"
    return Proof(at, f"b{number}", f"c{commit}", True, diff.total_pixels, patches)


def tally(learned: LearnedNoise | None, later: Iterable[Diff], changed: Iterable[Diff]) -> Tally:
    """Judges pairs with what was learned and without."""
    counts = Counter[str]()
    for kind, diffs in (("later", later), ("changed", changed)):
        for diff in diffs:
            counts[kind] += 1
            counts[f"{kind} before"] += diff.judge(DEFAULT).changed
            counts[f"{kind} after"] += diff.judge(DEFAULT, learned).changed
    return Tally(
        counts["later"],
        counts["later before"],
        counts["later after"],
        counts["changed"],
        counts["changed"] - counts["changed before"],
        counts["changed"] - counts["changed after"],
    )


def of_series(differ: OdiffDiffer, one: Series) -> Tally:
    """Learns from the pairs of a drawn snapshot, and judges what comes later."""

    def measured(states: tuple[int, int], edits: Mapping[str, object] | None = None) -> Diff:
        pair = one.draw(states, edits or {})
        return differ.diff(pair.base, pair.head, DEFAULT)

    proofs = [proof_of(measured(states), n, n) for n, states in enumerate(one.teaching)]
    return tally(
        learn(proofs),
        map(measured, one.later),
        (measured(states, edits) for edits, states in one.changes.values()),
    )


def of_cases(differ: OdiffDiffer, cases: Sequence[Case]) -> Iterator[tuple[str, Tally]]:
    """Learns from each harmless pair of a whole page, and judges what the same page shows later."""
    pages: dict[tuple[str, str], list[Case]] = defaultdict(list)
    for case in cases:
        if case.part == "page":
            pages[case.page, case.view].append(case)
    for own in pages.values():
        changed = [_diff(differ, case) for case in own if case.label == DIFFER]
        proofs: list[Proof] = []
        for case in own:
            if case.label != DIFFER:
                there, back = _diff(differ, case), _diff(differ, case, back=True)
                seen = [proof_of(d, n, n % 2) for n, d in enumerate((there, back, there))]
                yield case.group, tally(learn(seen), [back], changed)
                proofs += seen
        yield "all of a page", tally(learn(proofs), [], changed)


def _diff(differ: OdiffDiffer, case: Case, *, back: bool = False) -> Diff:
    base, head = case.base.read_bytes(), case.head.read_bytes()
    return differ.diff(*((head, base) if back else (base, head)), DEFAULT)


def table(title: str, rows: Iterable[tuple[str, Tally]]) -> list[str]:
    """A table with a row for each name, and their sum."""
    found: dict[str, Tally] = defaultdict(lambda: NOTHING)
    for name, some in rows:
        found[name] = found[name].plus(some)
    whole = NOTHING
    for some in found.values():
        whole = whole.plus(some)
    lines = [
        f"### {title}",
        "",
        "| noise | " + " | ".join(COLUMNS) + " |",
        "|---|" + "--:|" * len(COLUMNS),
    ]
    for name, some in (*sorted(found.items()), ("sum", whole)):
        lines.append(f"| {name} | " + " | ".join(f"{n:,}" for n in some.numbers) + " |")
    return [*lines, ""]


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(prog="bench.quality.learned", description=__doc__)
    parser.add_argument("--cases", type=Path, metavar="DIR", help="a folder of pairs by group")
    args = parser.parse_args()
    with OdiffDiffer(OdiffServer(find_engine().binary)) as differ:
        drawn = ((one.name, of_series(differ, one)) for one in series())
        print("\n".join(table("Learned noise, drawn snapshots", drawn)), flush=True)
        if args.cases:
            pairs = of_cases(differ, read_groups(args.cases))
            print("\n".join(table(f"Learned noise, {args.cases.name}", pairs)))


if __name__ == "__main__":
    main()
