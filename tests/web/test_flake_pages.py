"""The page of flakes: states, evidence, and the lines that ignore a region."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta

import pytest

from pixelgate.domain import keys
from pixelgate.domain.history import encode
from pixelgate.domain.quarantine_review import Entered, Lifted, QuarantineLog
from pixelgate.past.model import Entry, Spot
from pixelgate.web.app import Site
from pixelgate.web.gate import Person
from pixelgate.web.http import Response
from pixelgate.web.pasts import Pasts
from support.doubles.memory import MemoryBucket
from support.pasts import entry, given, passed, seen
from support.sites import ADA, NOW, OpenGate, request

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
MALICE = "<b>it's.png"
PAGE = "/projects/shop/flakes"


def ago(days: float) -> str:
    return (NOW - timedelta(days=days)).isoformat()


def lived() -> list[Entry]:
    """A flaky name of somebody malicious, one that is broken, one at risk and one quiet."""
    names = (MALICE, "footer.png", "font.png", "logo.png")
    made = [entry("b0", None, *(seen(name, A) for name in names), at=ago(200))]
    region = Spot(20, 30, 10, 10, 9, "plain")
    odd = seen(MALICE, B, A, pixels=9, total=10_000, regions=(region,))
    for n in range(12):
        fields = {"commit": f"c{n}", "branch": "t", "pull_request": str(n)}
        made += [
            entry(f"p{n}", "b0", at=ago(80 - n), **fields),
            entry(f"q{n}", "b0", *((odd,) if n < 3 else ()), at=ago(79.9 - n), **fields),
        ]
    small = seen(MALICE, C, A, pixels=4, total=10_000, regions=(Spot(22, 32, 2, 2, 4, "plain"),))
    made.append(
        entry("p99", "b0", small, at=ago(60), branch="t", pull_request="99", review="approved",
              reviews=(given("05", "approve", MALICE, at=ago(59)),), verdict="needs_review")
    )  # fmt: skip
    made.append(entry("m0", "b0", passed("font.png", B, A, headroom=0.1, total=10), at=ago(10)))
    for n in range(1, 6):
        made.append(entry(f"m{n}", "m0", seen("footer.png", B, A), at=ago(6 - n), review="needed"))
    return made


def filled(*entries: Entry) -> MemoryBucket:
    bucket = MemoryBucket()
    for one in entries:
        key = keys.index_line("shop", one.at, one.build, one.execution)
        bucket.write(key, encode([one]), "application/gzip")
    return bucket


@pytest.fixture(scope="module")
def bucket() -> MemoryBucket:
    return filled(*lived())


def ask(bucket: MemoryBucket, path: str, who: Person | None = ADA) -> Response:
    site = Site(bucket, gate=OpenGate(), clock=lambda: NOW)
    return site.respond(request("GET", path, who))


def words(response: Response) -> str:
    body = re.sub(r"<(style|svg).*?</\1>", "", response.body.decode(), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def test_the_list_has_the_worst_first_with_links_to_lives_and_evidence(
    bucket: MemoryBucket,
) -> None:
    page = ask(bucket, PAGE)
    assert page.status == 200
    said = words(page)
    assert "broken 1 flaky 1 at risk 1 quiet 1" in said
    order = [said.index(f" {name} ") for name in ("footer.png", MALICE, "font.png")]
    assert order == sorted(order)
    assert f"flaky {MALICE} 3 of 17 17.6 % 6.2–41.0 %" in said
    assert "logo.png" not in said
    body = page.body.decode()
    assert 'href="/projects/shop/snapshot?name=footer.png"' in body
    assert 'href="/projects/shop/flakes?name=footer.png&amp;days=90"' in body


def test_of_one_it_shows_pairs_region_and_the_lines_to_copy(bucket: MemoryBucket) -> None:
    page = ask(bucket, f"{PAGE}?name={MALICE}")
    said = words(page)
    assert "3 of 17 pairs with the same input differ: 6.2 to 41.0 % of all" in said
    assert "commit p2 q2" in said
    assert f"/images/shop/{B}" in page.body.decode()
    assert "1 change was approved; this would have hidden 1: p99." in said
    assert f"p99 : {MALICE}, approved by ada" in said
    assert f'match = "{MALICE}" policy.ignore_regions = [ {{x = 16, y = 26,' in said
    assert r"pixelgate flakes '<b>it'\''s.png' --take-over" in said
    command = """pixelgate quarantine add '<b>it'"'"'s.png' --owner WHO --reason"""
    assert f"{command} '3 of 17 pairs with the same input differ'" in said


def test_of_a_history_that_is_too_long_no_state_is_told(
    bucket: MemoryBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pairs that are alike would be missing, and rates too high."""
    site = Site(bucket, gate=OpenGate(), clock=lambda: NOW)
    monkeypatch.setattr(site, "_pasts", Pasts(bucket, most=1))
    for query in ("", f"?name={MALICE}"):
        said = words(site.respond(request("GET", f"{PAGE}{query}", ADA)))
        assert "pixelgate flakes --since 90d reads all of it" in said
        assert "broken" not in said
    assert Pasts(bucket, most=None).of("shop").since is None


def test_quarantines_are_listed_with_owner_reason_end_and_who(bucket: MemoryBucket) -> None:
    assert "Quarantines" not in words(ask(bucket, PAGE))
    known = filled(*lived())
    sha, ada, bob = "x" * 64, "AWS:AROAX:ada", "AWS:AROAX:bob"
    clock = Entered("clock*", "ada", "<b>late</b> fonts", ago(3), ago(-11), ada, sha)
    old = Entered("logo.png", "bob", "seed", ago(30), ago(16), bob, sha)
    lift = Lifted("one", "c" * 40, ada, ago(1), sha)
    log = QuarantineLog().with_entry("old", old).with_entry("one", clock).with_lift("l", lift)
    body = json.dumps(log.as_json()).encode()
    known.write(keys.quarantine_log("shop"), body, "application/json")
    page = ask(known, PAGE)
    assert b"<b>late" not in page.body
    said = words(page)
    assert f"applies clock* ada <b>late</b> fonts {ago(-11)[:10]} ada {'c' * 12}" in said
    assert f"expired logo.png bob seed {ago(16)[:10]} bob –" in said


def test_of_a_broken_one_it_shows_the_last_results(bucket: MemoryBucket) -> None:
    said = words(ask(bucket, f"{PAGE}?name=footer.png"))
    assert "The last 5 results on main are one image (bbbbbbbbbbbb)" in said
    assert said.index("m5 ") < said.index("m1 ")
    assert "Region of unrest" not in said
    assert "quarantine add" not in said  # a missed approval wants an approval


def test_days_say_what_is_evidence(bucket: MemoryBucket) -> None:
    assert "broken 1 flaky 0 at risk 1" in words(ask(bucket, f"{PAGE}?days=30"))
    assert "The history has no build of these days" in words(
        ask(filled(entry("b0", None, seen("a", A), at=ago(99))), PAGE)
    )


def test_where_nothing_is_loud_it_says_so() -> None:
    quiet = filled(entry("b0", None, seen("a", A), at=ago(9)))
    assert "Every snapshot is quiet." in words(ask(quiet, PAGE))


def test_what_people_wrote_is_text(bucket: MemoryBucket) -> None:
    for path in (PAGE, f"{PAGE}?name={MALICE}"):
        assert "<b>it" not in ask(bucket, path).body.decode()


@pytest.mark.parametrize(
    ("path", "who", "status"),
    [
        (f"{PAGE}?name=nope.png", ADA, 404),
        ("/projects/other/flakes", ADA, 404),
        ("/projects/..x/flakes", ADA, 404),
        (PAGE, None, 302),
    ],
)
def test_who_sees_nothing(bucket: MemoryBucket, path: str, who: Person | None, status: int) -> None:
    assert ask(bucket, path, who).status in {status, 303 if status == 302 else status}
