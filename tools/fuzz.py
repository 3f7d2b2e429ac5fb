"""`make fuzz`: damaged images through the whole engine, for a bounded time, from a seed.

The engine runs in a child process (fuzz_child.py), because a decoder that crashes takes its
process along; the child notes each pair before it begins. Here we wait, and see afterwards that
nothing of it is left: no process, no file.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pixelgate.bootstrap import find_engine

CHILD = Path(__file__).with_name("fuzz_child.py")
GRACE_SECONDS = 10.0


@dataclass
class Run:
    """One child: where it works and what went wrong with it.

    Attributes:
        place: a folder that is ours alone: odiff, the child's temporary files, its notes.
        problems: what went wrong, in words.
    """

    place: Path
    problems: list[str] = field(default_factory=list)

    @property
    def odiff(self) -> Path:
        """A copy of odiff: by its path we know our own processes from everybody else's."""
        return self.place / "odiff"

    @property
    def temporary(self) -> Path:
        """The child's TMPDIR, which must be empty in the end."""
        return self.place / "tmp"

    @property
    def notes(self) -> Path:
        """Where the child keeps the pairs that are under way, a folder for each thread."""
        return self.place / "now"

    @property
    def offending(self) -> Path:
        """Where the child puts the pairs whose results were wrong."""
        return self.place / "wrong"


def main() -> int:
    """Runs the child; 0 if all invariants held."""
    arguments = _arguments()
    print(f"seed {arguments.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="pgfuzz") as folder:
        run = Run(Path(folder))
        shutil.copy(find_engine().binary, run.odiff)
        for made in (run.temporary, run.notes, run.offending):
            made.mkdir()
        child = _start(run, arguments)
        try:
            _watch(child, run, arguments.limit)
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
        _look_for_leftovers(run)
        kept = _keep(run, arguments.keep)
    for problem in run.problems:
        print(problem)
    if run.problems or child.returncode:
        print(f"seed {arguments.seed} again to repeat it; inputs: {kept or 'give --keep DIR'}")
        return 1
    return 0


def _start(run: Run, arguments: argparse.Namespace) -> subprocess.Popen[bytes]:
    order = {
        "odiff": str(run.odiff),
        "notes": str(run.notes),
        "offending": str(run.offending),
        "seed": arguments.seed,
        "seconds": arguments.seconds,
        "pairs": arguments.pairs,
        "like_pillow": arguments.like_pillow,
        "replay": [str(path.resolve()) for path in arguments.replay or ()],
    }
    environment = os.environ | {"TMPDIR": str(run.temporary)}
    return subprocess.Popen([sys.executable, CHILD, json.dumps(order)], env=environment)


def _watch(child: subprocess.Popen[bytes], run: Run, limit: float) -> None:
    """Until the child has ended; kills it if one pair takes too long."""
    last_seen = time.monotonic()
    while child.poll() is None:
        time.sleep(0.1)
        if any(run.notes.iterdir()):
            last_seen = time.monotonic()
        if (pair := _overdue(run, limit)) is not None:
            run.problems.append(f"a pair takes more than {limit:g} s: {pair.name}")
            child.kill()
            return
        # Before the first pair and after the last one there is no note to be overdue.
        if time.monotonic() - last_seen > limit + GRACE_SECONDS:
            run.problems.append("the child neither begins nor ends")
            child.kill()
            return
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        run.problems.append(f"the engine's process was ended by {name}")
    elif child.returncode not in (0, 1):
        run.problems.append(f"the engine's process ended with {child.returncode}")


def _overdue(run: Run, limit: float) -> Path | None:
    """The pair that has been under way for too long: its note is as old as it is."""
    for note in run.notes.iterdir():
        with suppress(FileNotFoundError):  # it has ended meanwhile
            if time.time() - note.stat().st_mtime > limit:
                return note
    return None


def _look_for_leftovers(run: Run) -> None:
    """Processes and files that outlive a child which ended in order; after a kill, only processes.

    odiff ends by itself when its worker is gone, but needs a moment for it.
    """
    deadline = time.monotonic() + GRACE_SECONDS
    while (orphans := _processes_of(run.odiff)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in orphans:
        run.problems.append(f"an odiff was left behind: process {pid}")
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    left = sorted(path.name for path in run.temporary.iterdir())
    if left and not run.problems:
        run.problems.append(f"files were left behind: {', '.join(left[:5])}")


def _processes_of(binary: Path) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if (entry / "exe").readlink() == binary:
                    found.append(int(entry.name))
    return found


def _keep(run: Run, keep: Path | None) -> Path | None:
    """Saves the pairs with wrong results and, after an end out of order, those under way."""
    pairs = [*run.offending.iterdir(), *(run.notes.iterdir() if run.problems else ())]
    if keep is None or not pairs:
        return None
    for pair in pairs:
        shutil.copytree(pair, keep / pair.name, dirs_exist_ok=True)
    return keep


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, help="how long; 60 by default")
    parser.add_argument("--pairs", type=int, help="end after so many pairs, if that is earlier")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32, help="to repeat a run")
    parser.add_argument("--limit", type=float, default=40, help="seconds that one pair may take")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="save what went wrong there")
    parser.add_argument(
        "--like-pillow", action="store_true", help="what is read must be what Pillow reads"
    )
    parser.add_argument(
        "--replay", type=Path, nargs=2, metavar="FILE", help="only this pair, base and head"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
