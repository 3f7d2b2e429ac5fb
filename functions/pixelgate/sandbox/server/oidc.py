"""OpenID Connect in STS: AssumeRoleWithWebIdentity verifies its token, as AWS does.

MiniStack evaluates the trust policy on the token's claims but believes any token. Before that the
account must have the issuer as a provider, and signature, time and audience must be right. Only
RS256 is known: GitHub and GitLab sign with it.

An issuer's keys are fetched from where a file of the embedded cloud's owner says, because the real
issuers cannot be reached from it: {"https://token.actions.githubusercontent.com": {"keys": […]}}.
"""

import base64
import hashlib
import json
import time
from pathlib import Path
from typing import Any

from ministack.services import iam, sts  # type: ignore[import-not-found]

# The DER of DigestInfo with SHA-256, before the digest: RFC 8017, section 9.2, note 1.
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")


class Refused(Exception):
    """A token that STS does not take: AWS's error code and its message."""


def verify_tokens(issuers: Path) -> None:
    """Has STS verify each token before it reads the role's trust policy.

    Args:
        issuers: a file with the JSON Web Key Set of each issuer; it is read at each call.
    """
    evaluate = sts._web_identity_trust_denied

    def denied(role_arn: str, params: dict[str, Any], use_json: bool) -> Any:
        try:
            verify(sts._p(params, "WebIdentityToken"), issuers, time.time())
        except Refused as refused:
            code, message = refused.args
            if use_json:
                return sts.error_response_json(code, message, 400)
            return sts._error(400, code, message, ns="sts")
        return evaluate(role_arn, params, use_json)

    sts._web_identity_trust_denied = denied


def verify(token: str, issuers: Path, now: float) -> None:
    """Checks issuer, signature, time and audience of a JSON Web Token.

    Raises:
        Refused: one of them is wrong.
    """
    try:
        header, claims = (json.loads(_decoded(part)) for part in token.split(".")[:2])
        signed, _, signature = token.rpartition(".")
        issuer, audience, expires = claims["iss"], claims["aud"], claims["exp"]
        algorithm, key_id = header["alg"], header["kid"]
    except (ValueError, KeyError) as error:
        message = f"The ID Token provided is not a valid JWT: {error!r}"
        raise Refused("InvalidIdentityToken", message) from error
    host = issuer.removeprefix("https://")
    provider = next(
        (p for p in iam._oidc_providers.values() if p["Url"].removeprefix("https://") == host), None
    )
    if provider is None:
        message = f"No OpenIDConnect provider found in your account for {issuer}"
        raise Refused("InvalidIdentityToken", message)
    keys = json.loads(issuers.read_text()).get(issuer, {}).get("keys", [])
    key = next((key for key in keys if key["kid"] == key_id), None)
    if algorithm != "RS256" or key is None or not _signed_by(key, signed, _decoded(signature)):
        message = "Couldn't retrieve verification key from your identity provider"
        raise Refused("InvalidIdentityToken", message)
    if expires < now:
        raise Refused("ExpiredTokenException", "Token expired")
    if audience not in provider["ClientIDList"]:
        raise Refused("InvalidIdentityToken", "Incorrect token audience")


def _signed_by(key: dict[str, str], signed: str, signature: bytes) -> bool:
    """Whether RSA with SHA-256 and PKCS #1 v1.5 padding verifies: RFC 8017, section 8.2.2."""
    modulus, exponent = (int.from_bytes(_decoded(key[name]), "big") for name in ("n", "e"))
    size = (modulus.bit_length() + 7) // 8
    digest = _SHA256 + hashlib.sha256(signed.encode()).digest()
    padded = b"\0\1" + b"\xff" * (size - len(digest) - 3) + b"\0" + digest
    return pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big") == padded


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
