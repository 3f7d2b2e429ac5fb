"""`pixelgate compare` as a person or a CI job runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pixelgate.cli import app as cli
from support.pages import parsed

Folders = tuple[Path, Path]


def picture(path: Path, level: int, block: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((30, 30, 3), level, np.uint8)
    pixels[12 : 12 + block, 12 : 12 + block] = (255, 0, 0)  # not in a corner, which may differ
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    base, head = tmp_path / "base", tmp_path / "head"
    for folder in (base, head):
        picture(folder / "same.png", 10)
        picture(folder / "sub" / "also same.png", 20)
    return base, head


@dataclass
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def pixelgate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Runs the command line in this process, in a folder of its own."""

    def run(*arguments: object, **environ: str) -> Done:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        code = cli.run([*map(str, arguments)])
        return Done(code, *capsys.readouterr())

    monkeypatch.chdir(tmp_path)
    return run


def manifest(tmp_path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        (tmp_path / "pixelgate-report/comparison.json").read_text()
    )
    return content


def test_nothing_changed_is_0(pixelgate: Run, folders: Folders, tmp_path: Path) -> None:
    done = pixelgate("compare", *folders)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "passed" in done.stderr
    assert manifest(tmp_path)["counts"]["unchanged"] == 2
    assert (tmp_path / "pixelgate-report/index.html").is_file()


def test_something_changed_is_1(pixelgate: Run, folders: Folders, tmp_path: Path) -> None:
    base, head = folders
    picture(head / "same.png", 10, block=5)
    picture(head / "new.png", 77)
    picture(base / "gone.png", 88)
    picture(base / "old name.png", 99)
    picture(head / "new name.png", 99)
    done = pixelgate("compare", base, head)
    assert done.returncode == 1
    assert "needs review" in done.stderr
    statuses = {name: image["status"] for name, image in manifest(tmp_path)["images"].items()}
    assert statuses == {
        "same.png": "changed",
        "sub/also same.png": "unchanged",
        "new.png": "added",
        "gone.png": "removed",
        "new name.png": "renamed",
    }
    changed = manifest(tmp_path)["images"]["same.png"]
    assert (changed["changed_pixels"], changed["total_pixels"]) == (25, 900)
    assert (tmp_path / "pixelgate-report" / changed["mask"]).is_file()


def test_a_renamed_picture_alone_passes(pixelgate: Run, folders: Folders) -> None:
    base, head = folders
    picture(base / "old.png", 99)
    picture(head / "new.png", 99)
    assert pixelgate("compare", base, head).returncode == 0


def test_json_on_stdout_and_nothing_else(pixelgate: Run, folders: Folders, tmp_path: Path) -> None:
    base, head = folders
    picture(head / "same.png", 11)  # a step that neither pass sees
    done = pixelgate("compare", base, head, "--json", "--out", "here")
    assert done.returncode == 0
    assert done.stderr == ""
    assert json.loads(done.stdout) == {
        "verdict": "passed",
        "counts": {"total": 2, "changed": 0, "added": 0, "removed": 0, "renamed": 0,
                   "unchanged": 2, "skipped": 0, "errored": 0},
        "comparison": "here/comparison.json",
        "report": "here/index.html",
    }  # fmt: skip
    image = json.loads((tmp_path / "here/comparison.json").read_text())["images"]["same.png"]
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
def test_limits(pixelgate: Run, folders: Folders, option: str, value: str, code: int) -> None:
    picture(folders[1] / "same.png", 10, block=5)  # 25 of 900 pixels
    assert pixelgate("compare", *folders, option, value).returncode == code


def test_the_largest_picture_may_be_another(
    pixelgate: Run, folders: Folders, tmp_path: Path
) -> None:
    picture(folders[1] / "same.png", 10, block=5)  # 30 × 30 pixels
    done = pixelgate("compare", *folders, "--max-megapixels", "0.000899")
    assert done.returncode == 1
    assert manifest(tmp_path)["images"]["same.png"]["reason"] == (
        "EXCEEDS_PIXEL_LIMIT: base: 30×30 are 900 pixels; up to 899 are compared"
    )
    pixelgate("compare", *folders, "--max-megapixels", "0.0009")
    assert manifest(tmp_path)["images"]["same.png"]["status"] == "changed"


def test_a_broken_picture_is_errored_and_needs_review(
    pixelgate: Run, folders: Folders, tmp_path: Path
) -> None:
    (folders[1] / "same.png").write_bytes(b"")
    (folders[1] / "added.png").write_bytes(b"no picture")
    (folders[1] / "drawing.bmp").write_bytes(b"BM....")
    done = pixelgate("compare", *folders)
    assert done.returncode == 1
    images = manifest(tmp_path)["images"]
    assert images["same.png"]["reason"] == "UNREADABLE: head: the file is empty"
    assert images["added.png"]["reason"].startswith("UNREADABLE: ")
    assert images["drawing.bmp"]["reason"].startswith("UNSUPPORTED_FORMAT: the file is BMP")
    assert images["sub/also same.png"]["status"] == "unchanged"


def test_hidden_files_and_other_files_are_left_out(
    pixelgate: Run, folders: Folders, tmp_path: Path
) -> None:
    head = folders[1]
    picture(head / ".hidden.png", 1)
    picture(head / ".git" / "x.png", 1)
    (head / "notes.txt").write_text("not a picture")
    (head / "same.json").write_text("{}")
    assert pixelgate("compare", *folders).returncode == 0
    assert manifest(tmp_path)["counts"]["total"] == 2


WRONG = [
    pytest.param(("base", "nowhere"), "nowhere does not exist", id="head is missing"),
    pytest.param(("nowhere", "head"), "nowhere does not exist", id="base is missing"),
    pytest.param(("base", "empty"), "no image (PNG, JPEG, WebP) in", id="head is empty"),
    pytest.param(("base", "head", "--out", "head/report"), "compared the next time", id="inside"),
    pytest.param(("base", "head", "--out", "."), "in which", id="around"),
    pytest.param(
        ("base", "head", "--out", "full"),
        "holds 'precious', which is no part of a report",
        id="not ours",
    ),
    pytest.param(("base", "head", "--out", "file"), "is a file", id="a file"),
    pytest.param(("base",), "head_dir", id="an argument is missing"),
    pytest.param(("base", "head", "--wrong"), "--wrong", id="an unknown option"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG)
def test_what_cannot_be_done_is_2_and_says_why(
    pixelgate: Run, folders: Folders, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").write_text("mine")
    (tmp_path / "file").write_text("mine")
    done = pixelgate("compare", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""
    assert (tmp_path / "full" / "precious").read_text() == "mine"
    assert not (tmp_path / "pixelgate-report").exists()


def test_two_empty_folders_pass_if_that_is_meant(pixelgate: Run, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert pixelgate("compare", "a", "b").returncode == 2
    assert pixelgate("compare", "a", "b", "--allow-empty").returncode == 0
    page = (tmp_path / "pixelgate-report/index.html").read_text()
    assert "There was nothing to compare" in page


def test_a_report_in_one_file_holds_its_images(
    pixelgate: Run, folders: Folders, tmp_path: Path
) -> None:
    base, head = folders
    picture(base / "a.png", 10)
    picture(head / "a.png", 10, block=9)
    done = pixelgate("compare", base, head, "--inline")
    assert done.returncode == 1, done.stderr
    out = tmp_path / "pixelgate-report"
    assert sorted(path.name for path in out.iterdir()) == ["comparison.json", "diffs", "index.html"]
    carried = json.loads(parsed((out / "index.html").read_bytes()).raw["files-data"])
    kinds = sorted((url.split("/")[0], data[:15]) for url, data in carried.items())
    assert kinds == [
        ("diffs", "data:image/png;"),  # the mask
        ("diffs", "data:image/webp"),  # the thumbnail
        ("images", "data:image/png;"),
        ("images", "data:image/png;"),
    ]


def test_thumbnails_lie_beside_the_masks(pixelgate: Run, folders: Folders, tmp_path: Path) -> None:
    _, head = folders
    picture(head / "new.png", 77)
    pixelgate("compare", *folders)
    out = tmp_path / "pixelgate-report"
    images = json.loads((out / "comparison.json").read_text())["images"]
    assert "thumb" not in images["same.png"]
    with Image.open(out / images["new.png"]["thumb"]) as thumb:
        assert (thumb.format, thumb.size) == ("WEBP", (30, 30))


def test_a_new_report_replaces_the_old_one_as_a_whole(
    pixelgate: Run, folders: Folders, tmp_path: Path
) -> None:
    picture(folders[1] / "same.png", 200)
    pixelgate("compare", *folders)
    assert (tmp_path / "pixelgate-report/images").is_dir()
    picture(folders[1] / "same.png", 10)
    pixelgate("compare", *folders)
    assert not (tmp_path / "pixelgate-report/images").exists()
    assert not list(tmp_path.glob(".pixelgate-report*")), "nothing half-made is left"


def test_a_failed_run_leaves_the_old_report_alone(
    pixelgate: Run, folders: Folders, tmp_path: Path
) -> None:
    pixelgate("compare", *folders)
    before = manifest(tmp_path)
    done = pixelgate("compare", *folders, PIXELGATE_ODIFF="/nowhere/odiff")
    assert done.returncode == 2
    assert "/nowhere/odiff does not run" in done.stderr
    assert manifest(tmp_path) == before
    assert not list(tmp_path.glob(".pixelgate-report*"))


def test_a_folder_that_only_looks_like_a_report_is_left_alone(
    pixelgate: Run, folders: Folders, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "comparison.json").write_text("{}")
    done = pixelgate("compare", *folders, "--out", "project")
    assert (done.returncode, "not of our making" in done.stderr) == (2, True)
    (project / "main.c").write_text("precious")
    done = pixelgate("compare", *folders, "--out", "project")
    assert (done.returncode, "'main.c'" in done.stderr) == (2, True)
    assert (project / "main.c").read_text() == "precious"


def test_the_report_may_go_through_a_link(pixelgate: Run, folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for _ in range(2):
        assert pixelgate("compare", *folders, "--out", "link").returncode == 0
    assert (tmp_path / "link").is_symlink()
    assert sorted(p.name for p in (tmp_path / "real").iterdir()) == [
        "comparison.json",
        "index.html",
    ]


def test_the_report_may_have_any_name(pixelgate: Run, folders: Folders, tmp_path: Path) -> None:
    done = pixelgate("compare", *folders, "--out", "rep[bold]x[/y]")
    assert done.returncode == 0
    assert "report: rep[bold]x[/y]/index.html" in done.stderr
    assert (tmp_path / "rep[bold]x[/y]" / "index.html").is_file()


def test_equal_pairs_are_diffed_once(pixelgate: Run, folders: Folders, tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        picture(folders[0] / name, 40)
        picture(folders[1] / name, 40, block=3)
    done = pixelgate("compare", *folders)
    assert manifest(tmp_path)["counts"]["changed"] == 3
    assert "unique pairs of images diffed: 1\n" in done.stderr
    assert len(list((tmp_path / "pixelgate-report").glob("diffs/local/*/*.png"))) == 1


def test_what_to_look_at_is_named(pixelgate: Run, folders: Folders) -> None:
    for i in range(12):
        picture(folders[1] / f"new {i:02}.png", i + 100)
    (folders[1] / "same.png").write_bytes(b"")
    lines = pixelgate("compare", *folders).stderr.splitlines()
    assert " ".join(lines[0].split()) == "errored same.png UNREADABLE: head: the file is empty"
    assert lines[1].split() == ["added", "new", "00.png"]
    assert "and 3 more, in the report" in lines[10]


def test_every_file_that_cannot_be_opened_is_listed(
    pixelgate: Run, folders: Folders, tmp_path: Path
) -> None:
    (folders[1] / "dangling.png").symlink_to("nowhere")
    (folders[1] / "too.png").symlink_to("nowhere")
    done = pixelgate("compare", *folders)
    assert done.returncode == 2
    assert "dangling.png: No such file" in done.stderr
    assert "too.png: No such file" in done.stderr
    assert not (tmp_path / "pixelgate-report").exists()


def test_wrong_names_of_both_folders_are_listed_at_once(pixelgate: Run, folders: Folders) -> None:
    picture(folders[0] / "new\nline.png", 1)
    picture(folders[1] / "tab\t.png", 1)
    done = pixelgate("compare", *folders)
    assert done.returncode == 2
    assert r"new\nline.png': the name holds a control character" in done.stderr
    assert r"tab\t.png': the name holds a control character" in done.stderr


def test_names_in_two_unicode_forms_are_compared(
    pixelgate: Run, folders: Folders, tmp_path: Path
) -> None:
    picture(folders[0] / "u\u0308ber.png", 30)
    picture(folders[1] / "\u00fcber.png", 30, block=10)
    done = pixelgate("compare", *folders)
    assert done.returncode == 1
    image = manifest(tmp_path)["images"]["\u00fcber.png"]
    assert (image["status"], image["previous_name"]) == ("changed", "u\u0308ber.png")


def test_one_name_twice_in_a_folder_is_2_and_names_both(pixelgate: Run, folders: Folders) -> None:
    picture(folders[1] / "u\u0308ber.png", 30)
    picture(folders[1] / "\u00fcber.png", 30)
    if len([*folders[1].glob("*ber.png")]) < 2:
        pytest.skip("this file system takes both for one")
    done = pixelgate("compare", *folders)
    assert done.returncode == 2
    assert r"'u\u0308ber.png' and '\xfcber.png' are one name in two Unicode forms" in done.stderr


def test_names_that_differ_in_case_only_are_told(
    pixelgate: Run, folders: Folders, tmp_path: Path
) -> None:
    picture(folders[0] / "home.png", 30)
    picture(folders[1] / "Home.png", 40)
    done = pixelgate("compare", *folders)
    hint = (
        "'Home.png' was added and 'home.png' removed: the names differ in case only, so these two "
        "were not compared"
    )
    assert f"note: {hint}" in done.stderr
    assert manifest(tmp_path)["warnings"] == [hint]
    page = (tmp_path / "pixelgate-report/index.html").read_text()
    assert "the names differ in case only" in page


def test_a_cancelled_run_leaves_nothing_behind(folders: Folders, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    for i in range(40):
        for folder in folders:
            noise = random.integers(0, 256, (900, 900, 3), np.uint8)
            Image.fromarray(noise).save(folder / f"{i}.png", compress_level=0)
    (tmp_path / "tmp").mkdir()
    running = subprocess.Popen(
        [Path(sys.executable).parent / "pixelgate", "compare", *folders],
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
    )
    deadline = time.monotonic() + 30
    while not list((tmp_path / "tmp").glob("pg*/*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    running.terminate()
    assert running.wait(30) == 128 + signal.SIGTERM
    assert running.stderr is not None
    running.stderr.close()
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (tmp_path / "pixelgate-report").exists()


def test_another_program_is_not_taken_for_odiff(pixelgate: Run, folders: Folders) -> None:
    done = pixelgate("compare", *folders, PIXELGATE_ODIFF="/bin/true")
    assert done.returncode == 2
    assert "does not say that it is odiff" in done.stderr


def test_an_old_odiff_is_refused(pixelgate: Run, folders: Folders, tmp_path: Path) -> None:
    old = tmp_path / "old-odiff"
    old.write_text("#!/bin/sh\necho 'odiff 3.2.1 - old'\n")
    old.chmod(0o755)
    done = pixelgate("compare", *folders, PIXELGATE_ODIFF=str(old))
    assert done.returncode == 2
    assert "is 3.2.1; 4.3.8 or newer is needed" in done.stderr


def test_no_colour_codes_outside_a_terminal(pixelgate: Run, folders: Folders) -> None:
    assert "\x1b" not in pixelgate("compare", *folders).stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--help",), "compare"),
        (("compare", "--help"), "0 nothing to review"),
        (("--version",), "pixelgate 0."),
    ],
)
def test_help_and_version_are_0(pixelgate: Run, arguments: tuple[str, ...], words: str) -> None:
    done = pixelgate(*arguments)
    assert done.returncode == 0
    assert words in done.stdout


def test_the_installed_program_exits_with_the_code(folders: Folders, tmp_path: Path) -> None:
    picture(folders[1] / "same.png", 200)
    program = Path(sys.executable).parent / "pixelgate"
    done = subprocess.run(
        [program, "compare", *folders, "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["verdict"] == "needs_review"


@pytest.fixture
def changed_and_added(folders: Folders) -> Folders:
    picture(folders[1] / "same.png", 10, block=5)
    picture(folders[1] / "new.png", 77)
    return folders


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
def test_what_counts_can_be_chosen(
    pixelgate: Run, changed_and_added: Folders, options: tuple[str, ...], code: int
) -> None:
    assert pixelgate("compare", *changed_and_added, *options).returncode == code


def test_summaries_are_written(pixelgate: Run, changed_and_added: Folders, tmp_path: Path) -> None:
    step, junit = tmp_path / "step.md", tmp_path / "junit.xml"
    pixelgate("compare", *changed_and_added, "--junit", junit, GITHUB_STEP_SUMMARY=str(step))
    assert "| changed | `same.png` | 25 pixels" in step.read_text()
    assert "pixelgate approve" not in step.read_text()
    assert 'failures="2"' in junit.read_text()


def test_the_nearest_pixelgate_toml_says_what_counts(
    pixelgate: Run, changed_and_added: Folders, tmp_path: Path
) -> None:
    config = tmp_path / "pixelgate.toml"
    config.write_text(
        'project = "shop"\n[policy]\nmax_changed_pixels = 25\n'
        '[[rules]]\nmatch = "sub/*"\npolicy = {strict = true}\n'
    )
    base, head = changed_and_added
    (head / "new.png").unlink()
    assert pixelgate("compare", base, head).returncode == 0
    assert pixelgate("compare", base, head, "--max-changed-pixels", 24).returncode == 1
    config.write_text("[policy]\nmax_changed_pixel = 25\n")
    done = pixelgate("compare", base, head)
    assert done.returncode == 2
    assert "pixelgate.toml: policy.max_changed_pixel: there is no such" in done.stderr
