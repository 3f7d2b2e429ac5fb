"""Draws the pictures of a pull request's comment: of the most different groups, one each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from pixelgate.domain import keys
from pixelgate.domain.comparison import BandKind, Snapshot, Status, needing_review
from pixelgate.domain.preview import MOST, Preview, Previews, file_of
from pixelgate.errors import ImageFault, NotFound
from pixelgate.pipeline.diffing.thumbnails import slices_of
from pixelgate.ports import Bucket, Images, Previewer, Slices

# Snapshots that cannot be drawn are passed over, but ten thousand of them are not all tried.
_TRIED = 2 * MOST
_EVERYWHERE: tuple[Slices, Slices] = (((), ()), ((), ()))
# After what changed, which has a difference to look at. Errored ones often have no picture.
_ORDER = (Status.CHANGED, Status.REMOVED, Status.ADDED, Status.ERRORED)


def most_different(
    snapshots: Mapping[str, Snapshot], *, has_base: bool
) -> list[tuple[str, Snapshot, int]]:
    """Lists the groups that need a review, the one with the largest changed share first.

    Each entry is the name and the result of its most different snapshot, and the number of the
    group's other snapshots. Of equal ones the first by name counts. Groups without a share follow:
    what was removed, added and errored. A snapshot without others of its change is its own group.
    """
    needing = needing_review(has_base=has_base)
    wanted = {name: s for name, s in snapshots.items() if s.status in needing}
    sizes = Counter(snapshot.group or name for name, snapshot in wanted.items())
    ordered = sorted(
        wanted.items(),
        key=lambda item: (_ORDER.index(item[1].status), -(share(item[1]) or 0.0), item[0]),
    )
    firsts: dict[str, tuple[str, Snapshot]] = {}
    for name, snapshot in ordered:
        firsts.setdefault(snapshot.group or name, (name, snapshot))
    return [(name, snapshot, sizes[group] - 1) for group, (name, snapshot) in firsts.items()]


def share(snapshot: Snapshot) -> float | None:
    """Returns the changed part of the canvas; None if nothing was measured."""
    if snapshot.status is not Status.CHANGED or snapshot.measured is None:
        return None
    diff = snapshot.measured.diff
    return (diff.changed_pixels + diff.counted_pixels) / max(1, diff.total_pixels)


def draw_previews(
    groups: list[tuple[str, Snapshot, int]],
    *,
    folder: str,
    objects: Bucket,
    images: Images,
    preview: Previewer,
    now: float,
    has_time: Callable[[], bool],
) -> Previews:
    """Draws the first MOST groups that can be drawn, and writes them with their list.

    `groups` is as of `most_different`, `folder` as of `keys.previews`. `has_time` is called before
    each picture; the rest is left out when it returns False.
    """
    drawn: list[Preview] = []
    for name, snapshot, others in groups[:_TRIED]:
        if len(drawn) == MOST or not has_time():
            break
        try:
            picture = _draw(snapshot, objects, images, preview)
        except (ImageFault, NotFound):
            continue  # the snapshot's reason has the fault
        file = file_of(picture)
        objects.write(f"{folder}{file}", picture, "image/png")
        drawn.append(Preview(file, name, str(snapshot.status), share(snapshot), others))
    listed = Previews.new(tuple(drawn), now)
    objects.write(keys.preview_list(folder), listed.encoded(), "application/json")
    return listed


def _draw(snapshot: Snapshot, objects: Bucket, images: Images, preview: Previewer) -> bytes:
    mask, places = None, _EVERYWHERE
    measured = snapshot.measured if snapshot.status is Status.CHANGED else None
    if measured and measured.mask_key:
        mask = objects.read(measured.mask_key)
        diff = measured.diff
        places = slices_of(diff, BandKind.DELETED), slices_of(diff, BandKind.INSERTED)
    base, head = (_image(sha256, images) for sha256 in (snapshot.base_sha256, snapshot.head_sha256))
    return preview(base, head, mask, places)


def _image(sha256: str | None, images: Images) -> bytes | None:
    """Reads an image; None if there is none, or if it is missing or damaged."""
    try:
        return images.read(sha256) if sha256 else None
    except ImageFault:
        return None
