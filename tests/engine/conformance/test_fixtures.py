"""Every folder of tests/engine/fixtures comes out as plain odiff found it, to the pixel."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.fixtures import make
from pixelgate.domain.policy import Policy, Rectangle
from pixelgate.engine.differ import OdiffDiffer
from pixelgate.engine.odiff import OdiffServer
from support.agreement import odiffs_mask
from support.plain_odiff import PlainOdiff, pixels_of, unaligned

FOLDERS = sorted(p.parent for p in make.HERE.glob("*/expected.json"))
CASES = make.cases()
SAME = {
    *("nothing", "disc-half-a-pixel", "text-a-quarter-further", "text-a-quarter-further-counted"),
    *("jpeg-recompressed", "webp-lossy", "noise-strict"),
}


def stored(folder: Path) -> tuple[Path, Path]:
    (base,), (head,) = folder.glob("base.*"), folder.glob("head.*")
    return base, head


def policy_of(expected: dict[str, Any]) -> Policy:
    fields = dict(expected["policy"])
    boxes = tuple(Rectangle(**box) for box in fields.pop("ignore_regions", ()))
    return unaligned(Policy(**fields, ignore_regions=boxes))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_a_fixture_comes_out_as_plain_odiff_found_it(differ: OdiffDiffer, folder: Path) -> None:
    expected = json.loads((folder / "expected.json").read_text())
    base, head = stored(folder)
    diff = differ.diff(base.read_bytes(), head.read_bytes(), policy_of(expected))

    assert diff.changed_pixels == expected["changed"]["pixels"]
    assert diff.structural_pixels == expected["structural_pixels"]
    assert diff.total_pixels == expected["total_pixels"]
    mask = odiffs_mask(diff)
    assert hashlib.sha256(np.packbits(mask)).hexdigest() == expected["changed"]["sha256"]
    if expected["changed"]["box"]:
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        assert [left, top, right - left, bottom - top] == expected["changed"]["box"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_the_verdict_on_a_fixture_is_a_persons(differ: OdiffDiffer, folder: Path) -> None:
    """Who flips between both pictures sees a change, but for those of SAME."""
    policy = policy_of(json.loads((folder / "expected.json").read_text()))
    base, head = stored(folder)
    diff = differ.diff(base.read_bytes(), head.read_bytes(), policy)
    assert diff.passes(policy) == (folder.name in SAME)


@pytest.mark.parametrize("name", CASES)
def test_a_fixture_made_again_has_the_same_pixels_and_the_same_numbers(
    odiff: Path, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    paths = [tmp_path / f"{side}.{case.ending}" for side in ("base", "head")]
    for path, made, kept in zip(paths, make.files(case), stored(make.HERE / name), strict=True):
        path.write_bytes(made)
        assert np.array_equal(pixels_of(made), pixels_of(kept.read_bytes()))
    with OdiffServer(odiff) as server:
        again = make.expected(PlainOdiff(server, tmp_path / "plain"), case, *paths)
    kept_numbers = json.loads((make.HERE / name / "expected.json").read_text())
    # The pinned odiff is another one on arm64; the numbers are the same.
    for numbers in (again, kept_numbers):
        numbers["numbers_by"], versions = re.subn(r"\d+\.\d+\.\d+", "", numbers["numbers_by"])
        assert versions == 1
    assert json.loads(json.dumps(again)) == kept_numbers


def test_every_fixture_has_its_maker_and_all_of_them_are_small() -> None:
    assert [folder.name for folder in FOLDERS] == sorted(CASES)
    assert sum(file.stat().st_size for file in make.HERE.rglob("*") if file.is_file()) < 1_000_000
