"""The site: which view answers which request, who may see it, and what every answer carries."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote

from pixelgate.domain.keys import BuildId, ComparisonId, check_id
from pixelgate.domain.review_request import parse
from pixelgate.errors import BadManifest, BucketError, NotFound, ReviewRefused
from pixelgate.past.drift import chains
from pixelgate.past.life import TABLES, Row, as_csv, snapshot_life
from pixelgate.past.model import Past
from pixelgate.ports import Bucket
from pixelgate.published.decisions import Decision, Selection, new_id, write_review
from pixelgate.published.history import history, of_snapshot
from pixelgate.published.quarantine import read_log, rows
from pixelgate.published.status import in_words
from pixelgate.report import content_policy
from pixelgate.web import flake_pages, pages, past_pages
from pixelgate.web.catalogue import Catalogue
from pixelgate.web.gate import Gate, Session
from pixelgate.web.http import (
    NOTHING,
    Refused,
    Request,
    Response,
    json_response,
    path_of,
    picture_type,
    redirect,
)
from pixelgate.web.pasts import Pasts
from pixelgate.web.previews import preview
from pixelgate.web.reports import Reports

SIGNED_SECONDS = 300
MAX_SIGNED = 200  # addresses of one request
_MAX_DECISIONS = 100  # reviews of one request
_MAX_REVIEWS = 5 * 1024 * 1024  # bytes of their names; Lambda takes 6 MB
_BUILDS_OF_A_SNAPSHOT = 20
_DAYS = 90  # of a project's life
_DRIFTS = 100  # snapshots that a report names
_CSRF = "x-pixelgate-csrf"
_IMAGE = re.compile(r"images/[^/]+/[0-9a-f]{64}")  # CI writes others, too
# No key of ours has such a segment, and a folder would be left by it.
_ODD = re.compile(r"/\.{0,2}/|/\.{1,2}$|\\")
_ALWAYS = {
    # Without a referrer at all, forms of our own pages would come with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_HTML = "text/html; charset=utf-8"
_ENDED = "Nobody is logged in, or the session has ended."


@dataclass(frozen=True)
class Pictures:
    """How pictures reach the browser.

    Attributes:
        sign: returns an address for so many seconds at which S3 answers; None: the site itself
            answers with the picture.
        origins: the origins of signed addresses.
    """

    sign: Callable[[str, int], str] | None = None
    origins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Route:
    """What answers requests of a method whose path has these segments; `<x>` is any segment."""

    method: str
    pattern: str
    view: str  # the name of a method of Site
    # Whether people open it: without a session the browser is sent to the login, not refused.
    page: bool = False

    def match(self, method: str, path: str) -> tuple[str, ...] | None:
        """Returns the segments that the pattern leaves open; None if it does not fit."""
        ours, theirs = self.pattern.split("/"), path.split("/")
        if method != self.method or len(ours) != len(theirs):
            return None
        pairs = list(zip(ours, theirs, strict=True))
        if not all(our.startswith("<") or our == their for our, their in pairs):
            return None
        return tuple(their for our, their in pairs if our.startswith("<"))


_RESULT = "/comparisons/<project>/<head>/<base>/<execution>"
ROUTES = (
    Route("GET", "/", "projects", page=True),
    Route("GET", "/projects/<project>", "builds", page=True),
    Route("GET", "/projects/<project>/snapshot", "snapshot", page=True),
    Route("GET", "/projects/<project>/snapshot/<file>", "steps", page=True),
    Route("GET", "/projects/<project>/life", "life", page=True),
    Route("GET", "/projects/<project>/flakes", "flakes", page=True),
    Route("GET", "/projects/<project>/life/<file>", "table", page=True),
    Route("GET", "/builds/<project>/<build>", "build", page=True),
    Route("GET", f"{_RESULT}/index.html", "report", page=True),
    Route("GET", f"{_RESULT}/masks/<fingerprint>/<file>", "picture"),
    Route("GET", f"{_RESULT}/thumbs/<file>", "picture"),
    Route("GET", "/images/<project>/<sha256>", "picture"),
    Route("GET", "/previews/<project>/<head>/<base>/<execution>/<file>", "preview"),
    Route("GET", "/diffs/<project>/<fingerprint>/<file>", "picture"),
    Route("POST", "/api/sign", "sign"),
    Route("GET", "/api/builds/<project>/<build>", "follow"),
    Route("POST", "/api/builds/<project>/<build>/reviews", "decide"),
    Route("GET", "/login", "login"),
    Route("GET", "/login/callback", "logged_in"),
    Route("POST", "/logout", "logout"),
    Route("POST", "/github/webhook", "webhook"),
)


class Site:
    """The pages over one bucket. For several threads."""

    def __init__(
        self,
        store: Bucket,
        *,
        gate: Gate | None = None,
        pictures: Pictures = Pictures(),
        bucket: str | None = None,
        hook: Callable[[Request], Response] | None = None,
        why_not: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Takes the store that is read and that reviews are written to.

        Without a gate everybody may do all, and reviews name nobody: S3's event says whose
        credentials wrote them. `bucket` is the name for commands that pages show. `hook` answers
        GitHub's webhook. `why_not` says why nobody may decide, where nobody may.
        """
        self._store = store
        self._gate = gate
        self._pictures = pictures
        self._hook = hook
        self._nobody_decides = why_not
        self._clock = clock
        self._catalogue = Catalogue(store, lambda: clock().timestamp())
        self._reports = Reports(store, bucket)
        self._pasts = Pasts(store)

    def respond(self, request: Request) -> Response:
        """Answers a request. Whatever goes wrong for a reason that we know is said in words."""
        try:
            response = self._answer(request)
        except Refused as error:
            response = self._refusal(request, error)
        except NotFound:
            response = self._refusal(request, Refused(HTTPStatus.NOT_FOUND, NOTHING))
        except BucketError as error:
            # It names bucket and account, which a stranger need not know.
            known = self._gate is None or self._visitor(request)
            words = str(error) if known else "The bucket cannot be read at the moment."
            response = self._refusal(request, Refused(HTTPStatus.BAD_GATEWAY, words))
        headers = {"Cache-Control": "no-store", **_ALWAYS, **response.headers}
        if request.origin.startswith("https:"):
            headers["Strict-Transport-Security"] = "max-age=31536000"
        if headers.get("Content-Type") == _HTML:
            headers.setdefault("Content-Security-Policy", pages.policy())
        else:
            headers.setdefault("Content-Security-Policy", "default-src 'none'; sandbox")
        return replace(response, headers=headers)

    def _answer(self, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        if _ODD.search(request.path):
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING)
        allowed = []
        for route in ROUTES:
            found = route.match(method, request.path)
            if found is not None:
                return self._answer_by(route, request, found)
            if route.match(route.method, request.path) is not None:
                allowed.append(route.method)
        if allowed:
            raise Refused(
                HTTPStatus.METHOD_NOT_ALLOWED, f"This address takes {' and '.join(allowed)}."
            )
        raise Refused(HTTPStatus.NOT_FOUND, NOTHING)

    def _answer_by(self, route: Route, request: Request, found: tuple[str, ...]) -> Response:
        view: Callable[..., Response] = getattr(self, route.view)
        try:
            return view(request, *found)
        except Refused as error:
            if route.page and error.status is HTTPStatus.UNAUTHORIZED:
                return redirect(_login(request))
            raise

    def _refusal(self, request: Request, error: Refused) -> Response:
        if request.path.startswith("/api/") or request.path == "/github/webhook":
            return json_response({"error": error.words}, error.status)
        session = self._visitor(request)
        login = error.status is HTTPStatus.UNAUTHORIZED
        body = pages.message(
            error.status.phrase, error.words, session, login=_login(request) if login else ""
        )
        return Response(error.status, {"Content-Type": _HTML}, body)

    def _visitor(self, request: Request) -> Session | None:
        """Returns the session, None also where it cannot be found out."""
        try:
            return self._gate.session(request) if self._gate else None
        except Refused:
            return None

    # --- who may ------------------------------------------------------------------------------

    def _session(self, request: Request) -> Session | None:
        """Returns the session, None where nobody has to log in. Raises Refused with 401."""
        if self._gate is None:
            return None
        session = self._gate.session(request)
        if session is None:
            raise Refused(HTTPStatus.UNAUTHORIZED, _ENDED)
        return session

    def _looker(self, request: Request, project: str) -> Session | None:
        """Returns the session of somebody who may see a project.

        Raises:
            Refused: 401 without a session, 404 to who may not see it: they shall not even learn
                that it exists.
        """
        session = self._session(request)
        try:
            check_id(project, "project")
        except BadManifest as error:
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING) from error
        if self._gate and session and not self._gate.may_look(session.person, project):
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING)
        return session

    def _from_own_page(self, request: Request, csrf: str, session: Session | None) -> None:
        """Refuses what another site's page sends with our cookie."""
        origin = request.headers.get("origin", "")
        if origin != request.origin:
            raise Refused(
                HTTPStatus.FORBIDDEN,
                f"The request comes from {origin or 'no page'}, not from this site.",
            )
        if session and not hmac.compare_digest(csrf.encode(), session.csrf.encode()):
            raise Refused(HTTPStatus.FORBIDDEN, "The page is of another session; load it again.")

    # --- pages --------------------------------------------------------------------------------

    def projects(self, request: Request) -> Response:
        """Lists the projects that somebody may see."""
        session = self._session(request)
        names = self._catalogue.projects()
        if self._gate and session:
            names = [n for n in names if self._gate.may_look(session.person, n)]
        return _html(pages.projects(names, session))

    def builds(self, request: Request, project: str) -> Response:
        """Lists a project's builds."""
        session = self._looker(request, project)
        search = request.query.get("q", "").strip()[:200]
        start = (
            int(given)
            if (given := request.query.get("from", "")).isdecimal() and len(given) < 8
            else 0
        )
        words = search.lower().split()
        page = self._catalogue.page(project, words, start, pages.PER_PAGE)
        if not page.total:
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING)
        return _html(pages.builds(project, page, search, start, self._clock(), session))

    def snapshot(self, request: Request, project: str) -> Response:
        """Tells a snapshot's life; the query names it, and two of its images to compare.

        Of a snapshot that the index does not know, its results in the newest builds are listed.
        """
        name = request.query.get("name", "")
        session = self._looker(request, project)
        told = past_pages.Told.of(self._pasts.of(project), name)
        if told:
            asked = (request.query.get("a", ""), request.query.get("b", ""))
            pair = asked if all(map(told.knows, asked)) else ("", "")
            masked = past_pages.compared(told, pair)
            if masked and not self._store.exists(masked.entry.mask(masked.shot) or ""):
                masked = None  # its build was past its retention
            page = past_pages.snapshot(project, told, pair, masked, self._clock(), session)
            return _html(page, pages.policy(self._pictures.origins))
        builds = history(self._store, project, limit=_BUILDS_OF_A_SNAPSHOT)
        past = [seen for seen in of_snapshot(self._store, name, builds) if seen[1].image]
        if not past:
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING)
        page = pages.snapshot(project, name, past, self._clock(), session)
        return _html(page, pages.policy(self._pictures.origins))

    def life(self, request: Request, project: str) -> Response:
        """Tells a project's life in the last days, whose number the query may give."""
        session = self._looker(request, project)
        past = self._past(project)
        return _html(past_pages.project_life(past, _days(request), self._clock(), session))

    def table(self, request: Request, project: str, file: str) -> Response:
        """One table of a project's life as CSV or JSON."""
        name, _, kind = file.partition(".")
        make_rows = TABLES.get(name)
        self._looker(request, project)
        if make_rows is None:
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING)
        past = self._past(project)
        first = (self._clock() - timedelta(days=_days(request))).astimezone(UTC).isoformat()
        rows = make_rows(past.only(e for e in past.entries if e.at >= first))
        return _file(project, name, kind, rows)

    def steps(self, request: Request, project: str, file: str) -> Response:
        """A snapshot's life as CSV or JSON; the query names the snapshot."""
        table, _, kind = file.partition(".")
        self._looker(request, project)
        told = snapshot_life(self._past(project), request.query.get("name", ""))
        if table != "life" or not told:
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING)
        return _file(project, table, kind, [step.row() for step in told])

    def flakes(self, request: Request, project: str) -> Response:
        """Which snapshots differ although nothing was changed; the query may name one."""
        session = self._looker(request, project)
        past, name, now = self._past(project), request.query.get("name", ""), self._clock()
        quarantines = rows(read_log(self._store, project), (), now)
        body = flake_pages.flakes(past, quarantines, _days(request), name, now, session)
        if body is None:
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING)
        return _html(body, pages.policy(self._pictures.origins))

    def _past(self, project: str) -> Past:
        """Returns the past of a project that has builds, or had some. Raises Refused with 404."""
        past = self._pasts.of(project)
        if not past.entries and not self._catalogue.page(project, (), 0, 1).total:
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING)
        return past

    def build(self, request: Request, project: str, build: str) -> Response:
        """Leads to a build's report, or says what it waits for. Links outside lead here."""
        session = self._looker(request, project)
        status = self._status(project, build)
        report = str(status.get("report") or "")
        if report.startswith("comparisons/"):
            return redirect(f"/{quote(report)}")
        if status.get("state") == "FAILED":
            page = self._reports.failure(status, self._known(BuildId(project, build), session))
            return _html(page, content_policy(self._pictures.origins))
        words = f"There is no report yet: {in_words(status)}."
        return _html(pages.state(project, build, words, session))

    def report(
        self, request: Request, project: str, head: str, base: str, execution: str
    ) -> Response:
        """The report of one result."""
        session = self._looker(request, project)
        key = f"comparisons/{project}/{head}/{base}/{execution}/comparison.json"
        build = BuildId(project, head)
        known = self._known(build, session)
        page = self._reports.page(key, {**known, "drift": self._drift(build, execution)})
        return _html(page, content_policy(self._pictures.origins))

    def _drift(self, build: BuildId, execution: str) -> list[dict[str, Any]]:
        """Returns the snapshots of a result that changed in several steps which passed."""
        try:
            past = self._pasts.of(build.project)
        except BucketError:
            return []  # the report is worth more; the pages of the history say what is wrong
        entry = past.entry(build.build)
        if entry is None or entry.execution != execution:
            return []
        return [
            {
                "name": chain.name,
                "steps": len(chain.steps),
                "url": past_pages.ends_of(build.project, chain),
            }
            for chain in chains(past, entry)[:_DRIFTS]
        ]

    def _known(self, build: BuildId, session: Session | None) -> dict[str, Any]:
        """Returns what a report has to know of its server: see `report.html.page`."""
        why_not = self._why_not(build.project, session)
        return {
            "project": build.project,
            "build": build.build,
            "api": path_of("api", "builds", build.project, build.build),
            "sign": "/api/sign" if self._pictures.sign else None,
            "builds": path_of("projects", build.project),
            "decide": not why_not,
            "why_not": why_not,
            "csrf": session.csrf if session else "",
            "person": session.person.login if session else None,
            "logout": "/logout" if session else None,
        }

    def _why_not(self, project: str, session: Session | None) -> str:
        """Says why somebody may not decide; "" if they may."""
        if self._nobody_decides:
            return self._nobody_decides
        if self._gate and session and not self._gate.may_decide(session.person, project):
            return f"{session.person.login} may look at this project, but not decide."
        return ""

    def picture(self, request: Request, project: str, *_: str) -> Response:
        """One image, mask or thumbnail."""
        self._looker(request, project)
        key = request.path.removeprefix("/")
        if not _project_of(key):
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING)
        if self._pictures.sign:
            # A browser may use the address again while it is good.
            headers = {"Cache-Control": f"private, max-age={SIGNED_SECONDS - 60}"}
            found = redirect(self._pictures.sign(key, SIGNED_SECONDS))
            return replace(found, headers={**found.headers, **headers})
        body = self._store.read(key)
        headers = {
            "Content-Type": picture_type(body),
            "Cache-Control": "private, max-age=31536000, immutable",
        }
        return Response(headers=headers, body=body)

    def preview(
        self, request: Request, project: str, head: str, base: str, execution: str, file: str
    ) -> Response:
        """A picture of a pull request's comment; its address is signed, and nobody is asked for."""
        comparison = ComparisonId(project, head, base)
        return preview(request, comparison, execution, file, self._store, self._clock())

    # --- what reports ask for -----------------------------------------------------------------

    def sign(self, request: Request) -> Response:
        """Signs the addresses of many pictures at once."""
        session = self._session(request)
        self._from_own_page(request, request.headers.get(_CSRF, ""), session)
        wanted = request.json().get("keys")
        if not isinstance(wanted, list) or not all(isinstance(key, str) for key in wanted):
            raise Refused(HTTPStatus.BAD_REQUEST, "keys must be a list of texts")
        if len(wanted) > MAX_SIGNED:
            raise Refused(HTTPStatus.BAD_REQUEST, f"at most {MAX_SIGNED} keys are signed at once")
        sign = self._pictures.sign
        if sign is None:
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING)
        for project in {_project_of(key) for key in wanted}:
            self._looker(request, project)
        urls = {key: sign(key, SIGNED_SECONDS) for key in wanted}
        return json_response({"urls": urls, "seconds": SIGNED_SECONDS})

    def follow(self, request: Request, project: str, build: str) -> Response:
        """The state of a build and of its reviews, which reports ask for again and again."""
        self._looker(request, project)
        status = self._status(project, build)
        newer = self._catalogue.newer(BuildId(project, build))
        return json_response(
            {
                "status": status,
                "standing": self._reports.standing(status),
                "newer": newer and {"build": newer, "url": path_of("builds", project, newer)},
            }
        )

    def decide(self, request: Request, project: str, build: str) -> Response:
        """Writes reviews, which the review function applies."""
        session = self._looker(request, project)
        self._from_own_page(request, request.headers.get(_CSRF, ""), session)
        if why_not := self._why_not(project, session):
            raise Refused(HTTPStatus.FORBIDDEN, why_not)
        status = self._status(project, build)
        asked = request.json(_MAX_REVIEWS)
        looked_at = asked.get("execution")
        # While a build is compared or has failed, its status names no result that can be reviewed.
        if not looked_at or looked_at != status.get("execution") or status["state"] != "SUCCEEDED":
            raise Refused(
                HTTPStatus.CONFLICT,
                "There is a newer result of this build than the one that was looked at.",
            )
        decisions = _decisions(asked, _person(session))
        written = []
        for decision in decisions:
            identifier = new_id(self._clock())
            write_review(self._store, BuildId(project, build), decision, identifier)
            written.append(identifier)
        return json_response({"reviews": written}, HTTPStatus.ACCEPTED)

    def _status(self, project: str, build: str) -> dict[str, Any]:
        try:
            status = self._reports.status(BuildId(project, check_id(build, "build")))
        except BadManifest as error:
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING) from error
        if status is None:
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING)
        return status

    # --- login, and GitHub --------------------------------------------------------------------

    def login(self, request: Request) -> Response:
        """Sends the browser to the login."""
        return self._login_gate().begin(request, request.query.get("to") or "/")

    def logged_in(self, request: Request) -> Response:
        """Takes the answer of the login."""
        return self._login_gate().finish(request)

    def logout(self, request: Request) -> Response:
        """Ends the session of this browser."""
        gate = self._login_gate()
        session = gate.session(request)
        if session:
            self._from_own_page(request, _form(request).get("csrf", ""), session)
        return gate.end(request)

    def _login_gate(self) -> Gate:
        if self._gate is None:
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING)
        return self._gate

    def webhook(self, request: Request) -> Response:
        """Takes what GitHub sends."""
        if self._hook is None:
            raise Refused(HTTPStatus.NOT_FOUND, NOTHING)
        return self._hook(request)


def _project_of(picture: str) -> str:
    """Returns the project of a picture's key; "" if it is none, which nobody may see."""
    path = f"/{picture}"
    wrong = picture.startswith("images/") and not _IMAGE.fullmatch(picture)
    if wrong or _ODD.search(path) or not picture.isprintable():
        return ""
    found = (route.match("GET", path) for route in ROUTES if route.view == "picture")
    return next((segments[0] for segments in found if segments), "")


def _decisions(asked: Mapping[str, Any], person: Mapping[str, str] | None) -> list[Decision]:
    """Reads what somebody decided. Raises Refused with the field and the rule."""
    given = asked.get("decisions")
    if not isinstance(given, list) or not given:
        raise Refused(HTTPStatus.BAD_REQUEST, "decisions must be a list with at least one decision")
    if len(given) > _MAX_DECISIONS:
        raise Refused(
            HTTPStatus.BAD_REQUEST, f"at most {_MAX_DECISIONS} decisions are taken at once"
        )
    found = []
    for n, one in enumerate(given):
        if not isinstance(one, dict) or one.keys() - {"action", "names", "reason"}:
            raise Refused(
                HTTPStatus.BAD_REQUEST,
                f"decisions[{n}] takes action, names and reason, and no more",
            )
        fields = {
            "schema_version": 1,
            **{name: value for name, value in one.items() if value is not None},
            "execution": asked["execution"],
        }
        try:
            body = parse(json.dumps(fields).encode())
        except ReviewRefused as error:
            raise Refused(HTTPStatus.BAD_REQUEST, f"decisions[{n}]: {error}") from error
        names = Selection(names=tuple(body.names or ()))
        found.append(Decision(body.action, names, body.execution, body.reason, person))
    return found


def _person(session: Session | None) -> dict[str, str] | None:
    if session is None:
        return None
    person = session.person
    return {"issuer": person.issuer, "subject": person.subject, "login": person.login}


def _login(request: Request) -> str:
    """Returns the address of the login that leads back to this page."""
    query = "&".join(f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in request.query.items())
    back = quote(request.path) + (f"?{query}" if query else "")
    return f"/login?to={quote(back, safe='')}"


def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body[:10_000].decode("utf-8", "replace")))


def _days(request: Request) -> int:
    """Returns how many days of the past were asked for."""
    asked = request.query.get("days", "")
    return int(asked) if asked.isdecimal() and 0 < int(asked[:5]) == int(asked) else _DAYS


def _file(project: str, table: str, kind: str, rows: list[Row]) -> Response:
    """A table as CSV or JSON. Raises Refused with 404 for any other kind."""
    if kind == "json":
        return json_response({"project": project, table: rows})
    if kind != "csv":
        raise Refused(HTTPStatus.NOT_FOUND, NOTHING)
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": f'attachment; filename="{table}.csv"',
    }
    return Response(headers=headers, body=as_csv(rows).encode())


def _html(body: bytes, policy: str = "") -> Response:
    """A page; with a policy, which lets it show pictures or run a script, in place of the usual."""
    headers = {"Content-Security-Policy": policy or pages.policy()}
    return Response(headers={"Content-Type": _HTML, **headers}, body=body)
