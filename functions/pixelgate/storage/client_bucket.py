"""The bucket on S3 as a client opens it: every error of AWS is explained to the user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from pixelgate.errors import NotFound
from pixelgate.storage.s3 import READING, S3Bucket, code_of
from pixelgate.storage.s3_errors import DENIED, translate_errors


class ClientBucket(S3Bucket):
    """One bucket, for a person whose role may lack permissions."""

    @contextmanager
    def _errors(self, verb: str, key: str) -> Iterator[None]:
        """Also tells a missing object from a forbidden one.

        To a role that may not list the whole bucket S3 answers 403 also if the object is missing.
        If the role may list the key's prefix, a listing tells the difference.
        """
        with translate_errors(verb, self._bucket, key):
            try:
                with super()._errors(verb, key):
                    yield
            except ClientError as error:
                if verb in READING and code_of(error) in DENIED and self._is_missing(key):
                    raise NotFound(key) from error
                raise

    def _is_missing(self, key: str) -> bool:
        try:
            page = self._client.list_objects_v2(Bucket=self._bucket, Prefix=key, MaxKeys=1)
        except ClientError:
            return False
        return not any(listed["Key"] == key for listed in page.get("Contents", []))
