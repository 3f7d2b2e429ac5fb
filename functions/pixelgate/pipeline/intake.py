"""From an uploaded manifest to an accepted build with its baseline."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from pixelgate import keys
from pixelgate.errors import BadManifest, BuildConflict, TooLarge, WriteConflict
from pixelgate.keys import NO_BASE, BuildId
from pixelgate.manifest import MAX_BYTES, BuildManifest, parse
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
    try:
        body = objects.read(keys.uploaded_manifest(build), MAX_BYTES)
    except TooLarge as error:
        raise BadManifest(str(error)) from error
    manifest = parse(body, build)
    record = ledger.register(
        BuildRecord(
            build,
            manifest.commit,
            hashlib.sha256(body).hexdigest(),
            created=now,
            branch=manifest.branch,
            pull_request=manifest.pull_request,
            trusted=build.trusted,
        )
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
    if accepted.record.baseline:
        return accepted.record.baseline
    chosen = _choose(accepted.manifest, objects, ledger)
    return chosen and ledger.choose_baseline(accepted.manifest.id, chosen)


def wanted_base(manifest: BuildManifest) -> str:
    """Stands for a base that is named but missing, in the comparison's id."""
    if manifest.base_build is not None:
        return keys.wanted("build", manifest.base_build)
    return keys.wanted("commit", str(manifest.base_commit))


def _choose(manifest: BuildManifest, objects: Objects, ledger: Ledger) -> Baseline | None:
    project = manifest.id.project

    def usable(build: BuildId) -> bool:
        # Registered a moment ago, or by a worker that died then: its manifest is not copied yet.
        return build != manifest.id and objects.exists(keys.accepted_manifest(build))

    if manifest.base_build is not None:
        base = BuildId(project, manifest.base_build)
        if ledger.build(base) is None or not usable(base):
            return None
        return Baseline(manifest.base_build, "the manifest names this build as base_build")
    if manifest.base_commit is not None:
        builds = [b for b in ledger.builds_at(project, manifest.base_commit) if usable(b.id)]
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
