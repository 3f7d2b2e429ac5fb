"""The bucket on S3 for those who tidy it up."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from pixelgate.ports import Aged

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_BATCH = 1_000  # the most that DeleteObjects takes


class S3Attic:
    """One bucket. It keeps versions, so what is deleted here can be restored for 30 days."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def entries(self, prefix: str) -> Iterator[Aged]:
        """Lists page by page."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix
        )
        for page in pages:
            for found in page.get("Contents", ()):
                yield Aged(found["Key"], found["Size"], found["LastModified"].timestamp())

    def folders(self, prefix: str) -> Iterator[str]:
        """Lists page by page what lies up to the next "/"."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, Delimiter="/"
        )
        for page in pages:
            for found in page.get("CommonPrefixes", ()):
                yield found["Prefix"].removeprefix(prefix).rstrip("/")

    def delete(self, keys: Collection[str]) -> None:
        """Deletes a thousand at a time.

        Raises:
            OSError: S3 refused to delete some of them.
        """
        for some in _batches(list(keys)):
            answer = self._client.delete_objects(
                Bucket=self._bucket,
                Delete={"Objects": [{"Key": key} for key in some], "Quiet": True},
            )
            if answer.get("Errors"):
                first = answer["Errors"][0]
                raise OSError(f"{first.get('Key')} could not be deleted: {first.get('Message')}")


def _batches(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _BATCH):
        yield keys[start : start + _BATCH]
