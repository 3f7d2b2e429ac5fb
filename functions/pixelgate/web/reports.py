"""Renders reports anew from comparison.json, so that old ones are shown by the present code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.errors import NotFound, UsageError
from pixelgate.ports import Bucket
from pixelgate.published.reviews import read_reviews, standing
from pixelgate.report import comparison_of, render, render_failure, with_review, with_site
from pixelgate.web.catalogue import Cache
from pixelgate.web.http import Refused

_PAGES = 4  # of up to 4 MB
_COMPARISONS = 4


@dataclass(frozen=True)
class _Rendered:
    page: bytes
    images: Mapping[str, Mapping[str, Any]]  # what is needed of each snapshot to read reviews


class Reports:
    """The reports of a bucket."""

    def __init__(self, store: Bucket, bucket: str | None) -> None:
        """Takes the bucket's name for the commands that pages show; None if it has none."""
        self._store = store
        self._bucket = bucket
        # A published comparison never changes.
        self._rendered: Cache[_Rendered] = Cache(_PAGES)
        self._images: Cache[Mapping[str, Mapping[str, Any]]] = Cache(_COMPARISONS)

    def page(self, key: str, site: Mapping[str, Any]) -> bytes:
        """Returns the report beside the comparison.json of this key, with its reviews.

        `site` is what the page needs to know of its server: see `report.html.page`.

        Raises:
            Refused: there is no such comparison, or it is of an unknown version.
        """
        rendered = self._rendered.get(key, lambda: self._render(key))
        build = BuildId(site["project"], site["build"])
        status = self.status(build)
        page = with_site(rendered.page, site)
        return with_review(page, self._standing(status, rendered.images)) if status else page

    def failure(self, status: Mapping[str, Any], site: Mapping[str, Any]) -> bytes:
        """Returns the page of a failed build."""
        return with_site(render_failure(status, served={}), site)

    def status(self, build: BuildId) -> dict[str, Any] | None:
        """Reads status.json; None if there is none."""
        try:
            found = json.loads(self._store.read(keys.status(build)))
        except (NotFound, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def standing(self, status: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the state of the reviews of a build's present result."""
        key = status.get("comparison")
        images = self._images.get(key, lambda: self._read_images(str(key))) if key else {}
        return self._standing(status, images)

    def _standing(
        self, status: Mapping[str, Any], images: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Any]:
        reviews = read_reviews(self._store, status, {"images": images})
        return standing(status, reviews, self._bucket)

    def _read_images(self, key: str) -> Mapping[str, Mapping[str, Any]]:
        return _few(self._read(key).get("images") or {})

    def _read(self, key: str) -> dict[str, Any]:
        try:
            found = json.loads(self._store.read(key))
        except NotFound as error:
            raise Refused(
                HTTPStatus.NOT_FOUND,
                "There is no such report; garbage collection may have deleted it.",
            ) from error
        except ValueError as error:
            raise Refused(HTTPStatus.INTERNAL_SERVER_ERROR, f"{key} is not JSON.") from error
        return found if isinstance(found, dict) else {}

    def _render(self, key: str) -> _Rendered:
        stored = self._read(key)
        try:
            comparison = comparison_of(stored)
        except UsageError as error:
            raise Refused(HTTPStatus.NOT_FOUND, f"This report cannot be shown: {error}.") from error
        project = comparison.id.project
        page = render(
            comparison,
            lambda sha: keys.image(project, sha),
            f"{key.rpartition('/')[0]}/index.html",
            bucket=self._bucket,
            served={},
        )
        return _Rendered(page, _few(stored.get("images") or {}))


def _few(images: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    """Returns of each snapshot what a review's selection may refer to."""
    return {
        name: {
            "status": image.get("status"),
            "group": image.get("group"),
            "details": {"group": (image.get("details") or {}).get("group")},
        }
        for name, image in images.items()
    }
