"""`make check-wheels`: installs the wheels in empty environments and uses them as a new user does.

It runs the installer of CI jobs. For each Python of this machine it installs `pixelgate`, then
`pixelgate[compare]`, from the wheels and the locked lists, and prints how long that took and how
large it is. It runs every command's --help, `compare` on examples/, and, with the first Python,
`upload` against the embedded cloud, and `pixelgate sandbox`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pixelgate import __version__

ROOT = Path(__file__).parents[2]
UV = ROOT / ".venv" / "bin" / "uv"
EXAMPLES = ROOT / "examples"
LOCK = ROOT / "requirements-client.txt"
ENGINE_LOCK = ROOT / "functions" / "requirements.txt"
MINORS = (13, 12, 11, 14)
MACHINE = platform.machine()
MEGABYTE = 1_000_000


class Failed(Exception):
    """A wheel does not do what it should; the message says what."""


@dataclass(frozen=True)
class Environment:
    """A virtual environment, and a folder without a checkout to run its programs in."""

    path: Path
    work: Path
    variables: Mapping[str, str]

    def run(self, *words: str, expect: int = 0, **variables: str) -> str:
        """Runs a program of the environment; returns its stdout.

        Raises:
            Failed: it ended with another code than the expected one.
        """
        program = self.path / "bin" / words[0]
        done = subprocess.run(
            [program, *words[1:]], cwd=self.work, env={**self.variables, **variables},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != expect:
            raise Failed(
                f"`{' '.join(words)}` ended with {done.returncode} instead of {expect}:\n"
                f"{done.stdout}{done.stderr}"
            )
        return done.stdout + (done.stderr if expect else "")

    def megabytes(self) -> float:
        """What all installed files occupy on the disk."""
        files = (self.path / "lib").rglob("*")
        return sum(path.stat().st_blocks * 512 for path in files if path.is_file()) / MEGABYTE


def main() -> int:
    """Tries the wheels; 1 with a message if one fails."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("wheels", type=Path, help="the folder that `make wheels` wrote")
    parser.add_argument("--no-cloud", action="store_true", help="do not start the embedded cloud")
    options = parser.parse_args()
    found = list(pythons())
    if not found:
        print("error: there is no Python from 3.11 to 3.14", file=sys.stderr)
        return 1
    try:
        try_installer()
        for place, (name, python) in enumerate(found):
            with empty_environment(python) as environment:
                try_thin(environment, options.wheels, f"Python {name}", cold=place == 0)
                try_comparing(environment, options.wheels)
                if place == 0 and not options.no_cloud:
                    try_upload(environment)
                    try_sandbox(environment)
    except Failed as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def pythons() -> Iterator[tuple[str, str]]:
    """The Pythons of this machine: version and path."""
    for minor in MINORS:
        pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
        candidates = [*map(str, pyenv.glob(f"3.{minor}.*/bin/python3")), f"python3.{minor}"]
        for candidate in filter(None, map(shutil.which, candidates)):
            code = "import sys, venv; print('%d.%d.%d' % sys.version_info[:3], sys.executable)"
            done = subprocess.run([candidate, "-c", code], capture_output=True, text=True)
            version, _, path = done.stdout.strip().partition(" ")
            if done.returncode == 0 and version.startswith(f"3.{minor}."):
                yield version, path
                break


@contextmanager
def empty_environment(python: str) -> Iterator[Environment]:
    """A virtual environment with nothing in it, and an environment without settings of ours."""
    with tempfile.TemporaryDirectory(prefix="pixelgate-wheels-") as temporary:
        path, work = Path(temporary, "env"), Path(temporary, "work")
        work.mkdir()
        uv("venv", "--quiet", "--python", python, str(path))
        kept = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE")
        variables = {name: os.environ[name] for name in kept if name in os.environ}
        yield Environment(path, work, variables)


def uv(*words: str, **variables: str) -> float:
    """Runs uv; returns how many seconds it took. Raises Failed."""
    started = time.monotonic()
    done = subprocess.run(
        [UV, *words], env={**os.environ, "UV_PYTHON_DOWNLOADS": "never", **variables},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Failed(f"`uv {' '.join(words[:3])} …` failed:\n{done.stderr}")
    return time.monotonic() - started


def install_extra(environment: Environment, wheels: Path) -> float:
    """Installs `pixelgate[compare]` from our two files, the rest locked; returns the seconds.

    Both are named by path: an index could have a stranger's package of that name.
    """
    pure = next(wheels.glob(f"pixelgate-{__version__}-*.whl")).absolute()
    compiled = next(wheels.glob(f"pixelgate_compare-{__version__}-*linux*{MACHINE}.whl")).absolute()
    return uv(
        "pip", "install", "--quiet", "--python", str(environment.path), "--only-binary", ":all:",
        f"--constraints={LOCK}", f"--constraints={ENGINE_LOCK}",
        f"pixelgate[compare] @ file://{pure}", f"pixelgate-compare @ file://{compiled}",
    )  # fmt: skip


def try_installer() -> None:
    """What the action and the CI components run, first with nothing cached."""
    with tempfile.TemporaryDirectory(prefix="pixelgate-install-") as work:
        for number, kind in enumerate(("nothing cached", "cached")):
            started = time.monotonic()
            done = subprocess.run(
                [ROOT / "tools/install/install.sh", f"{work}/{number}"],
                env={**os.environ, "UV_CACHE_DIR": f"{work}/cache"},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode or done.stdout.strip() != f"pixelgate {__version__}":
                raise Failed(f"tools/install/install.sh failed:\n{done.stdout}{done.stderr}")
            print(f"tools/install/install.sh: {time.monotonic() - started:.1f} s, {kind}")


def try_thin(environment: Environment, wheels: Path, name: str, *, cold: bool) -> None:
    """Installs `pixelgate` alone; every command has its help, and `compare` says what it lacks."""
    with tempfile.TemporaryDirectory() as cache:
        how = {"UV_CACHE_DIR": cache} if cold else {}
        before = environment.megabytes()
        seconds = uv(
            "pip", "install", "--quiet", "--python", str(environment.path), "--only-binary",
            ":all:", "--require-hashes", "-r", str(LOCK), **how,
        )  # fmt: skip
        seconds += uv(
            "pip", "install", "--quiet", "--python", str(environment.path), "--no-deps",
            str(next(wheels.glob(f"pixelgate-{__version__}-*.whl"))), **how,
        )  # fmt: skip
    kind = "nothing cached" if cold else "cached"
    size = environment.megabytes() - before
    print(f"{name}: pixelgate            {size:6.1f} MB in {seconds:5.1f} s by uv, {kind}")
    if environment.run("pixelgate", "--version").strip() != f"pixelgate {__version__}":
        raise Failed("it tells another version")
    for command in commands(environment.run("pixelgate", "--help")):
        environment.run("pixelgate", command, "--help")
    environment.run("python", "-m", "pixelgate", "--help")
    said = environment.run("pixelgate", "compare", *folders(), expect=2)
    if "extra `compare`" not in said:
        raise Failed(f"`compare` does not say what is missing:\n{said}")


def commands(page: str) -> list[str]:
    """The names of the commands on the page of --help."""
    found = re.findall(r"^[│|] ([a-z][a-z-]+) {2,}[A-Z]", page, re.MULTILINE)
    if len(found) < 10:
        raise Failed(f"--help names only {found}")
    return found


def folders() -> tuple[str, str]:
    """The folders of the example."""
    return str(EXAMPLES / "base"), str(EXAMPLES / "head")


def try_comparing(environment: Environment, wheels: Path) -> None:
    """Installs the extra; the example is compared as in a checkout, by the packaged odiff."""
    before = environment.megabytes()
    seconds = install_extra(environment, wheels)
    size = environment.megabytes() - before
    print(f"               [compare] adds {size:6.1f} MB in {seconds:5.1f} s")
    said = environment.run("pixelgate", "compare", *folders(), "--json", expect=1, PATH=os.defpath)
    counts = json.loads(said.splitlines()[0])["counts"]
    if counts != expected_counts():
        raise Failed(f"the wheel counts {counts}, the checkout {expected_counts()}")
    comparison = json.loads((environment.work / "pixelgate-report/comparison.json").read_text())
    print(f"               compare: {counts['total']} snapshots, judged by {comparison['engine']}")


def expected_counts() -> Mapping[str, int]:
    """What the checkout counts."""
    with tempfile.TemporaryDirectory() as out:
        done = subprocess.run(
            [ROOT / ".venv/bin/pixelgate", "compare", *folders(), "--json", "--out", f"{out}/r"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    counts: dict[str, int] = json.loads(done.stdout)["counts"]
    return counts


def try_upload(environment: Environment) -> None:
    """Uploads two builds to the embedded cloud under the roles of CI; the second needs a review."""
    from pixelgate.sandbox.cloud import EmbeddedCloud
    from pixelgate.sandbox.roles import deploy_roles

    with EmbeddedCloud.start() as cloud:
        roles = deploy_roles(cloud, "shop")
        common = ("upload", "--wait", "--project", "shop", "--bucket", cloud.bucket, "--json")
        base, head = folders()
        for role, folder, commit, branch, code in (
            ("trunk", base, "a" * 40, "main", 0),
            ("ci", head, "b" * 40, "topic", 1),
        ):
            said = environment.run(
                "pixelgate", *common, folder, "--commit", commit, "--branch", branch,
                *(("--trunk",) if role == "trunk" else ("--base-commit", "a" * 40)),
                expect=code, **cloud.variables(roles.take(role)),
            )  # fmt: skip
            result = json.loads(said.splitlines()[0])
            print(f"               upload of {role}: {result['result']}")


def try_sandbox(environment: Environment) -> None:
    """Starts `pixelgate sandbox` of the wheel, and uploads to it under the role that it prints."""
    program = environment.path / "bin" / "pixelgate"
    variables = {**environment.variables, "PATH": f"{UV.parent}:{os.defpath}"}
    with (environment.work / "sandbox.log").open("w+") as log:
        process = subprocess.Popen(
            [program, "sandbox", "--json", "--project", "shop", "--cache", environment.work / "c"],
            cwd=environment.work, env=variables, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                process.wait()
                log.seek(0)
                raise Failed(f"`pixelgate sandbox` did not start:\n{log.read()}")
            said = json.loads(line)
            base, _ = folders()
            done = environment.run(
                "pixelgate", "upload", base, "--trunk", "--wait", "--json",
                *("--commit", "a" * 40, "--branch", "main"),
                **said["variables"], **said["roles"]["trunk"],
            )  # fmt: skip
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(60)
    if code:
        raise Failed(f"`pixelgate sandbox` ended with {code} instead of 0 after Ctrl-C")
    print(f"               sandbox: upload of trunk: {json.loads(done.splitlines()[0])['result']}")


if __name__ == "__main__":
    sys.exit(main())
