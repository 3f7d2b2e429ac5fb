"""Reads GitHub Actions: its variables, and the event file that has the real head commit."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from pixelgate.ci.detected import CiInfo, Variables, at, branch_of, branch_to_release, text

_QUEUE = re.compile(r"gh-readonly-queue/.+/pr-(\d+)-[0-9a-f]+")
_PULL = re.compile(r"refs/pull/(\d+)/(?:merge|head)")


def github(v: Variables, event: dict[str, Any] | None) -> CiInfo:
    """Reads the variables and the event.

    GITHUB_SHA is often not the commit that was built. On pull requests it is a merge of the head
    into the base, or the base; on comments and after other workflows it is the default branch.
    `event` is the content of GITHUB_EVENT_PATH, None if it could not be read.
    """
    run, attempt = v["GITHUB_RUN_ID"], v["GITHUB_RUN_ATTEMPT"] or "1"
    server, repository = v["GITHUB_SERVER_URL"] or "https://github.com", v["GITHUB_REPOSITORY"]
    url = f"{server}/{repository}/actions/runs/{run}" if repository and run else None
    job = CiInfo(
        vendor="GitHub Actions",
        run=run,
        build=f"{run}-{attempt}" if run else None,
        ci_url=f"{url}/attempts/{attempt}" if url and attempt != "1" else url,
    )
    event = event or {}
    if isinstance(event.get("pull_request"), dict):
        return _pull_request(job, event["pull_request"], event)
    if isinstance(event.get("merge_group"), dict):
        return _merge_group(job, event["merge_group"])
    if isinstance(event.get("workflow_run"), dict):
        return _workflow_run(job, event["workflow_run"], event)
    if at(event, "issue", "pull_request"):
        return _comment(job, event)
    if isinstance(event.get("deployment"), dict):
        return _deployment(job, event["deployment"], event)
    if isinstance(event.get("release"), dict):
        return _release(job, event["release"], event, v)
    if v["GITHUB_HEAD_REF"]:
        return _without_event(job, v)
    return replace(
        job,
        commit=v["GITHUB_SHA"],
        branch=_pushed(v),
        base_branch=text(at(event, "repository", "default_branch")),
    )


def _pushed(v: Variables) -> str | None:
    """Returns the branch of a push; for a tag its whole ref, as a tag `main` is not the branch."""
    if v["GITHUB_REF_TYPE"] == "tag":
        return v["GITHUB_REF"]
    return branch_of(v["GITHUB_REF"]) or v["GITHUB_REF_NAME"]


def _pull_request(job: CiInfo, pull: dict[str, Any], event: dict[str, Any]) -> CiInfo:
    """Reads pull_request, pull_request_target, and the reviews and labels of a pull request."""
    theirs = text(at(pull, "head", "repo", "full_name"))
    ours = text(at(pull, "base", "repo", "full_name")) or text(at(event, "repository", "full_name"))
    fork = theirs != ours  # a deleted fork has no repository in the event
    branch = text(at(pull, "head", "ref"))
    return replace(
        job,
        commit=text(at(pull, "head", "sha")),
        # A fork's main is not the main of this repository: it becomes "octocat:main".
        branch=text(at(pull, "head", "label")) or f"fork:{branch}" if fork else branch,
        base_branch=text(at(pull, "base", "ref")),
        target=text(at(pull, "base", "sha")),
        pull_request=text(pull.get("number")) or text(event.get("number")),
        fork=fork,
    )


def _merge_group(job: CiInfo, group: dict[str, Any]) -> CiInfo:
    """Reads a build of a merge queue, whose base is its parent instead of a merge base."""
    branch = branch_of(text(group.get("head_ref")))
    queued = _QUEUE.fullmatch(branch or "")
    return replace(
        job,
        commit=text(group.get("head_sha")),
        branch=branch,
        base_branch=branch_of(text(group.get("base_ref"))),
        base_commit=text(group.get("base_sha")),
        pull_request=queued[1] if queued else None,
    )


def _workflow_run(job: CiInfo, run: dict[str, Any], event: dict[str, Any]) -> CiInfo:
    """Reads a workflow that follows another one; its commit is in the event's workflow_run."""
    pulls = run.get("pull_requests")
    pull = pulls[0] if isinstance(pulls, list) and pulls else None
    theirs = text(at(run, "head_repository", "full_name"))
    fork = theirs != text(at(event, "repository", "full_name"))
    branch = text(run.get("head_branch"))
    default = text(at(event, "repository", "default_branch"))
    if not fork and branch == default and run.get("event") == "push":
        pull = None  # a push to main is no part of a pull request from main to a release branch
    return replace(
        job,
        commit=text(run.get("head_sha")),
        branch=f"{theirs}:{branch}" if fork else branch,
        base_branch=text(at(pull, "base", "ref")) or default,
        target=text(at(pull, "base", "sha")),
        pull_request=text(at(pull, "number")),
        fork=fork,
    )


def _deployment(job: CiInfo, deployment: dict[str, Any], event: dict[str, Any]) -> CiInfo:
    """Reads a deployment, which has its commit and mostly its branch."""
    commit, ref = text(deployment.get("sha")), text(deployment.get("ref"))
    return replace(
        job,
        commit=commit,
        branch=None if ref == commit else branch_of(ref),
        base_branch=text(at(event, "repository", "default_branch")),
    )


def _release(job: CiInfo, release: dict[str, Any], event: dict[str, Any], v: Variables) -> CiInfo:
    """Reads a release, whose ref is a tag. It names the branch or commit that it was made of.

    GitHub does not check that for a tag that existed before: then it is the default branch.
    """
    return replace(
        job,
        commit=v["GITHUB_SHA"],
        branch=branch_to_release(branch_of(text(release.get("target_commitish")))),
        base_branch=text(at(event, "repository", "default_branch")),
        released=text(release.get("tag_name")) or (v["GITHUB_REF_NAME"] or "unnamed"),
    )


def _comment(job: CiInfo, event: dict[str, Any]) -> CiInfo:
    """Reads a comment on a pull request, whose event lacks the commit; git provides it."""
    number = text(at(event, "issue", "number"))
    return replace(
        job,
        branch=f"refs/pull/{number}/head",
        base_branch=text(at(event, "repository", "default_branch")),
        pull_request=number,
        fork=True,
        notes=(
            "a comment's event has neither the commit nor its repository; the checked-out commit "
            "is used, as a fork's. If that is wrong, set PIXELGATE_COMMIT and "
            "PIXELGATE_FORK=false",
        ),
    )


def _without_event(job: CiInfo, v: Variables) -> CiInfo:
    """Reads a pull request without its event file, as in a container that does not mount it."""
    pull = _PULL.fullmatch(v["GITHUB_REF"] or "")
    return replace(
        job,
        commit=v["GITHUB_SHA"],
        merged=v["GITHUB_SHA"],
        branch=v["GITHUB_HEAD_REF"],
        base_branch=v["GITHUB_BASE_REF"],
        pull_request=pull[1] if pull else None,
        notes=(
            f"the event's file GITHUB_EVENT_PATH={v['GITHUB_EVENT_PATH'] or ''} cannot be read, "
            "so the head of the pull request is taken from git",
        ),
    )
