// Unpacks what Python packed (report/payload.py): two gzipped blocks of columns.

import { UNCHANGED } from "./types.js";

/** @typedef {import("./types.js").Band} Band */
/** @typedef {import("./types.js").Detail} Detail */
/** @typedef {import("./types.js").Entry} Entry */
/** @typedef {import("./types.js").Region} Region */
/** @typedef {{prefix: string, rest: string[]}} Addresses */
/** @typedef {Record<string, any>} Sparse */

/** The JSON in a block of the page. @param {string} id @returns {Promise<any>} */
export async function unpack(id) {
  const packed = document.getElementById(`${id}-data`)?.textContent?.trim() ?? "";
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

/** The pictures that a page in a single file carries, by their address. @returns {Record<string, string>} */
export function carried() {
  const block = document.getElementById("files-data")?.textContent;
  return block ? JSON.parse(block) : {};
}

/** The reviews that were put into the page when it was fetched; null if nobody did. @returns {any} */
export function reviewed() {
  const block = document.getElementById("review-data")?.textContent;
  return block ? JSON.parse(block) : null;
}

/** The snapshots of the list's block, in its order. @param {any} list @returns {Entry[]} */
export function entriesOf(list) {
  /** @param {number} n place in the list of sizes, from 1; 0 for none */
  const size = (n) => (n ? list.sizes[n - 1] : null);
  return list.names.map((/** @type {string} */ name, /** @type {number} */ id) => {
    const title = list.titles[id] ?? name;
    const tags = list.tags[id] ?? [];
    return {
      id,
      name,
      title,
      status: list.status.charCodeAt(id) - 48,
      changed: list.changed[id] ?? 0,
      total: list.total[id] ?? 0,
      group: list.group[id] ?? -1,
      thumb: address(list.thumb, id),
      tags,
      headSize: size(list.head_size[id]),
      baseSize: size(list.base_size[id]),
      recoloured: id in list.recoloured,
      learned: list.learned[id] ?? 0,
      quarantine: list.quarantine?.[id] ?? "",
      words: (title === name ? name : `${name}\n${title}`).normalize("NFC").toLowerCase(),
    };
  });
}

/**
 * What the main view shows of one snapshot.
 * @param {any} details the second block
 * @param {number} id
 * @returns {Detail}
 */
export function detailOf(details, id) {
  return {
    head: address(details.head, id),
    base: address(details.base, id),
    mask: address(details.mask, id),
    regions: regionsOf(details.regions[id] ?? [], details.marks, details.noises),
    bands: bandsOf(details.bands[id] ?? []),
    why: details.why[id] ?? [],
    facts: details.facts[id] ?? [],
    reason: details.reason[id] ?? "",
  };
}

/** @param {Addresses} column @param {number} id */
function address(column, id) {
  const rest = column.rest[id];
  return rest ? column.prefix + rest : "";
}

/**
 * @param {number[]} flat
 * @param {string[]} marks why a region counts: 1 is the first
 * @param {string[]} noises what explains one that does not count: -1 is the first
 * @returns {Region[]}
 */
function regionsOf(flat, marks, noises) {
  return cut(flat, 6).map(([x, y, width, height, pixels, reason]) => {
    const mark = reason > 0 ? marks[reason - 1] : null,
      noise = reason < 0 ? noises[-reason - 1] : null;
    return { x, y, width, height, pixels, mark, noise };
  });
}

/** @param {number[]} flat @returns {Band[]} */
function bandsOf(flat) {
  return cut(flat, 5).map(([bits, start, length, baseStart, headStart]) => {
    const kind = bits & 1 ? "deleted" : "inserted",
      axis = bits & 2 ? "columns" : "rows";
    return { kind, axis, start, length, baseStart, headStart };
  });
}

/** Numbers in groups of a size. @param {number[]} flat @param {number} size */
function cut(flat, size) {
  return Array.from({ length: flat.length / size }, (_, i) => flat.slice(i * size, (i + 1) * size));
}

/** Whether both images are there and differ in width or height. @param {Entry} entry */
export function isResized({ headSize: head, baseSize: base }) {
  return !!head && !!base && (head[0] !== base[0] || head[1] !== base[1]);
}

/** Whether the list gives it one line and no picture. @param {Entry} entry */
export function isQuiet(entry) {
  return entry.status === UNCHANGED - 1 || entry.status === UNCHANGED;
}
