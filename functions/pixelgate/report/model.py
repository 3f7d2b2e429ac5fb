"""What the report says, as plain data; how it looks is the page's business."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from pixelgate.comparison import (
    BandKind,
    Comparison,
    Counts,
    Diff,
    Judgement,
    Snapshot,
    Status,
    Verdict,
)
from pixelgate.keys import NO_BASE, relative_url
from pixelgate.policy import Policy

_TITLES = {
    Status.ERRORED: "Could not be compared",
    Status.CHANGED: "Changed",
    Status.ADDED: "Added",
    Status.REMOVED: "Removed",
    Status.RENAMED: "Renamed",
    Status.SKIPPED: "Skipped",
    Status.UNCHANGED: "Unchanged",
}
_FOLDED = frozenset({Status.RENAMED, Status.SKIPPED, Status.UNCHANGED})


@dataclass(frozen=True)
class Picture:
    """An image of the report.

    Attributes:
        url: relative to the report.
        size: width and height in pixels, where known.
    """

    url: str
    size: tuple[int, int] | None


@dataclass(frozen=True)
class Slice:
    """Rows of one image as they lie on the canvas.

    Attributes:
        kind: "paired", "inserted" or "deleted".
        url: of the image.
        size: width and height of the image.
        y: the first row on the canvas.
        source_y: the same row in the image.
        height: rows.
    """

    kind: str
    url: str
    size: tuple[int, int]
    y: int
    source_y: int
    height: int


@dataclass(frozen=True)
class Card:
    """One snapshot.

    Attributes:
        name: as the build names it.
        anchor: its fragment in the page's address.
        display_name: what to call it, where that is not its name.
        base: the base image, if there is one to show.
        head: the head image, likewise.
        mask: the mask's URL, if something changed.
        canvas: width and height of the mask, where there is one.
        slices: the images cut along inserted and deleted rows, to be laid under the mask.
        facts: short statements: sizes, pixels, regions, the old name.
        reason: why it could not be compared.
    """

    name: str
    anchor: str
    display_name: str | None
    base: Picture | None
    head: Picture | None
    mask: str | None
    canvas: tuple[int, int] | None
    slices: tuple[Slice, ...]
    facts: tuple[str, ...]
    reason: str | None


@dataclass(frozen=True)
class Section:
    """The snapshots of one status."""

    status: Status
    title: str
    folded: bool
    cards: tuple[Card, ...]


@dataclass(frozen=True)
class Report:
    """The whole report.

    Attributes:
        title: of the page.
        verdict: what CI gates on.
        headline: the verdict in words.
        advice: what a person may want to do or know; empty if nothing.
        head: the head build.
        base: the base build; None if there is none.
        counts: label and number of each status, in the order of the sections, with its fragment.
        total: number of snapshots.
        sections: the statuses that occur.
        facts: label and value of what else there is to know of the run.
        warnings: what a person should know of the upload.
    """

    title: str
    verdict: Verdict
    headline: str
    advice: str
    head: str
    base: str | None
    counts: tuple[tuple[Status, str, int], ...]
    total: int
    sections: tuple[Section, ...]
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]


def build_model(
    comparison: Comparison, image_key: Callable[[str], str | None], report_key: str
) -> Report:
    """The report of a comparison; see `render` for the arguments."""

    def picture(sha256: str | None, size: tuple[int, int] | None) -> Picture | None:
        key = image_key(sha256) if sha256 else None
        return Picture(relative_url(key, report_key), size) if key else None

    alike = Counter(s.group for s in comparison.snapshots.values() if s.group)

    def card(name: str, s: Snapshot) -> Card:
        mask = s.measured.mask_key if s.measured else None
        base, head = picture(s.base_sha256, s.base_size), picture(s.head_sha256, s.head_size)
        return Card(
            name=name,
            anchor=quote(name, safe=""),
            display_name=s.details.get("display_name"),
            base=base,
            head=head,
            mask=relative_url(mask, report_key) if mask else None,
            canvas=_canvas(s),
            slices=tuple(_slices(s, base, head)),
            facts=tuple(_facts(s, alike[s.group] - 1 if s.group else 0)),
            reason=s.reason,
        )

    by_status: dict[Status, list[Card]] = {status: [] for status in Status}
    for name, snapshot in sorted(comparison.snapshots.items(), key=_by_severity):
        by_status[snapshot.status].append(card(name, snapshot))
    counts = comparison.counts
    base = None if comparison.id.base == NO_BASE else comparison.id.base
    return Report(
        title=f"{comparison.id.project}: {comparison.id.head}",
        verdict=comparison.verdict,
        headline=_headline(comparison.verdict, counts),
        advice=_advice(counts, base),
        head=comparison.id.head,
        base=base,
        counts=tuple((s, _TITLES[s], len(cards)) for s, cards in by_status.items()),
        total=counts.total,
        sections=tuple(
            Section(status, _TITLES[status], status in _FOLDED, tuple(cards))
            for status, cards in by_status.items()
            if cards
        ),
        facts=tuple(_run_facts(comparison)),
        warnings=comparison.warnings,
    )


def _by_severity(entry: tuple[str, Snapshot]) -> tuple[float, str]:
    """The largest share of changed pixels first, then by name."""
    name, snapshot = entry
    diff = snapshot.measured.diff if snapshot.measured else None
    return (-diff.changed_pixels / diff.total_pixels if diff else 0.0), name


def _canvas(snapshot: Snapshot) -> tuple[int, int] | None:
    if not (snapshot.base_size and snapshot.head_size):
        return None
    width = max(snapshot.base_size[0], snapshot.head_size[0])
    if snapshot.measured:  # with inserted and deleted rows it is higher than either image
        return width, snapshot.measured.diff.total_pixels // width
    return width, max(snapshot.base_size[1], snapshot.head_size[1])


def _slices(snapshot: Snapshot, base: Picture | None, head: Picture | None) -> Iterator[Slice]:
    """The canvas from top to bottom: head's rows, and base's where they were deleted."""
    canvas = _canvas(snapshot)
    bands = snapshot.measured.diff.bands if snapshot.measured else ()
    if not (bands and canvas and base and base.size and head and head.size):
        return
    y = head_y = 0
    for band in bands:
        if band.y > y:
            yield Slice("paired", head.url, head.size, y, head_y, band.y - y)
            head_y += band.y - y
        if band.kind is BandKind.INSERTED:
            yield Slice(band.kind, head.url, head.size, band.y, head_y, band.height)
            head_y += band.height
        else:
            yield Slice(band.kind, base.url, base.size, band.y, band.base_y, band.height)
        y = band.y + band.height
    if canvas[1] > y:
        yield Slice("paired", head.url, head.size, y, head_y, canvas[1] - y)


def _facts(s: Snapshot, alike: int) -> list[str]:
    facts = []
    if alike:
        facts.append(f"the same change as in {_number(alike, 'other')}")
    if s.previous_name:
        facts.append(f"was {s.previous_name}")
    if s.base_size and s.head_size and s.base_size != s.head_size:
        facts.append(f"{_size(s.base_size)} → {_size(s.head_size)}")
    elif size := s.head_size or s.base_size:
        facts.append(_size(size))
    if s.measured:
        diff = s.measured.diff
        facts.append(
            f"{diff.changed_pixels:,} of {diff.total_pixels:,} pixels "
            f"({percent(diff.changed_pixels, diff.total_pixels)})"
        )
        facts += _what_counts(diff, s.judgement)
        if diff.changed_pixels and not diff.structural_pixels:
            facts.append("colour only")
    return facts


def _what_counts(diff: Diff, judgement: Judgement | None) -> Iterator[str]:
    """Bands, regions and recolours, and which of them were taken for noise."""
    for kind in BandKind:
        if rows := sum(band.height for band in diff.bands if band.kind is kind):
            yield f"{_number(rows, 'row')} {kind}"
    if diff.regions:
        noise = sum(mark is None for mark in judgement.marks) if judgement else 0
        told = _number(len(diff.regions), "region")
        yield f"{told}, {noise:,} of them like noise" if noise else told
    if judgement and judgement.recoloured:
        yield (
            f"plain areas recoloured by a shade: {_number(diff.spread.recoloured, 'pixel')}, "
            "too faint for the mask"
        )


def percent(part: int, whole: int) -> str:
    """A share with two significant digits, never 0 % for something and never 100 % for less."""
    share = 100 * part / whole
    if share in {0.0, 100.0}:
        return f"{share:.0f} %"
    if share > 99:
        return f"{min(share, 99.99):.2f} %"
    return f"{share:.2g} %" if share >= 0.01 else "< 0.01 %"


def _headline(verdict: Verdict, counts: Counts) -> str:
    if counts.total == 0:
        return "There was nothing to compare"
    if verdict is Verdict.NEEDS_REVIEW:
        parts = [
            f"{n:,} {word}"
            for n, word in (
                (counts.errored, "could not be compared"),
                (counts.changed, "changed"),
                (counts.added, "added"),
                (counts.removed, "removed"),
            )
            if n
        ]
        return "Needs review: " + ", ".join(parts)
    if counts.added == counts.total:
        return f"Passed: a first upload of {_number(counts.total, 'snapshot')}"
    return f"Passed: {_number(counts.total, 'snapshot')}, nothing to review"


def _advice(counts: Counts, base: str | None) -> str:
    if counts.total == 0:
        return "Neither the base nor the head holds a screenshot. Did the screenshots get written?"
    if base is None:
        return (
            "There is no baseline to compare with, so every snapshot counts as added. "
            "The next build that names this one as its base is compared with it."
        )
    if counts.errored == counts.total:
        return "Not one snapshot could be compared; the reasons below tell why."
    return ""


def _run_facts(comparison: Comparison) -> list[tuple[str, str]]:
    policy = comparison.policy
    return [
        ("Baseline", f"{comparison.baseline_reason}"),
        ("Compared", comparison.created),
        ("Engine", " ".join(comparison.engine.values())),
        (
            "Policy",
            f"structural threshold {policy.structural_threshold:g}, sensitive threshold "
            f"{policy.sensitive_threshold:g}, anti-aliasing "
            f"{'left out' if policy.antialiasing else 'counted'}, " + _tolerance(policy),
        ),
        ("Execution", comparison.execution),
    ]


def _tolerance(policy: Policy) -> str:
    """What passes although it changed, in words."""
    limits = [] if policy.strict else ["what looks like noise"]
    if policy.max_changed_pixels:
        limits.append(f"up to {_number(policy.max_changed_pixels, 'changed pixel')}")
    if policy.max_changed_ratio:
        limits.append(f"up to {policy.max_changed_ratio:.4g} of the pixels")
    if policy.max_region_pixels is not None:
        limits.append(f"regions of up to {_number(policy.max_region_pixels, 'pixel')}")
    verb = "passes" if len(limits) == 1 and not policy.strict else "pass"
    return f"{' or '.join(limits)} {verb}" if limits else "any changed pixel counts"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}×{size[1]}"


def _number(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
