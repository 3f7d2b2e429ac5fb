"""The pages of the site apart from reports: plain HTML without a script."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

from pixelgate.published.history import Past, Seen
from pixelgate.report import theme
from pixelgate.web.catalogue import Page, Row
from pixelgate.web.gate import Session
from pixelgate.web.http import escape, path_of

PER_PAGE = 50
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_SHORT = 8  # characters of a commit
_LOOKS = {
    "passed": "good",
    "approved": "good",
    "needs review": "open",
    "failed": "bad",
    "rejected": "bad",
}


def policy(images: Iterable[str] = ()) -> str:
    """Returns the header Content-Security-Policy: one style sheet, own pictures, no script.

    `images` are origins of pictures besides the site's own.
    """
    shown = " ".join(("'self'", "data:", *images))
    return (
        f"default-src 'none'; style-src 'sha256-{_digest(_style())}'; img-src {shown}; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def projects(names: Sequence[str], session: Session | None) -> bytes:
    """The list of projects."""
    items = "".join(
        f'<li><a href="{path_of("projects", name)}">{escape(name)}</a></li>' for name in names
    )
    listed = (
        f'<ul class="projects">{items}</ul>'
        if items
        else (
            '<p class="message">There is no project yet, or none that you may see. '
            "<code>pixelgate upload</code> makes one with its first build.</p>"
        )
    )
    return _page("Projects", (), f"<h1>Projects</h1>{listed}", session)


def builds(
    project: str, page: Page, search: str, start: int, now: datetime, session: Session | None
) -> bytes:
    """The builds of a project that match the search, from number `start` on."""
    rows = "".join(_row(project, row, now) for row in page.rows)
    heads = "".join(
        f'<th scope="col">{name}</th>'
        for name in (
            "Build",
            "Result",
            "Changes",
            "Branch",
            "Commit",
            "Author",
            "Reviewed by",
            "Age",
        )
    )
    if rows:
        found = (
            f'<table class="builds"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        )
    elif search:
        found = '<p class="message">No build matches.</p>'
    else:
        found = '<p class="message">This project has no build.</p>'
    field = (
        '<form class="search" role="search" method="get">'
        f'<input type="search" name="q" value="{escape(search)}" aria-label="Search builds" '
        'placeholder="Branch, #pull request, commit, author, result"><button>Search</button>'
        f'<span class="hint">{page.total:,} build{"" if page.total == 1 else "s"}</span>'
        f'<a href="{path_of("projects", project, "life")}">Life</a> '
        f'<a href="{path_of("projects", project, "flakes")}">Flakes</a></form>'
    )
    body = f"<h1>{escape(project)}</h1>{field}{found}{_pager(page, search, start)}"
    return _page(project, (("Projects", "/"),), body, session)


def snapshot(
    project: str,
    name: str,
    past: Iterable[tuple[Past, Seen]],
    now: datetime,
    session: Session | None,
) -> bytes:
    """The results of one snapshot in the newest builds."""
    rows = "".join(_life(project, build, seen, now) for build, seen in past if seen.image)
    heads = "".join(
        f'<th scope="col">{head}</th>'
        for head in ("Picture", "Build", "Result", "Branch", "Reviews", "Age")
    )
    found = (
        f'<table class="builds"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        if rows
        else '<p class="message">None of the newest builds has this snapshot.</p>'
    )
    trail = (("Projects", "/"), (project, path_of("projects", project)))
    return _page(name, trail, f"<h1>{escape(name)}</h1>{found}", session)


def state(project: str, build: str, words: str, session: Session | None) -> bytes:
    """A build without a report; the browser asks again every few seconds."""
    trail = (("Projects", "/"), (project, path_of("projects", project)))
    body = f'<h1>{escape(build)}</h1><p class="message">{escape(words)}</p>'
    refresh = '<meta http-equiv="refresh" content="4">'
    return _page(build, trail, body, session, head=refresh)


def message(title: str, words: str, session: Session | None, *, login: str = "") -> bytes:
    """An error, in words; `login` is the address of the login, where that may help."""
    link = (
        f'<p><a href="{escape(login)}">Log in</a></p>'
        if login
        else '<p><a href="/">Projects</a></p>'
    )
    body = f'<h1>{escape(title)}</h1><p class="message">{escape(words)}</p>{link}'
    return _page(title, (), body, session)


def whole(
    title: str, trail: Sequence[tuple[str, str]], body: str, session: Session | None
) -> bytes:
    """Returns a page with this body; `trail` are words and addresses of the pages above it."""
    return _page(title, trail, body, session)


def age(moment: str, now: datetime) -> str:
    """Returns how long ago a moment was, as HTML."""
    return _age(moment, now)


def _page(
    title: str,
    trail: Sequence[tuple[str, str]],
    body: str,
    session: Session | None,
    head: str = "",
) -> bytes:
    above = " / ".join(f'<a href="{escape(to)}">{escape(words)}</a>' for words, to in trail)
    here = f"{above} / <b>{escape(title)}</b>" if above else "<b>pixelgate</b>"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n{head}'
        f'<title>{escape(title)} – pixelgate</title>\n<link rel="icon" href="data:,">\n'
        f"<style>{_style()}</style>\n</head>\n<body>\n"
        f'<header class="bar"><nav aria-label="Path">{here}</nav>{_person(session)}</header>\n'
        f'<main class="site">{body}</main>\n</body>\n</html>\n'
    ).encode()


def _person(session: Session | None) -> str:
    if session is None:
        return ""
    return (
        '<form method="post" action="/logout">'
        f"<span>{escape(session.person.login)}</span>"
        f'<input type="hidden" name="csrf" value="{escape(session.csrf)}">'
        "<button>Log out</button></form>"
    )


def _row(project: str, row: Row, now: datetime) -> str:
    pull = f" #{row.pull_request}" if row.pull_request else ""
    changes = ", ".join(
        f"{row.counts[kind]} {kind}"
        for kind in ("changed", "added", "removed", "renamed", "errored")
        if row.counts.get(kind)
    )
    to = path_of("builds", project, row.build)
    cells = (
        ("wide", f'<a href="{to}">{escape(row.build)}</a>'),
        ("short", _verdict(row.result)),
        ("", escape(changes or "–")),
        ("", escape(f"{row.branch}{pull}")),
        ("short", f'<span title="{escape(row.commit)}">{escape(row.commit[:_SHORT])}</span>'),
        ("", escape(row.author)),
        ("", escape(", ".join(row.reviewers))),
        ("short", _age(row.created, now)),
    )
    return "<tr>" + "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in cells) + "</tr>"


def _life(project: str, past: Past, seen: Seen, now: datetime) -> str:
    image: Mapping[str, Any] = seen.image or {}
    shown = image.get("head_sha256") or image.get("base_sha256")
    source = path_of("images", project, str(shown))
    picture = f'<img class="picture" loading="lazy" alt="" src="{source}">' if shown else ""
    to = path_of("builds", project, past.id.build)
    cells = (
        ("short", picture),
        ("wide", f'<a href="{to}">{escape(past.id.build)}</a>'),
        ("short", escape(str(image.get("status") or ""))),
        ("", escape(past.branch or "")),
        ("", escape(seen.words)),
        ("short", _age(past.uploaded, now)),
    )
    return "<tr>" + "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in cells) + "</tr>"


def _verdict(result: str) -> str:
    looks = next((looks for word, looks in _LOOKS.items() if result.startswith(word)), "none")
    return f'<span class="verdict {looks}">{escape(result)}</span>'


def _age(moment: str, now: datetime) -> str:
    """How long ago a moment was, with the moment itself as a title."""
    try:
        seconds = max(0.0, (now - datetime.fromisoformat(moment)).total_seconds())
    except (ValueError, TypeError):
        return ""
    for length, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= length:
            words = f"{int(seconds // length)} {unit}"
            break
    else:
        words = "now"
    return f'<time datetime="{escape(moment)}" title="{escape(moment)}">{words}</time>'


def _pager(page: Page, search: str, start: int) -> str:
    def link(words: str, at: int) -> str:
        query = urlencode({**({"q": search} if search else {}), **({"from": at} if at else {})})
        return f'<a href="?{escape(query)}">{words}</a>'

    links = [link("Newer builds", max(0, start - PER_PAGE))] if page.before else []
    links += [link("Older builds", start + PER_PAGE)] if page.after else []
    return f'<nav class="pages" aria-label="Pages">{"".join(links)}</nav>' if links else ""


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _style() -> str:
    own = files("pixelgate.web").joinpath("assets", "site.css").read_text("utf-8")
    return f"{theme()}\n{own}"
