"""How long it takes from a manifest's event to the published verdict, and what of it is diffing.

    make bench-whole                                # the examples of this repository
    make bench-whole ARGS="DIR --rounds 5"          # a folder of your own with base/ and head/

Each round uploads base and head into the embedded cloud, as a new project so that nothing is in the
diff cache, and reads the time of each step from the compare function's log. Then the same pairs are
diffed by the same engine with as many processors and nothing else: that is the plain diff time, and
the rest is overhead. At last the head is uploaded once more as its own successor: every snapshot is
unchanged. Thumbnails are drawn after the verdict and told apart.

On a busy machine trust the processors' time, not the time on the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from pixelgate.bootstrap import find_engine, open_pool
from pixelgate.client.scan import scan
from pixelgate.domain.policy import Policy
from pixelgate.sandbox.cloud import ROOT, EmbeddedCloud
from uploader import Uploader

AFTER = "thumbnails"  # the one step that comes after the verdict


class Handled(NamedTuple):
    """What the compare function logged of one build, in seconds."""

    verdict: float  # from the event until the verdict is out
    steps: Mapping[str, float]  # of that, by step
    processors: Mapping[str, float]  # processor time of each step, without the function's odiffs
    after: tuple[float, float]  # of the step after the verdict, on the clock and of processors

    @classmethod
    def read(cls, cloud: EmbeddedCloud, project: str, build: str) -> Handled:
        """Finds the build in the function's log."""
        texts = cloud.logs("CompareFunction").splitlines()
        lines = [json.loads(t) for t in texts if t.startswith("{") and "build compared" in t]
        [line] = [one for one in lines if (one["project"], one["build"]) == (project, build)]
        request = f"REPORT RequestId: {line['function_request_id']}\tDuration: "
        [took] = [t.removeprefix(request) for t in texts if t.startswith(request)]
        after = line["stages"].pop(AFTER, 0.0), line["processors"].pop(AFTER, 0.0)
        verdict = float(took.partition(" ")[0]) / 1_000 - after[0]
        return cls(verdict, line["stages"], line["processors"], after)


class Round(NamedTuple):
    """One round."""

    changed: Handled  # the head, compared with the base
    unchanged: Handled  # the head, compared with itself
    plain: float  # seconds of the same pairs, diffed and nothing else
    # Seconds of processors until the verdict, of the function with its odiffs and of plain diffs.
    processors: tuple[float, float]


def processor_seconds(pid: int) -> float:
    """Processor time of a process and of the odiffs that it has started."""
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
    """The distinct pairs of images that have the same name and other bytes."""
    before, after = scan(base).fields(), scan(head).fields()
    names = {
        (before[name]["sha256"], after[name]["sha256"]): name
        for name in before.keys() & after.keys()
        if before[name]["sha256"] != after[name]["sha256"]
    }
    return [((base / n).read_bytes(), (head / n).read_bytes()) for n in names.values()]


def plain(pairs: list[tuple[bytes, bytes]], processors: int) -> float:
    """Seconds that the engine alone takes, with the bytes in memory."""
    policy = Policy()
    with (
        open_pool(find_engine(), processors) as pool,
        ThreadPoolExecutor(processors * 2) as threads,
    ):
        pool.diff(pairs[0][0], pairs[0][1], policy)  # odiff runs, and what is loaded late is loaded
        began = time.perf_counter()
        list(threads.map(lambda pair: pool.diff(pair[0], pair[1], policy), pairs))
        return time.perf_counter() - began


def one_round(cloud: EmbeddedCloud, base: Path, head: Path, project: str, processors: int) -> Round:
    """Base, head, plain diffs, and the head once more."""
    uploader = Uploader(cloud.client("s3"), cloud.bucket, project)
    images = {"base": uploader.upload_images(base), "head": uploader.upload_images(head)}
    images["all"] = {**images["base"], **images["head"]}

    def compare(build: str, which: str, **fields: Any) -> Handled:
        uploader.wait(uploader.write_manifest(build, {"images": images[which], **fields}))
        cloud.wait_until_idle(300)  # of a first upload there is much to draw
        return Handled.read(cloud, project, build)

    compare("base", "base")
    [worker] = cloud.workers("CompareFunction")
    before = processor_seconds(worker.pid)
    changed = compare("head", "head", base_build="base")
    function = processor_seconds(worker.pid) - before - changed.after[1]
    pairs, before = pairs_of(base, head), processor_seconds(os.getpid())
    alone = plain(pairs, processors)
    diffs = processor_seconds(os.getpid()) - before
    compare("all", "all")
    return Round(changed, compare("again", "all", base_build="all"), alone, (function, diffs))


def table(title: str, handled: Sequence[Handled]) -> None:
    """Prints the medians of the steps, and what none of them covers."""
    total = statistics.median(one.verdict for one in handled)
    steps = {n: statistics.median(h.steps[n] for h in handled) for n in handled[0].steps}
    print(f"\n{title}: {total:.2f} s")
    for name, seconds in {**steps, "the rest": total - sum(steps.values())}.items():
        works = [one.processors[name] for one in handled if name in one.processors]
        work = f"  processors {statistics.median(works):.3f} s" if works else ""
        print(f"  {name:10} {seconds:7.3f} s  {100 * seconds / total:5.1f} %{work}")


def main() -> None:
    """Runs the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "examples")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processors", type=int, default=2, help="of the function: memory / 1769")
    options = parser.parse_args()
    base, head = options.folder / "base", options.folder / "head"
    names = len(scan(base).fields() | scan(head).fields())
    print(f"{len(pairs_of(base, head))} distinct pairs differ; base and head have {names:,} names")
    rounds = []
    with EmbeddedCloud.start(parameters={"TrunkPrefix": "optional"}) as cloud:
        # What is measured is one worker; a large set would else be handed over to many.
        cloud.configure("CompareFunction", {"PIXELGATE_INLINE_MEGAPIXELS": "4000"})
        for number in range(options.rounds + 1):
            rounds.append(one_round(cloud, base, head, f"whole-{number}", options.processors))
            print(f"  round {number}: {rounds[-1].changed.verdict:.2f} s", file=sys.stderr)
    rounds = rounds[1:]  # the first one warms up
    table("from the event to the verdict", [r.changed for r in rounds])
    share = statistics.median(1 - r.plain / r.changed.verdict for r in rounds)
    alone = statistics.median(r.plain for r in rounds)
    print(f"plain diff time of the same pairs: {alone:.2f} s; not diffing: {100 * share:.0f} %")
    function, diffs = (statistics.median(r.processors[i] for r in rounds) for i in range(2))
    print(
        f"processors' time: function {function:.2f} s, of which plain diffs take {diffs:.2f} s, so "
        f"{100 * (function - diffs) / function:.0f} % is not diffing"
    )
    late, work = (statistics.median(r.changed.after[i] for r in rounds) for i in range(2))
    print(f"when the verdict is out: {AFTER} {late:.2f} s, processors' time {work:.2f} s")
    table(f"{names:,} unchanged snapshots", [r.unchanged for r in rounds])


if __name__ == "__main__":
    main()
