// Where things lie: slices of the images on the common canvas, and the window onto it.

/** @typedef {import("./types.js").Band} Band */
/** @typedef {import("./types.js").Box} Box */
/** @typedef {import("./types.js").Region} Region */
/** @typedef {{y: number, source: number, height: number, own: boolean}} Slice */
/** @typedef {{scale: number, x: number, y: number}} Window */

export const MIN_SCALE = 0.02;
export const MAX_SCALE = 32;
const FOLD = 3;
const THIN = 2;
const SAME = 0.8;

/**
 * The size of the canvas on which both images lie, row beside its counterpart.
 * @param {[number, number]|null} base
 * @param {[number, number]|null} head
 * @param {Band[]} bands
 * @returns {[number, number]}
 */
export function canvasOf(base, head, bands) {
  /** @param {"inserted"|"deleted"} kind */
  const rows = (kind) => bands.reduce((sum, b) => sum + (b.kind === kind ? b.height : 0), 0);
  const [bw, bh] = base ?? [0, 0],
    [hw, hh] = head ?? [0, 0];
  return [
    Math.max(bw, hw, 1),
    Math.max(base ? bh + rows("inserted") : 0, head ? hh + rows("deleted") : 0, 1),
  ];
}

/**
 * An image cut along the rows that only one side has.
 * @param {"base"|"head"} side
 * @param {number} rows of the image
 * @param {Band[]} bands from top to bottom
 * @returns {Slice[]} own: rows that only this image has
 */
export function slicesOf(side, rows, bands) {
  const mine = side === "base" ? "deleted" : "inserted";
  const slices = [];
  let y = 0,
    source = 0;
  /** @param {number} height @param {boolean} own */
  const take = (height, own) => {
    const there = Math.min(height, rows - source);
    if (there > 0) slices.push({ y, source, height: there, own });
    source += Math.max(there, 0);
    y += height;
  };
  for (const band of bands) {
    if (band.y > y) take(band.y - y, false);
    if (band.kind === mine) take(band.height, true);
    else y += band.height;
  }
  if (rows > source) slices.push({ y, source, height: rows - source, own: false });
  return slices;
}

/**
 * Bands as they are drawn and told: a run of single rows, as another line height leaves it, is one.
 * @param {Band[]} bands
 * @returns {{kind: string, y: number, height: number, rows: number, folded: number, parts: Band[]}[]}
 */
export function foldedBands(bands) {
  const found = [];
  for (let i = 0; i < bands.length; ) {
    let end = i + 1;
    const thin = bands[i].height <= THIN;
    while (thin && end < bands.length && bands[end].height <= THIN && bands[end].kind === bands[i].kind)
      end++;
    if (end - i < FOLD) end = i + 1;
    const parts = bands.slice(i, end),
      last = parts[parts.length - 1];
    found.push({
      kind: parts[0].kind,
      y: parts[0].y,
      height: last.y + last.height - parts[0].y,
      rows: parts.reduce((sum, b) => sum + b.height, 0),
      folded: parts.length > 1 ? parts.length : 0,
      parts,
    });
    i = end;
  }
  return found;
}

/**
 * Where J and K lead: what counts, as one reads; noise only where nothing counts.
 * @param {Region[]} regions
 * @param {Band[]} bands
 * @param {number} width of the canvas
 * @returns {Region[]}
 */
export function stopsOf(regions, bands, width) {
  const folded = foldedBands(bands);
  // A region that is a band, give or take a row at its edges, is told as the band.
  /** @param {Region} r */
  const isBand = (r) =>
    folded.some((b) => Math.min(r.y + r.height, b.y + b.height) - Math.max(r.y, b.y) >= SAME * r.height);
  const counted = regions.filter((r) => r.mark && !isBand(r));
  const shown = counted.length || folded.length ? counted : regions;
  const rows = folded.map((b) => ({
    x: 0,
    y: b.y,
    width,
    height: b.height,
    pixels: b.rows * width,
    mark: "one_sided",
    label: b.folded ? `${b.rows} single rows ${b.kind}` : `${b.rows} rows ${b.kind}`,
  }));
  return [...shown, ...rows].sort((a, b) => a.y - b.y || a.x - b.x);
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
