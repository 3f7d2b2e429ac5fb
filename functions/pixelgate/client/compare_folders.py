"""Compares two folders of screenshots on this machine, with the steps of the pipeline."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pixelgate.client.layouts.select import ALL, Choice, Selection, Taken
from pixelgate.client.report_folder import check_ours, replacing
from pixelgate.client.scan import chosen, details_of
from pixelgate.domain import keys
from pixelgate.domain.comparison import PICTURED, Comparison, engine_of
from pixelgate.domain.keys import COMPARISON, REPORT, BuildId, ComparisonId
from pixelgate.domain.learned_noise import LearnedNoise
from pixelgate.domain.manifest import BuildManifest, Image, check_name
from pixelgate.domain.matching import case_hints, variant_hints
from pixelgate.domain.names import canonical, collisions
from pixelgate.domain.policy import Policy
from pixelgate.domain.policy_rules import Policies
from pixelgate.domain.quarantine import Known, Quarantine, apply
from pixelgate.domain.wording import shortened
from pixelgate.engine.header import read_header
from pixelgate.engine.thumbnail import thumbnail
from pixelgate.errors import BadManifest, ImageFault, NotFound, UsageError
from pixelgate.pipeline.announce.status import iso
from pixelgate.pipeline.diffing.pairs import DiffCache, DiffStats, diff_pairs
from pixelgate.pipeline.diffing.plan import assemble, make_plan
from pixelgate.pipeline.diffing.thumbnails import draw_thumbnails
from pixelgate.ports import SILENT, DifferPool, Progress
from pixelgate.report import render, render_inline
from pixelgate.storage.folder import FolderBucket, FolderImages

PROJECT = "local"
_PICTURES = f"diffs/{PROJECT}/"
_PROBLEMS_SHOWN = 10


@dataclass(frozen=True)
class Scan:
    """A scanned folder of screenshots, as a build."""

    manifest: BuildManifest
    paths: Mapping[str, Path]  # maps a sha256 to one file with these bytes
    faults: Mapping[str, ImageFault]  # maps the name of an unreadable image to its fault


_DEFAULT_POLICIES = Policies(Policy())
_NOTHING: Mapping[str, LearnedNoise] = {}


@dataclass(frozen=True)
class LocalResult:
    """The result of a local comparison."""

    comparison: Comparison
    tally: DiffStats  # the number of unique pairs that were diffed
    out: Path  # the folder with comparison.json and index.html
    selections: tuple[Selection, ...] = ()  # what was taken of the base's and the head's folder


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
    only: Collection[str] | None = None,
    gone: Collection[str] = (),
    progress: Progress = SILENT,
    choice: Choice = ALL,
    learned: Mapping[str, LearnedNoise] = _NOTHING,
    quarantine: Sequence[Quarantine] = (),
) -> LocalResult:
    """Compares two folders and writes the report, comparison.json, masks and images to a third.

    An earlier report in `out` is replaced only after a success. `engine` is the engine's name and
    version. With `inline` the report contains its images, so that it is one file. With `only`,
    these names of `head_dir` are compared; of the others in `base_dir`, `gone` are removed and the
    rest is skipped. `choice` is the layout of both folders, and which of their snapshots are
    compared. `learned` is the noise that was learned of them, by canonical name.
    `quarantine` applies by the time of the comparison.

    Raises:
        UsageError: a folder is missing or empty, or the result would overwrite something else.
    """
    started = iso(time.time())
    _check_folders(base_dir, head_dir, out)
    selections = chosen(base_dir, choice), chosen(head_dir, choice)
    base_files, head_files = (selection.files for selection in selections)
    if only is not None:
        wanted = {*only}
        head_files = {name: path for name, path in head_files.items() if name in wanted}
    _check_names(base_files, head_files)
    base = scan("base", base_files, policies, progress, selections[0].taken)
    head = scan("head", head_files, policies, progress, selections[1].taken)
    if only is not None:
        suite = frozenset({*head_files, *base_files}.difference({*gone} - head_files.keys()))
        head = replace(head, manifest=replace(head.manifest, selective=True, all_names=suite))
    for selection, is_head in zip(selections, (False, True), strict=True):
        # A base without images is a first comparison, unless something was left out of it.
        if not selection.taken and not allow_empty and (is_head or selection.left):
            raise UsageError(selection.why_empty())
    with replacing(out) as staging:
        objects = FolderBucket(staging)
        images = FolderImages({**base.paths, **head.paths})
        plan = make_plan(head.manifest, base.manifest, " ".join(engine))
        tally = DiffStats()
        progress.begin("comparing", len(plan.pairs))
        measured = diff_pairs(
            plan.pairs,
            images=images,
            store=DiffCache(objects, None, _PICTURES),
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
            warnings=(*case_hints(plan.matches), *variant_hints(plan.matches)),
            snapshots=draw_thumbnails(
                assemble(plan, measured, _of_new(head.faults, base.manifest), lambda: learned),
                folder=_PICTURES,
                objects=objects,
                images=images,
                thumbnail=thumbnail,
            ),
        )
        comparison = comparison.with_quarantine(
            apply(
                *(quarantine, comparison.snapshots.keys()),
                *(datetime.fromisoformat(comparison.created), Known()),
            )
        )
        body = comparison.encoded()
        if inline:
            page = _inline(comparison, images, objects)
        else:
            copied = _copy_images(comparison, images, objects)
            page = render(comparison, copied.get, REPORT, local=True)
        objects.write(COMPARISON, body, "application/json")
        objects.write(REPORT, page, "text/html; charset=utf-8")
    return LocalResult(comparison, tally, out, selections)


def scan(
    side: str,
    files: Mapping[str, Path],
    policies: Policies,
    progress: Progress,
    taken: Mapping[str, Taken] | None = None,
) -> Scan:
    """Reads the hash and the header of every image of a folder, each file once.

    `taken` is what the folder's layout tells of the snapshots, by name.

    Raises:
        UsageError: files cannot be read; the message lists the first ten.
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
                    details = details_of(taken[name]) if taken else {}
                    images[name] = replace(image, policy=policies.of(name), details=details)
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


def _listed(title: str, lines: list[str]) -> str:
    shown = [f"  {line}" for line in shortened(lines, _PROBLEMS_SHOWN)]
    return "\n".join([f"{title}:", *shown])


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
            problem = "is not a folder" if folder.exists() else "does not exist"
            raise UsageError(f"{folder} {problem}")
        if out.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"the report would lie in {folder} and be compared the next time")
        if folder.resolve().is_relative_to(out.resolve()):
            raise UsageError(f"the report would replace {out}, which contains {folder}")
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; the report needs a folder")
    if out.is_dir():
        check_ours(out)


def _copy_images(
    comparison: Comparison, images: FolderImages, objects: FolderBucket
) -> dict[str, str]:
    """Copies the images that the report shows; returns a map from sha256 to key."""
    shown = {
        sha
        for s in comparison.snapshots.values()
        if s.status in PICTURED or s.passes_by_learned_noise
        for sha in (s.base_sha256, s.head_sha256)
        if sha
    }
    copied = {}
    for sha in shown:
        try:
            body = images.read(sha)
        except ImageFault:
            continue  # the file has changed since; its snapshot is errored
        copied[sha] = keys.image(PROJECT, sha)
        objects.write(copied[sha], body, "application/octet-stream")
    return copied


def _inline(comparison: Comparison, images: FolderImages, objects: FolderBucket) -> bytes:
    """Renders the report as one page that contains its images."""

    def read(key: str) -> bytes | None:
        folder, _, sha256 = key.rpartition("/")
        try:
            return images.read(sha256) if folder == f"images/{PROJECT}" else objects.read(key)
        except (ImageFault, NotFound):
            return None  # the file has changed since; the page shows that it is missing

    return render_inline(
        comparison, lambda sha256: keys.image(PROJECT, sha256), REPORT, read, local=True
    )


def _of_new(faults: Mapping[str, ImageFault], base: BuildManifest) -> dict[str, ImageFault]:
    """Returns the faults of added snapshots; equal bytes are unchanged even if unreadable."""
    known = {canonical(name) for name in base.images}
    return {name: fault for name, fault in faults.items() if canonical(name) not in known}
