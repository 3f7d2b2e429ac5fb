"""Asks all rules about all pairs: ``python -m bench.quality --cases DIR``."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path

from bench.quality import tables
from bench.quality.cases import Case, read_cases, read_groups
from bench.quality.measure import JUST_NOTICEABLE
from bench.quality.pages import install
from bench.quality.rules import RULES, Rules, Verdicts
from bench.quality.tables import Result

PROCESSES = 2
HALVES = ("tune", "held-out", "fresh")


def _judge_share(cases: Sequence[Case], *, curve: bool, whole: bool) -> list[Verdicts]:
    """Asks all rules about some pairs, in a process of its own."""
    with Rules(curve=curve, whole=whole) as rules:
        return [rules.judge(case) for case in cases]


def judge(cases: Sequence[Case], *, curve: bool = True, whole: bool = False) -> list[Result]:
    """Asks all rules about all pairs, in the order of the cases."""
    install()
    # Every second one, so that both processes get as many large pictures.
    shares = [cases[number::PROCESSES] for number in range(PROCESSES)]
    with ProcessPoolExecutor(PROCESSES) as pool:
        said = pool.map(partial(_judge_share, curve=curve, whole=whole), shares)
        verdicts = [one for one in chain(*zip_longest(*said)) if one]
    return [Result(*one) for one in zip(cases, verdicts, strict=True)]


def report(results: Sequence[Result], title: str) -> list[str]:
    """All tables of one folder."""
    lines = tables.matrix(title, results)
    for half in HALVES:
        some = [result for result in results if result.case.half == half]
        lines += tables.matrix(f"{title}: {half}", some) if some else []
    plain = [result for result in results if not result.is_faint]
    if len(plain) < len(results):
        lines += tables.matrix(f"{title}: without changes below ΔE {JUST_NOTICEABLE}", plain)
    lines += tables.curve(title, results)
    if any(result.case.group for result in results):
        lines += tables.by_group(results)
    lines += tables.by_change(results) + tables.by_noise(results)
    return lines + tables.wrong_cases(results)


def as_json(results: Sequence[Result]) -> dict[str, object]:
    """Everything, for other programs."""
    cases = [
        {**result.case.as_json(), **asdict(result.verdicts)}
        | {"right": {rule: result.is_right(rule) for rule in RULES}}
        for result in results
    ]
    return {"rules": RULES, "cases": cases}


def arguments() -> argparse.ArgumentParser:
    """What the command line takes."""
    parser = argparse.ArgumentParser(prog="bench.quality", description=__doc__)
    for option, what in (
        ("--labelled", "<label>/<case>/base.png and head.png"),
        ("--cases", "<group>/base, <group>/head and <group>/expected.json"),
    ):
        parser.add_argument(
            option, type=Path, action="append", default=[], metavar="DIR",
            help=f"a folder with {what}",
        )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there, too")
    parser.add_argument("--half", choices=HALVES, help="only this half of the pairs")
    parser.add_argument(
        "--whole", action="store_true", help="show the rivals whole pictures, not what differs"
    )
    parser.add_argument("--no-curve", action="store_true", help="ask only for the default policy")
    return parser


def main() -> None:
    """Runs the benchmark."""
    parser = arguments()
    args = parser.parse_args()
    if not args.labelled and not args.cases:
        parser.error("name a folder of pairs")
    written: dict[str, object] = {}
    for folder in (*args.labelled, *args.cases):
        began = time.monotonic()
        read = read_groups if folder in args.cases else read_cases
        cases = [c for c in read(folder) if not args.half or c.half in ("", args.half)]
        results = judge(cases, curve=not args.no_curve, whole=args.whole)
        print("\n".join(report(results, folder.name)))
        print(f"{len(cases)} pairs in {time.monotonic() - began:.0f} s\n", flush=True)
        written[str(folder)] = as_json(results)
    if args.json:
        args.json.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", "utf-8")
