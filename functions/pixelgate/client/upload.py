"""Uploads a build: first the missing images, then the manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pixelgate.client.scan import Entry, Scan
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.errors import BucketError, NotFound, Refused, UsageError, WriteConflict, why_unread
from pixelgate.pipeline.parallel import bounded_map
from pixelgate.ports import SILENT, Bucket, Progress

# Up to this number, one HEAD request an image is faster and cheaper than sixteen listings.
MAX_QUESTIONS = 200
THREADS = 16
_HEX = "0123456789abcdef"
_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
_JSON = "application/json"


@dataclass(frozen=True)
class Sent:
    """The numbers of images in an upload."""

    images: int  # the number of snapshots
    unique: int
    present: int  # the number of files that the bucket had already
    uploaded: int  # the number of files that were sent


def send_images(store: Bucket, project: str, scan: Scan, progress: Progress = SILENT) -> Sent:
    """Uploads the images that the project does not have yet, with their hash as the key.

    After an interruption, call it again: it skips the images that were sent.

    Raises:
        BucketError: an image could not be sent; the message has the number of those that were.
        UsageError: a file has changed since the scan.
    """
    wanted: dict[str, Entry] = {}
    for entry in scan.entries.values():
        wanted.setdefault(entry.sha256, entry)
    present = find_present(store, project, wanted.keys(), progress)
    missing = [entry for sha256, entry in wanted.items() if sha256 not in present]
    there = len(wanted) - len(missing)
    if missing:
        progress.say(f"{there:,} of {len(wanted):,} already there, uploading {len(missing):,}")
    elif wanted:
        progress.say(f"{there:,} of {len(wanted):,} already there")
    progress.begin("uploading", len(missing))

    sent: list[bool] = []

    def send(entry: Entry) -> None:
        key, body = keys.image(project, entry.sha256), _unchanged(entry)
        sent.append(store.put_new(key, body, _type(entry), bytes.fromhex(entry.sha256)))

    try:
        for _ in bounded_map(send, missing, THREADS):
            progress.step()
    except BucketError as error:
        raise type(error)(
            f"{error}\n{there + len(sent):,} of {len(wanted):,} images are uploaded, but not the "
            "manifest, so no comparison was started. Run the same command again to continue"
        ) from error
    uploaded = sum(sent)  # the others were uploaded by another job meanwhile
    return Sent(len(scan.entries), len(wanted), len(wanted) - uploaded, uploaded)


def send_plain(store: Bucket, build: BuildId, scan: Scan, progress: Progress = SILENT) -> Sent:
    """Uploads every image under its name, beside the manifest; a fork's role may do only this.

    Raises:
        BucketError: an image could not be sent.
        UsageError: a file has changed since the scan.
    """
    progress.begin("uploading", len(scan.entries))

    def send(item: tuple[str, Entry]) -> None:
        name, entry = item
        key, body = keys.plain_image(build, name), _unchanged(entry)
        if not store.put_new(key, body, _type(entry), bytes.fromhex(entry.sha256)):
            store.write(key, body, _type(entry))  # left by an earlier try, maybe with other pixels

    for _ in bounded_map(send, scan.entries.items(), THREADS):
        progress.step()
    total = len(scan.entries)
    return Sent(total, total, 0, total)


def find_present(
    store: Bucket, project: str, wanted: Collection[str], progress: Progress = SILENT
) -> set[str]:
    """Returns those of the hashes that the project has already.

    A few hashes are checked one by one. For many, the whole prefix is listed in sixteen parts at
    once, with up to a thousand keys a request. If the credentials may do neither, all images count
    as missing; uploading them again does not overwrite them.

    Raises:
        BucketError: the bucket cannot be read.
    """
    try:
        if len(wanted) <= MAX_QUESTIONS:
            return set(_asked(store, project, wanted, progress))
        return set(_listed(store, project, wanted, progress))
    except Refused:
        progress.say("these credentials may not list existing images: uploading all of them")
        return set()


def _asked(store: Bucket, project: str, wanted: Iterable[str], progress: Progress) -> Iterable[str]:
    hashes = list(wanted)
    progress.begin("checking", len(hashes))

    def ask(sha256: str) -> bool:
        return store.exists(keys.image(project, sha256))

    for sha256, there in bounded_map(ask, hashes, THREADS):
        progress.step()
        if there:
            yield sha256


def _listed(
    store: Bucket, project: str, wanted: Collection[str], progress: Progress
) -> Iterable[str]:
    parts = [digit for digit in _HEX if any(sha256[0] == digit for sha256 in wanted)]
    progress.begin("listing", len(parts))

    def names(digit: str) -> list[str]:
        prefix = keys.image(project, digit)
        return [entry.key.rpartition("/")[2] for entry in store.list(prefix)]

    for _, hashes in bounded_map(names, parts, THREADS):
        progress.step()
        yield from (name for name in hashes if name in wanted)


def submit(store: Bucket, key: str, body: bytes, status: Mapping[str, object] | None) -> bool:
    """Writes a manifest, which starts the comparison; returns whether it was new.

    The same manifest may be written again, which restarts a lost run. A different manifest may
    replace only one that was rejected, because a build is written once. `status` is the build's
    status.json, if there is one.

    Raises:
        UsageError: the build has another manifest.
    """
    try:
        store.replace(key, body, _JSON, None)
    except WriteConflict:
        try:
            present = store.read(key)
        except NotFound:
            present = body
        except Refused:
            raise UsageError(_used(key)) from None
        if present != body and not _was_refused(status):
            raise UsageError(_used(key)) from None
        store.write(key, body, _JSON)
        return present != body
    return True


def check_unused(
    store: Bucket, key: str, body: bytes, status: Callable[[], Mapping[str, object] | None]
) -> None:
    """Checks before images are sent that the build's id is unused; `submit` checks it again.

    Raises:
        UsageError: the build has another manifest.
    """
    try:
        present = store.read(key)
    except (NotFound, Refused):
        return
    if present != body and not _was_refused(status()):
        raise UsageError(f"nothing was uploaded: {_used(key)}")


def _used(key: str) -> str:
    upload = keys.upload_of(key)
    if upload and upload.shard:
        shard, build = upload.shard.words, upload.build
        return (
            f"{shard} of {build} was uploaded before with other content ({key}), and a shard is "
            "written once. If two jobs have the same number, give each its own --shard I/N. If "
            "all jobs run again, give all of them another --parallel-id (PIXELGATE_PARALLEL_ID), "
            "such as one with the number of the attempt"
        )
    return (
        f"{key} exists already, with other content, and a build is written once. Give this build "
        "another --build; jobs that each upload a part of one build use --shard and --parallel-id"
    )


def _was_refused(status: Mapping[str, object] | None) -> bool:
    error = (status or {}).get("error")
    return isinstance(error, dict) and error.get("code") == "BAD_MANIFEST"


def finalize(store: Bucket, build: BuildId, total: int | None) -> str:
    """Marks a build as complete, after its last shard; returns the key that was written.

    The build's id is the parallel id; `total` is the number of shards, if it is known.
    """
    fields = {"schema_version": 1, "project": build.project, "build": build.build}
    if total is not None:
        fields["total"] = total
    key = keys.finalize(build)
    store.write(key, json.dumps(fields).encode(), _JSON)
    return key


def read_names(path: Path) -> list[str]:
    """Reads the names of a whole suite, one a line; it ignores empty lines and `#` comments.

    Raises:
        UsageError: the file cannot be read or contains no name.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        raise UsageError(f"--all-names {path} cannot be read: {why_unread(error)}") from error
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not names:
        raise UsageError(f"--all-names {path} contains no name; it needs one name a line")
    return names


def _unchanged(entry: Entry) -> bytes:
    try:
        body = entry.path.read_bytes()
    except OSError as error:
        raise UsageError(f"{entry.path} cannot be read any more: {error.strerror}") from error
    if hashlib.sha256(body).hexdigest() != entry.sha256:
        raise UsageError(
            f"{entry.path} changed during the upload; run the upload after the tests have ended"
        )
    return body


def _type(entry: Entry) -> str:
    return _TYPES.get(entry.header.format, "application/octet-stream")
