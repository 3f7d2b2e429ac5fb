"""From two manifests to the work: which pairs of images have to be compared, each one once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pixelgate.domain.comparison import Measured, Snapshot, Status
from pixelgate.domain.manifest import BuildManifest, Image
from pixelgate.domain.matching import Kind, Match, match
from pixelgate.domain.policy import Policy
from pixelgate.errors import ImageFault

_STATUS = {
    Kind.UNCHANGED: Status.UNCHANGED,
    Kind.ADDED: Status.ADDED,
    Kind.REMOVED: Status.REMOVED,
    Kind.RENAMED: Status.RENAMED,
    Kind.SKIPPED: Status.SKIPPED,
}


@dataclass(frozen=True, order=True)
class Pair:
    """Two images to compare under one policy; equal pairs of a build are compared once.

    Attributes:
        base: sha256 of the base image.
        head: sha256 of the head image.
        fingerprint: of the policy and engine, see Policy.fingerprint.
    """

    base: str
    head: str
    fingerprint: str


@dataclass(frozen=True)
class Plan:
    """What one comparison has to do.

    Attributes:
        head: the head build.
        base: its base, if it has one.
        matches: every snapshot, sorted by name.
        pairs: what has to be diffed, with the policy to diff it under.
        pair_of: the pair of each differing snapshot, by name.
    """

    head: BuildManifest
    base: BuildManifest | None
    matches: Sequence[Match]
    pairs: Mapping[Pair, Policy]
    pair_of: Mapping[str, Pair]

    def images_of(self, m: Match) -> tuple[Image | None, Image | None]:
        """What both manifests say of a snapshot: the head's image and the base's."""
        head = self.head.images.get(m.name) if m.head else None
        base = self.base.images.get(m.previous_name or m.name) if self.base and m.base else None
        return head, base


def make_plan(head: BuildManifest, base: BuildManifest | None, engine: str) -> Plan:
    """Matches the builds and collects the unique pairs.

    Args:
        head: the build under test.
        base: what it is compared with; None if there is nothing.
        engine: name and version of the engine, part of what makes a stored diff reusable.
    """
    matches = match(
        head.hashes(),
        base.hashes() if base else {},
        selective=head.selective,
        all_names=head.all_names,
    )
    pairs: dict[Pair, Policy] = {}
    pair_of: dict[str, Pair] = {}
    fingerprints: dict[Policy, str] = {}
    for m in matches:
        if m.kind is Kind.DIFFERING and m.head and m.base:
            policy = head.policy_for(m.name)
            if policy not in fingerprints:
                fingerprints[policy] = policy.fingerprint(engine)
            pair = Pair(m.base, m.head, fingerprints[policy])
            pairs.setdefault(pair, policy)
            pair_of[m.name] = pair
    return Plan(head, base, matches, pairs, pair_of)


def assemble(
    plan: Plan,
    measured: Mapping[Pair, Measured | ImageFault],
    unreadable: Mapping[str, ImageFault],
) -> dict[str, Snapshot]:
    """The result of every snapshot, by name.

    Args:
        plan: what was to be done.
        measured: what became of each pair.
        unreadable: what is wrong with head images, by name, as far as no diff was needed to know.
    """
    snapshots = {}
    for m in plan.matches:
        fault = unreadable.get(m.name)
        if m.kind is Kind.DIFFERING:
            snapshots[m.name] = _differing(plan, m, measured[plan.pair_of[m.name]])
        elif fault:
            snapshots[m.name] = _entry(plan, m, Status.ERRORED, reason=fault.reason)
        else:
            snapshots[m.name] = _entry(plan, m, _STATUS[m.kind])
    return _grouped(snapshots)


def _grouped(snapshots: dict[str, Snapshot]) -> dict[str, Snapshot]:
    """Gives snapshots with the same change the same group: one decision for all of them."""
    changes = {name: change for name, s in snapshots.items() if (change := _change(s))}
    shared = {change for change, n in Counter(changes.values()).items() if n > 1}
    return {
        name: replace(s, group=changes[name]) if changes.get(name) in shared else s
        for name, s in snapshots.items()
    }


def _change(snapshot: Snapshot) -> str | None:
    """Names what happened to a snapshot, equally wherever the same happened."""
    what = {
        Status.CHANGED: snapshot.measured and snapshot.measured.diff.fingerprint,
        Status.ADDED: snapshot.head_sha256,
        Status.REMOVED: snapshot.base_sha256,
    }.get(snapshot.status)
    return f"{snapshot.status}-{what[:16]}" if what else None


def _differing(plan: Plan, m: Match, result: Measured | ImageFault) -> Snapshot:
    match result:
        case ImageFault() as fault:
            return _entry(plan, m, Status.ERRORED, reason=fault.reason)
        case Measured(diff=diff):
            judgement = diff.judge(plan.head.policy_for(m.name))
            status = Status.CHANGED if judgement.changed else Status.UNCHANGED
            # The sizes that were decoded, rather than those that the manifest claims.
            return _entry(
                plan,
                m,
                status,
                measured=result,
                judgement=judgement,
                head_size=diff.head_size,
                base_size=diff.base_size,
            )


def _entry(plan: Plan, m: Match, status: Status, **known: Any) -> Snapshot:
    head, base = plan.images_of(m)
    described = head or base
    sizes = {"head_size": head.size if head else None, "base_size": base.size if base else None}
    return Snapshot(
        status=status,
        head_sha256=m.head,
        base_sha256=m.base,
        previous_name=m.previous_name,
        policy=plan.head.policy_for(m.name).differences(plan.head.policy),
        details=described.details if described else {},
        **(sizes | known),
    )
