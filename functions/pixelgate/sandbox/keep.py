"""A folder in which a local AWS keeps its bucket and its table from one start to the next."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from pixelgate import __version__
from pixelgate.errors import SandboxFailed

ABOUT = "sandbox.json"
LOCK = "lock"
FORMAT = 1


@contextmanager
def opened(folder: Path, project: str | None, default: str) -> Iterator[str]:
    """Opens a folder, or makes it, so that nobody else has it open; yields the project.

    Args:
        folder: the folder.
        project: the project that is named; None for the one that the folder had last.
        default: the project of a new folder if none is named.

    Raises:
        SandboxFailed: it holds something else, has another format, is in use or cannot be written.
    """
    try:
        name, lock = _open(folder, project, default)
    except OSError as error:
        raise SandboxFailed(
            f"{error.filename or folder} cannot be written: {error.strerror}; name another folder"
        ) from error
    with lock:
        yield name


def _open(folder: Path, project: str | None, default: str) -> tuple[str, IO[bytes]]:
    folder.mkdir(parents=True, exist_ok=True)
    about = folder / ABOUT
    if not about.exists() and any(path.name != LOCK for path in folder.iterdir()):
        raise SandboxFailed(
            f"{folder} holds files that are no sandbox's (it has no {ABOUT}): name a new or an "
            "empty folder"
        )
    lock = (folder / LOCK).open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fields = _read(about) if about.exists() else {}
        name = project or str(fields.get("project", default))
        unfinished = about.with_suffix(".unfinished")
        unfinished.write_text(json.dumps({"format": FORMAT, "project": name, "by": __version__}))
        unfinished.replace(about)
    except BlockingIOError:
        lock.close()
        raise SandboxFailed(
            f"{folder} is in use by another sandbox: end that one, or name another folder"
        ) from None
    except BaseException:
        lock.close()
        raise
    return name, lock


def _read(about: Path) -> dict[str, Any]:
    try:
        fields = json.loads(about.read_text("utf-8"))
    except ValueError as error:
        raise SandboxFailed(f"{about} cannot be read: {error}") from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        by = fields.get("by", "another version") if isinstance(fields, dict) else "something else"
        raise SandboxFailed(
            f"{about} is not of format {FORMAT}, which pixelgate {__version__} reads: it was "
            f"written by {by}. Use that, or name a new folder"
        )
    return fields
