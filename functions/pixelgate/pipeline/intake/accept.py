"""Accepts an uploaded build: one with a full manifest, a plain upload, or merged shards."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.domain.manifest import MAX_BYTES, BuildManifest, fingerprint, parse, parse_accepted
from pixelgate.domain.records import BuildRecord
from pixelgate.errors import BadManifest, BuildConflict, NotFound, TooLarge, WriteConflict
from pixelgate.pipeline.context import CompareContext
from pixelgate.pipeline.intake import shards
from pixelgate.pipeline.intake.images import BucketImages
from pixelgate.pipeline.intake.plain_upload import import_images, list_plain_upload


@dataclass(frozen=True)
class Accepted:
    """A valid build, with its record in the ledger."""

    manifest: BuildManifest
    record: BuildRecord
    sharded: bool = False


def accept_build(build: BuildId, service: CompareContext) -> Accepted:
    """Validates an upload and registers the build.

    The accepted manifest is copied to builds/, where CI cannot write. So an upload that is
    overwritten later changes no baseline.

    Raises:
        NotFound: there is no manifest, or shards of the build are still missing.
        BadManifest: the manifest breaks a rule.
        BuildConflict: the build was accepted before with another manifest.
    """
    objects = service.objects
    try:
        body = objects.read(keys.uploaded_manifest(build), MAX_BYTES)
    except TooLarge as error:
        raise BadManifest(str(error)) from error
    except NotFound:
        merged = shards.merge_shards(build, objects)
        if merged is None:
            raise
        return replace(_register(parse_accepted(merged, build), merged, service), sharded=True)
    manifest = parse(body, build)
    if manifest.plain:
        return _accept_plain(body, manifest, service)
    return _register(manifest, body, service)


def find_accepted(build: BuildId, service: CompareContext) -> Accepted | None:
    """Returns a build that was accepted earlier; None if its acceptance did not finish."""
    record = service.ledger.build(build)
    if record is None:
        return None
    try:
        return Accepted(read_accepted(build, service), record)
    except NotFound:
        return None  # its worker died before the copy


def read_accepted(build: BuildId, service: CompareContext) -> BuildManifest:
    """Reads the manifest of an accepted build. Raises NotFound."""
    return parse_accepted(service.objects.read(keys.accepted_manifest(build)), build)


def _accept_plain(body: bytes, manifest: BuildManifest, service: CompareContext) -> Accepted:
    """Accepts a plain upload. A second delivery lists its images, but does not read them again."""
    build, objects = manifest.id, service.objects
    listed = list_plain_upload(body, keys.uploads(build), objects)
    record = service.ledger.build(build)
    if record and record.manifest_sha256 != listed.fingerprint:
        raise BuildConflict(
            f"{build} was uploaded before with other images or another manifest; "
            "were all images there before the manifest?"
        )
    before = find_accepted(build, service)
    if before:
        return before
    imported = import_images(body, manifest, listed, objects, service.pool)
    accepted = _register(parse_accepted(imported.body, build), imported.body, service)
    # Garbage collection may have deleted an image between its import and the acceptance.
    exists = BucketImages(objects, build.project).existence_check(imported.found)
    if not imported.whole or not all(map(exists, imported.found)):
        return accepted
    service.ledger.mark_images_valid(build)  # every image was read and hashed a moment ago
    return replace(accepted, record=replace(accepted.record, complete=True, arrived=True))


def _register(manifest: BuildManifest, body: bytes, service: CompareContext) -> Accepted:
    build = manifest.id
    record = service.ledger.register(
        BuildRecord(
            build,
            manifest.commit,
            fingerprint(body),
            created=service.clock(),
            branch=manifest.branch,
            pull_request=manifest.pull_request,
            tree=manifest.tree,
            trusted=keys.is_trusted(build),
            selective=manifest.partial,
            author=manifest.author,
        )
    )
    try:
        service.objects.replace(keys.accepted_manifest(build), body, "application/json", None)
    except WriteConflict as error:
        stored = service.objects.read(keys.accepted_manifest(build))
        if fingerprint(stored) != record.manifest_sha256:
            raise BuildConflict(f"{build} was uploaded before with another manifest") from error
    return Accepted(manifest, record)
