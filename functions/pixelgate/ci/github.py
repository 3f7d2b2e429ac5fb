"""GitHub Actions: the event's file says what GITHUB_SHA does not."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from pixelgate.ci.detected import CiInfo, Variables, at, branch_of, text

_QUEUE = re.compile(r"gh-readonly-queue/.+/pr-(\d+)-[0-9a-f]+")
_PULL = re.compile(r"refs/pull/(\d+)/(?:merge|head)")


def github(v: Variables, event: dict[str, Any] | None) -> CiInfo:
    """What the variables and the event say.

    On pull requests GITHUB_SHA is a merge of the head into the base, or the base itself; on
    comments and after other workflows it is the default branch. None of them is what was built.

    Args:
        v: the environment.
        event: the content of GITHUB_EVENT_PATH; None if it could not be read.
    """
    run, attempt = v["GITHUB_RUN_ID"], v["GITHUB_RUN_ATTEMPT"] or "1"
    server, repository = v["GITHUB_SERVER_URL"] or "https://github.com", v["GITHUB_REPOSITORY"]
    url = f"{server}/{repository}/actions/runs/{run}" if repository and run else None
    found = CiInfo(
        vendor="GitHub Actions",
        run=run,
        build=f"{run}-{attempt}" if run else None,
        ci_url=f"{url}/attempts/{attempt}" if url and attempt != "1" else url,
    )
    event = event or {}
    if isinstance(event.get("pull_request"), dict):
        return _pull_request(found, event["pull_request"], event)
    if isinstance(event.get("merge_group"), dict):
        return _merge_group(found, event["merge_group"])
    if isinstance(event.get("workflow_run"), dict):
        return _workflow_run(found, event["workflow_run"], event)
    if at(event, "issue", "pull_request"):
        return _comment(found, event)
    if isinstance(event.get("deployment"), dict):
        return _deployment(found, event["deployment"], event)
    if v["GITHUB_HEAD_REF"]:
        return _without_event(found, v)
    return replace(
        found,
        commit=v["GITHUB_SHA"],
        branch=_pushed(v),
        base_branch=text(at(event, "repository", "default_branch")),
    )


def _pushed(v: Variables) -> str | None:
    """The branch of a push; a tag's whole ref, so that a tag `main` is no build of main."""
    if v["GITHUB_REF_TYPE"] == "tag":
        return v["GITHUB_REF"]
    return branch_of(v["GITHUB_REF"]) or v["GITHUB_REF_NAME"]


def _pull_request(found: CiInfo, pull: dict[str, Any], event: dict[str, Any]) -> CiInfo:
    """pull_request, pull_request_target, and the reviews and labels that come with one."""
    theirs = text(at(pull, "head", "repo", "full_name"))
    ours = text(at(pull, "base", "repo", "full_name")) or text(at(event, "repository", "full_name"))
    fork = theirs != ours  # a fork that was deleted has no repo at all
    branch = text(at(pull, "head", "ref"))
    return replace(
        found,
        commit=text(at(pull, "head", "sha")),
        # Their main is not ours: "octocat:main".
        branch=text(at(pull, "head", "label")) or f"fork:{branch}" if fork else branch,
        base_branch=text(at(pull, "base", "ref")),
        target=text(at(pull, "base", "sha")),
        pull_request=text(pull.get("number")) or text(event.get("number")),
        fork=fork,
    )


def _merge_group(found: CiInfo, group: dict[str, Any]) -> CiInfo:
    """A merge queue's trial: its parent is the base, not a point that history has in common."""
    branch = branch_of(text(group.get("head_ref")))
    queued = _QUEUE.fullmatch(branch or "")
    return replace(
        found,
        commit=text(group.get("head_sha")),
        branch=branch,
        base_branch=branch_of(text(group.get("base_ref"))),
        base_commit=text(group.get("base_sha")),
        pull_request=queued[1] if queued else None,
    )


def _workflow_run(found: CiInfo, run: dict[str, Any], event: dict[str, Any]) -> CiInfo:
    """A workflow after another one: GITHUB_SHA is the default branch, the run says whose it was."""
    pulls = run.get("pull_requests")
    pull = pulls[0] if isinstance(pulls, list) and pulls else None
    theirs = text(at(run, "head_repository", "full_name"))
    fork = theirs != text(at(event, "repository", "full_name"))
    branch = text(run.get("head_branch"))
    default = text(at(event, "repository", "default_branch"))
    if not fork and branch == default and run.get("event") == "push":
        pull = None  # a pull request from main to a release branch does not make main a part of it
    return replace(
        found,
        commit=text(run.get("head_sha")),
        branch=f"{theirs}:{branch}" if fork else branch,
        base_branch=text(at(pull, "base", "ref")) or default,
        target=text(at(pull, "base", "sha")),
        pull_request=text(at(pull, "number")),
        fork=fork,
    )


def _deployment(found: CiInfo, deployment: dict[str, Any], event: dict[str, Any]) -> CiInfo:
    """A preview is ready: it says of which commit, and mostly of which branch."""
    commit, ref = text(deployment.get("sha")), text(deployment.get("ref"))
    return replace(
        found,
        commit=commit,
        branch=None if ref == commit else branch_of(ref),
        base_branch=text(at(event, "repository", "default_branch")),
    )


def _comment(found: CiInfo, event: dict[str, Any]) -> CiInfo:
    """A comment on a pull request: the event does not say what was checked out; git does."""
    number = text(at(event, "issue", "number"))
    return replace(
        found,
        branch=f"refs/pull/{number}/head",
        base_branch=text(at(event, "repository", "default_branch")),
        pull_request=number,
        fork=True,
        notes=(
            "a comment's event does not say which commit is built, nor whose; the checked-out "
            "commit is taken, and as a fork's. Set PIXELGATE_COMMIT and PIXELGATE_FORK=false if "
            "you know better",
        ),
    )


def _without_event(found: CiInfo, v: Variables) -> CiInfo:
    """A pull request whose event cannot be read, as in a container that does not mount it."""
    pull = _PULL.fullmatch(v["GITHUB_REF"] or "")
    return replace(
        found,
        commit=v["GITHUB_SHA"],
        merged=v["GITHUB_SHA"],
        branch=v["GITHUB_HEAD_REF"],
        base_branch=v["GITHUB_BASE_REF"],
        pull_request=pull[1] if pull else None,
        notes=(
            f"the event's file GITHUB_EVENT_PATH={v['GITHUB_EVENT_PATH'] or ''} cannot be read, "
            "so the pull request's head is taken from git",
        ),
    )
