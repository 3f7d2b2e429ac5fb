"""Decides which builds may be a baseline, and explains why a build may not."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from pixelgate.domain.keys import TRUNK, is_trunk
from pixelgate.domain.records import BuildRecord, Lookup, Review, Series


def approved_by_rule(
    build: BuildRecord, baseline_branches: Sequence[str], trunk_only: bool = False
) -> bool:
    """Whether a build needs no approval: a build of a baseline branch without a pull request.

    In `baseline_branches`, names of branches, `*` stands for anything. With `trunk_only` the id
    must begin with `trunk.`, which only that branch's role may write: branch and pull request are
    what the manifest says, and any job may say `main`.
    """
    if trunk_only and not is_trunk(build.id):
        return False
    return build.pull_request is None and _is_baseline(build.branch, baseline_branches)


def series_of(build: BuildRecord, baseline_branches: Sequence[str]) -> Series | None:
    """Returns the builds with which a build shares approvals; None if it shares them with none.

    They are those of its pull request. Where CI knows no number, they are those of its branch that
    have none either. A baseline branch is no series, because it holds the changes of everybody.
    Nor is a branch of a fork: many forks have one of the same name.
    """
    if build.pull_request is not None:
        return Series(Lookup.PULL_REQUEST, build.pull_request)
    if not build.trusted or not build.branch or _is_baseline(build.branch, baseline_branches):
        return None
    return Series(Lookup.BRANCH, build.branch)


def _is_baseline(branch: str, patterns: Sequence[str]) -> bool:
    # Not `names.compile_glob`: git allows neither ? nor [ in a branch's name, so here they can only
    # be meant as patterns.
    return any(fnmatchcase(branch, pattern) for pattern in patterns)


def ineligibility(
    build: BuildRecord, baseline_branches: Sequence[str], trunk_only: bool = False
) -> str | None:
    """Returns why a build may not be a baseline; None if it may, once its images are complete.

    The rules hold however the build was found. The manifest, the tree and the pull request all
    come from CI, so none of them replaces a person's approval.
    """
    if not build.trusted:
        return "a fork's build is never a baseline"
    if build.lost:
        return "its upload is incomplete: images of it are not in the bucket"
    if build.review == Review.REJECTED:
        return "it was rejected"
    if build.selective:
        return "it holds only a part of the suite"
    if build.review == Review.APPROVED or approved_by_rule(build, baseline_branches, trunk_only):
        return None
    if _is_baseline(build.branch, baseline_branches):
        if build.pull_request is None:
            return (
                f"nobody has approved it, and its id does not begin with {TRUNK!r}, as the ids of "
                f"builds of {build.branch} must"
            )
        return f"nobody has approved it, and it is a build of pull request #{build.pull_request}"
    return f"nobody has approved it, and its branch {build.branch!r} is no baseline branch"
