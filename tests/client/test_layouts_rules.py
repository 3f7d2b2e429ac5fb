"""What holds for every layout: patterns, links, hidden folders, SVGs and other tools' files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pixelgate.client.config import Config, read_config
from pixelgate.client.layouts.globs import compile_pattern
from pixelgate.client.layouts.select import Choice, Selection, select
from pixelgate.client.layouts.tree import walk
from pixelgate.client.scan import details_of, scan
from pixelgate.errors import UsageError
from support import images

SPEC = "e2e/a.spec.ts-snapshots"


@pytest.fixture
def draw(tmp_path: Path) -> Callable[..., Path]:
    def draw(*names: str) -> Path:
        for number, name in enumerate(names):
            path = tmp_path / "shots" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(images.png((8, 6), (number, 100, 200)))
        return tmp_path / "shots"

    return draw


Draw = Callable[..., Path]


def left(found: Selection) -> dict[str, str]:
    return {one.where: one.reason for one in found.left}


@pytest.mark.parametrize(
    ("pattern", "fitting", "others"),
    [
        ("*.png", ["a.png", "b/c.png"], ["a.jpg"]),
        ("icons/*", ["icons/a.png", "icons/b/c.png"], ["my icons/a.png"]),
        ("icons/", ["icons/a.png", "icons/b/c.png"], ["icons.png"]),
        ("./icons/*", ["icons/a.png"], ["a.png"]),
        ("**/dark/*.png", ["dark/a.png", "b/dark/a.png"], ["darker/a.png", "dark.png"]),
        ("a/**/b.png", ["a/b.png", "a/c/d/b.png"], ["a/xb.png"]),
        ("**", ["a.png", "b/c.png"], []),
        ("home[1]?.png", ["home[1]?.png"], ["home1x.png"]),
        ("\u00fc*", ["\u00fc.png"], ["u.png"]),
        ("u\u0308*", ["\u00fc.png"], ["u.png"]),
    ],
)
def test_patterns(pattern: str, fitting: list[str], others: list[str]) -> None:
    compiled = compile_pattern(pattern)
    assert [name for name in (*fitting, *others) if compiled.match(name)] == fitting


def test_include_and_exclude(draw: Draw) -> None:
    folder = draw("a.png", "icons/b.png", "icons/old/c.png")
    found = select(folder, Choice(include=("icons/*", "a*")))
    assert list(found.taken) == ["a.png", "icons/b.png", "icons/old/c.png"]
    found = select(folder, Choice(include=("icons/*",), exclude=("**/old/*",)))
    assert list(found.taken) == ["icons/b.png"]
    assert left(found) == {
        "a.png": "not among --include",
        "icons/old/c.png": "excluded by '**/old/*'",
    }


def test_a_pattern_that_fits_nothing_is_told(draw: Draw) -> None:
    folder = draw("a.png", "b.png")
    found = select(folder, Choice(include=("a*", "icon/*"), exclude=("b*", "c*")))
    assert (list(found.taken), found.unused) == (["a.png"], ("icon/*", "c*"))
    found = select(folder, Choice(include=("icon/*",)))
    assert found.why_empty().splitlines()[1:] == [
        "left out:",
        "  2 × not among --include: such as a.png",
    ]


def test_patterns_are_about_the_names_of_snapshots_and_not_about_paths(draw: Draw) -> None:
    folder = draw(".tmp/actual/a.png", ".tmp/actual/b.png")
    assert list(select(folder, Choice(include=("b*",))).taken) == ["b.png"]


def test_what_is_excluded_need_not_be_readable(draw: Draw) -> None:
    folder = draw("a.png")
    (folder / "broken.png").write_bytes(b"")
    assert list(scan(folder, choice=Choice(exclude=("broken*",))).entries) == ["a.png"]


def test_an_unknown_layout_names_the_known_ones(draw: Draw) -> None:
    with pytest.raises(UsageError, match="--from jasmine: it must be one of auto, folder, playwri"):
        select(draw("a.png"), Choice("jasmine"))


@pytest.mark.parametrize("layout", ["auto", "folder"])
def test_a_link_out_of_the_folder_is_named_and_not_followed(draw: Draw, layout: str) -> None:
    folder = draw("a.png", "sub/b.png")
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(images.png())
    (folder / "file.png").symlink_to(outside / "secret.png")
    (folder / "gone.png").symlink_to(outside / "nowhere.png")
    (folder / "folder").symlink_to(outside)
    (folder / "up").symlink_to("..")
    (folder / "text.txt").symlink_to(outside / "secret.png")
    (folder / "within.png").symlink_to("a.png")
    found = select(folder, Choice(layout))
    assert list(found.taken) == ["a.png", "sub/b.png", "within.png"]
    words = "a link that leads out of the folder, and is not followed"
    assert left(found) == dict.fromkeys(["file.png", "folder", "gone.png", "up"], words)


def test_a_folder_may_itself_be_a_link_and_contain_itself(draw: Draw) -> None:
    folder = draw("a.png", "sub/b.png")
    (folder / "sub" / "ring").symlink_to(folder)
    link = folder.parent / "link"
    link.symlink_to(folder)
    assert list(select(link).taken) == ["a.png", "sub/b.png"]
    (folder / "self.png").symlink_to("self.png")
    assert "self.png" in select(folder).taken, "a link to itself is an image that cannot be read"


def test_a_folder_that_cannot_be_read_is_an_error_and_not_empty(
    draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = draw("a.png", "locked/b.png")
    listed = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:  # root may read everything
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError, match="locked"):
        walk(folder)
    with pytest.raises(UsageError, match="locked cannot be read: Permission denied"):
        scan(folder)


def test_hidden_folders_are_named_where_nothing_else_is(draw: Draw) -> None:
    folder = draw(".shots/a.png", ".shots/sub/b.png", "web/.out/c.png", ".git/d.png")
    found = select(folder)
    assert found.taken == {}
    assert found.why_empty().splitlines() == [
        f"there is no image (PNG, JPEG, WebP) in {folder}",
        "hidden folders with images are left out; name one itself: .shots (2), web/.out (1)",
    ]
    assert list(select(folder / ".shots").taken) == ["a.png", "sub/b.png"]


def test_expected_pictures_alone_are_no_run(draw: Draw) -> None:
    found = select(draw(".loki/reference/a.png"))
    assert found.taken == {}
    assert found.why_empty().splitlines()[1:3] == [
        "left out:",
        "  1 × a picture that a run is compared with; `import-baseline` takes these: "
        ".loki/reference/a.png",
    ]


def test_other_pictures_in_a_hidden_folder_with_a_run_stay_hidden(draw: Draw) -> None:
    found = select(draw(".tmp/actual/a.png", ".tmp/cache/b.png", ".tmp/c.png"))
    assert list(found.taken) == ["a.png"]
    assert left(found) == dict.fromkeys([".tmp/c.png", ".tmp/cache/b.png"], "in a hidden folder")


@pytest.mark.parametrize("layout", ["auto", "folder"])
def test_svgs_are_named_once(draw: Draw, layout: str) -> None:
    folder = draw("a.png", "x.svg", "sub/y.SVG")
    found = select(folder, Choice(layout))
    assert list(found.taken) == ["a.png"]
    assert found.reasons() == ["2 × an SVG, which is no screenshot: such as sub/y.SVG"]
    assert list(scan(folder, choice=Choice(layout)).entries) == ["a.png"]


def test_packages_are_not_entered_but_in_a_plain_folder(draw: Draw) -> None:
    folder = draw("a.png", "web/node_modules/x/b.png")
    found = select(folder)
    assert (list(found.taken), left(found)) == (
        ["a.png"],
        {"web/node_modules": "a folder of packages"},
    )
    assert len(select(folder, Choice("folder")).taken) == 2


def test_reasons_count_and_show_an_example(draw: Draw) -> None:
    found = select(draw("a.png", "a-diff.png", "b.png", "b-diff.png", "c\n.png", "c\n-diff.png"))
    assert found.reasons() == ["3 × a difference that a runner drew: such as a-diff.png"]


BAD: dict[str, Any] = {
    "no JSON": "{",
    "deep": "[" * 100_000,
    "a list": [1],
    "a number": 5,
    "wrong types": {"test": {"titlePath": 5, "tags": {"a": 1}}, "browser": [], "viewport": "x"},
    "halves of characters": {"browser": {"name": "\ud800"}, "test": {"titlePath": ["\ud800"]}},
    "too long": {"browser": {"name": "x" * 5_000}},
}


@pytest.mark.parametrize("bad", BAD)
def test_a_sidecar_of_another_tool_that_makes_no_sense_does_no_harm(draw: Draw, bad: str) -> None:
    folder = draw("a.png", ".tmp/actual/b.png")
    body = BAD[bad] if isinstance(BAD[bad], str) else json.dumps(BAD[bad])
    for name in ("a.png.argos.json", ".tmp/actual/output.json", ".tmp/actual/b-report.json"):
        (folder / name).write_text(body)
    (folder / "report.json").write_text(f'{{"config": {{"rootDir": 1}}, "suites": {body}}}')
    found = scan(folder)
    assert {name: entry.found for name, entry in found.entries.items()} == {
        "a.png": {},
        "b.png": {},
    }


def test_reports_nested_with_wrong_types_do_no_harm(draw: Draw) -> None:
    folder = draw("a.png")
    wrong = [{"suites": [5, {"specs": [5, {"tests": [5, {"results": [{"attachments": [5]}]}]}]}]}]
    shapes: list[Any] = [wrong, {"suites": wrong}, [[]], None]
    for suites in shapes:
        report = {"config": {"rootDir": "/x", "projects": [5, {"name": 7}]}, "suites": suites}
        (folder / "report.json").write_text(json.dumps(report))
        assert list(select(folder).taken) == ["a.png"]


def test_our_own_sidecar_overrides_and_its_tags_are_kept(draw: Draw) -> None:
    folder = draw(f"{SPEC}/a-chromium-linux.png", f"{SPEC}/b-chromium-linux.png")
    (folder / SPEC / "a-chromium-linux.json").write_text('{"tags": ["dark", "linux"]}')
    (folder / SPEC / "b-chromium-linux.json").write_text('{"tags": {"os": "linux"}}')
    fields = scan(folder).fields()
    assert fields[f"{SPEC}/a-chromium-linux.png"]["tags"] == ["dark", "linux", "chromium"]
    assert fields[f"{SPEC}/b-chromium-linux.png"]["tags"] == {"os": "linux", "chromium": "chromium"}


def test_earlier_attempts_go_with_the_snapshot_as_evidence(draw: Draw) -> None:
    folder = draw("a.png", "a-attempt-2.png", "a-attempt-3.png")
    hashes = [scan(folder, choice=Choice("folder")).entries[n].sha256 for n in
              ("a.png", "a-attempt-2.png", "a-attempt-3.png")]  # fmt: skip
    fields = scan(folder).fields()["a.png"]
    assert fields["sha256"] == hashes[2]
    assert fields["context"] == {"attempts": hashes[:2]}
    assert fields["attempts"] == hashes[:2]
    (folder / "a-attempt-3.json").write_text('{"context": {"os": "linux"}}')
    assert scan(folder).fields()["a.png"]["context"] == {"attempts": hashes[:2], "os": "linux"}


def test_of_many_attempts_the_manifest_has_the_last_ones_that_can_be_read(draw: Draw) -> None:
    folder = draw("a.png", *(f"a-attempt-{n}.png" for n in range(2, 26)))
    every = select(folder).taken["a.png"].attempts
    assert len(every) == 24
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in every]
    assert scan(folder).fields()["a.png"]["attempts"] == hashes[-20:]
    gone = replace(select(folder).taken["a.png"], attempts=(folder / "gone.png", every[0]))
    found = details_of(gone)
    entry = replace(scan(folder).entries["a.png"], found=found)
    assert entry.fields()["attempts"] == hashes[:1]


def test_settings_are_in_pixelgate_toml_and_options_override_them(tmp_path: Path) -> None:
    path = tmp_path / "pixelgate.toml"
    path.write_text('from = "cypress"\ninclude = ["a*"]\nexclude = ["b*", "c*"]\n')
    config = read_config(path)
    assert config.choice() == Choice("cypress", ("a*",), ("b*", "c*"))
    assert config.choice("folder", ["x"], []) == Choice("folder", ("x",), ())
    assert read_config(None).choice() == Choice()
    assert isinstance(config, Config)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('from = "jasmine"', "from: must be one of auto, folder, playwright"),
        ("from = 5", "from: must be a text (got 5)"),
        ('include = "a*"', "include: must be a list (got 'a*')"),
        ('exclude = [""]', "exclude[0]: must have at least 1 character"),
        ('layout = "cypress"', "layout: there is no such field"),
    ],
)
def test_wrong_settings_name_the_file_and_the_key(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "pixelgate.toml"
    path.write_text(line)
    with pytest.raises(UsageError) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}: {words}")
