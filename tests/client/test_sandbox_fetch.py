"""What the sandbox needs is fetched once, whole or not at all. The packages are made here."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pixelgate.errors import SandboxFailed
from pixelgate.sandbox import fetch as module
from pixelgate.sandbox.fetch import Needs, Steps, cache_folder, fetch, pinned
from support.processes import interruptible

UV = Path(sys.executable).with_name("uv")
SHELL = "/usr/bin:/bin"


def wheel(folder: Path, name: str) -> str:
    """Makes a package with one module; returns the line of a list that pins it."""
    file = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(f"{name}.py", "VALUE = 1\n")
        made.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        tag = "Wheel-Version: 1.0\nGenerator: a\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        made.writestr(f"{info}/WHEEL", tag)
        made.writestr(f"{info}/RECORD", f"{name}.py,,\n")
    return f"{name}==1.0 \\\n    --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n"


Lists = dict[str, Path]


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lists:
    """Lists of small packages in place of the real ones, and an index that has only these."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    cloud = [wheel(wheels, f"sky{i}") for i in range(10)]
    made = {module.CLOUD: tmp_path / "cloud.txt", module.LAMBDA: tmp_path / "lambda.txt"}
    made[module.CLOUD].write_text("".join(cloud))
    made[module.LAMBDA].write_text("# a comment\n" + wheel(wheels, "worker") + "    # via ours\n")
    monkeypatch.setattr(module, "data_file", made.__getitem__)
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    for variable, value in {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "UV_NO_CONFIG": "1",
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(wheels),
        "UV_CACHE_DIR": str(tmp_path / "uv"),
    }.items():
        monkeypatch.setenv(variable, value)
    return made


@pytest.fixture
def with_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{UV.parent}:{SHELL}")


def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the index away, and every installer."""
    for name in ("PIP_FIND_LINKS", "UV_FIND_LINKS"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")


def imported(needs: Needs, name: str) -> str:
    python = needs.cloud / "bin" / "python"
    command = [str(python), "-c", f"import {name}; print({name}.VALUE)"]
    return subprocess.check_output(command, text=True, timeout=300).strip()


@pytest.mark.parametrize("path", [f"{UV.parent}:{SHELL}", "/nowhere"], ids=["uv", "pip"])
def test_both_are_fetched_once_and_then_without_any_network(
    lists: Lists, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("PATH", path)
    totals: list[int] = []
    done: list[None] = []
    said: list[str] = []
    ends: list[int] = []
    steps = Steps(
        begin=totals.append,
        step=lambda: done.append(None),
        end=lambda: ends.append(len(done)),
        say=said.append,
    )
    needs = fetch(tmp_path / "cache", steps)
    assert imported(needs, "sky9") == "1"
    assert {path.name for path in needs.packages.iterdir()} == {
        "worker.py", "worker-1.0.dist-info", "__pycache__"
    }  # fmt: skip
    assert (totals, len(done), ends) == ([11], 11, [11])
    assert said == [
        f"fetching 11 packages that the local AWS needs, once, into {tmp_path / 'cache'}"
    ]
    no_network(monkeypatch)
    assert fetch(tmp_path / "cache", steps) == needs
    assert (totals, len(done), len(said)) == ([11], 11, 1)


def test_another_list_is_fetched_anew_and_the_other_one_is_not(
    lists: Lists, with_uv: None, tmp_path: Path
) -> None:
    before = fetch(tmp_path / "cache")
    lists[module.LAMBDA].write_text(wheel(tmp_path / "wheels", "helper"))
    totals: list[int] = []
    after = fetch(tmp_path / "cache", Steps(totals.append))
    assert totals == [1]
    assert (after.packages / "helper.py").exists()
    assert before.cloud == after.cloud
    assert before.packages != after.packages


@pytest.mark.parametrize("path", [f"{UV.parent}:{SHELL}", "/nowhere"], ids=["uv", "pip"])
def test_a_package_that_is_not_what_its_hash_says_is_refused(
    lists: Lists, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setenv("PATH", path)
    right = lists[module.LAMBDA].read_text()
    lists[module.LAMBDA].write_text(right[: right.index("sha256:") + 7] + "0" * 64 + "\n")
    cache = tmp_path / "cache"
    with pytest.raises(SandboxFailed, match=r"(?is)could not get .*hash.*run the command again"):
        fetch(cache)
    # The environment of the cloud is whole; of the other one nothing is left.
    assert sorted(path.name.rpartition("-")[0] for path in cache.iterdir()) == [
        "", "requirements-cloud"
    ]  # fmt: skip
    lists[module.LAMBDA].write_text(right)
    assert (fetch(cache).packages / "worker.py").exists()


def test_without_a_network_the_error_says_what_to_do(
    lists: Lists, with_uv: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    with pytest.raises(SandboxFailed, match=r"(?s)sky0.*Is the network there, and the proxy"):
        fetch(tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]


def test_a_python_that_makes_no_environments_is_told_of_uv(
    lists: Lists, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho ensurepip is not available >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setenv("PATH", SHELL if not shutil.which("uv", path=SHELL) else "/nowhere")
    with pytest.raises(
        SandboxFailed, match=r"(?s)ensurepip.*Install uv .*apt install python3-venv"
    ):
        fetch(tmp_path / "cache")


PROGRAM = """
import sys
from pathlib import Path
from pixelgate.sandbox import fetch
lists = {fetch.CLOUD: Path(sys.argv[1]), fetch.LAMBDA: Path(sys.argv[2])}
fetch.data_file = lists.__getitem__
fetch.fetch(Path(sys.argv[3]))
"""


def slow_uv(folder: Path) -> Path:
    """A uv that makes an environment and then takes for ever."""
    made = folder / "slow" / "uv"
    made.parent.mkdir()
    made.write_text(
        f'#!/bin/sh\n[ "$1" = venv ] && exec {UV} "$@"\necho > {folder}/began\nsleep 60\n'
    )
    made.chmod(0o755)
    return made.parent


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_download_that_breaks_is_begun_anew(
    lists: Lists, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    cache = tmp_path / "cache"
    command = [sys.executable, "-c", PROGRAM, *map(str, lists.values()), str(cache)]
    environ = {**os.environ, "PATH": f"{slow_uv(tmp_path)}:{SHELL}"}
    with subprocess.Popen(
        command,
        env=environ,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
        preexec_fn=interruptible,
    ) as process:
        end = time.monotonic() + 60
        while not (tmp_path / "began").exists():
            assert process.poll() is None
            assert time.monotonic() < end, "it never began"
        os.killpg(process.pid, number)
    unfinished = list(cache.glob("unfinished-*"))
    assert len(unfinished) == (1 if number == signal.SIGKILL else 0)
    monkeypatch.setenv("PATH", f"{UV.parent}:{SHELL}")
    needs = fetch(cache)
    assert imported(needs, "sky0") == "1"
    assert sorted(path.name.rpartition("-")[0] for path in cache.iterdir()) == [
        "", "requirements", "requirements-cloud"
    ]  # fmt: skip


def test_the_second_of_two_waits_for_the_first(
    lists: Lists, with_uv: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, waits = threading.Event(), threading.Event()
    runs: list[str] = []
    run = module._run

    def gated(command: list[str], cure: str = "") -> None:
        runs.append(command[1])
        assert go_on.wait(60)
        run(command, cure)

    monkeypatch.setattr(module, "_run", gated)
    found: list[Needs] = []
    fetching: Callable[[], None] = lambda: found.append(fetch(tmp_path / "cache"))  # noqa: E731
    first = threading.Thread(target=fetching)
    first.start()
    end = time.monotonic() + 60
    while not runs:
        assert first.is_alive()
        assert time.monotonic() < end, "it never began"
    totals: list[int] = []
    says = Steps(totals.append, say=lambda words: waits.set())
    second = threading.Thread(target=lambda: found.append(fetch(tmp_path / "cache", says)))
    second.start()
    assert waits.wait(60)
    go_on.set()
    for thread in (first, second):
        thread.join(60)
        assert not thread.is_alive(), "it never ended"
    assert found[0] == found[1]
    assert totals == [0]  # the second fetched nothing
    assert runs.count("venv") == 2


def test_a_cache_that_cannot_be_written_is_named(lists: Lists, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SandboxFailed, match=r"/file/cache cannot be written: .*--cache"):
        fetch(tmp_path / "file" / "cache")


@pytest.mark.parametrize(
    ("system", "named", "expected"),
    [
        ("linux", None, "/home/ada/.cache/pixelgate"),
        ("linux", "/var/cache", "/var/cache/pixelgate"),
        ("linux", "relative", "/home/ada/.cache/pixelgate"),
        ("darwin", "/var/cache", "/home/ada/Library/Caches/pixelgate"),
    ],
)
def test_the_cache_is_where_the_system_keeps_caches(
    monkeypatch: pytest.MonkeyPatch, system: str, named: str | None, expected: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if named:
        monkeypatch.setenv("XDG_CACHE_HOME", named)
    assert cache_folder() == Path(expected)


def test_a_list_is_split_into_its_packages() -> None:
    first = "a==1 ; python_version < '3.12' \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n"
    text = f"# x\n{first}    # via b\nb==2\n"
    assert [" ".join(line.split()) for line in pinned(text)] == [
        "a==1 ; python_version < '3.12' --hash=sha256:1 --hash=sha256:2",
        "b==2",
    ]
