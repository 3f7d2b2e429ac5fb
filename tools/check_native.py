"""`make check-native`: runs the engine's tests with its C code under two sanitizers.

AddressSanitizer stops at a read or write outside an array, UndefinedBehaviorSanitizer at an
overflow or an invalid shift. The pinned zig contains clang, which adds their checks to the code.
zig has no AddressSanitizer runtime, so that comes from the system: from GCC, or from Debian's
libasan8 and libubsan1. `zig cc` ignores -fsanitize=address silently. `zig clang` does not, but has
no headers, so `zig cc` preprocesses the files first.

Before the tests, the sanitizers must detect three faulty functions. Otherwise they do not work.
"""

from __future__ import annotations

import ctypes.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACE = ROOT / ".bench" / "sanitized"
# By folder: tests of the engine come and go.
TESTS = ("tests/engine", "tests/unit/test_mask.py", "tests/unit/test_native.py",
         "tests/unit/test_png.py")  # fmt: skip
# They limit a process's memory, of which AddressSanitizer reserves terabytes, or measure it.
NOT_THESE = ("tests/engine/test_hostile_costs.py", "tests/engine/test_odiff.py",
             "tests/engine/test_fuzz.py")  # fmt: skip
# As functions/native/Makefile has them, but slow enough to tell the line.
PROCESSORS = {"x86_64": "x86-64-v2", "aarch64": "baseline"}
CHECKS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
CANARY = """
#include <stdlib.h>
int reads_behind(int n) { int *p = malloc(8 * sizeof(int)); int r = p[n]; free(p); return r; }
int reads_freed(int n) { volatile int *p = malloc(8 * sizeof(int)); free((void *)p); return p[n]; }
int overflows(int n) { return n * 1000000000; }
"""
WRONG = {
    "reads_behind(8)": "heap-buffer-overflow",
    "reads_freed(1)": "heap-use-after-free",
    "overflows(8)": "signed integer overflow",
}


class NoSanitizer(Exception):
    """It cannot be checked here; says what is missing."""


def runtimes() -> list[str]:
    """The system's runtimes of both sanitizers.

    Raises:
        NoSanitizer: one is not installed.
    """
    found = []
    for name, package in (("asan", "libasan8"), ("ubsan", "libubsan1")):
        if (library := ctypes.util.find_library(name)) is None:
            raise NoSanitizer(
                f"no lib{name} is installed: on Debian it is {package}, elsewhere it comes with GCC"
            )
        found.append(library)
    return found


def build(sources: list[Path], library: Path) -> None:
    """Compiles C with both checks in it.

    Raises:
        CalledProcessError: it does not compile.
    """
    machine = platform.machine()
    zig = shlex.split(os.environ.get("ZIG", f"{sys.executable} -m ziglang"))
    march = PROCESSORS[machine].replace("baseline", "armv8-a")
    flags = [f"--target={machine}-linux-gnu", f"-march={march}", "-std=c11", "-O1",
             "-g", "-fPIC", "-ffp-contract=off", "-fno-omit-frame-pointer"]  # fmt: skip
    target = ["-target", f"{machine}-linux-gnu.2.28"]
    reading = [f"-mcpu={PROCESSORS[machine].replace('-', '_')}", "-std=c11"]
    run, objects = partial(subprocess.run, check=True), []
    for source in sources:
        read, made = library.with_name(f"{source.stem}.i"), library.with_name(f"{source.stem}.o")
        run([*zig, "cc", *target, *reading, "-E", source, "-o", read])
        run([*zig, "clang", *flags, *CHECKS, "-c", "-x", "cpp-output", read, "-o", made])
        objects.append(made)
    run([*zig, "cc", *target, "-shared", "-o", library, *objects])


def find_what_is_wrong(place: Path, environment: dict[str, str]) -> None:
    """Lets wrong code run. Raises NoSanitizer if nobody minds."""
    source = place / "canary.c"
    source.write_text(CANARY)
    build([source], place / "canary.so")
    for call, words in WRONG.items():
        program = f"import ctypes; ctypes.CDLL({str(place / 'canary.so')!r}).{call}"
        ended = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True
        )
        if ended.returncode == 0 or words not in ended.stderr:
            raise NoSanitizer(f"{call} was not found to be a {words}:\n{ended.stderr}")


def main(arguments: list[str]) -> int:
    """Builds, tries the check itself, and runs the tests; what pytest ended with."""
    preloaded = runtimes()
    shutil.rmtree(PLACE, ignore_errors=True)
    shutil.copytree(ROOT / "functions", PLACE)
    environment = {
        **os.environ,
        "LD_PRELOAD": " ".join(preloaded),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python itself keeps what it has until the end
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",  # small bytes too, each with a guard around it
        "PYTHONPATH": str(PLACE),
    }
    find_what_is_wrong(PLACE, environment)
    library = PLACE / "pixelgate" / "engine" / f"native-{platform.machine()}.so"
    build(sorted((ROOT / "functions" / "native").glob("*.c")), library)
    used = "from pixelgate.engine import native; print(native.__file__)"
    said = subprocess.check_output([sys.executable, "-c", used], env=environment, text=True)
    if not Path(said.strip()).is_relative_to(PLACE):
        raise NoSanitizer(f"the tests would run {said.strip()}, which nobody checks")
    skipped = [] if arguments else [f"--ignore={file}" for file in NOT_THESE]
    # What a sanitizer says before it ends the process goes to stderr itself, past sys.stderr.
    command = [sys.executable, "-m", "pytest", "-q", "--capture=sys", *(arguments or TESTS)]
    command += skipped
    return subprocess.run(command, env=environment, cwd=ROOT).returncode


if __name__ == "__main__":
    try:
        raise SystemExit(main(sys.argv[1:]))
    except NoSanitizer as error:
        raise SystemExit(str(error)) from error
