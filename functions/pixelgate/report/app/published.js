// The reviews that the bucket knew when `pixelgate report` fetched this page: who, when, why.

import { count } from "./words.js";

/** @import {Decision} from "./types.js" */
/**
 * One review that counts; without names it is about the whole build.
 * @typedef {{action: Decision, by: string, at: string, reason: string|null, names: string[]|null}} Event
 */
/**
 * What `published/reviews.py` puts into the page.
 * @typedef {object} Standing
 * @property {string} execution the result that was reviewed
 * @property {string} bucket
 * @property {string} state not_needed, needed, approved or rejected
 * @property {string[]} by reviewers
 * @property {string[]} reasons
 * @property {string|null} carried_from the build from which the approval was carried over
 * @property {Event[]} reviews the earliest first
 */

const WORDS = { approve: "approved", reject: "rejected" };

export class Published {
  /** @param {Standing|null} standing null: nobody has asked the bucket @param {string} execution */
  constructor(standing, execution) {
    /** Whether it is known what was decided. */
    this.known = !!standing && standing.execution === execution;
    this.standing = this.known ? standing : null;
    /** @type {Map<string, Event[]>} */
    this.named = new Map();
    /** @type {Event[]} */
    this.whole = [];
    /** What was decided, by name, once it was asked for. @type {Map<string, Decision|undefined>} */
    this.decided = new Map();
    for (const event of this.standing?.reviews ?? []) {
      if (!event.names) this.whole.push(event);
      for (const name of event.names ?? []) {
        const mine = this.named.get(name);
        if (mine) mine.push(event);
        else this.named.set(name, [event]);
      }
    }
  }

  /** The reviews of a snapshot, the one that counts at the end. @param {string} name @returns {Event[]} */
  of(name) {
    const { named, whole, standing } = this;
    if (!standing) return [];
    const found = [...(named.get(name) ?? []), ...whole];
    if (!found.length) return standing.state === "approved" ? [this.granted(standing)] : [];
    return found.sort((a, b) => (a.at < b.at ? -1 : 1));
  }

  /** The approval of what nobody reviewed: by a rule, or carried over. @param {Standing} standing @returns {Event} */
  granted({ by, reasons }) {
    return { action: "approve", by: by.join(", "), at: "", reason: reasons[0] ?? null, names: null };
  }

  /** @param {string} name @returns {Decision|undefined} */
  decision(name) {
    if (!this.standing) return undefined;
    if (!this.decided.has(name)) this.decided.set(name, this.of(name).at(-1)?.action);
    return this.decided.get(name);
  }

  /** What the headline says instead of "Needs review", or "". */
  headline() {
    const { state = "", by = [] } = this.standing ?? {};
    if (state !== "approved" && state !== "rejected") return "";
    const mine = this.standing?.reviews.filter((e) => WORDS[e.action] === state).map((e) => e.by);
    const who = [...new Set(mine?.length ? mine : by)];
    return `${state === "approved" ? "Approved" : "Rejected"}${who.length ? ` by ${who.join(", ")}` : ""}`;
  }

  /** Each review as a sentence, the earliest first. @returns {string[]} */
  lines() {
    const { standing } = this;
    if (!standing) return [];
    const lines = standing.reviews.map((e) => {
      const what = !e.names
        ? "all of it"
        : e.names.length === 1
          ? e.names[0]
          : count(e.names.length, "snapshot");
      return `${e.by} ${WORDS[e.action]} ${what}${tail(e)}`;
    });
    if (!lines.length && standing.state === "approved") lines.push(`Approved${tail(this.granted(standing))}`);
    return lines;
  }
}

/** A review of one snapshot as a sentence. @param {Event} event @param {boolean} counts whether no later one overturned it */
export function sentence(event, counts) {
  const by = event.by ? ` by ${event.by}` : "";
  const said = `${event.action === "approve" ? "Approved" : "Rejected"}${by}${tail(event)}`;
  return counts ? said : `${said} (overturned)`;
}

/** When and why. @param {Event} event */
function tail({ at, reason }) {
  const moment = at ? `, ${at.slice(0, 10)} ${at.slice(11, 16)} UTC` : "";
  return moment + (reason ? `: ${reason}` : "");
}
