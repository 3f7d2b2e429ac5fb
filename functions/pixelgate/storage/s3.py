"""The bucket on S3."""

from __future__ import annotations

import base64
import re
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypedDict

from botocore.exceptions import (
    ClientError,
    FlexibleChecksumError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from pixelgate.errors import NotFound, TooLarge, WriteConflict
from pixelgate.ports import Listed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ErrorTypeDef

_BROKEN = (
    FlexibleChecksumError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
_GONE = frozenset({"NoSuchKey", "404", "NotFound"})
# S3 answers 409 while another put of the same key is under way. Whoever wins writes the same bytes.
_TRIES, _PAUSE = 5, 0.2
_THERE = frozenset({"PreconditionFailed", "412"})
_BUSY = frozenset({"ConditionalRequestConflict", "409"})
_UNCHANGED = frozenset({"304", "NotModified"})
# STACK-ACCOUNT-REGION, and "-an" in the account's own namespace.
_OWNER = re.compile(r"-(\d{12})-[a-z]{2,}(?:-[a-z]+)+-\d(?:-an)?$")
_BATCH = 1_000  # the most keys that DeleteObjects takes
# What S3 says to If-Match on a key that has no object, or another one: it would have been allowed.
_ALLOWED = frozenset({"NoSuchKey", "PreconditionFailed", "404", "412"})
# 412: the tag is another one. 409: a concurrent write of the same key was under way.
_CONFLICT = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


class S3Bucket:
    """One bucket. Its client may be used by several threads."""

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        identify: Callable[[], Mapping[str, Any]] = lambda: {"Arn": "unknown"},
        owner: str | None = None,
    ) -> None:
        """Takes a client.

        Args:
            client: boto3's, for S3.
            bucket: its name.
            identify: STS's GetCallerIdentity.
            owner: the account that owns the bucket; S3 refuses each request if another one does.
        """
        if owner:
            name_owner(client, owner)
        self._client = client
        self._bucket = bucket
        self._identify = identify

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
            if _code(error) == "InvalidRange":
                return b""
            raise

    def _read(self, key: str, limit: int | None, part: _Part | None = None) -> tuple[bytes, str]:
        """The SDK repeats a request that fails, but not a body that breaks off or is garbled."""
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
        with _our_errors(key):
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                ChecksumCRC32=_crc32(body),
            )

    def replace(self, key: str, body: bytes, content_type: str, tag: str | None) -> None:
        """Puts the object with If-Match or If-None-Match."""
        condition: _Condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        try:
            with _our_errors(key):
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body,
                    ContentType=content_type,
                    ChecksumCRC32=_crc32(body),
                    **condition,
                )
        except NotFound as error:
            # What was read is gone: S3 answers 404 to If-Match then, not 412.
            raise WriteConflict(key) from error

    def read_changed(self, key: str, tag: str | None) -> tuple[bytes, str] | None:
        """A GET with If-None-Match, which S3 answers with 304 and no body."""
        if tag is None:
            return self.read_tagged(key)
        try:
            return self._read(key, None, {"IfNoneMatch": tag})
        except ClientError as error:
            if _code(error) in _UNCHANGED:
                return None
            raise

    def put_new(self, key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        """Puts the object with If-None-Match and its checksum."""
        for tries_left in reversed(range(_TRIES)):
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body,
                    ContentType=content_type,
                    ChecksumSHA256=base64.b64encode(sha256).decode(),
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if _code(error) in _THERE:
                    return False
                if _code(error) not in _BUSY or not tries_left:
                    raise
                time.sleep(_PAUSE)
            else:
                return True
        raise AssertionError

    def check_write(self, key: str) -> None:
        """A put that cannot succeed: If-Match on a key that has no object.

        S3 looks at permissions first, so 403 is the answer to who may not, and 404 or 412 to who
        may. Nothing is stored either way.
        """
        try:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=b"", IfMatch='"probe"')
        except ClientError as error:
            if _code(error) not in _ALLOWED:
                raise

    def caller(self) -> str:
        """The ARN, as STS tells it; every AWS credential may ask."""
        return str(self._identify()["Arn"])

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
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix
        )
        for page in pages:
            for found in page.get("Contents", ()):
                modified = found["LastModified"].timestamp()
                yield Listed(found["Key"], found["Size"], found["ETag"], modified)

    def folders(self, prefix: str) -> Iterator[str]:
        """Asks for page after page of what lies up to the next "/"."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, Delimiter="/"
        )
        for page in pages:
            for found in page.get("CommonPrefixes", ()):
                yield found["Prefix"].removeprefix(prefix).rstrip("/")

    def delete(self, keys: Collection[str]) -> None:
        """Deletes a thousand at a time; the bucket keeps them as older versions.

        Raises:
            ClientError: S3 refused to delete some of them; it is the refusal of the first.
        """
        names = list(keys)
        for start in range(0, len(names), _BATCH):
            batch = names[start : start + _BATCH]
            answer = self._client.delete_objects(
                Bucket=self._bucket,
                Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True},
            )
            if errors := answer.get("Errors"):
                raise _refused_delete(errors[0])


def owner_in(bucket: str) -> str | None:
    """Returns the account that a stack put into its bucket's name; None if there is none in it."""
    found = _OWNER.search(bucket)
    return found[1] if found else None


def name_owner(client: S3Client, account: str) -> None:
    """Makes a client tell S3 with every request which account owns the bucket."""

    def tell(params: dict[str, Any], **_: Any) -> None:
        params["ExpectedBucketOwner"] = account

    client.meta.events.register("provide-client-params.s3", tell, unique_id="bucket-owner")


class _Part(TypedDict, total=False):
    Range: str
    VersionId: str
    IfNoneMatch: str


class _Condition(TypedDict, total=False):
    IfMatch: str
    IfNoneMatch: str


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused_delete(error: ErrorTypeDef) -> ClientError:
    """One object's refusal as an error of the SDK, which raises none: S3 answers with 200."""
    told = f"{error.get('Key')}: {error.get('Message')}"
    answer: Any = {
        "Error": {"Code": error.get("Code", ""), "Message": told},
        "ResponseMetadata": {"HTTPStatusCode": 200},
    }
    return ClientError(answer, "DeleteObjects")


def _crc32(body: bytes) -> str:
    """S3 checks it and keeps it for readers.

    Left to itself the SDK sends the checksum behind the body, which it then has to send in chunks.
    """
    return base64.b64encode(zlib.crc32(body).to_bytes(4)).decode()


@contextmanager
def _our_errors(key: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = _code(error)
        if code in _GONE:
            raise NotFound(key) from error
        if code in _CONFLICT:
            raise WriteConflict(key) from error
        raise
