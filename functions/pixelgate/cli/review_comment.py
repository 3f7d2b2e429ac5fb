"""`pixelgate review-comment`: carries out the review that a comment on a pull request asks for."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from pixelgate.cli import options as o
from pixelgate.cli.context import Context
from pixelgate.errors import UsageError

if TYPE_CHECKING:
    from pixelgate.client.comment_event import CommentEvent
    from pixelgate.domain.review_line import ReviewLine
    from pixelgate.notify.github import GitHub

_PATIENCE = 60.0  # seconds to wait before a request to GitHub is repeated


def review_comment(
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Only check the comment and its author, without AWS; write `allowed` and "
            "`session` to $GITHUB_OUTPUT.",
        ),
    ] = False,
    failed: Annotated[
        bool,
        typer.Option("--failed", help="Only answer that the job failed before the review."),
    ] = False,
    timeout: o.ReviewTimeout = None,
    project: o.Project = None,
    bucket: o.Bucket = None,
    config: o.ConfigFile = None,
) -> None:
    """Carry out the review that a comment on GitHub's pull request asks for, and answer there.

    For the workflow examples/ci/github-approve.yml. The comment is read from $GITHUB_EVENT_PATH,
    the token from $GITHUB_TOKEN. It must begin with `/pixelgate approve ID` or
    `/pixelgate reject ID`, and its author must be a person who may write in the repository.

    Exit code: 0 carried out, or refused with an answer; 2 wrong usage or an error; 3 written, but
    not applied in time.
    """
    from pixelgate.client.comment_event import read_event
    from pixelgate.domain.review_line import read_line

    context = Context(project, bucket, config)
    context.project, context.bucket  # noqa: B018 - what the job lacks is no answer to a comment
    event = read_event(os.environ)
    pull_request = PullRequest(event, _github(event))
    if failed:
        pull_request.refuse(f"the job failed before it was written; its log says why: {_job()}")
        return
    try:
        asked = read_line(event.body)
        if asked is None or asked.project not in {None, context.project}:
            _say(f"the comment asks for no review in {context.project}")
            _output(allowed="false")
            return
        pull_request.check(asked)
        if check:
            _output(allowed="true", session=event.session)
            pull_request.react("eyes")
        else:
            _carry_out(context, asked, pull_request, timeout)
    except UsageError as error:
        pull_request.refuse(str(error))
        _output(allowed="false")


def _carry_out(
    context: Context, asked: ReviewLine, pull_request: PullRequest, timeout: float | None
) -> None:
    from pixelgate.cli.review import OverturnsRejection, give_review
    from pixelgate.errors import BucketError, WriteConflict
    from pixelgate.published.decisions import Selection

    try:
        _check_build(context, asked, pull_request.event)
        give_review(
            *(context, asked.action, asked.build, Selection(), None, asked.reason),
            execution=asked.execution,
            yes=asked.yes,
            wait=True,
            timeout=timeout,
            make_id=lambda: pull_request.event.review_id,
            tell=pull_request.note,
            ask=False,
        )
    except OverturnsRejection as error:
        raise UsageError(f"{error}: /pixelgate {asked.action} --yes ID") from error
    except WriteConflict:
        _say("this comment's review was written before; another decision takes another comment")
        return
    except BucketError as error:
        pull_request.refuse(f"the bucket could not be used; the job's log says why: {_job()}")
        raise error from None
    except typer.Exit:
        pull_request.answer(
            "The review is written, but was not applied yet. The commit status changes by itself "
            "when it is."
        )
        raise
    pull_request.react("+1")


def _check_build(context: Context, asked: ReviewLine, event: CommentEvent) -> None:
    """Checks that the build was made for this pull request. Raises UsageError."""
    from pixelgate.client.polling import look

    build = context.build(asked.build)
    status = look(context.store, build).status or {}
    made_for = status.get("pull_request")
    if status and str(made_for) != str(event.pull_request):
        whose = f"pull request {made_for}" if made_for else "no pull request"
        raise UsageError(f"{build} belongs to {whose}, not to this one; nothing was written")


@dataclass
class PullRequest:
    """The pull request with the comment, where the answer goes."""

    event: CommentEvent
    github: GitHub
    notes: list[str] = field(default_factory=list)

    def check(self, asked: ReviewLine) -> None:
        """Checks the comment's author, and that neither pull request nor build is a fork's.

        Raises:
            UsageError: one of them may not be.
            NotTold: GitHub was not reached, or refused the question.
        """
        from pixelgate.client.comment_event import check_may_review, check_no_fork
        from pixelgate.domain.keys import FORK

        check_may_review(self.event, self.github)
        if asked.build.startswith(FORK):
            raise UsageError(f"{asked.build} is a fork's build; review it by `pixelgate approve`")
        check_no_fork(self.event, self.github)

    def note(self, words: str) -> None:
        """Keeps something that a refusal tells too."""
        _say(words)
        self.notes.append(words)

    def refuse(self, why: str) -> None:
        """Answers why there is no review."""
        from pixelgate.cli.console import complain

        complain(why)
        self.react("-1")
        self.answer("There is no review: " + "; ".join([*self.notes, why]))

    def answer(self, words: str) -> None:
        """Writes a comment that names the one that it answers. Raises NotTold."""
        from pixelgate.notify.markdown import plain

        text = f"{plain(words)}\n\n<sub>On [this comment]({self.event.url}).</sub>"
        self.github.add_comment(self.event.pull_request, text)

    def react(self, sign: str) -> None:
        """Adds a reaction to the comment. Without one the review is the same."""
        from pixelgate.cli.console import warn
        from pixelgate.errors import NotTold

        try:
            self.github.react(self.event.comment, sign)
        except NotTold as error:
            warn(f"GitHub did not take the reaction {sign}: {error}")


def _github(event: CommentEvent) -> GitHub:
    """Opens the repository with the job's token. Raises UsageError."""
    from pixelgate.notify.github import GitHub
    from pixelgate.notify.http import Patience

    token = os.environ.get("GITHUB_TOKEN")
    if not token:
        raise UsageError("GITHUB_TOKEN is not set: `env: {GITHUB_TOKEN: ${{ github.token }}}`")
    return GitHub(
        event.repository,
        lambda newer: token,
        os.environ.get("GITHUB_API_URL") or GitHub.API,
        Patience(lambda: _PATIENCE),
    )


def _job() -> str:
    """Returns the address of this job's run."""
    server, repository, run = (
        os.environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")
    )
    return f"{server}/{repository}/actions/runs/{run}"


def _output(**values: str) -> None:
    """Hands values to later steps of the job."""
    path = os.environ.get("GITHUB_OUTPUT")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in values.items())


def _say(words: str) -> None:
    from pixelgate.cli.console import say

    say(words)
