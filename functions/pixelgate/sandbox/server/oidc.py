"""OpenID Connect in STS: AssumeRoleWithWebIdentity verifies its token, as AWS does.

MiniStack evaluates the trust policy on the token's claims but believes any token. Before that the
account must have the issuer as a provider, and signature, time and audience must be right. Only
RS256 is known: GitHub and GitLab sign with it.

Of GitHub's claims MiniStack knows aud and sub. Since February 2026 AWS knows more: condition
keys `token.actions.githubusercontent.com:NAME` of a trust policy. The role's session has none.

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

_GITHUB = "token.actions.githubusercontent.com"
# GitHub's claims that STS has condition keys for, besides aud and sub.
_CLAIMS = (
    *("actor", "actor_id", "enterprise_id", "environment", "job_workflow_ref", "ref"),
    *("repository", "repository_id", "workflow"),
)
# The DER of DigestInfo with SHA-256, before the digest: RFC 8017, section 9.2, note 1.
_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")


class Refused(Exception):
    """A token that STS does not take: AWS's error code and its message."""


def verify_tokens(issuers: Path) -> None:
    """Has STS verify each token before it reads the role's trust policy, with all of its claims.

    Args:
        issuers: a file with the JSON Web Key Set of each issuer; it is read at each call.
    """
    evaluate, principal_of = sts._web_identity_trust_denied, sts._web_identity_principal

    def denied(role_arn: str, params: dict[str, Any], use_json: bool) -> Any:
        try:
            verify(sts._p(params, "WebIdentityToken"), issuers, time.time())
        except Refused as refused:
            code, message = refused.args
            if use_json:
                return sts.error_response_json(code, message, 400)
            return sts._error(400, code, message, ns="sts")
        return evaluate(role_arn, params, use_json)

    def principal(token: str, provider: str, role_arn: str) -> tuple[str, dict[str, Any]]:
        found, known = principal_of(token, provider, role_arn)
        return found, {**known, **_github_keys(_claims(token))}

    sts._web_identity_trust_denied = denied
    sts._web_identity_principal = principal


def verify(token: str, issuers: Path, now: float) -> None:
    """Checks issuer, signature, time and audience of a JSON Web Token.

    Raises:
        Refused: one of them is wrong.
    """
    try:
        header, claims = json.loads(_decoded(token.split(".")[0])), _claims(token)
        signed, _, signature = token.rpartition(".")
        issuer, audience, expires = claims["iss"], claims["aud"], claims["exp"]
        algorithm, key_id = header["alg"], header["kid"]
    except (ValueError, LookupError) as error:
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


def _claims(token: str) -> dict[str, Any]:
    """The claims of a token. Raises ValueError or IndexError if it is none."""
    claims = json.loads(_decoded(token.split(".")[1]))
    if not isinstance(claims, dict):
        raise ValueError("the claims are no object")
    return claims


def _github_keys(claims: dict[str, Any]) -> dict[str, Any]:
    """The condition keys of a token of GitHub's; MiniStack compares keys in lower case."""
    if claims.get("iss") != f"https://{_GITHUB}":
        return {}
    return {f"{_GITHUB}:{name}": str(claims[name]) for name in _CLAIMS if name in claims}


def _signed_by(key: dict[str, str], signed: str, signature: bytes) -> bool:
    """Whether RSA with SHA-256 and PKCS #1 v1.5 padding verifies: RFC 8017, section 8.2.2."""
    modulus, exponent = (int.from_bytes(_decoded(key[name]), "big") for name in ("n", "e"))
    size = (modulus.bit_length() + 7) // 8
    digest = _SHA256 + hashlib.sha256(signed.encode()).digest()
    padded = b"\0\1" + b"\xff" * (size - len(digest) - 3) + b"\0" + digest
    return pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big") == padded


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
