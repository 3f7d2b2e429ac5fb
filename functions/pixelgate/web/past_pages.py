"""The pages about the past: a snapshot's life, and a project's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from pixelgate.past import life
from pixelgate.past.drift import Chain, chain_of, newest
from pixelgate.past.life import How, Row, Step, accepted_images, snapshot_life
from pixelgate.past.model import Entry, Past, Seen
from pixelgate.published.reviews import moment
from pixelgate.web import charts, pages, tables
from pixelgate.web.gate import Session
from pixelgate.web.http import escape, path_of

_WEEKS = 53  # the most bars of a picture
_FEWEST_WEEKS = 13
_STEPS_SHOWN = 200
_SERIES_SHOWN = 50
# The class of the colour of what became of a build or an image.
_LOOKS = {
    How.FIRST: "good",
    How.PASSED: "good",
    How.APPROVED: "good",
    How.RULE: "good",
    How.CARRIED: "good",
    How.REJECTED: "bad",
    How.OPEN: "open",
    How.FORK: "quiet",
}
_REVIEWS = {
    "not_needed": ("quiet", "no review needed"),
    "approved": ("good", "approved"),
    "rejected": ("bad", "rejected"),
    "needed": ("open", "needs review"),
}


# --- a snapshot -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    """What the index tells of a snapshot."""

    name: str
    steps: tuple[Step, ...]
    images: tuple[Step, ...]
    chain: Chain | None
    since: datetime | None = None

    @classmethod
    def of(cls, past: Past, name: str) -> Told | None:
        """Reads the life of a snapshot; None if the index does not know it."""
        steps = snapshot_life(past, name)
        if not steps:
            return None
        entry = newest(past)
        chain = chain_of(past, entry, name) if entry else None
        return cls(name, steps, accepted_images(steps), chain, past.since)

    def knows(self, sha256: str) -> bool:
        """Whether an image is one of this snapshot's."""
        return any(sha256 in {step.shot.head, step.shot.base} for step in self.steps)


def snapshot(
    project: str,
    told: Told,
    pair: tuple[str, str],
    masked: Seen | None,
    now: datetime,
    session: Session | None,
) -> bytes:
    """The life of a snapshot; `pair` are hashes of images to compare, "" where none is chosen.

    `masked` is where these two were compared, if they were.
    """
    body = (
        f"<h1>{escape(told.name)}</h1>{tables.left_out(told.since, 'pixelgate history NAME')}"
        f"{_drift(project, told)}{_pair(project, told, pair, masked)}"
        f"{_timeline(told)}{_images(project, told, pair)}{_steps(project, told, now)}"
        f"{_files(path_of('projects', project, 'snapshot'), ('life',), name=told.name)}"
    )
    trail = (("Projects", "/"), (project, path_of("projects", project)))
    return pages.whole(told.name, trail, body, session)


def _drift(project: str, told: Told) -> str:
    chain = told.chain
    if chain is None:
        return ""
    since = f" since {escape(moment(chain.since.at))}" if chain.since else ""
    ends = escape(ends_of(project, chain))
    return (
        '<p class="message noted"><b>Drift.</b> It changed in '
        f"{len(chain.steps):,} small steps{since}, and each of them passed. "
        f'<a href="{ends}">Compare the image that was accepted then with the newest</a>; '
        "<code>pixelgate life drift</code> says whether that would need a review.</p>"
    )


def ends_of(project: str, chain: Chain) -> str:
    """Returns the path of the page that shows both ends of a chain."""
    query = urlencode({"name": chain.name, "a": chain.anchor, "b": chain.head})
    return f"{path_of('projects', project, 'snapshot')}?{query}"


def _timeline(told: Told) -> str:
    if len(told.steps) < 2:
        return ""
    times = [datetime.fromisoformat(step.entry.at).timestamp() for step in told.steps]
    long = (times[-1] - times[0]) or 1.0
    points = [
        ((at - times[0]) / long, _LOOKS[step.ruling.how], f"{moment(step.entry.at)}: {_how(step)}")
        for at, step in zip(times, told.steps, strict=True)
    ]
    first, last = told.steps[0].entry.at[:10], told.steps[-1].entry.at[:10]
    accepted = sum(step.ruling.accepted for step in told.steps)
    named = (
        f"{len(told.steps):,} differing results from {first} to {last}, {accepted:,} of them "
        "accepted"
    )
    return (
        f'<figure class="wide">{charts.timeline(named, points)}<figcaption><span>{first}</span>'
        f"{_legend(('good', 'accepted'), ('bad', 'rejected'), ('open', 'open'), ('quiet', 'fork'))}"
        f"<span>{last}</span></figcaption></figure>"
    )


def _images(project: str, told: Told, pair: tuple[str, str]) -> str:
    """The accepted images, the latest first, with a form that compares any two."""
    shown = list(reversed(told.images))
    if not shown:
        return '<p class="message">No image of it was accepted yet.</p>'
    hashes = [image.hash for image in shown if image.hash]
    chosen = (
        pair if all(pair) else (hashes[1] if len(hashes) > 1 else "", hashes[0] if hashes else "")
    )
    seen: set[str] = set()
    items = []
    for image in shown:
        again = image.hash in seen or image.hash is None
        seen.add(image.hash or "")
        items.append(_image(project, image, chosen, choosable=not again and len(set(hashes)) > 1))
    button = "<button>Compare A and B</button>" if len(set(hashes)) > 1 else ""
    return (
        f'<h2>Accepted images</h2><form method="get" class="life">'
        f'<input type="hidden" name="name" value="{escape(told.name)}">{button}'
        f'<ol class="film">{"".join(items)}</ol></form>'
    )


def _image(project: str, step: Step, chosen: tuple[str, str], *, choosable: bool) -> str:
    date = escape(moment(step.entry.at))
    radios = ""
    if choosable and step.hash:
        radios = (
            '<span class="ab">'
            + "".join(
                f'<label><input type="radio" name="{key}" value="{step.hash}"'
                f"{' checked' if step.hash == mine else ''}>{key.upper()}"
                f'<span class="unseen"> is the image of {date}</span></label>'
                for key, mine in zip(("a", "b"), chosen, strict=True)
            )
            + "</span>"
        )
    picture = (
        f'<img loading="lazy" alt="Image accepted {date}" '
        f'src="{path_of("images", project, step.hash)}">'
        if step.hash
        else '<span class="gone">removed</span>'
    )
    to = path_of("builds", project, step.entry.build)
    said = step.ruling.given is not None and step.ruling.given.reason
    why = f"“{step.ruling.why}”" if said else step.ruling.why
    why = f"<span>{escape(why)}</span>" if why else ""
    return (
        f"<li>{picture}{radios}<b>{date}</b><span>{escape(_how(step))}</span>{why}"
        f'<span><a href="{to}">{escape(step.entry.build)}</a> {escape(_origin(step.entry))}</span>'
        "</li>"
    )


def _pair(project: str, told: Told, pair: tuple[str, str], masked: Seen | None) -> str:
    if not all(pair):
        return ""
    sides = []
    for side, sha in zip("AB", pair, strict=True):
        when = next((moment(s.entry.at) for s in told.steps if sha == s.shot.head), "")
        words = f"{side}: {when}" if when else f"{side}: before the history begins"
        sides.append(_side(path_of("images", project, sha), words))
    found = ""
    if masked is not None and (key := masked.entry.mask(masked.shot)):
        way = path_of(*key.split("/"))
        pixels = f"{masked.shot.pixels:,} of {masked.shot.total:,} pixels differ"
        found = _side(way, f"Mask: {pixels}")
    elif pair[0] == pair[1]:
        found = '<p class="message">Both are the same image.</p>'
    else:
        command = f"pixelgate history '{told.name}' --diff {pair[0][:12]} {pair[1][:12]}"
        found = (
            '<p class="message">These two were never compared with each other; on your machine '
            f"<code>{escape(command)}</code> does it.</p>"
        )
    return f'<section class="pair" aria-label="A and B">{"".join(sides)}{found}</section>'


def _side(source: str, words: str) -> str:
    return (
        f'<figure><a href="{source}"><img alt="{escape(words)}" src="{source}"></a>'
        f"<figcaption>{escape(words)}</figcaption></figure>"
    )


def compared(told: Told, pair: tuple[str, str]) -> Seen | None:
    """Returns where two images of a snapshot were compared, with a mask; None if nowhere."""
    for step in reversed(told.steps):
        shot = step.shot
        if shot.mask and {shot.base, shot.head} == {*pair} and pair[0] != pair[1]:
            return Seen(step.entry, shot)
    return None


def _steps(project: str, told: Told, now: datetime) -> str:
    rows = [_step(project, step, now) for step in reversed(told.steps[-_STEPS_SHOWN:])]
    heads = (
        "Picture",
        "Build",
        "Result",
        "Pixels",
        "Decision",
        "Reason",
        "Branch",
        "Commit",
        "Age",
    )
    return f"<h2>Every build in which it differed</h2>{tables.table(heads, rows)}"


def _step(project: str, step: Step, now: datetime) -> tables.Cells:
    entry, shot = step.entry, step.shot
    renamed = f", was {shot.renamed_from}" if shot.renamed_from else ""
    to = path_of("builds", project, entry.build)
    how = f'<span class="verdict {_LOOKS[step.ruling.how]}">{escape(_how(step))}</span>'
    shown = shot.head or shot.base
    source = path_of("images", project, shown) if shown else ""
    picture = f'<img class="picture" loading="lazy" alt="" src="{source}">' if shown else ""
    return tables.row(
        ("short", picture),
        ("wide", f'<a href="{to}">{escape(entry.build)}</a>'),
        ("short", escape(f"{shot.status}{renamed}")),
        ("short", f"{shot.pixels:,}" if shot.total else "–"),
        ("short", how),
        ("", escape(step.ruling.why)),
        ("", escape(_origin(entry))),
        ("short", f'<span title="{escape(entry.commit)}">{escape(entry.commit[:8])}</span>'),
        ("short", pages.age(entry.at, now)),
    )


def _how(step: Step) -> str:
    return f"{step.ruling.how} by {step.ruling.by}" if step.ruling.by else str(step.ruling.how)


def _origin(entry: Entry) -> str:
    return f"{entry.branch} #{entry.pull_request}" if entry.pull_request else entry.branch


# --- a project ------------------------------------------------------------------------------------


def project_life(past: Past, days: int, now: datetime, session: Session | None) -> bytes:
    """The life of a project in its last days."""
    first = (now.astimezone(UTC) - timedelta(days=days)).isoformat()
    recent = past.only(entry for entry in past.entries if entry.at >= first)
    rates = life.rates(recent)
    body = f"<h1>Life of {escape(past.project)}</h1>{tables.spans(days)}"
    if past.since and past.since.isoformat() > first:
        body += tables.left_out(past.since, f"pixelgate life --since {days}d")
    if recent.entries:
        files = _files(path_of("projects", past.project, "life"), life.TABLES, days=str(days))
        body += (
            f"{_numbers(rates)}{_weeks(recent, now, days)}{_most_changed(past.project, recent)}"
            f"{_months(recent)}{_series(recent)}{files}"
        )
    else:
        body += (
            '<p class="message">The history has no build of these days. '
            "<code>pixelgate admin index</code> adds results from before it was kept.</p>"
        )
    trail = (("Projects", "/"), (past.project, path_of("projects", past.project)))
    return pages.whole("Life", trail, body, session)


def _numbers(rates: Row) -> str:
    pairs = (
        ("builds", f"{rates['builds']:,}"),
        ("needed a review", _percent(rates["change_rate"])),
        ("of the decided were approved", _percent(rates["approval_rate"])),
        ("median time to review", duration(rates["median_seconds_to_review"])),
        ("wait for a review", f"{rates['open']:,}"),
        ("cost", _dollars(rates["usd"])),
        ("per build", _dollars(rates["usd_per_build"])),
    )
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in pairs)
    return f'<dl class="numbers">{items}</dl>'


def _weeks(past: Past, now: datetime, days: int) -> str:
    """Builds by week, or by day where there are few, and what became of them."""
    step = 1 if days <= _WEEKS else 7
    today = now.astimezone(UTC).date()
    number = -(-days // step)
    if step == 7:
        # A year's picture of a young project would be empty for the most part.
        first = datetime.fromisoformat(past.entries[0].at).astimezone(UTC).date()
        number = min(number, max((today - first).days // step + 1, _FEWEST_WEEKS))
    groups: list[dict[str, int]] = [dict.fromkeys(_REVIEWS, 0) for _ in range(number)]
    for entry in past.entries:
        back = (today - datetime.fromisoformat(entry.at).astimezone(UTC).date()).days
        place = number - 1 - min(max(back, 0) // step, number - 1)
        groups[place][entry.review if entry.review in _REVIEWS else "needed"] += 1
    shown = []
    for place, counts in enumerate(groups):
        began = today - timedelta(days=(number - place) * step - 1)
        words = ", ".join(f"{n} {_REVIEWS[review][1]}" for review, n in counts.items() if n)
        parts = {_REVIEWS[review][0]: float(n) for review, n in counts.items()}
        title = f"{began} {'to +6 days' if step == 7 else ''}: {words or 'no build'}"
        shown.append(charts.Bar(str(began), parts, title))
    named = f"Builds {'by day' if step == 1 else 'by week'}, the latest on the right"
    legend = _legend(*_REVIEWS.values())
    return (
        f'<h2>Builds</h2><figure class="scroll" tabindex="0" role="group" aria-label="{named}">'
        f"{charts.bars(named, shown)}<figcaption>{legend}</figcaption></figure>"
    )


def _most_changed(project: str, past: Past) -> str:
    rows = life.snapshots(past)
    if not rows:
        return ""
    most = max(row["changes"] for row in rows)
    found = [_changed(project, row, most) for row in rows]
    heads = ("Snapshot", "Changes", "", "Of its builds", "Approved", "Rejected", "Images", "Last")
    return f"<h2>Snapshots that change most</h2>{tables.table(heads, found)}"


def _changed(project: str, row: Row, most: int) -> tables.Cells:
    other = row["changes"] - row["approved"] - row["rejected"] - row["open"]
    parts = {"good": row["approved"], "bad": row["rejected"], "open": row["open"], "quiet": other}
    words = (
        f"{row['approved']} approved, {row['rejected']} rejected, {row['open']} open, {other} other"
    )
    to = f"{path_of('projects', project, 'snapshot')}?{urlencode({'name': row['name']})}"
    return tables.row(
        ("wide", f'<a href="{escape(to)}">{escape(row["name"])}</a>'),
        ("short", f"{row['changes']:,}"),
        ("short", charts.share(words, parts, most)),
        ("short", _percent(row["change_rate"])),
        ("short", f"{row['approved']:,}"),
        ("short", f"{row['rejected']:,}"),
        ("short", f"{row['images']:,}"),
        ("short", escape(str(row["last"])[:10])),
    )


def _months(past: Past) -> str:
    rows = life.months(past)
    shown = [
        charts.Bar(row["month"], {"accent": row["usd"]}, f"{row['month']}: {_dollars(row['usd'])}")
        for row in rows
    ]
    found = [
        tables.row(
            ("wide", row["month"]),
            ("short", f"{row['builds']:,}"),
            ("short", f"{row['snapshots']:,}"),
            ("short", _percent(row["change_rate"])),
            ("short", duration(row["median_seconds_to_review"])),
            ("short", _dollars(row["usd"])),
            ("short", _dollars(row["usd_per_build"])),
        )
        for row in reversed(rows)
    ]
    heads = ("Month", "Builds", "Snapshots", "Change rate", "Time to review", "Cost", "Per build")
    picture = charts.bars("Cost by month in US dollars", shown) if len(rows) > 1 else ""
    return f"<h2>Cost</h2><figure>{picture}</figure>{tables.table(heads, found)}"


def _series(past: Past) -> str:
    rows = life.series(past)
    found = [
        tables.row(
            (
                "wide",
                escape(
                    f"{row['branch']} #{row['pull_request']}"
                    if row["pull_request"]
                    else row["branch"]
                )
                + (" (fork)" if row["fork"] else ""),
            ),
            ("short", f"{row['builds']:,}"),
            ("short", f"{row['needed_review']:,}"),
            ("short", f"{row['approved']:,}"),
            ("short", f"{row['rejected']:,}"),
            ("short", f"{row['open']:,}"),
            ("short", duration(row["median_seconds_to_review"])),
            ("short", _dollars(row["usd"])),
            ("short", escape(str(row["last"])[:10])),
        )
        for row in rows[:_SERIES_SHOWN]
    ]
    heads = (
        "Branch or pull request",
        "Builds",
        "To review",
        "Approved",
        "Rejected",
        "Open",
        "Time to review",
        "Cost",
        "Last",
    )
    more = (
        f'<p class="hint">{len(rows) - _SERIES_SHOWN:,} more are in the table below.</p>'
        if len(rows) > _SERIES_SHOWN
        else ""
    )
    return f"<h2>Branches and pull requests</h2>{tables.table(heads, found)}{more}"


# --- parts ----------------------------------------------------------------------------------------


def _files(folder: str, tables: Iterable[str], **query: str) -> str:
    """Links to tables as CSV and JSON."""
    asked = escape(urlencode(query))
    items = "".join(
        f"<li>{table}: "
        + " ".join(
            f'<a href="{folder}/{table}.{kind}?{asked}" '
            f'aria-label="{table} as {kind.upper()}">{kind.upper()}</a>'
            for kind in ("csv", "json")
        )
        + "</li>"
        for table in tables
    )
    return f'<h2>Tables</h2><ul class="files">{items}</ul>'


def _legend(*parts: tuple[str, str]) -> str:
    items = "".join(f'<li class="{kind}">{escape(words)}</li>' for kind, words in parts)
    return f'<ul class="legend">{items}</ul>'


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def _dollars(value: float | None) -> str:
    return "–" if value is None else f"${value:,.4f}" if value < 1 else f"${value:,.2f}"


def duration(seconds: float | None) -> str:
    """Formats a time for people."""
    if seconds is None:
        return "–"
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
