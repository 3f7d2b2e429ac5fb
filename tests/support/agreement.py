"""What must hold of every result, whatever the images were: its parts say the same."""

from __future__ import annotations

import numpy as np

from pixelgate.domain.comparison import Axis, Band, BandKind, Diff, Region
from pixelgate.domain.verdict import Evidence
from support.plain_odiff import Mask, masks_in

AXES = (Axis.COLUMNS, Axis.ROWS)  # as sizes are told: width, then height


def checked_mask(diff: Diff) -> Mask:
    """The mask of a result whose parts agree; for none, an empty one of the canvas's size."""
    found = disagreement(diff)
    assert found is None, found
    return mask_of(diff)


def odiffs_mask(diff: Diff) -> Mask:
    """The part of it that is odiff's, of a result whose parts agree."""
    checked_mask(diff)
    return masks_of(diff)[0]


def mask_of(diff: Diff) -> Mask:
    """The mask as an array, also where there is none."""
    odiffs, counted = masks_of(diff)
    return odiffs | counted


def masks_of(diff: Diff) -> tuple[Mask, Mask]:
    """What is odiff's in the mask, and what only the evidence counts."""
    if diff.mask is None:
        return (np.zeros(canvas(diff)[::-1], bool),) * 2
    return masks_in(diff.mask)


def canvas(diff: Diff) -> tuple[int, int]:
    """Width and height of what holds both images, and the lines that only one of them has."""
    width, height = (
        base + sum(b.length for b in bands if b.kind is BandKind.INSERTED)
        if (bands := bands_of(diff, axis))
        else max(base, head)
        for axis, base, head in zip(AXES, diff.base_size, diff.head_size, strict=True)
    )
    return width, height


def bands_of(diff: Diff, axis: Axis) -> list[Band]:
    """Those of rows, or those of columns."""
    return [band for band in diff.bands if band.axis is axis]


def disagreement(diff: Diff) -> str | None:
    """In which point a result contradicts itself, in words; None if in none."""
    (odiffs, counted), (width, height) = masks_of(diff), canvas(diff)
    mask, summed = odiffs | counted, sum(region.pixels for region in diff.regions)
    pixels = diff.changed_pixels, diff.counted_pixels
    if mask.shape != (height, width) or diff.total_pixels != width * height:
        return f"{diff.total_pixels} pixels in all, a mask of {mask.shape[::-1]}"
    if pixels != (found := (int(odiffs.sum()), int(counted.sum()))):
        return f"{pixels} changed and counted, {found} set"
    if sum(pixels) != summed:
        return f"{pixels} changed and counted, {summed} in regions"
    if not 0 <= diff.structural_pixels <= diff.changed_pixels:
        return f"{diff.structural_pixels} structural of {diff.changed_pixels} changed pixels"
    if (diff.mask is None) != (summed == 0):
        return f"{summed} in the mask, and it is {'not ' * (diff.mask is None)}there"
    covered = np.zeros_like(mask)
    for region in diff.regions:
        covered[region.y : region.y + region.height, region.x : region.x + region.width] = True
        if (problem := _misplaced(region, mask)) is not None:
            return f"{region} {problem}"
    if (mask & ~covered).any():
        return "a changed pixel lies in no region"
    return _bands_disagree(diff) or _evidence_disagrees(diff)


def _bands_disagree(diff: Diff) -> str | None:
    """Bands lie apart from one another, in order, and make up for the other image's lines."""
    if diff.bands != (*bands_of(diff, Axis.ROWS), *bands_of(diff, Axis.COLUMNS)):
        return "bands of columns come before bands of rows"
    for axis, *sizes in zip(AXES, diff.base_size, diff.head_size, strict=True):
        at = base = head = 0
        bands = bands_of(diff, axis)
        for band in bands:
            paired = band.start - at
            if paired < 0 or (band.base_start, band.head_start) != (base + paired, head + paired):
                return f"{band} does not follow on {axis} {at} of the canvas"
            inserted = band.kind is BandKind.INSERTED
            base = band.base_start + band.length * (not inserted)
            head = band.head_start + band.length * inserted
            at = band.stop
        if bands and sizes[0] - base != sizes[1] - head:
            return f"behind the bands base has {sizes[0] - base} {axis}, head another number"
    return None


def _evidence_disagrees(diff: Diff) -> str | None:
    """Each area fits into itself, into the regions that point at it, and into the picture."""
    pointed = {region.area for region in diff.regions} - {None}
    if pointed != set(range(len(diff.areas))):
        return f"regions point at {pointed} of {len(diff.areas)} areas"
    for number, area in enumerate(diff.areas):
        if (problem := _impossible(area)) is not None:
            return f"area {number} {problem}: {area}"
    differing = sum(area.differing for area in diff.areas)
    one_sided = sum(area.one_sided for area in diff.areas)
    if differing + one_sided > diff.picture.differing:
        return f"{differing} + {one_sided} of {diff.picture.differing} pixels differ in areas"
    picture = diff.picture
    if picture.touched > picture.blocks or not 0 <= picture.text_touched <= 1:
        return f"{picture} is impossible"
    if (diff.fingerprint is None) != (diff.mask is None):
        return f"the fingerprint {diff.fingerprint} is impossible"
    return None


def _impossible(area: Evidence) -> str | None:
    """What of an area contradicts itself."""
    chains = (
        (area.solid_strong, area.solid, area.clear, area.differing),
        (area.solid_strong, area.strong, area.clear),
        (area.solid, area.plain, area.differing),
        (area.moved, area.strong),
        (area.off, area.strong),
        (area.outside, area.clear),
        (area.differing, area.blocks * 256),
        (area.farthest, area.most, 255),
        (area.raw, area.raw_high),
        (area.residue, area.residue_high, area.residue_most),
        (area.residue_sparse, area.residue_most),
    )
    if any(list(chain) != sorted(chain) for chain in chains):
        return "has more of a part than of the whole"
    shares = area.text_touched, area.one_way, area.hue, area.dense
    if not all(0 <= share <= 1 for share in shares):
        return "has a share above one"
    if not np.isfinite([float(n) for n in vars(area).values()]).all():
        return "has a number that is none"
    return None


def _misplaced(region: Region, mask: Mask) -> str | None:
    """A box must lie on the canvas, hold its pixels, and touch one with each of its edges."""
    height, width = mask.shape
    if region.x < 0 or region.y < 0 or region.width < 1 or region.height < 1:
        return "is no box"
    if region.x + region.width > width or region.y + region.height > height:
        return f"reaches past the canvas of {width}×{height}"
    box = mask[region.y : region.y + region.height, region.x : region.x + region.width]
    # Boxes of neighbours may overlap, so a box may show more pixels than its region has.
    if not 0 < region.pixels <= np.count_nonzero(box):
        return f"shows only {np.count_nonzero(box)} pixels of the mask"
    if not all(edge.any() for edge in (box[0], box[-1], box[:, 0], box[:, -1])):
        return "is not tight"
    return None
