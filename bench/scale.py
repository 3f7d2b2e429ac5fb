"""How time and cost grow with the number of snapshots: measured pieces, and a model made of them.

    python -m bench.scale --json .bench/scale.json --svg docs/scale.svg

Measured here, each in a process of its own, with every request to the bucket 20 ms late:
  plan       both manifests read and checked, matched, pairs found, batches written
  work       real pairs (examples/) compared by a worker with two processors, thumbnails too
  publish    results of all batches collected, judged, manifest and report written, published
Modelled, from these and from stated prices: what AWS does in between, and all that is larger.
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
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench.scale_plot import Point, plot
from pixelgate.bootstrap import find_engine, open_pool, pace_collector
from pixelgate.domain import keys
from pixelgate.domain.cache_month import Generations
from pixelgate.domain.comparison import Diff, Measured, Region, Snapshot, Status
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.records import Baseline
from pixelgate.domain.verdict import Evidence
from pixelgate.pipeline.compare.batches import Batch, Done, Handed, read_batch, write_plan
from pixelgate.pipeline.compare.batches import write_result as write_batch_result
from pixelgate.pipeline.compare.fan_out import publish_handed, work
from pixelgate.pipeline.context import CompareContext, Limits
from pixelgate.pipeline.diffing.pairs import DiffStats
from pixelgate.pipeline.diffing.plan import Pair, make_plan
from pixelgate.pipeline.diffing.thumbnails import with_addresses
from pixelgate.pipeline.intake import accept
from pixelgate.ports import Objects
from pixelgate.report import render
from pixelgate.storage.folder import FolderObjects
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


class LateFolder(FolderObjects):
    """A folder of which each request takes as long as one to S3."""

    def read(self, key: str, limit: int | None = None) -> bytes:
        """Reads late."""
        time.sleep(LATENCY)
        return super().read(key, limit)

    def write(self, key: str, body: bytes, content_type: str) -> None:
        """Writes late."""
        time.sleep(LATENCY)
        super().write(key, body, content_type)


@dataclass(frozen=True)
class Piece:
    """What one piece took.

    Attributes:
        seconds: wall-clock time.
        processor_seconds: of which were computed, however busy the machine was.
        megabytes: the most memory that its process had.
    """

    seconds: float
    processor_seconds: float
    megabytes: float


def manifest(build: str, number: int, share: float) -> bytes:
    """A manifest of that many images; that share of them differs between builds."""
    images = {}
    for i in range(number):
        version = build if (i * share) % 1 < share else "both"
        sha = hashlib.sha256(f"{version} {i}".encode()).hexdigest()
        name = f"pages/section-{i % 97}/{i:06}-desktop.png"
        images[name] = {"sha256": sha, "width": 1_280, "height": 800}
    fields = {"project": PROJECT, "build": build, "commit": build, "branch": "feature"}
    named = {"base_build": "base"} if build == "head" else {}
    return json.dumps({**fields, **named, "images": images}).encode()


@dataclass(frozen=True)
class _Watch:
    """Both clocks, from when it was made."""

    wall: float
    processor: float

    @classmethod
    def start(cls) -> _Watch:
        return cls(time.perf_counter(), time.process_time())

    def read(self) -> tuple[float, float]:
        return time.perf_counter() - self.wall, time.process_time() - self.processor


def measure_plan(folder: Path) -> tuple[float, float]:
    """From the head's event to the list of batches; but for asking whether the images are there."""
    service = _service(LateFolder(folder))
    watch = _Watch.start()
    accepted = accept.accept_build(HEAD, service)
    base = accept.read_accepted(BASE, service)
    plan = make_plan(accepted.manifest, base, service.engine_label)
    write_plan(Handed(ID, "e1"), plan, {}, None, service.objects, service.limits)
    return watch.read()


def set_up_results(place: Path) -> None:
    """What the workers leave: each pair has two regions and a change of its own."""
    objects, handed = FolderObjects(place), Handed(ID, "e1")
    areas = (Evidence(blocks=6, differing=500, clear=500, one_sided=500), Evidence(blocks=4))
    regions = (Region(8, 9, 40, 20, 500, area=0), Region(90, 9, 20, 20, 200, area=1))
    listed = json.loads(objects.read(keys.fan_out(ID, "e1", "batches.json")))
    for batch in (Batch(**one) for one in listed):
        results = {}
        for pair in read_batch(handed, batch, objects):
            size = (1_280, 800)
            found = Diff(700, 400, 1_024_000, size, size, regions, areas=areas)
            diff = replace(found, fingerprint=pair.head[:32])
            results_of = keys.diffs(PROJECT, pair.fingerprint, Generations.at(time.time()).current)
            mask = keys.diff(results_of, pair.base, pair.head)
            results[pair] = Measured(diff, mask)
        thumbs = _thumbs(results)
        write_batch_result(
            handed, batch, Done(results, DiffStats(len(results), 0), thumbs), objects
        )


def _thumbs(results: Mapping[Pair, Measured]) -> list[str]:
    """The keys of the thumbnails that a worker would have drawn."""
    shown = {
        pair.head: Snapshot(Status.CHANGED, pair.head, pair.base, measured=measured)
        for pair, measured in results.items()
    }
    named = with_addresses(shown, PROJECT, Generations.at(time.time()).current)
    return [snapshot.thumb for snapshot in named.values() if snapshot.thumb]


def _draw_nothing(image: bytes, mask: bytes | None, slices: object) -> bytes:
    raise AssertionError("every thumbnail is there already")


def measure_publish(folder: Path) -> tuple[float, float]:
    """From the last batch's end to the published verdict."""
    service = _service(LateFolder(folder), thumbnail=_draw_nothing)
    head = accept.accept_build(HEAD, service)
    ledger, now = service.ledger, service.clock()
    ledger.choose_baseline(head.manifest.id, Baseline("base", "it is named"))
    claim = ledger.claim(ID, "it is named", "e1", now, now + 90)
    ledger.hand_over(claim, "too much", now, now + 900)
    del head
    watch = _Watch.start()
    publish_handed(Handed(ID, "e1"), service, lambda: math.inf)
    return watch.read()


def measure_work(folder: Path) -> Pairs:
    """A batch of the pairs in examples/, by one worker."""
    objects = LateFolder(folder)
    builds = {
        build: _real(ROOT / "examples" / build, FolderObjects(folder)) for build in ("base", "head")
    }
    for build, images in builds.items():
        fields = {"project": PROJECT, "build": build, "commit": build, "branch": "b"}
        body = json.dumps({**fields, "images": images}).encode()
        FolderObjects(folder).write(f"uploads/{PROJECT}/{build}/manifest.json", body, "")
    from pixelgate.engine.thumbnail import thumbnail

    engine = find_engine()
    with open_pool(engine, 2) as pool:
        service = _service(objects, pool=pool, engine=engine.label, thumbnail=thumbnail)
        base, head = (accept.accept_build(build, service).manifest for build in (BASE, HEAD))
        plan = make_plan(head, base, service.engine_label)
        now = service.clock()
        service.ledger.claim(ID, "", "e1", now, now + 900)
        write_plan(Handed(ID, "e1"), plan, {}, None, objects, service.limits)
        [batch] = json.loads(objects.read(keys.fan_out(ID, "e1", "batches.json")))
        begun = time.perf_counter()
        work(Handed(ID, "e1"), Batch(**batch), service, lambda: math.inf)
        took = time.perf_counter() - begun
    sizes = [images["width"] * images["height"] for images in builds["head"].values()]
    return Pairs(took / len(plan.pairs), sum(sizes) / len(sizes) / 1e6)


@dataclass(frozen=True)
class Pairs:
    """What real pairs took: seconds of a worker with two processors, and megapixels, of one."""

    seconds: float
    megapixels: float


def model(number: int, share: float, real: Pairs, pieces: Mapping[str, Piece]) -> dict[str, float]:
    """Seconds and dollars of one build, from its pieces and the prices."""
    per_pair = real.seconds
    pairs = max(1, round(number * share))
    batches = math.ceil(pairs / Limits().batch_pairs)
    alone = pairs * real.megapixels <= INLINE_MEGAPIXELS
    plan, publish = pieces["plan"].seconds, pieces["publish"].seconds
    pages = math.ceil((number + pairs) / 1_000)
    arrival = pages * LIST
    batch = min(pairs, Limits().batch_pairs) * per_pair
    diff = pairs * per_pair if alone else math.ceil(batches / WORKERS) * batch + 2 * COLD_START
    computed = plan + arrival + publish + pairs * per_pair
    cold = 1 if alone else 2 + min(batches, WORKERS)
    dollars = (computed + cold * COLD_START) * MEMORY_GB * GB_SECOND
    dollars += pairs * (6 * GET + 3 * PUT)  # two images, store, mask; result, mask, thumbnail
    dollars += (10 + pages) * PUT + 10 * GET + 8 * DYNAMODB_WRITE + 12 * DYNAMODB_READ
    if not alone:
        dollars += batches * (2 * GET + PUT + INVOKE + EXPRESS + 2 * DYNAMODB_READ)
        dollars += batches * batch * EXPRESS_GB * EXPRESS_GB_SECOND + 6 * TRANSITION
    return {"seconds": COLD_START + plan + arrival + diff + publish, "dollars": dollars}


def _real(folder: Path, objects: FolderObjects) -> dict[str, dict[str, Any]]:
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


def _service(objects: Objects, **changes: Any) -> CompareContext:
    made: dict[str, Any] = {
        "objects": objects,
        "ledger": MemoryLedger(),
        "pool": None,  # nothing here compares but `work`, which brings its own
        "engine": ("odiff", "4.5.0"),
        "render": render,
        "resume": lambda build: None,
    }
    return CompareContext(**made | changes)


def _apart(piece: str, folder: Path) -> Piece:
    """One piece in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.scale", "--piece", piece, "--folder", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode:
        raise SystemExit(f"{piece} failed:\n{done.stderr[-2_000:]}")
    return Piece(**json.loads(done.stdout))


def _run_piece(piece: str, folder: Path) -> None:
    steps = {"plan": measure_plan, "results": set_up_results, "publish": measure_publish}
    seconds, computed = steps[piece](folder) or (0.0, 0.0)
    # Not getrusage: its peak is inherited from the process that started this one.
    status = Path("/proc/self/status").read_text()
    [peak] = (int(line.split()[1]) / 1_024 for line in status.splitlines() if "VmHWM" in line)
    print(json.dumps(asdict(Piece(round(seconds, 2), round(computed, 2), round(peak)))))


def pieces_of(number: int, share: float) -> dict[str, Piece]:
    """Plan and publish of one size, measured."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        objects = FolderObjects(folder)
        objects.write(keys.uploaded_manifest(HEAD), manifest("head", number, share), "")
        objects.write(keys.accepted_manifest(BASE), manifest("base", number, share), "")
        plan = _apart("plan", folder)
        _apart("results", folder)
        return {"plan": plan, "publish": _apart("publish", folder)}


def rows(sizes: tuple[int, ...], real: Pairs) -> Iterator[dict[str, Any]]:
    """One row for each size and share; a million are ten builds side by side."""
    for share in SHARES:
        for number in sizes:
            pieces = pieces_of(number, share)
            whole = model(number, share, real, pieces)
            measured = {name: asdict(piece) for name, piece in pieces.items()}
            row = {"snapshots": number, "share": share, "model": whole}
            yield {**row, "measured": measured}
            if number == LARGEST_BUILD:
                ten = {**whole, "dollars": 10 * whole["dollars"]}
                yield {**row, "snapshots": 10 * number, "model": ten}


def main() -> None:
    """Measures, models, prints a table, and draws."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale")
    parser.add_argument("--json", type=Path, default=Path(".bench/scale.json"))
    parser.add_argument("--svg", type=Path, help="where to draw the growth")
    parser.add_argument("--most", type=int, default=LARGEST_BUILD, help="snapshots to measure")
    parser.add_argument("--piece", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    pace_collector()  # as in the functions
    if chosen.piece:
        _run_piece(chosen.piece, chosen.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        real = measure_work(Path(folder))
    said = f"{real.seconds * 1e3:.0f} ms a real pair of {real.megapixels:.2f} megapixels"
    print(f"one worker, two processors: {said}")
    print("snapshots  differ   plan              publish           whole: modelled")
    found = []
    for row in rows(tuple(n for n in SIZES if n <= chosen.most), real):
        found.append(row)
        print(_line(row), flush=True)
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    chosen.json.write_text(json.dumps({"real": asdict(real), "rows": found}, indent=1))
    if chosen.svg:
        chosen.svg.write_text(plot([_point(row) for row in found]), encoding="utf-8")


def _line(row: Mapping[str, Any]) -> str:
    pieces = "".join(
        f"{p['seconds']:6.1f} s {p['megabytes']:5.0f} MB  "
        for p in row.get("measured", {}).values()
    )
    said = f"{row['snapshots']:9,}  {row['share']:6.0%}  {pieces:48}"
    return f"{said}{row['model']['seconds']:7.0f} s  ${row['model']['dollars']:.4f}"


def _point(row: Mapping[str, Any]) -> Point:
    pieces = row.get("measured")
    measured = sum(piece["seconds"] for piece in pieces.values()) if pieces else None
    said = row["model"]
    return Point(row["snapshots"], row["share"], said["seconds"], said["dollars"], measured)


if __name__ == "__main__":
    main()
