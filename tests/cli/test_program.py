"""The program itself: help, completion, colours, start-up, `init` and `doctor`."""

from __future__ import annotations

import json
import os
import pty
import resource
import subprocess
import sys
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from pixelgate.client.config import read_config
from support import images
from support.doubles.memory import MemoryBucket
from support.repository import Repository

from .conftest import SIZE, Cli, tell

COMMANDS = ("init", "doctor", "compare", "upload", "finalize", "wait", "status", "report",
            "approve", "reject", "history", "life", "flakes", "deploy", "sandbox",
            "review-comment", "changes", "mcp", "schema")  # fmt: skip
PROGRAM = Path(sys.executable).parent / "pixelgate"


def without_colours() -> dict[str, str]:
    """The environment without what decides about colours and the size of the terminal."""
    return {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FORCE_COLOR", *SIZE}}


def program(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    environ = {**without_colours(), **environ}
    return subprocess.run(
        [PROGRAM, *arguments], env=environ, capture_output=True, text=True, timeout=60
    )


def test_help_names_every_command() -> None:
    done = program("--help", COLUMNS="120")
    assert done.returncode == 0
    for command in COMMANDS:
        assert f"│ {command} " in done.stdout
    assert "0 passed, approved, or nothing to compare with; 1 needs review" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_says_its_exit_codes(run: Cli, command: str) -> None:
    done = run(command, "--help", COLUMNS="200")
    assert done.code == 0
    assert "Exit code: 0 " in done.out
    assert "Traceback" not in done.out


def test_starting_does_not_load_what_only_some_commands_need() -> None:
    code = (
        "import sys; from pixelgate.cli.app import run; run(['--help']);"
        "print(sorted({'boto3', 'PIL', 'numpy', 'pydantic', 'jinja2'}"
        " & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    "words", [(), *((name,) for name in (*COMMANDS, "projects", "admin")), ("admin", "gc"),
              ("projects", "list")],
)  # fmt: skip
def test_a_flag_is_not_shown_as_if_it_took_a_value(run: Cli, words: tuple[str, ...]) -> None:
    done = run(*words, "--help", COLUMNS="200")
    assert "--help" in done.out
    assert "bool" not in done.out.lower()


def test_help_comes_at_once() -> None:
    # 0.4 s on an idle machine. Of the processor's time, as tests share theirs; the best of five.
    taken = []
    for _ in range(5):
        begun = of_children()
        program("--help")
        taken.append(of_children() - begun)
    assert 0 < min(taken) < 0.9


def of_children() -> float:
    """Processor's seconds of those that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [
        pytest.param({}, False, id="no terminal"),
        pytest.param({"FORCE_COLOR": "1"}, True, id="forced"),
        pytest.param({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, id="NO_COLOR wins"),
    ],
)
def test_colours(environ: dict[str, str], coloured: bool, tmp_path: Path) -> None:
    done = program("compare", str(tmp_path / "a"), str(tmp_path / "b"), **environ)
    assert done.returncode == 2
    assert ("\x1b[31m" in done.stderr or "\x1b[1;31m" in done.stderr) is coloured


@pytest.mark.parametrize(
    ("terminal", "environ", "bar"),
    [
        pytest.param(True, {}, True, id="a terminal"),
        pytest.param(True, {"NO_COLOR": "1"}, True, id="a terminal without colours"),
        pytest.param(False, {}, False, id="a log"),
        pytest.param(False, {"FORCE_COLOR": "1"}, False, id="a log with colours"),
    ],
)
def test_a_terminal_has_a_progress_bar_and_a_log_has_none(
    terminal: bool, environ: dict[str, str], bar: bool, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(images.png())
    ours, theirs = pty.openpty() if terminal else os.pipe()
    environ = {**without_colours(), **environ, "TERM": "xterm", "COLUMNS": "100"}
    command = [str(PROGRAM), "compare", "a", "b"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=theirs, env=environ) as process:
        os.close(theirs)
        said = _all_of(ours)
    assert process.returncode == 0, said
    assert ("reading base" in said, "passed" in said) == (bar, True)


def _all_of(descriptor: int) -> str:
    """What is written until the other side is closed; a terminal says so with an error."""
    said = b""
    with suppress(OSError):
        while part := os.read(descriptor, 65_536):
            said += part
    os.close(descriptor)
    return said.decode()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    # Typer would otherwise look for a shell among the processes that started the tests.
    done = program("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert done.returncode == 0, done.stderr
    assert "pixelgate" in done.stdout
    asked = program(
        _PIXELGATE_COMPLETE=f"complete_{shell}",
        COMP_WORDS="pixelgate up",
        COMP_CWORD="1",
        _TYPER_COMPLETE_ARGS="pixelgate up",
        _TYPER_COMPLETE_FISH_ACTION="get-args",
    )
    assert "upload" in asked.stdout


def test_init_writes_a_config_that_is_valid_as_it_stands(
    run: Cli, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.git("remote", "add", "origin", "git@github.com:acme/web-shop.git")
    done = run("init", "--bucket", "shots", PIXELGATE_PROJECT="")
    assert done.code == 0, done.err
    config = read_config(repository.folder / "pixelgate.toml")
    assert (config.fields.project, config.fields.bucket) == ("web-shop", "shots")
    assert config.folder == repository.folder / "screenshots"
    workflow = yaml.safe_load((repository.folder / ".github/workflows/pixelgate.yml").read_text())
    assert workflow["permissions"] == {"contents": "read", "id-token": "write"}
    assert workflow[True]["push"]["branches"] == ["main"]
    steps = workflow["jobs"]["screenshots"]["steps"]
    assert steps[0]["with"]["fetch-depth"] == 0
    assert steps[-1]["run"].startswith("pixelgate upload --wait")


def test_every_commented_line_of_the_config_is_valid_too(run: Cli, repository: Repository) -> None:
    run("init", "--ci", "none")
    path = repository.folder / "pixelgate.toml"
    prose = ("# Settings", "# Folder", "# Branch", "# Seconds", "# What", "# Which", "# Policies",
             "# Flaky", "# To describe", "# group")  # fmt: skip
    lines = [
        line.removeprefix("# ") if not line.startswith(prose) else ""
        for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(line.removeprefix("#") for line in lines))
    assert len(tomllib.loads(path.read_text())["rules"]) == 2
    config = read_config(path)
    assert config.fields.policy.strict is True
    assert config.quarantine[0].until == "2026-12-15T00:00:00+00:00"


def test_init_for_gitlab(run: Cli, repository: Repository) -> None:
    (repository.folder / ".gitlab-ci.yml").write_text("")
    done = run("init")
    job = yaml.safe_load((repository.folder / ".gitlab/pixelgate.gitlab-ci.yml").read_text())
    assert job["pixelgate"]["id_tokens"]["PIXELGATE_TOKEN"] == {"aud": "sts.amazonaws.com"}
    assert job["pixelgate"]["variables"]["GIT_DEPTH"] == 0
    assert "include: [{local: .gitlab/pixelgate.gitlab-ci.yml}]" in done.err


def test_init_replaces_nothing_unasked(run: Cli, repository: Repository) -> None:
    path = repository.folder / "pixelgate.toml"
    path.write_text('# mine\nproject = "web"\n')
    done = run("init", "--ci", "none")
    assert (done.code, "pixelgate.toml exists already; --force" in done.err) == (2, True)
    done = run("init", "--ci", "github")
    assert (done.code, "kept pixelgate.toml" in done.err) == (0, True)
    assert path.read_text() == '# mine\nproject = "web"\n'
    assert (repository.folder / ".github/workflows/pixelgate.yml").exists()
    assert run("init", "--ci", "github").code == 2
    assert run("init", "--ci", "none", "--force").code == 0
    assert "folder = " in path.read_text()


def test_doctor_says_what_is_well(run: Cli, bucket: MemoryBucket) -> None:
    done = run("doctor")
    assert done.code == 0, done.err
    assert "credentials: this process" in done.err
    assert "base: the nearest ancestor that has a build; 1 ancestor known" in done.err
    assert bucket.objects == {}


def test_doctor_says_what_is_wrong(run: Cli, bucket: MemoryBucket) -> None:
    tell(bucket, "7")
    done = run("doctor", "--json", PIXELGATE_BUCKET="", PIXELGATE_ODIFF="/nowhere/odiff")
    assert done.code == 2
    health = {check["what"]: check["health"] for check in done.json["checks"]}
    assert (health["bucket"], health["odiff"], health["project"]) == ("wrong", "note", "good")
    words = {check["what"]: check["words"] for check in json.loads(done.out)["checks"]}
    assert words["bucket"].startswith("no bucket is named: pass --bucket, set PIXELGATE_BUCKET")


def test_doctor_says_once_what_is_wrong_with_the_file(run: Cli, repository: Repository) -> None:
    (repository.folder / "pixelgate.toml").write_text('projet = "shop"')
    done = run("doctor")
    assert done.code == 2
    lines = [line for line in done.err.splitlines() if line.startswith("FAIL")]
    assert len(lines) == 1
    assert lines[0].endswith(
        "pixelgate.toml: projet: there is no such field. The other checks depend on it"
    )
