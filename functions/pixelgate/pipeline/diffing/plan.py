"""Plans a comparison from two manifests: the status of each snapshot and the unique pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pixelgate.domain.comparison import Measured, Snapshot, Status
from pixelgate.domain.learned_noise import LearnedNoise
from pixelgate.domain.manifest import BuildManifest, Image
from pixelgate.domain.matching import Kind, Match, match
from pixelgate.domain.names import canonical
from pixelgate.domain.policy import Policy
from pixelgate.domain.variants import without_variant
from pixelgate.errors import ImageFault


@dataclass(frozen=True, order=True)
class Pair:
    """Two images, by sha256, to compare under one policy; equal pairs of a build are compared once.

    `fingerprint` is a hash of policy and engine, see Policy.fingerprint.
    """

    base: str
    head: str
    fingerprint: str


@dataclass(frozen=True)
class Plan:
    """The work of one comparison.

    `matches` are all snapshots, sorted by name; `pairs` are the unique pairs to diff, each with its
    policy; `pair_of` is the pair of each differing snapshot, by name.
    """

    head: BuildManifest
    base: BuildManifest | None
    matches: Sequence[Match]
    pairs: Mapping[Pair, Policy]
    pair_of: Mapping[str, Pair]

    def images_of(self, m: Match) -> tuple[Image | None, Image | None]:
        """Returns a snapshot's image in the head's manifest, and in the base's."""
        head = self.head.images.get(m.name) if m.head else None
        base = self.base.images.get(m.previous_name or m.name) if self.base and m.base else None
        return head, base


def make_plan(head: BuildManifest, base: BuildManifest | None, engine: str) -> Plan:
    """Matches the builds and collects the unique pairs.

    `engine` is the engine's name and version, which are part of a cached diff's key.
    """
    matches = match(
        head.hashes(),
        base.hashes() if base else {},
        selective=head.selective,
        all_names=head.all_names,
        variants=(_variant_of(head), _variant_of(base)) if base else None,
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


def _variant_of(build: BuildManifest) -> Callable[[str], str | None]:
    """Returns a function from a name of the build to the name without its variant."""
    return lambda name: without_variant(name, build.images[name].details.get("tags"))


Learned = Callable[[], Mapping[str, LearnedNoise]]


def assemble(
    plan: Plan,
    measured: Mapping[Pair, Measured | ImageFault],
    unreadable: Mapping[str, ImageFault],
    learned: Learned = dict,
) -> dict[str, Snapshot]:
    """Combines the plan and the diffs to the result of every snapshot, by name.

    `unreadable` are the faults of head images that were found without a diff, by name. `learned`
    returns the noise that was learned, by canonical name; it is called if a difference counts that
    it may explain.
    """
    snapshots = {}
    for m in plan.matches:
        fault = unreadable.get(m.name)
        if m.kind is Kind.DIFFERING:
            snapshots[m.name] = _differing(plan, m, measured[plan.pair_of[m.name]], learned)
        elif fault:
            snapshots[m.name] = _entry(plan, m, Status.ERRORED, reason=fault.reason)
        else:
            snapshots[m.name] = _entry(plan, m, Status(m.kind.value))
    # Snapshots with the same change get one group, so that one decision covers them.
    changes = {name: change for name, s in snapshots.items() if (change := _change(s))}
    shared = {change for change, n in Counter(changes.values()).items() if n > 1}
    return {
        name: replace(s, group=changes[name]) if changes.get(name) in shared else s
        for name, s in snapshots.items()
    }


def _change(snapshot: Snapshot) -> str | None:
    """Returns an id of the snapshot's change; equal changes have equal ids."""
    sha256 = {
        Status.CHANGED: snapshot.measured and snapshot.measured.diff.fingerprint,
        Status.ADDED: snapshot.head_sha256,
        Status.REMOVED: snapshot.base_sha256,
    }.get(snapshot.status)
    return f"{snapshot.status}-{sha256[:16]}" if sha256 else None


def _differing(plan: Plan, m: Match, result: Measured | ImageFault, learned: Learned) -> Snapshot:
    match result:
        case ImageFault() as fault:
            return _entry(plan, m, Status.ERRORED, reason=fault.reason)
        case Measured(diff=diff):
            policy = plan.head.policy_for(m.name)
            judgement = diff.judge(policy)
            if judgement.changed and diff.could_be_learned(policy, judgement.marks):
                judgement = diff.judge(policy, learned().get(canonical(m.name)))
            status = Status.CHANGED if judgement.changed else Status.UNCHANGED
            # The decoded sizes are right; the manifest may claim others.
            sizes = {"head_size": diff.head_size, "base_size": diff.base_size}
            return _entry(plan, m, status, measured=result, judgement=judgement, **sizes)


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
