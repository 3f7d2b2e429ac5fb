"""The folder of a report: what lies in it is replaced at once, and nothing else is."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pixelgate.domain.keys import COMPARISON, REPORT
from pixelgate.errors import UsageError

# The parts of a report; comparison.json, without which it is not complete, comes first.
_PARTS = (COMPARISON, REPORT, "images", "diffs")
_STAGING = ".pixelgate-"


def check_ours(out: Path) -> None:
    """Refuses a folder that contains anything but a report of pixelgate. Raises UsageError."""
    foreign = sorted(e.name for e in out.iterdir() if not _is_ours(e.name))
    if foreign:
        raise UsageError(
            f"{out} contains {foreign[0]!r}, which is not part of a report; choose another folder"
        )
    if (out / COMPARISON).exists():
        try:
            ours = "schema_version" in json.loads((out / COMPARISON).read_bytes())
        except (OSError, ValueError, TypeError):
            ours = False
        if not ours:
            raise UsageError(
                f"{out / COMPARISON} was not written by pixelgate; choose another folder"
            )


def _is_ours(name: str) -> bool:
    return name in _PARTS or name.startswith(_STAGING)


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """Yields a staging folder; if the block succeeds, its content replaces the report in `out`.

    The staging folder is inside `out`, which may be a link, a mounted volume, or the only folder
    that is writable. comparison.json is removed first and written last, so that an incomplete
    report has none.
    """
    existed = out.exists()
    out.mkdir(parents=True, exist_ok=True)
    for left_over in out.glob(f"{_STAGING}*"):
        shutil.rmtree(left_over, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=out))
    try:
        yield staging
        for name in _PARTS:
            old = out / name
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old)
            else:
                old.unlink(missing_ok=True)
        for name in reversed(_PARTS):
            if (staging / name).exists():
                (staging / name).replace(out / name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if not existed and not any(out.iterdir()):
            out.rmdir()
