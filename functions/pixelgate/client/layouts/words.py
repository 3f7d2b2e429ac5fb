"""The words by which runners call a picture expected, actual, or a difference."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from pixelgate.client.layouts.variants import peel


class Role(StrEnum):
    """What a picture is in the comparison of a runner."""

    EXPECTED = "expected"
    ACTUAL = "actual"
    DIFF = "diff"


# Words that hardly ever end a snapshot's own name: one of them beside its picture is proof.
_STRONG = {
    "diff": Role.DIFF, "diffs": Role.DIFF, "difference": Role.DIFF, "differences": Role.DIFF,
    "isolateddiff": Role.DIFF, "maskeddiff": Role.DIFF, "delta": Role.DIFF,
    "actual": Role.ACTUAL, "received": Role.ACTUAL, "testimage": Role.ACTUAL,
    "obtained": Role.ACTUAL,
    "expected": Role.EXPECTED, "masterimage": Role.EXPECTED,
}  # fmt: skip
# Words of ordinary names, too ("user-new.png"): they count only beside a strong one.
_WEAK = {
    "compare": Role.DIFF, "comparison": Role.DIFF, "composite": Role.DIFF, "heatmap": Role.DIFF,
    "overlay": Role.DIFF, "map": Role.DIFF, "mask": Role.DIFF, "blend": Role.DIFF,
    "flicker": Role.DIFF,
    "new": Role.ACTUAL, "current": Role.ACTUAL, "latest": Role.ACTUAL, "result": Role.ACTUAL,
    "failed": Role.ACTUAL, "fail": Role.ACTUAL, "incoming": Role.ACTUAL,
    "got": Role.ACTUAL, "candidate": Role.ACTUAL, "output": Role.ACTUAL,
    "test": Role.ACTUAL, "after": Role.ACTUAL,
    "expect": Role.EXPECTED, "ref": Role.EXPECTED,
    "reference": Role.EXPECTED, "baseline": Role.EXPECTED, "base": Role.EXPECTED,
    "golden": Role.EXPECTED, "old": Role.EXPECTED, "original": Role.EXPECTED,
    "previous": Role.EXPECTED, "before": Role.EXPECTED, "verified": Role.EXPECTED,
    "approved": Role.EXPECTED, "committed": Role.EXPECTED, "master": Role.EXPECTED,
}  # fmt: skip
# What stands before "diff" and belongs to it: `x-failed-diff.png`, `x-heatmap-diff.png`.
_OF_DIFF = frozenset({"failed", "image", "visual", "pixel", "heatmap", "base", "result"})

# The folders of a run: two of the three kinds side by side, with the same names in them.
_ACTUAL_FOLDERS = frozenset(
    {"actual", "actuals", "current", "received", "latest", "comparison", "rendered", "bitmapstest"}
)
_EXPECTED_FOLDERS = frozenset(
    {"expected", "baseline", "baselines", "base", "reference", "references", "golden", "goldens",
     "approved", "bitmapsreference"}
)  # fmt: skip
# Folders of anything; of a run only beside a folder of differences, if all three kinds are there.
_WEAK_FOLDERS = {
    "before": Role.EXPECTED, "old": Role.EXPECTED, "ref": Role.EXPECTED, "original": Role.EXPECTED,
    "after": Role.ACTUAL, "new": Role.ACTUAL, "test": Role.ACTUAL, "head": Role.ACTUAL,
    "result": Role.ACTUAL, "results": Role.ACTUAL, "output": Role.ACTUAL,
}  # fmt: skip
_NEVER_PAGES = frozenset(
    {"actual", "actuals", "received", "expected", "baseline", "baselines", "golden", "goldens",
     "diffs", "difference", "differences", "bitmapstest", "bitmapsreference"}
)  # fmt: skip
_DIFF_FOLDERS = frozenset({"diff", "diffs", "difference", "differences", "delta", "deltas"})

# Unity's `ActualImages`; ordinary words such as "latest screenshots" are no folders of a run.
_OF_IMAGES = re.compile(r"(?:images?|screenshots?|snapshots?)$")
_OF_RUNS = frozenset(
    {"actual", "expected", "baseline", "reference", "golden", "diff", "difference"}
)

# `generatedDiffs`, `visual-diffs`, `localBaseline`; a folder `code-diffs` may be a page.
_OF_KIND = re.compile(
    r"(?:generated|local|visual|images?|pixel|screenshots?|snapshots?)(diff|baseline)s?$"
)
_TAIL = re.compile(r"(?s)(.*?)[-_. ~]*[(\[]?([A-Za-z]+)[)\]]?$")
# A parameter of a test by pytest, `test_view[diff]`, is of the snapshot's own name.
_PARAMETER = re.compile(r"\w\[[^\]]*\]$")
_NUMBERED = re.compile(r"(?s)(.*[A-Za-z])([-_]\d{1,4})$")
_CAMEL = re.compile(r"(?s)(.*[a-z0-9])(Diff|Actual|Expected)$")
_HEAD = re.compile(r"(?si)(failed[-_. ])?(diff|delta|actual|expected|reference|failed)[-_. ](.+)$")


@dataclass(frozen=True)
class Part:
    """A file's name as a part of a family: all pictures that a runner keeps of one snapshot."""

    of: str  # the name that the pictures share
    role: Role
    word: str
    strong: bool
    of_story: bool = False  # whether "--" joins it, as in Storybook's `button--diff`


def parts_of(stem: str) -> list[Part]:
    """Returns the readings of a file's name, without its extension, that give it a role.

    The word stands at the end, before a number (`x-actual-1`) or the words of a variant
    (`x-actual-chromium-linux`), or at the beginning (`failed_diff_x`).
    """
    found = []
    bare, _ = peel(stem)
    texts = {stem: "", bare: stem[len(bare) :]}
    if match := _NUMBERED.match(stem):
        texts[match[1]] = match[2]
    for text, rest in texts.items():
        if part := _tail(text, rest):
            found.append(part)
    if match := _HEAD.match(stem):
        word = match[2].lower()
        role = _STRONG.get(word) or _WEAK[word]
        found.append(Part(match[3], role, word, word in _STRONG))
    return found


def _tail(text: str, variant: str) -> Part | None:
    match = _CAMEL.match(text) or _TAIL.match(text)
    if not match or _PARAMETER.search(text):
        return None
    word = match[2].lower()
    role = _STRONG.get(word) or _WEAK.get(word)
    if role is None:
        return None
    of = match[1]
    before = _TAIL.match(of)
    while role is Role.DIFF and before and before[1] and before[2].lower() in _OF_DIFF:
        # `result-failed-diff` is the difference of `result`, not of nothing.
        of = before[1]
        before = _TAIL.match(of)
    of_story = "--" in text[len(of) - 2 :]
    return Part(of.rstrip("-_. ~") + variant, role, word, word in _STRONG, of_story)


def is_actual_folder(name: str) -> bool:
    """Whether a folder of this name may hold the pictures of a run."""
    return _word(name) in _ACTUAL_FOLDERS


def is_expected_folder(name: str) -> bool:
    """Whether a folder of this name may hold the pictures that a run is compared with."""
    return _word(name) in _EXPECTED_FOLDERS


def weak_folder_role(name: str) -> Role | None:
    """Returns what a folder's name says beside a folder of differences, and only there."""
    return _WEAK_FOLDERS.get(_letters(name))


def never_a_page(name: str) -> bool:
    """Whether a folder of this name hardly ever holds the screenshots of a page called so."""
    return _word(name) in _NEVER_PAGES


def folder_role(name: str) -> Role | None:
    """Returns what a folder's name says about the pictures in it."""
    if is_actual_folder(name):
        return Role.ACTUAL
    if is_expected_folder(name):
        return Role.EXPECTED
    return Role.DIFF if _word(name) in _DIFF_FOLDERS else None


def _word(name: str) -> str:
    """Returns a folder's word, also of `ActualImages` and `diff_screenshots`."""
    letters = _letters(name)
    if match := _OF_KIND.match(letters):
        return match[1]
    short = _OF_IMAGES.sub("", letters)
    return short if short in _OF_RUNS else letters


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())
