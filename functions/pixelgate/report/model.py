"""The content of the report as plain data, without its layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pixelgate.domain.baseline import Choice
from pixelgate.domain.comparison import (
    Band,
    Comparison,
    Counts,
    Diff,
    Judgement,
    Region,
    Snapshot,
    Status,
    Verdict,
)
from pixelgate.domain.cost import Usage
from pixelgate.domain.keys import NO_BASE, relative_url
from pixelgate.domain.quarantine import Stamp, in_words
from pixelgate.domain.verdict import Mark, NoiseKind
from pixelgate.report.explain import number, own_policy, policy_in_words, why
from pixelgate.report.origin import origin_in_words


@dataclass(frozen=True)
class Entry:
    """One snapshot."""

    name: str  # its name in the build
    status: Status  # unchanged, changed, added and so on
    title: str  # the name to show
    base: str | None = None  # the base image's URL relative to the report, if it can be shown
    head: str | None = None  # likewise of the head image
    base_size: tuple[int, int] | None = None  # width and height, even if it cannot be shown
    head_size: tuple[int, int] | None = None
    mask: str | None = None  # the mask's URL, if something changed
    thumb: str | None = None  # the thumbnail's URL, if there is one
    changed: int = 0  # number of changed pixels
    total: int = 0  # number of pixels of the canvas; 0 if the images were not compared
    recoloured: bool = False  # whether plain areas have another colour that the mask does not show
    learned: int = 0  # number of regions that learned noise explains
    # The regions of the mask, each with the reason that it counts or the noise that explains it;
    # None if neither is known.
    regions: tuple[tuple[Region, Mark | NoiseKind | None], ...] = ()
    bands: tuple[Band, ...] = ()  # inserted and deleted rows and columns
    group: str | None = None  # shared by snapshots with the same change
    tags: tuple[str, ...] = ()  # from the manifest
    why: tuple[str, ...] = ()  # sentences that explain its status
    facts: tuple[tuple[str, str], ...] = ()
    reason: str | None = None  # why it could not be compared
    # Until when it is in quarantine and whose it is, if it changed and so needs no review.
    quarantine: str | None = None


@dataclass(frozen=True)
class Report:
    """The whole report."""

    # usual, empty (no snapshots), first (no base), errored (every snapshot is) or failed (the run)
    kind: str
    project: str
    head: str  # the head build
    base: str | None  # the base build; None if there is none
    execution: str | None  # the run that made the report; None if no run began
    verdict: Verdict | None  # passed or needs_review; None if the run failed
    headline: str  # the verdict as a sentence
    advice: str = ""  # explains an unusual result and what to do; empty for a usual one
    local: bool = False  # whether two folders were compared, so that there is no build to approve
    reviewable: bool = False  # whether the report offers to approve and reject
    entries: tuple[Entry, ...] = ()  # all snapshots, sorted by status and then by name
    facts: tuple[tuple[str, tuple[str, ...]], ...] = ()  # labels and lines of details about the run
    warnings: tuple[str, ...] = ()  # sentences about the upload
    bucket: str | None = None  # where the build lies, for commands; None if it is not known
    # Where the head comes from: label, words and the address that they lead to, or None.
    origin: tuple[tuple[str, str, str | None], ...] = ()

    @property
    def title(self) -> str:
        """The title of the page."""
        return f"{self.project}: {self.head}"


def build_model(
    comparison: Comparison,
    image_key: Callable[[str], str | None],
    report_key: str,
    *,
    local: bool = False,
    bucket: str | None = None,
) -> Report:
    """Builds the report of a comparison; `render` describes the arguments."""

    def url(key: str | None) -> str | None:
        return relative_url(key, report_key) if key else None

    def picture(sha256: str | None) -> str | None:
        return url(image_key(sha256)) if sha256 else None

    def entry(name: str, s: Snapshot) -> Entry:
        diff = s.measured.diff if s.measured else None
        return Entry(
            name=name,
            status=s.status,
            title=str(s.details.get("display_name") or name),
            base=picture(s.base_sha256),
            head=picture(s.head_sha256),
            base_size=s.base_size,
            head_size=s.head_size,
            mask=url(s.measured.mask_key if s.measured else None),
            thumb=url(s.thumb),
            changed=diff.changed_pixels + diff.counted_pixels if diff else 0,
            total=diff.total_pixels if diff else 0,
            recoloured=bool(s.judgement and s.judgement.recoloured),
            learned=_learned(s.judgement),
            regions=tuple(_regions(diff, s.judgement)) if diff else (),
            bands=diff.bands if diff else (),
            group=s.group,
            tags=_tags(s.details.get("tags")),
            why=tuple(why(s, comparison.policy, name)),
            facts=tuple(_facts(s, comparison)),
            reason=s.reason,
            quarantine=_until(s.quarantined) if s.quarantined and s.is_excused else None,
        )

    order = {status: n for n, status in enumerate(Status)}
    entries = [entry(name, s) for name, s in comparison.snapshots.items()]
    entries.sort(key=lambda e: (order[e.status], e.name))
    base = None if comparison.id.base == NO_BASE else comparison.id.base
    counts = comparison.counts
    return Report(
        kind=_kind(counts, base),
        project=comparison.id.project,
        head=comparison.id.head,
        base=base,
        execution=comparison.execution,
        verdict=comparison.verdict,
        headline=_headline(comparison.verdict, counts, comparison.learned),
        advice=_advice(counts, base, local=local),
        local=local,
        reviewable=comparison.verdict is Verdict.NEEDS_REVIEW,
        entries=tuple(entries),
        facts=tuple(_run_facts(comparison)),
        warnings=(*comparison.warnings, *comparison.quarantine_notes),
        bucket=bucket,
        origin=origin_in_words(comparison.origin),
    )


def build_failure(status: Mapping[str, Any]) -> Report:
    """Builds the page of a failed run; `status` is status.json."""
    error = status.get("error") or {}
    failure, advice = _FAILURES.get(str(error.get("code")), _UNKNOWN)
    code, message = str(error.get("code", "INTERNAL")), str(error.get("message", ""))
    facts = [
        ("Error", (code, message)),
        ("Baseline", (str(status.get("baseline_reason") or "none"),)),
    ]
    if status.get("updated"):
        facts.append(("Failed", (_moment(str(status["updated"])),)))
    if status.get("execution"):
        facts.append(("Execution", (str(status["execution"]),)))
    return Report(
        kind="failed",
        project=str(status.get("project", "")),
        head=str(status.get("build", "")),
        base=status.get("base"),
        execution=status.get("execution"),
        verdict=None,
        headline=f"Failed: {failure}",
        advice=f"{message.rstrip('.')}. {advice}" if message else advice,
        facts=tuple(facts),
    )


_UNKNOWN = (
    "the run ended with an error of its own",
    "It was tried as often as it may be. Upload the build's manifest once more; if it fails "
    "again, the function's log has the whole error under the execution below.",
)
_FAILURES = {
    "BAD_MANIFEST": (
        "the manifest is wrong",
        "Correct what it names and upload the build under a new id.",
    ),
    "BASE_MISSING": (
        "the base is not there",
        "Did its job run and upload? Upload it or approve it, then write this build's manifest "
        "once more.",
    ),
    "IMAGE_MISSING": (
        "an image never arrived",
        "Upload all images first and the manifest last, then write the manifest once more.",
    ),
    "TIMEOUT": (
        "the run took too long",
        "What was compared is kept: write the manifest once more and the next run goes on there.",
    ),
}


def _regions(
    diff: Diff, judgement: Judgement | None
) -> Iterator[tuple[Region, Mark | NoiseKind | None]]:
    none = (None,) * len(diff.regions)
    marks = judgement.marks if judgement else none
    kinds = (judgement and judgement.kinds) or none
    for region, mark, kind in zip(diff.regions, marks, kinds, strict=True):
        yield region, mark or kind


def _learned(judgement: Judgement | None) -> int:
    return sum(n is not None for n in judgement.places) if judgement else 0


def _tags(tags: Any) -> tuple[str, ...]:
    """Returns the words of tags, which are a list or have names."""
    words = tags.values() if isinstance(tags, Mapping) else tags or ()
    return tuple(dict.fromkeys(map(str, words)))


def _facts(s: Snapshot, comparison: Comparison) -> list[tuple[str, str]]:
    facts = []
    if s.quarantined:
        facts += _quarantine_facts(s.quarantined)
    if s.previous_name and s.status is Status.RENAMED:
        facts.append(("Was", s.previous_name))
    if description := s.details.get("description"):
        facts.append(("Description", str(description)))
    if group := s.details.get("group"):
        facts.append(("Belongs to", str(group)))
    context = s.details.get("context")
    if isinstance(context, Mapping):
        facts += [(str(key), str(value)) for key, value in context.items()]
    if s.policy and (own := own_policy(s.policy, comparison.policy)):
        facts.append(("Own policy", own))
    return facts


def _until(stamp: Stamp) -> str:
    return f"until {stamp.until[:10]}, {stamp.owner}"


def _quarantine_facts(stamp: Stamp) -> list[tuple[str, str]]:
    # S3 calls a session `AWS:<id of the role>:<name>`.
    by = stamp.by.rsplit(":", 1)[-1]
    return [
        ("In quarantine", f"{stamp.since[:10]} to {stamp.until[:10]}, as {stamp.match}"),
        ("Its owner", stamp.owner),
        ("Why quarantined", stamp.reason),
        ("Quarantined by", f"{by}, {stamp.id}" if by else stamp.source),
    ]


def _kind(counts: Counts, base: str | None) -> str:
    if counts.total == 0:
        return "empty"
    if counts.errored == counts.total:
        return "errored"
    return "first" if base is None else "usual"


def _headline(verdict: Verdict, counts: Counts, learned: int) -> str:
    """Says the verdict; `learned` snapshots are unchanged only by learned noise."""
    words = _verdict(verdict, counts)
    return f"{words}; {learned:,} explained by learned noise" if learned else words


def _verdict(verdict: Verdict, counts: Counts) -> str:
    if counts.total == 0:
        return "There was nothing to compare"
    excused = f"; {in_words(counts.quarantined)}" if counts.quarantined else ""
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
        return "Needs review: " + ", ".join(parts) + excused
    if excused:
        return f"Passed: no changes to review{excused}"
    if counts.added == counts.total:
        return f"Passed: a first upload of {number(counts.total, 'snapshot')}"
    return f"Passed: {number(counts.total, 'snapshot')}, nothing to review"


def _advice(counts: Counts, base: str | None, *, local: bool) -> str:
    if counts.total == 0:
        return "Neither the base nor the head holds a screenshot. Did the screenshots get written?"
    if base is None:
        return (
            "There is no baseline to compare with, so every snapshot counts as added. "
            "The next build that names this one as its base is compared with it."
        )
    if counts.errored == counts.total:
        where = "folder" if local else "upload"
        return (
            "Not one snapshot could be compared; the reason stands with each. If it is the same "
            "everywhere, look at the job that takes the screenshots and at what the "
            f"{where} holds."
        )
    return ""


def _run_facts(comparison: Comparison) -> list[tuple[str, tuple[str, ...]]]:
    facts = [
        ("Baseline", (comparison.baseline_reason, *_passed_over(comparison.choice))),
        ("Compared", _when(comparison)),
        ("Engine", (_engine(comparison.engine),)),
        ("Policy", (policy_in_words(comparison.policy),)),
    ]
    if comparison.cost:
        facts.append(("Cost", tuple(_cost(comparison.cost, comparison.counts))))
    facts.append(("Execution", (comparison.execution,)))
    return facts


def _engine(engine: Mapping[str, str]) -> str:
    """Describes the engine: odiff, our own algorithm, and pixelgate, each with its version."""
    named = f"{engine.get('name', 'unknown')} {engine.get('version', '')}".rstrip()
    ours = (f"{name} {engine[name]}" for name in ("algorithm", "pixelgate") if name in engine)
    return ", ".join((named, *ours))


def _when(comparison: Comparison) -> tuple[str, ...]:
    """Describes when the result was made, and how long the run took."""
    if comparison.started is None:
        return (_moment(comparison.created),)
    ended, began = map(datetime.fromisoformat, (comparison.created, comparison.started))
    return _moment(comparison.created), f"in {(ended - began).total_seconds():,.1f} s"


def _moment(iso: str) -> str:
    """Formats a time for people, to the second."""
    return f"{iso[:10]} {iso[11:19]} UTC" if iso.endswith("+00:00") else iso


def _passed_over(choice: Choice | None) -> list[str]:
    """Lists nearer candidates and why they may not be the baseline."""
    if choice is None:
        return []
    lines = [f"{number(choice.distance, 'commit')} before head"] if choice.distance else []
    for candidate in choice.passed_over:
        name = candidate.build or str(candidate.commit)[:12]
        lines.append(f"passed over {name}: {candidate.why}")
    return lines


def _cost(used: Usage, counts: Counts) -> list[str]:
    """Describes the cost: dollars, GB-seconds and requests."""
    as_json = used.as_json()
    services: Counter[str] = Counter()
    for name, n in used.requests.items():
        services[name.partition(".")[0]] += n
    requests = ", ".join(f"{n:,} to {name}" for name, n in sorted(services.items()))
    dollars = as_json["dollars"]
    each = 1_000 * dollars / counts.total if counts.total else 0.0
    return [
        f"${dollars:.4f}" if dollars >= 0.0001 else f"${dollars:.6f}",
        f"{as_json['gb_seconds']:,.1f} GB-seconds; requests: {requests or 'none'}",
        f"${each:.4f} for a thousand snapshots, by {as_json['price_list']}",
    ]
