"""`pixelgate review-comment`: what a comment on a pull request may do, and how it is answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pixelgate.domain import keys
from pixelgate.errors import Refused
from support.doubles.memory import MemoryBucket
from support.github import REPOSITORY, TOKEN, FakeGitHub, github

from .conftest import NEEDS_REVIEW, Answer, Cli, Done, tell

LINE = "/pixelgate approve shop/7.e1"
OF_FIVE = {**NEEDS_REVIEW, "pull_request": "5"}
APPROVED = {**OF_FIVE, "review": {"state": "approved", "left": 0}}
ADA = 583231


@dataclass
class Comment:
    """A comment of ada's on pull request 5, and the job that it starts."""

    fake: FakeGitHub
    run: Cli
    folder: Path
    number: int = 0

    def __call__(
        self,
        body: str,
        *options: str,
        login: str = "ada",
        account: int = ADA,
        environ: dict[str, str] | None = None,
        **event: Any,
    ) -> Done:
        """Writes it and runs the job's command."""
        self.number = self.fake.say(5, body)
        user = {"login": login, "id": account, "type": event.pop("type", "User")}
        comment = {
            "id": self.number, "body": body, "user": user, "created_at": "2026-11-30T20:49:06Z",
            "html_url": f"https://github.com/acme/shop/pull/5#issuecomment-{self.number}",
        }  # fmt: skip
        said = {
            "action": "created", "issue": {"number": 5, "pull_request": {"url": "x"}},
            "comment": comment, "repository": {"full_name": REPOSITORY}, **event,
        }  # fmt: skip
        path = self.folder / "event.json"
        path.write_text(json.dumps(said))
        job = {
            "GITHUB_EVENT_NAME": "issue_comment", "GITHUB_EVENT_PATH": str(path),
            "GITHUB_API_URL": self.fake.url, "GITHUB_TOKEN": TOKEN,
            "GITHUB_OUTPUT": str(self.folder / "output"), "GITHUB_RUN_ID": "9",
            "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": REPOSITORY,
        }  # fmt: skip
        return self.run("review-comment", *options, **{**job, **(environ or {})})

    @property
    def reactions(self) -> list[str]:
        return self.fake.reactions.get(self.number, [])

    @property
    def answers(self) -> list[str]:
        """The comments that were written after it."""
        return self.fake.bodies(5)[1:]

    @property
    def outputs(self) -> dict[str, str]:
        path = self.folder / "output"
        lines = path.read_text().splitlines() if path.exists() else []
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def comment(run: Cli, tmp_path: Path) -> Iterator[Comment]:
    with github() as fake:
        fake.members = {"ada": ("write", ADA)}
        yield Comment(fake, run, tmp_path)


def reviews(bucket: MemoryBucket) -> dict[str, Any]:
    found = {k: v for k, v in bucket.objects.items() if k.startswith("reviews/")}
    return {key: json.loads(body) for key, body in found.items()}


def test_a_comment_is_checked_before_the_job_has_a_role(
    comment: Comment, bucket: MemoryBucket
) -> None:
    done = comment(LINE, "--check")
    assert (done.code, comment.answers) == (0, [])
    assert comment.outputs == {"allowed": "true", "session": "ada@github.583231"}
    assert comment.reactions == ["eyes"]
    assert bucket.objects == {}


@pytest.mark.parametrize("action", ["approve", "reject"])
def test_a_comment_reviews_the_build(
    comment: Comment, bucket: MemoryBucket, answer: Answer, action: str
) -> None:
    tell(bucket, "7", **OF_FIVE)
    state = {"approve": "approved", "reject": "rejected"}[action]
    answer(lambda _: {**OF_FIVE, "review": {"state": state, "left": 0}})
    done = comment(f"/pixelgate {action} shop/7.e1 the header,\r\nas agreed\r\n")
    assert (done.code, comment.reactions, comment.answers) == (0, ["+1"], []), done.err
    key = f"reviews/shop/7/20261130T204906000000Z-github-{comment.number}.json"
    assert reviews(bucket) == {
        key: {"schema_version": 1, "action": action, "execution": "e1",
              "reason": "the header,\r\nas agreed"}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("role", "allowed"),
    [("admin", True), ("maintain", True), ("write", True), ("triage", False), ("read", False),
     ("none", False), (None, False)],
)  # fmt: skip
@pytest.mark.parametrize("options", [("--check",), ()], ids=["checked", "carried out"])
def test_only_who_may_write_in_the_repository_reviews(
    comment: Comment,
    bucket: MemoryBucket,
    answer: Answer,
    role: str | None,
    allowed: bool,
    options: tuple[str, ...],
) -> None:
    comment.fake.members = {"ada": (role, ADA)} if role else {}
    tell(bucket, "7", **OF_FIVE)
    answer(lambda _: APPROVED)
    # What GitHub says of the author beside the comment is not asked: it may be out of date.
    assert comment(LINE, *options).code == 0
    if not allowed:
        assert reviews(bucket) == {}
        assert (comment.reactions, comment.outputs) == (["-1"], {"allowed": "false"})
        [said] = comment.answers
        assert said.startswith("There is no review: who reviews a build by a comment needs the")
    elif not options:
        assert len(reviews(bucket)) == 1


REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "an account that took the name": ({"account": 7}, "needs the permission to write"),
    "a bot": ({"type": "Bot"}, "only people review builds"),
    "a comment of nonsense": ({"body": "/pixelgate approve"}, "is not understood: write"),
    "a fork's build": ({"body": "/pixelgate approve shop/fork.7.e1"}, "fork.7 is a fork's build"),
    "another result": ({"body": "/pixelgate approve shop/7.e0"}, "was compared again after this"),
    "another build": ({"body": "/pixelgate approve shop/8.e1"}, "shop/8 has no result to approve"),
    "another pull request's build": (
        {"body": "/pixelgate approve shop/6.e1"},
        "shop/6 belongs to pull request 6, not to this one",
    ),
    "a branch's build": (
        {"body": "/pixelgate approve shop/9.e1"},
        "shop/9 belongs to no pull request, not to this one",
    ),
    "a long reason": ({"body": f"{LINE} {'x' * 2_001}"}, "the reason has 2,001 characters"),
}


@pytest.mark.parametrize(("change", "why"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_refused_is_answered_and_writes_nothing(
    comment: Comment, bucket: MemoryBucket, change: dict[str, Any], why: str
) -> None:
    tell(bucket, "7", **OF_FIVE)
    tell(bucket, "6", **{**OF_FIVE, "pull_request": "6"})
    tell(bucket, "9", **NEEDS_REVIEW)
    done = comment(**{"body": LINE, **change})
    assert (done.code, reviews(bucket), comment.reactions) == (0, {}, ["-1"])
    [said] = comment.answers
    assert why in said
    assert (
        f"[this comment](https://github.com/acme/shop/pull/5#issuecomment-{comment.number})" in said
    )
    assert why in " ".join(done.err.split())


@pytest.mark.parametrize("head", [99, None], ids=["another repository", "deleted since"])
def test_a_fork_s_pull_request_is_not_reviewed_by_a_comment(
    comment: Comment, bucket: MemoryBucket, head: int | None
) -> None:
    comment.fake.from_forks = {5: head}
    tell(bucket, "7", **OF_FIVE)
    for options in (("--check",), ()):
        comment.fake.comments.clear()
        assert comment(LINE, *options).code == 0
        assert (reviews(bucket), comment.outputs["allowed"]) == ({}, "false")
        assert "this pull request comes from a fork" in comment.answers[0]


@pytest.mark.parametrize("body", ["looks good", f"> {LINE}", "/pixelgate approve web/7.e1"])
def test_comments_to_others_are_not_answered(
    comment: Comment, bucket: MemoryBucket, body: str
) -> None:
    tell(bucket, "7", **OF_FIVE)
    assert comment(body).code == 0
    assert (reviews(bucket), comment.outputs) == ({}, {"allowed": "false"})
    assert comment.fake.requests == []


def test_hostile_text_of_a_comment_stays_words(
    comment: Comment, bucket: MemoryBucket, answer: Answer
) -> None:
    tell(bucket, "7", **OF_FIVE)
    answer(lambda _: APPROVED)
    hostile = "$(id) `id` ${{ secrets.X }} \n::set-output name=allowed::true\n@acme/all <b>\u202e"
    comment(f"{LINE} {hostile}")
    [review] = reviews(bucket).values()
    assert review["reason"] == hostile
    comment.fake.comments.clear()
    comment("/pixelgate approve shop/@acme.e1</sub>[x](y)", "--check")
    assert "@acme" not in comment.answers[0]
    assert set(comment.outputs) == {"allowed"}


def test_a_second_run_of_the_job_writes_nothing_more(
    comment: Comment, bucket: MemoryBucket, answer: Answer
) -> None:
    tell(bucket, "7", **OF_FIVE)
    answer(lambda _: APPROVED)
    assert comment(LINE).code == 0
    written = reviews(bucket)
    environ = {"GITHUB_EVENT_PATH": str(comment.folder / "event.json")}
    again = comment.run("review-comment", GITHUB_EVENT_NAME="issue_comment", GITHUB_TOKEN=TOKEN,
                        GITHUB_API_URL=comment.fake.url, **environ)  # fmt: skip
    assert (again.code, reviews(bucket), comment.answers) == (0, written, [])
    assert "this comment's review was written before" in again.err


def test_a_rejection_is_overturned_only_by_a_comment_that_says_so(
    comment: Comment, bucket: MemoryBucket, answer: Answer
) -> None:
    rejection = {"id": "r", "action": "reject", "by": "AWS:X:bob", "whole": True,
                 "reason": "too *blue*", "at": "2026-01-01T10:00:00.000Z"}  # fmt: skip
    log = {"execution": "e1", "reviews": {"r": rejection}, "decisions": {}}
    bucket.write("builds/shop/7/review.json", json.dumps(log).encode(), "x")
    tell(bucket, "7", **OF_FIVE, review={"state": "rejected", "left": 0, "by": ["AWS:X:bob"]})
    assert comment(LINE).code == 0
    assert (reviews(bucket), comment.reactions) == ({}, ["-1"])
    [said] = comment.answers
    assert "this overturns bob's rejection of 2 snapshots" in said
    assert r"too \*blue\*" in said
    assert "repeat the command with --yes: /pixelgate approve --yes ID" in said
    answer(lambda _: APPROVED)
    assert comment("/pixelgate approve --yes shop/7.e1").code == 0
    assert (len(reviews(bucket)), comment.reactions) == (1, ["+1"])


def test_what_the_pipeline_refuses_is_answered(
    comment: Comment, bucket: MemoryBucket, answer: Answer
) -> None:
    tell(bucket, "7", **OF_FIVE)

    def refused(key: str) -> dict[str, Any]:
        why = {"id": key.rpartition("/")[2].removesuffix(".json"), "why": "too late", "by": "x"}
        return {**OF_FIVE, "review": {"state": "needed", "left": 2, "refused": [why]}}

    answer(refused)
    assert comment(LINE).code == 0
    assert comment.reactions == ["-1"]
    assert "the review of shop/7 does not count: too late" in comment.answers[0]


def test_a_review_that_is_not_applied_in_time_is_told(
    comment: Comment, bucket: MemoryBucket
) -> None:
    tell(bucket, "7", **OF_FIVE)
    assert comment(LINE, "--timeout", "0.01").code == 3
    assert len(reviews(bucket)) == 1
    assert "The review is written, but was not applied yet." in comment.answers[0]


def test_a_bucket_that_cannot_be_used_is_told_without_what_aws_says(
    comment: Comment, bucket: MemoryBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise Refused("arn:aws:sts::123456789012:assumed-role/x may not s3:PutObject")

    tell(bucket, "7", **OF_FIVE)
    monkeypatch.setattr(bucket, "replace", refuse)
    done = comment(LINE)
    assert (done.code, comment.reactions) == (2, ["-1"])
    assert "123456789012" in done.err
    assert "123456789012" not in comment.answers[0]
    assert "https:\u200b//github.com/acme/shop/actions/runs/9" in comment.answers[0]


def test_a_job_that_failed_before_is_told(comment: Comment, bucket: MemoryBucket) -> None:
    assert comment(LINE, "--failed").code == 0
    assert (comment.reactions, bucket.objects) == (["-1"], {})
    assert "the job failed before it was written; its log says why" in comment.answers[0]


def test_a_reaction_that_github_does_not_take_changes_nothing(
    comment: Comment, bucket: MemoryBucket, answer: Answer
) -> None:
    tell(bucket, "7", **OF_FIVE)
    answer(lambda _: APPROVED)
    whole = comment.fake._react
    comment.fake._react = lambda *_: (403, {}, {"message": "no"})  # type: ignore[method-assign]
    done = comment(LINE)
    comment.fake._react = whole  # type: ignore[method-assign]
    assert (done.code, len(reviews(bucket))) == (0, 1)
    assert "GitHub did not take the reaction +1" in done.err


@pytest.mark.parametrize(
    ("answers", "words"),
    [((401, 401), "401 Bad credentials"), ((403,), "403 no")],
)
def test_an_author_whose_permission_github_does_not_tell_reviews_nothing(
    comment: Comment, bucket: MemoryBucket, answers: tuple[int, ...], words: str
) -> None:
    tell(bucket, "7", **OF_FIVE)
    said = {401: "Bad credentials", 403: "no"}
    comment.fake.answers.extend((status, {}, {"message": said[status]}) for status in answers)
    done = comment(LINE)
    assert (done.code, words in done.err, reviews(bucket)) == (2, True, {})
    assert comment.outputs == {}


Change = Callable[[dict[str, Any]], None]


@pytest.mark.parametrize(
    ("event", "environ", "words"),
    [
        ({"action": "edited"}, {}, "the comment was edited; only a new one counts"),
        ({"issue": {"number": 5}}, {}, "the comment is on an issue"),
        ({"comment": {}}, {}, "is no event of a comment"),
        ({"repository": None}, {}, "is no event of a comment"),
        ({}, {"GITHUB_EVENT_NAME": "pull_request_target"}, "no job that a comment on GitHub"),
        ({}, {"GITHUB_EVENT_PATH": "missing.json"}, "missing.json is no event of a comment"),
        ({}, {"GITHUB_TOKEN": ""}, "GITHUB_TOKEN is not set"),
        ({}, {"PIXELGATE_PROJECT": ""}, "no project is named"),
        ({}, {"PIXELGATE_BUCKET": ""}, "no bucket is named"),
    ],
)
def test_other_jobs_are_wrong_usage(
    comment: Comment,
    bucket: MemoryBucket,
    event: dict[str, Any],
    environ: dict[str, str],
    words: str,
) -> None:
    tell(bucket, "7", **OF_FIVE)
    done = comment(LINE, environ=environ, **event)
    assert (done.code, reviews(bucket), comment.outputs) == (2, {}, {})
    assert (comment.answers, comment.reactions) == ([], [])
    assert words in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("login", "session"),
    [("a", "a@github.1"), ("octo_acme", "octo_acme@github.1"), ("x[bot]", "x-bot-@github.1"),
     ("é" * 60, "-" * 39 + "@github.1"), ("a/b\nallowed=true", "a-b-allowed-true@github.1")],
)  # fmt: skip
def test_a_session_is_named_as_sts_takes_it(comment: Comment, login: str, session: str) -> None:
    comment.fake.members = {login: ("write", 1)}
    comment(LINE, "--check", login=login, account=1)
    assert comment.outputs == {"allowed": "true", "session": session}
    assert 2 <= len(session) <= 64


def test_the_review_of_a_comment_is_one_that_the_function_takes(
    comment: Comment, bucket: MemoryBucket, answer: Answer
) -> None:
    from pixelgate.domain.review_request import parse

    tell(bucket, "7", **OF_FIVE)
    answer(lambda _: APPROVED)
    comment(f"{LINE} why")
    [(key, body)] = [(k, v) for k, v in bucket.objects.items() if k.startswith("reviews/")]
    request = parse(body)
    assert (request.whole, request.execution, request.reason) == (True, "e1", "why")
    named = keys.review_of(key)
    assert named is not None
    keys.check_id(named[1], "review")
