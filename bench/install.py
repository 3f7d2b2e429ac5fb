"""`make bench-install`: how long it takes to install, and how large it is, beside the rivals.

    python -m bench.install [--rounds 3]

Each program is installed into an empty folder with an empty cache, `pixelgate` by uv from its
locked list, the rivals by npm; and then once more from the cache. Seconds are wall time, of the
quickest round; sizes are what the files occupy on the disk.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
UV = ROOT / ".venv" / "bin" / "uv"
RIVALS = ("@argos-ci/cli@6.9.4", "@percy/cli@1.32.12", "reg-suit@0.14.5", "@sentry/cli@3.8.0")
MEGABYTE = 1_000_000


def main() -> None:
    """Prints one line for each program."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("wheels", type=Path, help="the folder that `make wheels` wrote")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    [ours] = options.wheels.absolute().glob("pixelgate-*.whl")

    programs: dict[str, Callable[[Path, Path], None]] = {
        ours.stem.partition("-py3")[0].replace("-", " "): lambda into, cache: by_uv(
            ours, into, cache
        )
    }
    for name in RIVALS:
        programs[name] = lambda into, cache, name=name: by_npm(name, into, cache)  # type: ignore[misc]
    print(f"{'':24} {'nothing cached':>14} {'cached':>8} {'on disk':>9} {'files':>7}")
    first = None
    for name, install in programs.items():
        cold, warm, size, files = measure(install, options.rounds)
        first = first or (cold, size)
        ratio = f"  {cold / first[0]:.1f}× the time, {size / first[1]:.1f}× the size"
        print(f"{name:24} {cold:12.1f} s {warm:6.1f} s {size:6.1f} MB {files:7,}{ratio}")


def measure(install: Callable[[Path, Path], None], rounds: int) -> tuple[float, float, float, int]:
    """Seconds without and with a cache, megabytes and files of the quickest round."""
    cold: list[float] = []
    warm: list[float] = []
    size, files = 0.0, 0
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="pixelgate-bench-") as work:
            cache = Path(work, "cache")
            for place, seconds in (("cold", cold), ("warm", warm)):
                into = Path(work, place)
                into.mkdir()
                started = time.monotonic()
                install(into, cache)
                seconds.append(time.monotonic() - started)
            found = [path for path in Path(work, "cold").rglob("*") if path.is_file()]
            size = sum(path.lstat().st_blocks * 512 for path in found) / MEGABYTE
            files = len(found)
    return min(cold), min(warm), size, files


def by_uv(wheel: Path, into: Path, cache: Path) -> None:
    """Installs our wheel and its locked list."""
    lock = ROOT / "requirements-client.txt"
    python = into / "bin" / "python"
    environ = {**os.environ, "UV_CACHE_DIR": str(cache)}
    words: tuple[str | Path, ...] = (
        "pip", "install", "--python", python, "--only-binary", ":all:",
    )  # fmt: skip
    run([UV, "venv", into, "--allow-existing"], into, environ)
    run([UV, *words, "--require-hashes", "-r", lock], into, environ)
    run([UV, *words, "--no-deps", wheel], into, environ)


def by_npm(name: str, into: Path, cache: Path) -> None:
    """Installs a package of npm, without its scripts, which would fetch programs from elsewhere."""
    (into / "package.json").write_text("{}")
    run(
        ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--cache", cache, name],
        into, dict(os.environ),
    )  # fmt: skip


def run(words: Sequence[str | Path], folder: Path, environ: dict[str, str]) -> None:
    """Runs a command, and fails with what it said."""
    done = subprocess.run(words, cwd=folder, env=environ, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"`{' '.join(map(str, words[:4]))}` failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
