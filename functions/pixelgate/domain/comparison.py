"""comparison.json: the result of every snapshot, and the verdict."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from pixelgate import __version__
from pixelgate.domain.baseline import Choice, Kind
from pixelgate.domain.cost import Usage
from pixelgate.domain.keys import NO_BASE, ComparisonId
from pixelgate.domain.learned_noise import NEVER, LearnedNoise, Patch, strength_of
from pixelgate.domain.policy import ALGORITHM, Policy
from pixelgate.domain.quarantine import Applied, Stamp
from pixelgate.domain.verdict import (
    Evidence,
    Explained,
    Mark,
    NoiseKind,
    Picture,
    explain,
    known,
    mark_of,
)

SCHEMA_VERSION = 1
_NO_PICTURE = Picture()


class Status(StrEnum):
    """The result of one snapshot, in the order in which the report lists them."""

    ERRORED = "errored"
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"
    RENAMED = "renamed"
    SKIPPED = "skipped"
    UNCHANGED = "unchanged"


# Fields of a manifest that tell people where a build comes from.
ORIGIN = ("commit", "branch", "pull_request", "author", "ci_url")
# Snapshots that need a review, if there is a base; without one, only errored snapshots do.
NEEDING_REVIEW = (Status.CHANGED, Status.ADDED, Status.REMOVED, Status.ERRORED)
# What counts say instead of `changed` of a snapshot in quarantine.
QUARANTINED = "quarantined"
# Snapshots that are shown with pictures. A renamed one needs no review, but people look at it.
PICTURED = frozenset({*NEEDING_REVIEW, Status.RENAMED})


class Verdict(StrEnum):
    """The result of a comparison, which CI passes or fails on."""

    PASSED = "passed"
    NEEDS_REVIEW = "needs_review"


class Axis(StrEnum):
    """Whether the lines of a band are rows or columns."""

    ROWS = "rows"
    COLUMNS = "columns"


class BandKind(StrEnum):
    """Whether head (inserted) or base (deleted) has the lines of a band."""

    INSERTED = "inserted"
    DELETED = "deleted"


@dataclass(frozen=True)
class Band:
    """Neighbouring rows or columns that only one image has; all lines after them have moved.

    Attributes:
        kind: INSERTED if only head has them, DELETED if only base has.
        start: the first line on the canvas.
        length: number of lines.
        base_start, head_start: the first line in the image; where the image has none of them, the
            line that follows.
        axis: whether they are rows or columns.
    """

    kind: BandKind
    start: int
    length: int
    base_start: int
    head_start: int
    axis: Axis = Axis.ROWS

    @property
    def stop(self) -> int:
        """The first line of the canvas after the band."""
        return self.start + self.length

    def as_json(self) -> dict[str, Any]:
        """Returns the entry of `bands`: y and height for rows, x and width for columns."""
        at, size = _BAND_WORDS[self.axis]
        return {
            "kind": self.kind,
            "axis": self.axis,
            at: self.start,
            size: self.length,
            f"base_{at}": self.base_start,
            f"head_{at}": self.head_start,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Band:
        """Reads what `as_json` returns; without an axis (older versions), the lines are rows."""
        axis = Axis(stored.get("axis", Axis.ROWS))
        at, size = _BAND_WORDS[axis]
        start, length, base, head = (stored[n] for n in (at, size, f"base_{at}", f"head_{at}"))
        return cls(BandKind(stored["kind"]), start, length, base, head, axis)


_BAND_WORDS = {Axis.ROWS: ("y", "height"), Axis.COLUMNS: ("x", "width")}


@dataclass(frozen=True)
class Region:
    """Changed pixels in touching blocks of 16 × 16, and their tight box on the canvas.

    `area` is an index into the diff's `areas`; None if it is in none, and in results of older
    versions.
    """

    x: int
    y: int
    width: int
    height: int
    pixels: int
    area: int | None = None


@dataclass(frozen=True)
class Judgement:
    """A diff, judged under a policy.

    Of each region, `marks` has the reason that it counts, and `kinds` the noise that explains it;
    one of both is None. `recoloured` is true only in results of older versions: plain areas have
    another colour that the mask does not show. Where learned noise explains regions, `learned` has
    only the places that do, with their proof, and `places` for each region the number of its place.
    """

    changed: bool
    marks: tuple[Mark | None, ...]
    recoloured: bool = False
    kinds: tuple[NoiseKind | None, ...] = ()
    learned: LearnedNoise | None = None
    places: tuple[int | None, ...] = ()

    @property
    def by_place(self) -> list[list[int]]:
        """The numbers of the regions that each place of `learned` explains."""
        number = len(self.learned.places) if self.learned else 0
        return [[r for r, own in enumerate(self.places) if own == n] for n in range(number)]


@dataclass(frozen=True)
class Diff:
    """The measured difference of a pair of images under one policy.

    Attributes:
        changed_pixels: number of pixels in odiff's mask.
        structural_pixels: number of these that are above the structural threshold too.
        total_pixels: number of pixels of the canvas: max width × max height; along an axis with
            bands, the canvas has the lines of both images.
        base_size, head_size: width and height of the images.
        regions: the regions of the mask, largest first; the sum of their pixels is changed_pixels
            plus counted_pixels.
        mask: the mask as a PNG of the canvas's size; None if it would be empty.
        bands: inserted and deleted rows from top to bottom, then columns from left to right;
            their pixels are in the mask.
        picture: the measurements of the whole picture.
        fingerprint: equal for diffs with the same change, wherever it is on the canvas; None if
            nothing changed.
        counted_pixels: number of pixels that odiff ignores, but that the evidence counts; they are
            in the mask too.
        areas: the measurements of each area; a region's `area` is an index into them.
        explained: each noise that explains a part of the difference, with its numbers.
        profiles: the names of base's and head's colour profiles; None if they are the same.
    """

    changed_pixels: int
    structural_pixels: int
    total_pixels: int
    base_size: tuple[int, int]
    head_size: tuple[int, int]
    regions: tuple[Region, ...] = ()
    mask: bytes | None = field(default=None, repr=False)
    bands: tuple[Band, ...] = ()
    picture: Picture = _NO_PICTURE
    fingerprint: str | None = None
    counted_pixels: int = 0
    areas: tuple[Evidence, ...] = ()
    explained: tuple[Explained, ...] = ()
    profiles: tuple[str, str] | None = None

    def as_json(self) -> dict[str, Any]:
        """Encodes everything but the mask, for the cache and for other workers."""
        return {
            "changed_pixels": self.changed_pixels,
            "structural_pixels": self.structural_pixels,
            "total_pixels": self.total_pixels,
            "base_size": self.base_size,
            "head_size": self.head_size,
            "regions": [vars(region) for region in self.regions],
            "bands": [band.as_json() for band in self.bands],
            "counted_pixels": self.counted_pixels,
            "areas": [vars(area) for area in self.areas],
            "noise": [vars(noise) for noise in self.explained],
            "differing": vars(self.picture),
            "fingerprint": self.fingerprint,
            **({"profiles": self.profiles} if self.profiles else {}),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Diff:
        """Reads what `as_json` returns, or an entry of comparison.json; else raises KeyError."""
        profiles = stored.get("profiles")
        if "base_profile" in stored:
            profiles = stored["base_profile"], stored["head_profile"]
        return cls(
            changed_pixels=stored["changed_pixels"],
            structural_pixels=stored["structural_pixels"],
            total_pixels=stored["total_pixels"],
            base_size=(stored["base_size"][0], stored["base_size"][1]),
            head_size=(stored["head_size"][0], stored["head_size"][1]),
            regions=tuple(Region(**known(Region, region)) for region in stored["regions"]),
            bands=tuple(map(Band.from_json, stored.get("bands", ()))),
            picture=Picture(**known(Picture, stored["differing"])),
            counted_pixels=stored.get("counted_pixels", 0),
            areas=tuple(Evidence(**known(Evidence, area)) for area in stored.get("areas", ())),
            explained=tuple(map(Explained.from_json, stored.get("noise", ()))),
            fingerprint=stored.get("fingerprint"),
            profiles=(profiles[0], profiles[1]) if profiles else None,
        )

    def judge(self, policy: Policy, learned: LearnedNoise | None = None) -> Judgement:
        """Decides what counts as a change under the policy, given what was learned of the snapshot.

        Under a strict policy, and one that says so, what was learned explains nothing.
        """
        noise = policy.limits
        noises = [explain(area, self.picture, noise) for area in self.areas]
        reasons = [
            None if k else mark_of(a, noise) for a, k in zip(self.areas, noises, strict=True)
        ]
        # A region without an area differs by so little that no noise has to explain it.
        kinds = tuple(NoiseKind.LEVELS if r.area is None else noises[r.area] for r in self.regions)
        marks = tuple(None if r.area is None else reasons[r.area] for r in self.regions)
        places: tuple[int | None, ...] = ()
        if learned and self.could_be_learned(policy, marks):
            learned, places = self._explained_by(learned, marks)
            of_regions = list(zip(marks, kinds, places, strict=True))
            kinds = tuple(k if n is None else NoiseKind.LEARNED for _, k, n in of_regions)
            marks = tuple(mark if n is None else None for mark, _, n in of_regions)
        counts = self.picture.differing > 0 if policy.is_exact else any(marks)
        regions = zip(self.regions, marks, strict=True)
        largest = max((r.pixels for r, m in regions if m or policy.is_exact), default=0)
        changed = self.changed_pixels + self.counted_pixels
        tolerated = policy.tolerates(changed, self.total_pixels, largest)
        judged = Judgement(counts and not tolerated, marks, kinds=kinds)
        return (
            replace(judged, learned=learned, places=places)
            if any(n is not None for n in places)
            else judged
        )

    def could_be_learned(self, policy: Policy, marks: Sequence[Mark | None]) -> bool:
        """Whether learned noise, whatever it is, could explain a region that counts."""
        allowed = policy.learned_noise and not policy.is_exact
        as_before = not self.bands and self.base_size == self.head_size
        return allowed and as_before and any(mark and mark not in NEVER for mark in marks)

    def _explained_by(
        self, learned: LearnedNoise, marks: Sequence[Mark | None]
    ) -> tuple[LearnedNoise, tuple[int | None, ...]]:
        """Returns the places that explain a region, and for each region the number of its place."""
        patches = [
            Patch.of(mark, r, r.pixels, strength_of(self.areas[r.area]))
            if mark and r.area is not None
            else None
            for r, mark in zip(self.regions, marks, strict=True)
        ]
        found = learned.explain(patches, self.total_pixels)
        used = sorted({n for n in found if n is not None})
        return learned.only(used), tuple(None if n is None else used.index(n) for n in found)

    def passes(self, policy: Policy) -> bool:
        """Whether the two images count as the same under the policy."""
        return not self.judge(policy).changed


@dataclass(frozen=True)
class Measured:
    """A diff and the key of its mask; None if the mask is empty."""

    diff: Diff
    mask_key: str | None


@dataclass(frozen=True)
class Snapshot:
    """The result of one snapshot.

    Attributes:
        head_sha256, base_sha256: the images, if they exist.
        head_size, base_size: their width and height, where known.
        measured: the diff, if the images were compared; also if they passed.
        previous_name: the name in the base, if it differs: the snapshot was renamed, or the base
            writes its name in another Unicode form.
        reason: the reason that it is errored.
        group: shared by all snapshots with the same change; None if no other has it.
        judgement: what counts in the diff under the policy.
        policy: those fields of its policy that differ from the comparison's.
        details: fields from the manifest: display_name, group, description, tags, context.
        thumb: the key of its thumbnail, which may not be drawn yet.
        quarantined: why it was in quarantine when it was compared; None if it was not.
    """

    status: Status
    head_sha256: str | None = None
    base_sha256: str | None = None
    head_size: tuple[int, int] | None = None
    base_size: tuple[int, int] | None = None
    measured: Measured | None = None
    previous_name: str | None = None
    reason: str | None = None
    group: str | None = None
    judgement: Judgement | None = None
    policy: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    thumb: str | None = None
    quarantined: Stamp | None = None

    @property
    def is_excused(self) -> bool:
        """Whether it changed and needs no review, as it is in quarantine."""
        return self.quarantined is not None and self.status is Status.CHANGED

    @property
    def passes_by_learned_noise(self) -> bool:
        """Whether it is unchanged only because learned noise explains what would count."""
        learned = self.judgement is not None and self.judgement.learned is not None
        return learned and self.status is Status.UNCHANGED

    def as_json(self) -> dict[str, Any]:
        """Returns the entry of `images` in comparison.json, without the fields that are None."""
        entry = {
            name: value
            for name, value in vars(self).items()
            if name not in {"measured", "judgement", "quarantined"} and value not in (None, {})
        }
        if self.quarantined:
            entry["quarantined"] = self.quarantined.as_json()
        if self.head_size and self.base_size:
            entry["size_changed"] = self.head_size != self.base_size
        if self.measured:
            diff = self.measured.diff
            # The entry has the sizes already, and a group instead of the fingerprint.
            elsewhere = {"base_size", "head_size", "fingerprint", "profiles"}
            fields = diff.as_json().items()
            learned = self.judgement.learned if self.judgement else None
            entry |= {k: v for k, v in fields if k not in elsewhere and v not in ([], ())} | {
                "mask": self.measured.mask_key,
                "regions": self._regions(diff),
                "recoloured": (self.judgement and self.judgement.recoloured) or None,
                "learned_noise": learned.as_json() if learned else None,
                "base_profile": diff.profiles[0] if diff.profiles else None,
                "head_profile": diff.profiles[1] if diff.profiles else None,
            }
        return {k: v for k, v in entry.items() if v is not None}

    def _regions(self, diff: Diff) -> list[dict[str, Any]]:
        """Returns each region with its mark, or with the noise that explains it.

        `place` is the number of the learned noise's place, where one explains the region.
        """
        none = (None,) * len(diff.regions)
        marks = self.judgement.marks if self.judgement else none
        kinds = (self.judgement.kinds if self.judgement else ()) or none
        places = (self.judgement.places if self.judgement else ()) or none
        return [
            {**vars(r), "mark": m, "noise": k, **({} if n is None else {"place": n})}
            for r, m, k, n in zip(diff.regions, marks, kinds, places, strict=True)
        ]


@dataclass(frozen=True)
class Counts:
    """The number of snapshots with each status; total is their sum.

    `quarantined` are those that changed and need no review; they are not among `changed`.
    """

    changed: int = 0
    added: int = 0
    removed: int = 0
    renamed: int = 0
    unchanged: int = 0
    skipped: int = 0
    errored: int = 0
    quarantined: int = 0

    @classmethod
    def of(cls, statuses: Iterable[Status]) -> Counts:
        """Counts the statuses."""
        return cls(**Counter(str(s) for s in statuses))

    @classmethod
    def of_snapshots(cls, snapshots: Iterable[Snapshot]) -> Counts:
        """Counts snapshots."""
        return cls(**Counter(QUARANTINED if s.is_excused else str(s.status) for s in snapshots))

    @property
    def total(self) -> int:
        """The number of all snapshots."""
        return sum(vars(self).values())

    def as_json(self) -> dict[str, int]:
        """Returns the counts by status, total first.

        `quarantined` is there only if there are some.
        """
        counts = {"total": self.total, **vars(self)}
        return {k: n for k, n in counts.items() if n or k != QUARANTINED}


@dataclass(frozen=True)
class Comparison:
    """The content of comparison.json.

    Attributes:
        id: project, head and base build.
        baseline_reason: why this base was chosen, for people.
        execution: the run that made this result.
        started, created: when the run began, and when the result was made, ISO 8601 in UTC.
        engine: name and version of the pixel comparison, the version of our own algorithm, and
            that of pixelgate.
        policy: the policy of all snapshots that have none of their own.
        snapshots: name to result, sorted by name.
        warnings: sentences about the upload.
        choice: how this base was chosen, and which builds were passed over.
        origin: where the head comes from, as its manifest says: ORIGIN, without what is unknown.
        quarantine_notes: what people should know of quarantines; see `quarantine.Applied`.
        cost: what the run used until the report was made, plus the requests for drawing every
            thumbnail; None for a local run, which costs nothing.
    """

    id: ComparisonId
    baseline_reason: str
    execution: str
    created: str
    engine: Mapping[str, str]
    policy: Policy
    snapshots: Mapping[str, Snapshot]
    warnings: tuple[str, ...] = ()
    choice: Choice | None = None
    started: str | None = None
    cost: Usage | None = None
    origin: Mapping[str, str] = field(default_factory=dict)
    quarantine_notes: tuple[str, ...] = ()

    def with_quarantine(self, applied: Applied) -> Comparison:
        """Returns the comparison with its snapshots stamped, and what people should know of it."""
        if not applied.stamps and not applied.notes:
            return self
        snapshots = {
            name: replace(s, quarantined=applied.stamps.get(name))
            for name, s in self.snapshots.items()
        }
        return replace(self, snapshots=snapshots, quarantine_notes=applied.notes)

    @property
    def quarantined(self) -> dict[str, Stamp]:
        """The snapshots in quarantine, changed or not, and why."""
        return {n: s.quarantined for n, s in self.snapshots.items() if s.quarantined}

    @property
    def excused(self) -> dict[str, Stamp]:
        """The snapshots that changed and need no review, as they are in quarantine, and why."""
        return {n: stamp for n, stamp in self.quarantined.items() if self.snapshots[n].is_excused}

    @property
    def counts(self) -> Counts:
        """The number of snapshots with each status."""
        return Counts.of_snapshots(self.snapshots.values())

    @property
    def learned(self) -> int:
        """The number of unchanged snapshots that would be changed without learned noise."""
        return sum(s.passes_by_learned_noise for s in self.snapshots.values())

    @property
    def all_counts(self) -> dict[str, int]:
        """`counts` of comparison.json and status.json: `learned_noise` of them are `unchanged`."""
        learned = {"learned_noise": self.learned} if self.learned else {}
        return {**self.counts.as_json(), **learned}

    @property
    def verdict(self) -> Verdict:
        """Whether the comparison passed or needs a review."""
        return judge(self.counts, has_base=not self.is_first)

    @property
    def is_first(self) -> bool:
        """Whether this is a first upload. It is none if builds exist, but none is approved."""
        refused = self.choice is not None and self.choice.kind is Kind.REFUSED
        return self.id.base == NO_BASE and not refused

    def as_json(self) -> dict[str, Any]:
        """Returns comparison.json, schema version 1."""
        images = {name: s.as_json() for name, s in self.snapshots.items()}
        return {**self._heading(), "images": images}

    def encoded(self) -> bytes:
        """Encodes comparison.json in UTF-8, one image at a time to save memory."""
        encode = json.JSONEncoder(ensure_ascii=False).encode
        body = io.BytesIO()
        body.write(encode(self._heading())[:-1].encode())
        body.write(b', "images": {')
        between = ""
        for name, snapshot in self.snapshots.items():
            body.write(f"{between}{encode(name)}: {encode(snapshot.as_json())}".encode())
            between = ", "
        body.write(b"}}")
        return body.getvalue()

    def _heading(self) -> dict[str, Any]:
        return {
            "schema_version": SCHEMA_VERSION,
            "project": self.id.project,
            "head": self.id.head,
            "base": None if self.id.base == NO_BASE else self.id.base,
            "baseline_reason": self.baseline_reason,
            "baseline": self.choice.as_json() if self.choice else None,
            **({"origin": dict(self.origin)} if self.origin else {}),
            "execution": self.execution,
            **({"started": self.started} if self.started else {}),
            "created": self.created,
            "engine": dict(self.engine),
            "policy": self.policy.as_json(),
            "verdict": self.verdict,
            "counts": self.all_counts,
            "warnings": list(self.warnings),
            **({"quarantine_notes": list(self.quarantine_notes)} if self.quarantine_notes else {}),
            **({"cost": self.cost.as_json()} if self.cost else {}),
        }


def engine_of(label: tuple[str, str]) -> dict[str, str]:
    """Returns `engine` of a new comparison from odiff's name and version."""
    name, version = label
    return {
        "name": name,
        "version": version,
        "algorithm": str(ALGORITHM),
        "pixelgate": __version__,
    }


def needing_review(*, has_base: bool) -> tuple[Status, ...]:
    """Returns the statuses that need a review; a first upload's added snapshots do not."""
    return NEEDING_REVIEW if has_base else (Status.ERRORED,)


def judge(counts: Counts, *, has_base: bool) -> Verdict:
    """Decides the verdict: a comparison with a snapshot that needs a review does not pass.

    Renamed snapshots show the same picture, and skipped ones were left out on purpose. A first
    upload passes, as it has nothing to differ from, unless an image could not be read.
    """
    numbers = counts.as_json()
    to_review = sum(numbers[status] for status in needing_review(has_base=has_base))
    return Verdict.NEEDS_REVIEW if to_review else Verdict.PASSED
