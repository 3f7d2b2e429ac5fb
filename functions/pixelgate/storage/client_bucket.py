"""The bucket on S3 as a client opens it: every refusal is told in words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import TypeVar

from botocore.exceptions import ClientError

from pixelgate.errors import NotFound
from pixelgate.ports import Listed
from pixelgate.storage.s3 import S3Bucket
from pixelgate.storage.s3_errors import DENIED, translate_errors

_Read = TypeVar("_Read")


class ClientBucket(S3Bucket):
    """One bucket, for a person whose role may lack something."""

    def read(self, key: str, limit: int | None = None) -> bytes:
        """The object's bytes."""
        return self._reading(key, "read", partial(super().read, key, limit))

    def read_tagged(self, key: str, limit: int | None = None) -> tuple[bytes, str]:
        """The object's bytes and its ETag."""
        return self._reading(key, "read", partial(super().read_tagged, key, limit))

    def read_range(self, key: str, offset: int, length: int) -> bytes:
        """Some of the object's bytes."""
        return self._reading(key, "read", partial(super().read_range, key, offset, length))

    def read_changed(self, key: str, tag: str | None) -> tuple[bytes, str] | None:
        """The object's bytes and its ETag, if that is another one."""
        return self._reading(key, "read", partial(super().read_changed, key, tag))

    def write(self, key: str, body: bytes, content_type: str) -> None:
        """Puts the object."""
        with translate_errors("write", self._bucket, key):
            super().write(key, body, content_type)

    def replace(self, key: str, body: bytes, content_type: str, tag: str | None) -> None:
        """Puts the object with If-Match or If-None-Match."""
        with translate_errors("write", self._bucket, key):
            super().replace(key, body, content_type, tag)

    def put_new(self, key: str, body: bytes, content_type: str, sha256: bytes) -> bool:
        """Puts the object with If-None-Match and its checksum."""
        with translate_errors("write", self._bucket, key):
            return super().put_new(key, body, content_type, sha256)

    def exists(self, key: str) -> bool:
        """Asks for the object's head."""
        try:
            return self._reading(key, "look for", partial(super().exists, key))
        except NotFound:
            return False

    def read_deleted(self, key: str, limit: int | None = None) -> bytes:
        """Reads the newest version below the delete marker."""
        with translate_errors("read an older version of", self._bucket, key):
            return super().read_deleted(key, limit)

    def list(self, prefix: str) -> Iterator[Listed]:
        """Lists, a thousand objects a request."""
        with translate_errors("list", self._bucket, prefix):
            yield from super().list(prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        """Lists the names up to the next "/"."""
        with translate_errors("list", self._bucket, prefix):
            yield from super().folders(prefix)

    def delete(self, keys: Collection[str]) -> None:
        """Deletes, a thousand objects a request."""
        with translate_errors("delete", self._bucket, ""):
            super().delete(keys)

    def check_write(self, key: str) -> None:
        """A put that cannot succeed."""
        with translate_errors("write", self._bucket, key):
            super().check_write(key)

    def caller(self) -> str:
        """The ARN."""
        with translate_errors("identify", self._bucket, ""):
            return super().caller()

    def _reading(self, key: str, verb: str, read: Callable[[], _Read]) -> _Read:
        """Tells what is missing from what is forbidden.

        If an object is missing, S3 answers 403 to a role that may not list the whole bucket, even
        if the role may list the prefix. A listing tells the difference. If the object is in it, it
        is read again, because it may have been written after the first try.
        """
        with translate_errors(verb, self._bucket, key):
            try:
                return read()
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") not in DENIED:
                    raise
                if self._is_missing(key):
                    raise NotFound(key) from error
            return read()

    def _is_missing(self, key: str) -> bool:
        try:
            page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1)
        except ClientError:
            return False
        return not any(found["Key"] == key for found in page.get("Contents", []))
