"""The report: a static HTML page made from comparison.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pixelgate.domain.comparison import Comparison
from pixelgate.report.html import page, with_review
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
) -> bytes:
    """Renders the report as UTF-8 HTML.

    `image_key` maps an image's sha256 to its key, or None if it cannot be shown. The links are
    relative to `report_key`. `local` is whether two folders were compared, so that there is no
    build to approve. `bucket` is the bucket's name, for the commands that the page shows; None if
    it is not known.
    """
    model = build_model(comparison, image_key, report_key, local=local, bucket=bucket)
    return page(model).encode()


def render_failure(status: Mapping[str, Any]) -> bytes:
    """Renders the page of a failed run as UTF-8 HTML; `status` is status.json."""
    return page(build_failure(status)).encode()


__all__ = ["comparison_of", "render", "render_failure", "render_inline", "with_review"]
