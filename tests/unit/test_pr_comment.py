"""What a pull request is told, and which comment it is told in."""

from __future__ import annotations

from typing import Any

import pytest

from pixelgate.notify.forge import Comment, CommitStatus, State
from pixelgate.notify.pr_comment import Marker, Plan, comment, commit_status, plan_comments

CONTEXT = "pixelgate/shop"
URL = "https://example.com/report"
SSO = "AWS:AROAEXAMPLEEXAMPLE01"
NOTHING = dict.fromkeys(
    ("total", "changed", "added", "removed", "renamed", "unchanged", "skipped", "errored"), 0
)


def review(state: str = "needed", left: int = 2, **fields: Any) -> dict[str, Any]:
    names = [f"{n}.png" for n in range(left)]
    said = {"state": state, "left": left, "names": names[:100], "by": [], "reasons": []}
    return said | fields


def status(state: str = "SUCCEEDED", **fields: Any) -> dict[str, Any]:
    said = {
        "project": "shop",
        "build": "b1",
        "state": state,
        "verdict": "needs_review" if state == "SUCCEEDED" else None,
        "counts": {**NOTHING, "total": 48, "changed": 1, "added": 1, "unchanged": 46},
        "base": "b0",
        "baseline_reason": "the manifest names this build as base_build",
        "report": "comparisons/shop/b1/b0/e1/index.html",
        "error": None,
        "created": "2026-01-02T03:04:05.000+00:00",
        "updated": "2026-01-02T03:05:05.000+00:00",
        "review": review() if state == "SUCCEEDED" else None,
    }
    return said | fields


NO_REVIEW = {**NOTHING, "total": 48, "unchanged": 48}
LEARNED = {**NO_REVIEW, "learned_noise": 2}
FIRST = {**NOTHING, "total": 3, "added": 3}
TIMED_OUT = {"code": "TIMEOUT", "message": "the worker stopped"}


@pytest.mark.parametrize(
    ("said", "state", "description"),
    [
        (status("WAITING_FOR_BASE"), State.WAITING, "waiting for the base build"),
        (status("PROCESSING"), State.RUNNING, "comparing"),
        (status(), State.FAILED, "2 left to review: 1 changed, 1 added"),
        (status(review=review("rejected", 0)), State.FAILED, "rejected: 1 changed, 1 added"),
        (status(review=review("approved", 0)), State.PASSED, "approved: 1 changed, 1 added"),
        (
            status(verdict="passed", counts=NO_REVIEW, review=review("not_needed", 0)),
            *(State.PASSED, "no changes in 48 snapshots"),
        ),
        (
            status(verdict="passed", counts=LEARNED, review=review("not_needed", 0)),
            *(State.PASSED, "no changes in 48 snapshots; 2 explained by learned noise"),
        ),
        (status(verdict="passed", review=None, counts=FIRST), State.PASSED, "3 added"),
        (status("FAILED", error=TIMED_OUT), State.ERROR, "TIMEOUT: the worker stopped"),
    ],
)
def test_commit_status(said: dict[str, Any], state: State, description: str) -> None:
    assert commit_status(said, URL) == CommitStatus(state, description, URL)


def test_the_comment_says_what_learned_noise_explains() -> None:
    said = status(verdict="passed", counts=LEARNED, review=review("not_needed", 0))
    line = "Of the unchanged ones, 2 explained by learned noise; the report says how."
    assert line in comment(said, CONTEXT, URL).splitlines()


def test_comment_on_a_build_that_needs_review() -> None:
    assert comment(status(), CONTEXT, URL) == (
        '<!-- pixelgate: {"context": "pixelgate/shop", "build": "b1", '
        '"created": "2026-01-02T03:04:05.000+00:00", "state": "needed"} -->\n'
        "### pixelgate/shop: review needed\n"
        "\n"
        "| changed | added | unchanged |\n"
        "| ---: | ---: | ---: |\n"
        "| 1 | 1 | 46 |\n"
        "\n"
        "Left to review, 2:\n"
        "\n"
        "- `0.png`\n"
        "- `1.png`\n"
        "\n"
        "[Look at the report](https://example.com/report) of build `b1`.\n"
        "\n"
        "<sub>Compared with `b0`: the manifest names this build as base\\_build.</sub>\n"
    )


def test_the_line_to_copy_is_there_where_it_can_be_carried_out() -> None:
    shown = comment(status(execution="e1"), CONTEXT, URL, commands=True)
    assert shown == comment(status(execution="e1"), CONTEXT, URL).replace(
        "of build `b1`.\n\n",
        "of build `b1`.\n"
        "\n"
        "When you have looked at it, this comment approves all of it. With `reject` instead it\n"
        "rejects, and a reason may follow:\n"
        "\n"
        "```\n"
        "/pixelgate approve shop/b1.e1\n"
        "```\n"
        "\n",
    )


def test_the_line_to_copy_holds_no_mark_up_of_an_id() -> None:
    said = status(execution="e1", build="```\n@ada $(id)", project="a shop")
    assert "\n/pixelgate approve a%20shop/%60%60%60%0A%40ada%20%24%28id%29.e1\n```\n" in comment(
        said, CONTEXT, URL, commands=True
    )


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"review": review("approved", 0)}, id="approved"),
        pytest.param({"review": review("rejected", 0)}, id="rejected"),
        pytest.param({"verdict": "passed", "review": None}, id="nothing to review"),
        pytest.param({"state": "FAILED", "error": TIMED_OUT}, id="failed"),
        pytest.param({"build": "fork.b1"}, id="a fork's"),
        pytest.param({"execution": None}, id="no result"),
    ],
)
def test_without_a_review_that_a_comment_can_give_there_is_no_line(fields: dict[str, Any]) -> None:
    said = {**status(execution="e1"), **fields}
    assert "/pixelgate" not in comment(said, CONTEXT, URL, commands=True)


def test_comment_on_an_approved_build_says_who_and_why() -> None:
    approved = review("approved", 0, by=[f"{SSO}:ada"], reasons=["the new header"])
    said = comment(status(review=approved), CONTEXT, None)
    assert "### pixelgate/shop: approved\n" in said
    assert "> the new header\n\nBy `ada`.\n" in said


def test_without_a_url_the_comment_names_the_command_that_shows_the_report() -> None:
    assert "Look at the report: `pixelgate report b1`.\n" in comment(status(), CONTEXT, None)
    failed = status("FAILED", error={"code": "TIMEOUT", "message": ""}, counts={}, report=None)
    assert "Look at the report" not in comment(failed, CONTEXT, None)


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ([f"{SSO}:ada@example.com"], "By `ada`."),
        ([f"{SSO}:ada@example.com", f"{SSO}:grace"], "By `ada` and `grace`."),
        ([f"{SSO}:ada", f"{SSO}:grace", f"{SSO}:alan"], "By `ada`, `grace` and `alan`."),
        ([f"{SSO}:ada", "AWS:AIDAEXAMPLEEXAMPLE01"], "By `ada` and others."),
        (["AWS:AIDAEXAMPLEEXAMPLE01"], "By a reviewer."),
        (["123456789012"], "By a reviewer."),
        (["AWS:123456789012"], "By a reviewer."),
        ([f"{SSO}:ada-123456789012"], "By a reviewer."),
        ([f"{SSO}:arn:aws:iam::1:user/ada"], "By a reviewer."),
        ([f"{SSO}:@example.com"], "By a reviewer."),
    ],
)
def test_a_comment_names_people_and_never_ids_addresses_or_accounts(
    by: list[str], words: str
) -> None:
    said = comment(status(review=review("approved", 0, by=by)), CONTEXT, None)
    assert f"{words}\n" in said
    for secret in ("AROA", "AIDA", "@", "123456789012"):
        assert secret not in said.partition("-->")[2]


def test_comment_on_a_failure_says_what_to_do() -> None:
    error = {"code": "BASE_MISSING", "message": "base_commit c1 has no build"}
    said = comment(status("FAILED", error=error, counts={}), CONTEXT, None)
    assert "### pixelgate/shop: the comparison failed\n" in said
    assert "`BASE_MISSING` base\\_commit c1 has no build\n" in said


def test_twenty_names_are_shown_and_the_rest_counted() -> None:
    said = comment(status(review=review(left=150)), CONTEXT, URL)
    assert said.count("\n- `") == 20
    assert "\n- and 130 more\n" in said


def test_comment_of_the_largest_build_is_one_that_a_forge_takes() -> None:
    longest = review(
        left=100_000,
        names=["`" * 500 + "ü" * 262] * 100,
        by=["x" * 255] * 20,
        reasons=["*" * 2_000] * 10,
    )
    said = status(review=longest, project="ü" * 127, build="日" * 85, execution="e" * 1_024)
    assert len(comment(said, CONTEXT, URL, commands=True)) <= 65_536


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        pytest.param("@acme/everybody", "`@acme/everybody`", id="a mention"),
        pytest.param("a`b", "`` a`b ``", id="a backtick"),
        pytest.param("``", "``` `` ```", id="only backticks"),
        pytest.param("x\n### Approved", "`x ### Approved`", id="a new line"),
        pytest.param("-->", "`-->`", id="the end of a comment"),
    ],
)
def test_names_are_shown_as_what_they_are(chosen: str, shown: str) -> None:
    said = comment(status(review=review(left=1, names=[chosen])), CONTEXT, URL)
    assert f"\n- {shown}\n" in said


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [
        ("@acme/everybody", "@\u200bacme/everybody"),
        ("fixes #1", "fixes #\u200b1"),
        ("see https://evil.example", "see https:\u200b//evil.example"),
        ("[look](x)", "\\[look\\](x)"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("a\nb", "a b"),
        ("`code`", "\\`code\\`"),
        (
            "see !1, $1, %1, ~bug & &1",
            "see \\!\u200b1, \\$\u200b1, %\u200b1, \\~\u200bbug &amp; &amp;\u200b1",
        ),
        ("www.evil.example", "www.\u200bevil.example"),
        ("ada@evil.example", "ada@\u200bevil.example"),
        ("$x$ and $`x`$", "\\$\u200bx\\$ and \\$\\`x\\`\\$"),
        ("[[Home]] {+ more +}", "\\[\\[Home\\]\\] \\{+ more +\\}"),
        ("# Approved", "\\# Approved"),
        ("- one", "\\- one"),
        ("1. one", "1\\. one"),
        ("/merge", "\\/merge"),
    ],
)
def test_reasons_are_words_and_no_mark_up(chosen: str, shown: str) -> None:
    said = comment(status(review=review("rejected", 0, reasons=[chosen])), CONTEXT, None)
    assert f"> {shown}\n" in said


def test_no_line_begins_as_a_command_of_gitlab() -> None:
    chosen = "one\n/merge\n/close"
    for changed in (
        {"review": review("needed", 1, names=[chosen], reasons=[chosen], by=[chosen])},
        {"state": "FAILED", "error": {"code": "INTERNAL", "message": chosen}},
        {"baseline_reason": chosen, "base": chosen, "build": chosen},
    ):
        for line in comment(status(**changed), CONTEXT, URL).splitlines():
            assert not line.lstrip().startswith("/")


# --- which comment --------------------------------------------------------------------------------


def test_marker_is_found_again_whatever_the_build_is_called() -> None:
    for build in ("b1", 'a"b', "x --> y", "<b>", "日本", "}"):
        marker = Marker(CONTEXT, build, "2026", "needed")
        said = comment(status(build=build, created="2026"), CONTEXT, None)
        assert Marker.of(said) == marker
        assert said.split("\n")[0].count("-->") == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "a comment of a person",
        "> <!-- pixelgate: {} -->",
        "<!-- pixelgate: {} -->",
        "<!-- pixelgate: {nonsense} -->",
        '<!-- pixelgate: {"context": 1, "more": 2} -->',
    ],
)
def test_comments_of_others_are_others(body: str) -> None:
    assert Marker.of(body) is None


def told(id: int, build: str = "b1", state: str = "needed", created: str = "2") -> Comment:  # noqa: A002
    return Comment(id, f"{Marker(CONTEXT, build, created, state)}\nold words")


OTHER = Comment(1, f"{Marker('pixelgate/web', 'b1', '2', 'needed')}\n")
PERSON = Comment(2, "looks good")
EARLIER = told(5, "b0", created="1")
LATER = told(6, "b2", created="3")
ANEW = Plan(create=True, delete=(5,))
PLANS: dict[str, tuple[list[Comment], str, Plan]] = {
    "review is needed": ([], "needed", Plan(create=True)),
    "rejected": ([], "rejected", Plan(create=True)),
    "failed": ([], "FAILED", Plan(create=True)),
    "nothing to say": ([], "not_needed", Plan()),
    "approved by rule or carried over": ([], "approved", Plan()),
    "others' comments": ([OTHER, PERSON], "needed", Plan(create=True)),
    "less is left": ([told(5)], "needed", Plan(edit=5)),
    "approved now": ([told(5)], "approved", Plan(edit=5)),
    "a later build needs review again": ([EARLIER], "needed", ANEW),
    "a later build does not": ([EARLIER], "approved", Plan(edit=5)),
    "new review is needed": ([told(5, "b0", "approved", "1")], "needed", ANEW),
    "needed again": ([told(5, state="approved")], "needed", ANEW),
    "an event came late": ([LATER], "needed", Plan()),
    "two of one moment": ([told(5), told(6)], "needed", Plan(edit=6, delete=(5,))),
    "an older one was left behind": ([EARLIER, LATER], "needed", Plan(delete=(5,))),
}


@pytest.mark.parametrize(("present", "state", "plan"), PLANS.values(), ids=PLANS)
def test_plan(present: list[Comment], state: str, plan: Plan) -> None:
    wanted = f"{Marker(CONTEXT, 'b1', '2', state)}\nnew words"
    assert plan_comments(present, wanted) == plan


def test_the_same_words_are_not_written_twice() -> None:
    wanted = comment(status(), CONTEXT, URL)
    assert plan_comments([Comment(5, wanted.replace("\n", "\r\n").strip())], wanted) == Plan()
    assert plan_comments([Comment(5, wanted)], wanted) == Plan()
