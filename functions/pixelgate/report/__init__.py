"""The report: a static page made from the comparison manifest's data."""

from __future__ import annotations

from collections.abc import Callable

from pixelgate.comparison import Comparison
from pixelgate.report.model import build_model
from pixelgate.report.page import page


def render(
    comparison: Comparison, image_key: Callable[[str], str | None], report_key: str
) -> bytes:
    """The report as UTF-8 HTML.

    Args:
        comparison: what to report.
        image_key: from an image's sha256 to where it lies; None if it cannot be shown.
        report_key: where the report will lie; links are relative to it.
    """
    return page(build_model(comparison, image_key, report_key)).encode()


__all__ = ["render"]
