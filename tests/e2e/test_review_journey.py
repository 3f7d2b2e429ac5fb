"""From the pull request's comment to the green check, in a real browser, without a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.domain.keys import BuildId
from support.review_stand import (
    SEEN,
    SNAPSHOTS,
    Person,
    PullRequest,
    Stand,
    review_stand,
    wait_until,
)

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


@pytest.fixture(scope="module")
def stand(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with review_stand(built, tmp_path_factory.mktemp("screenshots")) as running:
        yield running
        running.cloud.wait_until_idle()


def reviewer(stand: Stand, pull: PullRequest, name: str = "Ada") -> Person:
    """Somebody who has followed the comment's link and logged in."""
    person = stand.person()
    person.opens(pull.link)
    person.logs_in(name)
    person.sees(SEEN)
    return person


def history(stand: Stand, build: BuildId) -> list[dict[str, object]]:
    """The reviews of a build as they are kept, without ids and hashes."""
    s3 = stand.cloud.client("s3")
    prefix = f"builds/{build}/reviews/"
    found = s3.list_objects_v2(Bucket=stand.cloud.bucket, Prefix=prefix).get("Contents", ())
    kept = [
        json.load(s3.get_object(Bucket=stand.cloud.bucket, Key=one["Key"])["Body"]) for one in found
    ]
    return sorted(kept, key=lambda one: str(one["at"]))


def test_by_mouse(stand: Stand) -> None:
    pull = stand.pull_request()
    assert pull.check == "failure"
    ada = reviewer(stand, pull)
    assert ada.clicks == 2, "the link, and the login"
    for _ in SNAPSHOTS[:3]:
        ada.click(ada.page.get_by_role("button", name="Approve", exact=True))
    ada.click(ada.page.locator("#end"))
    ada.click(ada.page.locator("#go"))
    ada.reads("the pull request’s check turns green")
    wait_until(lambda: pull.check == "success")
    [kept] = history(stand, pull.build)
    assert (kept["action"], kept["on_behalf_of"]) == (
        "approve",
        {"issuer": stand.issuer.url, "subject": "1001", "login": "ada@acme.com"},
    )
    assert "Approved by ada@acme.com" in ada.page.locator("h1").inner_text()
    wait_until(lambda: "By `ada`" in (pull.comment or ""))


def test_by_keyboard_with_a_reason(stand: Stand) -> None:
    pull = stand.pull_request()
    ada = stand.person()
    ada.opens(pull.link)
    ada.page.get_by_label("Person").focus()
    ada.presses("Tab", "Enter")  # Ada is the first; Log in is the next control
    ada.sees(SEEN)
    ada.decides_on_all_changed("Shift+A", "the new header")
    ada.hands_in()
    ada.reads("the pull request’s check turns green")
    wait_until(lambda: pull.check == "success")
    assert [one["reason"] for one in history(stand, pull.build)] == ["the new header"]


def test_who_is_logged_in_sees_the_picture_after_one_click(stand: Stand) -> None:
    ada = reviewer(stand, stand.pull_request())
    other, before = stand.pull_request(), ada.clicks
    ada.opens(other.link)
    ada.sees(SEEN)
    assert ada.clicks - before == 1


def test_a_reader_looks_and_cannot_decide(stand: Stand) -> None:
    pull = stand.pull_request()
    bob = reviewer(stand, pull, "Bob")
    bob.reads("bob@acme.com may look at this project, but not decide.")
    assert bob.page.get_by_role("button", name="Approve", exact=True).count() == 0
    bob.presses("a", "e")
    assert history(stand, pull.build) == []
    assert pull.check == "failure"


def test_who_may_not_look_sees_nothing(stand: Stand) -> None:
    eve = stand.person()
    eve.opens(stand.pull_request().link)
    eve.logs_in("Eve")
    eve.reads("There is nothing here, or nothing that you may see.")


def test_a_session_that_ends_in_the_middle_costs_no_decision(stand: Stand) -> None:
    pull = stand.pull_request()
    ada = reviewer(stand, pull)
    ada.presses("a", "a", "a")
    kept: Any = ada.page.context.cookies()
    ada.page.context.clear_cookies()
    ada.presses("e")
    ada.sees("document.querySelector('#go')")
    ada.click(ada.page.locator("#go"))
    ada.reads("Your session has ended")
    assert history(stand, pull.build) == []
    ada.page.context.add_cookies(kept)  # as a login in another tab does
    ada.click(ada.page.locator("#go"))
    ada.reads("the pull request’s check turns green")
    wait_until(lambda: pull.check == "success")


def test_two_reviewers_at_once(stand: Stand) -> None:
    pull = stand.pull_request()
    ada, second = reviewer(stand, pull), reviewer(stand, pull)
    ada.decides_on_all_changed("Shift+R", "too blue")
    ada.hands_in()
    ada.reads("the pull request’s check is red")
    # The other one has not seen that yet, decides otherwise, and is asked before it counts.
    second.presses("a", "a", "a", "e")
    second.reads("This overturns what was decided before")
    second.reads("too blue")
    second.click(second.page.locator("#agree"))
    second.click(second.page.locator("#go"))
    second.reads("the pull request’s check turns green")
    wait_until(lambda: pull.check == "success")
    assert [one["action"] for one in history(stand, pull.build)] == ["reject", "approve"]


def test_a_newer_build_of_the_pull_request_is_told_of(stand: Stand) -> None:
    pull = stand.pull_request()
    newer = PullRequest(stand, pull.number, "f" * 39 + str(pull.number % 10), pull.build)
    newer.build = BuildId(pull.build.project, f"{pull.build.build}-again")
    newer.upload(SNAPSHOTS[:2])
    stand.forget_listings()
    ada = stand.person()
    ada.opens(pull.link.replace(newer.build.build, pull.build.build))
    ada.logs_in("Ada")
    ada.sees(SEEN)
    ada.reads("The pull request has a newer build")
    ada.click(ada.page.get_by_role("link", name=f"Open {newer.build.build}"))
    ada.page.wait_for_url(f"**/comparisons/shop/{newer.build.build}/**")


def test_ci_cannot_pass_for_somebody(stand: Stand) -> None:
    pull = stand.pull_request()
    ada = {"issuer": stand.issuer.url, "subject": "1001", "login": "ada@acme.com"}
    body = {"schema_version": 1, "action": "approve", "on_behalf_of": ada}
    stand.cloud.client("s3").put_object(
        Bucket=stand.cloud.bucket, Key=keys.review(pull.build, "1"), Body=json.dumps(body).encode()
    )
    stand.cloud.wait_until_idle()
    assert pull.check == "failure"
    person = reviewer(stand, pull)
    person.sees("!document.querySelector('h1').textContent.startsWith('Approved')")


def test_another_project_is_not_there(stand: Stand) -> None:
    pull = stand.pull_request()
    secret = BuildId("secret", "b")
    status = {"schema_version": 1, "project": "secret", "build": "b", "state": "PROCESSING"}
    stand.cloud.client("s3").put_object(
        Bucket=stand.cloud.bucket, Key=keys.status(secret), Body=json.dumps(status).encode()
    )
    eve = stand.person()
    eve.opens(pull.link.replace(f"/builds/{pull.build}", f"/builds/{secret}"))
    eve.logs_in("Eve")
    eve.reads("There is nothing here, or nothing that you may see.")


def test_a_forks_build_never_turns_the_required_check_green(stand: Stand) -> None:
    pull = stand.pull_request()
    fork = PullRequest(stand, pull.number, pull.commit, BuildId("shop", f"fork.{pull.number}.1"))
    fork.upload(SNAPSHOTS[:1])
    ada = stand.person()
    ada.opens(f"{stand.site.url}/builds/{fork.build}")
    ada.logs_in("Ada")
    ada.sees(SEEN)
    ada.presses("a")
    ada.hands_in()
    ada.reads("Approved")
    stand.cloud.wait_until_idle()
    shown = stand.github.shown(pull.commit, "pixelgate/shop (fork)")
    assert shown is not None
    assert shown[0] == "success"
    assert pull.check == "failure"
