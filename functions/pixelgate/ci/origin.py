"""Finds the origin of a build from the user's options, the CI system and git, in this order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from pixelgate.ci.detected import CiInfo
from pixelgate.ci.git import MAX_ANCESTORS, Commit, Git, Trouble
from pixelgate.errors import UsageError

_CURES = {
    "GitHub Actions": "give actions/checkout `fetch-depth: 0`",
    "GitLab CI": "set GIT_DEPTH: 0 in the job's variables",
    "Buildkite": "remove --depth from BUILDKITE_GIT_CLONE_FLAGS and BUILDKITE_GIT_FETCH_FLAGS",
    "Bitbucket Pipelines": "set `clone: depth: full` in bitbucket-pipelines.yml",
    "Azure Pipelines": "set `fetchDepth: 0` at `checkout: self`",
    "Jenkins": "turn off 'Shallow clone' in the job's git settings",
    "AWS CodeBuild": "set the project's git clone depth to Full",
    "Drone": "remove `depth` from `clone` in .drone.yml",
    "Woodpecker": "set `partial: false` and no `depth` in the settings of the clone step",
    "Travis CI": "set `git: depth: false` in .travis.yml",
    "AppVeyor": "remove clone_depth from appveyor.yml",
    "TeamCity": "remove teamcity.git.shallowClone from the parameters",
}
_CURE = "run `git fetch --unshallow`"
# Branches that are kept beside the base branch, unless pixelgate.toml names others.
RELEASE_BRANCHES = ("release/*",)
_IN_MANIFEST = (
    *("commit", "branch", "base_build", "base_commit", "base_branch", "ancestors", "landed"),
    *("tree", "pull_request", "ci_url", "author"),
)


@dataclass(frozen=True)
class Overrides:
    """The values of flags, PIXELGATE_ variables and pixelgate.toml; None where one is not set."""

    commit: str | None = None
    branch: str | None = None
    base_commit: str | None = None
    base_branch: str | None = None
    base_build: str | None = None
    pull_request: str | None = None
    ci_url: str | None = None
    build: str | None = None
    fork: bool | None = None
    trunk: bool | None = None
    ancestors: tuple[str, ...] | None = None
    release_branches: tuple[str, ...] | None = None  # patterns in which `*` stands for anything


@dataclass(frozen=True)
class BuildOrigin:
    """The origin of a build, as it is written to the manifest."""

    vendor: str | None  # the CI system's name; None without one
    commit: str
    branch: str
    # The build's id; None if neither the user nor the CI system provides one.
    build: str | None = None
    run: str | None = None  # an id that all jobs of a pipeline share
    shard: tuple[int, int] | None = None  # index and total, if the CI system splits the job
    base_build: str | None = None  # the build to compare with, if the user named one
    base_commit: str | None = None
    base_branch: str | None = None
    # Ancestors of base_commit, or of commit if there is no base_commit; nearest first.
    ancestors: tuple[str, ...] = ()
    # Of a push to a release branch, the branch's own commits before this one, nearest first.
    branch_commits: tuple[str, ...] | None = None
    # Commits that `commit` contains and the base, or the nearest ancestor, does not; newest first.
    own_commits: tuple[str, ...] = ()
    # Trees and pull requests of base_commit and the ancestors; the time of base_commit.
    landed: Mapping[str, Mapping[str, str | int]] = field(default_factory=dict)
    tree: str | None = None  # the hash of the commit's files
    pull_request: str | None = None
    ci_url: str | None = None
    author: str | None = None  # the name of the commit's author, for people
    merge_request: bool = False  # whether the forge calls a pull request a merge request
    fork: bool = False  # whether the build comes from a fork, which is not trusted
    trunk: bool = False  # whether it is the base branch's own; then it needs no review
    notes: tuple[str, ...] = ()  # notes for the user, with what to do

    def fields(self) -> dict[str, Any]:
        """Returns the fields of the manifest, without those that are unknown."""
        known = {name: getattr(self, name) for name in _IN_MANIFEST if getattr(self, name)}
        if self.ancestors:
            known["ancestors"] = list(self.ancestors)
        if self.branch_commits is not None:
            known["branch_commits"] = list(self.branch_commits)
        if self.own_commits:
            known["own_commits"] = list(self.own_commits)
        return known


def resolve_origin(overrides: Overrides, ci: CiInfo, git: Git) -> BuildOrigin:
    """Finds the origin of this build.

    The options take precedence, then the CI system; git provides the rest.

    Raises:
        UsageError: the commit or the branch is unknown.
    """
    trouble = git.trouble()
    notes = list(ci.notes)
    known = None if trouble else git
    commit = _commit(overrides, ci, git, trouble, notes)
    branch = overrides.branch or _branch(ci, commit, known)
    if branch is None:
        raise UsageError(
            "the branch is not known: HEAD is detached, and no known CI system reports it. "
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
        merge_request=ci.merge_request,
        fork=ci.fork if overrides.fork is None else overrides.fork,
    )
    trunk = overrides.trunk
    if trunk is None:
        trunk = is_trunk(replace(ci, branch=branch, pull_request=origin.pull_request), base_branch)
    origin = replace(origin, trunk=trunk and not origin.fork)
    if trouble:
        origin = replace(origin, base_commit=overrides.base_commit or ci.base_commit)
        if not (origin.base_commit or origin.base_build):
            notes.append(
                f"{trouble.why}; so the ancestors are unknown, and only the newest build of "
                f"{base_branch or 'the branch given by --base-branch'} can be the baseline. "
                f"To know them, {trouble.cure}"
            )
    else:
        origin = _with_history(origin, overrides, ci, git, notes)
    if overrides.ancestors is not None:
        named = overrides.ancestors[:MAX_ANCESTORS]
        origin = replace(origin, ancestors=named, branch_commits=None, landed={})
    return replace(origin, notes=tuple(notes))


def is_trunk(ci: CiInfo, base_branch: str | None) -> bool:
    """Whether a CI job builds the base branch itself, and no pull request.

    A person's own machine is no CI job: nobody should make a baseline by chance.
    """
    on_branch = ci.branch is not None and ci.branch == base_branch
    others = ci.pull_request is not None or ci.released is not None or ci.fork
    return ci.vendor is not None and on_branch and not others


def _branch(ci: CiInfo, commit: str, git: Git | None) -> str | None:
    """Returns the branch of the build; of a release the branch that has its commit.

    A tag may be anywhere, and its name may be a branch's. So a release counts as its branch's only
    if git knows the commit there; otherwise it has a name that no branch can have.
    """
    if ci.released is None:
        return ci.branch or (git.branch() if git else None)
    named = ci.branch or (git.branch() if git else None)
    if git and named:
        tip = git.resolve(f"refs/remotes/origin/{named}") or git.resolve(f"refs/heads/{named}")
        if tip and git.merge_base(commit, tip) == git.resolve(commit):
            return named
    return f"release:{ci.released}"


def _commit(
    overrides: Overrides, ci: CiInfo, git: Git, trouble: Trouble | None, notes: list[str]
) -> str:
    """Returns the head commit, as a whole hash if it is in the clone."""
    named = overrides.commit or ci.commit
    if trouble:
        if named is None:
            cure = trouble.cure[0].upper() + trouble.cure[1:]
            raise UsageError(
                f"the commit is not known: {trouble.why}, and no known CI system reports it. "
                f"{cure}, or pass --commit and --branch"
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
            f"{here[:12]} is checked out, but the build is recorded for {commit[:12]}: if the "
            "screenshots show the checked-out commit, pass --commit HEAD"
        )
    return commit


def _resolved(named: str | None, flag: str, git: Git) -> str | None:
    """Resolves the user's name of a commit; a hash that is not in the clone stays as it is."""
    if named is None:
        return None
    commit = git.resolve(named)
    if commit is None and not re.fullmatch("[0-9a-f]{7,64}", named):
        variable = flag.upper().replace("-", "_")
        raise UsageError(
            f"--{flag} (or PIXELGATE_{variable}) is {named!r}, which is neither a commit in this "
            "clone nor a hash"
        )
    return commit or named


def _note_missing(notes: list[str], vendor: str | None, commit: str, git: Git) -> None:
    """Notes that the head is not in the clone: it is shallow, or another commit is checked out."""
    if git.is_shallow():
        _note_shallow(notes, vendor, f"the head commit {commit[:12]} is not in it")
        return
    cure = "check it out"
    if vendor == "GitHub Actions":
        # On pull_request_target and workflow_run the default branch is checked out.
        cure = "give actions/checkout `ref:` that commit"
    notes.append(f"commit {commit[:12]} is not in this clone, so its ancestors are unknown: {cure}")


def _unmerged(commit: str, ci: CiInfo, git: Git) -> str:
    """Returns the head commit if the CI system built a merge commit that it made itself."""
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
    """Adds the tree, the base, the ancestors, and their trees and pull requests."""
    base = _base(origin, overrides, ci, git, notes)
    history = git.history(base or origin.commit, MAX_ANCESTORS + 1)
    # The head itself is the build, so it is neither an ancestor nor landed.
    ancestors = tuple(commit.sha for commit in history[1:])
    own = _branch_commits(origin, overrides, ci, git, base)
    known = [*(own or ()), *(history if base else history[1:])][: MAX_ANCESTORS + 1]
    landed = {c.sha: _landed(c) for c in known}
    if base in landed and (committed := history[0].committed):
        landed[base]["committed"] = committed
    if git.is_shallow() and len(ancestors) < MAX_ANCESTORS and not origin.base_build:
        seen = f"{len(ancestors)} ancestors" if len(ancestors) != 1 else "1 ancestor"
        _note_shallow(notes, origin.vendor, f"only {seen} can be baselines")
    return replace(
        origin,
        base_commit=base,
        ancestors=ancestors,
        own_commits=_own_commits(origin.commit, base or next(iter(ancestors), None), git),
        branch_commits=None if own is None else tuple(commit.sha for commit in own),
        landed=landed,
        tree=git.tree(origin.commit),
        author=git.author(origin.commit),
    )


def _branch_commits(
    origin: BuildOrigin, overrides: Overrides, ci: CiInfo, git: Git, base: str | None
) -> list[Commit] | None:
    """Returns the commits that a release branch has since it left the base branch.

    None unless this is a push to such a branch, and neither the user nor the CI system names what
    to compare with. Without a base, the ancestors begin with the branch's own commits.
    """
    named = overrides.base_commit or ci.base_commit or origin.base_build
    if named or origin.pull_request or origin.fork or origin.branch == origin.base_branch:
        return None
    patterns = overrides.release_branches
    patterns = RELEASE_BRANCHES if patterns is None else patterns
    if not origin.trunk and not any(fnmatchcase(origin.branch, p) for p in patterns):
        return None
    if base is None:
        return []
    return git.history(origin.commit, MAX_ANCESTORS + 1, since=base)[1:]


def _own_commits(commit: str, since: str | None, git: Git) -> tuple[str, ...]:
    """Returns the commits that are no ancestors in the manifest's sense, as those of a merge."""
    if since is None:
        return ()
    own = git.commits(commit, MAX_ANCESTORS + 1, since=since)
    return tuple(sha for sha in own if sha != commit)[:MAX_ANCESTORS]


def _landed(commit: Commit) -> dict[str, str | int]:
    fields: dict[str, str | int] = {"tree": commit.tree}
    if commit.pull_request:
        fields["pull_request"] = commit.pull_request
    return fields


def _base(
    origin: BuildOrigin, overrides: Overrides, ci: CiInfo, git: Git, notes: list[str]
) -> str | None:
    """Returns the whole hash of the commit to compare with; None if the ancestors decide.

    On the base branch itself it is None: not every commit has a build, and a build must not wait
    for one that never comes.
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
        # If the head is the merge base, it has been merged by now; try an older tip.
        if base and base != origin.commit:
            return base
    if not any(git.merge_base(origin.commit, tip) for tip in tips):
        _note_no_base(origin, tips, git, notes)
    return None


def _note_no_base(origin: BuildOrigin, tips: list[str], git: Git, notes: list[str]) -> None:
    """Notes why there is no merge base, and what to do."""
    if git.is_shallow():
        effect = f"it has no merge base with {origin.base_branch}"
        _note_shallow(notes, origin.vendor, effect)
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
    """Returns the tips of the base branch in this clone, the newest first."""
    names = [f"refs/remotes/origin/{origin.base_branch}"]
    if ci.target and not overrides.base_branch:
        names.append(ci.target)
    names.append(f"refs/heads/{origin.base_branch}")
    return list(dict.fromkeys(sha for name in names if (sha := git.resolve(name))))


def _note_shallow(notes: list[str], vendor: str | None, effect: str) -> None:
    """Notes once that the clone is shallow; all effects of that have the same fix."""
    words = "this clone is shallow"
    if not any(note.startswith(words) for note in notes):
        cure = _CURES.get(vendor or "", _CURE)
        notes.append(f"{words}: {effect}. {cure[0].upper()}{cure[1:]}")
