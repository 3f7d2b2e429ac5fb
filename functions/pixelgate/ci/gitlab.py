"""GitLab CI: merge requests, merged results, merge trains, and pull requests from elsewhere."""

from __future__ import annotations

from pixelgate.ci.detected import CiInfo, Variables, tag_ref


def gitlab(v: Variables) -> CiInfo:
    """What the variables say."""
    pipeline, job = v["CI_PIPELINE_ID"], v["CI_JOB_ID"]
    merge_request = v["CI_MERGE_REQUEST_IID"]
    outside = v["CI_EXTERNAL_PULL_REQUEST_IID"]
    fork = _is_fork(v)
    branch = (
        v["CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"]
        or v["CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME"]
        or tag_ref(v["CI_COMMIT_TAG"])
        or v["CI_COMMIT_BRANCH"]
        or v["CI_COMMIT_REF_NAME"]
    )
    return CiInfo(
        vendor="GitLab CI",
        # In a merged-result pipeline CI_COMMIT_SHA is a merge that exists nowhere else.
        commit=v["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"]
        or v["CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA"]
        or v["CI_COMMIT_SHA"],
        # Their main is not ours.
        branch=f"{v['CI_MERGE_REQUEST_SOURCE_PROJECT_PATH'] or 'fork'}:{branch}"
        if fork
        else branch,
        base_branch=v["CI_MERGE_REQUEST_TARGET_BRANCH_NAME"]
        or v["CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME"]
        or v["CI_DEFAULT_BRANCH"],
        base_commit=v["CI_MERGE_REQUEST_DIFF_BASE_SHA"],
        target=v["CI_MERGE_REQUEST_TARGET_BRANCH_SHA"]
        or v["CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA"],
        pull_request=merge_request or outside or _open_merge_request(v),
        ci_url=v["CI_JOB_URL"] or v["CI_PIPELINE_URL"],
        # A retried job stays in its pipeline and gets a new id of its own.
        build=f"{pipeline}-{job}" if pipeline and job else pipeline,
        run=pipeline,
        shard=v.shard("CI_NODE_INDEX", "CI_NODE_TOTAL", first=1),
        fork=fork,
    )


def _open_merge_request(v: Variables) -> str | None:
    """The merge request that a branch's own pipeline belongs to, if there is just one.

    One from the default branch to a release branch does not make main's builds a part of it.
    """
    if v["CI_COMMIT_BRANCH"] == v["CI_DEFAULT_BRANCH"]:
        return None
    found = (v["CI_OPEN_MERGE_REQUESTS"] or "").split(",")
    project, _, number = found[0].partition("!")
    ours = len(found) == 1 and project == v["CI_PROJECT_PATH"]
    return number if ours and number.isdigit() else None


def _is_fork(v: Variables) -> bool:
    """Whether the source lies in another project than the target."""
    if v["CI_MERGE_REQUEST_IID"]:
        return v["CI_MERGE_REQUEST_SOURCE_PROJECT_ID"] != v["CI_MERGE_REQUEST_PROJECT_ID"]
    if v["CI_EXTERNAL_PULL_REQUEST_IID"]:
        return (
            v["CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY"]
            != v["CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY"]
        )
    return False
