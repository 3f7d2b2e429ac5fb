"""The report in a browser as the real site serves it, over the pipeline's own rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from browser.conftest import Open
from browser.test_served import dialog
from pixelgate.client.serve import serving
from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from pixelgate.pipeline.review.apply import Written, carry_out
from pixelgate.web.app import Site
from pixelgate.web.http import Request, Response
from support.images import png
from support.reviews import Reviewed
from support.sites import ADA, BOB, OpenGate
from support.world import PROJECT

pytestmark = pytest.mark.browser


class Served:
    """A build with a changed and an added snapshot, on a site where somebody is logged in."""

    def __init__(self, *, with_login: bool) -> None:
        self.reviewed = Reviewed()
        old, new = (png((320, 200), c) for c in ((220, 230, 250), (250, 220, 220)))
        self.reviewed.build("b0", {"a.png": old}, branch="main")
        self.reviewed.build("b1", {"a.png": new, "b.png": old}, base_build="b0", pull_request=5)
        self.site = Site(self.reviewed.world.objects, gate=OpenGate() if with_login else None)
        self.who = ADA

    def respond(self, request: Request) -> Response:
        answer = self.site.respond(replace(request, cookies={"who": self.who.login}))
        if request.method == "POST" and request.path.endswith("/reviews"):
            self.carry_out()
        return answer

    def carry_out(self) -> None:
        """What the events of S3 cause: every review that lies there is applied."""
        objects = self.reviewed.world.objects
        for entry in list(objects.list(f"reviews/{PROJECT}/")):
            identifier = entry.key.rpartition("/")[2].removesuffix(".json")
            at = "2026-01-02T10:00:00.000+00:00"
            written = Written(BuildId(PROJECT, "b1"), identifier, "AWS:AROASITE:function", at)
            carry_out(written, replace(self.reviewed.service()))


@pytest.fixture
def served() -> Iterator[tuple[Served, str]]:
    served = Served(with_login=False)
    with serving(served) as origin:
        yield served, f"{origin}/builds/{PROJECT}/b1"


def test_the_link_of_a_build_leads_to_a_page_in_which_it_is_approved(
    served: tuple[Served, str], opened: Open
) -> None:
    served_by, link = served
    it = opened(link)
    assert "/comparisons/" in it.page.url
    assert it.page.locator("#list .thumb img").first.evaluate("i => i.decode().then(() => true)")
    it.press("a", "a", "e")
    assert "Approve all 2 snapshots" in dialog(it).inner_text()
    it.press("Enter")
    words = "Approved: the pull request’s check turns green."
    expect(dialog(it).get_by_role("status")).to_have_text(words)
    assert served_by.reviewed.state("b1") == "approved"
    it.press("Enter")
    it.page.reload()
    it.page.wait_for_selector("body.ready")
    assert it.page.locator("h1").inner_text().startswith("Approved by ")
    assert it.done == "2 of 2"
    assert it.complaints == []


def test_a_snapshot_leads_to_its_results_in_other_builds(
    served: tuple[Served, str], opened: Open
) -> None:
    it = opened(served[1])
    it.page.get_by_role("link", name="its results in other builds").click()
    it.page.wait_for_url(f"**/projects/{PROJECT}/snapshot?name=a.png")
    assert "b1" in it.page.locator("main").inner_text()


def test_a_rejection_and_its_reason_are_there_for_the_next_page(
    served: tuple[Served, str], opened: Open
) -> None:
    _, link = served
    it = opened(link)
    it.press("c")
    it.page.keyboard.type("not our blue")
    it.press("Enter", "r", "e", "Enter")
    expect(dialog(it).get_by_role("status")).to_contain_text("Rejected")
    other = opened(link)
    assert "not our blue" in other.page.locator("#reviews").inner_text()
    assert other.done == "1 of 2"


def test_who_may_look_but_not_decide_reads_why(opened: Open) -> None:
    served = Served(with_login=True)
    served.who = BOB
    with serving(served) as origin:
        it = opened(f"{origin}/builds/{PROJECT}/b1")
        news = it.page.locator("#news").inner_text()
        assert news == "bob@example.com may look at this project, but not decide."
        assert it.page.get_by_role("button", name="Approve").count() == 0
        assert it.page.locator(".person").inner_text() == "bob@example.com"


def test_the_form_that_logs_out_is_believed(opened: Open) -> None:
    """Without a referrer its origin would be null, which the site must refuse."""
    served = Served(with_login=True)
    with serving(served) as origin:
        it = opened(f"{origin}/builds/{PROJECT}/b1")
        it.click("Log out")
        it.page.wait_for_url(f"{origin}/")
        assert it.page.locator("h1").inner_text() == "Projects"


def test_a_failed_build_has_a_page_too(opened: Open) -> None:
    served = Served(with_login=False)
    objects, status = served.reviewed.world.objects, served.reviewed.world.status("b1")
    error = {"code": "TIMEOUT", "message": "the worker stopped"}
    failed = {**status, "build": "b2", "state": "FAILED", "report": None, "error": error}
    key = keys.status(BuildId(PROJECT, "b2"))
    objects.write(key, json.dumps(failed).encode(), "application/json")
    with serving(served) as origin:
        it = opened(f"{origin}/builds/{PROJECT}/b2")
        assert "the run took too long" in it.page.locator("h1").inner_text()
        assert it.page.get_by_role("link", name="‹ Builds").is_visible()
        it.page.wait_for_timeout(300)
        assert it.page.locator("#news").is_hidden()
        assert it.complaints == []
