"""`pixelgate compare` as a person or a CI job runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelgate.cli import app as cli
from pixelgate.domain.comparison import Region
from pixelgate.domain.learned_noise import Patch, Proof, encode, learn, strength_of
from pixelgate.domain.verdict import Evidence, Mark
from support.pages import parsed

from .conftest import Done


def picture(path: Path, level: int, block: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((30, 30, 3), level, np.uint8)
    pixels[12 : 12 + block, 12 : 12 + block] = (255, 0, 0)  # not in a corner, which may differ
    Image.fromarray(pixels).save(path)


@dataclass
class Suite:
    """Two folders of screenshots in one of their own, where the command line runs."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    @property
    def base(self) -> Path:
        return self.folder / "base"

    @property
    def head(self) -> Path:
        return self.folder / "head"

    @property
    def report(self) -> Path:
        return self.folder / "pixelgate-report"

    @property
    def manifest(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.report / "comparison.json").read_text())
        return content

    def run(self, *arguments: object, **environ: str) -> Done:
        """Runs it in this process; keywords are environment variables."""
        for name, value in environ.items():
            self.monkeypatch.setenv(name, value)
        code = cli.run([*map(str, arguments)])
        return Done(code, *self.capsys.readouterr())

    def compare(self, *options: object, **environ: str) -> Done:
        return self.run("compare", self.base, self.head, *options, **environ)


@pytest.fixture
def suite(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Suite:
    made = Suite(tmp_path, monkeypatch, capsys)
    for folder in (made.base, made.head):
        picture(folder / "same.png", 10)
        picture(folder / "sub" / "also same.png", 20)
    monkeypatch.chdir(tmp_path)
    return made


def test_nothing_changed_is_0(suite: Suite) -> None:
    done = suite.compare()
    assert (done.code, done.out) == (0, ""), done.err
    assert "passed" in done.err
    assert suite.manifest["counts"]["unchanged"] == 2
    assert (suite.report / "index.html").is_file()


def test_something_changed_is_1(suite: Suite) -> None:
    picture(suite.head / "same.png", 10, block=5)
    picture(suite.head / "new.png", 77)
    picture(suite.base / "gone.png", 88)
    picture(suite.base / "old name.png", 99)
    picture(suite.head / "new name.png", 99)
    done = suite.compare()
    assert done.code == 1
    assert "needs review" in done.err
    images = suite.manifest["images"]
    assert {name: image["status"] for name, image in images.items()} == {
        "same.png": "changed",
        "sub/also same.png": "unchanged",
        "new.png": "added",
        "gone.png": "removed",
        "new name.png": "renamed",
    }
    changed = images["same.png"]
    assert (changed["changed_pixels"], changed["total_pixels"]) == (25, 900)
    assert (suite.report / changed["mask"]).is_file()
    assert "thumb" not in images["sub/also same.png"]
    with Image.open(suite.report / images["new.png"]["thumb"]) as thumb:
        assert (thumb.format, thumb.size) == ("WEBP", (30, 30))


def test_json_on_stdout_and_nothing_else(suite: Suite) -> None:
    picture(suite.head / "same.png", 11)  # a step that neither pass sees
    done = suite.compare("--json", "--out", "here")
    assert (done.code, done.err) == (0, "")
    assert done.json == {
        "verdict": "passed",
        "counts": {"total": 2, "changed": 0, "added": 0, "removed": 0, "renamed": 0,
                   "unchanged": 2, "skipped": 0, "errored": 0},
        "comparison": "here/comparison.json",
        "report": "here/index.html",
    }  # fmt: skip
    image = json.loads((suite.folder / "here/comparison.json").read_text())["images"]["same.png"]
    assert image["changed_pixels"] == 0, "the number is published also where it passes"


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--max-changed-pixels", "25", 0),
        ("--max-changed-pixels", "24", 1),
        ("--max-changed-ratio", "0.0278", 0),
        ("--max-changed-ratio", "0.0277", 1),
        ("--sensitive-threshold", "0.2", 2),
        ("--max-changed-pixels", "-1", 2),
        ("--max-changed-ratio", "1.5", 2),
        ("--max-megapixels", "0", 2),
    ],
)
def test_limits(suite: Suite, option: str, value: str, code: int) -> None:
    picture(suite.head / "same.png", 10, block=5)  # 25 of 900 pixels
    assert suite.compare(option, value).code == code


def test_the_largest_picture_may_be_another(suite: Suite) -> None:
    picture(suite.head / "same.png", 10, block=5)  # 30 × 30 pixels
    assert suite.compare("--max-megapixels", "0.000899").code == 1
    assert suite.manifest["images"]["same.png"]["reason"] == (
        "EXCEEDS_PIXEL_LIMIT: base: 30×30 are 900 pixels; up to 899 are compared"
    )
    suite.compare("--max-megapixels", "0.0009")
    assert suite.manifest["images"]["same.png"]["status"] == "changed"


def test_a_broken_picture_is_errored_and_needs_review(suite: Suite) -> None:
    (suite.head / "same.png").write_bytes(b"")
    (suite.head / "added.png").write_bytes(b"no picture")
    (suite.head / "drawing.bmp").write_bytes(b"BM....")
    assert suite.compare().code == 1
    images = suite.manifest["images"]
    assert images["same.png"]["reason"] == "UNREADABLE: head: the file is empty"
    assert images["added.png"]["reason"].startswith("UNREADABLE: ")
    assert images["drawing.bmp"]["reason"].startswith("UNSUPPORTED_FORMAT: the file is BMP")
    assert images["sub/also same.png"]["status"] == "unchanged"


FULL = "contains 'precious', which is not part of a report"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(("base", "nowhere"), "nowhere does not exist", id="head is missing"),
        pytest.param(("nowhere", "head"), "nowhere does not exist", id="base is missing"),
        pytest.param(("base", "empty"), "no image (PNG, JPEG, WebP) in", id="head is empty"),
        pytest.param(("base", "head", "--out", "head/x"), "compared the next time", id="inside"),
        pytest.param(("base", "head", "--out", "."), "which contains", id="around"),
        pytest.param(("base", "head", "--out", "full"), FULL, id="not ours"),
        pytest.param(("base", "head", "--out", "file"), "is a file", id="a file"),
        pytest.param(("base",), "head_dir", id="an argument is missing"),
        pytest.param(("base", "head", "--wrong"), "--wrong", id="an unknown option"),
    ],
)
def test_what_cannot_be_done_is_2_and_says_why(
    suite: Suite, arguments: tuple[str, ...], words: str
) -> None:
    (suite.folder / "empty").mkdir()
    (suite.folder / "full").mkdir()
    (suite.folder / "full" / "precious").write_text("mine")
    (suite.folder / "file").write_text("mine")
    done = suite.run("compare", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert (suite.folder / "full" / "precious").read_text() == "mine"
    assert not suite.report.exists()


def test_two_empty_folders_pass_if_that_is_meant(suite: Suite) -> None:
    (suite.folder / "a").mkdir()
    (suite.folder / "b").mkdir()
    assert suite.run("compare", "a", "b").code == 2
    assert suite.run("compare", "a", "b", "--allow-empty").code == 0
    assert "There was nothing to compare" in (suite.report / "index.html").read_text()


def test_a_report_in_one_file_holds_its_images(suite: Suite) -> None:
    picture(suite.base / "a.png", 10)
    picture(suite.head / "a.png", 10, block=9)
    done = suite.compare("--inline")
    assert done.code == 1, done.err
    names = sorted(path.name for path in suite.report.iterdir())
    assert names == ["comparison.json", "diffs", "index.html"]
    carried = json.loads(parsed((suite.report / "index.html").read_bytes()).raw["files-data"])
    kinds = sorted((url.split("/")[0], data[:15]) for url, data in carried.items())
    assert kinds == [
        ("diffs", "data:image/png;"),  # the mask
        ("diffs", "data:image/webp"),  # the thumbnail
        ("images", "data:image/png;"),
        ("images", "data:image/png;"),
    ]


def test_a_new_report_replaces_the_old_one_as_a_whole(suite: Suite) -> None:
    picture(suite.head / "same.png", 200)
    suite.compare()
    assert (suite.report / "images").is_dir()
    picture(suite.head / "same.png", 10)
    suite.compare()
    assert not (suite.report / "images").exists()
    assert not list(suite.folder.glob(".pixelgate-report*")), "nothing half-made is left"


def test_a_failed_run_leaves_the_old_report_alone(suite: Suite) -> None:
    suite.compare()
    before = suite.manifest
    done = suite.compare(PIXELGATE_ODIFF="/nowhere/odiff")
    assert done.code == 2
    assert "/nowhere/odiff does not run" in done.err
    assert suite.manifest == before
    assert not list(suite.folder.glob(".pixelgate-report*"))


def test_a_folder_that_only_looks_like_a_report_is_left_alone(suite: Suite) -> None:
    project = suite.folder / "project"
    project.mkdir()
    (project / "comparison.json").write_text("{}")
    done = suite.compare("--out", "project")
    assert (done.code, "was not written by pixelgate" in done.err) == (2, True)
    (project / "main.c").write_text("precious")
    done = suite.compare("--out", "project")
    assert (done.code, "'main.c'" in done.err) == (2, True)
    assert (project / "main.c").read_text() == "precious"


def test_the_report_may_go_through_a_link(suite: Suite) -> None:
    real, link = suite.folder / "real", suite.folder / "link"
    real.mkdir()
    link.symlink_to("real")
    for _ in range(2):
        assert suite.compare("--out", "link").code == 0
    assert link.is_symlink()
    assert sorted(p.name for p in real.iterdir()) == ["comparison.json", "index.html"]


def test_the_report_may_have_any_name(suite: Suite) -> None:
    done = suite.compare("--out", "rep[bold]x[/y]")
    assert done.code == 0
    assert "report: rep[bold]x[/y]/index.html" in done.err
    assert (suite.folder / "rep[bold]x[/y]" / "index.html").is_file()


def test_equal_pairs_are_diffed_once(suite: Suite) -> None:
    for name in ("a.png", "b.png", "c.png"):
        picture(suite.base / name, 40)
        picture(suite.head / name, 40, block=3)
    done = suite.compare()
    assert suite.manifest["counts"]["changed"] == 3
    assert "unique pairs of images diffed: 1\n" in done.err
    assert len(list(suite.report.glob("diffs/*/masks/*/*.png"))) == 1


def test_what_to_look_at_is_named(suite: Suite) -> None:
    for i in range(12):
        picture(suite.head / f"new {i:02}.png", i + 100)
    (suite.head / "same.png").write_bytes(b"")
    lines = suite.compare().err.splitlines()
    assert " ".join(lines[0].split()) == "errored same.png UNREADABLE: head: the file is empty"
    assert lines[1].split() == ["added", "new", "00.png"]
    assert "and 3 more, in the report" in lines[10]


def test_every_file_that_cannot_be_opened_is_listed(suite: Suite) -> None:
    for name in ("dangling.png", "too.png"):
        (suite.head / name).symlink_to("nowhere")
    done = suite.compare()
    assert done.code == 2
    assert "dangling.png: No such file" in done.err
    assert "too.png: No such file" in done.err
    assert not suite.report.exists()


def test_wrong_names_of_both_folders_are_listed_at_once(suite: Suite) -> None:
    picture(suite.base / "new\nline.png", 1)
    picture(suite.head / "tab\t.png", 1)
    done = suite.compare()
    assert done.code == 2
    assert r"new\nline.png': the name holds a control character" in done.err
    assert r"tab\t.png': the name holds a control character" in done.err


def test_names_in_two_unicode_forms_are_compared(suite: Suite) -> None:
    picture(suite.base / "u\u0308ber.png", 30)
    picture(suite.head / "\u00fcber.png", 30, block=10)
    assert suite.compare().code == 1
    image = suite.manifest["images"]["\u00fcber.png"]
    assert (image["status"], image["previous_name"]) == ("changed", "u\u0308ber.png")


def test_one_name_twice_in_a_folder_is_2_and_names_both(suite: Suite) -> None:
    picture(suite.head / "u\u0308ber.png", 30)
    picture(suite.head / "\u00fcber.png", 30)
    if len([*suite.head.glob("*ber.png")]) < 2:
        pytest.skip("this file system takes both for one")
    done = suite.compare()
    assert done.code == 2
    assert r"'u\u0308ber.png' and '\xfcber.png' are one name in two Unicode forms" in done.err


def test_names_that_differ_in_case_only_are_told(suite: Suite) -> None:
    picture(suite.base / "home.png", 30)
    picture(suite.head / "Home.png", 40)
    done = suite.compare()
    [hint] = suite.manifest["warnings"]
    assert hint.startswith("'Home.png' was added and 'home.png' removed: the names differ in case")
    assert f"note: {hint}" in done.err
    assert "the names differ in case only" in (suite.report / "index.html").read_text()


def test_a_cancelled_run_leaves_nothing_behind(suite: Suite) -> None:
    random = np.random.default_rng(1)
    for i in range(40):
        for folder in (suite.base, suite.head):
            noise = random.integers(0, 256, (900, 900, 3), np.uint8)
            Image.fromarray(noise).save(folder / f"{i}.png", compress_level=0)
    temporary = suite.folder / "tmp"
    temporary.mkdir()
    running = subprocess.Popen(
        [Path(sys.executable).parent / "pixelgate", "compare", "base", "head"],
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    deadline = time.monotonic() + 30
    while not list(temporary.glob("pg*/*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    running.terminate()
    assert running.wait(30) == 128 + signal.SIGTERM
    assert running.stderr is not None
    running.stderr.close()
    assert list(temporary.iterdir()) == []
    assert not suite.report.exists()


def test_only_an_odiff_that_is_new_enough_is_taken_for_odiff(suite: Suite) -> None:
    done = suite.compare(PIXELGATE_ODIFF="/bin/true")
    assert (done.code, "does not say that it is odiff" in done.err) == (2, True)
    old = suite.folder / "old-odiff"
    old.write_text("#!/bin/sh\necho 'odiff 3.2.1 - old'\n")
    old.chmod(0o755)
    done = suite.compare(PIXELGATE_ODIFF=str(old))
    assert (done.code, "is 3.2.1; 4.3.8 or newer is needed" in done.err) == (2, True)


def test_help_and_version_are_0(suite: Suite) -> None:
    done = suite.run("compare", "--help")
    assert (done.code, "0 nothing to review" in done.out) == (0, True)
    done = suite.run("--version")
    assert (done.code, done.out.startswith("pixelgate 0.")) == (0, True)


@pytest.fixture
def changed(suite: Suite) -> Suite:
    """One picture has changed, and one was added."""
    picture(suite.head / "same.png", 10, block=5)
    picture(suite.head / "new.png", 77)
    return suite


@pytest.mark.parametrize(
    ("options", "code"),
    [
        pytest.param((), 1, id="all count"),
        pytest.param(("--fail-on", "added"), 1, id="added counts"),
        pytest.param(("--fail-on", "removed,errored"), 0, id="neither counts"),
        pytest.param(("--exit-zero-on-changes",), 0, id="nothing counts"),
        pytest.param(("--fail-on", "new"), 2, id="there is no such status"),
    ],
)
def test_what_counts_can_be_chosen(changed: Suite, options: tuple[str, ...], code: int) -> None:
    assert changed.compare(*options).code == code


def test_summaries_are_written(changed: Suite) -> None:
    step, junit = changed.folder / "step.md", changed.folder / "junit.xml"
    changed.compare("--junit", junit, GITHUB_STEP_SUMMARY=str(step))
    assert "| changed | `same.png` | 25 pixels" in step.read_text()
    assert "pixelgate approve" not in step.read_text()
    assert 'failures="2"' in junit.read_text()


def test_the_nearest_pixelgate_toml_says_what_counts(changed: Suite) -> None:
    config = changed.folder / "pixelgate.toml"
    config.write_text(
        'project = "shop"\n[policy]\nmax_changed_pixels = 25\n'
        '[[rules]]\nmatch = "sub/*"\npolicy = {strict = true}\n'
    )
    (changed.head / "new.png").unlink()
    assert changed.compare().code == 0
    assert changed.compare("--max-changed-pixels", 24).code == 1
    config.write_text("[policy]\nmax_changed_pixel = 25\n")
    done = changed.compare()
    assert done.code == 2
    assert "pixelgate.toml: policy.max_changed_pixel: there is no such" in done.err


def learned_from(suite: Suite, path: Path, pixels: int) -> None:
    """A file that says that a change of same.png was seen three times, of so many pixels."""
    image = suite.manifest["images"]["same.png"]
    [area], [region] = image["areas"], image["regions"]
    patch = Patch.of(Mark(region["mark"]), Region(*list(region.values())[:5]), pixels,
                     strength_of(Evidence(**area)))  # fmt: skip
    proofs = [
        Proof(f"2026-11-0{n}", f"b{n}", f"c{n}", True, image["total_pixels"], (patch,))
        for n in (1, 2, 3)
    ]
    found = learn(proofs)
    assert found is not None
    path.write_bytes(encode({"same.png": found}))


def test_learned_noise_comes_from_a_file(suite: Suite) -> None:
    picture(suite.head / "same.png", 10, block=5)
    assert suite.compare().code == 1
    learned_from(suite, suite.folder / "noise.json", pixels=25)
    done = suite.compare("--learned", "noise.json")
    assert done.code == 0, done.err
    assert "by learned noise" in done.err
    image = suite.manifest["images"]["same.png"]
    assert image["learned_noise"]["places"][0]["pairs"] == 3
    assert suite.manifest["counts"]["learned_noise"] == 1
    assert suite.compare("--learned", "noise.json", "--strict").code == 1
    (suite.folder / "pixelgate.toml").write_text("[policy]\nlearned_noise = false\n")
    assert suite.compare("--learned", "noise.json").code == 1


def test_a_larger_change_than_was_learned_counts(suite: Suite) -> None:
    picture(suite.head / "same.png", 10, block=5)
    suite.compare()
    learned_from(suite, suite.folder / "noise.json", pixels=24)
    assert suite.compare("--learned", "noise.json").code == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "no-noise.json: No such file or directory"),
        ("{}", "no-noise.json: it is no learned noise of pixelgate: KeyError('schema_version')"),
        ("[", "no-noise.json: Expecting value"),
    ],
)
def test_a_file_that_is_no_learned_noise_is_named(
    suite: Suite, content: str | None, why: str
) -> None:
    if content is not None:
        (suite.folder / "no-noise.json").write_text(content)
    done = suite.compare("--learned", "no-noise.json")
    assert (done.code, done.out) == (2, "")
    assert why in " ".join(done.err.split())
    assert not suite.report.exists()
