// Unpacks what Python packed (report/payload.py): two gzipped blocks of columns.

import { UNCHANGED } from "./types.js";

/** @typedef {import("./types.js").Run} Run */
/** @typedef {import("./types.js").Entry} Entry */
/** @typedef {import("./types.js").Detail} Detail */
/** @typedef {import("./types.js").Region} Region */
/** @typedef {import("./types.js").Band} Band */
/** @typedef {{prefix: string, rest: string[]}} Addresses */
/** @typedef {Record<string, any>} Sparse */

const REGION_FIELDS = 6;
const BAND_FIELDS = 5;

/**
 * The JSON in a block of the page.
 * @param {string} id
 * @returns {Promise<any>}
 */
export async function unpack(id) {
  const packed = document.getElementById(`${id}-data`)?.textContent?.trim() ?? "";
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

/**
 * The pictures that a page in a single file carries, by their address.
 * @returns {Record<string, string>}
 */
export function carried() {
  const block = document.getElementById("files-data")?.textContent;
  return block ? JSON.parse(block) : {};
}

/**
 * The snapshots of the list's block, in its order.
 * @param {any} list
 * @returns {Entry[]}
 */
export function entriesOf(list) {
  const heads = list.head_size,
    bases = list.base_size;
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
      headSize: heads[id] ? list.sizes[heads[id] - 1] : null,
      baseSize: bases[id] ? list.sizes[bases[id] - 1] : null,
      recoloured: id in list.recoloured,
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

/**
 * @param {Addresses} column
 * @param {number} id
 */
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
  const found = [];
  for (let i = 0; i < flat.length; i += REGION_FIELDS) {
    const [x, y, width, height, pixels, reason] = flat.slice(i, i + REGION_FIELDS);
    const mark = reason > 0 ? marks[reason - 1] : null,
      noise = reason < 0 ? noises[-reason - 1] : null;
    found.push({ x, y, width, height, pixels, mark, noise });
  }
  return found;
}

/**
 * @param {number[]} flat
 * @returns {Band[]}
 */
function bandsOf(flat) {
  /** @type {Band[]} */
  const found = [];
  for (let i = 0; i < flat.length; i += BAND_FIELDS) {
    const [bits, start, length, baseStart, headStart] = flat.slice(i, i + BAND_FIELDS);
    const kind = bits & 1 ? "deleted" : "inserted",
      axis = bits & 2 ? "columns" : "rows";
    found.push({ kind, axis, start, length, baseStart, headStart });
  }
  return found;
}

/**
 * Whether the list gives it one line and no picture.
 * @param {Entry} entry
 */
export function isQuiet(entry) {
  return entry.status === UNCHANGED - 1 || entry.status === UNCHANGED;
}
