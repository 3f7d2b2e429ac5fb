"""Functions are deployed for the processor that they were built for, whatever anybody answers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from fix_architecture import WrongBuild, built_for, fix

from .stack import ROOT

ELF = {"x86_64": 62, "arm64": 183, "s390x": 22}


def elf(architecture: str) -> bytes:
    return b"\x7fELF" + bytes(14) + ELF[architecture].to_bytes(2, "little") + bytes(44)


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """What `sam build` leaves behind, for arm64, in small."""
    for name in ("CompareFunction", "SweepFunction"):
        (tmp_path / name / "numpy").mkdir(parents=True)
        (tmp_path / name / "numpy/core.so").write_bytes(elf("arm64"))
        (tmp_path / name / "app.py").write_text("x = 1\n")
    (tmp_path / "OdiffLayer/bin").mkdir(parents=True)
    (tmp_path / "OdiffLayer/bin/odiff").write_bytes(elf("arm64"))
    template = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    (tmp_path / "template.yaml").write_text(yaml.safe_dump(template))
    return tmp_path


def fix_architecture(build: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = ROOT / "tools/fix_architecture.py"
    return subprocess.run(
        [sys.executable, program, build, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_what_was_built_is_written_into_the_template(build: Path) -> None:
    done = fix_architecture(build, "arm64")
    assert (done.returncode, done.stdout) == (0, "built for arm64\n")
    text = (build / "template.yaml").read_text()
    template = yaml.safe_load(text)
    assert template["Globals"]["Function"]["Architectures"] == ["arm64"]
    layer = template["Resources"]["OdiffLayer"]
    assert layer["Properties"]["CompatibleArchitectures"] == ["arm64"]
    assert layer["Metadata"]["WorkingDirectory"] == {"Fn::Sub": "layers/odiff/arm64"}
    # Nobody is asked, a stack keeps no former answer, and nothing refers to it any more.
    assert "Architecture" not in template["Parameters"]
    assert "Ref: Architecture\n" not in text
    assert "${Architecture}" not in text


def test_nothing_else_of_the_template_changes(build: Path) -> None:
    before = yaml.safe_load((build / "template.yaml").read_text())
    assert fix_architecture(build).returncode == 0
    after = yaml.safe_load((build / "template.yaml").read_text())
    assert fix(before, "arm64") == after
    del before["Parameters"]["Architecture"]
    assert before["Parameters"] == after["Parameters"]
    assert list(before["Resources"]) == list(after["Resources"])
    assert before["Resources"]["Table"] == after["Resources"]["Table"]


def test_a_build_for_another_processor_than_wanted_is_not_deployed(build: Path) -> None:
    before = (build / "template.yaml").read_bytes()
    done = fix_architecture(build, "x86_64")
    assert done.returncode == 1
    assert "built for arm64, not for x86_64" in done.stderr
    assert (build / "template.yaml").read_bytes() == before


@pytest.mark.parametrize("file", ["OdiffLayer/bin/odiff", "SweepFunction/numpy/core.so"])
@pytest.mark.parametrize("other", ["x86_64", "s390x"])
def test_one_file_for_another_processor_is_named(build: Path, file: str, other: str) -> None:
    (build / file).write_bytes(elf(other))
    with pytest.raises(WrongBuild, match=rf"{file} is for .*{'22' if other == 's390x' else other}"):
        built_for(build)


def test_a_folder_without_compiled_files_was_not_built(build: Path) -> None:
    (build / "OdiffLayer/bin/odiff").write_text("#!/bin/sh\n")
    with pytest.raises(WrongBuild, match="nothing in OdiffLayer is compiled"):
        built_for(build)


def test_an_empty_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongBuild, match="empty"):
        built_for(tmp_path)


def make(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """What make would do, one command a line."""
    done = subprocess.run(
        ["env", "-u", "MAKEFLAGS", *(f"{k}={v}" for k, v in environ.items()), "make", "-n", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    done.stdout = done.stdout.replace("\\\n", " ")
    return done


def commands(done: subprocess.CompletedProcess[str], program: str) -> list[list[str]]:
    """The words of each command that starts with this program."""
    lines = [line.split() for line in done.stdout.splitlines()]
    return [words for words in lines if program in words]


def test_make_deploy_builds_for_the_architecture_and_checks_it() -> None:
    done = make("deploy", "ARCH=arm64", "ARGS=--guided", "STACK=shots")
    assert done.returncode == 0
    build, deploy = commands(done, ".tools/sam/bin/sam")
    assert build[-2:] == ["--parameter-overrides", "Architecture=arm64"]
    assert "MAKEFLAGS=" in build  # else ARCH would reach the makefiles that sam calls
    [check] = commands(done, "tools/fix_architecture.py")
    assert check[-2:] == [".aws-sam/deploy", "arm64"]
    assert deploy[-3:] == ["--stack-name", "shots", "--guided"]
    assert not any(word.startswith("Architecture") for word in deploy)


def test_without_an_architecture_the_settings_of_the_build_decide() -> None:
    done = make("deploy", ARCH="riscv64")  # of something else: only make's own word counts
    assert done.returncode == 0
    build, _ = commands(done, ".tools/sam/bin/sam")
    assert "--parameter-overrides" not in build
    [check] = commands(done, "tools/fix_architecture.py")
    assert check[-1] == ".aws-sam/deploy"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("ARCH=sparc", "'sparc' is no Lambda architecture: x86_64 or arm64"),
        ("ARGS=--parameter-overrides Architecture=arm64", "make deploy ARCH=arm64"),
    ],
)
def test_what_cannot_be_built_or_comes_too_late_is_refused(word: str, message: str) -> None:
    done = make("deploy", word)
    assert done.returncode
    assert message in done.stderr


def test_answers_are_written_to_a_file_that_git_ignores() -> None:
    local = str(ROOT / "samconfig.local.toml")
    for command in commands(make("deploy"), ".tools/sam/bin/sam"):
        assert command[command.index("--config-file") + 1] == local
    assert "/samconfig.local.toml" in (ROOT / ".gitignore").read_text().splitlines()


def test_deploying_needs_nothing_that_runs_only_on_this_machine() -> None:
    """There is no pinned odiff for macOS, and the compiled part is for Linux."""
    changed = ("-W", "layers/odiff/fetch.sh", "-W", "functions/native/png.c")
    for target, needed in (("setup", True), ("deploy", False)):
        would = make(*changed, target).stdout
        assert ("-C layers/odiff install" in would) is needed
        assert ("-C functions/native" in would) is needed


def test_without_qemu_the_check_for_arm64_says_what_it_needs() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools/check_arm64.py"],
        env={"PATH": "/nowhere"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 2
    assert "qemu-aarch64 is not on PATH; on Debian and Ubuntu it is in qemu-user" in done.stderr
