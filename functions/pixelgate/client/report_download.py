"""Fetches a published report, images included, into a folder from which it opens."""

from __future__ import annotations

import html
import os
import posixpath
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from pixelgate.client.parallel import bounded_map
from pixelgate.client.progress import SILENT, Progress
from pixelgate.domain import keys
from pixelgate.errors import BucketError, NotFound, UsageError
from pixelgate.ports import Bucket

_THREADS = 16
# A page links to its pictures by relative path: attributes, srcset, CSS and JSON alike.
_LINK = re.compile(r"(?:\.\./)+(?:images|diffs|comparisons|builds)/[^\s\"'<>\\),]+")
_REVIEWED = frozenset({"errored", "changed", "added", "removed", "renamed"})
_CONTENT_ADDRESSED = ("images/", "diffs/")


def fetch_report(
    store: Bucket,
    status: Mapping[str, Any],
    comparison: Mapping[str, Any],
    out: Path,
    progress: Progress = SILENT,
) -> Path:
    """Copies the report with everything that it shows; returns the page.

    What is addressed by its content and lies in the folder already is not fetched again, so one
    folder may hold many reports.

    Args:
        store: the bucket.
        status: of the build; its `report` is the page's key.
        comparison: comparison.json, which names the images.
        out: the folder, laid out like the bucket, because the links are relative.
        progress: whom to tell how far it is.

    Raises:
        BucketError: the page is not there.
        UsageError: the folder cannot be written.
    """
    page_key = str(status["report"])
    try:
        page = store.read(page_key)
    except NotFound as error:
        raise BucketError(f"the status names {page_key}, which is not there") from error
    needed = set(_linked(page.decode(errors="replace"), page_key))
    needed |= set(_of_comparison(str(status["project"]), comparison))
    beside = posixpath.dirname(page_key) + "/"
    needed |= {entry.key for entry in store.list(beside)}
    needed.discard(page_key)
    places = {key: _path(out, key) for key in needed}  # before anything is fetched
    todo = sorted(key for key in needed if not _have(key, places[key]))
    progress.begin("fetching", len(todo))

    def fetch(key: str) -> None:
        try:
            body = store.read(key)
        except NotFound:
            return  # an image that never arrived: the report says so itself
        _write(places[key], body)

    try:
        for _ in bounded_map(fetch, todo, _THREADS):
            progress.step()
        path = _path(out, page_key)
        _write(path, page)
        _write(out / "index.html", _signpost(page_key))
    except OSError as error:
        raise UsageError(f"{error.filename or out} cannot be written: {error.strerror}") from error
    return path


def _linked(page: str, page_key: str) -> Iterator[str]:
    """The keys that a page's relative links lead to."""
    folder = posixpath.dirname(page_key)
    for link in set(_LINK.findall(page)):
        target = unquote(html.unescape(link).partition("#")[0].partition("?")[0])
        key = posixpath.normpath(posixpath.join(folder, target))
        if not key.startswith("../"):
            yield key


def _of_comparison(project: str, comparison: Mapping[str, Any]) -> Iterator[str]:
    """Images, masks and thumbnails of what a person looks at."""
    for image in (comparison.get("images") or {}).values():
        yield from (str(image[of]) for of in ("mask", "thumb") if image.get(of))
        if image.get("status") in _REVIEWED:
            for side in ("base_sha256", "head_sha256"):
                if image.get(side):
                    yield keys.image(project, str(image[side]))


def _have(key: str, path: Path) -> bool:
    return key.startswith(_CONTENT_ADDRESSED) and path.is_file()


def _path(out: Path, key: str) -> Path:
    """Below the folder, whatever the key says.

    Raises:
        BucketError: it leads out of it.
    """
    parts = key.split("/")
    if any(part in {"", ".", ".."} or "\\" in part for part in parts):
        raise BucketError(f"the report refers to {key!r}, which is no key of ours")
    return out.joinpath(*parts)


def _write(path: Path, body: bytes) -> None:
    """At once: an interrupted fetch leaves no half image that a later one would take for whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(prefix=".pixelgate-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _signpost(page_key: str) -> bytes:
    """An index.html that leads to the page that was fetched last."""
    url = html.escape(quote(page_key))
    return (
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={url}">'
        f'<title>pixelgate</title><a href="{url}">The report</a>\n'
    ).encode()
