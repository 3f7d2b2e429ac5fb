// The reviews that the bucket knows: as `pixelgate report` fetched them, or as the server tells them.

import { count } from "./words.js";

/** @import {Decision} from "./types.js" */
/**
 * One review that counts; without names it is about the whole build. `issuer` is who told the review
 * site the reviewer's name, if it wrote the review. Older pages have no id and no issuer.
 * @typedef {{id?: string, action: Decision, by: string, at: string, reason: string|null, names: string[]|null, issuer?: string|null}} Event
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
    this.execution = execution;
    /** Whether it is known what was decided. */
    this.known = false;
    /** @type {Standing|null} */
    this.standing = null;
    /** @type {Map<string, Event[]>} */
    this.named = new Map();
    /** @type {Event[]} */
    this.whole = [];
    /** The approval of what nobody reviewed: by a rule, or carried over. @type {Event|null} */
    this.granted = null;
    /** What was decided, by name, once it was asked for. @type {Map<string, Decision|undefined>} */
    this.decided = new Map();
    this.take(standing);
  }

  /** Replaces what is known. @param {Standing|null} standing */
  take(standing) {
    this.known = !!standing && standing.execution === this.execution;
    this.standing = this.known ? standing : null;
    this.named = new Map();
    this.whole = [];
    this.decided = new Map();
    this.granted = null;
    if (standing && this.known && standing.state === "approved") {
      const { by, reasons } = standing;
      this.granted = {
        action: "approve",
        by: by.join(", "),
        at: "",
        reason: reasons[0] ?? null,
        names: null,
      };
    }
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
    const { named, whole } = this;
    const found = [...(named.get(name) ?? []), ...whole];
    if (!found.length) return this.granted ? [this.granted] : [];
    /** @param {Event} e */
    const stamp = (e) => `${e.at} ${e.id ?? ""}`;
    return found.sort((a, b) => (stamp(a) < stamp(b) ? -1 : 1));
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

  /** Each review as a sentence, the earliest first. @param {boolean} [full] whether with the issuer @returns {string[]} */
  lines(full = false) {
    const { standing } = this;
    if (!standing) return [];
    const lines = standing.reviews.map((e) => {
      const what = !e.names
        ? "all of it"
        : e.names.length === 1
          ? e.names[0]
          : count(e.names.length, "snapshot");
      return `${e.by} ${WORDS[e.action]} ${what}${tail(e, full)}`;
    });
    if (!lines.length && this.granted) lines.push(`Approved${tail(this.granted)}`);
    return lines;
  }
}

/**
 * A review of one snapshot as a sentence.
 * @param {Event} event
 * @param {boolean} counts whether no later one overturned it
 * @param {boolean} [full] whether with the issuer
 */
export function sentence(event, counts, full = false) {
  const by = event.by ? ` by ${event.by}` : "";
  const said = `${event.action === "approve" ? "Approved" : "Rejected"}${by}${tail(event, full)}`;
  return counts ? said : `${said} (overturned)`;
}

/** When, on whose word the reviewer has this name, and why. @param {Event} event @param {boolean} [full] */
export function tail({ at, reason, issuer }, full = false) {
  const moment = at ? `, ${at.slice(0, 10)} ${at.slice(11, 16)} UTC` : "";
  const site = full && issuer ? ` on the review site (login by ${issuer})` : "";
  return moment + site + (reason ? `: ${reason}` : "");
}
