"""What the report says in words: why a snapshot counts or passes, and under which policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pixelgate.comparison import Axis, Band, BandKind, Diff, Judgement, Snapshot, Status
from pixelgate.policy import Policy
from pixelgate.verdict import Mark

# The rules of docs/verdict.md, in the order in which they are tried.
MARKS: Mapping[Mark, str] = {
    Mark.ONE_SIDED: "only one of the images has these pixels",
    Mark.SOLID: "a plain area has another colour",
    Mark.BOLD: "something is there that the other image has nowhere near",
    Mark.LINE: "a straight line appeared, vanished or moved",
    Mark.LOCAL: "a small shape is another, and the rest of the picture is the same to the last bit",
    Mark.INK: "something faint appeared or vanished in a picture that is otherwise the same",
    Mark.SHAPE: "a small shape has no match nearby in a picture that is otherwise the same",
    Mark.TINT: "something has another tint, all of it in one direction",
    Mark.CRISP: "nearly all that differs differs clearly, so that none of it is noise",
}
_BANDS_TOLD = 4
# Rows that are inserted or deleted one by one, as another line height does it, are told together.
_THIN, _RUN = 2, 3


def why(snapshot: Snapshot, policy: Policy) -> Iterator[str]:
    """Sentences that say why it has its status; `policy` is the comparison's."""
    match snapshot.status:
        case Status.ADDED:
            yield "The base has no snapshot of that name."
        case Status.REMOVED:
            yield "The head has no snapshot of that name."
        case Status.RENAMED:
            yield f"The same image was called {snapshot.previous_name} in the base."
        case Status.SKIPPED:
            yield "The upload is selective and left it out; that is no removal."
        case Status.ERRORED:
            yield "What cannot be compared never passes."
        case Status.UNCHANGED if snapshot.measured is None:
            yield "Base and head are the same file."
        case Status.CHANGED | Status.UNCHANGED:
            yield from _of_diff(snapshot, policy)


def _of_diff(snapshot: Snapshot, policy: Policy) -> Iterator[str]:
    if snapshot.measured is None:
        return
    diff, judgement = snapshot.measured.diff, snapshot.judgement
    yield from _of_bands(diff.bands)
    if judgement:
        yield from _of_regions(diff, judgement)
        if judgement.recoloured:
            yield (
                f"Plain areas are recoloured by a shade: {number(diff.spread.recoloured, 'pixel')} "
                f"of {diff.total_pixels:,}, too faint for the mask."
            )
    if not diff.changed_pixels and not (judgement and judgement.recoloured):
        yield "The files differ; no pixel does by more than the thresholds."
    if diff.changed_pixels and not diff.structural_pixels:
        yield "Colour only: the pass that sees shapes sees nothing."
    strict = snapshot.policy.get("strict", policy.strict)
    if strict and snapshot.status is Status.CHANGED:
        yield "The policy is strict: any changed pixel counts."
    counts = judgement and (any(judgement.marks) or judgement.recoloured or strict)
    if snapshot.status is Status.UNCHANGED and diff.changed_pixels and counts:
        yield f"It passes because {tolerance(policy, snapshot.policy)}."


def _of_regions(diff: Diff, judgement: Judgement) -> Iterator[str]:
    counted = Counter(mark for mark in judgement.marks if mark)
    pixels: Counter[Mark] = Counter()
    for region, mark in zip(diff.regions, judgement.marks, strict=True):
        if mark:
            pixels[mark] += region.pixels
    for mark, words in MARKS.items():
        if n := counted[mark]:
            counts = "counts" if n == 1 else "count"
            yield (
                f"{number(n, 'region')} {counts} as {mark.replace('_', '-')} "
                f"({number(pixels[mark], 'pixel')}): {words}."
            )
    if noise := len(judgement.marks) - counted.total():
        looks = "looks" if noise == 1 else "look"
        yield f"{number(noise, 'region')} {looks} like noise."


def _of_bands(bands: Sequence[Band]) -> Iterator[str]:
    told = 0
    runs = _runs(bands)
    for run in runs:
        first, lines = run[0], sum(band.length for band in run)
        word = first.axis.removesuffix("s")
        if len(run) > 1:
            why = ", as another line height does it" if first.axis is Axis.ROWS else ""
            yield (
                f"{number(lines, word)} {first.kind} one by one between {first.axis} "
                f"{first.start:,} and {run[-1].stop:,}{why}."
            )
        elif told < _BANDS_TOLD:
            told += 1
            inserted = first.kind is BandKind.INSERTED
            where = f"at {word} {first.head_start if inserted else first.base_start:,}"
            yield f"{number(lines, word)} {first.kind} {where} of {'head' if inserted else 'base'}."
    if rest := sum(len(run) == 1 for run in runs) - told:
        yield f"{rest:,} more of such bands."


def _runs(bands: Sequence[Band]) -> list[list[Band]]:
    """Bands one by one, and runs of thin ones of a kind together."""
    runs: list[list[Band]] = []
    for band in bands:
        last = runs[-1][-1] if runs else band
        alike = (last.kind, last.axis) == (band.kind, band.axis)
        if runs and alike and max(last.length, band.length) <= _THIN:
            runs[-1].append(band)
        else:
            runs.append([band])
    return [part for run in runs for part in ([run] if len(run) >= _RUN else [[b] for b in run])]


def policy_in_words(policy: Policy) -> str:
    """Thresholds and tolerances."""
    edges = "left out" if policy.antialiasing else "counted"
    return (
        f"structural threshold {policy.structural_threshold:g}, sensitive threshold "
        f"{policy.sensitive_threshold:g}, anti-aliasing {edges}, {tolerance(policy)}"
    )


def own_policy(fields: Mapping[str, Any], policy: Policy) -> str:
    """The fields in which a snapshot's policy differs from the comparison's."""
    told = []
    for name, value in fields.items():
        if name == "noise":
            usual = vars(policy.noise)
            told += [f"noise.{n} {v:g}" for n, v in value.items() if v != usual.get(n)]
        elif name == "ignore_regions":
            told.append(f"{number(len(value), 'ignored region')}")
        else:
            told.append(f"{name} {str(value).lower() if isinstance(value, bool) else value}")
    return ", ".join(told)


def tolerance(policy: Policy, own: Mapping[str, Any] | None = None) -> str:
    """What passes although it changed."""
    simple = {k: v for k, v in (own or {}).items() if k not in {"noise", "ignore_regions"}}
    fields = vars(policy) | simple
    limits = [] if fields["strict"] else ["what looks like noise"]
    if fields["max_changed_pixels"]:
        limits.append(f"up to {number(fields['max_changed_pixels'], 'changed pixel')}")
    if fields["max_changed_ratio"]:
        limits.append(f"up to {fields['max_changed_ratio']:.4g} of the pixels")
    if fields["max_region_pixels"] is not None:
        limits.append(f"regions of up to {number(fields['max_region_pixels'], 'pixel')}")
    verb = "passes" if len(limits) == 1 and not fields["strict"] else "pass"
    return f"{' or '.join(limits)} {verb}" if limits else "any changed pixel counts"


def number(n: int, noun: str) -> str:
    """A number and its noun: 1 row, 2 rows."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
