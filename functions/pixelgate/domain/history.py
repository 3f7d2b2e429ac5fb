"""The lines of a project's index: what one published comparison leaves for the history.

An entry lists what is not byte for byte as in the base. Together with the entries of the bases it
says what every snapshot of a build looked like. A change is what a review adds to an entry.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from pixelgate.domain import keys
from pixelgate.domain.comparison import Comparison, Snapshot, Status, Verdict
from pixelgate.domain.headroom import headroom
from pixelgate.domain.keys import NO_BASE, BuildId, ComparisonId
from pixelgate.domain.manifest import BuildManifest
from pixelgate.domain.names import canonical
from pixelgate.domain.policy import Policy
from pixelgate.domain.review_request import InheritedApproval
from pixelgate.domain.review_state import ReviewLog, ReviewState

REGIONS_KEPT = 20
# The state of a review that nobody has given, by the verdict.
_STATES = {Verdict.PASSED: ReviewState.NOT_NEEDED, Verdict.NEEDS_REVIEW: ReviewState.NEEDED}


@dataclass(frozen=True)
class Spot:
    """One region of a snapshot's difference, on the canvas, in pixels.

    `mark` is the reason that it counts, `noise` what explains it; one of both is None.
    """

    x: int
    y: int
    width: int
    height: int
    pixels: int
    mark: str | None = None
    noise: str | None = None


@dataclass(frozen=True)
class Shot:
    """One snapshot in one build, if it is not byte for byte its base's.

    Attributes:
        status: that of comparison.json; `unchanged` stands for one that differs and passed.
        head, base: hashes of the images (SHA-256, 64 hexadecimal digits), if they exist.
        previous: its name in the base, if that is another one.
        group: shared by all snapshots of the build with the same change.
        pixels, total: how many pixels differ, and how many the canvas has; 0 if not compared.
        regions: the largest regions, at most REGIONS_KEPT.
        more: how many regions are left out, and the sum of their pixels.
        noises: the noises that explain a part of the difference.
        moved: how far the page moved, right and down, if by a fraction of a pixel.
        headroom: the share of the nearest limit that is left; see `domain.headroom`.
        reason: why it is errored.
        mask: where the mask lies in the folder of its execution; None if there is none.
        policy: the fields of its policy that differ from the build's.
    """

    name: str
    status: str
    head: str | None = None
    base: str | None = None
    previous: str | None = None
    group: str | None = None
    pixels: int = 0
    total: int = 0
    regions: tuple[Spot, ...] = ()
    more: tuple[int, int] = (0, 0)
    noises: tuple[str, ...] = ()
    moved: tuple[float, float] | None = None
    headroom: float | None = None
    reason: str | None = None
    mask: str | None = None
    policy: Mapping[str, Any] = field(default_factory=dict)

    @property
    def renamed_from(self) -> str | None:
        """Its name in the base, if that is not the same name in another Unicode form."""
        same = self.previous is None or canonical(self.previous) == canonical(self.name)
        return None if same else self.previous


@dataclass(frozen=True)
class Given:
    """One review that counts.

    `by` is the reviewer's identity as S3 names it; `names` are the snapshots on which it counted
    when it was written down, or None for the whole build; `issuer` is who told the review site
    the reviewer's name.
    """

    id: str
    at: str
    action: str
    by: str
    names: tuple[str, ...] | None = None
    reason: str | None = None
    issuer: str | None = None


@dataclass(frozen=True)
class Entry:
    """One published comparison.

    Attributes:
        base: the build that it was compared with; None if there was none.
        commit, tree, branch, pull_request, author: as the manifest says.
        trusted: whether the build is none of a fork.
        at: when the result was made, ISO 8601 in UTC.
        review: not_needed, needed, approved or rejected.
        reviews: the reviews that count, the earliest first.
        granted: why it is approved without a review of its own.
        carried_from: the build whose approval was carried over.
        revision: of the review log; a higher one is newer.
        counts: the number of snapshots with each status, and `total`.
        usd: what the run cost, in US dollars; None if that was not measured.
        rule: fingerprint of the build's policy, the engine and its version, pixelgate's version.
        partial: whether the build lacks snapshots of its suite.
        first: whether it is a first upload, whose added snapshots need no review.
        shots: what is not byte for byte its base's, by name.
        quarantined: the snapshots in quarantine when it was compared, and why each is.
        attempts: by name, the hashes of the earlier attempts of the same run.
    """

    project: str
    build: str
    execution: str
    base: str | None
    commit: str
    branch: str
    at: str
    verdict: str
    review: str
    trusted: bool = True
    tree: str | None = None
    pull_request: str | None = None
    author: str | None = None
    reviews: tuple[Given, ...] = ()
    granted: str | None = None
    carried_from: str | None = None
    revision: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    usd: float | None = None
    rule: str = ""
    partial: bool = False
    first: bool = False
    shots: Mapping[str, Shot] = field(default_factory=dict)
    quarantined: Mapping[str, str] = field(default_factory=dict)
    attempts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def id(self) -> BuildId:
        """Project and build."""
        return BuildId(self.project, self.build)

    @property
    def comparison(self) -> ComparisonId:
        """Project, head and base."""
        return self.id.against(self.base or NO_BASE)

    @property
    def report(self) -> str:
        """The key of its report, which garbage collection may have deleted."""
        return keys.result(self.comparison, self.execution, keys.REPORT)

    @cached_property
    def _by_canonical(self) -> dict[str, Shot]:
        return {canonical(name): shot for name, shot in self.shots.items()}

    @cached_property
    def renamed_away(self) -> frozenset[str]:
        """Names of the base, in canonical form, under which this build has another name's."""
        found = (shot.renamed_from for shot in self.shots.values())
        return frozenset(canonical(name) for name in found if name is not None)

    def shot(self, name: str) -> Shot | None:
        """Returns the shot of a name, in whatever Unicode form; None if it is as in the base."""
        return self.shots.get(name) or self._by_canonical.get(canonical(name))

    def mask(self, shot: Shot) -> str | None:
        """The key of a shot's mask, which garbage collection may have deleted."""
        return shot.mask and keys.result(self.comparison, self.execution, shot.mask)

    def with_change(self, change: Change) -> Entry:
        """Returns the entry with what a review adds; reviews that were known keep their names."""
        newer, older = (self, change) if change.revision < self.revision else (change, self)
        names = _all_names((*older.reviews, *newer.reviews))
        known = {given.id: given for given in (*older.reviews, *newer.reviews)}
        reviews = [replace(given, names=names[given.id]) for given in known.values()]
        return replace(
            self,
            review=newer.review,
            reviews=tuple(sorted(reviews, key=lambda given: (given.at, given.id))),
            granted=newer.granted,
            carried_from=newer.carried_from,
            revision=newer.revision,
        )

    @property
    def change(self) -> Change:
        """What reviews have added."""
        return Change(
            *(self.build, self.execution, self.review, self.reviews, self.granted),
            *(self.carried_from, self.revision),
        )


def _all_names(reviews: Iterable[Given]) -> dict[str, tuple[str, ...] | None]:
    """Returns all names of each review: of one that was overturned, the log keeps only the rest."""
    names: dict[str, set[str] | None] = {}
    for given in reviews:
        if given.names is None:
            names[given.id] = None
        elif (known := names.setdefault(given.id, set())) is not None:
            known.update(given.names)
    return {key: None if some is None else tuple(sorted(some)) for key, some in names.items()}


@dataclass(frozen=True)
class Change:
    """What reviews add to the entry of a build's execution; the fields are those of `Entry`."""

    build: str
    execution: str
    review: str
    reviews: tuple[Given, ...] = ()
    granted: str | None = None
    carried_from: str | None = None
    revision: int = 0


Line = Entry | Change


def entry_of(comparison: Comparison, manifest: BuildManifest) -> Entry:
    """Returns the entry of a comparison that nobody has reviewed; `manifest` is the head's."""
    shots = {
        name: _shot(name, snapshot, comparison, manifest)
        for name, snapshot in comparison.snapshots.items()
        if _is_listed(name, snapshot)
    }
    engine = comparison.engine
    label = " ".join((engine.get("name", ""), engine.get("version", "")))
    fingerprint = comparison.policy.fingerprint(label)
    return Entry(
        project=comparison.id.project,
        build=comparison.id.head,
        execution=comparison.execution,
        base=None if comparison.id.base == NO_BASE else comparison.id.base,
        commit=manifest.commit,
        tree=manifest.tree,
        branch=manifest.branch,
        pull_request=manifest.pull_request,
        author=manifest.author,
        trusted=keys.is_trusted(manifest.id),
        at=comparison.created,
        verdict=str(comparison.verdict),
        review=str(_STATES[comparison.verdict]),
        counts=comparison.counts.as_json(),
        usd=round(comparison.cost.dollars, 6) if comparison.cost else None,
        rule=f"{fingerprint} {label} {engine.get('pixelgate', '')}".strip(),
        partial=manifest.partial,
        first=comparison.is_first,
        shots=shots,
        attempts={
            name: image.attempts for name, image in manifest.images.items() if image.attempts
        },
    )


def _is_listed(name: str, snapshot: Snapshot) -> bool:
    """Whether a snapshot is not byte for byte its base's, or has another name there."""
    other_name = snapshot.previous_name is not None
    differs = snapshot.head_sha256 != snapshot.base_sha256
    return snapshot.status is not Status.UNCHANGED or differs or other_name


def _shot(name: str, s: Snapshot, comparison: Comparison, manifest: BuildManifest) -> Shot:
    if s.status is Status.SKIPPED:
        return Shot(name, str(s.status))  # as in the base, and a part of a suite skips most of it
    known = Shot(
        name=name,
        status=str(s.status),
        head=s.head_sha256,
        base=s.base_sha256,
        previous=s.previous_name,
        group=s.group,
        reason=s.reason,
        policy=s.policy,
    )
    if s.measured is None:
        return known
    diff, judged = s.measured.diff, s.judgement
    none = (None,) * len(diff.regions)
    marks, kinds = (judged.marks or none, judged.kinds or none) if judged else (none, none)
    spots = [
        Spot(r.x, r.y, r.width, r.height, r.pixels, _word(mark), _word(kind))
        for r, mark, kind in zip(diff.regions, marks, kinds, strict=True)
    ]
    rest = spots[REGIONS_KEPT:]
    folder = keys.pictures(comparison.id, comparison.execution)
    mask = s.measured.mask_key or ""
    moved = diff.picture.right, diff.picture.down
    policy = comparison.policy.with_overrides(dict(s.policy)) if s.policy else comparison.policy
    return replace(
        known,
        pixels=diff.changed_pixels + diff.counted_pixels,
        total=diff.total_pixels,
        regions=tuple(spots[:REGIONS_KEPT]),
        more=(len(rest), sum(spot.pixels for spot in rest)),
        noises=tuple(str(noise.kind) for noise in diff.explained),
        moved=moved if any(moved) else None,
        headroom=_headroom(s, policy),
        mask=mask.removeprefix(folder) if mask.startswith(folder) else None,
    )


def _headroom(s: Snapshot, policy: Policy) -> float | None:
    if s.measured is None or s.status is not Status.UNCHANGED:
        return None
    return headroom(s.measured.diff, policy)


def _word(value: object) -> str | None:
    return None if value is None else str(value)


def change_of(
    build: str, execution: str, review: str, log: ReviewLog, granted: InheritedApproval | None
) -> Change:
    """Returns what a review log says of an execution; `review` is the state of the review."""
    names: dict[str, list[str]] = {}
    for name, given in log.decisions.items():
        names.setdefault(given, []).append(name)
    reviews = (
        Given(
            id=r.id,
            at=r.at,
            action=str(r.action),
            by=r.by,
            names=None if r.whole else tuple(sorted(names.get(r.id, ()))),
            reason=r.reason,
            issuer=r.on_behalf_of.issuer if r.on_behalf_of else None,
        )
        for r in sorted(log.reviews.values(), key=lambda r: r.stamp)
    )
    return Change(
        build=build,
        execution=execution,
        review=review,
        reviews=tuple(reviews),
        granted=granted.why if granted else None,
        carried_from=granted.build if granted else None,
        revision=log.revision,
    )


def encode(lines: Iterable[Line]) -> bytes:
    """Returns lines of the index, compressed; such bytes may be joined."""
    return join(json.dumps(as_json(line), ensure_ascii=False).encode() for line in lines)


def decode(project: str, body: bytes) -> Iterator[Line]:
    """Yields the lines of an object of a project's index. Raises ValueError if it is none."""
    for line in raw_lines(body):
        yield from_json(project, json.loads(line))


def raw_lines(body: bytes) -> Iterator[bytes]:
    """Yields the lines of an object of the index as bytes. Raises ValueError if it is none."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as text:
            for line in text:
                yield line.rstrip(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"it is not compressed as we compress it: {error}") from error


def join(lines: Iterable[bytes]) -> bytes:
    """Compresses lines as `raw_lines` yields them; such bytes may be joined."""
    # Without a time, the same lines are the same bytes.
    return gzip.compress(b"".join(line + b"\n" for line in lines), compresslevel=6, mtime=0)


def as_json(line: Line) -> dict[str, Any]:
    """Encodes a line: without the project, which is in its key, and without defaults."""
    if isinstance(line, Change):
        return {"v": 1, "kind": "change", **_without_defaults(line), "reviews": _given(line)}
    kept = _without_defaults(line)
    kept.pop("project")
    skipped = [s.name for s in line.shots.values() if s.status == Status.SKIPPED]
    shots = [_shot_json(s) for s in line.shots.values() if s.status != Status.SKIPPED]
    return {
        "v": 1,
        "kind": "entry",
        **kept,
        **({"reviews": _given(line)} if line.reviews else {}),
        "shots": shots,
        **({"skipped": skipped} if skipped else {}),
    }


def _without_defaults(record: Line | Shot | Given | Spot) -> dict[str, Any]:
    found = {known.name: (getattr(record, known.name), known.default) for known in fields(record)}
    return {
        name: value
        for name, (value, default) in found.items()
        if value not in (None, (), {}) and value != default
    }


def _given(line: Line) -> list[dict[str, Any]]:
    # No names are not the same as the whole build, whose names are None.
    return [
        {**_without_defaults(given), **({} if given.names is None else {"names": given.names})}
        for given in line.reviews
    ]


def _shot_json(shot: Shot) -> dict[str, Any]:
    spots = [[s.x, s.y, s.width, s.height, s.pixels, s.mark, s.noise] for s in shot.regions]
    return {**_without_defaults(shot), **({"regions": spots} if spots else {})}


def from_json(project: str, stored: Any) -> Line:
    """Decodes a line; fields of later versions are ignored. Raises ValueError if it is none."""
    try:
        told = dict(stored)
        told["reviews"] = tuple(map(_given_of, told.get("reviews", ())))
        if told.get("kind") == "change":
            return Change(**_known(Change, told))
        shots = {s["name"]: _shot_of(s) for s in told.pop("shots", ())}
        skipped = {name: Shot(name, str(Status.SKIPPED)) for name in told.pop("skipped", ())}
        attempts = {n: tuple(hashes) for n, hashes in told.pop("attempts", {}).items()}
        known = {"base": None, "review": "", **_known(Entry, told)}
        return Entry(**known, project=project, shots=shots | skipped, attempts=attempts)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"a line of it is none of an index: {error!r}") from error


def _known(record: type, stored: Mapping[str, Any]) -> dict[str, Any]:
    names = {known.name for known in fields(record)} - {"project", "shots", "attempts"}
    return {name: value for name, value in stored.items() if name in names}


def _given_of(stored: Mapping[str, Any]) -> Given:
    known = _known(Given, stored)
    names = known.get("names")
    return Given(**{**known, "names": None if names is None else tuple(names)})


def _shot_of(stored: Mapping[str, Any]) -> Shot:
    known = _known(Shot, stored)
    for name in ("more", "noises", "moved"):
        if name in known:
            known[name] = tuple(known[name])
    known["regions"] = tuple(Spot(*spot) for spot in known.get("regions", ()))
    return Shot(**known)
