"""Prepares the review of a comparison, and carries over an approval of the same changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

from pixelgate.domain import keys
from pixelgate.domain.comparison import Comparison, Measured, Status
from pixelgate.domain.eligibility import approved_by_rule
from pixelgate.domain.keys import BuildId, ComparisonId
from pixelgate.domain.manifest import BuildManifest
from pixelgate.domain.names import same_names
from pixelgate.domain.policy import Policy
from pixelgate.domain.records import BuildRecord, ComparisonRecord, Review, State
from pixelgate.domain.review_request import Change, InheritedApproval, Reviewable
from pixelgate.domain.review_state import ReviewState
from pixelgate.errors import ImageFault
from pixelgate.pipeline.announce.announce import announce_result
from pixelgate.pipeline.announce.review_store import change_review_log, read_review_status
from pixelgate.pipeline.context import CompareContext, StorageContext
from pixelgate.pipeline.diffing.pairs import DiffCache, DiffStats, diff_pairs
from pixelgate.pipeline.diffing.plan import Pair
from pixelgate.pipeline.intake.accept import Accepted
from pixelgate.pipeline.intake.images import BucketImages


def prepare_review(
    comparison: Comparison, accepted: Accepted, service: CompareContext, check: Callable[[], None]
) -> None:
    """Writes the changes to review beside the unpublished result, with an inherited approval.

    Args:
        comparison: the comparison that will be published.
        accepted: its head build.
        service: the ports.
        check: called between any two pairs; raises to stop early.
    """
    reviewable = Reviewable.of(comparison)
    if reviewable.changes:
        granted = _by_rule(accepted.record, service)
        granted = granted or _carried_over(reviewable, accepted, service, check)
        reviewable = replace(reviewable, granted=granted)
    key = keys.result(comparison.id, comparison.execution, "review.json")
    body = json.dumps(reviewable.as_json(), ensure_ascii=False).encode()
    service.objects.write(key, body, "application/json")


def carry_over_late(
    record: ComparisonRecord, accepted: Accepted, service: CompareContext, check: Callable[[], None]
) -> None:
    """Searches once more for an approval to carry over, after the result was announced.

    A person may have approved the earlier build after this build's first search. An
    approval is recorded first, and then resumes published builds; so one of the two sees the other.

    Args:
        record: the announced comparison's record.
        accepted: its head build.
        service: the ports.
        check: called between any two pairs; raises to stop early.

    Raises:
        Exception: another delivery should search.
    """
    if record.state is not State.SUCCEEDED or accepted.record.pull_request is None:
        return
    now = read_review_status(record, service.objects)
    if now.reviewable is None or now.summary is None or now.summary.state is not ReviewState.NEEDED:
        return
    granted = _carried_over(now.reviewable, accepted, service, check)
    if granted is None:
        return
    # From here on the sweeper announces the approval, if this worker dies.
    record = service.ledger.reopen(record, service.clock())
    change_review_log(
        record.head,
        service.objects,
        lambda review_log: review_log.of_execution(record.execution).with_grant(granted),
    )
    announce_result(service.ledger.reopen(record, service.clock()), service)


def withdrawal_reason(build: BuildRecord, records: StorageContext) -> str | None:
    """Returns the reason why an approval that was carried over no longer counts, or None.

    It no longer counts when the build that it came from was rejected later.

    Args:
        build: an approved build.
        records: the ports.
    """
    if build.review is not Review.APPROVED or not build.pull_request or not build.baseline:
        return None
    record = records.ledger.comparison(
        ComparisonId(build.id.project, build.id.build, build.baseline.build)
    )
    now = read_review_status(record, records.objects) if record else None
    if now is None or now.reviewable is None or now.summary is None or now.summary.human:
        return None
    granted = now.reviewable.granted or now.review_log.granted
    if granted is None or granted.build is None:
        return None
    earlier = records.ledger.build(BuildId(build.id.project, granted.build))
    if earlier is None or earlier.review is not Review.REJECTED:
        return None
    return f"its approval was carried over from build {granted.build}, which was rejected since"


def _by_rule(build: BuildRecord, records: StorageContext) -> InheritedApproval | None:
    by_rule = approved_by_rule(build, records.baseline_branches, records.trunk_only)
    if not (build.trusted and by_rule):
        return None
    return InheritedApproval(f"approved by rule: {build.branch} is a baseline branch")


def _carried_over(
    reviewable: Reviewable, accepted: Accepted, service: CompareContext, check: Callable[[], None]
) -> InheritedApproval | None:
    """Returns the approval of an earlier build of the pull request with the same changes."""
    seed = _seed(accepted.record, service)
    if seed is None:
        return None
    build, approved, by = seed
    if reviewable.first or approved.first:
        return None  # without a base every snapshot is added, so equal changes prove little
    same = same_names(reviewable.changes.keys(), approved.changes.keys())
    if not len(same) == len(reviewable.changes) == len(approved.changes):
        return None
    theirs = {name: approved.changes[their_name] for name, their_name in same.items()}
    if not _same_outline(reviewable.changes, theirs):
        return None
    if not _same_pictures(reviewable.changes, theirs, accepted.manifest, service, check):
        return None
    why = f"carried over from build {build}, where the same changes were approved"
    return InheritedApproval(why, by, build)


def _seed(
    head: BuildRecord, service: CompareContext
) -> tuple[str, Reviewable, tuple[str, ...]] | None:
    """Finds the earlier build of the pull request that a person reviewed last, if it is approved.

    An approval that was itself carried over does not count here. Otherwise small differences could
    add up from build to build.

    Returns:
        The build, its approved changes, and the reviewers; None if there is no such build.
    """
    if head.pull_request is None:
        return None
    for decision in service.ledger.decisions(head.id.project, head.pull_request):
        build = service.ledger.build(decision.build)
        if decision.review is None or build is None or build.created >= head.created:
            continue
        if build.trusted != head.trusted:
            continue
        return _approved(build, service) if decision.review is Review.APPROVED else None
    return None


def _approved(
    build: BuildRecord, service: CompareContext
) -> tuple[str, Reviewable, tuple[str, ...]] | None:
    """Returns the changes of a build that people approved; the ledger may lag behind its log."""
    if build.baseline is None:
        return None
    record = service.ledger.comparison(
        ComparisonId(build.id.project, build.id.build, build.baseline.build)
    )
    if record is None or record.state is not State.SUCCEEDED:
        return None
    now = read_review_status(record, service.objects)
    if now.reviewable is None or now.summary is None or not now.summary.human:
        return None
    if now.summary.state is not ReviewState.APPROVED:
        return None
    return build.id.build, now.reviewable, now.summary.by


def _same_outline(mine: Mapping[str, Change], theirs: Mapping[str, Change]) -> bool:
    """Whether equal names have equal statuses, and unreadable images equal hashes."""
    for name, change in mine.items():
        approved = theirs[name]
        if change.status != approved.status:
            return False
        # Unreadable images cannot be compared, so only equal hashes are the same change.
        unseen = change.status == Status.ERRORED
        if unseen and (change.head, change.base) != (approved.head, approved.base):
            return False
    return True


def _same_pictures(
    mine: Mapping[str, Change],
    theirs: Mapping[str, Change],
    manifest: BuildManifest,
    service: CompareContext,
    check: Callable[[], None],
) -> bool:
    """Whether each head image passes when it is compared with the approved one."""
    pairs: dict[Pair, Policy] = {}
    wanted: list[tuple[Pair, Policy]] = []
    for name, change in mine.items():
        approved = theirs[name].head
        if change.head is None or approved is None or change.head == approved:
            continue
        policy = manifest.policy_for(name)
        pair = Pair(approved, change.head, policy.fingerprint(service.engine_label))
        pairs.setdefault(pair, policy)
        wanted.append((pair, policy))
    measured = diff_pairs(
        pairs,
        images=BucketImages(service.objects, manifest.id.project),
        store=DiffCache(service.objects, manifest.id.project, pictures=None),
        pool=service.pool,
        tally=DiffStats(),
        check=check,
    )
    return all(_passes(measured[pair], policy) for pair, policy in wanted)


def _passes(result: Measured | ImageFault, policy: Policy) -> bool:
    return isinstance(result, Measured) and result.diff.passes(policy)
