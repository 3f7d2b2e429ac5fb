"""The comparison manifest: what became of every snapshot, and the verdict that follows."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pixelgate.domain.baseline import Choice, Kind
from pixelgate.domain.cost import Usage
from pixelgate.domain.keys import NO_BASE, ComparisonId
from pixelgate.domain.policy import ALGORITHM, Policy
from pixelgate.domain.verdict import Evidence, Explained, Mark, NoiseKind, Picture, explain, mark_of

SCHEMA_VERSION = 1
_NO_PICTURE = Picture()


class Status(StrEnum):
    """What became of one snapshot, in the order in which a reviewer wants to see them."""

    ERRORED = "errored"
    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"
    RENAMED = "renamed"
    SKIPPED = "skipped"
    UNCHANGED = "unchanged"


class Verdict(StrEnum):
    """What CI gates on."""

    PASSED = "passed"
    NEEDS_REVIEW = "needs_review"


class Axis(StrEnum):
    """What the lines of a band are."""

    ROWS = "rows"
    COLUMNS = "columns"


class BandKind(StrEnum):
    """Which image has the lines of a band."""

    INSERTED = "inserted"
    DELETED = "deleted"


@dataclass(frozen=True)
class Band:
    """Rows or columns that only one image has, and that moved what lies behind them.

    Attributes:
        kind: INSERTED if only head has them, DELETED if only base has.
        start: the first of them on the canvas.
        length: how many they are.
        base_start: base's line at which it begins; if inserted, the one before which it was
            inserted.
        head_start: likewise of head.
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
        """The canvas's first line behind it."""
        return self.start + self.length

    def as_json(self) -> dict[str, Any]:
        """With y and height if it is one of rows, x and width if it is one of columns."""
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
        """The inverse of `as_json`; what has no axis was stored when there were only rows."""
        axis = Axis(stored.get("axis", Axis.ROWS))
        at, size = _BAND_WORDS[axis]
        start, length, base, head = (stored[n] for n in (at, size, f"base_{at}", f"head_{at}"))
        return cls(BandKind(stored["kind"]), start, length, base, head, axis)


_BAND_WORDS = {Axis.ROWS: ("y", "height"), Axis.COLUMNS: ("x", "width")}


@dataclass(frozen=True)
class Region:
    """A connected area of the mask: its box on the canvas and its pixels.

    Attributes:
        x, y, width, height: the box, tight around the pixels.
        pixels: how many of the mask's pixels it has.
        area: which of the diff's `areas` it lies in; None in results of older versions.
    """

    x: int
    y: int
    width: int
    height: int
    pixels: int
    area: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The fields by their names."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Region:
        """The inverse of `as_json`; reads results of older versions, too."""
        box = {f: stored[f] for f in ("x", "y", "width", "height", "pixels")}
        return cls(**box, area=stored.get("area"))


@dataclass(frozen=True)
class Judgement:
    """What a policy makes of a diff.

    Attributes:
        changed: whether a person has to look.
        marks: for each region why it counts, or None where a noise explains it.
        recoloured: whether plain areas have another colour, too faint for the mask; only results
            of older versions have this, whose masks did not show them.
        kinds: for each region the noise that explains it, or None where it counts.
    """

    changed: bool
    marks: tuple[Mark | None, ...]
    recoloured: bool = False
    kinds: tuple[NoiseKind | None, ...] = ()


@dataclass(frozen=True)
class Diff:
    """What the engine measured on one pair of images under one policy.

    Attributes:
        changed_pixels: pixels of odiff's mask.
        structural_pixels: those of them that the structural pass reports too.
        total_pixels: pixels of the canvas: max width × max height; along an axis with bands the
            lines of either image.
        base_size: width and height of the base image.
        head_size: width and height of the head image.
        regions: the mask's connected areas, largest first; their pixels add up to changed_pixels
            and counted_pixels.
        mask: the mask as PNG bytes, of the canvas's size; None if nothing is in it.
        bands: rows that were inserted or deleted, from top to bottom, then columns from left to
            right; their pixels are in the mask.
        picture: what was measured on the whole picture.
        fingerprint: equal for diffs that show the same change, wherever on the canvas it lies;
            None if nothing changed.
        counted_pixels: pixels that odiff leaves out and that the evidence counts; in the mask too.
        areas: what was measured on the areas that regions point at.
        explained: each noise that explains some of the difference, with its numbers.
        profiles: the names of base's and head's colour profiles, where they have not the same.
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
        """What was measured, but for the mask: as results are stored and workers tell them."""
        return {
            "changed_pixels": self.changed_pixels,
            "structural_pixels": self.structural_pixels,
            "total_pixels": self.total_pixels,
            "base_size": self.base_size,
            "head_size": self.head_size,
            "regions": [region.as_json() for region in self.regions],
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
        """The inverse of `as_json`; also reads an entry of comparison.json, which leaves more out.

        Raises:
            KeyError: it is neither.
        """
        profiles = stored.get("profiles")
        if "base_profile" in stored:
            profiles = stored["base_profile"], stored["head_profile"]
        return cls(
            changed_pixels=stored["changed_pixels"],
            structural_pixels=stored["structural_pixels"],
            total_pixels=stored["total_pixels"],
            base_size=(stored["base_size"][0], stored["base_size"][1]),
            head_size=(stored["head_size"][0], stored["head_size"][1]),
            regions=tuple(map(Region.from_json, stored["regions"])),
            bands=tuple(map(Band.from_json, stored.get("bands", ()))),
            picture=Picture.from_json(stored["differing"]),
            counted_pixels=stored.get("counted_pixels", 0),
            areas=tuple(map(Evidence.from_json, stored.get("areas", ()))),
            explained=tuple(map(Explained.from_json, stored.get("noise", ()))),
            fingerprint=stored.get("fingerprint"),
            profiles=(profiles[0], profiles[1]) if profiles else None,
        )

    def judge(self, policy: Policy) -> Judgement:
        """What the policy makes of what was measured."""
        found = [explain(area, self.picture, policy.limits) for area in self.areas]
        why = [
            None if k else mark_of(a, policy.limits) for a, k in zip(self.areas, found, strict=True)
        ]
        # A region of no area: each of its pixels differs by less than any noise has to explain.
        kinds = tuple(NoiseKind.LEVELS if r.area is None else found[r.area] for r in self.regions)
        marks = tuple(None if r.area is None else why[r.area] for r in self.regions)
        counts = self.picture.differing > 0 if policy.is_exact else any(marks)
        pixels = [
            r.pixels for r, m in zip(self.regions, marks, strict=True) if m or policy.is_exact
        ]
        tolerated = policy.tolerates(
            self.changed_pixels + self.counted_pixels, self.total_pixels, max(pixels, default=0)
        )
        return Judgement(counts and not tolerated, marks, kinds=kinds)

    def passes(self, policy: Policy) -> bool:
        """Whether the policy takes the two images for the same."""
        return not self.judge(policy).changed


@dataclass(frozen=True)
class Measured:
    """A diff and where its mask lies, as a snapshot's result refers to it."""

    diff: Diff
    mask_key: str | None


@dataclass(frozen=True)
class Snapshot:
    """The result of one snapshot.

    Attributes:
        status: what became of it.
        head_sha256: the head image, if there is one.
        base_sha256: the base image, if there is one.
        head_size: width and height of the head image, where known.
        base_size: width and height of the base image, where known.
        measured: the diff, where one was made; also for what passed.
        previous_name: the base's name where it is another one: of a renamed snapshot, or of one
            whose name the base writes in another Unicode form.
        reason: why it is errored.
        group: shared by all snapshots with the same change; None if no other has it.
        judgement: what the policy made of the diff.
        policy: fields in which its policy differs from the comparison's.
        details: what the manifest says of it: display_name, group, description, tags, context.
        thumb: where its thumbnail lies, or is going to lie.
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

    def as_json(self) -> dict[str, Any]:
        """The entry of `images` in comparison.json; what is unknown is left out."""
        entry: dict[str, Any] = {
            "status": self.status,
            "head_sha256": self.head_sha256,
            "base_sha256": self.base_sha256,
            "head_size": self.head_size,
            "base_size": self.base_size,
            "previous_name": self.previous_name,
            "reason": self.reason,
            "group": self.group,
            "policy": dict(self.policy) or None,
            "details": dict(self.details) or None,
            "thumb": self.thumb,
        }
        if self.head_size and self.base_size:
            entry["size_changed"] = self.head_size != self.base_size
        if self.measured:
            diff = self.measured.diff
            told = {name: value for name, value in diff.as_json().items() if value not in ([], ())}
            # The entry has sizes, also where there was no diff, and a group for the fingerprint.
            for name in ("base_size", "head_size", "fingerprint", "profiles"):
                told.pop(name, None)
            entry |= told | {
                "mask": self.measured.mask_key,
                "regions": self._regions(diff),
                "recoloured": (self.judgement and self.judgement.recoloured) or None,
                "base_profile": diff.profiles[0] if diff.profiles else None,
                "head_profile": diff.profiles[1] if diff.profiles else None,
            }
        return {k: v for k, v in entry.items() if v is not None}

    def _regions(self, diff: Diff) -> list[dict[str, Any]]:
        """Each with its mark, why it counts, or with the noise that explains it."""
        none = (None,) * len(diff.regions)
        marks = self.judgement.marks if self.judgement else none
        kinds = (self.judgement.kinds if self.judgement else ()) or none
        return [
            r.as_json() | {"mark": m, "noise": k}
            for r, m, k in zip(diff.regions, marks, kinds, strict=True)
        ]


@dataclass(frozen=True)
class Counts:
    """How many snapshots have each status; total is their sum."""

    changed: int = 0
    added: int = 0
    removed: int = 0
    renamed: int = 0
    unchanged: int = 0
    skipped: int = 0
    errored: int = 0

    @classmethod
    def of(cls, statuses: Iterable[Status]) -> Counts:
        """Counts statuses."""
        return cls(**Counter(str(s) for s in statuses))

    @property
    def total(self) -> int:
        """Every snapshot, once."""
        return sum(vars(self).values())

    def as_json(self) -> dict[str, int]:
        """Total first, as comparison.json and status.json show it."""
        return {"total": self.total, **vars(self)}


@dataclass(frozen=True)
class Comparison:
    """Everything that comparison.json says.

    Attributes:
        id: project, head and base build.
        baseline_reason: why this base, in words.
        execution: the run that made it.
        created: when, ISO 8601 in UTC.
        engine: name and version of what compared the pixels, and version of our own algorithm.
        policy: the policy where a snapshot does not say otherwise.
        snapshots: name to result, sorted by name.
        warnings: what a person should know of the upload.
        choice: how this base was chosen, and what was passed over.
        started: when the run that made it began, in the same form.
        cost: what the run used until the report was made, and the requests for thumbnails, as if
            each had still to be drawn; None where nobody is charged for it.
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

    @property
    def counts(self) -> Counts:
        """How many snapshots have each status."""
        return Counts.of(s.status for s in self.snapshots.values())

    @property
    def verdict(self) -> Verdict:
        """What CI gates on."""
        return judge(self.counts, has_base=not self.is_first)

    @property
    def is_first(self) -> bool:
        """Whether there is nothing that it could have been compared with.

        A build whose only candidates nobody has approved is none: what it shows needs a person.
        """
        refused = self.choice is not None and self.choice.kind is Kind.REFUSED
        return self.id.base == NO_BASE and not refused

    def as_json(self) -> dict[str, Any]:
        """comparison.json, schema version 1."""
        images = {name: s.as_json() for name, s in self.snapshots.items()}
        return {**self._heading(), "images": images}

    def encoded(self) -> bytes:
        """comparison.json in UTF-8; one image after the other, as all at once fill the memory."""
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
            "execution": self.execution,
            **({"started": self.started} if self.started else {}),
            "created": self.created,
            "engine": dict(self.engine),
            "policy": self.policy.as_json(),
            "verdict": self.verdict,
            "counts": self.counts.as_json(),
            "warnings": list(self.warnings),
            **({"cost": self.cost.as_json()} if self.cost else {}),
        }


def engine_of(label: tuple[str, str]) -> dict[str, str]:
    """`engine` of a comparison made now: name, version, and the version of our own part."""
    name, version = label
    return {"name": name, "version": version, "algorithm": str(ALGORITHM)}


def judge(counts: Counts, *, has_base: bool) -> Verdict:
    """The verdict: a person must look at whatever is new, gone, changed or could not be compared.

    Renamed snapshots show the same picture, skipped ones were left out on purpose. A first upload
    has nothing to differ from and passes, unless an image could not be read.
    """
    to_review = counts.errored
    if has_base:
        to_review += counts.changed + counts.added + counts.removed
    return Verdict.NEEDS_REVIEW if to_review else Verdict.PASSED
