// Where things lie: slices of the images on the common canvas, and the window onto it.

/** @import {Axis, Band, Box, Region} from "./types.js" */
/** @typedef {{start: number, source: number, length: number, own: boolean}} Slice */
/** @typedef {{kind: string, axis: Axis, start: number, length: number, lines: number, folded: number, parts: Band[]}} Folded */
/** @typedef {{scale: number, x: number, y: number}} Window */

export const MIN_SCALE = 0.02;
export const MAX_SCALE = 32;
const FOLD = 3;
const THIN = 2;
const SAME = 0.8;

/**
 * The size of the canvas on which both images lie, what belongs together in one place.
 * @param {[number, number]|null} base
 * @param {[number, number]|null} head
 * @param {Band[]} bands
 * @returns {[number, number]}
 */
export function canvasOf(base, head, bands) {
  /** @param {Axis} axis @param {number|undefined} own @param {number|undefined} other */
  const size = (axis, own, other) => {
    /** @param {"inserted"|"deleted"} kind */
    const lines = (kind) =>
      bands.reduce((sum, b) => sum + (b.axis === axis && b.kind === kind ? b.length : 0), 0);
    return Math.max(own ? own + lines("inserted") : 0, other ? other + lines("deleted") : 0, 1);
  };
  return [size("columns", base?.[0], head?.[0]), size("rows", base?.[1], head?.[1])];
}

/**
 * The rows or the columns of an image, cut where only one side has some.
 * @param {"base"|"head"} side
 * @param {Axis} axis
 * @param {number} lines of the image
 * @param {Band[]} bands in order
 * @returns {Slice[]} own: lines that only this image has
 */
export function slicesOf(side, axis, lines, bands) {
  const mine = side === "base" ? "deleted" : "inserted";
  const slices = [];
  let start = 0,
    source = 0;
  /** @param {number} length @param {boolean} own */
  const take = (length, own) => {
    const there = Math.min(length, lines - source);
    if (there > 0) slices.push({ start, source, length: there, own });
    source += Math.max(there, 0);
    start += length;
  };
  for (const band of bands) {
    if (band.axis !== axis) continue;
    if (band.start > start) take(band.start - start, false);
    if (band.kind === mine) take(band.length, true);
    else start += band.length;
  }
  if (lines > source) slices.push({ start, source, length: lines - source, own: false });
  return slices;
}

/**
 * Bands as they are drawn and told: a run of single rows, as another line height leaves it, is one.
 * @param {Band[]} bands
 * @returns {Folded[]}
 */
export function foldedBands(bands) {
  const runs = [];
  for (let i = 0; i < bands.length; ) {
    const { kind, axis, start } = bands[i];
    /** @param {Band} b */
    const alike = (b) => b.length <= THIN && b.kind === kind && b.axis === axis;
    let end = i + 1;
    while (alike(bands[i]) && end < bands.length && alike(bands[end])) end++;
    if (end - i < FOLD) end = i + 1;
    const parts = bands.slice(i, end),
      last = parts[parts.length - 1];
    runs.push({
      kind,
      axis,
      start,
      length: last.start + last.length - start,
      lines: parts.reduce((sum, b) => sum + b.length, 0),
      folded: parts.length > 1 ? parts.length : 0,
      parts,
    });
    i = end;
  }
  return runs;
}

/** Where a band lies on the canvas. @param {Folded} band @param {[number, number]} canvas @returns {Box} */
export function boxOf({ axis, start, length }, [width, height]) {
  return axis === "rows"
    ? { x: 0, y: start, width, height: length }
    : { x: start, y: 0, width: length, height };
}

/**
 * Where J and K lead: what counts, as one reads; noise only where nothing counts.
 * @param {Region[]} regions
 * @param {Band[]} bands
 * @param {[number, number]} canvas
 * @returns {Region[]}
 */
export function stopsOf(regions, bands, canvas) {
  const folded = foldedBands(bands);
  // A region that is a band, give or take a line at its edges, is told as the band.
  /** @param {Region} r @param {Folded} b */
  const lies = ({ x, y, width, height }, { axis, start, length }) => {
    const [at, size] = axis === "rows" ? [y, height] : [x, width];
    return Math.min(at + size, start + length) - Math.max(at, start) >= SAME * size;
  };
  const counted = regions.filter((r) => r.mark && !folded.some((b) => lies(r, b)));
  const shown = counted.length || folded.length ? counted : regions;
  const bandStops = folded.map((b) => {
    const box = boxOf(b, canvas),
      words = b.lines === 1 ? b.axis.slice(0, -1) : b.axis;
    return {
      ...box,
      pixels: b.lines * (b.axis === "rows" ? box.width : box.height),
      mark: "one_sided",
      label: b.folded ? `${b.lines} single ${b.axis} ${b.kind}` : `${b.lines} ${words} ${b.kind}`,
    };
  });
  return [...shown, ...bandStops].sort((a, b) => a.y - b.y || a.x - b.x);
}

/**
 * The scale at which a picture fits: whole, or as wide as the pane where whole would be a strip.
 * @param {[number, number]} canvas
 * @param {[number, number]} pane
 */
export function fitScale([width, height], [paneWidth, paneHeight]) {
  const wide = Math.min(1, paneWidth / width);
  const whole = Math.min(wide, paneHeight / height);
  return Math.max(MIN_SCALE, whole >= wide * 0.45 ? whole : wide);
}

/**
 * Keeps the picture in the pane: no further than its edges, in the middle where there is room.
 * @param {Window} w
 * @param {[number, number]} canvas
 * @param {[number, number]} pane
 * @returns {Window}
 */
export function clamped({ scale, x, y }, [width, height], [paneWidth, paneHeight]) {
  /** @param {number} at @param {number} size @param {number} room */
  const within = (at, size, room) =>
    size <= room ? (size - room) / 2 : Math.min(Math.max(at, 0), size - room);
  const tall = height <= paneHeight / scale;
  return {
    scale,
    x: within(x, width, paneWidth / scale),
    y: tall ? 0 : within(y, height, paneHeight / scale),
  };
}

/**
 * Zooms so that what lies under a point of the pane stays there.
 * @param {Window} w
 * @param {number} scale the new one
 * @param {number} px
 * @param {number} py
 * @returns {Window}
 */
export function zoomedAt({ scale: old, x, y }, scale, px, py) {
  const next = Math.min(MAX_SCALE, Math.max(MIN_SCALE, scale));
  return { scale: next, x: x + px / old - px / next, y: y + py / old - py / next };
}

/**
 * Brings a box to the middle of the pane, at a scale at which it can be seen.
 * @param {Window} w
 * @param {Box} box
 * @param {[number, number]} pane
 * @param {boolean} zoom whether the scale may change
 * @returns {Window}
 */
export function focused({ scale }, box, [paneWidth, paneHeight], zoom) {
  const room = Math.min(paneWidth / (box.width + 80), paneHeight / (box.height + 80));
  const next = zoom ? Math.max(MIN_SCALE, Math.min(2, room)) : scale;
  return {
    scale: next,
    x: box.x + box.width / 2 - paneWidth / next / 2,
    y: box.y + Math.min(box.height, paneHeight / next) / 2 - paneHeight / next / 2,
  };
}
