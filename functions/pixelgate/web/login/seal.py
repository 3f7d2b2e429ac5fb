"""Signs small values that browsers keep for the site, so that only the site can make them."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any

_LONGEST = 8_192  # characters; browsers keep cookies of half of that


class Seal:
    """One key. What was sealed for one purpose opens for no other."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def close(self, purpose: str, fields: Mapping[str, Any]) -> str:
        """Returns the fields as text that a cookie can hold, with their HMAC-SHA256."""
        text = encoded(json.dumps(fields, separators=(",", ":")).encode())
        return f"{text}.{self.derived(purpose, text)}"

    def open(self, purpose: str, sealed: str) -> dict[str, Any] | None:
        """Returns the fields; None if this key did not seal them for this purpose."""
        text, dot, mac = sealed.partition(".")
        if not dot or not sealed.isascii() or len(sealed) > _LONGEST:
            return None
        if not hmac.compare_digest(self.derived(purpose, text), mac):
            return None
        fields: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        return fields

    def derived(self, purpose: str, text: str) -> str:
        """Returns 43 characters that nobody without the key can tell from the text."""
        message = f"pixelgate {purpose}\0{text}".encode()
        return encoded(hmac.digest(self._key, message, "sha256"))


def encoded(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def set_cookie(name: str, value: str, seconds: int) -> str:
    """A Set-Cookie value; `__Host-` names need Secure, Path=/ and no Domain.

    SameSite is Lax and not Strict, because people come from links in pull requests, and from the
    issuer back to the callback. Lax sends the cookie with such links, never with a foreign POST.
    """
    return f"{name}={value}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=Lax"
