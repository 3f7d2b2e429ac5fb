"""Shows the pictures of a pull request's comment to whoever has their signed address.

GitHub fetches them without a session, so an address must be worth nothing soon: it ends when the
build is decided or compared again, and after a week in any case.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.keys import ComparisonId
from pixelgate.domain.preview import MAX_BYTES, Previews, looks_signed
from pixelgate.errors import BadManifest, NotFound, TooLarge
from pixelgate.pipeline.announce.update import read_json
from pixelgate.ports import Bucket
from pixelgate.published.status import review_of
from pixelgate.web.http import NOTHING, Refused, Request, Response

_ENDED = "This picture was shown for a review that has ended."
_KEY_BYTES = 1_024
_HEADERS = {
    "Content-Type": "image/png",
    # A proxy such as GitHub's shall ask again, and a server without one shows it in its own pages.
    "Cache-Control": "no-cache, no-store, must-revalidate",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def preview(
    request: Request,
    comparison: ComparisonId,
    execution: str,
    file: str,
    store: Bucket,
    now: datetime,
) -> Response:
    """Answers with one picture.

    Raises:
        Refused: 404 if the address is not signed for this very file, 410 if it has ended.
    """
    # Nothing is read for others than signed ones, and S3 has no longer keys.
    if not looks_signed(file, request.query) or len(request.path.encode()) > _KEY_BYTES:
        raise Refused(HTTPStatus.NOT_FOUND, NOTHING)
    for part in (comparison.project, comparison.head):
        try:
            keys.check_id(part, "part")
        except BadManifest as error:
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING) from error
    folder = keys.previews(keys.pictures(comparison, execution))
    try:
        previews = Previews.parse(store.read(keys.preview_list(folder), MAX_BYTES))
    except (NotFound, TooLarge):
        previews = None
    listed = {picture.file for picture in previews.pictures} if previews else set()
    if previews is None or file not in listed or not previews.admits(folder, file, request.query):
        raise Refused(HTTPStatus.NOT_FOUND, NOTHING)
    status = read_json(store, keys.status(keys.BuildId(comparison.project, comparison.head)))
    if now.timestamp() >= int(request.query["until"]) or not _is_open(status, execution):
        raise Refused(HTTPStatus.GONE, _ENDED)
    return Response(headers=_HEADERS, body=store.read(f"{folder}{file}"))


def _is_open(status: Mapping[str, Any] | None, execution: str) -> bool:
    """Whether this result is the build's, and somebody has to review it."""
    if status is None or status["state"] != "SUCCEEDED" or status["execution"] != execution:
        return False
    return review_of(status) == "needed"
