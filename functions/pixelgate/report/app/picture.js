// One image of a pair on the canvas: its slices, what marks them, and the words if it is missing.

import { el, lay, picture, svg } from "./dom.js";
import { isResized } from "./data.js";
import { boxOf, foldedBands, slicesOf } from "./geometry.js";

/** @import {Detail} from "./types.js" */
/** @typedef {import("./types.js").Box} Box */
/** @typedef {import("./types.js").Entry} Entry */
/** @import {Addresses} from "./addresses.js" */

/**
 * The image as a layer of the canvas.
 * @param {Addresses} addresses
 * @param {"base"|"head"} side
 * @param {string} url
 * @param {[number, number]} size of the image
 * @param {Detail} detail
 * @param {string} alt
 */
export function layer(addresses, side, url, size, detail, alt) {
  const made = el("div", { class: `layer ${side}` });
  const [width, height] = size;
  const [across, down] = [
    slicesOf(side, "columns", width, detail.bands),
    slicesOf(side, "rows", height, detail.bands),
  ];
  for (const [n, row] of down.entries())
    for (const [k, column] of across.entries()) {
      const words = n || k ? "" : alt;
      const image = picture(words);
      addresses.show(image, url);
      const cut = el("div", { class: "slice" }, image);
      lay(cut, { x: column.start, y: row.start, width: column.length, height: row.length });
      lay(image, { x: -column.source, y: -row.source, width, height });
      image.addEventListener("error", () => missing(made, addresses, url), { once: true });
      made.append(cut);
    }
  return made;
}

/**
 * Replaces a layer by a message that its image is missing.
 * @param {HTMLElement} where
 * @param {Addresses} addresses
 * @param {string} url
 */
function missing(where, addresses, url) {
  if (where.classList.contains("missing")) return;
  where.classList.add("missing");
  const isInside = addresses.plain(url).startsWith("data:");
  const words = addresses.isServed
    ? "This image cannot be loaded. It may be gone from the bucket."
    : "This image is not there. Keep the report together with the folders beside it.";
  const shown = isInside ? "the image inside this file is damaged" : decodeURIComponent(url);
  where.replaceChildren(el("p", { class: "gone" }, words, el("br"), el("code", {}, shown)));
}

let masks = 0;

/**
 * The mask in one flat colour, laid over the canvas.
 *
 * An SVG mask, because the browser asks CORS before it lets a CSS mask-image through, which a file
 * on the disk never passes; an image inside an SVG mask is only drawn.
 * @param {Addresses} addresses
 * @param {string} url
 * @param {[number, number]} canvas
 */
export function overlay(addresses, url, [width, height]) {
  const id = `mask-${masks++}`;
  const image = /** @type {SVGImageElement} */ (svg("image", { width, height, preserveAspectRatio: "none" }));
  addresses.show(image, url);
  return svg(
    "svg",
    { class: "overlay", viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" },
    svg("mask", { id, "mask-type": "alpha", maskUnits: "userSpaceOnUse", x: 0, y: 0, width, height }, image),
    svg("rect", { class: "tint", width, height, mask: `url(#${id})` }),
  );
}

/**
 * Frames: regions, inserted and deleted rows and columns, and the end of an image that has another size.
 * @param {"base"|"head"} side
 * @param {Entry} entry
 * @param {Detail} detail
 * @param {[number, number]} canvas
 */
export function frames(side, entry, detail, [width, height]) {
  const drawn = svg("svg", {
    class: "frames",
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    "aria-hidden": "true",
  });
  for (const band of foldedBands(detail.bands)) {
    const there = (band.kind === "inserted") === (side === "head");
    // Many single rows, as another line height causes them, are clearer as one frame than as stripes.
    const looks = band.folded ? `folded ${band.kind}` : `band ${band.kind}${there ? "" : " gap"}`;
    drawn.append(box(boxOf(band, [width, height]), looks));
  }
  for (const region of detail.regions) drawn.append(box(region, region.mark ? "region" : "region noise"));
  const own = side === "base" ? entry.baseSize : entry.headSize;
  if (own && isResized(entry)) {
    /** @param {import("./types.js").Axis} axis @param {number} lines */
    const end = (axis, lines) => {
      const last = slicesOf(side, axis, lines, detail.bands).at(-1);
      return last ? last.start + last.length : lines;
    };
    drawn.append(box({ x: 0, y: 0, width: end("columns", own[0]), height: end("rows", own[1]) }, "extent"));
  }
  return drawn;
}

/** @param {Box} at @param {string} kind */
function box(at, kind) {
  return svg("rect", { class: kind, x: at.x, y: at.y, width: at.width, height: at.height });
}
