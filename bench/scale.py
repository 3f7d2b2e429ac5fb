"""How the time and cost of a comparison grow with the number of snapshots: `make bench-scale`.

Three steps are measured, each in a process of its own, with 20 ms added to every bucket request:
  plan       reads, checks and matches both manifests, finds the pairs, writes the batches
  work       compares the pairs of examples/ in a worker with two processors, with thumbnails
  publish    collects the results of all batches, judges, writes manifest and report, publishes
Everything else is modelled from these and from list prices: what AWS does between the steps, and
builds larger than the largest that is measured.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from pixelgate.bootstrap import find_engine, open_pool, pace_collector
from pixelgate.domain import keys
from pixelgate.domain.comparison import Diff, Measured, Region, Snapshot, Status
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.records import Baseline
from pixelgate.domain.verdict import Evidence
from pixelgate.pipeline.compare.batches import (
    Batch,
    BatchResult,
    Handed,
    read_batch,
    write_plan,
    write_result,
)
from pixelgate.pipeline.compare.fan_out import publish_handed, work
from pixelgate.pipeline.context import CompareContext, Limits
from pixelgate.pipeline.diffing.pairs import DiffStats
from pixelgate.pipeline.diffing.plan import make_plan
from pixelgate.pipeline.diffing.thumbnails import with_thumbnail_keys
from pixelgate.pipeline.intake import accept
from pixelgate.ports import Bucket
from pixelgate.report import render
from pixelgate.storage.folder import FolderBucket
from support.doubles.memory import MemoryLedger

ROOT = Path(__file__).parents[1]
PROJECT, ID = "shop", ComparisonId("shop", "head", "base")
HEAD, BASE = BuildId(PROJECT, "head"), BuildId(PROJECT, "base")
LATENCY = 0.020  # of each request to S3, as seen from a Lambda in the same region
SIZES = (100, 1_000, 10_000, 100_000)
LARGEST_BUILD = 100_000
SHARES = (1.0, 0.05)  # of the snapshots that differ: everything, and an ordinary pull request

# List prices of us-east-1, US dollars, without free tiers.
GB_SECOND, INVOKE = 0.0000166667, 0.20e-6
PUT, GET = 0.005e-3, 0.0004e-3
DYNAMODB_WRITE, DYNAMODB_READ = 0.625e-6, 0.125e-6
TRANSITION, EXPRESS, EXPRESS_GB_SECOND = 0.025e-3, 1.0e-6, 0.00001667
EXPRESS_GB = 64 / 1024

# What the template says, and what could not be measured here.
MEMORY_GB, WORKERS, INLINE_MEGAPIXELS = 3538 / 1024, 50, 300.0
COLD_START = 3.0  # seconds; of compare, of the first workers, of the publisher
LIST = 0.1  # seconds for a page of 1,000 keys; arrival lists the project's images, of both builds


class LateFolder(FolderBucket):
    """A folder of which each request takes as long as one to S3."""

    def read(self, key: str, limit: int | None = None) -> bytes:
        """Reads late."""
        time.sleep(LATENCY)
        return super().read(key, limit)

    def write(self, key: str, body: bytes, content_type: str) -> None:
        """Writes late."""
        time.sleep(LATENCY)
        super().write(key, body, content_type)


class Step(NamedTuple):
    """What one measured step took: seconds on the clock, and the memory of its process at most."""

    seconds: float
    megabytes: float


class Row(NamedTuple):
    """One size of build, of whose snapshots a share differs.

    Plan and publish are measured, or this size was only modelled; the rest is always modelled.
    """

    snapshots: int
    share: float
    steps: Mapping[str, Step]
    seconds: float
    dollars: float


class RealPair(NamedTuple):
    """The average real pair: seconds in a worker with two processors, megapixels of one image."""

    seconds: float
    megapixels: float


def manifest(build: str, images: Mapping[str, object], **fields: str) -> bytes:
    """A manifest of these images."""
    named = {"project": PROJECT, "build": build, "commit": build, "branch": "feature"}
    return json.dumps({**named, **fields, "images": images}).encode()


def invented(build: str, number: int, share: float) -> dict[str, object]:
    """So many images; that share of them differs between builds."""
    images: dict[str, object] = {}
    for i in range(number):
        version = build if (i * share) % 1 < share else "both"
        sha = hashlib.sha256(f"{version} {i}".encode()).hexdigest()
        name = f"pages/section-{i % 97}/{i:06}-desktop.png"
        images[name] = {"sha256": sha, "width": 1_280, "height": 800}
    return images


def measure_plan(folder: Path) -> float:
    """Seconds from the head's event to the list of batches, without looking for the images."""
    service = _service(LateFolder(folder))
    began = time.perf_counter()
    accepted = accept.accept_build(HEAD, service)
    base = accept.read_accepted(BASE, service)
    plan = make_plan(accepted.manifest, base, service.engine_label)
    write_plan(Handed(ID, "e1"), plan, {}, None, service.objects, service.limits)
    return time.perf_counter() - began


def set_up_results(place: Path) -> float:
    """Writes what the workers leave behind: each pair has two regions and a change of its own."""
    objects, handed, size = FolderBucket(place), Handed(ID, "e1"), (1_280, 800)
    areas = (Evidence(blocks=6, differing=500, clear=500, one_sided=500), Evidence(blocks=4))
    regions = (Region(8, 9, 40, 20, 500, area=0), Region(90, 9, 20, 20, 200, area=1))
    diff = Diff(700, 400, 1_024_000, size, size, regions, areas=areas)
    for batch in _batches(objects):
        results = {}
        for pair in read_batch(handed, batch, objects):
            mask = keys.mask(handed.pictures, pair.fingerprint, pair.base, pair.head)
            results[pair] = Measured(replace(diff, fingerprint=pair.head[:32]), mask)
        # The keys of the thumbnails that a worker would have drawn.
        shown = {
            pair.head: Snapshot(Status.CHANGED, pair.head, pair.base, measured=measured)
            for pair, measured in results.items()
        }
        named = with_thumbnail_keys(shown, keys.pictures(ID, "e1"))
        thumbs = [snapshot.thumb for snapshot in named.values() if snapshot.thumb]
        found = BatchResult(results, DiffStats(len(results), 0), thumbs)
        write_result(handed, batch, found, objects)
    return 0.0


def _batches(objects: Bucket) -> list[Batch]:
    listed = json.loads(objects.read(keys.fan_out(ID, "e1", "batches.json")))
    return [Batch(**one) for one in listed]


def _draw_nothing(image: bytes, mask: bytes | None, slices: object) -> bytes:
    raise AssertionError("every thumbnail is there already")


def measure_publish(folder: Path) -> float:
    """Seconds from the end of the last batch to the published verdict."""
    service = _service(LateFolder(folder), thumbnail=_draw_nothing)
    head = accept.accept_build(HEAD, service)
    ledger, now = service.ledger, service.clock()
    ledger.choose_baseline(head.manifest.id, Baseline("base", "it is named"))
    claim = ledger.claim(ID, "it is named", "e1", now, now + 90)
    ledger.hand_over(claim, "too much", now, now + 900)
    del head
    began = time.perf_counter()
    publish_handed(Handed(ID, "e1"), service, lambda: math.inf)
    return time.perf_counter() - began


def measure_work(folder: Path) -> RealPair:
    """Compares the pairs of examples/ as one batch of one worker."""
    from pixelgate.engine.thumbnail import thumbnail

    objects, engine, sizes = LateFolder(folder), find_engine(), []
    for build in (BASE, HEAD):
        images = _real(ROOT / "examples" / build.build, FolderBucket(folder))
        body = manifest(build.build, images)
        FolderBucket(folder).write(keys.uploaded_manifest(build), body, "")
        sizes = [image["width"] * image["height"] for image in images.values()]
    with open_pool(engine, 2) as pool:
        service = _service(objects, pool=pool, engine=engine.label, thumbnail=thumbnail)
        base, head = (accept.accept_build(build, service).manifest for build in (BASE, HEAD))
        plan = make_plan(head, base, service.engine_label)
        now = service.clock()
        service.ledger.claim(ID, "", "e1", now, now + 900)
        write_plan(Handed(ID, "e1"), plan, {}, None, objects, service.limits)
        [batch] = _batches(objects)
        began = time.perf_counter()
        work(Handed(ID, "e1"), batch, service, lambda: math.inf)
        took = time.perf_counter() - began
    return RealPair(took / len(plan.pairs), sum(sizes) / len(sizes) / 1e6)


def model(number: int, share: float, real: RealPair, steps: Mapping[str, Step]) -> Row:
    """Time and cost of one build, from its measured steps and the prices."""
    pairs = max(1, round(number * share))
    batches = math.ceil(pairs / Limits().batch_pairs)
    alone = pairs * real.megapixels <= INLINE_MEGAPIXELS
    pages = math.ceil((number + pairs) / 1_000)
    around = steps["plan"].seconds + pages * LIST + steps["publish"].seconds
    batch = min(pairs, Limits().batch_pairs) * real.seconds
    diffing = pairs * real.seconds
    waited = diffing if alone else math.ceil(batches / WORKERS) * batch + 2 * COLD_START
    cold = 1 if alone else 2 + min(batches, WORKERS)
    dollars = (around + diffing + cold * COLD_START) * MEMORY_GB * GB_SECOND
    dollars += pairs * (6 * GET + 3 * PUT)  # two images, store, mask; result, mask, thumbnail
    dollars += (10 + pages) * PUT + 10 * GET + 8 * DYNAMODB_WRITE + 12 * DYNAMODB_READ
    if not alone:
        dollars += batches * (2 * GET + PUT + INVOKE + EXPRESS + 2 * DYNAMODB_READ)
        dollars += batches * batch * EXPRESS_GB * EXPRESS_GB_SECOND + 6 * TRANSITION
    return Row(number, share, steps, COLD_START + around + waited, dollars)


def _real(folder: Path, objects: FolderBucket) -> dict[str, dict[str, Any]]:
    from PIL import Image

    images = {}
    for path in sorted(folder.rglob("*.png")):
        body = path.read_bytes()
        sha = hashlib.sha256(body).hexdigest()
        objects.write(keys.image(PROJECT, sha), body, "image/png")
        with Image.open(path) as image:
            size = {"width": image.width, "height": image.height}
        images[path.relative_to(folder).as_posix()] = {"sha256": sha, **size}
    return images


def _service(objects: Bucket, **changes: Any) -> CompareContext:
    made: dict[str, Any] = {
        "objects": objects,
        "ledger": MemoryLedger(),
        "pool": None,  # nothing here compares but `work`, which brings its own
        "engine": ("odiff", "4.5.0"),
        "render": render,
        "resume": lambda build: None,
    }
    return CompareContext(**made | changes)


def in_own_process(step: str, folder: Path) -> Step:
    """Runs one step in a process of its own."""
    command = [sys.executable, "-m", "bench.scale", "--step", step, "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{step} failed:\n{done.stderr[-2_000:]}")
    return Step(*map(float, done.stdout.split()))


def _run_step(step: str, folder: Path) -> None:
    steps = {"plan": measure_plan, "results": set_up_results, "publish": measure_publish}
    seconds = steps[step](folder)
    # Not getrusage: its peak is inherited from the process that started this one.
    status = Path("/proc/self/status").read_text()
    [peak] = (int(line.split()[1]) / 1_024 for line in status.splitlines() if "VmHWM" in line)
    print(f"{seconds:.2f} {peak:.0f}")


def measure_steps(number: int, share: float) -> dict[str, Step]:
    """Plan and publish of one size of build, measured."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        objects = FolderBucket(folder)
        head = manifest("head", invented("head", number, share), base_build="base")
        objects.write(keys.uploaded_manifest(HEAD), head, "")
        base = manifest("base", invented("base", number, share))
        objects.write(keys.accepted_manifest(BASE), base, "")
        took = {step: in_own_process(step, folder) for step in ("plan", "results", "publish")}
    return {step: took[step] for step in ("plan", "publish")}


def rows(sizes: Sequence[int], real: RealPair) -> Iterator[Row]:
    """One row for each size and share; 1,000,000 snapshots are ten builds side by side."""
    for share in SHARES:
        for number in sizes:
            row = model(number, share, real, measure_steps(number, share))
            yield row
            if number == LARGEST_BUILD:
                yield row._replace(snapshots=10 * number, steps={}, dollars=10 * row.dollars)


def draw(found: Sequence[Row], path: Path) -> None:
    """Draws time and cost on logarithmic axes: dots are measured, lines are modelled."""
    from matplotlib import pyplot

    # Text stays text, and the same numbers give the same file.
    pyplot.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "pixelgate"}
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for share, colour in zip(SHARES, ("#b3261e", "#1f6f54"), strict=True):
        mine = [row for row in found if row.share == share]
        sizes = [row.snapshots for row in mine]
        label = f"{'all' if share == 1 else f'{share:.0%}'} differ: modelled"
        for panel, values in zip(axes, ("seconds", "dollars"), strict=True):
            modelled = [getattr(row, values) for row in mine]
            panel.plot(sizes, modelled, "--", color=colour, label=label)
        measured = [row for row in mine if row.steps]
        alone = [sum(step.seconds for step in row.steps.values()) for row in measured]
        sizes = [row.snapshots for row in measured]
        axes[0].plot(sizes, alone, "o", color=colour, label="plan and publish alone")
    for panel, title in zip(axes, ("seconds to the verdict", "US dollars"), strict=True):
        panel.set(xscale="log", yscale="log", title=title, xlabel="snapshots")
        panel.grid(alpha=0.4)
        panel.legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measures, models, prints a table, and draws."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale")
    parser.add_argument("--svg", type=Path, help="where to draw the growth")
    parser.add_argument("--most", type=int, default=LARGEST_BUILD, help="snapshots to measure")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    pace_collector()  # as in the functions
    if options.step:
        _run_step(options.step, options.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        real = measure_work(Path(folder))
    print(
        f"{real.seconds * 1e3:.0f} ms a real pair of {real.megapixels:.2f} megapixels, one worker"
    )
    print("snapshots  differ   plan              publish           whole: modelled")
    found = []
    for row in rows([size for size in SIZES if size <= options.most], real):
        found.append(row)
        steps = "".join(f"{s.seconds:6.1f} s {s.megabytes:5.0f} MB  " for s in row.steps.values())
        whole = f"{row.seconds:7.0f} s  ${row.dollars:.4f}"
        print(f"{row.snapshots:9,}  {row.share:6.0%}  {steps:48}{whole}", flush=True)
    if options.svg:
        draw(found, options.svg)


if __name__ == "__main__":
    main()
