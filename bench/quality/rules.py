"""The rules: ours and the defaults of others, each saying of a pair whether it changed.

Of two opaque pictures of one size, the rivals get the part that differs with a margin of equal
pixels around it. Their verdicts are the same as on the whole pictures, because their anti-aliasing
rules look no further than two pixels, and it takes a fraction of the time; ``--whole`` checks it.
(pixelmatch blends transparent pixels over a chequered ground that begins at the upper left corner.)
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.quality.cases import Case
from bench.quality.measure import Rgb
from pixelgate.bootstrap import find_engine
from pixelgate.domain.policy import Policy
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from pixelgate.errors import PixelgateError

OURS = "pixelgate"
RULES = {
    OURS: "its default policy",
    "sentry": "odiff at 0.01, anti-aliasing ignored, any pixel",
    "argos": "odiff at 0.15 over min(0.02 %, 20 px), or at 0.0225 over 3 %",
    "odiff": "odiff's default: 0.1, anti-aliasing counted, any pixel",
    "playwright": "toHaveScreenshot()'s default: pixelmatch at 0.2, any pixel",
    "pixelmatch": "pixelmatch's default: 0.1, anti-aliasing ignored, any pixel",
    "reg-suit": "its default: any pixel of another value, seen on white",
}
RIVALS = [rule for rule in RULES if rule != OURS]
# The curve: from the strictest policy to the most tolerant, what each changes in the default one.
DIALS: dict[str, dict[str, Any]] = {
    "exact": {"sensitivity": "exact"},
    "careful": {"sensitivity": "careful"},
    "default": {},
    "tolerant": {"sensitivity": "tolerant"},
}
# At which odiff is asked, and whether it leaves out smoothed edges.
THRESHOLDS = {"0.01": True, "0.0225": True, "0.15": True, "0.1": False}
# odiff's and pixelmatch's anti-aliasing rules reach two pixels far.
MARGIN = 4
ARGOS_PIXELS, ARGOS_RATIO, ARGOS_SENSITIVE_RATIO = 20, 0.0002, 0.03
SCRIPT = Path(__file__).resolve().parent / "rivals.mjs"


@dataclass(frozen=True)
class Verdicts:
    """What the rules said of one pair.

    Attributes:
        changed: by rule, whether it calls the pair changed.
        ours: the numbers behind our verdict.
        counts: pixels that odiff counts, by threshold; 0.1 with anti-aliasing counted.
        error: why our engine failed, if it did; then it counts as changed.
        dials: by name of a policy of the curve, whether ours calls the pair changed under it.
    """

    changed: dict[str, bool]
    ours: dict[str, Any]
    counts: dict[str, int | None]
    error: str | None = None
    dials: dict[str, bool] = field(default_factory=dict)


class Rules:
    """All rules, ready to be asked; one thread at a time."""

    def __init__(self, *, curve: bool, whole: bool) -> None:
        """Starts what the rules need.

        Args:
            curve: ask ours under every policy of the curve, too.
            whole: hand the rivals the whole pictures, to check that the parts suffice.
        """
        self._whole = whole
        dials = DIALS if curve else {}
        self._dials = {name: Policy().with_overrides(changes) for name, changes in dials.items()}
        with ExitStack() as stack:
            self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="q")))
            binary = find_engine().binary
            self._odiff = stack.enter_context(OdiffServer(binary))
            self._ours = stack.enter_context(OdiffDiffer(OdiffServer(binary)))
            node, pipe = ["node", str(SCRIPT)], subprocess.PIPE
            self._node = stack.enter_context(
                subprocess.Popen(node, stdin=pipe, stdout=pipe, text=True)
            )
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def judge(self, case: Case) -> Verdicts:
        """Asks every rule about a pair, and ours under every policy of the curve."""
        default = Policy()
        changed, ours, error = self._ask_ours(case, default)
        try:
            pair = _pixels(case.base), _pixels(case.head)
        except (OSError, ValueError) as unreadable:
            pair, error = None, error or str(unreadable)
        rivals, counts = self._ask_rivals(case, *pair) if pair else _all_say(True)
        dials = {
            name: changed if policy == default else self._ask_ours(case, policy)[0]
            for name, policy in self._dials.items()
        }
        return Verdicts({OURS: changed, **rivals}, ours, counts, error, dials)

    def _ask_ours(self, case: Case, policy: Policy) -> tuple[bool, dict[str, Any], str | None]:
        try:
            diff = self._ours.diff(case.base.read_bytes(), case.head.read_bytes(), policy)
        except PixelgateError as error:
            return True, {}, str(error)
        numbers = {
            "changed_pixels": diff.changed_pixels,
            "structural_pixels": diff.structural_pixels,
            "total_pixels": diff.total_pixels,
            "regions": len(diff.regions),
            "largest_region": max((region.pixels for region in diff.regions), default=0),
        }
        return not diff.passes(policy), numbers, None

    def _ask_rivals(
        self, case: Case, base: Rgb, head: Rgb
    ) -> tuple[dict[str, bool], dict[str, int | None]]:
        part = _changed_part(base, head) if base.shape == head.shape else None
        if part is None:
            return _all_say(base.shape != head.shape)
        files = (case.base, case.head)
        transparent = any(bool((image[..., 3] < 255).any()) for image in (base, head))
        if any(file.suffix != ".png" for file in files) or not (self._whole or transparent):
            files = (self._folder / "b.png", self._folder / "h.png")
            for file, pixels in zip(files, (base, head), strict=True):
                Image.fromarray(pixels[part]).save(file, compress_level=1)
        counts = {
            threshold: self._ask_odiff(files, float(threshold), antialiasing)
            for threshold, antialiasing in THRESHOLDS.items()
        }
        total = base.shape[0] * base.shape[1]
        said = {
            "sentry": counts["0.01"] > 0,
            "argos": counts["0.15"] > min(ARGOS_RATIO * total, ARGOS_PIXELS)
            or counts["0.0225"] / total > ARGOS_SENSITIVE_RATIO,
            "odiff": counts["0.1"] > 0,
            "reg-suit": bool((_on_white(base) != _on_white(head)).any()),
            **self._ask_node(files),
        }
        return {rule: said[rule] for rule in RIVALS}, dict(counts)

    def _ask_odiff(self, files: tuple[Path, Path], threshold: float, antialiasing: bool) -> int:
        options = {"threshold": threshold, "antialiasing": antialiasing}
        return self._odiff.compare(*files, self._folder / "d.png", options).pixels

    def _ask_node(self, files: tuple[Path, Path]) -> dict[str, bool]:
        if self._node.stdin is None or self._node.stdout is None:  # Popen was asked for pipes
            raise AssertionError
        request = {"base": str(files[0]), "head": str(files[1])}
        print(json.dumps(request), file=self._node.stdin, flush=True)
        answer: dict[str, bool] = json.loads(self._node.stdout.readline())
        return answer


def _all_say(changed: bool) -> tuple[dict[str, bool], dict[str, int | None]]:
    """What is clear without asking: what cannot be read, or has another size, is not the same."""
    return dict.fromkeys(RIVALS, changed), dict.fromkeys(THRESHOLDS, None if changed else 0)


def _pixels(path: Path) -> Rgb:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGBA"))


def _on_white(image: Rgb) -> npt.NDArray[np.uint32]:
    """Times 255, so that nothing is rounded."""
    values = image.astype(np.uint32)
    alpha = values[..., 3:]
    return values[..., :3] * alpha + 255 * (255 - alpha)


def _changed_part(base: Rgb, head: Rgb) -> tuple[slice, slice] | None:
    differs = (base != head).any(2)
    rows, columns = np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))
    if not rows.size:
        return None
    top, left = max(0, rows[0] - MARGIN), max(0, columns[0] - MARGIN)
    return slice(top, rows[-1] + MARGIN + 1), slice(left, columns[-1] + MARGIN + 1)
