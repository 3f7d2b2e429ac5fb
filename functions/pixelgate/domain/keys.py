"""The keys of all objects in the bucket; no other module spells a key."""

from __future__ import annotations

import hashlib
import posixpath
import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from pixelgate.errors import BadManifest

# Stands for the base of a comparison without one; a build's id may not begin with "@".
NO_BASE = "@none"
# The ids of forks' builds begin with it.
FORK = "fork."
# The ids of a baseline branch's own builds begin with it.
TRUNK = "trunk."

# Stands for the base while shards of a build are missing.
SHARDS = "@shards"

# Stands for all projects that a setting does not name.
EVERY_PROJECT = "*"

# The files of a result: what was found, and the page that shows it.
COMPARISON, REPORT = "comparison.json", "index.html"

# The folder of batches' results among the files of a fan-out.
BATCH_RESULTS = "results/"

# The folder of a project's index, among its builds: whoever may read those may read it.
INDEX = "@history"

# The folder of a project's quarantines, among its builds and among their reviews.
QUARANTINE = "@quarantine"

_REVIEW = re.compile(r"reviews/([^/]+)/([^/]+)/([^/]+)\.json")
_MANIFEST = re.compile(
    r"uploads/([^/]+)/([^/]+)/(?:shards/([1-9]\d{0,3})-of-(0|[1-9]\d{0,3})/|(finalize)/)?"
    r"manifest\.json"
)
_ACCEPTED_SHARD = re.compile(r"builds/[^/]+/[^/]+/shards/(\d+)-of-(\d+)\.json")
_INDEX = re.compile(
    rf"builds/[^/]+/{INDEX}/(?:new/(\d{{4}})(\d\d)\d\dT[^/]+|(\d{{4}})-(\d\d))\.json\.gz"
)
_ID_MAX_BYTES = 255
_INDEXED_ID_MAX_BYTES = 120


@dataclass(frozen=True, order=True)
class BuildId:
    """A project and the id of one of its builds."""

    project: str
    build: str

    def __str__(self) -> str:
        return f"{self.project}/{self.build}"

    def against(self, base: str) -> ComparisonId:
        """Returns the id of the comparison of this build with a base."""
        return ComparisonId(self.project, self.build, base)


@dataclass(frozen=True, order=True)
class ShardId:
    """One shard of a build: `index` of `total`, counted from 1; total 0 means unknown."""

    index: int
    total: int

    def __str__(self) -> str:
        return f"{self.index}-of-{self.total}"

    @property
    def words(self) -> str:
        """`shard 2 of 4`, for messages."""
        return f"shard {self.index} of {self.total}" if self.total else f"shard {self.index}"


@dataclass(frozen=True)
class Upload:
    """An uploaded manifest, identified by its key: of a whole build, or of one shard.

    One that `finalizes` lists no snapshots, but declares that every shard is uploaded. If it is
    `resumed`, nothing was uploaded: a build that was accepted before is resumed.
    """

    build: BuildId
    shard: ShardId | None = None
    finalizes: bool = False
    resumed: bool = False


@dataclass(frozen=True, order=True)
class ComparisonId:
    """Project, head build and base build (or NO_BASE); together they identify a comparison."""

    project: str
    head: str
    base: str

    @property
    def waits(self) -> bool:
        """Whether its base was named, but is not uploaded yet."""
        return self.base.startswith("@") and self.base != NO_BASE

    def __str__(self) -> str:
        return f"{self.project}: {self.head} against {self.base}"


def wanted(kind: str, name: str) -> str:
    """Returns what stands for a base that is named but missing; `kind` is build or commit."""
    return f"@{kind}:{name}"


def check_id(value: str, field: str) -> str:
    """Returns an id that can be a part of a key; otherwise raises BadManifest with its `field`."""
    if not value or len(value.encode("utf-8", "surrogatepass")) > _ID_MAX_BYTES:
        raise BadManifest(f"{field}: must have 1 to {_ID_MAX_BYTES} bytes")
    if value in {".", ".."} or value.startswith("@") or "/" in value or not value.isprintable():
        raise BadManifest(
            f"{field}: {value!r} may not be '.' or '..', begin with '@', "
            "or hold '/' or an unprintable character"
        )
    return value


def check_build(build: BuildId) -> BuildId:
    """Returns a build whose ids of project and build can be parts of a key; else BadManifest."""
    check_id(build.project, "project")
    check_id(build.build, "build")
    return build


def is_trusted(build: BuildId) -> bool:
    """Whether a build is none of a fork. The IAM role of forks may write only `fork.*` builds."""
    return not build.build.startswith(FORK)


def is_trunk(build: BuildId) -> bool:
    """Whether a build is a baseline branch's. Only that branch's IAM role may write `trunk.*`."""
    return build.build.startswith(TRUNK)


def upload_of(key: str) -> Upload | None:
    """Parses the (decoded) key of an uploaded manifest; None for any other key."""
    match = _MANIFEST.fullmatch(key)
    if match is None:
        return None
    project, build, index, total, finalize = match.groups()
    shard = ShardId(int(index), int(total)) if index else None
    return Upload(BuildId(project, build), shard, bool(finalize))


def uploads(build: BuildId, shard: ShardId | None = None) -> str:
    """The folder with the manifest of a build or shard, and its plain images; ends with "/"."""
    part = "" if shard is None else f"shards/{shard}/"
    return f"uploads/{build}/{part}"


def uploaded_manifest(build: BuildId, shard: ShardId | None = None) -> str:
    """The manifest that CI uploads last; its creation starts the comparison."""
    return f"{uploads(build, shard)}manifest.json"


def uploaded_shards(build: BuildId) -> str:
    """The folder to which the shards of a build are uploaded; ends with "/"."""
    return f"{uploads(build)}shards/"


def finalize(build: BuildId) -> str:
    """The object by which CI declares that every shard of a build is uploaded."""
    return f"{uploads(build)}finalize/manifest.json"


def accepted_shards(build: BuildId) -> str:
    """The folder of a build's accepted shards; ends with "/"."""
    return f"builds/{build}/shards/"


def accepted_shard(build: BuildId, shard: ShardId) -> str:
    """The accepted copy of a shard's manifest."""
    return f"{accepted_shards(build)}{shard}.json"


def accepted_shard_of(key: str) -> ShardId | None:
    """Parses the key of an accepted shard; None for any other key."""
    match = _ACCEPTED_SHARD.fullmatch(key)
    return ShardId(int(match[1]), int(match[2])) if match else None


def closed_shards(build: BuildId) -> str:
    """The list of shards that make up a build; the first worker that writes it decides."""
    return f"builds/{build}/shards.json"


def review_of(key: str) -> tuple[BuildId, str] | None:
    """Parses the (decoded) key of a review into build and review id; None for any other key."""
    match = _REVIEW.fullmatch(key)
    return (BuildId(match[1], match[2]), match[3]) if match else None


def review(build: BuildId, review_id: str) -> str:
    """The review that a client uploads; its creation applies it."""
    return f"reviews/{build}/{review_id}.json"


def quarantine_review_of(key: str) -> tuple[str, str] | None:
    """Parses the (decoded) key of a quarantine or a lift into project and id; None for others."""
    match = _REVIEW.fullmatch(key)
    return (match[1], match[3]) if match and match[2] == QUARANTINE else None


def quarantine_review(project: str, review_id: str) -> str:
    """The quarantine, or the lift of one, that a client uploads; its creation applies it."""
    return f"reviews/{project}/{QUARANTINE}/{review_id}.json"


def quarantine_log(project: str) -> str:
    """The quarantines and lifts of a project; every comparison reads it."""
    return f"builds/{project}/{QUARANTINE}/log.json"


def kept_quarantine_review(project: str, review_id: str) -> str:
    """The copy of an applied quarantine or lift, where reviewers have no write access."""
    return f"builds/{project}/{QUARANTINE}/reviews/{review_id}.json"


def kept_review(build: BuildId, review_id: str) -> str:
    """The copy of an applied review, where reviewers have no write access."""
    return f"builds/{build}/reviews/{review_id}.json"


def review_log(build: BuildId) -> str:
    """The review log of a build."""
    return f"builds/{build}/review.json"


def accepted_manifest(build: BuildId) -> str:
    """The accepted copy of the manifest; later comparisons read it as their base."""
    return f"builds/{build}/manifest.json"


def status(build: BuildId) -> str:
    """status.json, which CI polls."""
    return f"builds/{build}/status.json"


def image(project: str, sha256: str) -> str:
    """An image, stored by its hash."""
    return f"images/{project}/{sha256}"


def old_image(project: str, sha256: str) -> str:
    """Where earlier versions kept an image that was to be deleted; nothing is written there."""
    return f"aside/{project}/{sha256}"


def cached_diffs(project: str, fingerprint: str) -> str:
    """The folder of one policy's cached diffs, with "/"; S3 deletes what is in it by age."""
    return f"cache/{project}/{fingerprint}/"


def cached_diff(folder: str, base_sha256: str, head_sha256: str) -> str:
    """The measured diff of one pair of images; `folder` is `cached_diffs`."""
    return f"{folder}{base_sha256[:16]}-{head_sha256[:16]}.json"


def mask(folder: str, fingerprint: str, base_sha256: str, head_sha256: str) -> str:
    """The mask of one pair of images; `folder` is `pictures`."""
    return f"{folder}masks/{fingerprint}/{base_sha256[:16]}-{head_sha256[:16]}.png"


def thumbnail(folder: str, made_of: str) -> str:
    """A thumbnail; `made_of` is the hash of image and mask that it shows, `folder` `pictures`."""
    return f"{folder}thumbs/{made_of}.webp"


def index(project: str) -> str:
    """The folder of a project's index; ends with "/"."""
    return f"builds/{project}/{INDEX}/"


def index_new(project: str) -> str:
    """The folder of what the tidy function has not merged yet; ends with "/"."""
    return f"{index(project)}new/"


def index_month(project: str, month: str) -> str:
    """What was published in a month, such as `2026-11`, one JSON object a line, compressed."""
    return f"{index(project)}{month}.json.gz"


def learned_noise(project: str) -> str:
    """What the tidy function has learned of the noise of a project's snapshots."""
    return f"{index(project)}noise.json"


def index_line(project: str, at: str, build: str, execution: str, review: str = "") -> str:
    """One new line of the index; `at` is the ISO time of the result, `review` an id of a change.

    The time comes first, so that its month is known from the key, and keys are in its order. A
    long id is shortened, as the key's last part may be the name of a file; executions are unique.
    """
    if len(build.encode()) > _INDEXED_ID_MAX_BYTES:
        build = hashlib.sha256(build.encode()).hexdigest()
    moment = re.sub(r"[^0-9T]", "", at[:19])
    change = f"-review-{review}" if review else ""
    return f"{index_new(project)}{moment}Z-{build}-{execution}{change}.json.gz"


def index_month_of(key: str) -> str | None:
    """Returns the month of a key of the index, such as `2026-11`; None for any other key."""
    match = _INDEX.fullmatch(key)
    return f"{match[1] or match[3]}-{match[2] or match[4]}" if match else None


def is_index_month(key: str) -> bool:
    """Whether a key is that of a month of an index."""
    match = _INDEX.fullmatch(key)
    return match is not None and match[3] is not None


def history_part(comparison: ComparisonId, execution: str) -> str:
    """What a result adds to the index once it is published."""
    return result(comparison, execution, "history.json.gz")


def previews(folder: str) -> str:
    """The folder of the pictures for a pull request's comment, with "/"; `folder` is `pictures`."""
    return f"{folder}previews/"


def preview_list(folder: str) -> str:
    """What lists the pictures in the folder `previews`."""
    return f"{folder}list.json"


def failure(build: BuildId) -> str:
    """The page that explains why a build has no report."""
    return f"builds/{build}/index.html"


def result(comparison: ComparisonId, execution: str, name: str) -> str:
    """A file that an execution of a comparison publishes, such as `comparison.json`."""
    c = comparison
    return f"comparisons/{c.project}/{c.head}/{c.base}/{execution}/{name}"


def pictures(comparison: ComparisonId, execution: str) -> str:
    """The folder of the masks and thumbnails that one execution's report shows, with "/"."""
    return result(comparison, execution, "")


def fan_out(comparison: ComparisonId, execution: str, name: str) -> str:
    """A file by which the workers of one execution exchange data."""
    return result(comparison, execution, f"fan-out/{name}")


def batch_result(comparison: ComparisonId, execution: str, number: int) -> str:
    """The results of one batch of pairs."""
    return fan_out(comparison, execution, f"{BATCH_RESULTS}{number:06}.json")


def is_scratch(key: str) -> bool:
    """Whether a file of an execution is temporary: only its own workers need it."""
    return key.split("/")[5:6] == ["fan-out"]


def relative_url(target: str, page: str) -> str:
    """Returns the percent-encoded relative link from the page under one key to another object."""
    folder, _, name = target.rpartition("/")
    return _path_to(folder, page) + quote(name)


@lru_cache(maxsize=256)
def _path_to(folder: str, page: str) -> str:
    """Cached, as a report has up to a hundred thousand links into only three folders."""
    path = posixpath.relpath(folder or ".", posixpath.dirname(page) or ".")
    return "" if path == "." else f"{quote(path)}/"


def plain_image(build: BuildId, name: str) -> str:
    """An image of a plain upload, which has no hash yet."""
    return f"uploads/{build}/{name}"
