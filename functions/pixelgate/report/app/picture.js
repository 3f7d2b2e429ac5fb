// One image of a pair on the canvas: its slices, what marks them, and the words if it is missing.

import { el, svg } from "./dom.js";
import { foldedBands, slicesOf } from "./geometry.js";

/** @typedef {import("./types.js").Entry} Entry */
/** @typedef {import("./types.js").Detail} Detail */
/** @typedef {import("./types.js").Box} Box */

/**
 * The image as a layer of the canvas.
 * @param {"base"|"head"} side
 * @param {string} url
 * @param {[number, number]} size of the image
 * @param {Detail} detail
 * @param {string} alt
 */
export function layer(side, url, size, detail, alt) {
  const made = el("div", { class: `layer ${side}` });
  const [width, rows] = size;
  slicesOf(side, rows, detail.bands).forEach((slice, n) => {
    const image = el("img", { src: url, alt: n ? "" : alt, decoding: "async", draggable: "false" });
    const cut = el("div", { class: "slice" }, image);
    Object.assign(cut.style, { top: `${slice.y}px`, width: `${width}px`, height: `${slice.height}px` });
    Object.assign(image.style, { top: `${-slice.source}px`, width: `${width}px`, height: `${rows}px` });
    image.addEventListener("error", () => missing(made, url), { once: true });
    made.append(cut);
  });
  return made;
}

/**
 * Says once that an image is not where it should be.
 * @param {HTMLElement} where
 * @param {string} url
 */
function missing(where, url) {
  if (where.classList.contains("missing")) return;
  where.classList.add("missing");
  const shown = url.startsWith("data:") ? "the image inside this file is damaged" : decodeURIComponent(url);
  where.replaceChildren(
    el(
      "p",
      { class: "gone" },
      "This image is not there. Keep the report together with the folders beside it.",
      el("br"),
      el("code", {}, shown),
    ),
  );
}

let masks = 0;

/**
 * The mask in one flat colour, laid over the canvas.
 *
 * An SVG mask, because the browser asks CORS before it lets a CSS mask-image through, which a file
 * on the disk never passes; an image inside an SVG mask is only drawn.
 * @param {string} url
 * @param {[number, number]} canvas
 */
export function overlay(url, [width, height]) {
  const id = `mask-${masks++}`;
  return svg(
    "svg",
    { class: "overlay", viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" },
    svg(
      "mask",
      { id, "mask-type": "alpha", maskUnits: "userSpaceOnUse", x: 0, y: 0, width, height },
      svg("image", { href: url, width, height, preserveAspectRatio: "none" }),
    ),
    svg("rect", { class: "tint", width, height, mask: `url(#${id})` }),
  );
}

/**
 * Frames: regions, inserted and deleted rows, and the end of an image that has another size.
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
    if (band.folded) {
      // Single rows, as another line height leaves them: a bracket tells more than forty stripes.
      drawn.append(box({ x: 0, y: band.y, width, height: band.height }, `folded ${band.kind}`));
      continue;
    }
    const there = (band.kind === "inserted") === (side === "head");
    drawn.append(
      box({ x: 0, y: band.y, width, height: band.height }, `band ${band.kind}${there ? "" : " gap"}`),
    );
  }
  for (const region of detail.regions) drawn.append(box(region, region.mark ? "region" : "region noise"));
  const { baseSize, headSize } = entry,
    own = side === "base" ? baseSize : headSize;
  if (own && baseSize && headSize && (baseSize[0] !== headSize[0] || baseSize[1] !== headSize[1])) {
    const last = slicesOf(side, own[1], detail.bands).at(-1);
    drawn.append(box({ x: 0, y: 0, width: own[0], height: last ? last.y + last.height : own[1] }, "extent"));
  }
  return drawn;
}

/**
 * @param {Box} at
 * @param {string} kind
 */
function box(at, kind) {
  return svg("rect", { class: kind, x: at.x, y: at.y, width: at.width, height: at.height });
}
