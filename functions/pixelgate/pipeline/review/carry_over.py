"""Prepares the review of a comparison, and carries over an approval of the same changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

from pixelgate.domain import keys
from pixelgate.domain.comparison import Comparison, Measured, Status
from pixelgate.domain.eligibility import approved_by_rule, series_of
from pixelgate.domain.keys import BuildId, is_trusted
from pixelgate.domain.manifest import BuildManifest
from pixelgate.domain.names import same_names
from pixelgate.domain.policy import Policy
from pixelgate.domain.records import BuildRecord, ComparisonRecord, Lookup, Review, Series, State
from pixelgate.domain.review_request import Change, InheritedApproval, Reviewable
from pixelgate.domain.review_state import ReviewState
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

    `check` is called between any two pairs; it raises to stop early.
    """
    reviewable = Reviewable.of(comparison)
    if reviewable.changes:
        build = accepted.record
        if build.trusted and approved_by_rule(build, service.baseline_branches, service.trunk_only):
            why = f"approved by rule: {build.branch} is a baseline branch"
            granted: InheritedApproval | None = InheritedApproval(why)
        else:
            granted = _carried_over(reviewable, accepted, service, check)
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
    `check` is called between any two pairs; it raises to stop early. Then, or after another error,
    the next delivery should search.
    """
    if record.state is not State.SUCCEEDED or _series(accepted, service) is None:
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


def withdrawal_reason(build: BuildRecord, storage: StorageContext) -> str | None:
    """Returns the reason why an approval that was carried over no longer counts, or None.

    It no longer counts when the build that it came from was rejected later.
    """
    if build.review is not Review.APPROVED or not build.comparison:
        return None
    if approved_by_rule(build, storage.baseline_branches, storage.trunk_only):
        return None  # nothing was carried over
    record = storage.ledger.comparison(build.comparison)
    now = read_review_status(record, storage.objects) if record else None
    if now is None or now.reviewable is None or now.summary is None or now.summary.human:
        return None
    granted = now.reviewable.granted or now.review_log.granted
    if granted is None or granted.build is None:
        return None
    earlier = storage.ledger.build(BuildId(build.id.project, granted.build))
    if earlier is None or earlier.review is not Review.REJECTED:
        return None
    return f"its approval was carried over from build {granted.build}, which was rejected since"


def _carried_over(
    reviewable: Reviewable, accepted: Accepted, service: CompareContext, check: Callable[[], None]
) -> InheritedApproval | None:
    """Returns the approval of an earlier build of the series with the same changes."""
    series = _series(accepted, service)
    seed = _seed(accepted.record, series, service) if series else None
    if series is None or seed is None:
        return None
    build, approved, by = seed
    if reviewable.first or approved.first:
        return None  # without a base every snapshot is added, so equal changes prove little
    same = same_names(reviewable.changes.keys(), approved.changes.keys())
    if not len(same) == len(reviewable.changes) == len(approved.changes):
        return None
    pairs = {
        name: (change, approved.changes[same[name]]) for name, change in reviewable.changes.items()
    }
    if not all(_same_outline(*pair) for pair in pairs.values()):
        return None
    if not _same_pictures(pairs, accepted.manifest, service, check):
        return None
    # A pull request's number is never given again, but a branch's name may be, for other work.
    branch = series.lookup is Lookup.BRANCH
    if branch and not _same_pictures(pairs, accepted.manifest, service, check, of="base"):
        return None
    why = f"carried over from build {build}, where the same changes were approved"
    return InheritedApproval(why, by, build)


def _series(accepted: Accepted, service: CompareContext) -> Series | None:
    """Returns the builds whose approvals a build may take over; None if it takes over none.

    The base branch is no series, although it may be no baseline branch: a CI system that knows no
    pull request may name it for all of them.
    """
    series = series_of(accepted.record, service.baseline_branches)
    if series and series.lookup is Lookup.BRANCH and series.value == accepted.manifest.base_branch:
        return None
    return series


def _seed(
    head: BuildRecord, series: Series, service: CompareContext
) -> tuple[str, Reviewable, tuple[str, ...]] | None:
    """Finds the earlier build of the series that a person reviewed last, if it is approved.

    An approval that was itself carried over does not count here. Otherwise small differences could
    add up from build to build. Returns the build, its approved changes, and the reviewers.
    """
    for decision in service.ledger.decisions(head.id.project, series):
        if decision.review is None or is_trusted(decision.build) != head.trusted:
            continue
        build = service.ledger.build(decision.build)
        if build is None and decision.review is Review.REJECTED:
            return None  # garbage collection removes a rejected build, but not the rejection
        if build is None or build.created >= head.created:
            continue
        return _approved(build, service) if decision.review is Review.APPROVED else None
    return None


def _approved(
    build: BuildRecord, service: CompareContext
) -> tuple[str, Reviewable, tuple[str, ...]] | None:
    """Returns the changes of a build that people approved; the ledger may lag behind its log."""
    record = service.ledger.comparison(build.comparison) if build.comparison else None
    if record is None or record.state is not State.SUCCEEDED:
        return None
    now = read_review_status(record, service.objects)
    summary = now.summary
    if now.reviewable is None or summary is None or not summary.human:
        return None
    if summary.state is not ReviewState.APPROVED:
        return None
    return build.id.build, now.reviewable, summary.by


def _same_outline(mine: Change, approved: Change) -> bool:
    """Whether both changes have one status, and unreadable images the same hashes."""
    # Unreadable images cannot be compared, so only equal hashes are the same change.
    readable = mine.status != Status.ERRORED
    same_images = (mine.head, mine.base) == (approved.head, approved.base)
    return mine.status == approved.status and (readable or same_images)


def _same_pictures(
    changes: Mapping[str, tuple[Change, Change]],
    manifest: BuildManifest,
    service: CompareContext,
    check: Callable[[], None],
    of: Literal["head", "base"] = "head",
) -> bool:
    """Whether each image of the heads, or the bases, passes against that of the approved build."""
    wanted: list[tuple[Pair, Policy]] = []
    for name, (mine, approved) in changes.items():
        image, seen = getattr(mine, of), getattr(approved, of)
        if image and seen and image != seen:
            policy = manifest.policy_for(name)
            pair = Pair(seen, image, policy.fingerprint(service.engine_label))
            wanted.append((pair, policy))
    measured = diff_pairs(
        dict(wanted),
        images=BucketImages(service.objects, manifest.id.project),
        store=DiffCache(service.objects, manifest.id.project, pictures=None),
        pool=service.pool,
        tally=DiffStats(),
        check=check,
    )
    return all(
        isinstance(result := measured[pair], Measured) and result.diff.passes(policy)
        for pair, policy in wanted
    )
