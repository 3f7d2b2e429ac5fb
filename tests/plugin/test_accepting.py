"""`--pixelgate-update` accepts all or nothing, whatever happens meanwhile."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from pixelgate.errors import UsageError
from pixelgate.pytest.files import accept, recover

from .conftest import Project, files, pictures


def put(folder: Path, **contents: str) -> dict[str, Path]:
    """Writes files; "__" in a name stands for "/"."""
    made = {}
    for name, text in contents.items():
        path = folder / f"{name.replace('__', '/')}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        made[path.relative_to(folder).as_posix()] = path
    return made


def content(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in files(folder)}


def test_new_ones_come_and_old_ones_go(tmp_path: Path) -> None:
    put(tmp_path / "base", same="1", changed="1", deep__er__old="1", other__kept="1")
    new = put(tmp_path / "head", changed="2", added__in__folder="2")
    (tmp_path / "base/README.md").write_text("ours")
    accept(tmp_path / "base", new, ["deep/er/old.png"])
    assert content(tmp_path / "base") == {
        "README.md": "ours",
        "added/in/folder.png": "2",
        "changed.png": "2",
        "other/kept.png": "1",
        "same.png": "1",
    }
    assert not (tmp_path / "base/deep").exists()


@pytest.mark.parametrize("replaced", range(4))
def test_killed_at_any_file_it_is_all_or_nothing(tmp_path: Path, replaced: int) -> None:
    """Killed at the nth renaming, of which the first is the journal's."""
    before = put(tmp_path / "base", a="1", b="1", c="1")
    put(tmp_path / "head", a="2", b="2")
    program = f"""
        import os, signal, sys
        from pathlib import Path
        from pixelgate.pytest.files import accept
        count, replace = 0, Path.replace
        def counted(self, target):
            global count
            count += 1
            if count == {replaced + 1}:
                os.kill(os.getpid(), signal.SIGKILL)
            return replace(self, target)
        Path.replace = counted
        head = {{name: Path({str(tmp_path)!r}, "head", name) for name in ("a.png", "b.png")}}
        accept(Path({str(tmp_path)!r}, "base"), head, ["c.png"])
        """
    done = subprocess.run([sys.executable, "-c", dedent(program)], timeout=60, check=False)
    assert done.returncode == (0 if replaced == 3 else -signal.SIGKILL)
    base = tmp_path / "base"
    recover(base)
    if replaced == 0:  # before the journal was there: nothing has changed, and the next one tidies
        assert {n: t for n, t in content(base).items() if n in before} == dict.fromkeys(before, "1")
        accept(base, {}, [])
        assert content(base) == dict.fromkeys(before, "1")
    else:
        assert content(base) == {"a.png": "2", "b.png": "2"}


def test_a_file_that_cannot_be_read_accepts_nothing(tmp_path: Path) -> None:
    put(tmp_path / "base", a="1")
    new = {**put(tmp_path / "head", a="2"), "b.png": tmp_path / "head/b.png"}
    with pytest.raises(UsageError, match=r"head/b\.png cannot be written: No such file"):
        accept(tmp_path / "base", new, ["a.png"])
    assert content(tmp_path / "base") == {"a.png": "1"}


def test_a_place_that_cannot_be_written_is_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    put(tmp_path / "base", a="1", b__x="1")
    new = put(tmp_path / "head", a="2", b="2")
    (tmp_path / "base/b.png").mkdir()
    (tmp_path / "base/b.png/x").write_text("in the way")
    with pytest.raises(UsageError, match=r"base/b\.png cannot be written: "):
        accept(tmp_path / "base", new, [])
    (tmp_path / "base/b.png/x").unlink()
    (tmp_path / "base/b.png").rmdir()
    recover(tmp_path / "base")
    assert content(tmp_path / "base") == {"a.png": "2", "b.png": "2", "b/x.png": "1"}


def test_the_next_run_finishes_an_update_that_was_killed(project: Project) -> None:
    project.write("tests/test_shop.py", "def test_cart(pixelgate): pixelgate(drawn())\n")
    project.run("--pixelgate-update")
    project.run("--pixelgate-baseline=", COLOUR="blue")
    name = "tests/test_shop.py/test_cart.png"
    staging = project.baseline / ".pixelgate-update-x"
    staging.mkdir()
    (staging / "0").write_bytes((project.snapshots / name).read_bytes())
    (staging / "journal.json").write_text(json.dumps({"new": [name], "removed": []}))
    for _ in range(2):
        ended = project.run("-n2", COLOUR="blue")
        assert (ended.code, ended.results) == (0, {"passed": 1}), ended.text
    assert pictures(project.baseline) == [name]


def test_only_tests_that_pass_are_accepted(project: Project) -> None:
    project.write(
        "tests/test_shop.py",
        """
        @pytest.fixture
        def broken():
            yield
            assert False

        def test_good(pixelgate): pixelgate(drawn())
        def test_bad(pixelgate): pixelgate(drawn()); assert False
        def test_teardown(pixelgate, broken): pixelgate(drawn())
        """,
    )
    ended = project.run("--pixelgate-update", "-n2")
    assert ended.code == 1
    assert ended.section() == [
        "accepted in tests/pixelgate-baseline: 1 added",
        "not accepted, as their tests failed: 2 screenshots",
    ]
    assert pictures(project.baseline) == ["tests/test_shop.py/test_good.png"]


def test_an_interrupted_run_accepts_nothing(project: Project) -> None:
    project.write(
        "tests/test_shop.py",
        """
        def test_cart(pixelgate): pixelgate(drawn())
        def test_ctrl_c(pixelgate): pixelgate(drawn()); raise KeyboardInterrupt
        """,
    )
    ended = project.run("--pixelgate-update")
    assert ended.code == 2
    assert ended.section()[0] == "error: the run was interrupted, so nothing was accepted"
    assert not project.baseline.exists()


def test_one_test_is_accepted_and_the_others_stay(project: Project) -> None:
    project.write(
        "tests/test_shop.py",
        """
        def test_a(pixelgate): pixelgate(drawn())
        def test_b(pixelgate): pixelgate(drawn())
        """,
    )
    project.run("--pixelgate-update")
    before = files(project.baseline)
    ended = project.run("--pixelgate-update", "tests/test_shop.py::test_a", COLOUR="blue")
    assert ended.section() == ["accepted in tests/pixelgate-baseline: 1 changed"]
    after = files(project.baseline)
    assert [name for name in before if before[name] != after[name]] == [
        "tests/test_shop.py/test_a.png"
    ]
    assert project.run(COLOUR="blue").results == {"failed": 1, "passed": 1}


def test_a_screenshot_in_another_format_replaces_the_old_file(project: Project) -> None:
    project.write(
        "tests/test_shop.py",
        "def test_a(pixelgate): pixelgate(encoded(kind=os.environ['KIND']))\n",
    )
    project.run("--pixelgate-update", KIND="PNG")
    ended = project.run(KIND="WEBP")
    assert "1 added, 1 removed" in ended.text
    ended = project.run("--pixelgate-update", KIND="WEBP")
    assert ended.section() == ["accepted in tests/pixelgate-baseline: 1 added, 1 removed"]
    assert pictures(project.baseline) == ["tests/test_shop.py/test_a.webp"]


def test_a_baseline_that_is_a_file_is_named(project: Project) -> None:
    project.write("tests/test_shop.py", "def test_a(pixelgate): pixelgate(drawn())\n")
    project.baseline.write_text("not a folder")
    ended = project.run("--pixelgate-update")
    assert ended.code == 1
    assert "pixelgate-baseline cannot be written: File exists" in "\n".join(ended.section())
