"""The quality bench: it reads folders of pairs and counts what each rule got wrong, which way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from bench.quality import tables
from bench.quality.cases import DIFFER, DISPUTED, MATCH, Case, read_groups
from bench.quality.edits import EDITS, FLAT, TEXT_COLOURS
from bench.quality.labels import judge_edit
from bench.quality.measure import Rgb
from bench.quality.rules import OURS, RULES, Verdicts
from bench.quality.run import arguments, as_json
from bench.quality.tables import Result, Score


def _result(label: str, *, ours: bool, kind: str = "letter-4", group: str = "r_text") -> Result:
    verdicts = dict.fromkeys(RULES, True) | {OURS: ours}
    dials = {"strict": True, "default": ours}
    case = Case(name="a.png", label=label, kind=kind, group=group)
    return Result(case, Verdicts(verdicts, {}, {}, dials=dials))


def _row(lines: list[str], first: str) -> list[str]:
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == first:
            return cells
    raise AssertionError(f"no row {first} in {lines}")


@pytest.fixture
def grouped(tmp_path: Path) -> Path:
    said = {
        "r_text": {"b.png": {"expected": "changed", "what": "a to b", "kind": "letter"}},
        "fp": {
            "a.png": {"expected": "unchanged", "what": "the same"},
            "c.png": {"expected": "errored", "what": "no image"},
        },
    }
    for group, expected in said.items():
        (tmp_path / group).mkdir()
        (tmp_path / group / "expected.json").write_text(json.dumps(expected), encoding="utf-8")
    return tmp_path


def test_a_folder_by_group_is_read_with_labels_kinds_and_pictures(grouped: Path) -> None:
    cases = read_groups(grouped)
    assert [(c.group, c.name, c.label, c.kind) for c in cases] == [
        ("fp", "a.png", MATCH, "fp"),
        ("r_text", "b.png", DIFFER, "letter"),
    ]
    assert cases[1].base == grouped / "r_text" / "base" / "b.png"
    assert cases[1].head == grouped / "r_text" / "head" / "b.png"


def test_a_folder_without_groups_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"holds no groups"):
        read_groups(tmp_path)


def test_false_passes_and_false_alarms_are_counted_apart() -> None:
    results = [
        _result(DIFFER, ours=False),
        _result(DIFFER, ours=True),
        _result(MATCH, ours=True),
        _result(MATCH, ours=False),
        _result(DISPUTED, ours=True),
    ]
    assert Score.of(OURS, results) == Score(
        right=2, pairs=4, changed=2, false_alarms=1, missed=1, disputed_changed=1, disputed=1
    )


def test_the_matrix_gives_the_shares_of_both_ways_to_be_wrong() -> None:
    results = [_result(DIFFER, ours=False), _result(DIFFER, ours=True), _result(MATCH, ours=False)]
    shares = ["2 / 3", "66.7 %", "1", "50.0 %", "0", "0.0 %"]
    assert _row(tables.matrix("all", results), OURS) == [OURS, *shares]


def test_the_curve_has_one_row_for_each_policy_in_its_order() -> None:
    lines = tables.curve("all", [_result(DIFFER, ours=False), _result(MATCH, ours=False)])
    assert _row(lines, "strict")[1:] == ["1 / 2", "50.0 %", "0", "0.0 %", "1", "100.0 %"]
    assert _row(lines, "default")[1:] == ["1 / 2", "50.0 %", "1", "100.0 %", "0", "0.0 %"]
    assert [line.split()[1] for line in lines[4:6]] == ["strict", "default"]
    without = Result(Case("a", DIFFER, "x"), Verdicts(dict.fromkeys(RULES, True), {}, {}))
    assert tables.curve("all", [without]) == []


@pytest.mark.parametrize(
    ("kind", "group", "change"),
    [
        ("letter-30", "r_text", "letter"),
        ("text-hue-luma-90-3", "r_colour", "text-hue-luma"),
        ("card-ground--0.02", "r_colour", "card-ground"),
        ("edge-bottom", "r_border", "edge-bottom"),
        ("jpeg85-420+digit-4", "both", "a change under jpeg85-420"),
    ],
)
def test_a_kind_of_change_is_told_without_its_numbers(kind: str, group: str, change: str) -> None:
    assert tables.change_of(Case("a", DIFFER, kind, group=group)) == change


def test_changes_and_noises_have_tables_of_their_own() -> None:
    results = [
        _result(DIFFER, ours=False, kind="letter-4"),
        _result(DIFFER, ours=False, kind="letter-16"),
        _result(MATCH, ours=True, kind="jpeg85-420", group="n_codec"),
    ]
    assert _row(tables.by_change(results), "letter")[1:3] == ["2", "2"]
    assert _row(tables.by_noise(results), "jpeg85-420")[1:3] == ["1", "1"]
    assert _row(tables.by_group(results), "n_codec")[1:3] == ["1", "1"]


def test_the_json_tells_every_pair_with_its_group_and_the_verdicts_of_the_curve() -> None:
    [pair] = json.loads(json.dumps(as_json([_result(DIFFER, ours=False)])))["cases"]
    assert pair["group"] == "r_text"
    assert pair["dials"] == {"strict": True, "default": False}
    assert pair["right"][OURS] is False


def test_folders_by_group_may_be_given_several_times() -> None:
    assert arguments().parse_args(["--cases", "a", "--cases", "b"]).cases == [Path("a"), Path("b")]


EDIT = {edit.kind: edit for edit in EDITS}


def _pair(levels: int, *, size: int = 40) -> tuple[Rgb, Rgb]:
    base = np.full((size, size, 3), 200, np.uint8)
    head = base.copy()
    head[4:34, 4:34] -= np.uint8(levels)
    return base, head


@pytest.mark.parametrize(
    ("kind", "levels", "font", "label"),
    [
        ("letter", 120, 16.0, DIFFER),
        ("letter", 30, 16.0, DISPUTED),
        ("letter", 120, 9.0, DISPUTED),
        ("text-colour", 30, 16.0, DIFFER),
        ("text-colour", 12, 16.0, DISPUTED),
        ("page-ground", 3, 16.0, DIFFER),
        ("page-ground", 1, 16.0, DISPUTED),
    ],
)
def test_a_label_rests_on_what_was_measured(
    kind: str, levels: int, font: float, label: str
) -> None:
    judged = judge_edit(_pair(levels), EDIT[kind], font, "light")
    assert judged
    assert judged.label == label


def test_an_edit_that_shows_nothing_makes_no_pair() -> None:
    assert judge_edit(_pair(0), EDIT["letter"], 16.0, "light") is None


def test_under_noise_an_edit_has_to_be_plainer() -> None:
    edit, pair = EDIT["text-colour"], _pair(20)
    alone, noisy = (judge_edit(pair, edit, 16.0, "light", noisy=n) for n in (False, True))
    assert alone
    assert noisy
    assert (alone.label, noisy.label) == (DIFFER, DISPUTED)


def test_every_edit_has_a_function_in_the_script() -> None:
    script = Path(tables.__file__).with_name("edits.js").read_text(encoding="utf-8")
    kinds = {*EDIT, *FLAT, *TEXT_COLOURS}
    assert not [
        k for k in kinds if f"\n    {k}: (" not in script and f'\n    "{k}": (' not in script
    ]
