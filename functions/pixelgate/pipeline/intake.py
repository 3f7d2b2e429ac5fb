"""From an uploaded manifest to an accepted build with its baseline."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pixelgate import keys
from pixelgate.errors import BuildConflict, WriteConflict
from pixelgate.keys import NO_BASE, BuildId
from pixelgate.manifest import BuildManifest, parse
from pixelgate.ports import Ledger, Objects
from pixelgate.record import Baseline, BuildRecord


@dataclass(frozen=True)
class Accepted:
    """A valid build and its record."""

    manifest: BuildManifest
    record: BuildRecord


def accept(build: BuildId, objects: Objects, ledger: Ledger, now: float) -> Accepted:
    """Validates the uploaded manifest and registers the build.

    What was accepted is copied to builds/, where CI cannot write: a manifest that is overwritten
    later changes no baseline.

    Raises:
        NotFound: the manifest is gone.
        BadManifest: it breaks a rule.
        BuildConflict: the build was accepted before with another manifest.
    """
    body = objects.read(keys.uploaded_manifest(build))
    manifest = parse(body, build)
    record = ledger.register(
        BuildRecord(build, manifest.commit, hashlib.sha256(body).hexdigest(), created=now)
    )
    try:
        objects.replace(keys.accepted_manifest(build), body, "application/json", None)
    except WriteConflict:
        _check_same(objects, build, record)
    return Accepted(manifest, record)


def read_accepted(build: BuildId, objects: Objects) -> BuildManifest:
    """The manifest of a build that was accepted before. Raises NotFound."""
    return parse(objects.read(keys.accepted_manifest(build)), build)


def find_baseline(accepted: Accepted, objects: Objects, ledger: Ledger) -> Baseline | None:
    """What the build is compared with; None if the manifest names a base that is not there.

    The first decision stands: a second delivery of the event compares with the same base, even if
    another build of that commit has come meanwhile.
    """
    chosen = _choose(accepted.manifest, ledger)
    if chosen is None:
        return None
    if chosen.exists:
        base = BuildId(accepted.manifest.id.project, chosen.build)
        if not objects.exists(keys.accepted_manifest(base)):
            return None  # registered a moment ago by a worker that has not copied it yet
    return ledger.choose_baseline(accepted.manifest.id, chosen)


def wanted_base(manifest: BuildManifest) -> str:
    """Stands for a base that is named but missing, in the comparison's id."""
    if manifest.base_build is not None:
        return f"@build:{manifest.base_build}"
    return f"@commit:{manifest.base_commit}"


def _choose(manifest: BuildManifest, ledger: Ledger) -> Baseline | None:
    project = manifest.id.project
    if manifest.base_build is not None:
        if ledger.build(BuildId(project, manifest.base_build)) is None:
            return None
        return Baseline(manifest.base_build, "the manifest names this build as base_build")
    if manifest.base_commit is not None:
        builds = [b for b in ledger.builds_at(project, manifest.base_commit)
                  if b.id != manifest.id]  # fmt: skip
        if not builds:
            return None
        return Baseline(
            builds[0].id.build, f"the newest build of base_commit {manifest.base_commit}"
        )
    return Baseline(NO_BASE, "the manifest names no base: every snapshot counts as added")


def _check_same(objects: Objects, build: BuildId, record: BuildRecord) -> None:
    stored = objects.read(keys.accepted_manifest(build))
    if hashlib.sha256(stored).hexdigest() != record.manifest_sha256:
        raise BuildConflict(f"{build} was uploaded before with another manifest")
