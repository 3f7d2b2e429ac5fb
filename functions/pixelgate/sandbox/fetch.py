"""Fetches once what the local AWS needs beyond this installation, into a cache.

Two lists of packages with their hashes: those of the local AWS, which become a virtual environment,
and those of Lambda, which become a folder. Each is made beside its place and moved there when it is
whole, so a download that broke is never taken for done. uv installs them if it is on PATH, else
pip.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pixelgate.errors import SandboxFailed

from .files import data_file

CLOUD, LAMBDA = "requirements-cloud.txt", "requirements.txt"
UNFINISHED = "unfinished-"
_AT_ONCE = 8  # packages that one call of the installer gets: a step of the progress bar
_LINES_SHOWN = 12
# Of imagecodecs' sixty codecs the engine uses two, and of their libraries one.
_CODECS = ("_deflate.", "_zlibng.", "_shared.", "_shared_cython.")
_LIBRARIES = ("libdeflate-",)


@dataclass(frozen=True)
class Needs:
    """What was fetched.

    Attributes:
        cloud: the virtual environment of the local AWS.
        packages: the folder with the packages that the functions bring to Lambda.
    """

    cloud: Path
    packages: Path


@dataclass(frozen=True)
class Steps:
    """Functions that receive the progress."""

    begin: Callable[[int], None] = lambda total: None  # with the number of packages
    step: Callable[[], None] = lambda: None  # after each package
    end: Callable[[], None] = lambda: None  # when all is there
    say: Callable[[str], None] = lambda words: None


def cache_folder() -> Path:
    """Returns where this system keeps what can be fetched again, without making it."""
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "pixelgate"
    named = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification: a relative path is to be ignored.
    return (Path(named) if Path(named).is_absolute() else home / ".cache") / "pixelgate"


def fetch(cache: Path, steps: Steps = Steps()) -> Needs:
    """Fetches what is missing in the cache; without anything missing it needs no network.

    Args:
        cache: the folder; it is made.
        steps: gets the progress.

    Raises:
        SandboxFailed: something cannot be fetched or is not what its hash says.
    """
    try:
        needs = _fetch(cache.absolute(), steps)
    except OSError as error:
        raise SandboxFailed(
            f"{error.filename or cache} cannot be written: {error.strerror}; name another folder "
            "with --cache"
        ) from error
    steps.end()
    return needs


def _fetch(cache: Path, steps: Steps) -> Needs:
    makers = {CLOUD: _environment, LAMBDA: _packages}
    places = {name: cache / f"{name.removesuffix('.txt')}-{_key(name)}" for name in makers}
    needs = Needs(places[CLOUD], places[LAMBDA])
    if all(place.is_dir() for place in places.values()):
        return needs
    cache.mkdir(parents=True, exist_ok=True)
    with _alone(cache, steps.say):
        for old in cache.glob(f"{UNFINISHED}*"):  # of a process that was killed
            shutil.rmtree(old)
        missing = [name for name, place in places.items() if not place.is_dir()]
        lists = {name: pinned(data_file(name).read_text("utf-8")) for name in missing}
        total = sum(map(len, lists.values()))
        if total:
            steps.say(f"fetching {total} packages that the local AWS needs, once, into {cache}")
        steps.begin(total)
        for name, lines in lists.items():
            unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=cache))
            try:
                made = makers[name](unfinished, lines, steps)
                made.rename(places[name])
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return needs


def pinned(requirements: str) -> list[str]:
    """Splits a list of requirements into one text for each package, with its hashes."""
    joined = requirements.replace("\\\n", " ").splitlines()
    stated = [line.partition(" #")[0].strip() for line in joined if not line.startswith("#")]
    return [line for line in stated if line]


def _key(name: str) -> str:
    """What a fetched folder depends on: the list, this Python and this machine."""
    python = f"{sys.implementation.cache_tag}-{sysconfig.get_platform()}-{platform.libc_ver()[0]}"
    text = data_file(name).read_text("utf-8")
    return hashlib.sha256(f"{python}\n{text}".encode()).hexdigest()[:16]


@contextmanager
def _alone(cache: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Holds the cache's lock; the system gives it back however this process ends."""
    with (cache / "lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another process fetches into {cache}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _environment(unfinished: Path, lines: list[str], steps: Steps) -> Path:
    """Makes a virtual environment with the packages."""
    made = unfinished / "environment"
    uv = shutil.which("uv")
    python = str(made / "bin" / "python")
    if uv:
        _run([uv, "venv", "--quiet", "--no-config", "--python", sys.executable, str(made)])
        install = [uv, "pip", "install", "--quiet", "--python", python]
    else:
        _run([sys.executable, "-m", "venv", str(made)], _NO_VENV)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        install += ["--no-input", "--no-compile"]
    install += ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--requirement"]
    chosen = unfinished / "chosen.txt"
    for first in range(0, len(lines), _AT_ONCE):
        part = lines[first : first + _AT_ONCE]
        chosen.write_text("\n".join(part) + "\n", "utf-8")
        _run([*install, str(chosen)], _NOT_FETCHED)
        for _ in part:
            steps.step()
    return made


def _packages(unfinished: Path, lines: list[str], steps: Steps) -> Path:
    """Makes a folder with the packages, without what Lambda has no use for; as functions/Makefile.

    Compiled for this Python, so that the functions start quickly: by the hash of the source that
    nobody checks, as in the archive all files are of one time.
    """
    environment = _environment(unfinished, lines, steps)
    (installed,) = environment.glob("lib/python*/site-packages")
    made = unfinished / "packages"
    installed.rename(made)
    for surplus in [*made.glob("pip*"), *made.glob("_virtualenv*"), *made.glob("*.pth")]:
        shutil.rmtree(surplus) if surplus.is_dir() else surplus.unlink()
    for tests in [*made.glob("numpy/**/tests")]:
        shutil.rmtree(tests, ignore_errors=True)  # one may lie in another
    for module in made.glob("imagecodecs/*.so"):
        if not module.name.startswith(_CODECS):
            module.unlink()
    for library in made.glob("imagecodecs.libs/*.so*"):
        if not library.name.startswith(_LIBRARIES):
            library.unlink()
    modes = ["--invalidation-mode", "unchecked-hash"]
    _run([sys.executable, "-I", "-m", "compileall", "-q", "-q", "-f", *modes, str(made)])
    return made


_NOT_FETCHED = (
    "Is the network there, and the proxy or package index set (PIP_INDEX_URL, UV_INDEX_URL)? "
    "Nothing half-made was kept; run the command again"
)
_NO_VENV = (
    "Install uv (https://docs.astral.sh/uv/), or what this Python needs to make virtual "
    "environments (on Debian and Ubuntu: apt install python3-venv)"
)


def _run(command: list[str], cure: str = "") -> None:
    """Runs an installer in an environment of its own.

    Raises:
        SandboxFailed: it failed; the message has what it said last, and the cure.
    """
    environ = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "PYTHONHOME"}}
    done = subprocess.run(
        command,
        env={**environ, "UV_PYTHON_DOWNLOADS": "never"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode:
        said = "".join(f"\n  {line}" for line in done.stdout.splitlines()[-_LINES_SHOWN:])
        program = Path(command[0]).name
        raise SandboxFailed(
            f"{program} could not get what the local AWS needs:{said}\n{cure}".strip()
        )
