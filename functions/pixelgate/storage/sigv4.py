"""Signs requests to S3 (AWS Signature Version 4), with the key of the day kept.

botocore's own code takes seven times as long, half of what a request takes with it; the tests hold
this against it (docs/decisions/0053).
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Signer:
    """Who asks, for one region."""

    access_key: str
    secret_key: str
    token: str | None
    region: str

    def sign(
        self, method: str, path: str, query: str, fields: Mapping[str, str], body: bytes, now: float
    ) -> dict[str, str]:
        """The header fields to send.

        Args:
            method: such as GET.
            path: percent-encoded, as it is sent.
            query: likewise, its parameters sorted.
            fields: what else is sent, names in lower case, `host` among them.
            body: S3 refuses any other under this signature.
            now: seconds since 1970.
        """
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        digest = hashlib.sha256(body).hexdigest()
        sent = {**fields, "x-amz-content-sha256": digest, "x-amz-date": moment}
        if self.token:
            sent["x-amz-security-token"] = self.token
        names = sorted(sent)
        signed = ";".join(names)
        lines = (method, path, query, *(f"{n}:{sent[n]}" for n in names), "", signed, digest)
        scope = f"{moment[:8]}/{self.region}/s3/aws4_request"
        asked = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        signature = hmac.digest(
            _key(self.secret_key, *scope.split("/")),
            f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{asked}".encode(),
            "sha256",
        )
        sent["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, "
            f"SignedHeaders={signed}, Signature={signature.hex()}"
        )
        return sent


@lru_cache(maxsize=4)
def _key(secret: str, *scope: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return key
