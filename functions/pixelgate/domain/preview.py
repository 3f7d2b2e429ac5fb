"""The pictures of a pull request's comment: their list, and the addresses that show them.

The list lies beside the pictures. It has a random key of its own, so whoever may read the pictures
in the bucket may make an address for them, and nobody else. Nothing else is signed with that key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

MOST = 6  # pictures of one comment
# No address of a picture works for longer; it ends earlier when the build is decided.
SECONDS = 7 * 24 * 3_600
# The list has six names of at most a kilobyte each.
MAX_BYTES = 64 * 1024
_FILE = re.compile(r"[0-9a-f]{64}\.png")
_UNTIL = re.compile(r"[1-9]\d{0,11}")
_KEY = re.compile(r"[\w-]{43}", re.ASCII)


@dataclass(frozen=True)
class Preview:
    """One picture: base, head and their difference beside one another.

    Attributes:
        file: its name in the folder, a hash of its bytes.
        name: the snapshot.
        status: what was found, such as `changed`.
        share: the changed part of the canvas, from 0 to 1; None if nothing was measured.
        like: the number of other snapshots with the same change.
    """

    file: str
    name: str
    status: str
    share: float | None = None
    like: int = 0


@dataclass(frozen=True)
class Previews:
    """The list of an execution's pictures, the most different first.

    Attributes:
        key: 32 random bytes, base64url.
        until: when the addresses end, seconds since 1970.
    """

    key: str
    until: int
    pictures: tuple[Preview, ...]

    @classmethod
    def new(cls, pictures: tuple[Preview, ...], now: float) -> Previews:
        """Makes a list with a key of its own, whose addresses end a week from `now`."""
        return cls(_base64(secrets.token_bytes(32)), int(now) + SECONDS, pictures)

    def encoded(self) -> bytes:
        """Encodes the list as JSON."""
        pictures = [vars(picture) for picture in self.pictures]
        said = {"schema_version": 1, "key": self.key, "until": self.until, "pictures": pictures}
        return json.dumps(said, ensure_ascii=False).encode()

    @classmethod
    def parse(cls, body: bytes) -> Previews | None:
        """Reads what `encoded` returns; None if it is anything else."""
        try:
            said: Mapping[str, Any] = json.loads(body)
            pictures = tuple(Preview(**picture) for picture in said["pictures"])
            found = cls(said["key"], said["until"], pictures)
        except (ValueError, TypeError, KeyError):
            return None
        sound = all(is_file(picture.file) for picture in pictures) and _KEY.fullmatch(found.key)
        return found if sound and len(pictures) <= MOST and found.until > 0 else None

    def query(self, folder: str, file: str) -> str:
        """Returns the query with which the site shows a file of that folder."""
        return f"until={self.until}&key={self._sign(folder, file, self.until)}"

    def admits(self, folder: str, file: str, query: Mapping[str, str]) -> bool:
        """Whether a query was made by `query` for this very file, however long ago."""
        until, key = query.get("until", ""), query.get("key", "")
        if not looks_signed(file, query) or int(until) > self.until:
            return False
        return hmac.compare_digest(key, self._sign(folder, file, int(until)))

    def only(self, names: frozenset[str]) -> Previews:
        """Leaves out the pictures of other snapshots."""
        return replace(self, pictures=tuple(p for p in self.pictures if p.name in names))

    def _sign(self, folder: str, file: str, until: int) -> str:
        said = f"pixelgate preview\n{folder}{file}\n{until}".encode()
        return _base64(hmac.digest(self.key.encode(), said, hashlib.sha256))


def file_of(picture: bytes) -> str:
    """Names a picture's file by its bytes."""
    return f"{hashlib.sha256(picture).hexdigest()}.png"


def is_file(name: str) -> bool:
    """Whether `file_of` returns such names."""
    return bool(_FILE.fullmatch(name))


def looks_signed(file: str, query: Mapping[str, str]) -> bool:
    """Whether file and query have the form of a signed address; nothing is read for others."""
    until, key = query.get("until", ""), query.get("key", "")
    return is_file(file) and bool(_UNTIL.fullmatch(until) and _KEY.fullmatch(key))


def address(site: str, folder: str, file: str, previews: Previews) -> str:
    """Returns the signed address of a picture on the review site.

    `folder` is that of the pictures in the bucket, `comparisons/…/previews/`.
    """
    path = folder.removeprefix("comparisons/").removesuffix("previews/")
    return f"{site.rstrip('/')}/previews/{quote(path)}{file}?{previews.query(folder, file)}"


def _base64(body: bytes) -> str:
    return urlsafe_b64encode(body).rstrip(b"=").decode()
