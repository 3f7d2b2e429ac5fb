"""Whether routes that claim the same thing found the same."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.speed.pairs import Pair
from bench.speed.routes.base import Found
from bench.speed.routes.odiff import CommandLine, Plain
from bench.speed.routes.ours import Pixelgate


def check(pairs: Sequence[Pair], results: Mapping[str, Sequence[Found]]) -> list[str]:
    """What was compared with what, in sentences; the first word is "equal" or "UNEQUAL".

    Plain odiff judges us where it sees what we see: both images of one size and opaque, and no
    rows that we take for moved.
    """
    said = []
    if not {Plain.name, Pixelgate.name} - results.keys():
        ours, plain = results[Pixelgate.name], results[Plain.name]
        comparable = [i for i, pair in enumerate(pairs) if pair.plain and not ours[i].bands]
        wrong = [pairs[i].name for i in comparable if not _same(ours[i], plain[i])]
        what = f"{Pixelgate.name} and {Plain.name}: both counts and the mask"
        left_out = _left_out(pairs, ours)
        said.append(_sentence(what, len(comparable), wrong) + left_out)
    if not {Plain.name, CommandLine.name} - results.keys():
        other, plain = results[CommandLine.name], results[Plain.name]
        wrong = [
            p.name for p, a, b in zip(pairs, other, plain, strict=True) if a.changed != b.changed
        ]
        said.append(_sentence(f"{CommandLine.name} and {Plain.name}: the count", len(pairs), wrong))
    return said


def _same(ours: Found, plain: Found) -> bool:
    if (ours.changed, ours.structural) != (plain.changed, plain.structural):
        return False
    # What only the evidence counts is orange, and no pixel of odiff's.
    shown = _red(ours.mask) if ours.mask is not None else None
    if plain.mask is None or shown is None:
        return plain.mask is None and (shown is None or not shown.any())
    return np.array_equal(shown, _opaque(plain.mask))


def _red(mask: bytes | Path) -> npt.NDArray[np.bool_]:
    """The pixels of a mask of ours that are odiff's own."""
    with Image.open(io.BytesIO(mask) if isinstance(mask, bytes) else mask) as image:
        found: npt.NDArray[np.bool_] = np.asarray(image) == 1
    return found


def _opaque(mask: bytes | Path) -> npt.NDArray[np.bool_]:
    with Image.open(io.BytesIO(mask) if isinstance(mask, bytes) else mask) as image:
        return np.asarray(image.convert("RGBA").getchannel("A")) > 0


def _left_out(pairs: Sequence[Pair], ours: Sequence[Found]) -> str:
    other = sum(not pair.plain for pair in pairs)
    moved = sum(pair.plain and found.bands for pair, found in zip(pairs, ours, strict=True))
    reasons = [f"{other} of two sizes or transparent"] if other else []
    reasons += [f"{moved} with moved rows"] if moved else []
    return f" (left out: {', '.join(reasons)})" if reasons else ""


def _sentence(what: str, count: int, wrong: Sequence[str]) -> str:
    if not wrong:
        return f"equal: {what}, {count} pairs"
    return f"UNEQUAL: {what}, {len(wrong)} of {count} pairs: {', '.join(wrong[:5])}"
