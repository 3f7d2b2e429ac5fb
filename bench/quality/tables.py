"""What the runner prints: the matrix, the kinds, and our wrong cases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.quality.cases import DIFFER, DISPUTED, MATCH, Case
from bench.quality.measure import JUST_NOTICEABLE
from bench.quality.rules import OURS, RIVALS, RULES, Verdicts

Row = Sequence[str | int]


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
    """How a rule did on some pairs."""

    right: int
    pairs: int
    false_alarms: int
    missed: int
    disputed_changed: int
    disputed: int

    @classmethod
    def of(cls, rule: str, results: Iterable[Result]) -> Score:
        """Counts."""
        right = pairs = alarms = missed = disputed_changed = disputed = 0
        for result in results:
            changed = result.verdicts.changed[rule]
            if result.case.label == DISPUTED:
                disputed += 1
                disputed_changed += changed
                continue
            pairs += 1
            right += changed == (result.case.label == DIFFER)
            alarms += changed and result.case.label == MATCH
            missed += not changed and result.case.label == DIFFER
        return cls(right, pairs, alarms, missed, disputed_changed, disputed)


def matrix(title: str, results: Sequence[Result]) -> list[str]:
    """Each rule's score on these pairs, best first."""
    rows: list[Row] = []
    for rule in sorted(RULES, key=lambda rule: -Score.of(rule, results).right):
        score = Score.of(rule, results)
        share = f"{100 * score.right / max(1, score.pairs):.1f} %"
        disputed = f"{score.disputed_changed} / {score.disputed}"
        right = f"{score.right} / {score.pairs}"
        rows.append((rule, right, share, score.false_alarms, score.missed, disputed))
    head = ("rule", "right / pairs", "right", "false alarms", "missed", "disputed: changed")
    return [f"## {title}", "", *_table(head, rows), ""]


def best_rival(results: Sequence[Result]) -> str:
    """The rival that is right most often."""
    return max(RIVALS, key=lambda rule: Score.of(rule, results).right)


def by_kind(results: Sequence[Result]) -> list[str]:
    """Ours against the best rival, kind for kind; disputed pairs are left out."""
    rival = best_rival(results)
    kinds: Mapping[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        if result.case.label != DISPUTED:
            # Mixed pairs are many kinds of few pairs each: one row for each noise.
            plant, _, noise = result.case.kind.partition("+")
            kinds[result.case.label, f"a change + {noise}" if noise else plant].append(result)
    rows: list[Row] = []
    for (label, kind), some in sorted(kinds.items(), key=lambda item: (item[0][0], item[0][1])):
        ours, theirs = Score.of(OURS, some), Score.of(rival, some)
        rows.append((label, kind, len(some), ours.right, theirs.right))
    return ["## By kind", "", *_table(("label", "kind", "pairs", OURS, rival), rows), ""]


def wrong_cases(results: Sequence[Result]) -> list[str]:
    """Our wrong verdicts with what was measured."""
    head = ("label", "case", "half", "changed", "structural", "regions", "largest", "levels")
    rows: list[Row] = []
    for result in results:
        if result.is_right(OURS) is False:
            case, ours = result.case, result.verdicts.ours
            numbers = [
                ours.get(name, "–")
                for name in ("changed_pixels", "structural_pixels", "regions", "largest_region")
            ]
            levels = case.measured.get("levels", "–")
            rows.append((case.label, case.name, case.half, *numbers, levels))
    return [f"## Our wrong cases: {len(rows)}", "", *(_table(head, rows) if rows else []), ""]


def _table(head: Row, rows: Sequence[Row]) -> list[str]:
    """A Markdown table whose columns stand in line."""
    cells = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    numeric = [
        all(isinstance(row[i], int) or "/" in str(row[i]) for row in rows) for i in range(len(head))
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
