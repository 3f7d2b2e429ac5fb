"""Pictures of failures that runners call by a form of their own, whatever lies beside them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pixelgate.client.layouts.items import Item, taken, unsure

_FORMS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("Robot Framework", re.compile(r"fail-screenshot-\d+$")),
    ("Maestro", re.compile(r"screenshot-(?:❌|⚠️?|✅)-\d+-\(.*\)$")),
    ("Rails", re.compile(r"failures_(?:test|r_spec)_\w+$")),
    ("Laravel Dusk", re.compile(r"failure-\w+_\w+-\d+$")),
    ("CodeceptJS", re.compile(r"\w+_\w+\.failed$")),
)
# jest-image-snapshot's own names, also where its folders are called otherwise.
_OF_JEST = re.compile(r"(.+)-(diff|received)$")
_NUMBERED = re.compile(r"-\d+$")
_JESTS = {
    "diff": "a difference that a runner drew",
    "received": "the picture of a failure, beside the one that was expected",
}


def leave_failed_shots(items: Sequence[Item]) -> None:
    """Leaves out what runners take by themselves when a test fails, by the form of its name."""
    for item in unsure(items):
        for runner, form in _FORMS:
            if form.match(item.stem):
                item.leave(f"a screenshot that {runner} took of a failed test", failure=True)


def leave_jests(items: Sequence[Item]) -> None:
    """Leaves out `x-diff` and `x-received`, in any folder, of jest-image-snapshot's `x-snap`.

    The name is numbered, as in `home-test-ts-home-1-snap`, or the folder is called by the word.
    """
    snaps = {item.stem.removesuffix("-snap") for item in items if item.stem.endswith("-snap")}
    for item in taken(items) if snaps else ():
        match = _OF_JEST.match(item.stem)
        if not match or match[1] not in snaps:
            continue
        if _NUMBERED.search(match[1]) or match[2] in item.folder.lower():
            item.leave(_JESTS[match[2]], failure=True)
