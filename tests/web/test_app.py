"""The site: who sees what, who decides what, and what it refuses."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.domain.review_request import OnBehalfOf
from pixelgate.pipeline.review.apply import CarriedOut, Written, carry_out
from pixelgate.web.app import MAX_SIGNED, ROUTES, Pictures, Site
from pixelgate.web.gate import Person
from pixelgate.web.http import Response
from support.reviews import Reviewed
from support.sites import ADA, BOB, NOW, ORIGIN, OpenGate, request
from support.world import sha

BASE = {"a.png": b"a", "b.png": b"b", "same.png": b"s"}
HEAD = {"a.png": b"a2", "b.png": b"b2", "same.png": b"s"}
SITE_ROLE = "AROASITE"
S3 = "https://shots.s3.eu-central-1.amazonaws.com"
EVE = Person("https://login.example.com", "9", "eve@example.com")
GATE = OpenGate(people={p.login: p for p in (ADA, BOB, EVE)})


@pytest.fixture
def reviewed() -> Reviewed:
    """A base build, and b1 with two changes."""
    made = Reviewed()
    made.build("b0", BASE, branch="main")
    made.build("b1", HEAD, base_build="b0", pull_request=5, author="Ada Lovelace")
    return made


@pytest.fixture
def site(reviewed: Reviewed) -> Site:
    signed = Pictures(lambda key, seconds: f"{S3}/{key}?X-Amz-Expires={seconds}", (S3,))
    return Site(reviewed.world.objects, gate=GATE, pictures=signed, clock=lambda: NOW)


def ask(site: Site, method: str, path: str, who: Person | None = ADA, **more: Any) -> Response:
    return site.respond(request(method, path, who, **more))


def words(response: Response) -> str:
    """The text of a page, or the error of an answer to a script."""
    if response.headers["Content-Type"].startswith("application/json"):
        return str(json.loads(response.body)["error"])
    body = re.sub(r"<(style|script).*?</\1>", "", response.body.decode(), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def execution(reviewed: Reviewed, build: str = "b1") -> str:
    return str(reviewed.world.status(build)["execution"])


def report_of(reviewed: Reviewed, build: str = "b1") -> str:
    return "/" + str(reviewed.world.status(build)["report"])


# --- seeing ---------------------------------------------------------------------------------------


def test_from_projects_to_a_report(site: Site, reviewed: Reviewed) -> None:
    projects = ask(site, "GET", "/")
    assert '<a href="/projects/shop">shop</a>' in projects.body.decode()
    builds = ask(site, "GET", "/projects/shop")
    assert words(builds).index("b1") < words(builds).index("b0")
    assert "needs review 2 changed topic #5" in words(builds)
    assert "Ada Lovelace" in words(builds)
    build = ask(site, "GET", "/builds/shop/b1")
    assert (build.status, build.headers["Location"]) == (302, report_of(reviewed))
    report = ask(site, "GET", report_of(reviewed))
    assert report.status == 200
    known = re.search(r'id="site-data">([^<]*)<', report.body.decode())
    assert known is not None
    assert json.loads(known[1]) == {
        "project": "shop", "build": "b1", "api": "/api/builds/shop/b1", "sign": "/api/sign",
        "builds": "/projects/shop", "drift": [], "decide": True, "why_not": "",
        "csrf": "csrf of ada@example.com", "person": "ada@example.com", "logout": "/logout",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("search", "found"),
    [("q=ada+lovelace", ["b1"]), ("q=%235", ["b1"]), ("q=MAIN", ["b0"]), ("q=needs", ["b1"]),
     ("q=b", ["b1", "b0"]), ("q=%2355", []), ("q=absent", [])],
)  # fmt: skip
def test_builds_are_searched(site: Site, search: str, found: list[str]) -> None:
    plain = search.replace("+", " ").replace("%23", "#")
    page = ask(site, "GET", f"/projects/shop?{plain}").body.decode()
    assert re.findall(r'href="/builds/shop/(\w+)"', page) == found


def test_a_thousand_builds_are_read_a_page_at_a_time(reviewed: Reviewed) -> None:
    objects = reviewed.world.objects
    status = reviewed.world.status("b1")
    for n in range(120):
        body = json.dumps({**status, "build": f"n{n:03}"}).encode()
        objects.write(keys.status(BuildId("shop", f"n{n:03}")), body, "application/json")
    site = Site(objects, clock=lambda: NOW)
    page = words(ask(site, "GET", "/projects/shop"))
    assert "122 builds" in page
    assert ("Older builds" in page, "Newer builds" in page) == (True, False)
    last = words(ask(site, "GET", "/projects/shop?from=100"))
    assert ("Older builds" in last, "Newer builds" in last) == (False, True)


def test_a_snapshot_and_its_results(site: Site, reviewed: Reviewed) -> None:
    reviewed.review("b1", action="reject", names=["a.png"], by="AWS:X:bob")
    page = ask(site, "GET", "/projects/shop/snapshot?name=a.png")
    assert "b1 changed 1 rejected by bob topic #5" in words(page)
    assert f'src="/images/shop/{sha(b"a2")}"' in page.body.decode()
    assert ask(site, "GET", "/projects/shop/snapshot?name=none").status == 404


def test_a_build_without_a_report_says_what_it_waits_for(site: Site, reviewed: Reviewed) -> None:
    status = {**reviewed.world.status("b1"), "report": None, "state": "PROCESSING"}
    key = keys.status(BuildId("shop", "b1"))
    reviewed.world.objects.write(key, json.dumps(status).encode(), "application/json")
    page = ask(site, "GET", "/builds/shop/b1")
    assert "There is no report yet: processing." in words(page)
    assert 'http-equiv="refresh"' in page.body.decode()


def test_a_failed_build_says_why(site: Site, reviewed: Reviewed) -> None:
    error = {"code": "IMAGES_MISSING", "message": "3 images are missing"}
    status = {**reviewed.world.status("b1"), "report": None, "state": "FAILED", "error": error}
    key = keys.status(BuildId("shop", "b1"))
    reviewed.world.objects.write(key, json.dumps(status).encode(), "application/json")
    assert "3 images are missing" in words(ask(site, "GET", "/builds/shop/b1"))


def test_pictures_are_signed_one_by_one_and_many_at_once(site: Site, reviewed: Reviewed) -> None:
    key = f"images/shop/{sha(b'a2')}"
    one = ask(site, "GET", f"/{key}")
    assert (one.status, one.headers["Location"]) == (302, f"{S3}/{key}?X-Amz-Expires=300")
    assert one.headers["Cache-Control"] == "private, max-age=240"
    many = ask(site, "POST", "/api/sign", content={"keys": [key]})
    assert json.loads(many.body) == {
        "urls": {key: f"{S3}/{key}?X-Amz-Expires=300"}, "seconds": 300,
    }  # fmt: skip


def test_without_signing_the_site_sends_pictures_itself(reviewed: Reviewed) -> None:
    picture = b"\x89PNG\r\n\x1a\n..."
    key = f"images/shop/{'ab' * 32}"
    reviewed.world.objects.write(key, picture, "image/png")
    answer = ask(Site(reviewed.world.objects), "GET", f"/{key}")
    assert (answer.body, answer.headers["Content-Type"]) == (picture, "image/png")
    reviewed.world.objects.write(key, b"<script>alert(1)</script>", "text/html")
    answer = ask(Site(reviewed.world.objects), "GET", f"/{key}")
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_what_every_answer_carries(site: Site, reviewed: Reviewed) -> None:
    for path in ("/", "/nowhere", report_of(reviewed), "/api/builds/shop/b1"):
        headers = ask(site, "GET", path).headers
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
    policy = ask(site, "GET", report_of(reviewed)).headers["Content-Security-Policy"]
    assert f"img-src 'self' data: {S3};" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in ask(site, "GET", "/").headers["Content-Security-Policy"]


# --- who may --------------------------------------------------------------------------------------

PAGES = ("/", "/projects/shop", "/builds/shop/b1", "/projects/shop/snapshot?name=a.png")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_leads_who_is_not_logged_in_to_the_login_and_back(site: Site, path: str) -> None:
    answer = ask(site, "GET", path, None)
    assert answer.status == 302
    to = answer.headers["Location"]
    assert to.startswith("/login?to=%2F")
    assert ask(site, "GET", to, None).headers["Location"].startswith("https://login.example.com/")


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/builds/shop/b1"), ("POST", "/api/builds/shop/b1/reviews"), ("POST", "/api/sign"),
     ("GET", "/images/shop/ab"), ("GET", "/comparisons/shop/b1/b0/e/thumbs/x.webp")],
)  # fmt: skip
def test_nothing_else_answers_who_is_not_logged_in(site: Site, method: str, path: str) -> None:
    answer = ask(site, method, path, None, content={"keys": []} if method == "POST" else None)
    assert answer.status == 401
    assert "session" in words(answer)


def test_a_project_that_somebody_may_not_see_does_not_exist_for_them(
    site: Site, reviewed: Reviewed
) -> None:
    assert "shop" not in words(ask(site, "GET", "/", EVE))
    gone = ask(site, "GET", "/projects/nowhere", EVE)
    for path in (*PAGES[1:], report_of(reviewed), f"/images/shop/{sha(b'a2')}"):
        answer = ask(site, "GET", path, EVE)
        assert (answer.status, words(answer)) == (404, words(gone)), path
    key = f"images/shop/{sha(b'a2')}"
    assert ask(site, "POST", "/api/sign", EVE, content={"keys": [key]}).status == 404
    assert ask(site, "GET", "/api/builds/shop/b1", EVE).status == 404
    assert decide(site, reviewed, EVE).status == 404


@pytest.mark.parametrize(
    "key",
    ["builds/shop/b1/status.json", "images/other/ab", "images/shop/../other/ab", "images/shop/..",
     "reviews/shop/b1/x", "images/shop/a/b", "images/shop", "", "images/shop/evil.html", "\ud800",
     f"comparisons/shop/b1/b0/e/thumbs/{chr(0xd800)}",
     "comparisons/shop/b1/b0/e/comparison.json"],
)  # fmt: skip
def test_only_pictures_of_projects_that_one_may_see_are_signed(site: Site, key: str) -> None:
    good = f"images/shop/{sha(b'a2')}"
    assert ask(site, "POST", "/api/sign", content={"keys": [good, key]}).status == 404


def test_signing_takes_so_many_keys_and_no_more(site: Site) -> None:
    wanted = [f"images/shop/{n:064x}" for n in range(MAX_SIGNED + 1)]
    assert ask(site, "POST", "/api/sign", content={"keys": wanted[:-1]}).status == 200
    answer = ask(site, "POST", "/api/sign", content={"keys": wanted})
    assert (answer.status, words(answer)) == (400, "at most 200 keys are signed at once")
    assert ask(site, "POST", "/api/sign", content={"keys": "x"}).status == 400


@pytest.mark.parametrize(
    "path",
    ["/images/../builds", "/images/shop/..", "/images//ab", "//evil.example.com", "/images/shop/.",
     "/images/shop/a\\b", "/projects/", "/projects/@x", "/comparisons/shop/b1/b0/e/status.json"],
)  # fmt: skip
def test_odd_paths_lead_nowhere(site: Site, path: str) -> None:
    assert ask(site, "GET", path).status == 404


def test_the_wrong_method_is_told_of(site: Site) -> None:
    answer = ask(site, "POST", "/projects/shop")
    assert (answer.status, "takes GET" in words(answer)) == (405, True)


def test_every_route_has_its_view() -> None:
    assert [r for r in ROUTES if not callable(getattr(Site, r.view, None))] == []


# --- deciding -------------------------------------------------------------------------------------


def decide(site: Site, reviewed: Reviewed, who: Person | None = ADA, **more: Any) -> Response:
    content = {
        "execution": execution(reviewed),
        "decisions": [{"action": "approve", "names": ["a.png"], "reason": "meant"}],
        **more.pop("content", {}),
    }
    path = "/api/builds/shop/b1/reviews"
    return ask(site, "POST", path, who, content=content, **more)


def reviews_in(reviewed: Reviewed) -> list[str]:
    return [entry.key for entry in reviewed.world.objects.list("reviews/")]


def deliver(reviewed: Reviewed, review: str) -> CarriedOut:
    """Delivers the event of a review that the site wrote."""
    tag = reviewed.world.objects.read_tagged(keys.review(BuildId("shop", "b1"), review))[1]
    by = f"AWS:{SITE_ROLE}:pixelgate-site"
    written = Written(BuildId("shop", "b1"), review, by, "2026-01-02T03:04:05.000+00:00", tag)
    outcome = carry_out(written, reviewed.service(site_role=SITE_ROLE))
    assert isinstance(outcome, CarriedOut), outcome
    return outcome


def test_a_decision_becomes_a_review_on_behalf_of_the_person(
    site: Site, reviewed: Reviewed
) -> None:
    answer = decide(site, reviewed)
    assert answer.status == 202
    [review] = json.loads(answer.body)["reviews"]
    outcome = deliver(reviewed, review)
    assert outcome.review.on_behalf_of == OnBehalfOf(ADA.issuer, ADA.subject, ADA.login)
    told = json.loads(ask(site, "GET", "/api/builds/shop/b1", BOB).body)
    assert told["status"]["review"]["left"] == 1
    [said] = told["standing"]["reviews"]
    assert (said["id"], said["by"], said["reason"], said["names"]) == (
        review, "ada@example.com", "meant", ["a.png"],
    )  # fmt: skip
    assert "ada@example.com" in ask(site, "GET", report_of(reviewed), BOB).body.decode()


def test_several_decisions_and_the_whole_build(site: Site, reviewed: Reviewed) -> None:
    both = [{"action": "reject", "names": ["b.png"]}, {"action": "approve", "names": ["a.png"]}]
    answer = decide(site, reviewed, content={"decisions": both})
    assert len(json.loads(answer.body)["reviews"]) == 2
    whole = decide(site, reviewed, content={"decisions": [{"action": "approve", "names": None}]})
    [review] = json.loads(whole.body)["reviews"]
    assert deliver(reviewed, review).state == "approved"


def test_a_reader_may_not_decide_and_is_told_so(site: Site, reviewed: Reviewed) -> None:
    answer = decide(site, reviewed, BOB)
    assert answer.status == 403
    assert words(answer) == "bob@example.com may look at this project, but not decide."
    page = ask(site, "GET", report_of(reviewed), BOB).body.decode()
    assert '"decide": false' in page
    assert reviews_in(reviewed) == []


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        pytest.param({"origin": "https://evil.example.com"}, "not from this site", id="origin"),
        pytest.param({"origin": ORIGIN + ":8443"}, "not from this site", id="port"),
        pytest.param({"origin": "null"}, "not from this site", id="sandbox"),
        pytest.param({"origin": ""}, "not from this site", id="no origin"),
        pytest.param({"x-pixelgate-csrf": "csrf of bob@example.com"}, "another session", id="csrf"),
        pytest.param({"x-pixelgate-csrf": ""}, "another session", id="no csrf"),
        pytest.param({"content-type": "text/plain"}, "application/json", id="a form"),
    ],
)
def test_another_site_decides_nothing(
    site: Site, reviewed: Reviewed, headers: dict[str, str], why: str
) -> None:
    answer = decide(site, reviewed, headers=headers)
    assert answer.status in (403, 415)
    assert why in words(answer)
    assert ask(site, "POST", "/api/sign", content={"keys": []}, headers=headers).status >= 400
    assert reviews_in(reviewed) == []


@pytest.mark.parametrize(
    ("content", "status", "why"),
    [
        pytest.param({"execution": "older"}, 409, "newer result", id="superseded"),
        pytest.param({"execution": None}, 409, "newer result", id="no execution"),
        pytest.param({"execution": ""}, 409, "newer result", id="empty execution"),
        pytest.param({"decisions": []}, 400, "at least one", id="none"),
        pytest.param({"decisions": [{"action": "merge"}]}, 400, "decisions[0]: action", id="verb"),
        pytest.param({"decisions": [{"action": "approve", "names": []}]}, 400, "selects nothing",
                     id="no names"),
        pytest.param({"decisions": [{"action": "approve", "on_behalf_of": {}}]}, 400,
                     "takes action, names and reason", id="somebody else"),
        pytest.param({"decisions": [{"action": "approve", "reason": "x" * 2_001}]}, 400, "reason",
                     id="long reason"),
        pytest.param({"decisions": [{"action": "approve"}] * 101}, 400, "at most 100", id="many"),
        pytest.param({"decisions": {"a": 1}}, 400, "must be a list", id="no list"),
    ],
)  # fmt: skip
def test_what_is_no_decision_is_refused_in_words(
    site: Site, reviewed: Reviewed, content: dict[str, Any], status: int, why: str
) -> None:
    answer = decide(site, reviewed, content=content)
    assert answer.status == status
    assert why in words(answer)
    assert reviews_in(reviewed) == []


def test_a_build_that_failed_since_is_not_decided_on(site: Site, reviewed: Reviewed) -> None:
    """CI may spoil a build after its result; its status then names no execution."""
    status = {**reviewed.world.status("b1"), "state": "FAILED", "execution": None}
    key = keys.status(BuildId("shop", "b1"))
    reviewed.world.objects.write(key, json.dumps(status).encode(), "application/json")
    whole = [{"action": "approve"}]
    assert decide(site, reviewed, content={"execution": None, "decisions": whole}).status == 409
    content = {"decisions": whole}
    answer = ask(site, "POST", "/api/builds/shop/b1/reviews", content=content)
    assert answer.status == 409
    assert reviews_in(reviewed) == []


def test_who_is_not_logged_in_does_not_learn_where_the_bucket_is(site: Site) -> None:
    for path in ("/", "/nowhere", "/login?to=/", "/projects/shop"):
        answer = ask(site, "GET", path, None)
        assert "shots.s3" not in str(answer.headers) + answer.body.decode()
    policy = ask(site, "GET", "/projects/shop/snapshot?name=a.png").headers
    assert S3 in policy["Content-Security-Policy"]


def test_a_body_that_is_no_json_is_refused(site: Site) -> None:
    sent = request("POST", "/api/sign", content={})
    assert "not valid JSON" in words(site.respond(replace(sent, body=b"{")))
    assert "not a JSON object" in words(site.respond(replace(sent, body=b"[]")))
    large = replace(sent, body=b" " * (1024 * 1024 + 1))
    assert site.respond(large).status == 413


def test_a_newer_build_of_the_pull_request_is_told_of(reviewed: Reviewed) -> None:
    now = [NOW]
    site = Site(reviewed.world.objects, gate=GATE, clock=lambda: now[0])

    def newer(build: str) -> Any:
        return json.loads(ask(site, "GET", f"/api/builds/shop/{build}").body)["newer"]

    assert newer("b1") is None
    reviewed.build("b2", HEAD, base_build="b0", pull_request=5)
    reviewed.build("c1", HEAD, base_build="b0", pull_request=6)
    assert newer("b1") is None, "for a minute nothing is listed again"
    now[0] += timedelta(seconds=61)
    assert newer("b1") == {"build": "b2", "url": "/builds/shop/b2"}
    assert (newer("b2"), newer("c1"), newer("b0")) == (None, None, None)


def test_without_a_gate_whoever_reaches_the_site_decides_and_names_nobody(
    reviewed: Reviewed,
) -> None:
    site = Site(reviewed.world.objects, clock=lambda: NOW)
    answer = decide(site, reviewed, None)
    [review] = json.loads(answer.body)["reviews"]
    body = json.loads(reviewed.world.objects.read(keys.review(BuildId("shop", "b1"), review)))
    assert "on_behalf_of" not in body
    assert (
        decide(site, reviewed, None, headers={"origin": "https://evil.example.com"}).status == 403
    )
    assert ask(site, "GET", "/login", None).status == 404


def test_logging_out_needs_the_own_page(site: Site) -> None:
    form = replace(request("POST", "/logout"), body=b"csrf=csrf+of+ada%40example.com")
    assert site.respond(form).cookies == ("who=; Max-Age=0",)
    assert site.respond(replace(form, body=b"csrf=x")).status == 403


def test_the_webhook_is_answered_only_where_there_is_one(site: Site, reviewed: Reviewed) -> None:
    assert ask(site, "POST", "/github/webhook", None, content={}).status == 404
    hooked = Site(reviewed.world.objects, gate=GATE, hook=lambda r: Response(202, {}, r.body))
    assert ask(hooked, "POST", "/github/webhook", None, content={"a": 1}).body == b'{"a": 1}'
