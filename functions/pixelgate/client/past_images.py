"""Compares images of the past on this machine: for drift, and any two of a snapshot."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pixelgate.domain import keys
from pixelgate.domain.comparison import Diff
from pixelgate.domain.manifest import BuildManifest, check_name, parse_accepted
from pixelgate.domain.policy_rules import Policies
from pixelgate.errors import BadManifest, BucketError, ImageFault, NotFound, UsageError
from pixelgate.past.drift import Chain, Drift, measure
from pixelgate.past.life import Step
from pixelgate.past.model import Entry
from pixelgate.ports import Bucket, DifferPool

if TYPE_CHECKING:
    from pixelgate.client.compare_folders import LocalResult

_FEWEST_DIGITS = 6  # of a hash


def manifest_of(store: Bucket, entry: Entry) -> BuildManifest:
    """Reads the accepted manifest of a build, which has its policies. Raises BucketError."""
    key = keys.accepted_manifest(entry.id)
    try:
        return parse_accepted(store.read(key), entry.id)
    except NotFound as error:
        raise BucketError(f"{key} is gone: build {entry.build} was past its retention") from error
    except BadManifest as error:
        raise BucketError(f"{key} is no manifest: {error}") from error


def measure_drift(store: Bucket, chains: Sequence[Chain], pool: DifferPool) -> Iterator[Drift]:
    """Yields the drift of chains of one build, under the policy that it has now.

    A chain is left out if one of its images is gone or cannot be compared. Raises BucketError.
    """
    if not chains:
        return
    manifest = manifest_of(store, chains[0].entry)

    def diff(chain: Chain) -> Diff | None:
        project = chain.entry.project
        try:
            base, head = (
                store.read(keys.image(project, sha)) for sha in (chain.anchor, chain.head)
            )
            return pool.diff(base, head, manifest.policy_for(chain.name), lambda: True)
        except (NotFound, ImageFault):
            return None

    yield from measure(chains, diff, manifest.policy_for)


def pick(images: Sequence[Step], wanted: str) -> Step:
    """Returns the accepted image with a number, counted from 1, or with the beginning of its hash.

    Raises:
        UsageError: there is none, or an image was removed there.
    """
    found: Step | None = None
    if wanted.isdecimal() and 1 <= int(wanted) <= len(images):
        found = images[int(wanted) - 1]
    elif len(wanted) >= _FEWEST_DIGITS:
        found = next((i for i in images if (i.hash or "").startswith(wanted.lower())), None)
    if found is None:
        raise UsageError(
            f"--diff {wanted}: there is no such image; give a number of the list, 1 to "
            f"{len(images)}, or at least {_FEWEST_DIGITS} digits of a hash"
        )
    if found.hash is None:
        raise UsageError(f"--diff {wanted}: the snapshot was removed there, so it has no image")
    return found


def compare_images(
    store: Bucket, pair: tuple[Step, Step], out: Path, pool: DifferPool, engine: tuple[str, str]
) -> LocalResult:
    """Compares two images of a snapshot as the later one's build would; writes a report.

    Raises:
        BucketError: an image is gone.
        UsageError: `out` holds something else.
    """
    from pixelgate.client.compare_folders import compare_folders  # needs the extra `compare`

    later = pair[1]
    manifest = manifest_of(store, later.entry)
    policies = Policies(manifest.policy_for(later.shot.name))
    with _folders(store, pair) as (base, head):
        return compare_folders(base, head, out, pool=pool, engine=engine, policies=policies)


@contextmanager
def _folders(store: Bucket, pair: Iterable[Step]) -> Iterator[tuple[Path, Path]]:
    """Writes two images under one name, that of the later one, into two folders."""
    steps = list(pair)
    name = check_name(steps[-1].shot.name)
    with tempfile.TemporaryDirectory(prefix="pixelgate-") as made:
        folders = Path(made, "base"), Path(made, "head")
        for folder, step in zip(folders, steps, strict=True):
            sha = str(step.hash)
            try:
                body = store.read(keys.image(step.entry.project, sha))
            except NotFound as error:
                raise BucketError(
                    f"the image {sha[:12]} of build {step.entry.build} is gone: no kept build "
                    "refers to it"
                ) from error
            path = folder / name
            path.parent.mkdir(parents=True)
            path.write_bytes(body)
        yield folders
