"""Tells of builds: which there are, what changed in one, and why that counts or is explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pixelgate.client.mcp.answers import (
    NOTE,
    Answer,
    clip,
    cursor_of,
    page,
    place_in,
    question,
    some,
)
from pixelgate.client.mcp.source import Result, Source
from pixelgate.domain.comparison import Snapshot, Status, needing_review
from pixelgate.domain.names import canonical, compile_glob, find
from pixelgate.errors import UsageError
from pixelgate.published.reviews import Given, counting
from pixelgate.published.status import in_words, review_in, review_of, reviewers, short_name
from pixelgate.report.explain import MARKS, NOISES, why

_MOST_BUILDS = 50
_MOST_PROJECTS = 200
_MOST_GROUPS = 15
_NAMES_OF_A_GROUP = 5
_MOST_REGIONS = 5
_MOST_SENTENCES = 12
_MOST_WORDS = 10  # of reasons, warnings and reviewers
_MOST_REVIEWS = 20
# What is shown unless other statuses are asked for: what needs a review, and what people look at.
SHOWN = ("changed", "added", "removed", "errored", "renamed")


def list_projects(source: Source, cursor: str | None) -> Answer:
    """Lists the projects by name."""
    names = source.projects()
    around = {"note": NOTE}
    rows, more = page(
        names, lambda name: {"untrusted": {"project": name}},
        asked=question("projects"), cursor=cursor, limit=_MOST_PROJECTS, around=around,
    )  # fmt: skip
    return {**around, **more, "projects": rows}


def list_builds(
    source: Source, project: str | None, search: str | None, limit: int, cursor: str | None
) -> Answer:
    """Lists builds, the newest first, with verdict and review."""
    named = source.named(project)
    words = (search or "").lower().split()
    asked = question("builds", project=named, words=words)
    after = place_in(cursor, asked)
    count = min(limit, _MOST_BUILDS)
    statuses, more = source.builds(named, words, None if after is None else str(after), count)
    last = str(statuses[-1].get("build")) if statuses and more else None
    return {
        "note": NOTE,
        "untrusted": {"project": named},
        "builds": [_build(status) for status in statuses],
        "next_cursor": cursor_of(asked, last) if last else None,
    }


def _build(status: Mapping[str, Any]) -> Answer:
    return {
        "state": status.get("state"),
        "verdict": status.get("verdict"),
        "review": review_of(status) if status.get("state") == "SUCCEEDED" else None,
        "result": in_words(status),
        "counts": status.get("counts") or {},
        "created": status.get("created"),
        "execution": status.get("execution"),
        "untrusted": {
            "build": status.get("build"),
            "base": status.get("base"),
            "branch": clip(status.get("branch")),
            "pull_request": clip(status.get("pull_request")),
            "commit": clip(status.get("commit")),
            "author": clip(status.get("author")),
            "reviewers": [clip(name) for name in reviewers(status)[:_MOST_WORDS]],
        },
    }


def what_changed(
    source: Source,
    project: str | None,
    build: str | None,
    *,
    statuses: Sequence[str] = (),
    group: str | None = None,
    glob: str | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> tuple[Answer, Result, list[str]]:
    """Tells what changed in a build; also returns its result, and the names that it tells of.

    Raises:
        UsageError: there is no such build, group, status or cursor.
        BucketError: something cannot be read.
    """
    result = source.result(source.named(project), build)
    head = {"note": NOTE, **_build(result.status), "untrusted": _about(result)}
    if result.comparison is None:
        error = result.status.get("error") or {}
        told = {"code": error.get("code"), "message": clip(error.get("message"), 2_000)}
        return {**head, "untrusted": {**head["untrusted"], "error": told}}, result, []
    wanted = _wanted(result, statuses, group, glob)
    reviews = source.reviews(result)
    execution = result.comparison.execution
    asked = question("changes", build=result.build, execution=execution, names=wanted)
    groups = _groups(result)
    around = dict(head)
    if not cursor:
        around |= {"groups": groups[0], "more_groups": groups[1]}
        around["reviews"] = [_review(given) for given in reviews[-_MOST_REVIEWS:]]
    rows, more = page(
        wanted, lambda name: snapshot_row(result, name, reviews),
        asked=asked, cursor=cursor, limit=limit, around=around,
    )  # fmt: skip
    begin = int(more["from"])
    return {**around, **more, "snapshots": rows}, result, wanted[begin : begin + len(rows)]


def all_changes(
    source: Source,
    result: Result,
    *,
    statuses: Sequence[str] = (),
    group: str | None = None,
    glob: str | None = None,
) -> Answer:
    """Tells the same of a build with a result, for scripts: unbounded, nothing set apart.

    Raises:
        UsageError: there is no such group, status or name.
        BucketError: something cannot be read.
    """
    reviews = source.reviews(result)
    names = _wanted(result, statuses, group, glob)
    base = result.comparison.id.base if result.comparison and result.has_base else None
    return {
        "project": result.build.project,
        "build": result.build.build,
        "verdict": result.status.get("verdict"),
        "review": review_of(result.status),
        "execution": result.status.get("execution"),
        "base": base,
        "counts": result.status.get("counts") or {},
        "groups": [_flat(one) for one in _groups(result, None)[0]],
        "snapshots": [_flat(snapshot_row(result, name, reviews)) for name in names],
    }


def _flat(row: Mapping[str, Any]) -> Answer:
    flat: Answer = {}
    for key, value in row.items():
        if key == "untrusted":
            flat |= value
        else:
            flat[key] = _flat(value) if isinstance(value, dict) else value
    return flat


def _about(result: Result) -> Answer:
    """Tells the texts of a build."""
    status, review = result.status, review_in(result.status)
    reasons, more = some(review.get("reasons") or (), _MOST_WORDS)
    refused, _ = some(review.get("refused") or (), _MOST_WORDS)
    warnings, more_warnings = some(
        result.comparison.warnings if result.comparison else (), _MOST_WORDS
    )
    return {
        "project": result.build.project,
        **_build(status)["untrusted"],
        "baseline_reason": clip(status.get("baseline_reason")),
        "reasons": [clip(reason) for reason in reasons],
        "more_reasons": more,
        "carried_from": review.get("carried_from"),
        "refused_reviews": [
            {"by": clip(short_name(str(one.get("by")))), "why": clip(one.get("why"))}
            for one in refused
            if isinstance(one, dict)
        ],
        "warnings": [clip(warning) for warning in warnings],
        "more_warnings": more_warnings,
        "report": status.get("report"),
    }


def _wanted(
    result: Result, statuses: Sequence[str], group: str | None, glob: str | None
) -> list[str]:
    """Returns the names that are asked for, those that need a review first.

    `explained` stands for what differs and passed.
    """
    snapshots = result.comparison.snapshots if result.comparison else {}
    known = {*map(str, Status), "explained"}
    if wrong := sorted(set(statuses) - known):
        raise UsageError(
            f"statuses: {wrong[0]!r} is none; there are {', '.join(sorted(known))} "
            "(`explained` is what differs and passed)"
        )
    wanted = frozenset(statuses or (*SHOWN, *(("explained", "unchanged") if group or glob else ())))
    pattern = compile_glob(glob) if glob else None
    names = [
        name
        for name, s in snapshots.items()
        if (str(s.status) in wanted or ("explained" in wanted and _is_explained(s)))
        and (group is None or group in (s.group, s.details.get("group")))
        and (pattern is None or pattern.match(canonical(name)))
    ]
    if not names and (group or glob):
        raise UsageError(
            "group, glob: no snapshot of the build fits; what_changed without them tells of all"
        )
    order = {status: n for n, status in enumerate(SHOWN)}
    return sorted(names, key=lambda n: (order.get(str(snapshots[n].status), len(order)), n))


def _is_explained(snapshot: Snapshot) -> bool:
    return snapshot.status is Status.UNCHANGED and snapshot.measured is not None


def _groups(result: Result, most: int | None = _MOST_GROUPS) -> tuple[list[Answer], int]:
    """Tells the groups that need a review, the largest first."""
    if result.comparison is None:
        return [], 0
    needing = needing_review(has_base=result.has_base)
    members: dict[str, list[str]] = {}
    for name, snapshot in sorted(result.comparison.snapshots.items()):
        if snapshot.group and snapshot.status in needing:
            members.setdefault(snapshot.group, []).append(name)
    largest = sorted(members.items(), key=lambda item: (-len(item[1]), item[0]))
    found = [
        {
            "group": group,
            "snapshots": len(names),
            "statuses": dict(Counter(str(result.comparison.snapshots[n].status) for n in names)),
            "untrusted": {"names": names[: _NAMES_OF_A_GROUP if most else None]},
        }
        for group, names in largest[:most]
    ]
    return found, len(largest) - len(found)


def _review(given: Given) -> Answer:
    names, more = some(given.names or (), _NAMES_OF_A_GROUP)
    return {
        "action": given.action,
        "at": given.at,
        "of": "the whole build" if given.names is None else f"{len(given.names):,} snapshots",
        "untrusted": {"by": clip(given.by), "reason": clip(given.reason), "names": names},
        **({"more_names": more} if more else {}),
    }


def snapshot_row(result: Result, name: str, reviews: Iterable[Given] = ()) -> Answer:
    """Tells of one snapshot: its status, why it counts or is explained, and who decided."""
    if result.comparison is None:
        raise UsageError("build: it has no result")
    snapshot = result.comparison.snapshots[name]
    sentences, more = some(why(snapshot, result.comparison.policy, name), _MOST_SENTENCES)
    about = counting(reviews, name)
    details = snapshot.details
    return {
        "status": str(snapshot.status),
        "needs_review": snapshot.status in needing_review(has_base=result.has_base),
        "group": snapshot.group,
        **_measured(snapshot),
        "decision": _decision(about[-1]) if about else None,
        "untrusted": {
            "name": name,
            "name_in_base": snapshot.previous_name,
            "title": clip(details.get("display_name")),
            "description": clip(details.get("description")),
            "belongs_to": clip(details.get("group")),
            "error": clip(snapshot.reason),
            "why": [clip(sentence) for sentence in sentences],
            **({"more_sentences": more} if more else {}),
        },
    }


def _decision(given: Given) -> Answer:
    return {
        "action": given.action,
        "at": given.at,
        "untrusted": {"by": clip(given.by), "reason": clip(given.reason)},
    }


def _measured(snapshot: Snapshot) -> Answer:
    """Tells the numbers of a snapshot that was compared, and in our words what they stand for."""
    if snapshot.measured is None:
        return {"sizes": {"base": snapshot.base_size, "head": snapshot.head_size}}
    diff, judgement = snapshot.measured.diff, snapshot.judgement
    none = (None,) * len(diff.regions)
    marks = judgement.marks if judgement else none
    noises = (judgement and judgement.kinds) or none
    judged = sorted(zip(diff.regions, marks, noises, strict=True), key=lambda one: -one[0].pixels)
    counted = Counter(str(mark) for mark in marks if mark)
    return {
        "pixels": diff.changed_pixels + diff.counted_pixels,
        "of_pixels": diff.total_pixels,
        "sizes": {"base": diff.base_size, "head": diff.head_size},
        "counts_as": [
            {"mark": mark.replace("_", "-"), "regions": n, "meaning": MARKS[_mark(mark)]}
            for mark, n in counted.items()
        ],
        "explained_by": [
            {"noise": str(noise.kind), "areas": noise.areas, "meaning": NOISES[noise.kind]}
            for noise in diff.explained
        ],
        "regions": [
            {"x": r.x, "y": r.y, "width": r.width, "height": r.height, "pixels": r.pixels,
             "counts_as": str(mark) if mark else None, "noise": str(noise) if noise else None}
            for r, mark, noise in judged[:_MOST_REGIONS]
        ],
        "more_regions": max(0, len(judged) - _MOST_REGIONS),
    }  # fmt: skip


def _mark(word: str) -> Any:
    from pixelgate.domain.verdict import Mark

    return Mark(word)


def known_name(result: Result, name: str) -> str:
    """Returns a name as the build spells it. Raises UsageError if it has none."""
    known = find(name, result.comparison.snapshots) if result.comparison else None
    if known is None:
        raise UsageError(
            f"name: the build has no snapshot {name!r}; a name is a path with its extension, as "
            "what_changed tells it"
        )
    return known
