"""How long it takes from a manifest's event to the published verdict, by step, and what diffing is.

    make bench-whole                                # the examples of this repository
    make bench-whole ARGS="DIR --rounds 5"          # a folder of your own with base/ and head/

Uploads base and head into the embedded cloud, as new projects in each round so that nothing is in
the diff cache, and reads the steps from the compare function's log. The same pairs are then diffed
by the same engine with as many processors and nothing else around it: that is the plain diff time,
and what is more than it is the overhead. Thumbnails are drawn when the verdict is out, so they
are told apart. At last the head is uploaded once more as its own successor: every snapshot is
unchanged.

Beside the time on the clock, which a busy machine and the emulator on the same processors blow up,
it tells the processors' time: of the function with its odiffs, of the plain diffs, and of the
emulator, which on AWS is somebody else's.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedded_cloud.cloud import ROOT, EmbeddedCloud
from pixelgate.bootstrap import find_engine, open_pool
from pixelgate.client.scan import scan
from pixelgate.domain.policy import Policy
from uploader import Uploader

_AFTER = "thumbnails"  # the one step that comes after the verdict


@dataclass(frozen=True)
class Round:
    """Seconds of one round.

    Attributes:
        verdict: from the event's acceptance by Lambda until the verdict is out.
        stages: of that, by step; what none of them covers is "the rest".
        processors: of the same steps, the function's processors' seconds without its odiffs.
        after: on the clock, and on processors, what is done when the verdict is out.
        plain: the same pairs, diffed and nothing else.
        busy: processors' seconds of the function and its odiffs until the verdict, of the emulator
            in all, and of the plain diffs.
        unchanged: from the event to the verdict when nothing has changed.
        again: the steps of that.
    """

    verdict: float
    stages: Mapping[str, float]
    processors: Mapping[str, float]
    after: tuple[float, float]
    plain: float
    busy: tuple[float, float, float]
    unchanged: float
    again: Mapping[str, float]


def busy(pid: int) -> float:
    """Processors' seconds of a process and of the odiffs that it has started."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue  # it has ended
        words = rest.split()
        if pid == int(stat.parent.name) or (name == "odiff" and int(words[1]) == pid):
            total += sum(map(int, words[11:15])) / os.sysconf("SC_CLK_TCK")
    return total


def pairs_of(base: Path, head: Path) -> list[tuple[bytes, bytes]]:
    """The unique pairs of pictures that have the same name and other bytes."""
    before, after = scan(base).fields(), scan(head).fields()
    hashes = {
        (before[name]["sha256"], after[name]["sha256"]): name
        for name in before.keys() & after.keys()
        if before[name]["sha256"] != after[name]["sha256"]
    }
    return [((base / n).read_bytes(), (head / n).read_bytes()) for n in hashes.values()]


def plain(pairs: list[tuple[bytes, bytes]], processors: int) -> float:
    """Seconds that the engine alone takes, with the bytes in memory."""
    policy = Policy()
    with (
        open_pool(find_engine(), processors) as pool,
        ThreadPoolExecutor(processors * 2) as threads,
    ):

        def diff(pair: tuple[bytes, bytes]) -> None:
            pool.diff(pair[0], pair[1], policy)

        diff(pairs[0])  # odiff runs, and what is loaded late is loaded
        begun = time.perf_counter()
        list(threads.map(diff, pairs))
        return time.perf_counter() - begun


def handled(cloud: EmbeddedCloud, project: str, build: str) -> dict[str, Any]:
    """What the compare function logged of a build, and how long its invocation took."""
    texts = cloud.logs("CompareFunction").splitlines()
    handled = [json.loads(text) for text in texts if text.startswith("{") and '"outcome"' in text]
    [line] = [one for one in handled if (one["project"], one["build"]) == (project, build)]
    [report] = [
        t for t in texts if t.startswith(f"REPORT RequestId: {line['function_request_id']}")
    ]
    return {**line, "took": float(report.partition("Duration: ")[2].partition(" ")[0]) / 1_000}


def one_round(cloud: EmbeddedCloud, base: Path, head: Path, project: str, processors: int) -> Round:
    """Base, head, plain diffs, and the head once more."""
    uploader = Uploader(cloud.client("s3"), cloud.bucket, project)
    images = {"base": uploader.upload_images(base), "head": uploader.upload_images(head)}

    def compare(build: str, which: str, **fields: Any) -> dict[str, Any]:
        build_id = uploader.write_manifest(build, {"images": images[which], **fields})
        uploader.wait(build_id)
        cloud.wait_until_idle(300)  # of a first upload there is much to draw
        return handled(cloud, project, build)

    first = compare("base", "base")
    print(f"  {project}: the base, all of it added, took {first['took']:.1f} s", file=sys.stderr)
    [worker] = cloud.workers("CompareFunction")
    processes = worker.pid, cloud.server_pid
    before = [busy(pid) for pid in processes]
    changed = compare("head", "head", base_build="base")
    spent = [busy(pid) - begun for pid, begun in zip(processes, before, strict=True)]
    pairs, own = pairs_of(base, head), busy(os.getpid())
    alone = plain(pairs, processors)
    spent.append(busy(os.getpid()) - own)
    images["all"] = {**images["base"], **images["head"]}
    compare("all", "all")
    same = compare("again", "all", base_build="all")
    after = changed["stages"].pop(_AFTER, 0.0), changed["processors"].pop(_AFTER, 0.0)
    return Round(
        verdict=changed["took"] - after[0],
        stages=changed["stages"],
        processors=changed["processors"],
        after=after,
        plain=alone,
        busy=(spent[0] - after[1], spent[1], spent[2]),
        unchanged=same["took"] - same["stages"].pop(_AFTER, 0.0),
        again=same["stages"],
    )


def middle(rounds: list[Mapping[str, float]]) -> dict[str, float]:
    """The median of each step."""
    return {name: statistics.median(r[name] for r in rounds) for name in rounds[0]}


def table(
    title: str, total: float, stages: Mapping[str, float], works: Mapping[str, float] | None = None
) -> None:
    """Prints the steps and what none of them covers; beside each its processors' time."""
    print(f"\n{title}: {total:.2f} s")
    for name, seconds in {**stages, "the rest": total - sum(stages.values())}.items():
        work = f"  processors {works[name]:.3f} s" if works and name in works else ""
        print(f"  {name:10} {seconds:7.3f} s  {100 * seconds / total:5.1f} %{work}")


def main() -> None:
    """Runs the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "examples")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processors", type=int, default=2, help="of the function: memory / 1769")
    parser.add_argument(
        "--isolation",
        default="auto",
        help="of functions; on a busy machine 'plain' gives them the share of the plain diffs",
    )
    options = parser.parse_args()
    base, head = options.folder / "base", options.folder / "head"
    count = len(pairs_of(base, head))
    names = len(scan(base).fields() | scan(head).fields())
    print(f"{count} unique pairs differ in their bytes; base and head have {names:,} names")
    rounds = []
    with EmbeddedCloud.start(isolation=options.isolation) as cloud:
        print(f"functions run in: {cloud.isolation}", file=sys.stderr)
        # What is measured is one worker; a large set would else be handed over to many.
        cloud.configure("CompareFunction", {"PIXELGATE_INLINE_MEGAPIXELS": "4000"})
        for number in range(options.rounds + 1):
            found = one_round(cloud, base, head, f"whole-{number}", options.processors)
            print(
                f"  {'warming up' if not number else f'round {number}'}: {found}", file=sys.stderr
            )
            rounds.append(found)
    rounds = rounds[1:]
    verdict = statistics.median(r.verdict for r in rounds)
    alone = statistics.median(r.plain for r in rounds)
    steps, works = middle([r.stages for r in rounds]), middle([r.processors for r in rounds])
    table("from the event to the verdict", verdict, steps, works)
    print(f"plain diff time of the same pairs: {alone:.2f} s")
    share = statistics.median((r.verdict - r.plain) / r.verdict for r in rounds)
    print(f"what is not diffing: {100 * share:.0f} % of the whole")
    function, emulator, diffs = (statistics.median(r.busy[i] for r in rounds) for i in range(3))
    print(
        f"processors' time: function {function:.2f} s, of which plain diffs take {diffs:.2f} s, so "
        f"{100 * (function - diffs) / function:.0f} % is not diffing; emulator {emulator:.2f} s"
    )
    late, work = (statistics.median(r.after[i] for r in rounds) for i in range(2))
    print(f"when the verdict is out: {_AFTER} {late:.2f} s, processors' time {work:.2f} s")
    unchanged = statistics.median(r.unchanged for r in rounds)
    table(f"{names:,} unchanged snapshots", unchanged, middle([r.again for r in rounds]))


if __name__ == "__main__":
    main()
