"""Uploads a build: what is missing first, the manifest last."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pixelgate.client.parallel import bounded_map
from pixelgate.client.progress import SILENT, Progress
from pixelgate.client.scan import Entry, Scan
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.errors import (
    BucketError,
    NotFound,
    Refused,
    UsageError,
    WriteConflict,
    why_unread,
)
from pixelgate.ports import Bucket

# Up to here a question for each image is faster than sixteen listings, and certainly cheaper.
MAX_QUESTIONS = 200
THREADS = 16
_HEX = "0123456789abcdef"
_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
_JSON = "application/json"


@dataclass(frozen=True)
class Sent:
    """What became of the images.

    Attributes:
        images: how many snapshots there are.
        unique: how many different files they are.
        present: how many of these were there already.
        uploaded: how many were sent.
    """

    images: int
    unique: int
    present: int
    uploaded: int


def send_images(store: Bucket, project: str, scan: Scan, progress: Progress = SILENT) -> Sent:
    """Uploads the images that the project does not have yet, each under its hash.

    Run again after an interruption it finds what it has sent and goes on.

    Raises:
        BucketError: an image could not be sent; the message says how many are there.
        UsageError: a file was changed meanwhile.
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
            f"{error}\n{there + len(sent):,} of {len(wanted):,} images are there, and the manifest "
            "is not, so nothing was started. Run the same command again: it continues"
        ) from error
    uploaded = sum(sent)  # others came from somebody else meanwhile
    return Sent(len(scan.entries), len(wanted), len(wanted) - uploaded, uploaded)


def send_plain(store: Bucket, build: BuildId, scan: Scan, progress: Progress = SILENT) -> Sent:
    """Uploads every image by its name, beside the manifest: all that the role for forks may do.

    Raises:
        BucketError: an image could not be sent.
        UsageError: a file was changed meanwhile.
    """
    progress.begin("uploading", len(scan.entries))

    def send(item: tuple[str, Entry]) -> None:
        name, entry = item
        key, body = keys.plain_image(build, name), _unchanged(entry)
        if not store.put_new(key, body, _type(entry), bytes.fromhex(entry.sha256)):
            store.write(key, body, _type(entry))  # of an earlier try, maybe with other pixels

    for _ in bounded_map(send, scan.entries.items(), THREADS):
        progress.step()
    total = len(scan.entries)
    return Sent(total, total, 0, total)


def find_present(
    store: Bucket, project: str, wanted: Collection[str], progress: Progress = SILENT
) -> set[str]:
    """Those of the hashes that the project has already.

    Few are asked for one by one; for many the whole prefix is listed, a thousand a request, in
    sixteen parts at once. Who may not ask is told nothing: then everything counts as missing, and
    what is there stays as it is.

    Raises:
        BucketError: the bucket cannot be used.
    """
    try:
        if len(wanted) <= MAX_QUESTIONS:
            return set(_asked(store, project, wanted, progress))
        return set(_listed(store, project, wanted, progress))
    except Refused:
        progress.say("these credentials may not list what is there already: uploading everything")
        return set()


def _asked(store: Bucket, project: str, wanted: Iterable[str], progress: Progress) -> Iterable[str]:
    hashes = list(wanted)
    progress.begin("asking", len(hashes))

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

    for _, found in bounded_map(names, parts, THREADS):
        progress.step()
        yield from (name for name in found if name in wanted)


def submit(store: Bucket, key: str, body: bytes, status: Mapping[str, object] | None) -> bool:
    """Writes a manifest, whose creation starts the comparison; returns whether it was new.

    The same one may be sent again, which wakes a run that was lost. Another one may take the place
    of one that was refused, and of no other: a build is written once.

    Args:
        store: the bucket.
        key: of the manifest.
        body: the manifest.
        status: status.json of the build, if there is one.

    Raises:
        UsageError: there is another manifest.
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
    """Notices that a build's id is taken before its images are sent; `submit` decides.

    Args:
        store: the bucket.
        key: of the manifest.
        body: the manifest.
        status: reads status.json of the build.

    Raises:
        UsageError: there is another manifest.
    """
    try:
        present = store.read(key)
    except (NotFound, Refused):
        return
    if present != body and not _was_refused(status()):
        raise UsageError(f"nothing was uploaded: {_used(key)}")


def _used(key: str) -> str:
    return (
        f"{key} was written before, with other content; a build is written once. Give this one "
        "another --build; jobs that each upload a part of one build use --shard and --parallel-id"
    )


def _was_refused(status: Mapping[str, object] | None) -> bool:
    error = (status or {}).get("error")
    return isinstance(error, dict) and error.get("code") == "BAD_MANIFEST"


def finalize(store: Bucket, build: BuildId, total: int | None) -> str:
    """Says that all shards of a build are in; returns the key.

    Args:
        store: the bucket.
        build: its id is the parallel id.
        total: how many there must be, if that is known.
    """
    fields = {"schema_version": 1, "project": build.project, "build": build.build}
    if total is not None:
        fields["total"] = total
    key = keys.finalize(build)
    store.write(key, json.dumps(fields).encode(), _JSON)
    return key


def read_names(path: Path) -> list[str]:
    """The names of a whole suite, one a line; empty lines and those that begin with # are none.

    Raises:
        UsageError: the file cannot be read or names nothing.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        raise UsageError(f"--all-names {path} cannot be read: {why_unread(error)}") from error
    names = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    if not names:
        raise UsageError(f"--all-names {path} names nothing; it takes one name a line")
    return names


def _unchanged(entry: Entry) -> bytes:
    try:
        body = entry.path.read_bytes()
    except OSError as error:
        raise UsageError(f"{entry.path} cannot be read any more: {error.strerror}") from error
    if hashlib.sha256(body).hexdigest() != entry.sha256:
        raise UsageError(
            f"{entry.path} was changed while it was uploaded; upload after the tests have ended"
        )
    return body


def _type(entry: Entry) -> str:
    return _TYPES.get(entry.header.format, "application/octet-stream")
