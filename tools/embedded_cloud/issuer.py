"""An OpenID Connect issuer that signs tokens as GitHub and GitLab sign those of CI jobs."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa


class Issuer:
    """An issuer with a key of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._key = rsa.generate_private_key(65537, 2048)

    @property
    def keys(self) -> dict[str, Any]:
        """The JSON Web Key Set that the issuer publishes."""
        numbers = self._key.public_key().public_numbers()
        size = (numbers.n.bit_length() + 7) // 8
        modulus = _encoded(numbers.n.to_bytes(size, "big"))
        return {"keys": [{"kid": "1", "kty": "RSA", "n": modulus, "e": _encoded(b"\1\0\1")}]}

    def token(self, subject: str, expires: float, audience: str = "sts.amazonaws.com") -> str:
        """A signed JSON Web Token of a CI job.

        Args:
            subject: the claim `sub`.
            expires: the claim `exp`, in seconds since 1970.
            audience: the claim `aud`.
        """
        header = {"alg": "RS256", "kid": "1"}
        claims = {"iss": self.url, "sub": subject, "aud": audience, "exp": int(expires)}
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_encoded(signature)}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
