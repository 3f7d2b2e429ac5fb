"""`make check-arm64`: runs what is built for arm64 on this machine, under QEMU.

It needs Debian or Ubuntu, and `qemu-aarch64` on PATH (their packages qemu-user or
qemu-user-static). The arm64 Python comes from the same Debian, unpacked into a folder: nothing is
installed. It is Debian's version, 3.11 in Debian 12, so the function is built for that one; the
compiled part is the same for all versions.

First the engine's tests run, then random pairs whose results must be those of this machine. With
`--wheels DIR`, the wheels there are installed instead, and compare examples/.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import astuple
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACE = ROOT / ".bench" / "arm64"
TESTS = ("tests/engine", "tests/unit/test_mask.py", "tests/unit/test_native.py",
         "tests/unit/test_odiff_mask.py", "tests/unit/test_pixels.py",
         "tests/unit/test_png.py")  # fmt: skip
# They measure or limit a process, which is QEMU here, or start this very Python.
NOT_THESE = ("tests/engine/test_hostile_costs.py", "tests/engine/test_odiff.py",
             "tests/engine/test_fuzz.py")  # fmt: skip
# It compiles, with a Python of this machine.
NOT_THIS = "tests/unit/test_native.py::test_it_compiles_for_both_of_lambdas_processors"
NEEDED = ("hypothesis", "pytest", "pytest-xdist", "time-machine")
APT = """APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Dir::State "{place}/state";
Dir::State::status "{place}/status";
Dir::Cache "{place}/cache";
"""


class NotHere(Exception):
    """It cannot be checked on this machine; says what is missing."""


def main() -> int:
    """Runs pytest under QEMU and compares digests; 2 if that is not possible here."""
    arguments = _arguments()
    if arguments.digests:
        print("\n".join(digests(arguments.pairs)))
        return 0
    try:
        qemu = emulator()
        python = debian_python()
    except NotHere as error:
        print(f"not checked: {error}", file=sys.stderr)
        return 2
    if arguments.wheels:
        return try_wheels(qemu, python, arguments.wheels.absolute())
    environ = prepared(qemu, python)
    left_out = [f"--deselect={NOT_THIS}", *(f"--ignore={test}" for test in NOT_THESE)]
    tests: list[str] = arguments.words or [*TESTS, *left_out]
    run = [qemu, "-L", str(PLACE / "root"), str(python)]
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests]
    tested = subprocess.run([*run, *words], cwd=ROOT, env=environ, check=False).returncode
    again = [*run, __file__, "--digests", "--pairs", str(arguments.pairs)]
    theirs = subprocess.run(again, env=environ, check=True, stdout=subprocess.PIPE, text=True)
    ours = digests(arguments.pairs)
    apart = sum(one != other for one, other in zip(ours, theirs.stdout.split(), strict=True))
    print(f"{len(ours)} random pairs: {apart} came out otherwise than on this machine")
    return 1 if tested or apart else 0


def digests(pairs: int) -> list[str]:
    """Hashes of random pairs and of the engine's results: counts, mask and every measurement."""
    import numpy as np

    from pixelgate.bootstrap import find_engine
    from pixelgate.engine.differ import OdiffDiffer
    from pixelgate.engine.odiff import OdiffServer
    from support.drawings import random_pair

    found = []
    with OdiffDiffer(OdiffServer(find_engine().binary)) as differ:
        for seed in range(pairs):
            pair = random_pair(np.random.default_rng(seed))
            diff = differ.diff(pair.base, pair.head, pair.policy)
            text = repr((pair.base, pair.head, astuple(diff)))
            found.append(hashlib.sha256(text.encode()).hexdigest())
    return found


def emulator() -> str:
    """The path of QEMU.

    Raises:
        NotHere: it is not installed.
    """
    for name in ("qemu-aarch64", "qemu-aarch64-static"):
        if found := shutil.which(name):
            return found
    raise NotHere("qemu-aarch64 is not on PATH; on Debian and Ubuntu it is in qemu-user")


def debian_python() -> Path:
    """Debian's Python for arm64 and all that it needs, unpacked.

    Raises:
        NotHere: this is no Debian.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise NotHere("apt-get and dpkg are needed, as the arm64 Python is Debian's")
    if not list((PLACE / "root/usr/bin").glob("python3.*")):
        apt = PLACE / "apt"
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (apt / folder).mkdir(parents=True, exist_ok=True)
        (apt / "status").touch()
        (apt / "apt.conf").write_text(APT.format(place=apt))
        environ = {**os.environ, "APT_CONFIG": str(apt / "apt.conf")}
        fetch = ["apt-get", "install", "--yes", "--download-only", "python3", "libstdc++6"]
        for command in (["apt-get", "update"], fetch):
            subprocess.run([*command, "-qq"], env=environ, check=True, stdout=subprocess.DEVNULL)
        for package in sorted((apt / "cache/archives").glob("*.deb")):
            subprocess.run(["dpkg", "-x", package, PLACE / "root"], check=True)
    return min((PLACE / "root/usr/bin").glob("python3.*"), key=lambda path: len(path.name))


def prepared(qemu: str, python: Path) -> dict[str, str]:
    """Builds the function and fetches odiff; returns the environment of what runs under QEMU."""
    version = python.name.removeprefix("python")
    built, packages = PLACE / "built", PLACE / "packages"
    for folder in (built, packages):
        shutil.rmtree(folder, ignore_errors=True)
    words = ["ARCH=arm64", f"LAMBDA_PYTHON={version}", f"ARTIFACTS_DIR={built}"]
    subprocess.run(["make", "-C", ROOT / "functions", "build-CompareFunction", *words], check=True)
    subprocess.run([ROOT / "layers/odiff/fetch.sh", "arm64", PLACE], check=True)
    install = ["pip", "install", "--quiet", "--only-binary", ":all:", "--target", str(packages)]
    target = ["--python-version", version, "--python-platform", "aarch64-manylinux_2_28"]
    pinned = ["-c", str(ROOT / "requirements-dev.txt"), *NEEDED]
    subprocess.run([ROOT / ".venv/bin/uv", *install, *target, *pinned], check=True)
    return variables(qemu, PLACE / "odiff", f"{built}:{packages}:{ROOT}/tests:{ROOT}/tools")


def variables(qemu: str, odiff: Path, path: str) -> dict[str, str]:
    """The environment of a Python under QEMU, with that odiff and search path."""
    # The kernel cannot start an arm64 program; a script of this machine can.
    script = PLACE / "odiff-under-qemu"
    script.write_text(f'#!/bin/sh\nexec {qemu} {odiff} "$@"\n')
    script.chmod(0o755)
    return {
        **os.environ,
        "PYTHONHOME": str(PLACE / "root/usr"),
        "PYTHONPATH": path,
        "PIXELGATE_ODIFF": str(script),
    }


def try_wheels(qemu: str, python: Path, wheels: Path) -> int:
    """Installs the wheels for arm64 and compares examples/; 1 unless all is as on this machine."""
    site = PLACE / "wheels"
    shutil.rmtree(site, ignore_errors=True)
    [pure], [compare] = wheels.glob("pixelgate-*.whl"), wheels.glob("*manylinux*aarch64.whl")
    subprocess.run(
        [ROOT / ".venv/bin/uv", "pip", "install", "--quiet", "--only-binary", ":all:",
         "--target", site, "--python-version", python.name.removeprefix("python"),
         "--python-platform", "aarch64-manylinux_2_28",
         f"--constraints={ROOT}/functions/requirements.txt",
         f"pixelgate[compare] @ file://{pure}", f"pixelgate-compare @ file://{compare}"],
        check=True,
    )  # fmt: skip
    environ = variables(qemu, site / "pixelgate_compare" / "odiff", str(site))
    (site / "pixelgate_compare" / "odiff").chmod(0o755)
    results = []
    for name, run, env in (
        ("arm64", [qemu, "-L", str(PLACE / "root"), str(python)], environ),
        ("here", [sys.executable], dict(os.environ)),
    ):
        out = PLACE / f"report-{name}"
        words = [f"{ROOT}/examples/{side}" for side in ("base", "head")]
        done = subprocess.run(
            [*run, "-m", "pixelgate", "compare", *words, "--json", "--out", out],
            env=env, stdout=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        print(f"{name}: exit code {done.returncode}, {done.stdout}", end="")
        masks = sorted((out / "diffs").rglob("masks/**/*.png"))
        pictures = [hashlib.sha256(path.read_bytes()).hexdigest() for path in masks]
        results.append((done.returncode, done.stdout.partition(', "comparison"')[0], pictures))
    return 0 if results[0] == results[1] and results[0][2] else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("words", nargs="*", help="for pytest, in place of the engine's tests")
    parser.add_argument("--pairs", type=int, default=200, help="how many random pairs")
    parser.add_argument("--wheels", type=Path, help="try the wheels of this folder instead")
    parser.add_argument("--digests", action="store_true", help="only print hashes of results")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
