"""Joins what a person says, what the CI system says and what git knows, in this order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pixelgate.ci.detected import CiInfo
from pixelgate.ci.git import MAX_ANCESTORS, Commit, Git
from pixelgate.errors import UsageError

_CURES = {
    "GitHub Actions": "give actions/checkout `fetch-depth: 0`",
    "GitLab CI": "set GIT_DEPTH: 0 in the job's variables",
    "Buildkite": "remove --depth from BUILDKITE_GIT_CLONE_FLAGS and BUILDKITE_GIT_FETCH_FLAGS",
    "Bitbucket Pipelines": "set `clone: depth: full` in bitbucket-pipelines.yml",
    "Azure Pipelines": "set `fetchDepth: 0` at `checkout: self`",
    "Jenkins": "turn off 'Shallow clone' in the job's git settings",
    "AWS CodeBuild": "set the project's git clone depth to Full",
}
_CURE = "run `git fetch --unshallow`"


@dataclass(frozen=True)
class Overrides:
    """What flags and PIXELGATE_ variables say; None where they are silent."""

    commit: str | None = None
    branch: str | None = None
    base_commit: str | None = None
    base_branch: str | None = None
    base_build: str | None = None
    pull_request: str | None = None
    ci_url: str | None = None
    build: str | None = None
    fork: bool | None = None
    ancestors: tuple[str, ...] | None = None


@dataclass(frozen=True)
class BuildOrigin:
    """Where a build comes from, as its manifest says it.

    Attributes:
        vendor: the CI system's name; None on a laptop.
        commit: the head.
        branch: of the commit.
        build: the build's id; None if nobody gave one.
        run: an id that all jobs of a pipeline share.
        shard: index and total as the CI system has them.
        base_build: the build to compare with, if it was named.
        base_commit: the merge base.
        base_branch: where the change will be merged.
        ancestors: of base_commit, or without it of commit; nearest first.
        landed: what git tells of base_commit and the ancestors.
        tree: of commit.
        pull_request: its number.
        ci_url: of the log.
        fork: whether nobody has vouched for what was built.
        notes: what a person should know, with what to do.
    """

    vendor: str | None
    commit: str
    branch: str
    build: str | None = None
    run: str | None = None
    shard: tuple[int, int] | None = None
    base_build: str | None = None
    base_commit: str | None = None
    base_branch: str | None = None
    ancestors: tuple[str, ...] = ()
    landed: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    tree: str | None = None
    pull_request: str | None = None
    ci_url: str | None = None
    fork: bool = False
    notes: tuple[str, ...] = ()

    def fields(self) -> dict[str, Any]:
        """The fields of the manifest; what is unknown is left out."""
        known = {
            "commit": self.commit,
            "branch": self.branch,
            "base_build": self.base_build,
            "base_commit": self.base_commit,
            "base_branch": self.base_branch,
            "ancestors": list(self.ancestors),
            "landed": {sha: dict(names) for sha, names in self.landed.items()},
            "tree": self.tree,
            "pull_request": self.pull_request,
            "ci_url": self.ci_url,
        }
        return {name: value for name, value in known.items() if value}


def resolve_origin(overrides: Overrides, ci: CiInfo, git: Git) -> BuildOrigin:
    """Where this build comes from.

    Args:
        overrides: what a person said; it wins.
        ci: what the CI system says.
        git: the checkout, which is asked for the rest.

    Raises:
        UsageError: nobody knows the commit or the branch.
    """
    trouble = git.trouble()
    notes = list(ci.notes)
    known = None if trouble else git
    commit = _commit(overrides, ci, known, trouble, notes)
    branch = overrides.branch or ci.branch or (known.branch() if known else None)
    if branch is None:
        raise UsageError(
            "the branch is not known: HEAD is detached, and no CI system that we know says it. "
            "Pass --branch, or set PIXELGATE_BRANCH"
        )
    base_branch = overrides.base_branch or ci.base_branch
    if base_branch is None and known:
        base_branch = known.default_branch()
    origin = BuildOrigin(
        vendor=ci.vendor,
        commit=commit,
        branch=branch,
        build=overrides.build or ci.build,
        run=ci.run,
        shard=ci.shard,
        base_build=overrides.base_build,
        base_branch=base_branch,
        pull_request=overrides.pull_request or ci.pull_request,
        ci_url=overrides.ci_url or ci.ci_url,
        fork=ci.fork if overrides.fork is None else overrides.fork,
    )
    if known is None:
        origin = replace(origin, base_commit=overrides.base_commit or ci.base_commit)
        if not (origin.base_commit or origin.base_build):
            notes.append(
                f"{trouble}; so no ancestor can serve as the baseline, only the newest build of "
                f"{base_branch or 'a base branch, if --base-branch names it'}"
            )
    else:
        origin = _with_history(origin, overrides, ci, known, notes)
    if overrides.ancestors is not None:
        origin = replace(origin, ancestors=overrides.ancestors[:MAX_ANCESTORS], landed={})
    return replace(origin, notes=tuple(notes))


def _commit(
    overrides: Overrides, ci: CiInfo, git: Git | None, trouble: str | None, notes: list[str]
) -> str:
    """The head commit, as a whole hash if git knows it."""
    named = overrides.commit or ci.commit
    if git is None:
        if named is None:
            raise UsageError(
                f"the commit is not known: {trouble}, and no CI system that we know says it. "
                "Run this in a checkout, pass --commit, or set PIXELGATE_COMMIT"
            )
        return named
    here = git.resolve("HEAD")
    if named is None:
        if here is None:
            raise UsageError(
                "this repository has no commit yet; commit something, or pass --commit"
            )
        return here
    commit = _resolved(overrides.commit, "commit", git) or git.resolve(named) or named
    if not overrides.commit and ci.merged:
        commit = _unmerged(commit, ci, git)
    if git.resolve(commit) is None:
        _note_missing(notes, ci.vendor, commit, git)
    elif here and here != commit and commit not in git.parents(here):
        notes.append(
            f"what is checked out is {here[:12]}, but the build is recorded for {commit[:12]}: if "
            "the screenshots are of the former, pass --commit HEAD"
        )
    return commit


def _resolved(named: str | None, flag: str, git: Git) -> str | None:
    """What a person calls a commit as its whole hash. A hash may be of one that is not cloned."""
    if named is None:
        return None
    commit = git.resolve(named)
    if commit is None and not re.fullmatch("[0-9a-f]{7,64}", named):
        variable = flag.upper().replace("-", "_")
        raise UsageError(
            f"--{flag} (or PIXELGATE_{variable}) is {named!r}, which is no commit here for git, "
            "and no hash of one elsewhere"
        )
    return commit or named


def _note_missing(notes: list[str], vendor: str | None, commit: str, git: Git) -> None:
    """The head is not in the clone: it is too shallow, or another commit was checked out."""
    if git.is_shallow():
        _note_shallow(notes, vendor, f"the head commit {commit[:12]} is not in it")
        return
    cure = "check it out"
    if vendor == "GitHub Actions":
        # On pull_request_target and workflow_run the default branch is checked out.
        cure = "give actions/checkout `ref:` that commit"
    notes.append(
        f"commit {commit[:12]} is not in this clone, so nothing before it is known: {cure}"
    )


def _unmerged(commit: str, ci: CiInfo, git: Git) -> str:
    """What was merged, where the CI system has built a merge of its own making."""
    parents = git.parents(commit)
    if len(parents) != 2 or ci.merged is None:
        return commit
    if ci.merged == ci.commit:
        return parents[1]
    head = git.resolve(ci.merged)
    return head if head and head in parents else commit


def _with_history(
    origin: BuildOrigin, overrides: Overrides, ci: CiInfo, git: Git, notes: list[str]
) -> BuildOrigin:
    """Adds tree, base, ancestors and what git tells of them."""
    base = _base(origin, overrides, ci, git, notes)
    history = git.history(base or origin.commit, MAX_ANCESTORS + 1)
    # Of the head itself there is nothing to tell: it is the build.
    ancestors = tuple(commit.sha for commit in history[1:])
    landed = {c.sha: _told(c) for c in (history if base else history[1:])}
    if git.is_shallow() and len(ancestors) < MAX_ANCESTORS and not origin.base_build:
        seen = f"{len(ancestors)} ancestors" if len(ancestors) != 1 else "1 ancestor"
        _note_shallow(notes, origin.vendor, f"only {seen} can be offered as baselines")
    return replace(
        origin,
        base_commit=base,
        ancestors=ancestors,
        landed=landed,
        tree=git.tree(origin.commit),
    )


def _told(commit: Commit) -> dict[str, str]:
    told = {"tree": commit.tree}
    if commit.pull_request:
        told["pull_request"] = commit.pull_request
    return told


def _base(
    origin: BuildOrigin, overrides: Overrides, ci: CiInfo, git: Git, notes: list[str]
) -> str | None:
    """The commit to compare with, by its whole hash; None where that is for the ancestors to say.

    On the base branch itself no commit is named: nobody knows which of the last ones has a build,
    and a build that waits for one which never comes would wait in vain.
    """
    if overrides.base_commit:
        return _resolved(overrides.base_commit, "base-commit", git)
    if ci.base_commit:
        return git.resolve(ci.base_commit) or ci.base_commit
    if origin.base_build or origin.base_branch is None:
        return None
    if origin.branch == origin.base_branch and not origin.pull_request:
        return None
    tips = _tips(origin, overrides, ci, git)
    for tip in tips:
        base = git.merge_base(origin.commit, tip)
        # A head that lies within its base has been merged by now; an older tip may know better.
        if base and base != origin.commit:
            return base
    if not any(git.merge_base(origin.commit, tip) for tip in tips):
        _note_no_base(origin, tips, git, notes)
    return None


def _note_no_base(origin: BuildOrigin, tips: list[str], git: Git, notes: list[str]) -> None:
    """Why there is no merge base, and what helps."""
    if git.is_shallow():
        what = f"no commit was found that it shares with {origin.base_branch}"
        _note_shallow(notes, origin.vendor, what)
    elif not tips:
        notes.append(
            f"the base branch {origin.base_branch} is not in this clone, so no merge base was "
            f"found: run `git fetch origin {origin.base_branch}`, or pass --base-commit"
        )
    elif git.resolve(origin.commit):
        notes.append(
            f"{origin.commit[:12]} and {origin.base_branch} have no commit in common; "
            "pass --base-branch or --base-commit"
        )


def _tips(origin: BuildOrigin, overrides: Overrides, ci: CiInfo, git: Git) -> list[str]:
    """Commits of the base branch that this clone has, the freshest first."""
    names = [f"refs/remotes/origin/{origin.base_branch}"]
    if ci.target and not overrides.base_branch:
        names.append(ci.target)
    names.append(f"refs/heads/{origin.base_branch}")
    return list(dict.fromkeys(sha for name in names if (sha := git.resolve(name))))


def _note_shallow(notes: list[str], vendor: str | None, effect: str) -> None:
    """Once: everything that follows from a short history has the same cure."""
    words = "this clone is shallow"
    if not any(note.startswith(words) for note in notes):
        cure = _CURES.get(vendor or "", _CURE)
        notes.append(f"{words}: {effect}. {cure[0].upper()}{cure[1:]}")
