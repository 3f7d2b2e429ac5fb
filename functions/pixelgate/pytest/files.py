"""Writes files, whole or not at all, and accepts screenshots as the baseline, all or none."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from pixelgate.errors import UsageError

# Hidden, so that neither upload nor compare takes it for a screenshot.
_UPDATE = ".pixelgate-update-"
_JOURNAL = "journal.json"


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = error.filename2 or error.filename or path
        raise UsageError(f"{place} cannot be written: {error.strerror or error}") from error


def put(path: Path, body: bytes) -> None:
    """Writes a file under another name and renames it. Raises UsageError with the path."""
    with _naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(prefix=".pg", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(body)
            Path(unfinished).chmod(0o644)
            Path(unfinished).replace(path)
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise


def clear(folder: Path, names: Collection[str]) -> None:
    """Removes screenshots and the JSON files beside them."""
    for name in names:
        path = folder / name
        with _naming(path):
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)


def accept(baseline: Path, new: Mapping[str, Path], removed: Collection[str]) -> None:
    """Makes the screenshots `new`, by name, a part of the baseline, and takes `removed` out of it.

    Everything is written beside the old files, then a journal, then the files change places. If
    the process dies before the journal, nothing is accepted; after it, `recover` accepts the rest.

    Raises:
        UsageError: a file cannot be read or written; then nothing is accepted.
    """
    with _naming(baseline):
        baseline.mkdir(parents=True, exist_ok=True)
        for unfinished in baseline.glob(f"{_UPDATE}*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        staging = Path(tempfile.mkdtemp(prefix=_UPDATE, dir=baseline))
    try:
        for number, path in enumerate(new.values()):
            with _naming(staging):
                shutil.copyfile(path, staging / str(number))
        journal = {"new": list(new), "removed": sorted(removed)}
        put(staging / _JOURNAL, json.dumps(journal).encode())
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    recover(baseline)


def recover(baseline: Path) -> None:
    """Carries out the rest of an update that was interrupted.

    Several processes may do this at the same time. Raises UsageError.
    """
    for journal in sorted(baseline.glob(f"{_UPDATE}*/{_JOURNAL}")):
        try:
            planned = json.loads(journal.read_text("utf-8"))
        except FileNotFoundError:
            continue  # another process has just done it
        for number, name in enumerate(planned["new"]):
            staged, path = journal.parent / str(number), baseline / name
            with _naming(path), suppress(FileNotFoundError):
                if staged.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    staged.chmod(0o644)
                    staged.replace(path)
        for name in planned["removed"]:
            path = baseline / name
            with _naming(path):
                path.unlink(missing_ok=True)
            with suppress(OSError):  # folders that are not empty stay
                for parent in path.parents[: len(Path(name).parts) - 1]:
                    parent.rmdir()
        shutil.rmtree(journal.parent, ignore_errors=True)
