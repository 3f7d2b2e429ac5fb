"""`make bench-report`: how quick the report is, and reg-cli's on the same set of screenshots."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from bench.report.browser import Felt, Subject, measure
from bench.report.pictures import draw_suite
from pixelgate.bootstrap import find_engine, open_pool
from pixelgate.client.compare_folders import compare_folders

ROOT = Path(__file__).parents[2]
REG_CLI = ROOT / "bench" / "speed" / "node_modules" / "reg-cli" / "dist" / "cli.js"
# The limits of the report, in the order of Felt; None where there is none.
LIMITS = Felt(1_500, float("inf"), 0, 50, float("inf"), 300)
PAGE_LIMIT = 120_000


def main() -> int:
    """Returns 1 if our report exceeds a limit."""
    options = _options()
    base, head = draw_suite(options.scratch, options.snapshots, options.changed)
    print(f"{options.snapshots:,} snapshots, {options.changed:,} changed, {options.rounds} rounds")
    ours = _ours(base, head, options.scratch / "pixelgate")
    before_data = _bytes_before_data(ours.page)
    subjects = [ours] + ([theirs] if (theirs := _theirs(base, head, options.scratch)) else [])
    results = {}
    for subject in subjects:
        felt = measure(subject, options.rounds)
        results[subject.name] = vars(felt) | {"page_bytes": subject.page.stat().st_size}
        print(f"\n{subject.name}: {subject.page.stat().st_size:,} bytes")
        if subject is ours:
            print(f"  {'page before data':20} {before_data:>10,} bytes")
            results[subject.name]["bytes_before_data"] = before_data
        for name, value in vars(felt).items():
            print(f"  {name:20} {value:>10,.1f}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    over = [n for n, v in vars(LIMITS).items() if results[ours.name][n] > v]
    if before_data > PAGE_LIMIT:
        over.append("page before data")
    print(f"\nover the limit: {', '.join(over)}" if over else "\nwithin all limits")
    return int(bool(over))


def _ours(base: Path, head: Path, out: Path) -> Subject:
    engine = find_engine()
    began = time.monotonic()
    with open_pool(engine) as pool:
        compare_folders(base, head, out, pool=pool, engine=engine.label)
    print(f"pixelgate compared and reported in {time.monotonic() - began:.1f} s")
    return Subject("pixelgate", out / "index.html", (".row.card .thumb img", ".pane img"), "#list")


def _theirs(base: Path, head: Path, scratch: Path) -> Subject | None:
    """reg-cli's report of the same folders; None if it is not installed."""
    node = shutil.which("node")
    if node is None or not REG_CLI.exists():
        print("reg-cli is left out: npm ci in bench/speed installs it")
        return None
    out = scratch / "reg-cli"
    report = out / "report.html"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    began = time.monotonic()
    words = [node, str(REG_CLI), str(head), str(base), str(out / "diff"), "-R", str(report)]
    subprocess.run(
        [*words, "-J", str(out / "reg.json"), "-M", "0.0225", "-I"],
        check=True,
        capture_output=True,
        cwd=out,
        timeout=1_800,
    )
    print(f"reg-cli compared and reported in {time.monotonic() - began:.1f} s")
    return Subject("reg-cli", report, ("img[src*='state-']",), "")


def _bytes_before_data(page: Path) -> int:
    """The page without what depends on the snapshots."""
    empty = re.sub(rb'(id="(?:list|details)-data">)[^<]*', rb"\1", page.read_bytes())
    return len(empty)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument("--snapshots", type=int, default=10_000)
    parser.add_argument("--changed", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scratch", type=Path, default=ROOT / ".bench" / "report")
    parser.add_argument("--json", type=Path, help="where the figures go as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
