"""The report: a static HTML page made from comparison.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pixelgate.domain.comparison import Comparison
from pixelgate.report.html import content_policy, page, theme, with_review, with_site
from pixelgate.report.inline import render_inline
from pixelgate.report.load import comparison_of
from pixelgate.report.model import build_failure, build_model


def render(
    comparison: Comparison,
    image_key: Callable[[str], str | None],
    report_key: str,
    *,
    local: bool = False,
    bucket: str | None = None,
    served: Mapping[str, Any] | None = None,
) -> bytes:
    """Renders the report as UTF-8 HTML.

    `image_key` maps an image's sha256 to its key, or None if it cannot be shown. The links are
    relative to `report_key`. `local` is whether two folders were compared, so that there is no
    build to approve. `bucket` is the bucket's name, for the commands that the page shows; None if
    it is not known. `served` is for a page that a server shows: see `html.page`.
    """
    model = build_model(comparison, image_key, report_key, local=local, bucket=bucket)
    return page(model, served=served).encode()


def render_failure(status: Mapping[str, Any], *, served: Mapping[str, Any] | None = None) -> bytes:
    """Renders the page of a failed run as UTF-8 HTML; `status` is status.json."""
    return page(build_failure(status), served=served).encode()


__all__ = [
    "comparison_of",
    "content_policy",
    "render",
    "render_failure",
    "render_inline",
    "theme",
    "with_review",
    "with_site",
]
