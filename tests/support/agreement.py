"""What must hold of every result, whatever the images were: its parts say the same."""

from __future__ import annotations

import numpy as np

from pixelgate.comparison import Axis, Band, BandKind, Diff, Region
from pixelgate.engine.mask import read_mask
from support.plain_odiff import Mask

AXES = (Axis.COLUMNS, Axis.ROWS)  # as sizes are told: width, then height


def checked_mask(diff: Diff) -> Mask:
    """The mask of a result whose parts agree; for none, an empty one of the canvas's size."""
    found = disagreement(diff)
    assert found is None, found
    return mask_of(diff)


def mask_of(diff: Diff) -> Mask:
    """The mask as an array, also where there is none."""
    if diff.mask is None:
        return np.zeros(canvas(diff)[::-1], bool)
    return read_mask(diff.mask)


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
    mask, (width, height) = mask_of(diff), canvas(diff)
    summed = sum(region.pixels for region in diff.regions)
    if mask.shape != (height, width) or diff.total_pixels != width * height:
        return f"{diff.total_pixels} pixels in all, a mask of {mask.shape[::-1]}"
    changed = diff.changed_pixels + diff.counted_pixels
    if not changed == np.count_nonzero(mask) == summed:
        return f"{changed} changed, {np.count_nonzero(mask)} set, {summed} in regions"
    if not 0 <= diff.structural_pixels <= diff.changed_pixels:
        return f"{diff.structural_pixels} structural of {diff.changed_pixels} changed pixels"
    if (diff.mask is None) != (changed == 0):
        return f"{changed} changed, and a mask is {'not ' * (diff.mask is None)}there"
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
    """What was measured must fit into the regions, and into the picture."""
    listed = [region.area for region in diff.regions if region.area is not None]
    if {*listed} != {*range(len(diff.areas))} or [*dict.fromkeys(listed)] != sorted({*listed}):
        return f"{len(diff.areas)} areas, and regions of {listed}"
    for number, area in enumerate(diff.areas):
        pixels = sum(region.pixels for region in diff.regions if region.area == number)
        parts = area.clear, area.strong, area.plain, area.one_sided, pixels
        if max(parts) > area.differing or max(area.solid_strong, area.moved, area.off) > area.clear:
            return f"area {number} has more evidence than pixels: {area}"
        if not area.solid_strong <= area.solid <= area.plain:
            return f"area {number} has plain areas in the wrong order: {area}"
        shares = area.text_touched, area.one_way, area.hue, area.dense
        if not all(0 <= share <= 1 for share in shares):
            return f"area {number} has a share of more than all: {area}"
        if area.residue_sparse > area.residue_most or area.residue > area.residue_most:
            return f"area {number} has residues in the wrong order: {area}"
    if (told := sum(noise.pixels for noise in diff.explained)) > diff.picture.differing:
        return f"noise explains {told} of {diff.picture.differing} pixels"
    if diff.changed_pixels + diff.counted_pixels > diff.picture.differing:
        return f"more changed than the {diff.picture.differing} differing pixels"
    if diff.picture.touched > diff.picture.blocks or (diff.regions and not diff.fingerprint):
        return f"{diff.picture} or the fingerprint {diff.fingerprint} is impossible"
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
