// From snapshots to the rows of the list: statuses, folders, groups of the same change.

import { CHANGED, QUARANTINED, SECTIONS, SKIPPED, STATUSES, TITLES } from "./types.js";
import { isQuiet } from "./data.js";

/** @import {Entry, Sort} from "./types.js" */

/**
 * @typedef {object} Row
 * @property {"section"|"folder"|"stack"|"card"} kind
 * @property {string} key unique, the same as long as it means the same
 * @property {number} level depth, from 1
 * @property {number} height in pixels
 * @property {string} label
 * @property {string} [path] the folder that is told above it already
 * @property {Entry[]} entries what a decision on this row is about
 * @property {boolean|null} open null: it cannot be opened
 * @property {number} status
 * @property {number} [position] among its siblings, from 1
 * @property {number} [siblings]
 */

const HEIGHTS = { section: 36, folder: 28, card: 72, quiet: 28 };

/** Whether a row shows snapshots, and is no title of others. @param {Row} row */
export function isShot(row) {
  return row.kind === "stack" || row.kind === "card";
}

/**
 * Entries by a key of each, in their order.
 * @template K
 * @param {Entry[]} entries
 * @param {(entry: Entry) => K} keyOf
 */
export function grouped(entries, keyOf) {
  /** @type {Map<K, Entry[]>} */
  const groups = new Map();
  for (const entry of entries) {
    const same = groups.get(keyOf(entry));
    if (same) same.push(entry);
    else groups.set(keyOf(entry), [entry]);
  }
  return groups;
}

/** @param {Entry[]} entries @param {Sort} sort */
export function sorted(entries, sort) {
  /** @type {(a: Entry, b: Entry) => number} */
  const byName = (a, b) => (a.name < b.name ? -1 : 1);
  /** @param {Entry} e */
  const area = (e) => {
    const s = e.headSize ?? e.baseSize;
    return s ? s[0] * s[1] : 0;
  };
  /** @param {Entry} e */
  const share = (e) => (e.total ? e.changed / e.total : 0);
  /** @type {Record<Sort, (a: Entry, b: Entry) => number>} */
  const orders = {
    name: byName,
    size: (a, b) => area(b) - area(a) || byName(a, b),
    severity: (a, b) => share(b) - share(a) || b.changed - a.changed || byName(a, b),
  };
  return [...entries].sort(orders[sort]);
}

/**
 * Whether a row is open when nobody has touched it.
 * @param {string} key
 * @param {boolean} all whether a search opens every section
 */
export function openByDefault(key, all) {
  if (all && key.startsWith("s:")) return true;
  return !key.startsWith("g:") && key !== `s:${STATUSES[SKIPPED]}` && key !== "s:unchanged";
}

/**
 * The rows of the list.
 * @param {Entry[]} entries in the order of the list
 * @param {{tree: boolean, folds: Set<string>, all: boolean}} how all: a search opens every section
 * @returns {Row[]}
 */
export function rowsOf(entries, { tree, folds, all }) {
  /** @param {string} key */
  const isOpen = (key) => openByDefault(key, all) !== folds.has(key);
  /** @type {Row[]} */
  const rows = [];
  for (const status of SECTIONS) {
    const mine = entries.filter((e) => e.status === status);
    if (!mine.length) continue;
    const key = `s:${STATUSES[status]}`,
      open = isOpen(key);
    rows.push({
      kind: "section",
      key,
      level: 1,
      height: HEIGHTS.section,
      label: TITLES[status],
      entries: mine,
      open,
      status,
    });
    if (!open) continue;
    if (tree) addFolders(rows, mine, status, "", 2, isOpen);
    else addCards(rows, mine, "", 2, isOpen);
  }
  place(rows);
  return rows;
}

/**
 * Tells each row its place among its siblings, which those who hear the list are told.
 * @param {Row[]} rows
 */
function place(rows) {
  /** @type {Row[][]} by level, the siblings that are not complete yet */
  const open = [];
  for (const row of rows) {
    open.splice(row.level + 1).forEach(numbered);
    (open[row.level] ??= []).push(row);
  }
  open.forEach(numbered);
}

/** @param {Row[]} siblings */
function numbered(siblings) {
  siblings.forEach((row, n) => {
    row.position = n + 1;
    row.siblings = siblings.length;
  });
}

/**
 * @param {Row[]} rows
 * @param {Entry[]} entries all of them below `path`
 * @param {number} status
 * @param {string} path "" or ending with "/"
 * @param {number} level
 * @param {(key: string) => boolean} isOpen
 */
function addFolders(rows, entries, status, path, level, isOpen) {
  /** @param {Entry} entry */
  const folderOf = ({ name }) => name.slice(path.length, name.indexOf("/", path.length));
  /** @param {Entry} entry */
  const isHere = ({ name }) => name.indexOf("/", path.length) < 0;
  const folders = grouped(
    entries.filter((e) => !isHere(e)),
    folderOf,
  );
  for (const [folder, inside] of [...folders].sort(([a], [b]) => (a < b ? -1 : 1))) {
    // A folder that only holds another one shares its row: "app / checkout".
    let below = `${path}${folder}/`,
      label = folder;
    for (let next = only(inside, below); next !== null; next = only(inside, below)) {
      label += ` / ${next}`;
      below += `${next}/`;
    }
    const key = `f:${STATUSES[status]}:${below}`,
      open = isOpen(key);
    rows.push({ kind: "folder", key, level, height: HEIGHTS.folder, label, entries: inside, open, status });
    if (open) addFolders(rows, inside, status, below, level + 1, isOpen);
  }
  addCards(rows, entries.filter(isHere), path, level, isOpen);
}

/** The folder that holds all of them, if there is one. @param {Entry[]} entries @param {string} path */
function only(entries, path) {
  const slash = entries[0].name.indexOf("/", path.length);
  if (slash < 0) return null;
  const begin = entries[0].name.slice(0, slash + 1);
  return entries.every((e) => e.name.startsWith(begin)) ? begin.slice(path.length, -1) : null;
}

/** Whether both images were compared and differ, in quarantine or not. @param {Entry} entry */
export function isDiffed({ status }) {
  return status === CHANGED || status === QUARANTINED;
}

/**
 * @param {Row[]} rows
 * @param {Entry[]} entries
 * @param {string} path
 * @param {number} level
 * @param {(key: string) => boolean} isOpen
 */
function addCards(rows, entries, path, level, isOpen) {
  const alike = grouped(
    entries.filter((e) => e.group >= 0 && isDiffed(e)),
    (e) => e.group,
  );
  /** @type {Set<number>} */
  const done = new Set();
  for (const entry of entries) {
    const others = isDiffed(entry) ? alike.get(entry.group) : undefined;
    if (!others || others.length === 1) {
      rows.push(card(entry, level, path));
      continue;
    }
    if (done.has(entry.group)) continue;
    done.add(entry.group);
    // In folders a group has a stack in each of them, opened and folded on its own.
    const section = entry.status === QUARANTINED ? "q" : "";
    const key = `g:${section}${entry.group + 1}:${path}`,
      open = isOpen(key);
    rows.push({
      kind: "stack",
      key,
      level,
      height: HEIGHTS.card,
      label: entry.title,
      entries: others,
      open,
      status: entry.status,
      path,
    });
    if (open) for (const member of others) rows.push(card(member, level + 1, path));
  }
}

/** @param {Entry} entry @param {number} level @param {string} path @returns {Row} */
function card(entry, level, path) {
  const height = isQuiet(entry) ? HEIGHTS.quiet : HEIGHTS.card;
  return {
    kind: "card",
    key: `c:${entry.id}`,
    level,
    height,
    label: entry.title,
    entries: [entry],
    open: null,
    status: entry.status,
    path,
  };
}
