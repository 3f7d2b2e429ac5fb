"""Reads GitLab CI: merge requests, merged results, merge trains, external pull requests."""

from __future__ import annotations

from pixelgate.ci.detected import CiInfo, Variables, tag_ref


def gitlab(v: Variables) -> CiInfo:
    """Reads the variables."""
    pipeline, job = v["CI_PIPELINE_ID"], v["CI_JOB_ID"]
    merge_request = v["CI_MERGE_REQUEST_IID"]
    external = v["CI_EXTERNAL_PULL_REQUEST_IID"]
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
        # In a merged-results pipeline CI_COMMIT_SHA is a merge commit that exists only there.
        commit=v["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA"]
        or v["CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_SHA"]
        or v["CI_COMMIT_SHA"],
        # A fork's main is not the main of this project.
        branch=f"{v['CI_MERGE_REQUEST_SOURCE_PROJECT_PATH'] or 'fork'}:{branch}"
        if fork
        else branch,
        base_branch=v["CI_MERGE_REQUEST_TARGET_BRANCH_NAME"]
        or v["CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME"]
        or v["CI_DEFAULT_BRANCH"],
        base_commit=v["CI_MERGE_REQUEST_DIFF_BASE_SHA"],
        target=v["CI_MERGE_REQUEST_TARGET_BRANCH_SHA"]
        or v["CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_SHA"],
        pull_request=merge_request or external or _open_merge_request(v),
        ci_url=v["CI_JOB_URL"] or v["CI_PIPELINE_URL"],
        # A retried job stays in its pipeline and gets a new job id.
        build=f"{pipeline}-{job}" if pipeline and job else pipeline,
        run=pipeline,
        shard=v.shard("CI_NODE_INDEX", "CI_NODE_TOTAL", first=1),
        fork=fork,
        merge_request=external is None,  # which comes from another forge
    )


def _open_merge_request(v: Variables) -> str | None:
    """Returns the only open merge request of a branch's pipeline; None if there are several.

    The default branch has none: its builds are no part of a merge request to a release branch.
    """
    if v["CI_COMMIT_BRANCH"] == v["CI_DEFAULT_BRANCH"]:
        return None
    requests = (v["CI_OPEN_MERGE_REQUESTS"] or "").split(",")
    project, _, number = requests[0].partition("!")
    ours = len(requests) == 1 and project == v["CI_PROJECT_PATH"]
    return number if ours and number.isdigit() else None


def _is_fork(v: Variables) -> bool:
    """Whether the source belongs to another project than the target."""
    if v["CI_MERGE_REQUEST_IID"]:
        return v["CI_MERGE_REQUEST_SOURCE_PROJECT_ID"] != v["CI_MERGE_REQUEST_PROJECT_ID"]
    if v["CI_EXTERNAL_PULL_REQUEST_IID"]:
        return (
            v["CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY"]
            != v["CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY"]
        )
    return False
