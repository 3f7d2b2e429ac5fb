"""Errors name the path and the rule, in our own words: full disks, AWS's and pydantic's rules."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support import images

from .conftest import Cli

PROGRAM = Path(sys.executable).parent / "pixelgate"


def limit() -> None:
    """Lets this process write no file of more than 200 bytes, as on a disk that is nearly full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))


def on_a_full_disk(folder: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [PROGRAM, *arguments],
        cwd=folder, capture_output=True, text=True, timeout=60, preexec_fn=limit,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "1000"},
    )  # fmt: skip
    return done.returncode, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, side in enumerate(("base", "head")):
        (tmp_path / side).mkdir()
        (tmp_path / side / "a.png").write_bytes(images.png((40, 40), (9 * number, 0, 0)))
    return tmp_path


def test_init_names_the_file_that_it_could_not_write_and_leaves_no_part_of_it(
    folder: Path,
) -> None:
    code, err = on_a_full_disk(folder, "init", "--ci", "github")
    assert (code, err) == (2, "error: pixelgate.toml: File too large\n")
    assert {path.name for path in folder.iterdir()} == {"base", "head"}


def test_compare_names_the_file_that_it_could_not_write(folder: Path) -> None:
    code, err = on_a_full_disk(folder, "compare", "base", "head", "--out", "out")
    assert code == 2
    assert err.splitlines()[-1].startswith("error: ")
    assert "out/" in err.splitlines()[-1]
    assert not (folder / "out").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a file that is full")
@pytest.mark.parametrize("arguments", [("compare", "base", "base", "--json"), ("--version",)])
def test_a_result_that_could_not_be_printed_is_an_error(
    folder: Path, arguments: tuple[str, ...]
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, *arguments], cwd=folder, stdout=full, stderr=subprocess.PIPE,
            text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 2
    assert "standard output, or a temporary file in " in done.stderr
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("value", ["fifty", "0", "-1", "inf", "nan"])
def test_a_variable_that_is_no_size_is_named(run: Cli, value: str) -> None:
    done = run("upload", "shots", "--build", "7", PIXELGATE_MAX_MEGAPIXELS=value)
    assert done.code == 2
    assert f"PIXELGATE_MAX_MEGAPIXELS is '{value}'; it must be a number above 0" in done.err
