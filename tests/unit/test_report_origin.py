"""Where a build comes from, in words and links; what a manifest says becomes no other link."""

from __future__ import annotations

import pytest

from pixelgate.domain import keys
from pixelgate.domain.comparison import Comparison
from pixelgate.report import comparison_of, render, with_review
from pixelgate.report.origin import origin_in_words
from support.comparisons import comparison
from support.pages import Page, parsed

SHA = "0123456789abcdef0123456789abcdef01234567"
KEY = "comparisons/shop/b1/b0/e1/index.html"


def page(shown: Comparison) -> Page:
    return parsed(render(shown, lambda sha: keys.image("shop", sha), KEY, bucket="shots"))


@pytest.mark.parametrize(
    ("job", "pull", "commit"),
    [
        ("https://github.com/o/r/actions/runs/7/attempts/2", "https://github.com/o/r/pull/5",
         f"https://github.com/o/r/commit/{SHA}"),
        ("https://git.corp/g/sub/r/-/jobs/8", "https://git.corp/g/sub/r/-/merge_requests/5",
         f"https://git.corp/g/sub/r/-/commit/{SHA}"),
        ("https://bitbucket.org/o/r/pipelines/results/9", "https://bitbucket.org/o/r/pull-requests/5",
         f"https://bitbucket.org/o/r/commits/{SHA}"),
        ("https://jenkins.corp/job/r/12/", None, None),
    ],
)  # fmt: skip
def test_links_lie_beside_the_job(job: str, pull: str | None, commit: str | None) -> None:
    origin = {"ci_url": job, "pull_request": "5", "commit": SHA, "branch": "b", "author": "Ada"}
    assert origin_in_words(origin) == (
        ("Pull request", "#5", pull),
        ("Branch", "b", None),
        ("Commit", "01234567", commit),
        ("Author", "by Ada", None),
        ("CI job", "job", job),
    )


@pytest.mark.parametrize(
    "job", ["javascript:alert(1)", "data:text/html,x", "//x", "https://", "http://[", "file:///x"]
)
def test_only_web_addresses_become_links(job: str) -> None:
    assert origin_in_words({"ci_url": job, "pull_request": "5"}) == (("Pull request", "#5", None),)


@pytest.mark.parametrize(("pull", "commit"), [("5/../../x", "v1"), ("five", "HEAD?x"), ("", "")])
def test_what_is_no_number_or_hash_is_no_part_of_an_address(pull: str, commit: str) -> None:
    job = "https://github.com/o/r/actions/runs/7"
    found = origin_in_words({"ci_url": job, "pull_request": pull, "commit": commit})
    assert [url for _, _, url in found if url] == [job]


def test_the_header_has_them_and_older_results_have_none() -> None:
    from dataclasses import replace

    hostile = '"><script>alert(1)</script>'
    origin = {"branch": hostile, "author": hostile, "pull_request": "5",
              "ci_url": f"https://ci/{hostile}"}  # fmt: skip
    shown = replace(comparison(), origin=origin)
    there = page(shown)
    assert len(there.all("script")) == len(page(comparison()).all("script"))
    assert f"#5 · {hostile} · by {hostile} · job" in there.text
    assert [a["href"] for a in there.all("a")] == [origin["ci_url"]]
    assert page(comparison()).all("a") == []
    stored = shown.as_json()
    assert comparison_of(stored).origin == origin
    assert comparison_of({**stored, "origin": None}).origin == {}
    assert comparison_of({k: v for k, v in stored.items() if k != "origin"}).origin == {}
    assert there.block("list")["run"]["bucket"] == "shots"


def test_a_review_is_put_into_a_page_once_and_stays_text() -> None:
    plain = render(comparison(), lambda sha: keys.image("shop", sha), KEY)
    once = with_review(plain, {"execution": "e1", "state": "</script><script>1"})
    twice = with_review(once, {"execution": "e1", "state": "approved"})
    assert len(parsed(once).all("script")) == len(parsed(plain).all("script")) + 1
    assert twice.count(b'id="review-data"') == 1
    assert b'"state":"approved"' in twice
    assert with_review(b"<p>no page of ours</p>", {}) == b"<p>no page of ours</p>"
