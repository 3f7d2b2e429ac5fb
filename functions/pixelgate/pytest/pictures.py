"""Turns what a test gives to the fixture into the bytes of an image file."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixelgate.errors import ImageFault, UsageError

_SIGNATURES = {b"\x89PNG\r\n\x1a\n": ".png", b"\xff\xd8\xff": ".jpg"}
# As `toHaveScreenshot` of Playwright Test takes them, so that they are the same each time.
_PLAYWRIGHT = {"animations": "disabled", "caret": "hide", "scale": "css"}


def take(target: Any, options: Mapping[str, Any]) -> Any:
    """Returns the bytes of a screenshot, or an awaitable of them for Playwright's async API.

    Raises:
        UsageError: nothing can be taken of this target, or with these options.
    """
    if callable(getattr(target, "screenshot", None)):
        return target.screenshot(**{**_PLAYWRIGHT, **options})
    if options:
        raise UsageError(
            f"{', '.join(sorted(options))}: only a Playwright page or locator takes such options"
        )
    if isinstance(target, bytes | bytearray | memoryview):
        return bytes(target)
    if isinstance(target, str | os.PathLike):
        try:
            return Path(target).read_bytes()
        except OSError as error:
            raise UsageError(f"{target} cannot be read: {error.strerror}") from error
    if callable(getattr(target, "save", None)) and hasattr(target, "mode"):
        body = io.BytesIO()
        target.save(body, "PNG")
        return body.getvalue()
    raise UsageError(
        "pixelgate takes a Playwright page or locator, a Pillow image, the bytes of an image or "
        f"the path of one, not {type(target).__name__!r}"
    )


def suffix_of(body: bytes) -> str:
    """Returns `.png`, `.jpg` or `.webp`.

    Raises:
        UsageError: it is none of them, or damaged.
    """
    suffix = next((s for begin, s in _SIGNATURES.items() if body.startswith(begin)), None)
    if suffix is None and body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        suffix = ".webp"
    if suffix is None:
        raise UsageError(f"these {len(body):,} bytes are no PNG, JPEG or WebP image")
    try:
        from pixelgate.engine.header import read_header
    except ImportError:
        return suffix  # a thin installation; `pixelgate upload` checks it
    try:
        read_header(body)
    except ImageFault as fault:
        raise UsageError(f"this image cannot be read: {fault}") from fault
    return suffix


def facts(target: Any) -> dict[str, str]:
    """Returns the tags that a Playwright page or locator gives; of other targets there are none."""
    if not callable(getattr(target, "screenshot", None)):
        return {}
    page = getattr(target, "page", target)
    browser = getattr(getattr(page, "context", None), "browser", None)
    size = getattr(page, "viewport_size", None)
    found = {
        "browser": getattr(getattr(browser, "browser_type", None), "name", None),
        "platform": sys.platform,
        "viewport": f"{size['width']}x{size['height']}" if isinstance(size, dict) else None,
    }
    return {name: str(value) for name, value in found.items() if value}
