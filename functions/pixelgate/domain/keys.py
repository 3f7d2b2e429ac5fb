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
# Builds of forks have ids that begin with it.
FORK = "fork."

# The base of what stands for a build of which not all shards are in.
SHARDS = "@shards"

_REVIEW = re.compile(r"reviews/([^/]+)/([^/]+)/([^/]+)\.json")
_MANIFEST = re.compile(
    r"uploads/([^/]+)/([^/]+)/(?:shards/([1-9]\d{0,3})-of-(0|[1-9]\d{0,3})/|(finalize)/)?"
    r"manifest\.json"
)
_ACCEPTED_SHARD = re.compile(r"builds/[^/]+/[^/]+/shards/(\d+)-of-(\d+)\.json")
_ID_MAX_BYTES = 255


@dataclass(frozen=True, order=True)
class BuildId:
    """One build: the snapshots of one project at one commit."""

    project: str
    build: str

    def __str__(self) -> str:
        return f"{self.project}/{self.build}"


@dataclass(frozen=True, order=True)
class ShardId:
    """One shard of a build: `index` of `total`, counted from 1; a total of 0 is unknown."""

    index: int
    total: int

    def __str__(self) -> str:
        return f"{self.index}-of-{self.total}"

    @property
    def words(self) -> str:
        """For a person."""
        return f"shard {self.index} of {self.total}" if self.total else f"shard {self.index}"


@dataclass(frozen=True)
class Upload:
    """What one uploaded manifest tells of.

    Attributes:
        build: of which build.
        shard: the part of it that the manifest lists; None if it lists the whole.
        finalizes: it lists nothing, but says that every shard is there.
        resumed: nothing new was uploaded; the build was accepted before and is looked at again.
    """

    build: BuildId
    shard: ShardId | None = None
    finalizes: bool = False
    resumed: bool = False


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


def is_trusted(build: BuildId) -> bool:
    """Whether a build may ever be a baseline. The role of forks can put only under `fork.*`."""
    return not build.build.startswith(FORK)


def upload_of(key: str) -> Upload | None:
    """What was uploaded under this (decoded) key; None if it is no manifest's key."""
    found = _MANIFEST.fullmatch(key)
    if found is None:
        return None
    project, build, index, total, finalize = found.groups()
    shard = ShardId(int(index), int(total)) if index else None
    return Upload(BuildId(project, build), shard, bool(finalize))


def uploads(build: BuildId, shard: ShardId | None = None) -> str:
    """The folder of a build's or shard's manifest, with "/"; plain images lie beside it."""
    part = "" if shard is None else f"shards/{shard}/"
    return f"uploads/{build.project}/{build.build}/{part}"


def uploaded_manifest(build: BuildId, shard: ShardId | None = None) -> str:
    """What CI writes last; its creation is the trigger."""
    return f"{uploads(build, shard)}manifest.json"


def uploaded_shards(build: BuildId) -> str:
    """Where the shards of a build are uploaded, with "/"."""
    return f"{uploads(build)}shards/"


def finalize(build: BuildId) -> str:
    """What says that every shard of a build has been uploaded."""
    return f"{uploads(build)}finalize/manifest.json"


def accepted_shards(build: BuildId) -> str:
    """Where the shards of a build lie that were accepted, with "/"."""
    return f"builds/{build.project}/{build.build}/shards/"


def accepted_shard(build: BuildId, shard: ShardId) -> str:
    """The copy of a shard's manifest that was accepted."""
    return f"{accepted_shards(build)}{shard}.json"


def accepted_shard_of(key: str) -> ShardId | None:
    """The inverse of `accepted_shard`."""
    found = _ACCEPTED_SHARD.fullmatch(key)
    return ShardId(int(found[1]), int(found[2])) if found else None


def closed_shards(build: BuildId) -> str:
    """Which shards make up a build; whoever writes it first decides."""
    return f"builds/{build.project}/{build.build}/shards.json"


def review_of(key: str) -> tuple[BuildId, str] | None:
    """The build and the id of the review object under this (decoded) key; None if it is none."""
    found = _REVIEW.fullmatch(key)
    return (BuildId(found[1], found[2]), found[3]) if found else None


def review(build: BuildId, review_id: str) -> str:
    """What a reviewer writes; its creation is the trigger."""
    return f"reviews/{build.project}/{build.build}/{review_id}.json"


def kept_review(build: BuildId, review_id: str) -> str:
    """The copy of a review that was carried out, where reviewers cannot write."""
    return f"builds/{build.project}/{build.build}/reviews/{review_id}.json"


def review_log(build: BuildId) -> str:
    """Everything that reviews have decided about a build."""
    return f"builds/{build.project}/{build.build}/review.json"


def accepted_manifest(build: BuildId) -> str:
    """The copy of the manifest that was accepted; later runs read it as their base."""
    return f"builds/{build.project}/{build.build}/manifest.json"


def status(build: BuildId) -> str:
    """What CI polls."""
    return f"builds/{build.project}/{build.build}/status.json"


def image(project: str, sha256: str) -> str:
    """The bytes of one image, addressed by what they are."""
    return f"images/{project}/{sha256}"


def aside(project: str, sha256: str) -> str:
    """Where an image lies that nobody seems to need, until it is deleted or taken back."""
    return f"aside/{project}/{sha256}"


def going(project: str) -> str:
    """Which images garbage collection is about to take away from `images/`, and until when."""
    return f"gc/{project}/going.json"


def diff(folder: str, base_sha256: str, head_sha256: str) -> str:
    """The mask of one pair of images, with the result in it; the folder is `diffs`."""
    return f"{folder}{base_sha256[:16]}-{head_sha256[:16]}.png"


def diffs(project: str, fingerprint: str, generation: str = "") -> str:
    """Where the results and masks of one policy lie that were made in one generation, with "/"."""
    return f"diffs/{project}/{_in(generation)}{fingerprint}/"


def thumbnails(project: str, generation: str = "") -> str:
    """Where the small pictures lie that were made in one generation, with "/"."""
    return f"diffs/{project}/{_in(generation)}thumbs/"


def thumbnail(project: str, made_of: str, generation: str = "") -> str:
    """A small picture; `made_of` is the hash of the image and the mask that it shows."""
    return f"{thumbnails(project, generation)}{made_of}.webp"


def _in(generation: str) -> str:
    return f"{generation}/" if generation else ""


def failure(build: BuildId) -> str:
    """The page that says why a build has no report."""
    return f"builds/{build.project}/{build.build}/index.html"


def result(comparison: ComparisonId, execution: str, name: str) -> str:
    """A file that one execution of a comparison publishes, such as `comparison.json`."""
    c = comparison
    return f"comparisons/{c.project}/{c.head}/{c.base}/{execution}/{name}"


def fan_out(comparison: ComparisonId, execution: str, name: str) -> str:
    """A file that the workers of one execution leave for one another."""
    return result(comparison, execution, f"fan-out/{name}")


def batch_result(comparison: ComparisonId, execution: str, number: int) -> str:
    """What came of one batch of an execution's pairs."""
    return fan_out(comparison, execution, f"results/{number:06}.json")


def is_scratch(key: str) -> bool:
    """Whether a file of an execution is only there for its own workers, while they work."""
    return key.split("/")[5:6] == ["fan-out"]


def relative_url(target: str, page: str) -> str:
    """How the page under one key links to the object under another, percent-encoded."""
    folder, _, name = target.rpartition("/")
    return _way(folder, page) + quote(name)


@lru_cache(maxsize=256)
def _way(folder: str, page: str) -> str:
    """From a page to a folder; a report has a hundred thousand links into three of them."""
    way = posixpath.relpath(folder or ".", posixpath.dirname(page) or ".")
    return "" if way == "." else f"{quote(way)}/"


def plain_image(build: BuildId, name: str) -> str:
    """An image beside the manifest, by its name; the system hashes it."""
    return f"uploads/{build.project}/{build.build}/{name}"
