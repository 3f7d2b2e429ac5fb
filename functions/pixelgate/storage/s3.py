"""The bucket on S3."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import (
    ClientError,
    FlexibleChecksumError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from pixelgate.errors import NotFound, TooLarge, WriteConflict
from pixelgate.ports import Listed
from pixelgate.storage.s3_direct import DirectS3, Page

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_BROKEN = (
    FlexibleChecksumError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
_GONE = frozenset({"NoSuchKey", "404", "NotFound"})
# 412: the tag is another one. 409: a concurrent write of the same key was under way.
_CONFLICT = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


class S3Objects:
    """One bucket. Its client may be used by several threads."""

    def __init__(self, client: S3Client, bucket: str, direct: DirectS3 | None = None) -> None:
        """What is done most often takes the direct way first, if there is one."""
        self._client = client
        self._bucket = bucket
        self._direct = direct

    def read(self, key: str, limit: int | None = None) -> bytes:
        """The object's bytes; the SDK checks S3's checksum on the way."""
        return self._read(key, limit)[0]

    def read_tagged(self, key: str, limit: int | None = None) -> tuple[bytes, str]:
        """The object's bytes and its ETag."""
        return self._read(key, limit)

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """A ranged GET; S3 answers 416 where there is not a single byte."""
        try:
            return self._read(key, None, {"Range": f"bytes={offset}-{offset + length - 1}"})[0]
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "InvalidRange":
                return b""
            raise

    def _read(self, key: str, limit: int | None, part: _Part | None = None) -> tuple[bytes, str]:
        """The SDK repeats a request that fails, but not a body that breaks off or is garbled."""
        found = self._direct.get(key, limit) if self._direct and part is None else None
        if found is not None:
            return found
        for tries_left in (2, 1, 0):
            with _our_errors(key):
                answer = self._client.get_object(Bucket=self._bucket, Key=key, **(part or {}))
            size = answer["ContentLength"]
            if limit is not None and size > limit:
                answer["Body"].close()
                raise TooLarge(f"{key} has {size:,} bytes; {limit:,} are allowed")
            try:
                return answer["Body"].read(), answer["ETag"]
            except _BROKEN:
                if not tries_left:
                    raise
        raise AssertionError

    def write(self, key: str, body: bytes, content_type: str) -> None:
        """Puts the object."""
        if self._direct and self._direct.put(key, body, content_type):
            return
        with _our_errors(key):
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType=content_type
            )

    def replace(self, key: str, body: bytes, content_type: str, tag: str | None) -> None:
        """Puts the object with If-Match or If-None-Match."""
        condition: _Condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            with _our_errors(key):
                self._client.put_object(
                    Bucket=self._bucket, Key=key, Body=body, ContentType=content_type, **condition
                )
        except NotFound as error:
            # What was read is gone: S3 answers 404 to If-Match then, not 412.
            raise WriteConflict(key) from error

    def exists(self, key: str) -> bool:
        """Asks for the object's head. Without s3:ListBucket S3 would answer 403, not 404."""
        try:
            with _our_errors(key):
                self._client.head_object(Bucket=self._bucket, Key=key)
        except NotFound:
            return False
        return True

    def read_deleted(self, key: str, limit: int | None = None) -> bytes:
        """Reads the newest version below the delete marker; S3 lists the newest first."""
        answer = self._client.list_object_versions(Bucket=self._bucket, Prefix=key)
        for version in answer.get("Versions", ()):
            if version["Key"] == key:
                return self._read(key, limit, {"VersionId": version["VersionId"]})[0]
        raise NotFound(key)

    def list(self, prefix: str) -> Iterator[Listed]:
        """Asks for page after page: S3 lists at most 1,000 objects at once."""
        token = None
        while True:
            page = self._direct.page(prefix, token) if self._direct else None
            found, token = page or self._page(prefix, token)
            yield from found
            if token is None:
                return

    def _page(self, prefix: str, token: str | None) -> Page:
        goes_on: _GoesOn = {"ContinuationToken": token} if token else {}
        page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, **goes_on)
        found = [Listed(o["Key"], o["Size"], o["ETag"]) for o in page.get("Contents", ())]
        return found, page.get("NextContinuationToken")


class _GoesOn(TypedDict, total=False):
    ContinuationToken: str


class _Part(TypedDict, total=False):
    Range: str
    VersionId: str


class _Condition(TypedDict, total=False):
    IfMatch: str
    IfNoneMatch: str


@contextmanager
def _our_errors(key: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _GONE:
            raise NotFound(key) from error
        if code in _CONFLICT:
            raise WriteConflict(key) from error
        raise
