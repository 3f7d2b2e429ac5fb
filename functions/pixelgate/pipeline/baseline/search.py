"""Finds the baseline of a build: the exact base, else an ancestor, else a build of the branch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

from pixelgate.domain import keys
from pixelgate.domain.baseline import (
    MAX_PASSED_OVER,
    Choice,
    Kind,
    PassedOver,
    is_waited_for,
)
from pixelgate.domain.comparison import Verdict
from pixelgate.domain.eligibility import ineligibility
from pixelgate.domain.keys import NO_BASE, BuildId, ComparisonId
from pixelgate.domain.manifest import BuildManifest, Landed
from pixelgate.domain.records import Baseline, BuildRecord, Lookup
from pixelgate.pipeline.context import Limits, StorageContext
from pixelgate.pipeline.review.carry_over import withdrawal_reason

# How many builds of one branch, tree or pull request are considered, the newest first. Builds of
# forks do not count towards it: a fork may claim any branch.
_LOOKED_AT = 20
_READ = 500
# How many ancestors' builds are queried at the same time.
_AT_ONCE = 16
_NOTHING_LANDED = Landed()


@dataclass(frozen=True)
class Missing:
    """A base that the manifest names and that does not exist yet, or may not serve.

    `what` is the base in words; a build with one of the topics ends the wait. `why` is the reason
    why it cannot serve; empty if it may still come.
    """

    what: str
    topics: tuple[str, ...]
    why: str = ""

    def in_words(self, grace: float) -> str:
        """Describes the wait, for status.json; `grace` is in seconds."""
        return (
            f"waiting for a build of {self.what}; if none comes within {_minutes(grace)}, "
            "the next best baseline serves"
        )


def wait_comparison(manifest: BuildManifest) -> ComparisonId | None:
    """Returns the id under which a build waits for its base; None if it names no base."""
    if manifest.base_build is not None:
        base = keys.wanted("build", manifest.base_build)
    elif manifest.base_commit is not None:
        base = keys.wanted("commit", manifest.base_commit)
    else:
        return None
    return manifest.id.against(base)


def grace_of(manifest: BuildManifest, limits: Limits) -> float:
    """Returns how long a build waits for its base, in seconds: its project's grace, or the stack's.

    Each project may have its own, as one stack serves many projects with different CI.
    """
    return limits.grace if manifest.grace is None else manifest.grace


def find_baseline(
    manifest: BuildManifest, storage: StorageContext, uploaded: float
) -> Baseline | Missing:
    """Finds the baseline of a build, or the missing base that it has to wait for.

    `uploaded` is when the build was accepted, in seconds since 1970. After the wait that its record
    contains, the next best baseline is taken.
    """
    wait = wait_comparison(manifest)
    record = storage.ledger.comparison(wait) if wait else None
    waited = None
    if record and record.wait_until is not None and storage.clock() >= record.wait_until:
        waited = record.wait_until - record.created
    return _Search(manifest, storage, uploaded, waited).run()


@dataclass(frozen=True)
class _Builds:
    """The candidates of one commit, newest first.

    They are builds of the commit, builds of other commits with the same files, and builds of the
    pull request that was merged as this commit.
    """

    commit: str
    own: tuple[BuildRecord, ...] = ()
    same_tree: tuple[BuildRecord, ...] = ()
    pull_request: tuple[BuildRecord, ...] = ()


# A build that serves instead of the base, how it was found, its distance, and the reason.
_Fallback = tuple[BuildRecord, Kind, int | None, str]


class _Search:
    """One search; it collects the builds that it passes over."""

    def __init__(
        self,
        manifest: BuildManifest,
        storage: StorageContext,
        uploaded: float,
        waited: float | None,
    ) -> None:
        self._manifest = manifest
        self._storage = storage
        self._uploaded = uploaded
        self._waited = waited
        self._passed_over: list[PassedOver] = []
        self._refused = False

    def run(self) -> Baseline | Missing:
        m = self._manifest
        missing = None
        for search in (self._named, self._own, self._exact):
            result = search()
            if isinstance(result, Baseline):
                return result
            if result and not result.why and self._waited is None:
                return result
            missing = missing or result
        fallback = self._ancestor() or self._branch()
        if fallback:
            build, kind, distance, how = fallback
            if missing and missing.why:
                how = f"{missing.what} cannot be compared with: {missing.why}. Instead {how}"
            elif missing:
                kind, how = Kind.GRACE, f"{self._waited_in_vain(missing)}. Instead {how}"
            return Baseline(build.id.build, how, self._choice(kind, distance))
        if m.base_build is not None and m.base_commit is None and missing:
            # A person named exactly this build, so neither a fallback nor "no baseline" is right.
            return replace(missing, why=missing.why or self._waited_in_vain(missing))
        kind = Kind.REFUSED if self._refused else Kind.NONE
        return Baseline(NO_BASE, self._none(missing), self._choice(kind))

    def _named(self) -> Baseline | Missing | None:
        m = self._manifest
        if m.base_build is None:
            return None
        build = self._storage.ledger.build(BuildId(m.id.project, m.base_build))
        reason = "the manifest names this build as base_build"
        if build and self._serves(build):
            return Baseline(build.id.build, reason, self._choice(Kind.NAMED))
        why = self._ineligibility(build) if build else None
        topic = f"build:{m.base_build}"
        return Missing(f"base_build {m.base_build}", (topic,), f"{why}" if why else "")

    def _own(self) -> Baseline | None:
        """Finds the nearest build of a release branch itself, for a push to it.

        The commit at which it left the base branch would show all its changes in every push.
        """
        m = self._manifest
        if not self._is_release or m.base_build is not None:
            return None
        nearest = self._nearest([c for c in m.branch_commits or () if c != m.commit])
        if nearest is None:
            return None
        build, distance, reason = nearest
        how = (
            f"the nearest commit of {m.branch} itself with a build that may serve, "
            f"{_commits(distance)} before this commit: {reason}"
        )
        return Baseline(build.id.build, how, self._choice(Kind.ANCESTOR, distance))

    @property
    def _is_release(self) -> bool:
        return self._manifest.branch_commits is not None and self._manifest.pull_request is None

    def _exact(self) -> Baseline | Missing | None:
        commit = self._manifest.base_commit
        if commit is None:
            return None
        base = f"base_commit {commit}"
        builds = self._builds_of(commit)
        best = self._best(builds, base)
        if best:
            build, reason = best
            return Baseline(build.id.build, reason, self._choice(Kind.EXACT))
        return Missing(base, self._topics(commit), self._reason_against_waiting(builds))

    def _reason_against_waiting(self, of: _Builds) -> str:
        """Returns the reason why no build of the commit can serve; empty if one may still come."""
        if of.commit == self._manifest.commit:
            return "it is this build's own commit, which has no other build that may serve"
        builds = [b for b in of.own if b.trusted]
        if not builds:
            return self._too_old(of.commit)
        reasons = [self._ineligibility(b) for b in builds]
        if not all(reasons):
            return ""
        return f"its build {builds[0].id.build} may not serve: {reasons[0]}"

    def _too_old(self, commit: str) -> str:
        """Returns why no build of a commit without one will come; empty if one may."""
        grace = grace_of(self._manifest, self._storage.limits)
        committed = self._landed(commit).committed
        if committed is None or is_waited_for(committed, self._uploaded, grace):
            return ""
        age = _minutes(self._uploaded - committed)
        return f"it has no build and is {age} old, which is longer than a build waits for its base"

    def _ancestor(self) -> _Fallback | None:
        m = self._manifest
        nearest = self._nearest([c for c in m.ancestors if c not in {m.commit, m.base_commit}])
        if nearest is None:
            return None
        build, distance, reason = nearest
        start = "the base" if m.base_commit else "this commit"
        how = (
            f"the nearest ancestor with a build that may serve, {_commits(distance)} before "
            f"{start}: {reason}"
        )
        return build, Kind.ANCESTOR, distance, how

    def _nearest(self, commits: Iterable[str]) -> tuple[BuildRecord, int, str] | None:
        """Finds the first of the commits with a build that may serve.

        Returns the build, its place among the commits from 1 on, and the reason.
        """
        for place, builds in enumerate(self._builds_of_each([*dict.fromkeys(commits)]), start=1):
            best = self._best(builds, f"commit {builds.commit}")
            if best:
                build, reason = best
                return build, place, reason
        return None

    def _branch(self) -> _Fallback | None:
        m = self._manifest
        branches = {m.base_branch: f"base_branch {m.base_branch}"} if m.base_branch else {}
        if self._is_release:
            branches = {m.branch: f"{m.branch} itself", **branches}
        for branch, words in branches.items():
            for build in self._builds_by(Lookup.BRANCH, branch):
                if self._serves(build):
                    how = (
                        f"the newest build of {words} that may serve, of commit {build.commit}; "
                        "it may lack changes that the base has, or have more"
                    )
                    return build, Kind.BRANCH, None, how
        return None

    def _waited_in_vain(self, missing: Missing) -> str:
        return (
            f"no build of {missing.what} came within {_minutes(self._waited or 0)} "
            "(did its snapshot job run and upload?)"
        )

    def _none(self, missing: Missing | None) -> str:
        ending = "every snapshot counts as added"
        if self._refused:
            ending += ", and needs a person"
        if missing is None and not self._manifest.ancestors and not self._manifest.base_branch:
            return "the manifest names no base: every snapshot counts as added"
        if missing is None:
            first = "neither the listed ancestors nor the base branch have a build that may serve"
        elif missing.why:
            first = f"{missing.what} cannot be compared with: {missing.why}, and nothing else may"
        else:
            first = f"{self._waited_in_vain(missing)}, and nothing else may stand in for it"
        return f"{first}: {ending}"

    def _best(self, of: _Builds, commit: str) -> tuple[BuildRecord, str] | None:
        """Picks a build of the commit, else of the same tree, else of the merged pull request.

        Returns the build and the reason, for which `commit` names the commit in words.
        """
        for build in of.own:
            if self._serves(build):
                return build, f"the newest build of {commit}"
        for build in of.same_tree:
            same = f"{commit} has the same files as commit {build.commit} of"
            if self._serves(build):
                return build, f"{same} this build"
            base = self._passed_against(build)
            if base and self._serves(base):
                return base, f"{same} build {build.id.build}, which passed against this build"
        for build in of.pull_request:
            if self._serves(build):
                number = build.pull_request
                return build, f"{commit} is merged pull request #{number}, of this build"
        if not (of.own or of.same_tree or of.pull_request):
            self._passed_over.append(PassedOver("it has no build", commit=of.commit))
        return None

    def _passed_against(self, build: BuildRecord) -> BuildRecord | None:
        """Returns the base against which an unreviewed build passed: both show the same.

        The base serves rather than the build itself: differences below the thresholds were never
        reviewed, and must not add up from build to build.
        """
        if build.review or build.selective or not build.baseline or not build.baseline.exists:
            return None
        ledger, project = self._storage.ledger, build.id.project
        base = build.baseline.build
        record = ledger.comparison(build.id.against(base))
        if base == self._manifest.id.build or record is None or record.verdict != Verdict.PASSED:
            return None
        return ledger.build(BuildId(project, base))

    def _builds_of_each(self, commits: Sequence[str]) -> Iterator[_Builds]:
        """Yields the builds of each commit; queries several known commits at a time."""
        topics = {commit: self._topics(commit) for commit in commits}
        known = self._storage.ledger.existing_lookup_keys(
            self._manifest.id.project,
            {topic for of_commit in topics.values() for topic in of_commit},
        )

        def ask(commit: str) -> _Builds:
            return _Builds(commit) if known.isdisjoint(topics[commit]) else self._builds_of(commit)

        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="ancestors") as threads:
            for start in range(0, len(commits), _AT_ONCE):
                yield from threads.map(ask, commits[start : start + _AT_ONCE])

    def _topics(self, commit: str) -> tuple[str, ...]:
        landed = self._landed(commit)
        known = (("commit", commit), ("tree", landed.tree), ("pull_request", landed.pull_request))
        return tuple(f"{kind}:{value}" for kind, value in known if value)

    def _builds_of(self, commit: str) -> _Builds:
        m, landed = self._manifest, self._landed(commit)
        own = self._storage.ledger.builds_at(m.id.project, commit)
        number = None if landed.pull_request == m.pull_request else landed.pull_request
        return _Builds(
            commit,
            tuple(b for b in own if b.id != m.id),
            tuple(self._builds_by(Lookup.TREE, landed.tree)),
            tuple(self._builds_by(Lookup.PULL_REQUEST, number)),
        )

    def _landed(self, commit: str) -> Landed:
        return self._manifest.landed.get(commit, _NOTHING_LANDED)

    def _builds_by(self, lookup: Lookup, value: str | None) -> Iterator[BuildRecord]:
        if value is None:
            return iter(())
        builds = self._storage.ledger.builds_by(self._manifest.id.project, lookup, value)
        others = (b for b in islice(builds, _READ) if b.trusted and b.id != self._manifest.id)
        return islice(others, _LOOKED_AT)

    def _ineligibility(self, build: BuildRecord) -> str | None:
        storage = self._storage
        why = ineligibility(build, storage.baseline_branches, storage.trunk_only)
        return why or withdrawal_reason(build, storage)

    def _serves(self, build: BuildRecord) -> bool:
        why = self._ineligibility(build)
        if why is None and build.arrived:
            return True
        # A fork must not force a review, and a part of a suite is never a baseline.
        may_be_reviewed = build.trusted and not (build.lost or build.selective)
        self._refused = self._refused or (why is not None and may_be_reviewed)
        why = why or "its images have not all arrived yet"
        self._passed_over.append(PassedOver(why, build=build.id.build))
        return False

    def _choice(self, kind: Kind, distance: int | None = None) -> Choice:
        unique = dict.fromkeys(self._passed_over)
        return Choice(kind, distance, tuple(islice(unique, MAX_PASSED_OVER)))


def _commits(number: int) -> str:
    return "1 commit" if number == 1 else f"{number} commits"


def _minutes(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    if seconds < 180 * 60:
        return f"{seconds / 60:.0f} minutes"
    if seconds < 72 * 3_600:
        return f"{seconds / 3_600:.0f} hours"
    return f"{seconds / 86_400:.0f} days"
