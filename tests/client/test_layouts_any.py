"""Whatever lies in a folder: no image is lost, no name is there twice, and order means nothing."""

from __future__ import annotations

import random
from pathlib import Path
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from pixelgate.client.layouts import select as selecting
from pixelgate.client.layouts.names import LAYOUTS
from pixelgate.client.layouts.select import Choice, Selection, select
from pixelgate.client.layouts.tree import Tree
from pixelgate.domain.manifest import check_name

ROOT = Path("/nowhere/shots")
FOLDERS = [
    "a", "b", "actual", "expected", "diff", "baseline", "before", "after", "current", "failures",
    "test-results", "a-chromium", "a-chromium-retry1", "a.spec.ts-snapshots", "a.cy.ts", "reports",
    "__image_snapshots__", "__diff_output__", "attachments", "attempt-1", "attempt-2", ".tmp",
    "bitmaps_test", "20261130-101010", "20261130-101011", "__Snapshots__", "✗ a", "chromium",
    "thumbnails", "errors", "test-1", "run-1", "2026-11-30_10-15-00", "results", ".reg", "✓ a",
    "ActualImages", "visual-diffs",
]  # fmt: skip
STEMS = [
    "a", "b", "a-diff", "a-actual", "a-expected", "a_diff-2", "diff_a", "a (attempt 2)", "actual",
    "a (failed)", "a-retry1", "test-failed-1", "test-finished-1", "a-chromium-linux", "diff",
    "a-actual-chromium-linux", "baseline", "result", "a--diff", "a@2x", "a.new", "a.old",
    "9b74c9897bac770ffc029102a200c5de", f"a-{'0' * 40}", "-", "diff-", "(attempt 2)",
    "a-1-snap", "a-1-diff", "a.attempt_00", "a[diff]", "fail-screenshot-1", "approved", "a.fail",
]  # fmt: skip
PATHS = st.builds(
    lambda folders, stem, suffix: "/".join([*folders, f"{stem}{suffix}"]),
    st.lists(st.sampled_from(FOLDERS), max_size=4),
    st.sampled_from(STEMS),
    st.sampled_from([".png", ".jpg", ".svg"]),
)
OTHERS = st.lists(
    st.sampled_from(["index.html", "a/.last-run.json", "a-chromium/error-context.md", "a.json"])
)
CHOICES = st.builds(Choice, st.sampled_from(LAYOUTS), expected=st.booleans())


def selected(names: list[str], others: list[str], choice: Choice) -> Selection:
    images = {name: ROOT / name for name in names}
    tree = Tree(ROOT, ROOT.parts, images, {name: ROOT / name for name in others})
    with mock.patch.object(selecting, "walk", return_value=tree):
        return select(ROOT, choice)


@settings(deadline=None, max_examples=400)
@given(st.lists(PATHS, unique=True, max_size=25), OTHERS, CHOICES)
def test_each_image_is_taken_once_or_left_out_with_a_reason(
    names: list[str], others: list[str], choice: Choice
) -> None:
    found = selected(names, others, choice)
    paths = [str(taken.path.relative_to(ROOT)) for taken in found.taken.values()]
    assert sorted([*paths, *(one.where for one in found.left)]) == sorted(names)
    assert all(one.reason for one in found.left)
    for name, taken in found.taken.items():
        assert check_name(name) == name == taken.name
        assert not {*taken.attempts} & {other.path for other in found.taken.values()}
    if choice.layout == "folder":
        assert paths == list(found.taken) == [n for n in sorted(names) if not n.endswith(".svg")]


@settings(deadline=None, max_examples=100)
@given(st.lists(PATHS, unique=True, max_size=15), CHOICES, st.randoms())
def test_the_order_in_which_files_are_found_means_nothing(
    names: list[str], choice: Choice, chance: random.Random
) -> None:
    ordered = selected(sorted(names), [], choice)
    shuffled = list(names)
    chance.shuffle(shuffled)
    mixed = selected(shuffled, [], choice)
    assert (mixed.taken, mixed.left) == (ordered.taken, ordered.left)
