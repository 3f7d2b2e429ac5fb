"""Reads CircleCI, Buildkite, Jenkins, Azure, Bitbucket, CodeBuild, Travis and AppVeyor."""

from __future__ import annotations

import re
from urllib.parse import quote

from pixelgate.ci.detected import (
    CiInfo,
    Variables,
    branch_of,
    last_number,
    same_repository,
    tag_ref,
)


def circleci(v: Variables) -> CiInfo:
    """Reads CircleCI, which does not provide the base branch of a pull request."""
    # Only pull requests from forks have such a branch name.
    theirs = re.fullmatch(r"pull/(\d+)(?:/head|/merge)?", v["CIRCLE_BRANCH"] or "")
    number = v["CIRCLE_PR_NUMBER"] or (theirs and theirs[1])
    if number is None and v["CIRCLE_BRANCH"] not in {"main", "master"}:
        # Builds of main are no part of a pull request from main to a release branch.
        number = last_number(v["CIRCLE_PULL_REQUEST"])
    return CiInfo(
        vendor="CircleCI",
        commit=v["CIRCLE_SHA1"],
        branch=tag_ref(v["CIRCLE_TAG"]) or v["CIRCLE_BRANCH"],
        pull_request=number,
        ci_url=v["CIRCLE_BUILD_URL"],
        build=v["CIRCLE_BUILD_NUM"],
        run=v["CIRCLE_WORKFLOW_ID"] or v["CIRCLE_BUILD_NUM"],
        shard=v.shard("CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", first=0),
        # Both are set only for pull requests from forks.
        fork=bool(theirs or v["CIRCLE_PR_NUMBER"] or v["CIRCLE_PR_REPONAME"]),
    )


def buildkite(v: Variables) -> CiInfo:
    """Reads Buildkite, whose commit may be the word HEAD."""
    number = v["BUILDKITE_BUILD_NUMBER"] or v["BUILDKITE_BUILD_ID"]
    attempt = (v.number("BUILDKITE_RETRY_COUNT") or 0) + 1
    commit = v["BUILDKITE_COMMIT"]
    pull = v["BUILDKITE_PULL_REQUEST"] if v.has("BUILDKITE_PULL_REQUEST") else None
    theirs = v["BUILDKITE_PULL_REQUEST_REPO"]
    return CiInfo(
        vendor="Buildkite",
        commit=None if commit == "HEAD" else commit,
        branch=tag_ref(v["BUILDKITE_TAG"]) or v["BUILDKITE_BRANCH"],
        base_branch=v["BUILDKITE_PULL_REQUEST_BASE_BRANCH"]
        or v["BUILDKITE_MERGE_QUEUE_BASE_BRANCH"]
        or v["BUILDKITE_PIPELINE_DEFAULT_BRANCH"],
        base_commit=v["BUILDKITE_MERGE_QUEUE_BASE_COMMIT"],
        pull_request=pull,
        ci_url=v["BUILDKITE_BUILD_URL"],
        build=f"{number}-{attempt}" if number else None,
        run=number,
        shard=v.shard("BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", first=0),
        fork=bool(pull and theirs and not same_repository(theirs, v["BUILDKITE_REPO"])),
    )


def jenkins(v: Variables) -> CiInfo:
    """Reads Jenkins: multibranch pipelines, the pull request builder, and plain jobs."""
    name = v["BRANCH_NAME"]
    remote = v["GIT_BRANCH"]
    plain = remote.partition("/")[2] if remote and remote.startswith("origin/") else remote
    return CiInfo(
        vendor="Jenkins",
        commit=v["ghprbActualCommit"] or v["gitlabMergeRequestLastCommit"] or v["GIT_COMMIT"],
        branch=v["CHANGE_BRANCH"]
        or v["ghprbSourceBranch"]
        or v["gitlabSourceBranch"]
        or tag_ref(v["TAG_NAME"])
        or name
        or plain,
        base_branch=v["CHANGE_TARGET"] or v["ghprbTargetBranch"] or v["gitlabTargetBranch"],
        pull_request=v["CHANGE_ID"] or v["ghprbPullId"] or v["gitlabMergeRequestIid"],
        ci_url=v["RUN_DISPLAY_URL"] or v["BUILD_URL"],
        build=_in_key(v["BUILD_TAG"] or _joined(v["JOB_NAME"], v["BUILD_NUMBER"])),
        run=_in_key(v["BUILD_TAG"] or _joined(v["JOB_NAME"], v["BUILD_NUMBER"])),
        fork=bool(v["CHANGE_FORK"]),
        # The strategy "merge with the target" builds a merge commit that is in no repository.
        merged=f"origin/{name}" if v["CHANGE_ID"] and name else None,
        # The plugins for GitLab name a branch so, and set variables of their own.
        merge_request=bool(v["gitlabMergeRequestIid"] or (name or "").startswith("MR-")),
    )


def azure(v: Variables) -> CiInfo:
    """Reads Azure Pipelines, for Azure Repos and GitHub."""
    pull = v["SYSTEM_PULLREQUEST_PULLREQUESTNUMBER"] or v["SYSTEM_PULLREQUEST_PULLREQUESTID"]
    build, attempt = v["BUILD_BUILDID"], v["SYSTEM_JOBATTEMPT"] or "1"
    home, project = v["SYSTEM_TEAMFOUNDATIONCOLLECTIONURI"], v["SYSTEM_TEAMPROJECTID"]
    project = project or v["SYSTEM_TEAMPROJECT"]
    place = quote(project or "")  # project names may contain spaces
    url = f"{home.rstrip('/')}/{place}/_build/results?buildId={build}" if home else None
    return CiInfo(
        vendor="Azure Pipelines",
        commit=v["SYSTEM_PULLREQUEST_SOURCECOMMITID"] or v["BUILD_SOURCEVERSION"],
        branch=branch_of(v["SYSTEM_PULLREQUEST_SOURCEBRANCH"] or v["BUILD_SOURCEBRANCH"]),
        base_branch=branch_of(v["SYSTEM_PULLREQUEST_TARGETBRANCH"]),
        pull_request=pull,
        ci_url=url if project and build else None,
        build=f"{build}-{attempt}" if build else None,
        run=build,
        shard=v.shard("SYSTEM_JOBPOSITIONINPHASE", "SYSTEM_TOTALJOBSINPHASE", first=1),
        fork=v.has("SYSTEM_PULLREQUEST_ISFORK"),
    )


def bitbucket(v: Variables) -> CiInfo:
    """Reads Bitbucket Pipelines, whose commit may be an abbreviated hash."""
    number, attempt = v["BITBUCKET_BUILD_NUMBER"], v["BITBUCKET_STEP_RUN_NUMBER"] or "1"
    repository = v["BITBUCKET_REPO_FULL_NAME"]
    url = f"https://bitbucket.org/{repository}/pipelines/results/{number}"
    return CiInfo(
        vendor="Bitbucket Pipelines",
        commit=v["BITBUCKET_COMMIT"],
        branch=tag_ref(v["BITBUCKET_TAG"]) or v["BITBUCKET_BRANCH"],
        base_branch=v["BITBUCKET_PR_DESTINATION_BRANCH"],
        target=v["BITBUCKET_PR_DESTINATION_COMMIT"],
        pull_request=v["BITBUCKET_PR_ID"],
        ci_url=url if repository and number else None,
        build=f"{number}-{attempt}" if number else None,
        run=number,
        shard=v.shard("BITBUCKET_PARALLEL_STEP", "BITBUCKET_PARALLEL_STEP_COUNT", first=0),
    )


def codebuild(v: Variables) -> CiInfo:
    """Reads AWS CodeBuild: the trigger of its webhook, or the version it was started with."""
    trigger = v["CODEBUILD_WEBHOOK_TRIGGER"] or v["CODEBUILD_SOURCE_VERSION"] or ""
    trigger = trigger.partition("^{")[0]  # refs/heads/main^{<commit>}
    pull = re.fullmatch(r"(?:pr|refs/pull)/(\d+)(?:/head|/merge)?", trigger)
    tag = re.fullmatch(r"tag/(.+)", trigger)
    pushed = re.fullmatch(r"branch/(.+)|refs/heads/(.+)", trigger)
    branch = branch_of(v["CODEBUILD_WEBHOOK_HEAD_REF"])
    return CiInfo(
        vendor="AWS CodeBuild",
        commit=v["CODEBUILD_RESOLVED_SOURCE_VERSION"],
        branch=(tag_ref(tag[1]) if tag else None)
        or branch
        or (pushed and (pushed[1] or pushed[2]))
        or (f"refs/pull/{pull[1]}/head" if pull else None),
        base_branch=branch_of(v["CODEBUILD_WEBHOOK_BASE_REF"]),
        pull_request=pull[1] if pull else None,
        ci_url=v["CODEBUILD_BUILD_URL"],
        build=_in_key(v["CODEBUILD_BUILD_ID"]),
        run=_in_key(v["CODEBUILD_BUILD_ID"]),
    )


def travis(v: Variables) -> CiInfo:
    """Reads Travis CI (docs.travis-ci.com/user/environment-variables).

    TRAVIS_BRANCH is the target of a pull request. A restarted job keeps its id.
    """
    pull = v["TRAVIS_PULL_REQUEST"] if v.has("TRAVIS_PULL_REQUEST") else None
    theirs = v["TRAVIS_PULL_REQUEST_SLUG"]  # empty if the fork was deleted
    fork = bool(pull) and theirs != v["TRAVIS_REPO_SLUG"]
    branch = v["TRAVIS_PULL_REQUEST_BRANCH"] if pull else v["TRAVIS_BRANCH"]
    return CiInfo(
        vendor="Travis CI",
        commit=v["TRAVIS_PULL_REQUEST_SHA"] or v["TRAVIS_COMMIT"],
        # A fork's main is not the main of this repository.
        branch=f"{theirs or 'fork'}:{branch}" if fork else tag_ref(v["TRAVIS_TAG"]) or branch,
        base_branch=v["TRAVIS_BRANCH"] if pull else None,
        pull_request=pull,
        ci_url=v["TRAVIS_JOB_WEB_URL"] or v["TRAVIS_BUILD_WEB_URL"],
        build=v["TRAVIS_JOB_ID"],
        run=v["TRAVIS_BUILD_ID"],
        fork=fork,
    )


def appveyor(v: Variables) -> CiInfo:
    """Reads AppVeyor (appveyor.com/docs/environment-variables).

    APPVEYOR_REPO_BRANCH is the target of a pull request, and APPVEYOR_REPO_COMMIT its merge.
    """
    pull = v["APPVEYOR_PULL_REQUEST_NUMBER"]
    theirs = v["APPVEYOR_PULL_REQUEST_HEAD_REPO_NAME"]
    fork = bool(pull) and (theirs or "").lower() != (v["APPVEYOR_REPO_NAME"] or "").lower()
    target = v["APPVEYOR_REPO_BRANCH"]
    branch = v["APPVEYOR_PULL_REQUEST_HEAD_REPO_BRANCH"] if pull else target
    tag = v["APPVEYOR_REPO_TAG_NAME"] if v.has("APPVEYOR_REPO_TAG") else None
    server = (v["APPVEYOR_URL"] or "https://ci.appveyor.com").rstrip("/")
    place = (v["APPVEYOR_ACCOUNT_NAME"], v["APPVEYOR_PROJECT_SLUG"])
    build, job = v["APPVEYOR_BUILD_ID"], v["APPVEYOR_JOB_ID"]
    url = f"{server}/project/{place[0]}/{place[1]}/builds/{build}/job/{job}"
    return CiInfo(
        vendor="AppVeyor",
        commit=v["APPVEYOR_PULL_REQUEST_HEAD_COMMIT"] or v["APPVEYOR_REPO_COMMIT"],
        branch=f"{theirs or 'fork'}:{branch}" if fork else tag_ref(tag) or branch,
        base_branch=target if pull else None,
        pull_request=pull,
        ci_url=url if all((*place, build, job)) else None,
        build=job,
        run=build,
        fork=fork,
        merge_request=(v["APPVEYOR_REPO_PROVIDER"] or "").lower() == "gitlab",
    )


def _joined(*parts: str | None) -> str | None:
    return "-".join(p for p in parts if p) if all(parts) else None


def _in_key(identifier: str | None) -> str | None:
    """Replaces characters that a key cannot have: slashes in job names, the colon of CodeBuild."""
    return re.sub(r"[^\w.-]+", "-", identifier, flags=re.ASCII) if identifier else None
