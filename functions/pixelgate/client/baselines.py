"""The first baseline of a project: whether there is one, and a copy of one on this machine."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixelgate.client.polling import look
from pixelgate.client.scan import Scan
from pixelgate.domain.keys import FORK, TRUNK, BuildId
from pixelgate.domain.manifest import IMAGE_SUFFIXES
from pixelgate.errors import UsageError
from pixelgate.ports import Bucket
from pixelgate.published.history import history, newest
from pixelgate.published.status import review_of

# A project without a baseline among its newest builds has none that a branch would find.
_LOOKED_AT = 200


def find_baseline(store: Bucket, project: str, branch: str) -> BuildId | None:
    """Returns the newest build that a later one could be compared with; None if there is none.

    It is a baseline branch's own, a person has approved it, or it is the branch's in a stack that
    believes manifests. Builds that failed or were rejected are none.

    Raises:
        BucketError: the bucket cannot be read.
    """
    trunk = [build for build in newest(store, project) if build.build.startswith(TRUNK)]
    for build in trunk[:_LOOKED_AT]:
        if _is_good(look(store, build).status or {}):
            return build
    for past in history(store, project, limit=_LOOKED_AT):
        review = review_of(past.status)
        own = past.branch == branch and past.pull_request is None and review != "needed"
        is_fork = past.id.build.startswith(FORK)
        if _is_good(past.status) and not is_fork and (own or review == "approved"):
            return past.id
    return None


def _is_good(status: Mapping[str, Any]) -> bool:
    return status.get("state") == "SUCCEEDED" and review_of(status) != "rejected"


def copy_baseline(scan: Scan, to: Path, *, replace: bool) -> None:
    """Copies snapshots to a folder under their names, each with its sidecar.

    The folder is complete or unchanged: the copies are made beside it and moved at the end.

    Raises:
        UsageError: the folder has files, and is not to be replaced; or it contains the source.
        OSError: a file cannot be read or written.
    """
    if to.exists() and not to.is_dir():
        raise UsageError(f"--to {to} is a file; name a folder")
    if scan.selection.folder.resolve().is_relative_to(to.resolve()):
        raise UsageError(f"--to {to} contains {scan.selection.folder}; name another folder")
    if to.is_dir() and any(to.iterdir()) and not replace:
        raise UsageError(f"--to {to} has files already; name another folder, or pass --replace")
    for path in sorted(to.rglob("*")) if to.is_dir() else ():
        if path.is_file() and path.suffix.lower() not in IMAGE_SUFFIXES | {".json"}:
            raise UsageError(f"--to {to} has {path}, which is no golden; name another folder")
    to.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".pixelgate-", dir=to.parent))
    try:
        for name, entry in scan.entries.items():
            path = staging / "new" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(entry.path, path)
            described = {
                field: value
                for field, value in entry.fields().items()
                if field not in {"sha256", "width", "height", "bytes"}
            }
            if described:
                text = json.dumps(described, ensure_ascii=False, indent=2)
                path.with_suffix(".json").write_text(f"{text}\n", "utf-8")
        if to.exists():
            to.rename(staging / "old")
        (staging / "new").rename(to)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
