"""Translates errors of AWS's SDK for the user: each message says what is wrong and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own, of which all network errors are
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
    SSOError,
    TokenRetrievalError,
)

from pixelgate.errors import BucketError, Refused

_ACTIONS = {
    "read": "s3:GetObject",
    "look for": "s3:GetObject and s3:ListBucket",
    "write": "s3:PutObject",
    "list": "s3:ListBucket",
    "read an older version of": "s3:ListBucketVersions and s3:GetObjectVersion",
    "delete": "s3:DeleteObject",
    "identify": "sts:GetCallerIdentity",
}
DENIED = frozenset({"AccessDenied", "403", "Forbidden", "AllAccessDisabled"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
_UNKNOWN = frozenset(
    {"InvalidAccessKeyId", "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidToken"}
)
_ELSEWHERE = frozenset({"PermanentRedirect", "301", "AuthorizationHeaderMalformed"})
_LOG_IN = (
    "in CI let the job take a role over OIDC (docs/ci.md shows how), "
    "on a laptop run `aws sso login` or set AWS_PROFILE"
)


# Where AWS and its SDK begin to quote a regular expression; what comes before says what was given.
_QUOTED = re.compile(
    r"\s*(?:failed to satisfy constraint: )?(?:Member must satisfy regular expression pattern"
    r"|(?:Bucket name |must |it must )?(?:must )?match(?:es|ing)? the (?:regex|pattern)"
    r"|must match pattern|failed to satisfy regular expression).*",
    re.DOTALL,
)


def without_pattern(message: str) -> str:
    """Returns a message of AWS or its SDK without the regular expression that it quotes."""
    said = _QUOTED.sub("", message)
    if said == message:
        return message
    said = " ".join(said.split()).rstrip(" :")
    return f"{said}: this text has a length or characters that AWS does not take"


@contextmanager
def translate_errors(verb: str, bucket: str, key: str) -> Iterator[None]:
    """Translates the SDK's errors into Refused (a permission is lacking) or BucketError."""
    try:
        yield
    except ClientError as error:
        raise _refusal(error, verb, bucket, key) from error
    except (BotoCoreError, ProfileNotFound) as error:
        raise BucketError(without_answer(error, bucket)) from error


def _refusal(error: ClientError, verb: str, bucket: str, key: str) -> BucketError:
    """Translates an error that S3 answered with."""
    answer = error.response.get("Error", {})
    code, message = str(answer.get("Code", "")), str(answer.get("Message", "")).strip()
    where = f"s3://{bucket}/{key}"
    if code in DENIED:
        return Refused(
            f"AWS refuses to {verb} {where}: these credentials lack {_ACTIONS.get(verb, verb)} "
            f"there (or the bucket is not yours). Compare the role with docs/ci.md"
        )
    if code in _EXPIRED:
        return BucketError(f"the AWS credentials have expired: {_LOG_IN}")
    if code in _UNKNOWN:
        return BucketError(f"AWS does not know these credentials ({code}): {_LOG_IN}")
    if code == "NoSuchBucket":
        return BucketError(
            f"there is no bucket {bucket!r}; --bucket, PIXELGATE_BUCKET or pixelgate.toml names "
            "it, and the output Bucket of the stack says how it is called"
        )
    if code in _ELSEWHERE:
        return BucketError(
            f"the bucket {bucket!r} lies in another region; set AWS_REGION to the stack's"
        )
    if code == "RequestTimeTooSkewed":
        return BucketError("this machine's clock is wrong, and AWS refuses what it signs; set it")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", "")
    message = message or "no further words"
    if code == "InvalidBucketName":
        return BucketError(_no_bucket_s_name(bucket))
    message = without_pattern(message)
    return BucketError(f"could not {verb} {where}: AWS answered {status} {code}: {message}")


def without_answer(error: Exception, bucket: str) -> str:
    """Explains an error of a request that was not sent, or not answered."""
    match error:
        case NoCredentialsError():
            return f"there are no AWS credentials: {_LOG_IN}"
        case PartialCredentialsError():
            return f"the AWS credentials are not whole ({error}): {_LOG_IN}"
        case ProfileNotFound():
            return f"{error}; AWS_PROFILE names it, and `aws configure list-profiles` lists them"
        case ParamValidationError() if "Invalid bucket name" in str(error):
            return _no_bucket_s_name(bucket)
        case NoRegionError():
            return "no AWS region is set: set AWS_REGION to that of the stack"
        case CredentialRetrievalError() | SSOError() | TokenRetrievalError():
            return f"the AWS credentials could not be had ({error}): {_LOG_IN}"
        case SSLError():
            return (
                f"no trusted connection to S3 ({error}): is a proxy in between? See AWS_CA_BUNDLE"
            )
        case ConnectionError() | HTTPClientError():
            return (
                f"S3 could not be reached for s3://{bucket}, also when asked again ({error}): "
                "check the network, AWS_REGION, and AWS_ENDPOINT_URL if it is set"
            )
    return f"AWS's SDK gave up on s3://{bucket}: {without_pattern(str(error))}"


def _no_bucket_s_name(bucket: str) -> str:
    return (
        f"{bucket!r} is not the name of a bucket, which has 3 to 63 lower-case letters, digits, "
        "dots and hyphens; --bucket, PIXELGATE_BUCKET or pixelgate.toml names it, and the output "
        "Bucket of the stack says how it is called"
    )
