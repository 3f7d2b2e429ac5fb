"""Which builds may serve as a baseline, and in words why another one may not."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from pixelgate.domain.records import BuildRecord, Review


def approved_by_rule(build: BuildRecord, baseline_branches: Sequence[str]) -> bool:
    """Whether a build needs no approval: it is of a baseline branch, and of no pull request.

    Args:
        build: the build.
        baseline_branches: names of branches; `*` stands for anything.
    """
    return build.pull_request is None and any(
        fnmatchcase(build.branch, pattern) for pattern in baseline_branches
    )


def ineligibility(build: BuildRecord, baseline_branches: Sequence[str]) -> str | None:
    """Why a build may not serve as a baseline; None if it may, once its images are there.

    However it was found: a manifest that names it, a tree or a pull request that it has in common
    with a commit of the base branch, all of them are CI's word. No person has looked.

    Args:
        build: the candidate.
        baseline_branches: whose builds need no approval.
    """
    if not build.trusted:
        return "a fork's build is never a baseline"
    if build.lost:
        return "its upload is incomplete: images of it are not in the bucket"
    if build.review == Review.REJECTED:
        return "it was rejected"
    if build.selective:
        return "it holds only a part of the suite"
    if build.review == Review.APPROVED or approved_by_rule(build, baseline_branches):
        return None
    if any(fnmatchcase(build.branch, pattern) for pattern in baseline_branches):
        return f"nobody has approved it, and it is a build of pull request #{build.pull_request}"
    return f"nobody has approved it, and its branch {build.branch!r} is no baseline branch"
