"""The sentences of the report: why a snapshot counts or passes, and under which policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pixelgate.domain.comparison import Axis, Band, BandKind, Diff, Judgement, Snapshot, Status
from pixelgate.domain.names import canonical
from pixelgate.domain.policy import Policy, Sensitivity
from pixelgate.domain.verdict import Explained, Mark, NoiseKind

# In the order in which the rule checks them; see docs/verdict.md.
MARKS: Mapping[Mark, str] = {
    Mark.ONE_SIDED: "only one of the images has these pixels",
    Mark.PLAIN: "a plain area has another colour",
    Mark.LINE: "a straight line appeared, vanished, moved or has another colour",
    Mark.MOVED: "the same shapes lie elsewhere",
    Mark.TINT: "all of it got brighter, darker or another hue",
    Mark.SHAPE: "something differs by more than any known noise explains",
}
NOISES: Mapping[NoiseKind, str] = {
    NoiseKind.SHIFT: "lines and edges of a page that moved by a fraction of a pixel",
    NoiseKind.LEVELS: "rounding or dithering",
    NoiseKind.CODEC: "lossy compression, wherever the picture shows something",
    NoiseKind.RASTER: "edges drawn by another browser or graphics card, all over the picture",
    NoiseKind.PALETTE: "a palette of few colours",
    NoiseKind.BLEND: "smoothing at edges that both images have",
    NoiseKind.FRINGES: "coloured fringes of text (LCD smoothing) in one of the images",
    NoiseKind.TEXT: "another rendering of text",
    NoiseKind.PHOTO: "lossy compression of a photo",
    NoiseKind.CORNER: "up to 8 × 8 pixels in a corner of the picture",
    NoiseKind.LEARNED: "noise that was learned from this snapshot's own pairs of the same input",
}
# The noise that passes at each sensitivity.
_NOISE = {
    Sensitivity.CAREFUL: "little noise",
    Sensitivity.DEFAULT: "noise",
    Sensitivity.TOLERANT: "much noise",
}
_MAX_BANDS = 4
# Thin bands in a row, as a changed line height causes them, are summed up in one sentence.
_THIN, _RUN = 2, 3


def why(snapshot: Snapshot, policy: Policy, name: str | None = None) -> Iterator[str]:
    """Yields sentences that explain a snapshot's status; `policy` is the comparison's."""
    if snapshot.previous_name and snapshot.status is not Status.RENAMED:
        if name is not None and canonical(name) != canonical(snapshot.previous_name):
            yield (
                "The base has none of this name. It was compared with the same snapshot in "
                f"another variant: {snapshot.previous_name}."
            )
        else:
            yield (
                "The base writes this name in another Unicode form, which looks the same: "
                f"{snapshot.previous_name!a}."
            )
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
    if diff.profiles:
        base, head = diff.profiles
        yield f"The colour profiles differ: {base} in base, {head} in head."
    yield from _of_bands(diff.bands)
    if judgement:
        yield from _of_regions(diff, judgement)
        if judgement.recoloured:
            yield "Plain areas are recoloured by a shade, too faint for the mask."
        yield from _of_learned(diff, judgement)
    yield from map(_of_noise, diff.explained)
    if diff.counted_pixels:
        yield _of_counted(diff.counted_pixels)
    if not (judgement and judgement.recoloured):
        yield from _of_nothing(diff)
    if diff.changed_pixels and not diff.structural_pixels:
        yield "Only colours changed: the mask has no pixel above the structural threshold."
    strict = snapshot.policy.get("strict", policy.strict) or (
        snapshot.policy.get("sensitivity", policy.sensitivity) == Sensitivity.EXACT
    )
    if strict and snapshot.status is Status.CHANGED:
        yield "The policy is strict: any pixel that differs at all counts."
    counts = judgement and (any(judgement.marks) or judgement.recoloured or strict)
    if snapshot.status is Status.UNCHANGED and diff.regions and counts:
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
    # Results of older versions do not name the noise.
    if not judgement.kinds and (noise := judgement.marks.count(None)):
        yield f"{number(noise, 'region')} {'looks' if noise == 1 else 'look'} like noise."


def _of_learned(diff: Diff, judgement: Judgement) -> Iterator[str]:
    """Says for each place of learned noise what it explains, and what proves it."""
    if judgement.learned is None:
        return
    for place, numbers in zip(judgement.learned.places, judgement.by_place, strict=True):
        pixels = sum(diff.regions[n].pixels for n in numbers)
        box = place.box
        yield (
            f"{number(len(numbers), 'region')} ({number(pixels, 'pixel')}) would count as "
            f"{place.kind.replace('_', '-')}, and {'is' if len(numbers) == 1 else 'are'} explained "
            f"by learned noise: {number(place.pairs, 'same-input pair')} of "
            f"{number(place.commits, 'commit')}, region {box.width}×{box.height} at "
            f"{box.x}, {box.y}, at most {number(place.most_pixels, 'pixel')}; last seen "
            f"{place.last[:10]}."
        )


def _of_counted(pixels: int) -> str:
    edges = "a smoothed edge" if pixels == 1 else "smoothed edges"
    return (
        f"odiff itself leaves out {number(pixels, 'pixel')} of the mask, as below its threshold or "
        f"as {edges}; in the mask's file {'it is' if pixels == 1 else 'they are'} orange."
    )


def _of_nothing(diff: Diff) -> Iterator[str]:
    """Explains why different files have an empty mask, unless a noise explains it."""
    differing = diff.picture.differing
    if diff.regions or diff.explained:
        return
    if differing:
        differ = "differs" if differing == 1 else "differ"
        yield f"{number(differing, 'pixel')} {differ}, by too little to count."
    else:
        yield "The files differ, but no pixel does."


def _of_noise(noise: Explained) -> str:
    areas = f"{number(noise.areas, 'area')} ({number(noise.pixels, 'pixel')}, at most "
    areas += f"{number(noise.most, 'level')}) {'is' if noise.areas == 1 else 'are'} noise: "
    numbers = []
    if noise.kind is NoiseKind.TEXT:
        numbers.append(f"{noise.text_touched:.0%} of the text around differs")
    if noise.kind not in {NoiseKind.LEVELS, NoiseKind.CORNER}:
        left = f"{noise.residue:.1%}"
        numbers.append(f"the best filter of 3 × 3 pixels leaves at most {left} of the contrast")
    return areas + NOISES[noise.kind] + (f" ({', '.join(numbers)})." if numbers else ".")


def _of_bands(bands: Sequence[Band]) -> Iterator[str]:
    shown = 0
    runs = _runs(bands)
    for run in runs:
        first, lines = run[0], sum(band.length for band in run)
        word = first.axis.removesuffix("s")
        if len(run) > 1:
            why = ", as after a change of the line height" if first.axis is Axis.ROWS else ""
            yield (
                f"{number(lines, word)} {first.kind} one by one between {first.axis} "
                f"{first.start:,} and {run[-1].stop:,}{why}."
            )
        elif shown < _MAX_BANDS:
            shown += 1
            inserted = first.kind is BandKind.INSERTED
            where = f"at {word} {first.head_start if inserted else first.base_start:,}"
            yield f"{number(lines, word)} {first.kind} {where} of {'head' if inserted else 'base'}."
    if rest := sum(len(run) == 1 for run in runs) - shown:
        yield f"And {number(rest, 'more band')}."


def _runs(bands: Sequence[Band]) -> list[list[Band]]:
    """Groups bands: runs of thin bands of one kind together, all others one by one."""
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
    """Describes thresholds and tolerances of a policy."""
    edges = "left out" if policy.antialiasing else "counted"
    return (
        f"structural threshold {policy.structural_threshold:g}, sensitive threshold "
        f"{policy.sensitive_threshold:g}, anti-aliasing {edges}, {tolerance(policy)}"
    )


def own_policy(fields: Mapping[str, Any], policy: Policy) -> str:
    """Describes the fields in which a snapshot's policy differs from the comparison's."""
    parts = []
    for name, value in fields.items():
        if name == "noise":
            usual = vars(policy.noise)
            parts += [f"noise.{n} {v:g}" for n, v in value.items() if v != usual.get(n, v)]
            if not value.keys() <= usual.keys():
                parts.append("numbers of an older rule")
        elif name == "ignore_regions":
            parts.append(f"{number(len(value), 'ignored region')}")
        else:
            parts.append(f"{name} {str(value).lower() if isinstance(value, bool) else value}")
    return ", ".join(parts)


def tolerance(policy: Policy, own: Mapping[str, Any] | None = None) -> str:
    """Describes which changes a policy lets pass."""
    simple = {k: v for k, v in (own or {}).items() if k not in {"noise", "ignore_regions"}}
    fields = vars(policy) | simple
    exact = fields["strict"] or fields["sensitivity"] == Sensitivity.EXACT
    limits = [] if exact else [_NOISE[fields["sensitivity"]]]
    if fields["max_changed_pixels"]:
        limits.append(f"up to {number(fields['max_changed_pixels'], 'changed pixel')}")
    if fields["max_changed_ratio"]:
        limits.append(f"up to {fields['max_changed_ratio']:.4g} of the pixels")
    if fields["max_region_pixels"] is not None:
        limits.append(f"regions of up to {number(fields['max_region_pixels'], 'pixel')}")
    verb = "passes" if len(limits) == 1 and not exact else "pass"
    return f"{' or '.join(limits)} {verb}" if limits else "any pixel that differs counts"


def number(n: int, noun: str) -> str:
    """Returns a number and its noun: 1 row, 2 rows."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
