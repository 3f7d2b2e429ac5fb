"""Renders the report as a single file with embedded images, which can be mailed."""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Callable
from urllib.parse import unquote

from pixelgate.domain.comparison import Comparison, Status
from pixelgate.report.html import page
from pixelgate.report.model import build_model

_KINDS = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"RIFF", "webp"))
_QUIET = frozenset({Status.UNCHANGED, Status.SKIPPED})


def render_inline(
    comparison: Comparison,
    image_key: Callable[[str], str | None],
    report_key: str,
    read: Callable[[str], bytes | None],
    *,
    local: bool = False,
) -> bytes:
    """Renders the report as one HTML file with the images of all changed snapshots.

    Unchanged and skipped snapshots are listed without images. About fifty changed images of a few
    hundred kilobytes give a file that can be mailed; the size is not limited. The arguments are
    those of `render`; `read` returns the bytes under a key, None if there is no object.
    """
    report = build_model(comparison, image_key, report_key, local=local)
    folder = posixpath.dirname(report_key)
    carried = {}
    shown = (entry for entry in report.entries if entry.status not in _QUIET)
    urls = (url for e in shown for url in (e.thumb, e.base, e.head, e.mask) if url)
    for url in dict.fromkeys(urls):
        body = read(posixpath.normpath(posixpath.join(folder, unquote(url))))
        if body is not None:
            carried[url] = _data_url(body)
    return page(report, carried).encode()


def _data_url(body: bytes) -> str:
    kind = next((kind for begin, kind in _KINDS if body.startswith(begin)), "png")
    return f"data:image/{kind};base64,{base64.b64encode(body).decode()}"
