"""Where everything lies in the bucket; the only place that spells a key."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from pixelgate.errors import BadManifest

# The base of a comparison that has none; ids of builds may not begin with "@".
NO_BASE = "@none"

_MANIFEST = re.compile(r"uploads/([^/]+)/([^/]+)/manifest\.json")
_ID_MAX_BYTES = 255


@dataclass(frozen=True, order=True)
class BuildId:
    """One build: the snapshots of one project at one commit."""

    project: str
    build: str

    def __str__(self) -> str:
        return f"{self.project}/{self.build}"


@dataclass(frozen=True, order=True)
class ComparisonId:
    """One comparison: unique by project, head build and base build (or NO_BASE)."""

    project: str
    head: str
    base: str

    @property
    def waits(self) -> bool:
        """Whether its base is only named and not there."""
        return self.base.startswith("@") and self.base != NO_BASE

    def __str__(self) -> str:
        return f"{self.project}: {self.head} against {self.base}"


def wanted(what: str, name: str) -> str:
    """The base of a comparison whose base is named and missing; `what` is build or commit."""
    return f"@{what}:{name}"


def check_id(value: str, what: str) -> str:
    """Returns the id of a project or build if it can stand in a key.

    Raises:
        BadManifest: it is empty, too long, or holds "/", a control character, or a leading "@".
    """
    if not value or len(value.encode("utf-8", "surrogatepass")) > _ID_MAX_BYTES:
        raise BadManifest(f"{what}: must have 1 to {_ID_MAX_BYTES} bytes")
    if value in {".", ".."} or value.startswith("@") or "/" in value or not value.isprintable():
        raise BadManifest(
            f"{what}: {value!r} may not be '.' or '..', begin with '@', "
            "or hold '/' or an unprintable character"
        )
    return value


def upload_of(key: str) -> BuildId | None:
    """The build whose manifest lies under this (decoded) key; None if it is no manifest's key."""
    found = _MANIFEST.fullmatch(key)
    return BuildId(found[1], found[2]) if found else None


def uploaded_manifest(build: BuildId) -> str:
    """What CI writes last; its creation is the trigger."""
    return f"uploads/{build.project}/{build.build}/manifest.json"


def accepted_manifest(build: BuildId) -> str:
    """The copy of the manifest that was accepted; later runs read it as their base."""
    return f"builds/{build.project}/{build.build}/manifest.json"


def status(build: BuildId) -> str:
    """What CI polls."""
    return f"builds/{build.project}/{build.build}/status.json"


def image(project: str, sha256: str) -> str:
    """The bytes of one image, addressed by what they are."""
    return f"images/{project}/{sha256}"


def diff(project: str, fingerprint: str, base_sha256: str, head_sha256: str, suffix: str) -> str:
    """The result (`.json`) or mask (`.png`) of one pair of images under one policy."""
    return f"diffs/{project}/{fingerprint}/{base_sha256[:16]}-{head_sha256[:16]}{suffix}"


def thumbnail(project: str, made_of: str) -> str:
    """A small picture; `made_of` is the hash of the image and the mask that it shows."""
    return f"diffs/{project}/thumbs/{made_of}.webp"


def failure(build: BuildId) -> str:
    """The page that says why a build has no report."""
    return f"builds/{build.project}/{build.build}/index.html"


def result(comparison: ComparisonId, execution: str, name: str) -> str:
    """A file that one execution of a comparison publishes, such as `comparison.json`."""
    c = comparison
    return f"comparisons/{c.project}/{c.head}/{c.base}/{execution}/{name}"


def relative_url(target: str, page: str) -> str:
    """How the page under one key links to the object under another, percent-encoded."""
    folder, _, name = target.rpartition("/")
    return _way(folder, page) + quote(name)


@lru_cache(maxsize=256)
def _way(folder: str, page: str) -> str:
    """From a page to a folder; a report has a hundred thousand links into three of them."""
    way = posixpath.relpath(folder or ".", posixpath.dirname(page) or ".")
    return "" if way == "." else f"{quote(way)}/"
