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
        missed, alarms = said[DIFFER, False], said[MATCH, True]
        return cls(
            right=said[DIFFER, True] + said[MATCH, False],
            pairs=said[DIFFER, True] + said[MATCH, False] + missed + alarms,
            changed=said[DIFFER, True] + missed,
            false_alarms=alarms,
            missed=missed,
            disputed_changed=said[DISPUTED, True],
            disputed=said[DISPUTED, True] + said[DISPUTED, False],
        )


def matrix(title: str, results: Sequence[Result]) -> list[str]:
    """Each rule's score on these pairs, best first: wrong in the one way and in the other apart."""
    scores = {rule: Score.of(rule, results) for rule in RULES}
    best_first = sorted(RULES, key=lambda rule: -scores[rule].right)
    rows: list[Row] = [(rule, *_cells(scores[rule])) for rule in best_first]
    head = ["rule", *COLUMNS]
    if any(result.case.label == DISPUTED for result in results):
        head.append("disputed: changed")
        rows = [
            (*row, f"{scores[rule].disputed_changed} / {scores[rule].disputed}")
            for rule, row in zip(best_first, rows, strict=True)
        ]
    return [f"## {title}", "", *_table(head, rows), ""]


def curve(title: str, results: Sequence[Result]) -> list[str]:
    """What each step of the dial costs; the rivals' defaults are in the matrix."""
    rows: list[Row] = []
    for name in results[0].verdicts.dials if results else ():
        score = Score.count((r.case.label, r.verdicts.dials[name]) for r in results)
        rows.append((name, *_cells(score)))
    table = _table(("policy", *COLUMNS), rows) if rows else []
    return [f"## {title}: from strict to tolerant", "", *table, ""] if rows else []


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
    if plus:
        return f"a change under {noise}"
    return SIZES.sub("", case.kind)


def _by(title: str, what: str, results: Sequence[Result], key: Callable[[Case], str]) -> list[str]:
    some: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        if result.case.label != DISPUTED:
            some[key(result.case)].append(result)
    rows: list[Row] = [(name, len(these), *_wrongs(these)) for name, these in sorted(some.items())]
    rows.append(("all", sum(len(these) for these in some.values()), *_wrongs(results)))
    return [f"## {title}", "", *_table((what, "pairs", *RULES), rows), ""]


def _wrongs(results: Sequence[Result]) -> list[int]:
    scores = [Score.of(rule, results) for rule in RULES]
    return [score.false_alarms + score.missed for score in scores]


def _cells(score: Score) -> tuple[str | int, ...]:
    """A score under COLUMNS."""
    return (
        f"{score.right} / {score.pairs}",
        _share(score.right, score.pairs),
        score.missed,
        _share(score.missed, score.changed),
        score.false_alarms,
        _share(score.false_alarms, score.pairs - score.changed),
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def wrong_cases(results: Sequence[Result]) -> list[str]:
    """Our wrong verdicts with what was measured."""
    head = ("wrong", "group", "case", "half", "changed", "structural", "regions", "largest",
            "levels")  # fmt: skip
    rows: list[Row] = []
    for result in results:
        if result.is_right(OURS) is False:
            case, ours = result.case, result.verdicts.ours
            numbers = [
                ours.get(name, "–")
                for name in ("changed_pixels", "structural_pixels", "regions", "largest_region")
            ]
            levels = case.measured.get("levels", "–")
            wrong = "false pass" if case.label == DIFFER else "false alarm"
            rows.append((wrong, case.group, case.name, case.half, *numbers, levels))
    return [f"## Our wrong cases: {len(rows)}", "", *(_table(head, rows) if rows else []), ""]


def _table(head: Row, rows: Sequence[Row]) -> list[str]:
    """A Markdown table whose columns stand in line."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    numeric: list[bool] = [
        all(isinstance(row[i], int) or re.search(r"[/%–]$|\d /", str(row[i])) for row in rows)
        for i in range(len(head))
    ]

    def line(row: Sequence[str]) -> str:
        aligned = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        ]
        return f"| {' | '.join(aligned)} |"

    rule = [
        "-" * (width + 1) + ":" if right else "-" * (width + 2)
        for width, right in zip(widths, numeric, strict=True)
    ]
    return [line(cells[0]), f"|{'|'.join(rule)}|", *(line(row) for row in cells[1:])]
