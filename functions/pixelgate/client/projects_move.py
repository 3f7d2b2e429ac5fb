"""Moves a project: to another name, to another bucket, or both.

Everything is copied, then compared, and only then removed from where it was. No copy starts a
comparison: S3 sends events for uploads/ and reviews/ only, and neither is copied. In its new place
a build serves as a baseline when its record is there, which is written after all of its objects;
its status.json, which clients read, comes last. A run that was interrupted is repeated and goes on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pixelgate.client.projects import (
    Place,
    check_idle,
    marker_of,
    read_marker,
    remove,
)
from pixelgate.client.projects_rewrite import content_type, rewritten
from pixelgate.domain import keys
from pixelgate.domain.wording import joined
from pixelgate.errors import NotFound, UsageError
from pixelgate.pipeline.cleanup.index import add_lines
from pixelgate.pipeline.parallel import bounded_map
from pixelgate.ports import SILENT, Listed, Progress

_THREADS = 16
_ROUNDS = 5
_SHOWN = 5
_NOT_COPIED = frozenset({"uploads", "reviews"})
# Objects of earlier groups are copied before those of later ones.
_ORDER = {"images": 0, "aside": 0, "diffs": 0, "comparisons": 1, "builds": 2}
_STATUS = 4


@dataclass
class Moved:
    """What a move did, or would do.

    Attributes:
        objects, size: the number of objects that belong to the new place, and their bytes.
        records: the number of records.
        copied: the number of objects that this run wrote.
        left: builds whose upload stays where it was, as nobody has accepted it.
    """

    objects: int = 0
    size: int = 0
    records: int = 0
    copied: int = 0
    left: list[str] = field(default_factory=list)


def move(
    source: Place, target: Place, now: float, *, dry_run: bool, progress: Progress = SILENT
) -> Moved:
    """Moves a project. Repeating it after an interruption goes on; `now` is in seconds since 1970.

    Raises:
        UsageError: something runs in the project, the target has builds of its own, or the source
            goes on changing; the message says what to do. Nothing was removed then.
        BucketError: a request failed; nothing is lost, and the move may be repeated.
    """
    marker = {"from": source.project, "bucket": source.at}
    present = read_marker(target.bucket, target.project)
    listed, items = source.listed(), source.table.items(source.project)
    _check(source, target, present, marker, listed, items)
    check_idle(source, listed, items, now)
    done = Moved()
    if dry_run:
        return _counted(done, source, target, listed, items)
    if not present:
        _mark(target, marker)
    settled = _settled(target, items)
    for _ in range(_ROUNDS):
        _copy(source, target, listed, items, settled, done, progress)
        again, items_again = source.listed(), source.table.items(source.project)
        check_idle(source, again, items_again, now)
        if _same(listed, again) and items == items_again:
            break
        before = {entry.key: entry.tag for entry in listed}
        changed = {e.key.split("/")[2] for e in again if before.get(e.key) != e.tag}
        listed, items = again, items_again
        settled = _settled(target, items) - changed
    else:
        raise UsageError(
            f"{source} goes on changing; what was copied is kept. Let its CI jobs end, and move it "
            "again"
        )
    _verify(source, target, listed, items, settled)
    _mark(target, {**marker, "deleting": True})
    done = _counted(done, source, target, listed, items)
    gone = [e.key for e in listed if e.key.split("/")[2] not in done.left]
    remove(source, gone, items, progress)
    target.bucket.delete([marker_of(target.project)])
    return done


def _check(
    source: Place,
    target: Place,
    present: Mapping[str, Any],
    marker: Mapping[str, Any],
    listed: list[Listed],
    items: list[dict[str, Any]],
) -> None:
    """Refuses a move that makes no sense, or into what is not empty."""
    ours = {name: present.get(name) for name in marker} == marker
    if (source.at, source.project) == (target.at, target.project):
        raise UsageError(f"{source} is where it is to go")
    if read_marker(source.bucket, source.project):
        raise UsageError(f"a move into {source} is not finished; repeat that one first")
    if present and not ours:
        raise UsageError(
            f"a move from {present.get('from')} in {present.get('bucket')} into {target} is not "
            "finished; repeat that one first"
        )
    if not listed and not items and not present:
        raise UsageError(f"there is no project {source}")
    if not present and (target.listed() or target.table.items(target.project)):
        raise UsageError(
            f"there is a project {target} already, and two projects cannot be joined; choose "
            "another name, or delete it first"
        )
    if present:
        _check_own(target, items)


def _check_own(target: Place, items: Iterable[Mapping[str, Any]]) -> None:
    """Refuses to go on if CI has used an id of a build in the new place meanwhile."""
    theirs = {item["sk"]: item for item in target.table.items(target.project)}
    clash = [
        str(item["sk"]).removeprefix("build/")
        for item in items
        if str(item["sk"]).startswith("build/")
        and item["sk"] in theirs
        and theirs[item["sk"]].get("created") != item.get("created")
    ]
    if clash:
        raise UsageError(
            f"{target} has builds of its own with ids that are to be moved there: "
            f"{joined(sorted(clash), _SHOWN)}. Nothing was removed"
        )


def _settled(target: Place, items: Iterable[Mapping[str, Any]]) -> set[str]:
    """Returns the builds that an earlier run has copied, and that are not newer in their old place.

    People may have reviewed them in their new place meanwhile, so they are not copied again.
    """
    theirs, ours = _ages(target.table.items(target.project)), _ages(items)
    return {build for build, age in theirs.items() if build not in ours or age >= ours[build]}


def _ages(items: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Any, Any, int]]:
    """Returns the state of each build with a record, in an order: the later, the higher.

    It is told by its reviews, by the last write of its comparisons, and by what is known of it.
    """
    records, written = {}, dict[str, Any]()
    for item in items:
        build = _build_of(item)
        if str(item["sk"]).startswith("build/"):
            records[build] = item
        elif str(item["sk"]).startswith("comparison/"):
            written[build] = max(written.get(build, 0), item.get("updated") or 0)
    return {
        build: (item.get("review_revision") or 0, written.get(build, 0), len(item))
        for build, item in records.items()
    }


def _build_of(item: Mapping[str, Any]) -> str:
    """Returns the build that an item is about; empty for one that only finds builds."""
    kind, _, rest = str(item["sk"]).partition("/")
    if kind in {"build", "comparison", "review"}:
        return rest.split("/")[0]
    return rest.rpartition("/")[2] if kind == "decided" else ""


def _mark(target: Place, fields: Mapping[str, Any]) -> None:
    target.bucket.write(marker_of(target.project), json.dumps(fields).encode(), "application/json")


def _copy(
    source: Place,
    target: Place,
    listed: list[Listed],
    items: list[dict[str, Any]],
    settled: set[str],
    done: Moved,
    progress: Progress,
) -> None:
    """Copies what is not there yet: objects, then records, then what shows them to people."""
    there = {entry.key: entry.size for entry in target.listed()}
    wanted = [entry for entry in listed if _needs_copy(source, target, entry, there, settled)]
    progress.begin("copying", len(wanted) + len(items))
    groups: dict[int, list[str]] = {}
    for entry in wanted:
        groups.setdefault(_group(entry.key), []).append(entry.key)
    for group in sorted(groups):
        if group == _STATUS:
            continue
        for _ in bounded_map(lambda key: _carry(source, target, key), groups[group], _THREADS):
            progress.step()
    for item in sorted(items, key=lambda item: str(item["sk"]).startswith("build/")):
        _carry_item(target, _in_target(source, target, item), settled)
        progress.step()
    for _ in bounded_map(
        lambda key: _carry(source, target, key), groups.get(_STATUS, []), _THREADS
    ):
        progress.step()
    done.copied += len(wanted)


def _needs_copy(
    source: Place, target: Place, entry: Listed, there: Mapping[str, int], settled: set[str]
) -> bool:
    key = _key_in(source, target, entry.key)
    if key is None:
        return False
    if _is_picture(key):
        return there.get(key) != entry.size
    # What is rewritten may have the same size; it is small, so it is written again.
    return key not in there or key.split("/")[2] not in settled


def _is_picture(key: str) -> bool:
    """Whether an object never changes and names no project: an image, a mask or a thumbnail."""
    return key.split("/")[0] in {"images", "aside", "diffs"} or key.endswith((".png", ".webp"))


def _group(key: str) -> int:
    if key.startswith("builds/") and key.endswith("/status.json") and key.count("/") == 3:
        return _STATUS
    return _ORDER[key.split("/")[0]]


def _key_in(source: Place, target: Place, key: str) -> str | None:
    """Returns the key of an object in the new place; None for what is not carried over."""
    top, _, rest = key.split("/", 2)
    if top in _NOT_COPIED or (top == "comparisons" and keys.is_scratch(key)):
        return None
    return f"{top}/{target.project}/{rest}"


def _carry(source: Place, target: Place, key: str) -> None:
    """Copies one object; one that is gone meanwhile is looked at again in the next round."""
    new = _key_in(source, target, key)
    assert new is not None  # noqa: S101 - the others are not wanted
    try:
        body = source.bucket.read(key)
        if source.project != target.project:
            body = rewritten(key, body, source.bucket, source.project, target.project)
    except NotFound:
        return
    if keys.is_index_month(new):
        # Its lines name no project. Lines that were added in the new place meanwhile stay.
        add_lines(target.bucket, new, {key: body})
    elif key.startswith("images/"):
        target.bucket.put_new(new, body, content_type(new, body), hashlib.sha256(body).digest())
    else:
        target.bucket.write(new, body, content_type(new, body))


def _in_target(source: Place, target: Place, item: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an item as it is in the new place: also the keys in it are of that project."""
    new = {**item, "pk": target.project}
    for name in ("comparison_key", "report_key"):
        if isinstance(new.get(name), str):
            top, _, rest = new[name].split("/", 2)
            new[name] = f"{top}/{target.project}/{rest}"
    return new


def _carry_item(target: Place, new: Mapping[str, Any], settled: set[str]) -> None:
    present = target.table.put_new(new)
    if present is not None and present != dict(new) and _build_of(new) not in settled:
        target.table.put(new)  # an earlier run copied it, and it has changed since


def _same(first: list[Listed], second: list[Listed]) -> bool:
    return [(e.key, e.tag) for e in first] == [(e.key, e.tag) for e in second]


def _verify(
    source: Place,
    target: Place,
    listed: list[Listed],
    items: list[dict[str, Any]],
    settled: set[str],
) -> None:
    """Compares both places; S3 itself compares the checksum of each object when it is written."""
    there = {entry.key: entry.size for entry in target.listed()}
    wrong = []
    for entry in listed:
        key = _key_in(source, target, entry.key)
        if key is None or (key in there and not _is_picture(key)):
            continue
        if there.get(key) != entry.size:
            wrong.append(key)
    records = {item["sk"]: item for item in target.table.items(target.project)}
    for item in items:
        found = records.get(item["sk"])
        newer = found is not None and _build_of(item) in settled
        if not newer and found != _in_target(source, target, item):
            wrong.append(f"record {item['sk']}")
    if wrong:
        raise UsageError(
            f"after copying, {len(wrong):,} of {target} are not as they should be: "
            f"{joined(wrong, _SHOWN)}. Nothing was removed; move it again"
        )


def _counted(
    done: Moved, source: Place, target: Place, listed: list[Listed], items: list[dict[str, Any]]
) -> Moved:
    """Counts what belongs to the new place, and finds the builds that nobody has accepted."""
    builds = {key.split("/")[2] for e in listed if (key := e.key).startswith("builds/")}
    builds |= {str(item["sk"]).split("/")[1] for item in items if str(item["sk"])[:6] == "build/"}
    target_builds = {e.key.split("/")[2] for e in target.bucket.list(f"builds/{target.project}/")}
    carried = [entry for entry in listed if _key_in(source, target, entry.key)]
    others = [e.key.split("/")[2] for e in listed if not _key_in(source, target, e.key)]
    done.objects, done.records = len(carried), len(items)
    done.size = sum(entry.size for entry in carried)
    done.left = sorted(set(others) - builds - target_builds)
    return done
