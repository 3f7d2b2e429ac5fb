// Handing decisions in, and following what the bucket says of the build until they count.

import { remember, remembered } from "./prefs.js";
import { Trouble } from "./site.js";
import { number } from "./words.js";

/** @import {BuildState, Sent, Site} from "./site.js" */
/** @import {Decision} from "./types.js" */
/**
 * A review that was handed in and does not count yet.
 * @typedef {{id: string, decided: [string, Decision, string][]}} Handed name, decision and reason of each
 */

const OFTEN = 1_000; // milliseconds between two looks after something was handed in
const LATER = 3_000; // after a while
const RARELY = 30_000; // when nothing is waited for
const WHILE = 20_000;
const LONGEST = 120_000; // time in sight after which nobody waits for it any more
const GRACE = 5; // looks at a status that is older than the reviews
const LARGEST = 800_000; // bytes of one request; the site takes a megabyte
const MANY = 100; // reviews in one request
const ROOM = 5_000; // bytes of a review without its names: its reason has up to 2,000 characters

export class Following {
  /**
   * @param {Site} site
   * @param {import("./review.js").Review} review
   * @param {() => void} changed called when the reviews are others than before
   */
  constructor(site, review, changed) {
    this.site = site;
    this.review = review;
    this.changed = changed;
    this.key = `pixelgate:handed-in:${review.about}`;
    /** @type {Handed[]} */
    this.handed = review.may ? handedBefore(remembered(this.key)) : [];
    /** @type {any} status.json */
    this.status = null;
    this.told = "";
    /** Which result is the newest one, if it is not this one: there, or in the making. @type {""|"there"|"made"} */
    this.superseded = "";
    /** @type {BuildState["newer"]} */
    this.newer = null;
    /** What came of the last review, in words. */
    this.outcome = "";
    /** Why reviews were refused. @type {string[]} */
    this.refused = [];
    /** Whether a review has taken too long. */
    this.late = false;
    /** @type {(() => void)[]} */
    this.listeners = [];
    this.spent = 0;
    this.grace = 0;
    this.revision = 0;
    this.timer = 0;
    /** @type {Promise<void>|null} */
    this.looking = null;
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) clearTimeout(this.timer);
      else this.look();
    });
    site.listeners.push(() => this.tell());
  }

  /** Whether a decision is on its way. @param {string} name */
  isHanded(name) {
    return this.handed.some((h) =>
      h.decided.some(
        ([n, decision, reason]) =>
          n === name && this.review.decisions.get(n) === decision && this.review.reasonFor(n) === reason,
      ),
    );
  }

  tell() {
    for (const listener of this.listeners) listener();
  }

  /** Looks at the build now, and again after a while; what goes wrong is no matter until one decides. */
  async look() {
    clearTimeout(this.timer);
    try {
      await this.read();
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
    }
    this.plan();
  }

  plan() {
    clearTimeout(this.timer);
    if (document.hidden) return;
    const isWaiting = this.handed.length > 0 && !this.late;
    const pause = !isWaiting ? RARELY : this.spent < WHILE ? OFTEN : LATER;
    this.timer = setTimeout(() => {
      if (isWaiting) this.spent += pause;
      this.look();
    }, pause);
  }

  /** Reads the build's state; two at a time would be one too many. @returns {Promise<void>} */
  read() {
    this.looking ??= this.site
      .state()
      .then((state) => this.take(state))
      .finally(() => {
        this.looking = null;
      });
    return this.looking;
  }

  /** @param {BuildState} state */
  take({ status, standing, newer }) {
    const { published, run } = this.review;
    this.status = status;
    this.newer = newer;
    const isOther = !!status?.execution && status.execution !== run.execution;
    const isMade = ["PROCESSING", "WAITING_FOR_BASE"].includes(status?.state);
    this.superseded = !isOther ? "" : isMade ? "made" : "there";
    // What was known of this result stays on the page when there is a newer one.
    const told = standing?.execution === run.execution ? JSON.stringify(standing) : this.told;
    const isNew = told !== this.told;
    if (isNew) {
      this.told = told;
      published.take(standing);
    }
    const settled = this.settle();
    if (isNew) this.review.drop();
    if (isNew || settled) this.changed();
    this.tell();
  }

  /** Looks whether what was handed in counts, or was refused; returns whether something was. */
  settle() {
    if (!this.handed.length) return false;
    const { review, status } = this;
    const counted = new Set(review.published.standing?.reviews.map((r) => r.id));
    /** @type {Map<string, string>} */
    const refused = new Map();
    for (const one of status?.review?.refused ?? []) refused.set(one.id, one.why);
    const there = this.handed.filter((h) => counted.has(h.id));
    // Of an older result nothing will count any more.
    const isOver = this.superseded === "there";
    const done = this.handed.filter((h) => isOver || counted.has(h.id) || refused.has(h.id));
    // The reviews are written before the status that adds them up: once more, then.
    const isOld = done.length === this.handed.length && (status?.review?.revision ?? 0) < this.revision;
    if (isOld && !isOver && this.grace++ < GRACE) return false;
    if (!done.length) {
      if (this.spent >= LONGEST) this.late = true;
      return false;
    }
    for (const { id, decided } of there) if (!refused.has(id)) review.settle(decided);
    this.refused.push(...done.flatMap(({ id }) => refused.get(id) ?? []));
    this.handed = this.handed.filter((h) => !done.includes(h));
    remember(this.key, this.handed);
    if (!this.handed.length) {
      this.late = false;
      if (there.length) this.outcome = this.words();
    }
    return true;
  }

  /** What the reviews come to. */
  words() {
    const { published, wanted } = this.review;
    const check = this.status?.pull_request ? ": the pull request’s check " : "";
    const left = wanted.filter((e) => !published.decision(e.name)).length;
    const rest = left ? ` ${number(left)} of ${number(wanted.length)} left to decide.` : "";
    switch (published.standing?.state) {
      case "approved":
        return `Approved${check && `${check}turns green`}.`;
      case "rejected":
        return `Rejected${check && `${check}is red`}.${rest}`;
      default:
        return `Handed in.${rest}`;
    }
  }

  /**
   * Hands in what is decided, unless it would overturn something that is not agreed to.
   * @param {(overturns: Map<import("./published.js").Event, string[]>) => boolean} agreed
   * @returns {Promise<boolean>} whether it was handed in
   * @throws {Trouble} what was handed in before it stays handed in, and the rest is kept
   */
  async handIn(agreed) {
    await this.read(); // others may have decided meanwhile
    const isHanded = (/** @type {string} */ name) => this.isHanded(name);
    if (this.superseded || !agreed(this.review.overturns(isHanded))) return false;
    this.spent = this.grace = 0;
    this.late = false;
    this.outcome = "";
    this.refused = [];
    this.revision = this.status?.review?.revision ?? 0;
    for (const batch of batches(this.review.asReviews(isHanded))) {
      const decided = batch.map((sent) => this.decidedBy(sent));
      const ids = await this.site.handIn(this.review.run.execution, batch);
      this.handed.push(...ids.map((id, n) => ({ id, decided: decided[n] ?? [] })));
      this.revision += ids.length;
      remember(this.key, this.handed);
    }
    this.tell();
    this.plan();
    return true;
  }

  /** @param {Sent} sent @returns {[string, Decision, string][]} */
  decidedBy({ names, action, reason }) {
    const all = names ?? this.review.wanted.map((e) => e.name);
    return all.map((name) => [name, action, reason ?? ""]);
  }
}

/** Reviews in requests that are small enough; one with too many names is cut. @param {Sent[]} all @returns {Sent[][]} */
export function batches(all) {
  /** @type {Sent[][]} */
  const made = [];
  let left = 0;
  for (const { names, ...sent } of all) {
    for (const part of names ? parts(names) : [null]) {
      const size = bytes({ ...sent, names: part });
      if (size > left || made[made.length - 1].length === MANY) {
        made.push([]);
        left = LARGEST;
      }
      made[made.length - 1].push({ ...sent, names: part });
      left -= size;
    }
  }
  return made;
}

/** @param {string[]} names @returns {string[][]} */
function parts(names) {
  /** @type {string[][]} */
  const made = [];
  let left = 0;
  for (const name of names) {
    const size = bytes(name);
    if (size > left) {
      made.push([]);
      left = LARGEST - ROOM;
    }
    made[made.length - 1].push(name);
    left -= size;
  }
  return made;
}

/** How long something is as JSON in a list. @param {any} value */
function bytes(value) {
  return new TextEncoder().encode(JSON.stringify(value)).length + 1;
}

/** What the browser remembers, if it is that. @param {any} stored @returns {Handed[]} */
function handedBefore(stored) {
  if (!Array.isArray(stored)) return [];
  return stored.filter(
    (h) => typeof h?.id === "string" && Array.isArray(h.decided) && h.decided.every(Array.isArray),
  );
}
