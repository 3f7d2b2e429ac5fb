"""The bucket on S3 as a client uses it: more requests at once, and every refusal in words."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pixelgate.errors import NotFound
from pixelgate.storage.s3 import S3Objects
from pixelgate.storage.s3_errors import DENIED, in_words
from pixelgate.storage.store import Entry

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# S3 answers 409 while another put of the same key is under way. Whoever wins writes the same bytes.
_TRIES, _PAUSE = 5, 0.2
_THERE = frozenset({"PreconditionFailed", "412"})
_BUSY = frozenset({"ConditionalRequestConflict", "409"})
# What S3 says to If-Match on a key that has no object, or another one: it would have been allowed.
_ALLOWED = frozenset({"NoSuchKey", "PreconditionFailed", "404", "412"})


class S3Store:
    """One bucket, as `pixelgate.storage.store.Store` has it. It may be used by several threads."""

    def __init__(
        self,
        client: S3Client,
        bucket: str,
        identify: Callable[[], Mapping[str, Any]] = lambda: {"Arn": "unknown"},
    ) -> None:
        """Takes a client.

        Args:
            client: boto3's, for S3.
            bucket: its name.
            identify: STS's GetCallerIdentity.
        """
        self._client = client
        self._bucket = bucket
        self._identify = identify
        self._objects = S3Objects(client, bucket)

    def read(self, key: str, limit: int | None = None) -> bytes:
        """The object's bytes."""
        with in_words("read", self._bucket, key), self._missing_as_404(key):
            return self._objects.read(key, limit)

    def read_tagged(self, key: str) -> tuple[bytes, str]:
        """The object's bytes and its ETag."""
        with in_words("read", self._bucket, key), self._missing_as_404(key):
            return self._objects.read_tagged(key)

    def read_changed(self, key: str, tag: str | None) -> tuple[bytes, str] | None:
        """A GET with If-None-Match, which S3 answers with 304 and no body."""
        if tag is None:
            return self.read_tagged(key)
        with in_words("read", self._bucket, key), self._missing_as_404(key):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=key, IfNoneMatch=tag)
                return answer["Body"].read(), answer["ETag"]
            except ClientError as error:
                match _code(error):
                    case "304" | "NotModified":
                        return None
                    case "NoSuchKey" | "404":
                        raise NotFound(key) from error
                raise

    def write(self, key: str, body: bytes, content_type: str) -> None:
        """Puts the object."""
        with in_words("write", self._bucket, key):
            self._objects.write(key, body, content_type)

    def replace(self, key: str, body: bytes, content_type: str, tag: str | None) -> None:
        """Puts the object with If-Match or If-None-Match."""
        with in_words("write", self._bucket, key):
            self._objects.replace(key, body, content_type, tag)

    def exists(self, key: str) -> bool:
        """Asks for the object's head."""
        try:
            with in_words("look for", self._bucket, key), self._missing_as_404(key):
                return self._objects.exists(key)
        except NotFound:
            return False

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Lists, a thousand objects a request."""
        token: str | None = None
        while True:
            with in_words("list", self._bucket, prefix):
                page = self._client.list_objects_v2(
                    Bucket=self._bucket,
                    Prefix=prefix,
                    **({"ContinuationToken": token} if token else {}),  # type: ignore[arg-type]
                )
            for found in page.get("Contents", []):
                yield Entry(found["Key"], found["Size"], found["LastModified"].timestamp())
            token = page.get("NextContinuationToken")
            if not page.get("IsTruncated") or not token:
                return

    def put_new(self, key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        """Puts the object with If-None-Match and its checksum."""
        for tries_left in reversed(range(_TRIES)):
            with in_words("write", self._bucket, key):
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
        with in_words("write", self._bucket, key):
            try:
                self._client.put_object(Bucket=self._bucket, Key=key, Body=b"", IfMatch='"probe"')
            except ClientError as error:
                if _code(error) not in _ALLOWED:
                    raise

    @contextmanager
    def _missing_as_404(self, key: str) -> Iterator[None]:
        """Tells what is missing from what is forbidden.

        S3 answers 403 to a GET of nothing from whoever may not list the whole bucket; a role that
        may list some prefixes only is such a one. Its listing tells the difference.
        """
        try:
            yield
        except ClientError as error:
            if _code(error) in DENIED and self._is_missing(key):
                raise NotFound(key) from error
            raise

    def _is_missing(self, key: str) -> bool:
        try:
            page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1)
        except ClientError:
            return False
        return not any(found["Key"] == key for found in page.get("Contents", []))

    def caller(self) -> str:
        """The ARN, as STS tells it; every AWS credential may ask."""
        with in_words("identify", self._bucket, ""):
            return str(self._identify()["Arn"])


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
