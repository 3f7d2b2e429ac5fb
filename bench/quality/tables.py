"""What the runner prints: the matrix, the curve, groups and kinds, and our wrong cases."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.quality.cases import DIFFER, DISPUTED, MATCH, Case
from bench.quality.measure import JUST_NOTICEABLE
from bench.quality.rules import OURS, RULES, Verdicts

Row = Sequence[str | int]
COLUMNS = ("right / pairs", "right", "false passes", "of changed", "false alarms", "of same")
# Numbers at the end of a kind: how many places, pixels, shares.
SIZES = re.compile(r"(-+[\d.]+)+$")


@dataclass(frozen=True)
class Result:
    """A case and what the rules said of it."""

    case: Case
    verdicts: Verdicts

    @property
    def is_faint(self) -> bool:
        """Whether it is a change that one hardly sees unless one flips between the pictures."""
        apart: float = self.case.measured.get("delta_e", JUST_NOTICEABLE)
        return self.case.label == DIFFER and apart < JUST_NOTICEABLE

    def is_right(self, rule: str) -> bool | None:
        """Whether a rule agrees with the label; None where the label is disputed."""
        if self.case.label == DISPUTED:
            return None
        return self.verdicts.changed[rule] == (self.case.label == DIFFER)


@dataclass(frozen=True)
class Score:
    """How a rule did on some pairs.

    Attributes:
        right: verdicts that agree with the label.
        pairs: those with a label that is not disputed.
        changed: the changed ones among them.
        false_alarms: harmless pairs that it calls changed.
        missed: changed pairs that it lets pass: its false passes.
        disputed_changed: disputed pairs that it calls changed.
        disputed: pairs about which people may see otherwise.
    """

    right: int
    pairs: int
    changed: int
    false_alarms: int
    missed: int
    disputed_changed: int
    disputed: int

    @classmethod
    def of(cls, rule: str, results: Iterable[Result]) -> Score:
        """Counts a rule's verdicts."""
        return cls.count((r.case.label, r.verdicts.changed[rule]) for r in results)

    @classmethod
    def count(cls, verdicts: Iterable[tuple[str, bool]]) -> Score:
        """Counts labels, each with whether the rule says changed."""
        said = Counter(verdicts)
        missed, alarms, found = said[DIFFER, False], said[MATCH, True], said[DIFFER, True]
        return cls(
            right=found + said[MATCH, False],
            pairs=found + said[MATCH, False] + missed + alarms,
            changed=found + missed,
            false_alarms=alarms,
            missed=missed,
            disputed_changed=said[DISPUTED, True],
            disputed=said[DISPUTED, True] + said[DISPUTED, False],
        )

    def cells(self) -> tuple[str | int, ...]:
        """The score under COLUMNS."""
        return (
            f"{self.right} / {self.pairs}",
            _share(self.right, self.pairs),
            self.missed,
            _share(self.missed, self.changed),
            self.false_alarms,
            _share(self.false_alarms, self.pairs - self.changed),
        )


def matrix(title: str, results: Sequence[Result]) -> list[str]:
    """Each rule's score on these pairs, best first: wrong in the one way and in the other apart."""
    scores = {rule: Score.of(rule, results) for rule in RULES}
    best_first = sorted(scores.items(), key=lambda score: -score[1].right)
    rows = [[rule, *score.cells()] for rule, score in best_first]
    head = ["rule", *COLUMNS]
    if any(score.disputed for score in scores.values()):
        head.append("disputed: changed")
        for row, (_, score) in zip(rows, best_first, strict=True):
            row.append(f"{score.disputed_changed} / {score.disputed}")
    return _table(title, head, rows)


def curve(title: str, results: Sequence[Result]) -> list[str]:
    """What each step of the dial costs; the rivals' defaults are in the matrix."""
    rows = [
        (name, *Score.count((r.case.label, r.verdicts.dials[name]) for r in results).cells())
        for name in (results[0].verdicts.dials if results else ())
    ]
    return _table(f"{title}: from strict to tolerant", ("policy", *COLUMNS), rows) if rows else []


def by_group(results: Sequence[Result]) -> list[str]:
    """Every rule's wrong verdicts, group by group."""
    return _by("By group", "group", results, lambda case: case.group)


def by_change(results: Sequence[Result]) -> list[str]:
    """Every rule's false passes by kind of change; what is planted under noise, by its noise."""
    some = [result for result in results if result.case.label == DIFFER]
    return _by("False passes by kind of change", "change", some, change_of)


def by_noise(results: Sequence[Result]) -> list[str]:
    """Every rule's false alarms by kind of noise."""
    some = [result for result in results if result.case.label == MATCH]
    return _by("False alarms by kind of noise", "noise", some, lambda case: case.kind)


def change_of(case: Case) -> str:
    """The kind of change without the numbers that tell its variants apart."""
    noise, plus, _ = case.kind.partition("+")
    return f"a change under {noise}" if plus else SIZES.sub("", case.kind)


def _by(title: str, what: str, results: Sequence[Result], key: Callable[[Case], str]) -> list[str]:
    some: dict[str, list[Result]] = defaultdict(list)
    told = [result for result in results if result.case.label != DISPUTED]
    for result in told:
        some[key(result.case)].append(result)
    rows: list[Row] = [
        (name, len(these), *(sum(r.is_right(rule) is False for r in these) for rule in RULES))
        for name, these in [*sorted(some.items()), ("all", told)]
    ]
    return _table(title, (what, "pairs", *RULES), rows)


def wrong_cases(results: Sequence[Result]) -> list[str]:
    """Our wrong verdicts with what was measured."""
    head = ("wrong", "group", "case", "half", "changed", "structural", "regions", "largest",
            "levels")  # fmt: skip
    numbers = ("changed_pixels", "structural_pixels", "regions", "largest_region")
    rows: list[Row] = [
        (
            "false pass" if r.case.label == DIFFER else "false alarm",
            *(r.case.group, r.case.name, r.case.half),
            *(r.verdicts.ours.get(name, "–") for name in numbers),
            r.case.measured.get("levels", "–"),
        )
        for r in results
        if r.is_right(OURS) is False
    ]
    return _table(f"Our wrong cases: {len(rows)}", head, rows)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _table(title: str, head: Row, rows: Sequence[Row]) -> list[str]:
    """A heading and a Markdown table whose columns stand in line; no table without rows."""
    if not rows:
        return [f"## {title}", "", ""]
    columns = []
    for name, *cells in zip(head, *rows, strict=True):
        numeric = all(isinstance(c, int) or re.search(r"[/%–]$|\d /", c) for c in cells)
        width = max(len(str(cell)) for cell in (name, *cells))
        rule = "-" * (width + 1) + ":" if numeric else "-" * (width + 2)
        lines = [f" {cell!s:{'>' if numeric else '<'}{width}} " for cell in (name, *cells)]
        columns.append([lines[0], rule, *lines[1:]])
    return [f"## {title}", "", *(f"|{'|'.join(row)}|" for row in zip(*columns, strict=True)), ""]
