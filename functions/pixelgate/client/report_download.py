"""Downloads a published report with its images into a folder."""

from __future__ import annotations

import html
import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from pixelgate.domain import keys
from pixelgate.domain.comparison import PICTURED
from pixelgate.domain.keys import BuildId
from pixelgate.errors import BucketError, NotFound, UsageError
from pixelgate.pipeline.parallel import bounded_map
from pixelgate.ports import SILENT, Bucket, Progress
from pixelgate.published.status import reviewers
from pixelgate.report import with_review
from pixelgate.storage.folder import put_file

_THREADS = 16
# The relative links of a page to its images, in attributes, srcset, CSS and JSON.
_LINK = re.compile(r"(?:\.\./)+(?:images|diffs|comparisons|builds)/[^\s\"'<>\\),]+")
_CONTENT_ADDRESSED = ("images/", "diffs/")


def fetch_report(
    store: Bucket,
    status: Mapping[str, Any],
    comparison: Mapping[str, Any],
    out: Path,
    progress: Progress = SILENT,
    standing: Mapping[str, Any] | None = None,
) -> Path:
    """Downloads a report with everything that it shows; returns the path of its page.

    Images whose key contains their hash are not downloaded twice, so that many reports can share
    one folder. The files have the same paths below `out` as in the bucket, as the links are
    relative. `standing` is the state of the build's reviews, which is put into the page: the page
    in the bucket is as old as its comparison.

    Raises:
        BucketError: the page does not exist.
        UsageError: the folder cannot be written.
    """
    page_key = str(status["report"])
    try:
        page = store.read(page_key)
    except NotFound as error:
        raise BucketError(f"the status refers to {page_key}, which does not exist") from error
    needed = set(_linked(page.decode(errors="replace"), page_key))
    needed |= set(_of_comparison(str(status["project"]), comparison))
    beside = posixpath.dirname(page_key) + "/"
    needed |= {entry.key for entry in store.list(beside)}
    needed.discard(page_key)
    build = BuildId(str(status["project"]), str(status["build"]))
    needed |= set(_of_reviews(store, build, status))
    places = {key: _path(out, key) for key in needed}  # checks all keys before the first download
    todo = sorted(key for key in needed if not _have(key, places[key]))
    progress.begin("fetching", len(todo))

    def fetch(key: str) -> None:
        try:
            body = store.read(key)
        except NotFound:
            return  # an image that was never uploaded; the report shows that
        put_file(places[key], body)

    try:
        for _ in bounded_map(fetch, todo, _THREADS):
            progress.step()
        path = _path(out, page_key)
        put_file(path, with_review(page, standing) if standing else page)
        # Last, as `pixelgate serve` shows the builds that have a status.
        put_file(_path(out, keys.status(build)), json.dumps(dict(status)).encode())
        put_file(out / "index.html", _signpost(page_key))
    except OSError as error:
        raise UsageError(f"{error.filename or out} cannot be written: {error.strerror}") from error
    return path


def _linked(page: str, page_key: str) -> Iterator[str]:
    """Yields the keys that the page links to."""
    folder = posixpath.dirname(page_key)
    for link in set(_LINK.findall(page)):
        target = unquote(html.unescape(link).partition("#")[0].partition("?")[0])
        key = posixpath.normpath(posixpath.join(folder, target))
        if not key.startswith("../"):
            yield key


def _of_comparison(project: str, comparison: Mapping[str, Any]) -> Iterator[str]:
    """Yields the keys of images, masks and thumbnails that the report shows."""
    for image in (comparison.get("images") or {}).values():
        yield from (str(image[of]) for of in ("mask", "thumb") if image.get(of))
        if image.get("status") in PICTURED:
            for side in ("base_sha256", "head_sha256"):
                if image.get(side):
                    yield keys.image(project, str(image[side]))


def _of_reviews(store: Bucket, build: BuildId, status: Mapping[str, Any]) -> Iterator[str]:
    """Yields the keys of a build's reviews, for who serves the folder."""
    if not reviewers(status):
        return
    log = keys.review_log(build)
    with suppress(NotFound, ValueError, AttributeError):
        yield from (
            keys.kept_review(build, name) for name in json.loads(store.read(log))["reviews"]
        )
        yield log


def _have(key: str, path: Path) -> bool:
    return key.startswith(_CONTENT_ADDRESSED) and path.is_file()


def _path(out: Path, key: str) -> Path:
    """Returns the path of a key, always below the folder.

    Raises:
        BucketError: the key leads out of the folder.
    """
    parts = key.split("/")
    if any(part in {"", ".", ".."} or "\\" in part for part in parts):
        raise BucketError(f"the report refers to {key!r}, which is not a key of pixelgate")
    return out.joinpath(*parts)


def _signpost(page_key: str) -> bytes:
    """Returns an index.html that redirects to the report that was downloaded last."""
    url = html.escape(quote(page_key))
    return (
        f'<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={url}">'
        f'<title>pixelgate</title><a href="{url}">The report</a>\n'
    ).encode()
