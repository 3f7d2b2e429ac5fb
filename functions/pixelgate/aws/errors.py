"""Explains the SDK's errors to people who deploy or operate a stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own, of which all network errors are
    HTTPClientError,
)

from pixelgate.errors import BucketError, Refused
from pixelgate.storage.s3_errors import DENIED, without_answer, without_pattern

_DENIED = DENIED | {"AccessDeniedException", "UnauthorizedOperation"}
_UNKNOWN = frozenset({
    "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "InvalidAccessKeyId",
    "SignatureDoesNotMatch", "UnrecognizedClientException",
})  # fmt: skip


@contextmanager
def in_words(
    action: str, resource: str, denied: str, missing: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Translates the SDK's errors into Refused or BucketError.

    Args:
        action: such as "s3:ListBucket"; of "dynamodb:" the error says which operation it was.
        resource: what it acts on.
        denied: what follows "these credentials lack it" if AWS refuses.
        missing: sentences for codes with which AWS says that the resource does not exist.
    """
    try:
        yield
    except ClientError as error:
        action += error.operation_name if action.endswith(":") else ""
        details = error.response.get("Error", {})
        code, message = str(details.get("Code", "")), str(details.get("Message", "")).strip()
        if code in _DENIED:
            raise Refused(
                f"AWS refuses {action} on {resource}: these credentials lack it{denied}"
            ) from error
        if code in _UNKNOWN:
            raise BucketError(
                f"AWS does not accept these credentials ({code}): run `aws sso login` or set "
                "AWS_PROFILE"
            ) from error
        if missing and code in missing:
            raise BucketError(missing[code]) from error
        message = without_pattern(message)
        raise BucketError(f"{action} on {resource}: AWS answered {code}: {message}") from error
    except (ConnectionError, HTTPClientError) as error:
        raise BucketError(
            f"{action.rstrip(':')} on {resource}: AWS could not be reached ({error}). Is the "
            "region's name right? Otherwise check the network, and AWS_ENDPOINT_URL if it is set"
        ) from error
    except BotoCoreError as error:
        raise BucketError(without_answer(error, resource)) from error
    except ValueError as error:
        if "endpoint" not in str(error):  # else the SDK's, for a wrong AWS_ENDPOINT_URL or region
            raise
        raise BucketError(without_answer(error, resource)) from error
