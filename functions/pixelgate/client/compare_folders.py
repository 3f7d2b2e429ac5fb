"""Two folders of screenshots, compared on this machine with the pipeline's own steps."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pixelgate.client.progress import SILENT, Progress
from pixelgate.domain import keys
from pixelgate.domain.cache_month import NO_GENERATIONS
from pixelgate.domain.comparison import Comparison, Status, engine_of
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.manifest import BuildManifest, Image, check_name
from pixelgate.domain.matching import case_hints
from pixelgate.domain.names import canonical, collisions
from pixelgate.domain.policy import Policy
from pixelgate.domain.policy_rules import Policies
from pixelgate.engine.header import read_header
from pixelgate.engine.thumbnail import thumbnail
from pixelgate.errors import BadManifest, ImageFault, NotFound, UsageError
from pixelgate.pipeline.announce.status import iso
from pixelgate.pipeline.diffing.pairs import DiffCache, DiffStats, diff_pairs
from pixelgate.pipeline.diffing.plan import assemble, make_plan
from pixelgate.pipeline.diffing.thumbnails import with_thumbs
from pixelgate.ports import DifferPool
from pixelgate.report import render, render_inline
from pixelgate.storage.folder import FolderImages, FolderObjects, find_images

PROJECT = "local"
COMPARISON, REPORT = "comparison.json", "index.html"
# What a report consists of, the file that makes it one first.
_PARTS = (COMPARISON, REPORT, "images", "diffs")
_STAGING = ".pixelgate-"
_PROBLEMS_SHOWN = 10
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


_DEFAULT_POLICIES = Policies(Policy())


@dataclass(frozen=True)
class LocalResult:
    """What was made.

    Attributes:
        comparison: the whole result.
        tally: how many unique pairs were diffed.
        out: the folder with comparison.json and index.html.
    """

    comparison: Comparison
    tally: DiffStats
    out: Path


def compare_folders(
    base_dir: Path,
    head_dir: Path,
    out: Path,
    *,
    pool: DifferPool,
    engine: tuple[str, str],
    policies: Policies = _DEFAULT_POLICIES,
    allow_empty: bool = False,
    inline: bool = False,
    progress: Progress = SILENT,
) -> LocalResult:
    """Compares two folders and leaves report, manifest, masks and images in a third one.

    Args:
        base_dir: how it was.
        head_dir: how it is.
        out: the result; an earlier report there is replaced at the end, and only if all went well.
        pool: who compares.
        engine: name and version of the engine.
        policies: what counts as a change.
        allow_empty: whether a head folder without images is meant.
        inline: whether the report shall carry its images within itself, to be mailed as one file.
        progress: whom to tell how far the work is.

    Raises:
        UsageError: a folder is missing or empty, or the result would overwrite something else.
    """
    started = iso(time.time())
    _check_folders(base_dir, head_dir, out)
    base_files, head_files = find_images(base_dir), find_images(head_dir)
    _check_names(base_files, head_files)
    base = scan("base", base_files, policies, progress)
    head = scan("head", head_files, policies, progress)
    if not head.manifest.images and not allow_empty:
        raise UsageError(f"there is no image (PNG, JPEG, WebP) in {head_dir}")
    with _replacing(out) as staging:
        objects = FolderObjects(staging)
        images = FolderImages({**base.paths, **head.paths})
        plan = make_plan(head.manifest, base.manifest, " ".join(engine))
        tally = DiffStats()
        progress.begin("comparing", len(plan.pairs))
        measured = diff_pairs(
            plan.pairs,
            images=images,
            store=DiffCache(objects, PROJECT, NO_GENERATIONS),
            pool=pool,
            tally=tally,
            check=lambda: None,
            done=progress.step,
        )
        comparison = Comparison(
            id=ComparisonId(PROJECT, str(head_dir), str(base_dir)),
            baseline_reason="named on the command line",
            execution=uuid.uuid4().hex,
            started=started,
            created=iso(time.time()),
            engine=engine_of(engine),
            policy=policies.default,
            warnings=tuple(case_hints(plan.matches)),
            snapshots=with_thumbs(
                assemble(plan, measured, _of_new(head.faults, base.manifest)),
                project=PROJECT,
                generation=NO_GENERATIONS.current,
                objects=objects,
                images=images,
                thumbnail=thumbnail,
            ),
        )
        body = comparison.encoded()
        if inline:
            page = _inline(comparison, images, objects)
        else:
            copied = _copy_images(comparison, images, objects)
            page = render(comparison, copied.get, REPORT, local=True)
        objects.write(COMPARISON, body, "application/json")
        objects.write(REPORT, page, "text/html; charset=utf-8")
    return LocalResult(comparison, tally, out)


def scan(side: str, files: Mapping[str, Path], policies: Policies, progress: Progress) -> Scan:
    """Reads every image of a folder once: its hash and its header.

    Args:
        side: "base" or "head".
        files: name to path.
        policies: of the build.
        progress: whom to tell.

    Raises:
        UsageError: files cannot be opened; all of them are listed.
    """
    progress.begin(f"reading {side}", len(files))
    images: dict[str, Image] = {}
    faults: dict[str, ImageFault] = {}
    unreadable: list[str] = []
    with ThreadPoolExecutor(thread_name_prefix="scan") as threads:
        for name, read in zip(files, threads.map(_read, files.values()), strict=True):
            progress.step()
            match read:
                case OSError():
                    unreadable.append(f"{files[name]}: {read.strerror}")
                case (image, fault):
                    images[name] = replace(image, policy=policies.of(name))
                    if fault:
                        faults[name] = fault
    if unreadable:
        raise UsageError(_listed("these files cannot be read", unreadable))
    manifest = BuildManifest(
        id=BuildId(PROJECT, side),
        commit="",
        branch="",
        base_build=None,
        base_commit=None,
        selective=False,
        all_names=None,
        policy=policies.default,
        images=images,
    )
    return Scan(manifest, {images[name].sha256: path for name, path in files.items()}, faults)


def _read(path: Path) -> tuple[Image, ImageFault | None] | OSError:
    try:
        body = path.read_bytes()
    except OSError as error:
        return error
    sha256 = hashlib.sha256(body).hexdigest()
    try:
        return Image(sha256, read_header(body).size), None
    except ImageFault as fault:
        return Image(sha256, None), fault


def _listed(what: str, lines: list[str]) -> str:
    shown = [f"  {line}" for line in lines[:_PROBLEMS_SHOWN]]
    if len(lines) > _PROBLEMS_SHOWN:
        shown.append(f"  and {len(lines) - _PROBLEMS_SHOWN} more")
    return "\n".join([f"{what}:", *shown])


def _check_names(*folders: Mapping[str, Path]) -> None:
    wrong = []
    for files in folders:
        for name, path in files.items():
            try:
                check_name(name)
            except BadManifest as error:
                wrong.append(f"{str(path)!a}: {str(error).partition(': ')[2]}")
        wrong += collisions(files)
    if wrong:
        raise UsageError(_listed("these files have names that no snapshot can have", wrong))


def _check_folders(base_dir: Path, head_dir: Path, out: Path) -> None:
    for folder in (base_dir, head_dir):
        if not folder.is_dir():
            what = "is not a folder" if folder.exists() else "does not exist"
            raise UsageError(f"{folder} {what}")
        if out.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"the report would lie in {folder} and be compared the next time")
        if folder.resolve().is_relative_to(out.resolve()):
            raise UsageError(f"the report would replace {out}, in which {folder} lies")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; the report needs a folder")
    if out.is_dir():
        _check_ours(out)


def _check_ours(out: Path) -> None:
    """Refuses a folder that holds anything which a report of ours does not consist of."""
    foreign = sorted(e.name for e in out.iterdir() if not _is_ours(e.name))
    if foreign:
        raise UsageError(
            f"{out} holds {foreign[0]!r}, which is no part of a report; choose another folder"
        )
    if (out / COMPARISON).exists():
        try:
            ours = "schema_version" in json.loads((out / COMPARISON).read_bytes())
        except (OSError, ValueError, TypeError):
            ours = False
        if not ours:
            raise UsageError(f"{out / COMPARISON} is not of our making; choose another folder")


def _is_ours(name: str) -> bool:
    return name in _PARTS or name.startswith(_STAGING)


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """A folder to fill, whose content takes the place of what `out` holds when all went well.

    It lies inside `out`, which may be a link, a mounted volume, or the only folder in which we
    may write. comparison.json goes first and comes last: a report without it is not whole.
    """
    existed = out.exists()
    out.mkdir(parents=True, exist_ok=True)
    for left_over in out.glob(f"{_STAGING}*"):
        shutil.rmtree(left_over, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=out))
    try:
        yield staging
        for name in _PARTS:
            old = out / name
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old)
            else:
                old.unlink(missing_ok=True)
        for name in reversed(_PARTS):
            if (staging / name).exists():
                (staging / name).replace(out / name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if not existed and not any(out.iterdir()):
            out.rmdir()


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
        try:
            body = images.read(sha)
        except ImageFault:
            continue  # it was changed meanwhile; its snapshot says so
        copied[sha] = keys.image(PROJECT, sha)
        objects.write(copied[sha], body, "application/octet-stream")
    return copied


def _inline(comparison: Comparison, images: FolderImages, objects: FolderObjects) -> bytes:
    """The report with its images inside."""

    def read(key: str) -> bytes | None:
        folder, _, sha256 = key.rpartition("/")
        try:
            return images.read(sha256) if folder == f"images/{PROJECT}" else objects.read(key)
        except (ImageFault, NotFound):
            return None  # it was changed meanwhile; the page says that it is not there

    return render_inline(
        comparison, lambda sha256: keys.image(PROJECT, sha256), REPORT, read, local=True
    )


def _of_new(faults: Mapping[str, ImageFault], base: BuildManifest) -> dict[str, ImageFault]:
    """Faults of snapshots that the base lacks; equal bytes are equal, whatever they hold."""
    known = {canonical(name) for name in base.images}
    return {name: fault for name, fault in faults.items() if canonical(name) not in known}
