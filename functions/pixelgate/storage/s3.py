"""The bucket on S3."""

from __future__ import annotations

import base64
import re
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

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
    from mypy_boto3_s3.type_defs import ErrorTypeDef, ListObjectsV2OutputTypeDef

_BROKEN = (FlexibleChecksumError, IncompleteReadError, ReadTimeoutError, ResponseStreamingError)
_GONE = frozenset({"NoSuchKey", "404", "NotFound"})
_UNCHANGED = frozenset({"304", "NotModified"})
# The condition of a put does not hold: there is an object, or one with another tag.
_OTHER_OBJECT = frozenset({"PreconditionFailed", "412"})
# Another put of the same key is under way.
_BUSY = frozenset({"ConditionalRequestConflict", "409"})
_TRIES, _PAUSE = 5, 0.2
# STACK-ACCOUNT-REGION, and "-an" in the account's own namespace.
_OWNER = re.compile(r"-(\d{12})-[a-z]{2,}(?:-[a-z]+)+-\d(?:-an)?$")
_BATCH = 1_000  # the most keys that DeleteObjects takes


class S3Bucket:
    """One bucket. Its client may be used by several threads."""

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        identify: Callable[[], Mapping[str, Any]] = lambda: {"Arn": "unknown"},
        owner: str | None = None,
    ) -> None:
        """Takes boto3's client of S3; `identify` is STS's GetCallerIdentity.

        If another account than `owner` owns the bucket, S3 refuses each request.
        """
        if owner:
            name_owner(client, owner)
        self._client = client
        self._bucket = bucket
        self._identify = identify

    @contextmanager
    def _errors(self, verb: str, key: str) -> Iterator[None]:
        """Translates S3's errors. Each request is made within; `verb` says what it does."""
        try:
            yield
        except ClientError as error:
            if code_of(error) in _GONE:
                raise NotFound(key) from error
            raise

    def read(self, key: str, limit: int | None = None) -> bytes:
        """Gets the object; the SDK verifies the checksum that S3 stored."""
        return self.read_tagged(key, limit)[0]

    def read_tagged(self, key: str, limit: int | None = None) -> tuple[bytes, str]:
        """Gets the object; its tag is the ETag."""
        with self._errors("read", key):
            return self._read(key, limit)

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Gets a range; S3 answers 416 if the object has no byte of it."""
        with self._errors("read", key):
            try:
                return self._read(key, None, {"Range": f"bytes={offset}-{offset + length - 1}"})[0]
            except ClientError as error:
                if code_of(error) == "InvalidRange":
                    return b""
                raise

    def read_changed(self, key: str, tag: str | None) -> tuple[bytes, str] | None:
        """Gets the object with If-None-Match; S3 answers 304, without a body, if it has the tag."""
        with self._errors("read", key):
            try:
                return self._read(key, None, {"IfNoneMatch": tag} if tag is not None else None)
            except ClientError as error:
                if code_of(error) in _UNCHANGED:
                    return None
                raise

    def _read(
        self, key: str, limit: int | None, options: dict[str, Any] | None = None
    ) -> tuple[bytes, str]:
        """Reads up to three times: the SDK does not repeat a request whose body breaks off."""
        for tries_left in (2, 1, 0):
            answer = self._client.get_object(Bucket=self._bucket, Key=key, **(options or {}))
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
        with self._errors("write", key):
            self._put(key, body, content_type)

    def _put(
        self, key: str, body: bytes, content_type: str, condition: dict[str, Any] | None = None
    ) -> None:
        self._client.put_object(
            Bucket=self._bucket,
            Key=key,
            Body=body,
            ContentType=content_type,
            # Without it the SDK sends a checksum after the body, and has to send that in chunks.
            ChecksumCRC32=base64.b64encode(zlib.crc32(body).to_bytes(4)).decode(),
            **(condition or {}),
        )

    def replace(self, key: str, body: bytes, content_type: str, tag: str | None) -> None:
        """Puts the object with If-Match or If-None-Match."""
        with self._errors("write", key):
            try:
                self._put(
                    key,
                    body,
                    content_type,
                    {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag},
                )
            except ClientError as error:
                # To If-Match S3 answers 404 if the object was deleted meanwhile.
                if code_of(error) in _OTHER_OBJECT | _BUSY | _GONE:
                    raise WriteConflict(key) from error
                raise

    def put_new(self, key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        """Puts the object with If-None-Match; tries again while another put of it is under way."""
        with self._errors("write", key):
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
                    if code_of(error) in _OTHER_OBJECT:
                        return False
                    if code_of(error) not in _BUSY or not tries_left:
                        raise
                    time.sleep(_PAUSE)
                else:
                    return True
            raise AssertionError

    def check_write(self, key: str) -> None:
        """Puts an object with an If-Match that never holds, so that nothing is written.

        S3 checks permissions first: it answers 403 to who may not write, and 404 or 412 otherwise.
        """
        with self._errors("write", key):
            try:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=b"", IfMatch='"probe"')
            except ClientError as error:
                if code_of(error) not in _OTHER_OBJECT | _GONE:
                    raise

    def caller(self) -> str:
        """Returns the ARN, for which every credential may ask STS."""
        with self._errors("identify", ""):
            return str(self._identify()["Arn"])

    def exists(self, key: str) -> bool:
        """Sends a HEAD. Without s3:ListBucket S3 would answer 403, not 404."""
        try:
            with self._errors("look for", key):
                self._head(key)
        except NotFound:
            return False
        return True

    def _head(self, key: str) -> None:
        self._client.head_object(Bucket=self._bucket, Key=key)

    def read_deleted(self, key: str, limit: int | None = None) -> bytes:
        """Reads the newest version below the delete marker; S3 lists the newest first."""
        with self._errors("read an older version of", key):
            answer = self._client.list_object_versions(Bucket=self._bucket, Prefix=key)
            for version in answer.get("Versions", ()):
                if version["Key"] == key:
                    return self._read(key, limit, {"VersionId": version["VersionId"]})[0]
        raise NotFound(key)

    def list(self, prefix: str) -> Iterator[Listed]:
        """Requests page after page, of at most 1,000 objects each."""
        for page in self._pages(prefix):
            for entry in page.get("Contents", ()):
                modified = entry["LastModified"].timestamp()
                yield Listed(entry["Key"], entry["Size"], entry["ETag"], modified)

    def folders(self, prefix: str) -> Iterator[str]:
        """Requests page after page of common prefixes, which end at the next "/"."""
        for page in self._pages(prefix, Delimiter="/"):
            for folder in page.get("CommonPrefixes", ()):
                yield folder["Prefix"].removeprefix(prefix).rstrip("/")

    def _pages(self, prefix: str, **options: str) -> Iterator[ListObjectsV2OutputTypeDef]:
        with self._errors("list", prefix):
            yield from self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket,
                Prefix=prefix,
                **options,  # type: ignore[arg-type]
            )

    def delete(self, keys: Collection[str]) -> None:
        """Deletes a thousand at a time; raises the first refusal if S3 refuses some of them."""
        names = list(keys)
        with self._errors("delete", ""):
            for start in range(0, len(names), _BATCH):
                batch = names[start : start + _BATCH]
                answer = self._client.delete_objects(
                    Bucket=self._bucket,
                    Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True},
                )
                if errors := answer.get("Errors"):
                    raise _refused_delete(errors[0])


def code_of(error: ClientError) -> str:
    """Returns AWS's code of an error, such as `NoSuchKey`; a HEAD only has the number."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused_delete(error: ErrorTypeDef) -> ClientError:
    """Makes an error from one object's refusal; the SDK raises none, as S3 answers with 200."""
    answer: Any = {
        "Error": {
            "Code": error.get("Code", ""),
            "Message": f"{error.get('Key')}: {error.get('Message')}",
        },
        "ResponseMetadata": {"HTTPStatusCode": 200},
    }
    return ClientError(answer, "DeleteObjects")


def owner_in(bucket: str) -> str | None:
    """Returns the account that a stack put into its bucket's name; None if there is none in it."""
    found = _OWNER.search(bucket)
    return found[1] if found else None


def name_owner(client: S3Client, account: str) -> None:
    """Makes a client tell S3 with every request which account owns the bucket."""

    def tell(params: dict[str, Any], **_: Any) -> None:
        params["ExpectedBucketOwner"] = account

    client.meta.events.register("provide-client-params.s3", tell, unique_id="bucket-owner")
