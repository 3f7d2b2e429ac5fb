"""An OpenID Connect issuer that signs tokens as GitHub and GitLab sign those of CI jobs.

Nobody but the embedded cloud trusts it. RSA is a dozen lines here, because a thin installation has
no library for it; tests check it with one.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import secrets
from collections.abc import Mapping
from typing import Any

_EXPONENT = 65_537
_BITS = 2_048
_SMALL_PRIMES = [
    n for n in range(3, 2_000, 2) if all(n % d for d in range(3, math.isqrt(n) + 1, 2))
]
_ROUNDS = 16  # of Miller and Rabin's test: a composite passes with a chance below 4 ** -16
# The DER of DigestInfo with SHA-256, before the digest: RFC 8017, section 9.2, note 1.
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")


class Issuer:
    """An issuer with a key of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._modulus, self._private = _key()

    @property
    def keys(self) -> dict[str, Any]:
        """The JSON Web Key Set that the issuer publishes."""
        modulus = _encoded(self._modulus.to_bytes(_BITS // 8, "big"))
        return {"keys": [{"kid": "1", "kty": "RSA", "n": modulus, "e": _encoded(b"\1\0\1")}]}

    def token(
        self,
        subject: str,
        expires: float,
        audience: str = "sts.amazonaws.com",
        more: Mapping[str, str] | None = None,
    ) -> str:
        """A signed JSON Web Token of a CI job.

        Args:
            subject: the claim `sub`.
            expires: the claim `exp`, in seconds since 1970.
            audience: the claim `aud`.
            more: further claims, such as GitHub's `repository_id`.
        """
        header = {"alg": "RS256", "kid": "1"}
        own = {"iss": self.url, "sub": subject, "aud": audience, "exp": int(expires)}
        claims = {**(more or {}), **own}
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
        return f"{signed}.{_encoded(self._signature(signed.encode()))}"

    def _signature(self, message: bytes) -> bytes:
        """RSA with SHA-256 and PKCS #1 v1.5 padding: RFC 8017, section 8.2.1."""
        digest = _SHA256 + hashlib.sha256(message).digest()
        padded = b"\0\1" + b"\xff" * (_BITS // 8 - len(digest) - 3) + b"\0" + digest
        signed = pow(int.from_bytes(padded, "big"), self._private, self._modulus)
        return signed.to_bytes(_BITS // 8, "big")


def _key() -> tuple[int, int]:
    """A modulus of 2,048 bits and the private exponent."""
    p = _prime()
    q = next(q for q in iter(_prime, 0) if q != p)
    return p * q, pow(_EXPONENT, -1, math.lcm(p - 1, q - 1))


def _prime() -> int:
    """A random prime of half the bits whose two highest are set, and that suits the exponent."""
    half = _BITS // 2
    while True:
        candidate = secrets.randbits(half) | 3 << (half - 2) | 1
        fits = (candidate - 1) % _EXPONENT and all(candidate % small for small in _SMALL_PRIMES)
        if fits and _is_prime(candidate):
            return candidate


def _is_prime(odd: int) -> bool:
    twos = ((odd - 1) & (1 - odd)).bit_length() - 1
    for _ in range(_ROUNDS):
        power = pow(2 + secrets.randbelow(odd - 3), (odd - 1) >> twos, odd)
        if power in (1, odd - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % odd
            if power == odd - 1:
                break
        else:
            return False
    return True


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
