// The search: `s:changed t:dark >1% button -legacy`, as words, all of which must hold.

import { isResized } from "./data.js";
import { STATUSES } from "./types.js";

/** @import {Decision, Entry} from "./types.js" */
/** @typedef {{kind: string, value: string, number: number, not: boolean, text: string}} Term */

const WORD = /(-?)(?:(s|t|d|is|g):)?(?:"([^"]*)"?|(\S+))/gi;
const AMOUNT = /^([<>])(\d+(?:\.\d+)?)(%|px)?$/;
const HALF_TYPED = /^(s|t|d|is|g):$/;
const ALIASES = /** @type {Record<string, string>} */ ({ approved: "approve", rejected: "reject" });

/** Reads a search. What is not understood is looked for as text. @param {string} text @returns {Term[]} */
export function parse(text) {
  const terms = [];
  for (const match of text.matchAll(WORD)) {
    const [whole, minus, key, phrase, bare] = match;
    const value = (phrase ?? bare).normalize("NFC").toLowerCase();
    if (!value || HALF_TYPED.test(value)) continue;
    const amount = key || phrase !== undefined ? null : AMOUNT.exec(value);
    if (amount) {
      const kind = amount[1] + (amount[3] === "%" ? "%" : "px");
      terms.push({ kind, value, number: Number(amount[2]), not: minus !== "", text: whole });
    } else {
      terms.push({ kind: (key ?? "text").toLowerCase(), value, number: 0, not: minus !== "", text: whole });
    }
  }
  return terms;
}

/**
 * Whether a snapshot is found. Several statuses, or decisions, mean any of them; all else adds up.
 * @param {Term[]} terms
 * @param {Entry} entry
 * @param {Decision|undefined} decision
 */
export function matches(terms, entry, decision) {
  /** @type {Record<string, boolean>} */
  const anyOf = {};
  for (const term of terms) {
    const holds = test(term, entry, decision);
    if ((term.kind === "s" || term.kind === "d") && !term.not) {
      anyOf[term.kind] = anyOf[term.kind] || holds;
    } else if (holds === term.not) return false;
  }
  return Object.values(anyOf).every(Boolean);
}

/** @param {Term} term @param {Entry} entry @param {Decision|undefined} decision @returns {boolean} */
function test(term, entry, decision) {
  const share = entry.total ? (100 * entry.changed) / entry.total : 0;
  switch (term.kind) {
    case "s":
      return term.value.split(",").some((s) => s !== "" && STATUSES[entry.status].startsWith(s));
    case "t":
      return entry.tags.some((tag) => tag.toLowerCase() === term.value);
    case "d":
      return (ALIASES[term.value] ?? term.value) === (decision ?? "undecided");
    case "g":
      return String(entry.group + 1) === term.value;
    case "is":
      return is(term.value, entry);
    case ">%":
      return share > term.number;
    case "<%":
      return entry.total > 0 && share < term.number;
    case ">px":
      return entry.changed > term.number;
    case "<px":
      return entry.total > 0 && entry.changed < term.number;
    default:
      return entry.words.includes(term.value);
  }
}

/** @param {string} quality @param {Entry} entry */
function is(quality, entry) {
  if (quality === "recoloured" || quality === "recolored") return entry.recoloured;
  if (quality === "resized") return isResized(entry);
  if (quality === "learned") return entry.learned > 0;
  return quality === "alike" && entry.group >= 0;
}

/** The search with a term in it, or without it if it was there. @param {string} text @param {string} term */
export function toggled(text, term) {
  const terms = parse(text).map((t) => t.text);
  const rest = terms.filter((t) => t.toLowerCase() !== term.toLowerCase());
  return (rest.length === terms.length ? [...terms, term] : rest).join(" ");
}

/** A term as it is typed. @param {string} key @param {string} value */
export function term(key, value) {
  return /[\s"]/.test(value) ? `${key}:"${value.replaceAll('"', "")}"` : `${key}:${value}`;
}
