"""Renders the report as one HTML file with style, code and data.

From a disk or a bucket it loads only the pictures beside it; served by a review site or by
`pixelgate serve` it also asks that server, and nobody else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from pixelgate.report.bundle import bundle
from pixelgate.report.model import Report
from pixelgate.report.payload import details_block, list_block, packed

# Allows only this script, this style, and images of the report: even if a name were not escaped, it
# could not run a script or send data. With Trusted Types, turning text into markup throws.
_POLICY = (
    "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; "
    "img-src 'self' file: data:; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
# The same for a page that is served, as a header. It may also talk to the server that it came from,
# and show pictures of the bucket's origin; no other site may frame it.
_SERVED_POLICY = (
    "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; "
    "img-src {images}; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_STANDING = re.compile(rb'<script type="text/plain" id="review-data">[^<]*</script>\n')
_SITE = re.compile(rb'<script type="text/plain" id="site-data">[^<]*</script>')
_SLOT = re.compile(r"<!--(\w+)-->")
_COLOURS = {"passed": "#1f8a4c", "needs_review": "#d98a00", "failed": "#c4342b"}


def page(
    report: Report,
    carried: Mapping[str, str] | None = None,
    served: Mapping[str, Any] | None = None,
) -> str:
    """Returns the report as an HTML document.

    `carried` maps the URL of an image to its data URL; None to link to all of them. `served` is
    what the page needs to know of the server that shows it, or None for a page in a file: `project`
    and `build`; `api` and `sign`, the paths of the build's API and of the one that signs pictures'
    addresses (None: they are shown under their own); `builds`, the path of the project's builds;
    `drift`, snapshots that changed in several steps which passed, and where both ends are compared;
    `decide`, whether the person may decide, and `why_not` in words; `csrf`; `person` and `logout`,
    None where nobody logs in. A served page has no policy in it: the server sends
    `content_policy` as a header, which can say more.
    """
    verdict = str(report.verdict or "failed")
    slots = {
        "policy": "" if served is not None else _policy(),
        # Without any referrer, browsers say "Origin: null" with a form, and a site cannot tell who
        # sends it. Nobody but the server itself gets one.
        "referrer": "no-referrer" if served is None else "same-origin",
        "title": escape(f"{report.headline} – {report.title}"),
        "icon": _icon(verdict),
        "style": _style(),
        "kind": report.kind,
        "verdict": verdict,
        "headline": escape(report.headline),
        "builds": _builds(report),
        "advice": _advice(report),
        "list": packed(list_block(report)),
        "details": packed(details_block(report)),
        "files": _carried(carried) if carried is not None else "",
        "site": _block("site-data", json.dumps(dict(served))) if served is not None else "",
        "script": _script(),
    }
    return _SLOT.sub(lambda slot: slots[slot[1]], _asset("index.html"))


def content_policy(images: Iterable[str]) -> str:
    """Returns the header Content-Security-Policy of a served page.

    `images` are the origins, such as https://bucket.s3.eu-west-1.amazonaws.com, under which its
    pictures lie besides the server's own.

    Raises:
        ValueError: one of them is no origin: a scheme and a host, and nothing else.
    """
    sources = ["'self'", "data:"]
    for origin in images:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{origin!r} is no origin; it must be like https://host or with a port"
            )
        sources.append(origin)
    return _SERVED_POLICY.format(
        script=_digest(_script()), style=_digest(_style()), images=" ".join(sources)
    )


def _policy() -> str:
    policy = _POLICY.format(script=_digest(_script()), style=_digest(_style()))
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'


def _builds(report: Report) -> str:
    against = f" against <b>{escape(report.base)}</b>" if report.base is not None else ""
    builds = f"{escape(report.project)}: <b>{escape(report.head)}</b>{against}"
    return " · ".join((builds, *(_origin(*part) for part in report.origin)))


def _origin(label: str, words: str, url: str | None) -> str:
    shown = escape(words)
    if url:
        leads = 'target="_blank" rel="noopener noreferrer"'
        shown = f'<a href="{escape(url)}" {leads}>{shown}</a>'
    return f'<span class="origin" title="{label}">{shown}</span>'


def _advice(report: Report) -> str:
    lines = [f'<p class="advice">{escape(report.advice)}</p>'] if report.advice else []
    lines += [f'<p class="warning">{escape(warning)}</p>' for warning in report.warnings]
    return "".join(lines)


def with_review(document: bytes, standing: Mapping[str, Any]) -> bytes:
    """Puts the state of a build's reviews into a page, in place of any that it has.

    The page shows it; a page of an older version does not, and is otherwise the same. `standing` is
    JSON: see `published.reviews.standing`.
    """
    document = _STANDING.sub(b"", document, count=1)
    body = json.dumps(dict(standing), ensure_ascii=False, separators=(",", ":"))
    block = _block("review-data", body).encode() + b"\n"
    before, script, after = document.rpartition(b'<script type="module">')
    return before + block + script + after if script else document


def with_site(document: bytes, served: Mapping[str, Any]) -> bytes:
    """Puts what a page needs to know of its server into one that was rendered for any server."""
    block = _block("site-data", json.dumps(dict(served))).encode()
    return _SITE.sub(lambda _: block, document, count=1)


def _block(name: str, body: str) -> str:
    # "</script" would end the block.
    return f'<script type="text/plain" id="{name}">{body.replace("<", chr(92) + "u003c")}</script>'


def _carried(files: Mapping[str, str]) -> str:
    return _block("files-data", json.dumps(dict(files)))


def _icon(verdict: str) -> str:
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" '
        f'rx="4" fill="{_COLOURS[verdict]}"/><path d="M4 4h5v5H4z" fill="#fff"/></svg>'
    )
    return f"data:image/svg+xml,{quote(drawn)}"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _script() -> str:
    folder = files("pixelgate.report").joinpath("app")
    modules = {f.name: f.read_text("utf-8") for f in folder.iterdir() if f.name.endswith(".js")}
    return bundle(modules, "main.js")


@cache
def theme() -> str:
    """Returns the style sheet of all pages: colours, fonts, buttons."""
    return _asset("theme.css")


@cache
def _style() -> str:
    return f"{theme()}\n{_asset('style.css')}"


@cache
def _asset(name: str) -> str:
    return files("pixelgate.report").joinpath("app", name).read_text("utf-8")
