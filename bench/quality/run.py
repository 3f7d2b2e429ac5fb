"""Asks all rules about all pairs: ``python -m bench.quality --cases DIR``."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.quality import tables
from bench.quality.cases import Case, read_cases, read_groups
from bench.quality.dials import DIALS, Dial
from bench.quality.measure import JUST_NOTICEABLE
from bench.quality.pages import install
from bench.quality.rules import RULES, Rules, Verdicts
from bench.quality.tables import Result

PROCESSES = 2


def judge_share(cases: Sequence[Case], dials: Sequence[Dial], whole: bool) -> list[Verdicts]:
    """Asks all rules about some pairs, in a process of its own."""
    with Rules(dials, whole=whole) as rules:
        return [rules.judge(case) for case in cases]


def judge(
    cases: Sequence[Case], dials: Sequence[Dial] = (), *, whole: bool = False
) -> list[Result]:
    """Asks all rules about all pairs, in the order of the cases."""
    install()
    # Every second one, so that both processes get as many large pictures.
    shares = [cases[number::PROCESSES] for number in range(PROCESSES)]
    results: list[Result | None] = [None] * len(cases)
    with ProcessPoolExecutor(PROCESSES) as pool:
        asked = pool.map(judge_share, shares, [dials] * PROCESSES, [whole] * PROCESSES)
        for number, verdicts in enumerate(asked):
            places = range(number, len(cases), PROCESSES)
            for place, said in zip(places, verdicts, strict=True):
                results[place] = Result(cases[place], said)
    return [result for result in results if result]


def report(results: Sequence[Result], title: str) -> list[str]:
    """All tables of one folder."""
    lines = tables.matrix(title, results)
    for half in ("tune", "held-out", "fresh"):
        some = [result for result in results if result.case.half == half]
        if some:
            lines += tables.matrix(f"{title}: {half}", some)
    plain = [result for result in results if not result.is_faint]
    if len(plain) < len(results):
        lines += tables.matrix(f"{title}: without changes below ΔE {JUST_NOTICEABLE}", plain)
    lines += tables.curve(title, results)
    if any(result.case.group for result in results):
        lines += tables.by_group(results)
    return (
        lines + tables.by_change(results) + tables.by_noise(results) + tables.wrong_cases(results)
    )


def as_json(results: Sequence[Result]) -> dict[str, object]:
    """Everything, for other programs."""
    return {
        "rules": RULES,
        "cases": [
            {**result.case.as_json(), **result.verdicts.as_json()}
            | {"right": {rule: result.is_right(rule) for rule in RULES}}
            for result in results
        ],
    }


def arguments() -> argparse.ArgumentParser:
    """What the command line takes."""
    parser = argparse.ArgumentParser(prog="bench.quality", description=__doc__)
    parser.add_argument(
        "--labelled", type=Path, action="append", default=[], metavar="DIR",
        help="a folder with <label>/<case>/base.png and head.png",
    )  # fmt: skip
    parser.add_argument(
        "--cases", type=Path, action="append", default=[], metavar="DIR",
        help="a folder with <group>/base, <group>/head and <group>/expected.json",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there, too")
    parser.add_argument(
        "--half", choices=("tune", "held-out", "fresh"), help="only this half of the pairs"
    )
    parser.add_argument(
        "--whole", action="store_true", help="show the rivals whole pictures, not what differs"
    )
    parser.add_argument("--no-curve", action="store_true", help="ask only for the default policy")
    return parser


def main() -> int:
    """Runs the benchmark."""
    parser = arguments()
    args = parser.parse_args()
    if not args.labelled and not args.cases:
        parser.error("name a folder of pairs")
    dials = () if args.no_curve else DIALS
    written: dict[str, object] = {}
    for folder in (*args.labelled, *args.cases):
        began = time.monotonic()
        read = read_groups if folder in args.cases else read_cases
        cases = [c for c in read(folder) if not args.half or c.half in ("", args.half)]
        results = judge(cases, dials, whole=args.whole)
        print("\n".join(report(results, folder.name)))
        print(f"{len(cases)} pairs in {time.monotonic() - began:.0f} s\n", flush=True)
        written[str(folder)] = as_json(results)
    if args.json:
        args.json.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
