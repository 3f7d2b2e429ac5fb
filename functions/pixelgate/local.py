"""Two folders of screenshots, compared on this machine with the pipeline's own steps."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pixelgate import keys
from pixelgate.adapters.folder import FolderImages, FolderObjects, find_images
from pixelgate.comparison import Comparison, Status
from pixelgate.engine.header import read_header
from pixelgate.errors import BadManifest, ImageFault, UsageError
from pixelgate.keys import BuildId, ComparisonId
from pixelgate.manifest import BuildManifest, Image, check_name
from pixelgate.pipeline.diffing import DiffStore, Tally, diff_pairs
from pixelgate.pipeline.plan import assemble, make_plan
from pixelgate.pipeline.status import iso
from pixelgate.policy import Policy
from pixelgate.ports import DifferPool
from pixelgate.report import render

PROJECT = "local"
COMPARISON, REPORT = "comparison.json", "index.html"
# The report shows these; unchanged screenshots need not be copied to be believed.
_SHOWN = frozenset({Status.ERRORED, Status.CHANGED, Status.ADDED, Status.REMOVED, Status.RENAMED})


@dataclass(frozen=True)
class Scan:
    """A folder of screenshots as a build.

    Attributes:
        manifest: the build.
        paths: sha256 to one file with these bytes.
        faults: name to what is wrong with an image that cannot be read.
    """

    manifest: BuildManifest
    paths: Mapping[str, Path]
    faults: Mapping[str, ImageFault]


@dataclass(frozen=True)
class Progress:
    """Whom to tell how far the work is.

    Attributes:
        begin: called with the name of a stage and the number of its steps.
        step: called after each step.
    """

    begin: Callable[[str, int], None] = lambda stage, total: None
    step: Callable[[], None] = lambda: None


_DEFAULT_POLICY, _SILENT = Policy(), Progress()


@dataclass(frozen=True)
class LocalResult:
    """What was made.

    Attributes:
        comparison: the whole result.
        tally: how many unique pairs were diffed.
        out: the folder with comparison.json and index.html.
    """

    comparison: Comparison
    tally: Tally
    out: Path


def compare_folders(
    base_dir: Path,
    head_dir: Path,
    out: Path,
    *,
    pool: DifferPool,
    engine: tuple[str, str],
    policy: Policy = _DEFAULT_POLICY,
    allow_empty: bool = False,
    progress: Progress = _SILENT,
) -> LocalResult:
    """Compares two folders and leaves report, manifest, masks and images in a third one.

    Args:
        base_dir: how it was.
        head_dir: how it is.
        out: the result; an earlier report there is replaced at the end, and only if all went well.
        pool: who compares.
        engine: name and version of the engine.
        policy: what counts as a change.
        allow_empty: whether a head folder without images is meant.
        progress: whom to tell how far the work is.

    Raises:
        UsageError: a folder is missing or empty, or the result would overwrite something else.
    """
    _check_folders(base_dir, head_dir, out)
    base = scan(base_dir, "base", policy, progress)
    head = scan(head_dir, "head", policy, progress)
    if not head.manifest.images and not allow_empty:
        raise UsageError(f"there is no image (PNG, JPEG, WebP) in {head_dir}")
    with _replacing(out) as staging:
        objects = FolderObjects(staging)
        images = FolderImages({**base.paths, **head.paths})
        plan = make_plan(head.manifest, base.manifest, " ".join(engine))
        tally = Tally()
        progress.begin("comparing", len(plan.pairs))
        measured = diff_pairs(
            plan.pairs,
            images=images,
            store=DiffStore(objects, PROJECT),
            pool=pool,
            tally=tally,
            check=lambda: None,
            done=progress.step,
        )
        comparison = Comparison(
            id=ComparisonId(PROJECT, str(head_dir), str(base_dir)),
            baseline_reason="named on the command line",
            execution=uuid.uuid4().hex,
            created=iso(time.time()),
            engine=dict(zip(("name", "version"), engine, strict=True)),
            policy=policy,
            snapshots=assemble(plan, measured, head.faults),
        )
        copied = _copy_images(comparison, images, objects)
        body = json.dumps(comparison.as_json(), ensure_ascii=False).encode()
        page = render(comparison, copied.get, REPORT)
        objects.write(COMPARISON, body, "application/json")
        objects.write(REPORT, page, "text/html; charset=utf-8")
    return LocalResult(comparison, tally, out)


def scan(folder: Path, side: str, policy: Policy, progress: Progress) -> Scan:
    """Reads every image below a folder once: its hash and its header.

    Raises:
        UsageError: a file's name cannot be a snapshot's name, or a file cannot be opened.
    """
    files = find_images(folder)
    _check_names(folder, files)
    progress.begin(f"reading {side}", len(files))
    images: dict[str, Image] = {}
    faults: dict[str, ImageFault] = {}
    with ThreadPoolExecutor(thread_name_prefix="scan") as threads:
        for name, (image, fault) in zip(files, threads.map(_read, files.values()), strict=True):
            images[name] = image
            if fault:
                faults[name] = fault
            progress.step()
    manifest = BuildManifest(
        id=BuildId(PROJECT, side),
        commit="",
        branch="",
        base_build=None,
        base_commit=None,
        selective=False,
        all_names=None,
        policy=policy,
        images=images,
    )
    return Scan(manifest, {images[name].sha256: path for name, path in files.items()}, faults)


def _read(path: Path) -> tuple[Image, ImageFault | None]:
    try:
        body = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    sha256 = hashlib.sha256(body).hexdigest()
    try:
        return Image(sha256, read_header(body).size), None
    except ImageFault as fault:
        return Image(sha256, None), fault


def _check_names(folder: Path, names: Mapping[str, Path]) -> None:
    wrong = []
    for name in names:
        try:
            check_name(name)
        except BadManifest as error:
            wrong.append(str(error))
    if wrong:
        raise UsageError(f"these files in {folder} have names no snapshot can have: "
                         + "; ".join(wrong))  # fmt: skip


def _check_folders(base_dir: Path, head_dir: Path, out: Path) -> None:
    for folder in (base_dir, head_dir):
        if not folder.is_dir():
            raise UsageError(f"{folder} is not a folder")
        if out.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"the report would lie in {folder} and be compared the next time")
        if folder.resolve().is_relative_to(out.resolve()):
            raise UsageError(f"the report would replace {out}, in which {folder} lies")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; the report needs a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / COMPARISON).is_file():
        raise UsageError(f"{out} is not empty and holds no earlier report; choose another folder")


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """A folder to fill, which takes the place of `out` when all went well."""
    out.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    staging.chmod(0o755)
    try:
        yield staging
        if out.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{out.name}-old-", dir=out.parent))
            out.replace(old)
            staging.replace(out)
            shutil.rmtree(old, ignore_errors=True)
        else:
            staging.replace(out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _copy_images(
    comparison: Comparison, images: FolderImages, objects: FolderObjects
) -> dict[str, str]:
    """Copies what the report shows; sha256 to key."""
    shown = {
        sha
        for s in comparison.snapshots.values()
        if s.status in _SHOWN
        for sha in (s.base_sha256, s.head_sha256)
        if sha
    }
    copied = {}
    for sha in shown:
        copied[sha] = keys.image(PROJECT, sha)
        objects.write(copied[sha], images.read(sha), "application/octet-stream")
    return copied
