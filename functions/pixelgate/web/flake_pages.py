"""The page of flakes: the state of each snapshot, and the evidence and the region of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from pixelgate.domain.names import find
from pixelgate.past.flakes import Flakiness, State, states
from pixelgate.past.model import Past
from pixelgate.past.pairs import Pair
from pixelgate.past.unrest import rule_text, unrest
from pixelgate.published.quarantine import Row
from pixelgate.published.reviews import moment
from pixelgate.published.status import short_name
from pixelgate.web import charts, pages, tables
from pixelgate.web.gate import Session
from pixelgate.web.http import escape, path_of

_SHOWN = 200  # snapshots
_PAIRS_SHOWN = 30
_LOOKS = {State.BROKEN: "bad", State.FLAKY: "open", State.AT_RISK: "open", State.QUIET: "quiet"}
_ORDER = tuple(State)


def flakes(
    past: Past,
    quarantines: Sequence[Row],
    days: int,
    name: str,
    now: datetime,
    session: Session | None,
) -> bytes | None:
    """The states by the evidence of the last days, and all about one snapshot if it is named.

    Below the states are the quarantines that people wrote; those of pixelgate.toml are in the
    repository.

    None if the named one is unknown.
    """
    first = (now.astimezone(UTC) - timedelta(days=days)).isoformat()
    found = states(past.only(entry for entry in past.entries if entry.at >= first), now)
    trail: tuple[tuple[str, str], ...] = (
        ("Projects", "/"),
        (past.project, path_of("projects", past.project)),
    )
    if name and past.since is None:
        spelt = find(name, found)
        if spelt is None:
            return None
        trail = (*trail, ("Flakes", _to(past.project, days=days)))
        return pages.whole(spelt, trail, _one(past, found[spelt], days, now), session)
    ordered = sorted(
        found.values(), key=lambda one: (_ORDER.index(one.state), -one.interval.low, one.name)
    )
    body = f"<h1>Flakes of {escape(past.project)}</h1>{tables.spans(days)}"
    if past.since is not None:
        # Images that did not change are known from entries that were not read, so the pairs that
        # are left would differ too often.
        body += tables.left_out(past.since, f"pixelgate flakes --since {days}d")
    elif ordered:
        body += f"{_numbers(ordered)}{_list(past.project, ordered, days)}{_help()}"
    else:
        body += (
            '<p class="message">The history has no build of these days. '
            "<code>pixelgate admin index</code> adds results from before it was kept.</p>"
        )
    return pages.whole("Flakes", trail, body + _quarantines(quarantines), session)


def _quarantines(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    heads = ("State", "Snapshots", "Owner", "Reason", "Until", "Written by", "Lifted at")
    table = tables.table(heads, [_quarantine_row(row) for row in reversed(rows)])
    return f"<h2>Quarantines</h2>{table}"


def _quarantine_row(row: Row) -> tables.Cells:
    q = row.quarantine
    lifted = ", ".join(lift.commit[:12] for lift in row.lifts)
    look = "open" if row.state == "applies" else "quiet"
    return tables.row(
        ("short", f'<span class="verdict {look}">{row.state}</span>'),
        ("wide", escape(q.match)),
        ("short", escape(q.owner)),
        ("wide", escape(q.reason)),
        ("short", q.until[:10]),
        ("short", escape(short_name(q.by))),
        ("short", escape(lifted) or "–"),
    )


def _to(project: str, **query: object) -> str:
    return f"{path_of('projects', project, 'flakes')}?{urlencode(query)}"


def _numbers(found: list[Flakiness]) -> str:
    counts = Counter(one.state for one in found)
    items = "".join(f"<div><dt>{state}</dt><dd>{counts[state]:,}</dd></div>" for state in State)
    return f'<dl class="numbers">{items}</dl>'


def _help() -> str:
    return (
        '<p class="hint">Flaky: of at least 10 pairs with the same input, surely more than 1 % '
        "differ. Broken: the last five results are one image that nobody has approved. At risk: "
        "under a fifth of the headroom to the verdict’s limits was left within 30 days. A "
        "quarantine changes none of this. <code>pixelgate flakes --csv</code> has all numbers.</p>"
    )


def _list(project: str, found: list[Flakiness], days: int) -> str:
    loud = [one for one in found if one.state is not State.QUIET]
    if not loud:
        return '<p class="message">Every snapshot is quiet.</p>'
    heads = ("State", "Snapshot", "Differ", "", "Rate", "95 %", "Headroom", "Last", "Evidence")
    table = tables.table(heads, [_row(project, one, days) for one in loud[:_SHOWN]])
    if len(loud) > _SHOWN:
        table += f'<p class="hint">{len(loud) - _SHOWN:,} more are not shown here.</p>'
    return table


def _row(project: str, one: Flakiness, days: int) -> tables.Cells:
    low, high = one.interval
    number, all_of = len(one.differing), len(one.pairs)
    life = f"{path_of('projects', project, 'snapshot')}?{urlencode({'name': one.name})}"
    bar = charts.share(f"{number} of {all_of} differ", {"open": number, "quiet": all_of - number},
                       all_of or 1)  # fmt: skip
    last = one.differing[-1].at[:10] if one.differing else "–"
    evidence = escape(_to(project, name=one.name, days=days))
    return tables.row(
        ("short", f'<span class="verdict {_LOOKS[one.state]}">{one.state}</span>'),
        ("wide", f'<a href="{escape(life)}">{escape(one.name)}</a>'),
        ("short", f"{number:,} of {all_of:,}"),
        ("short", bar),
        ("short", "–" if one.rate is None else f"{100 * one.rate:.1f} %"),
        ("short", f"{100 * low:.1f}–{100 * high:.1f} %" if all_of else "–"),
        ("short", "–" if one.headroom is None else f"{100 * one.headroom:.0f} %"),
        ("short", last),
        ("short", f'<a href="{evidence}" aria-label="Evidence for {escape(one.name)}">Show</a>'),
    )


def _one(past: Past, one: Flakiness, days: int, now: datetime) -> str:
    life = f"{path_of('projects', past.project, 'snapshot')}?{urlencode({'name': one.name})}"
    verdict = f'<span class="verdict {_LOOKS[one.state]}">{one.state}</span>'
    return (
        f"<h1>{escape(one.name)}</h1>"
        f'<p class="message">{verdict} {escape(_sentence(one.words))} '
        f'<a href="{escape(life)}">Its life</a></p>'
        f"{_results(past.project, one)}{_pairs(past.project, one)}{_region(past, one, now)}"
        f"{_quarantine(one)}"
    )


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _build(project: str, build: str) -> str:
    return f'<a href="{path_of("builds", project, build)}">{escape(build)}</a>'


def _picture(project: str, sha256: str | None, words: str) -> str:
    if not sha256:
        return "–"
    source = path_of("images", project, sha256)
    return f'<img class="picture" loading="lazy" alt="{escape(words)}" src="{source}">'


def _results(project: str, one: Flakiness) -> str:
    if not one.in_a_row:
        return ""
    rows = [
        tables.row(
            ("wide", _build(project, entry.build)),
            ("short", escape(moment(entry.at))),
            ("short", _picture(project, shot.head, f"Image of {entry.build}")),
            ("short", _picture(project, shot.base, f"Base of {entry.build}")),
        )
        for entry, shot in reversed(one.in_a_row)
    ]
    return f"<h2>The last results</h2>{tables.table(('Build', 'When', 'Image', 'Base'), rows)}"


def _pairs(project: str, one: Flakiness) -> str:
    shown = one.differing[: -_PAIRS_SHOWN - 1 : -1]
    if not shown:
        return ""
    heads = ("Same", "Build", "Image", "And build", "Image", "When")
    more = len(one.differing) - len(shown)
    hint = f'<p class="hint">{more:,} earlier ones are in <code>--csv</code>.</p>' if more else ""
    rows = [_pair(project, pair) for pair in shown]
    return f"<h2>Pairs with the same input that differ</h2>{tables.table(heads, rows)}{hint}"


def _pair(project: str, pair: Pair) -> tables.Cells:
    sides = (("short", _picture(project, sha, f"Image {sha[:12]}")) for sha in
             (pair.first, pair.second))  # fmt: skip
    first, second = sides
    return tables.row(
        ("short", str(pair.kind)),
        ("wide", _build(project, pair.earlier)),
        first,
        ("wide", _build(project, pair.build)),
        second,
        ("short", escape(moment(pair.at))),
    )


def _quarantine(one: Flakiness) -> str:
    """The command that a person may run; nothing is put into quarantine from here."""
    if one.quarantine is None:
        return ""
    return (
        "<h2>Quarantine</h2><p>Until it is mended, a person may put it into quarantine: what "
        "changes in it is still shown, and needs no review.</p>"
        '<pre tabindex="0" role="group" aria-label="Command for a quarantine">'
        f"<code>{escape(one.quarantine)}</code></pre>"
    )


def _region(past: Past, one: Flakiness, now: datetime) -> str:
    """The proposal; a click shows the lines to copy, as nothing is written from here."""
    proposal = unrest(past, one.name, one.pairs, now)
    if proposal is None:
        return ""
    hidden = "".join(
        f"<li>{_build(past.project, h.seen.entry.build)}: {escape(h.seen.shot.name)}, approved by "
        f"{escape(h.by)}</li>"
        for h in proposal.hidden
    )
    quoted = one.name.replace("'", "'\\''")
    command = f"pixelgate flakes '{quoted}' --take-over"
    return (
        f"<h2>Region of unrest</h2><p>{escape(proposal.words)}</p>"
        f"{f'<ul>{hidden}</ul>' if hidden else ''}"
        "<details><summary>Show the lines that ignore it</summary>"
        "<p>Write them at the end of pixelgate.toml, or run "
        f"<code>{escape(command)}</code>, which asks before it does so and keeps what is ignored "
        'there already.</p><pre tabindex="0" role="group" aria-label="Lines for pixelgate.toml">'
        f"<code>{escape(rule_text(one.name, proposal.boxes))}</code></pre></details>"
    )
