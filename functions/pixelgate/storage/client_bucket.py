"""The bucket on S3 as a client opens it: every error of AWS is explained to the user."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from pixelgate.errors import NotFound
from pixelgate.storage.s3 import S3Bucket, code_of
from pixelgate.storage.s3_errors import DENIED, translate_errors

_Read = TypeVar("_Read")


class ClientBucket(S3Bucket):
    """One bucket, for a person whose role may lack permissions."""

    @contextmanager
    def _errors(self, verb: str, key: str) -> Iterator[None]:
        with translate_errors(verb, self._bucket, key), super()._errors(verb, key):
            yield

    def _read(
        self, key: str, limit: int | None, options: dict[str, Any] | None = None
    ) -> tuple[bytes, str]:
        read = partial(super()._read, key, limit, options)
        return read() if "VersionId" in (options or {}) else self._tell_missing(key, read)

    def _head(self, key: str) -> None:
        self._tell_missing(key, partial(super()._head, key))

    def _tell_missing(self, key: str, read: Callable[[], _Read]) -> _Read:
        """Tells what is missing from what is forbidden.

        If an object is missing, S3 answers 403 to a role that may not list the whole bucket, even
        if the role may list the prefix. A listing tells the difference. If the object is in it, it
        is read again, because it may have been written after the first try.
        """
        try:
            return read()
        except ClientError as error:
            if code_of(error) not in DENIED:
                raise
            if self._is_missing(key):
                raise NotFound(key) from error
            return read()

    def _is_missing(self, key: str) -> bool:
        try:
            page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1)
        except ClientError:
            return False
        return not any(listed["Key"] == key for listed in page.get("Contents", []))
