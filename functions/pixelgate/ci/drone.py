"""Reads Drone, and Woodpecker, which began as a copy of it. Neither tells forks apart."""

from __future__ import annotations

from pixelgate.ci.detected import CiInfo, Variables, branch_of, branch_to_release, tag_ref


def drone(v: Variables) -> CiInfo:
    """Reads Drone (docs.drone.io/pipeline/environment/reference).

    DRONE_BRANCH is the target of a pull request; DRONE_COMMIT_SHA is its head, although the clone
    step merges that into the target. A build that is restarted gets a new number.
    """
    number = v["DRONE_BUILD_NUMBER"]
    pull = v["DRONE_PULL_REQUEST"]
    return CiInfo(
        vendor="Drone",
        commit=v["DRONE_COMMIT_SHA"] or v["DRONE_COMMIT"],
        branch=tag_ref(v["DRONE_TAG"])
        or (v["DRONE_SOURCE_BRANCH"] if pull else None)
        or v["DRONE_BRANCH"],
        base_branch=(v["DRONE_TARGET_BRANCH"] if pull else None) or v["DRONE_REPO_BRANCH"],
        pull_request=pull,
        ci_url=v["DRONE_BUILD_LINK"],
        build=number,
        run=number,
        merge_request=(v["DRONE_COMMIT_REF"] or "").startswith("refs/merge-requests/"),
    )


def woodpecker(v: Variables) -> CiInfo:
    """Reads Woodpecker (woodpecker-ci.org/docs/usage/environment).

    CI_COMMIT_BRANCH is the target of a pull request. A pipeline that is restarted gets a new
    number. For tags and releases it may be the tag's ref, or the commit that was to be tagged.
    """
    number = v["CI_PIPELINE_NUMBER"]
    pull = v["CI_COMMIT_PULL_REQUEST"]
    tag = v["CI_COMMIT_TAG"] or (v["CI_COMMIT_REF"] or "").removeprefix("refs/tags/")
    released = tag if v["CI_PIPELINE_EVENT"] == "release" else None
    branch = branch_of(v["CI_COMMIT_BRANCH"])
    branch = branch_to_release(branch) if released else tag_ref(v["CI_COMMIT_TAG"]) or branch
    return CiInfo(
        vendor="Woodpecker",
        commit=v["CI_COMMIT_SHA"],
        branch=v["CI_COMMIT_SOURCE_BRANCH"] or branch,
        base_branch=v["CI_COMMIT_TARGET_BRANCH"] or v["CI_REPO_DEFAULT_BRANCH"],
        pull_request=pull,
        ci_url=v["CI_STEP_URL"] or v["CI_PIPELINE_URL"],
        build=number,
        run=number,
        released=released,
        merge_request=v["CI_FORGE_TYPE"] == "gitlab",
    )
