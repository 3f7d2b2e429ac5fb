"""The pages of the past: a snapshot's life, a project's, and their tables."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest

from pixelgate.domain import keys
from pixelgate.domain.history import encode
from pixelgate.past.model import Entry
from pixelgate.ports import Listed
from pixelgate.web.app import Site
from pixelgate.web.gate import Person
from pixelgate.web.http import Response
from pixelgate.web.past_pages import Told, project_life, snapshot
from pixelgate.web.pasts import Pasts
from support.doubles.memory import MemoryBucket
from support.pasts import drifted, entry, given, passed, seen
from support.reviews import Reviewed
from support.sites import ADA, NOW, OpenGate, request
from support.world import sha

A, B, C, D = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)
MALICE = '"><script>alert(1)</script>'
NEEDS = {"verdict": "needs_review"}


def ago(days: float) -> str:
    return (NOW - timedelta(days=days)).isoformat()


def lived() -> list[Entry]:
    """Approved by Ada in a pull request, changed by rule, rejected by Ada, and tried by a fork."""
    return [
        entry("b0", None, seen("p/a.png", A), at=ago(80), usd=0.01, counts={"total": 1}),
        entry("b1", "b0", seen("p/a.png", B, A, pixels=5, total=10, mask="masks/f/a-b.png"),
              at=ago(20), pull_request="5", branch="topic", review="approved", usd=0.02, **NEEDS,
              reviews=(given("30", "approve", at=ago(19.5), reason="the new header"),)),
        entry("b2", "b0", seen("p/a.png", C, A), at=ago(10), review="approved",
              granted="approved by rule: main is a baseline branch", **NEEDS),
        entry("b3", "b2", seen("p/a.png", D, C), at=ago(5), review="rejected", branch=MALICE,
              reviews=(given("40", "reject", at=ago(4), reason=MALICE),), **NEEDS),
        entry("fork.9", "b2", seen("p/a.png", B, C), at=ago(1), trusted=False, review="needed",
              **NEEDS),
    ]  # fmt: skip


def filled(*entries: Entry) -> MemoryBucket:
    bucket = MemoryBucket()
    for one in entries:
        key = keys.index_line("shop", one.at, one.build, one.execution)
        bucket.write(key, encode([one]), "application/gzip")
    return bucket


@pytest.fixture
def bucket() -> MemoryBucket:
    return filled(*lived())


def site_of(bucket: MemoryBucket) -> Site:
    return Site(bucket, gate=OpenGate(), clock=lambda: NOW)


def ask(bucket: MemoryBucket, path: str, who: Person | None = ADA) -> Response:
    return site_of(bucket).respond(request("GET", path, who))


def words(response: Response) -> str:
    body = re.sub(r"<(style|svg).*?</\1>", "", response.body.decode(), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


SNAPSHOT = "/projects/shop/snapshot?name=p/a.png"
LIFE = "/projects/shop/life"
STEPS = "/projects/shop/snapshot/life"


# --- a snapshot -----------------------------------------------------------------------------------


def test_a_snapshot_s_life_tells_who_approved_what_and_why(bucket: MemoryBucket) -> None:
    page = ask(bucket, SNAPSHOT)
    assert page.status == 200
    said = words(page)
    assert "approved by ada “the new header” b1 topic #5" in said
    assert "by rule approved by rule: main is a baseline branch b2 main" in said
    assert "first first upload b0 main" in said
    film = page.body.decode().partition('<ol class="film">')[2].partition("</ol>")[0]
    assert [sha for sha in (A, B, C, D) if f"/images/shop/{sha}" in film] == [A, B, C]
    assert "rejected by ada" in said  # among the builds
    assert "fork.9" in said


def test_what_people_and_ci_wrote_is_text(bucket: MemoryBucket) -> None:
    for path in (SNAPSHOT, LIFE):
        body = ask(bucket, path).body.decode()
        assert MALICE not in body
        assert "<script" not in body


def test_any_two_images_are_shown_side_by_side_with_the_mask_if_there_is_one(
    bucket: MemoryBucket,
) -> None:
    mask = lived()[1].mask(lived()[1].shots["p/a.png"])
    assert mask is not None
    pair = f"{SNAPSHOT}&a={A}&b={B}"
    assert "Mask: 5 of 10 pixels differ" not in words(ask(bucket, pair))  # it is gone
    bucket.write(mask, b"png", "image/png")
    for path in (pair, f"{SNAPSHOT}&a={B}&b={A}"):
        page = ask(bucket, path)
        assert "Mask: 5 of 10 pixels differ" in words(page)
        assert f'src="/{mask}"' in page.body.decode()
    never = words(ask(bucket, f"{SNAPSHOT}&a={B}&b={C}"))
    assert "never compared with each other" in never
    assert f"pixelgate history 'p/a.png' --diff {B[:12]} {C[:12]}" in never
    assert "Both are the same image." in words(ask(bucket, f"{SNAPSHOT}&a={A}&b={A}"))


@pytest.mark.parametrize("pair", [f"a={A}", f"a={A}&b={'e' * 64}", "a=../x&b=y", "a=&b="])
def test_only_images_of_the_snapshot_are_compared(bucket: MemoryBucket, pair: str) -> None:
    page = ask(bucket, f"{SNAPSHOT}&{pair}")
    assert page.status == 200
    assert 'class="pair"' not in page.body.decode()


def test_drift_is_named_with_a_link_to_both_ends() -> None:
    bucket = filled(
        entry("b0", None, seen("x", A), at=ago(9)),
        entry("b1", "b0", passed("x", B, A), at=ago(8)),
        entry("b2", "b1", passed("x", C, B), at=ago(7)),
    )
    page = ask(bucket, "/projects/shop/snapshot?name=x")
    assert "Drift. It changed in 2 small steps since 2025-12-24" in words(page)
    assert f"a={A}&amp;b={C}" in page.body.decode()


def test_the_page_of_a_result_names_its_drift() -> None:
    made = drifted()

    def told() -> Any:
        path = str(made.world.status("b1")["report"])
        page = ask(made.world.objects, f"/{path}")
        assert page.status == 200
        block = re.search(r'id="site-data">([^<]*)<', page.body.decode())
        assert block is not None
        return json.loads(block[1])["drift"]

    ends = f"/projects/shop/snapshot?name=a.png&a={'1' * 64}&b={'3' * 64}"
    assert told() == [{"name": "a.png", "steps": 2, "url": ends}]
    made.world.objects.write(keys.index_month("shop", "2026-11"), b"mine", "text/plain")
    assert told() == []  # the report is shown all the same


def test_a_snapshot_that_the_index_does_not_know_is_found_in_the_newest_builds() -> None:
    made = Reviewed()
    made.build("b0", {"a.png": b"a"}, branch="main")
    store = made.world.objects
    store.delete([key for key in store.objects if key.startswith(keys.index("shop"))])
    page = ask(store, "/projects/shop/snapshot?name=a.png")
    assert page.status == 200
    assert f"/images/shop/{sha(b'a')}" in page.body.decode()
    assert ask(store, "/projects/shop/snapshot?name=none").status == 404


# --- a project ------------------------------------------------------------------------------------


def test_a_project_s_life(bucket: MemoryBucket) -> None:
    said = words(ask(bucket, LIFE))
    assert "builds 5" in said
    assert "of the decided were approved 50 %" in said
    assert "median time to review 18.0 h" in said
    assert "Branches and pull requests" in said
    assert "topic #5 1 1 1 0 0 12.0 h $0.0200" in said
    assert "(fork)" in said
    assert "p/a.png 3" in said


def test_a_project_s_life_in_fewer_days(bucket: MemoryBucket) -> None:
    assert "builds 4" in words(ask(bucket, f"{LIFE}?days=30"))
    assert "no build of these days" in words(ask(filled(lived()[0]), f"{LIFE}?days=30"))
    for odd in ("0", "-1", "x", "9" * 30, "²"):
        assert "builds 5" in words(ask(bucket, f"{LIFE}?days={odd}"))


def test_pictures_have_names_and_every_part_a_title(bucket: MemoryBucket) -> None:
    pictures = []
    for path in (SNAPSHOT, LIFE, f"{LIFE}?days=30", f"{LIFE}?days=365"):
        for found in re.findall(r"<svg.*?</svg>", ask(bucket, path).body.decode(), re.DOTALL):
            picture = ElementTree.fromstring(found)
            assert picture.get("role") == "img"
            assert picture.get("aria-label")
            assert not [part for part in picture.iter() if "style" in part.attrib]
            pictures.append(picture)
    assert len(pictures) > 5
    bars = [p for p in pictures if p.get("aria-label", "").startswith("Builds by")]
    assert [len(bar.findall("g")) for bar in bars] == [13, 30, 13]
    titles = [str(group.findtext("title")) for group in bars[1].findall("g")]
    assert titles[-2].endswith(": 1 needs review")
    assert sum("no build" not in title for title in titles) == 4


@pytest.mark.parametrize("table", ["builds", "series", "snapshots", "months", "rates"])
def test_each_table_is_there_as_csv_and_json(bucket: MemoryBucket, table: str) -> None:
    page = ask(bucket, LIFE).body.decode()
    assert f'href="/projects/shop/life/{table}.csv?days=90"' in page
    text = ask(bucket, f"{LIFE}/{table}.csv?days=90")
    assert text.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert text.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    rows = list(csv.DictReader(io.StringIO(text.body.decode())))
    found = json.loads(ask(bucket, f"{LIFE}/{table}.json").body)[table]
    assert len(found) == len(rows) > 0
    assert [*found[0]] == [*rows[0]]


def test_builds_of_a_table_are_those_of_the_days(bucket: MemoryBucket) -> None:
    found = json.loads(ask(bucket, f"{LIFE}/builds.json?days=30").body)["builds"]
    assert [row["build"] for row in found] == ["fork.9", "b3", "b2", "b1"]


@pytest.mark.parametrize("file", ["builds", "builds.xml", "x.csv", ".csv", "builds.csv.csv"])
def test_there_is_no_other_table(bucket: MemoryBucket, file: str) -> None:
    assert ask(bucket, f"{LIFE}/{file}").status == 404


def test_a_snapshot_s_life_is_there_as_csv_and_json(bucket: MemoryBucket) -> None:
    page = ask(bucket, SNAPSHOT).body.decode()
    assert 'href="/projects/shop/snapshot/life.csv?name=p%2Fa.png"' in page
    text = ask(bucket, f"{STEPS}.csv?name=p/a.png")
    assert text.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(text.body.decode())))
    found = json.loads(ask(bucket, f"{STEPS}.json?name=p/a.png").body)["life"]
    assert [*found[0]] == [*rows[0]]
    assert [row["build"] for row in found] == [row["build"] for row in rows]
    approved = next(row for row in rows if row["how"] == "approved")
    assert (approved["by"], approved["reason"], approved["image"]) == ("ada", "the new header", B)


@pytest.mark.parametrize("file", ["life.xml?name=p/a.png", "life.csv?name=x", "x.csv?name=p/a.png"])
def test_there_is_no_other_file_of_a_snapshot(bucket: MemoryBucket, file: str) -> None:
    assert ask(bucket, f"/projects/shop/snapshot/{file}").status == 404


def test_of_a_very_large_index_only_the_newest_months_are_read_and_the_page_says_so() -> None:
    bucket, shot = MemoryBucket(), seen("p/a.png", A, B)
    for month in ("2025-10", "2025-11", "2025-12"):
        made = entry(f"b-{month}", None, shot, at=f"{month}-05T12:00:00+00:00")
        bucket.write(keys.index_month("shop", month), encode([made]), "application/gzip")
    size = len(bucket.objects[keys.index_month("shop", "2025-12")])
    read = [Pasts(bucket, most).of("shop") for most in (1, 2 * size + 20, 9 * size)]
    assert [len(past.entries) for past in read] == [1, 2, 3]
    assert [past.since and past.since.month for past in read] == [12, 11, None]
    told = Told.of(read[1], "p/a.png")
    assert told is not None
    for page in (
        snapshot("shop", told, ("", ""), None, NOW, None),
        project_life(read[1], 365, NOW, None),
    ):
        assert "what was before 2025-11-01 is left out here" in page.decode()
    assert "is left out here" not in project_life(read[1], 30, NOW, None).decode()


# --- access and cost ------------------------------------------------------------------------------

PATHS = (SNAPSHOT, LIFE, f"{LIFE}/builds.csv", f"{STEPS}.csv?name=p/a.png")


@pytest.mark.parametrize("path", PATHS)
def test_who_may_not_see_a_project_learns_nothing(bucket: MemoryBucket, path: str) -> None:
    hidden = path.replace("/shop/", "/hidden/")
    assert ask(bucket, hidden).status == 404
    page = ask(bucket, path, None)
    assert (page.status, page.body) == (302, b"")
    assert page.headers["Location"].startswith("/login?to=%2Fprojects%2Fshop")


def test_a_project_without_builds_is_none(bucket: MemoryBucket) -> None:
    gate = OpenGate(looking={ADA.login: {"none"}})
    site = Site(bucket, gate=gate, clock=lambda: NOW)
    assert site.respond(request("GET", "/projects/none/life")).status == 404


class Counting(MemoryBucket):
    """A bucket that counts requests."""

    asked = 0

    def read(self, key: str, limit: int | None = None) -> bytes:
        self.asked += 1
        return super().read(key, limit)

    def list(self, prefix: str) -> Iterator[Listed]:
        self.asked += 1
        return super().list(prefix)


def test_a_second_look_takes_one_request_until_the_index_changes() -> None:
    counting = Counting()
    lines: list[Any] = lived()
    counting.write(keys.index_month("shop", "2025-12"), encode(lines), "application/gzip")
    site = site_of(counting)
    site.respond(request("GET", LIFE))
    assert counting.asked == 3
    counting.asked = 0
    assert "builds 5" in words(site.respond(request("GET", LIFE)))
    assert counting.asked == 1
    later = entry("b4", "b2", at=NOW.isoformat())
    counting.write(keys.index_line("shop", later.at, "b4", "e"), encode([later]), "any")
    assert "builds 6" in words(site.respond(request("GET", LIFE)))


def test_a_damaged_index_is_said_in_words(bucket: MemoryBucket) -> None:
    bucket.write(keys.index_month("shop", "2025-12"), b"mine", "text/plain")
    page = ask(bucket, LIFE)
    assert page.status == 502
    assert "is no index of pixelgate" in words(page)


def test_the_first_day_of_a_picture_is_so_many_days_ago(bucket: MemoryBucket) -> None:
    body = ask(bucket, f"{LIFE}?days=30").body.decode()
    first = (datetime.fromisoformat(ago(29))).date()
    assert f">{first}</text>" in body
