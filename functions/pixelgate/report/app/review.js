// Approve, reject, undecided: what a person decided, kept by the browser for this very run.

import { remember, remembered } from "./prefs.js";
import { ERRORED, REMOVED } from "./types.js";
import { quoted } from "./words.js";

/** @import {Decision, Entry, Run} from "./types.js" */
/** @import {Event, Published} from "./published.js" */
/** @import {Sent, Served} from "./site.js" */
/** @typedef {{decision: Decision|undefined, reason: string}} Had */

export const MAX_REASON = 2000; // characters that a review takes

export class Review {
  /**
   * @param {Run} run
   * @param {Entry[]} entries
   * @param {Published} published
   * @param {Served|null} served
   */
  constructor(run, entries, published, served) {
    this.run = run;
    this.published = published;
    /** Whether this person may decide; who opens a file decides for whoever takes the decisions. */
    this.may = served?.decide ?? true;
    // What one person decided is not handed in by the next one at the same machine.
    this.about = `${run.project}/${run.head}/${run.execution}${served?.person ? `/${served.person}` : ""}`;
    this.key = `pixelgate:decisions:${this.about}`;
    this.reasonKey = `pixelgate:reasons:${this.about}`;
    this.wanted = entries.filter((e) => this.wants(e));
    const names = new Set(this.wanted.map((e) => e.name));
    /** What is decided here and not handed in. @type {Map<string, Decision>} */
    this.decisions = new Map();
    for (const [name, decision] of Object.entries((this.may && remembered(this.key)) || {})) {
      if (names.has(name) && (decision === "approve" || decision === "reject"))
        this.decisions.set(name, decision);
    }
    /** Why, by name; also for what is not decided yet. @type {Map<string, string>} */
    this.reasons = new Map();
    for (const [name, reason] of Object.entries(remembered(this.reasonKey) ?? {}))
      if (names.has(name) && typeof reason === "string") this.reasons.set(name, reason);
    /** Whether the browser keeps them when the page is closed. */
    this.kept = true;
    /** What each decision replaced, the last one at the end. @type {Map<string, Had>[]} */
    this.steps = [];
    /** @type {(() => void)[]} */
    this.listeners = [];
  }

  /**
   * Whether a person has to decide on it. What a first upload adds differs from nothing.
   * @param {Entry} entry
   */
  wants(entry) {
    return this.run.reviewable && entry.status <= (this.run.base === null ? ERRORED : REMOVED);
  }

  /**
   * @param {Entry[]} entries
   * @param {Decision|null} decision null: undecided again
   * @param {string} [reason] for all of them; without one each keeps its own
   */
  decide(entries, decision, reason) {
    if (!this.may) return;
    /** @type {Map<string, Had>} */
    const before = new Map();
    for (const { name } of entries.filter((e) => this.wants(e))) {
      const had = { decision: this.decisions.get(name), reason: this.reasons.get(name) ?? "" };
      const now = { decision: decision ?? undefined, reason: reason || had.reason };
      if (had.decision === now.decision && had.reason === now.reason) continue;
      // What the bucket says already needs no second review.
      if (!had.decision && !now.reason && this.published.decision(name) === now.decision) continue;
      before.set(name, had);
      this.put(name, now);
    }
    if (before.size) this.steps.push(before);
    this.keep();
  }

  /** Takes the last decision back; returns the names that it was about, none if there was none. */
  undo() {
    const before = this.steps.pop();
    if (!before) return [];
    for (const [name, had] of before) this.put(name, had);
    this.keep();
    return [...before.keys()];
  }

  /** Says why, before or after it is decided. @param {Entry[]} entries @param {string} reason */
  explain(entries, reason) {
    for (const { name } of entries) this.put(name, { decision: this.decisions.get(name), reason });
    this.keep();
  }

  /** @param {string} name @param {Had} now */
  put(name, { decision, reason }) {
    if (decision) this.decisions.set(name, decision);
    else this.decisions.delete(name);
    if (reason) this.reasons.set(name, reason);
    else this.reasons.delete(name);
  }

  keep() {
    this.kept =
      remember(this.key, Object.fromEntries(this.decisions)) &&
      remember(this.reasonKey, Object.fromEntries(this.reasons));
    for (const listener of this.listeners) listener();
  }

  /** What is decided on a snapshot: here, or else in the bucket. @param {string} name */
  on(name) {
    return this.decisions.get(name) ?? this.published.decision(name);
  }

  /** What was decided on all of them: approve, reject, mixed, or "" if nothing. @param {Entry[]} entries */
  of(entries) {
    const first = this.on(entries[0].name);
    return entries.every((e) => this.on(e.name) === first) ? (first ?? "") : "mixed";
  }

  /** The reason that all of them have, or "". @param {Entry[]} entries */
  reasonOf(entries) {
    const first = this.reasons.get(entries[0].name);
    return entries.every((e) => this.reasons.get(e.name) === first) ? (first ?? "") : "";
  }

  /** How many of each. */
  counts() {
    let approved = 0,
      rejected = 0;
    for (const { name } of this.wanted) {
      const decision = this.on(name);
      approved += Number(decision === "approve");
      rejected += Number(decision === "reject");
    }
    const all = this.wanted.length;
    return { approved, rejected, left: all - approved - rejected, all };
  }

  /**
   * What is decided here as reviews: decisions with the same action and reason are one.
   * @param {(name: string) => boolean} [without] what is on its way already
   * @returns {Sent[]}
   */
  asReviews(without = () => false) {
    /** @type {Map<string, {action: Decision, names: string[], reason: string|null}>} */
    const alike = new Map();
    for (const name of [...this.decisions.keys()].sort()) {
      if (without(name)) continue;
      const action = /** @type {Decision} */ (this.decisions.get(name)),
        reason = this.reasonFor(name) || null,
        key = `${action}\n${reason ?? ""}`;
      const others = alike.get(key);
      if (others) others.names.push(name);
      else alike.set(key, { action, names: [name], reason });
    }
    const sorted = [...alike].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sent]) => sent);
    // A first upload's added snapshots need no decision, so they are not meant by all that do.
    const isWhole = sorted.length === 1 && sorted[0].names.length === this.wanted.length && this.run.base;
    return isWhole ? [{ ...sorted[0], names: null }] : sorted;
  }

  /** What this person has decided and not handed in, as a sentence, or "". @param {string} name */
  own(name) {
    const decision = this.decisions.get(name);
    if (!decision) return "";
    const why = this.reasonFor(name);
    return `${decision === "approve" ? "Approved" : "Rejected"} by you, not handed in yet${why && `: ${why}`}`;
  }

  /** The reason that goes with a decision, or "". @param {string} name */
  reasonFor(name) {
    return this.reasons.get(name)?.trim() ?? "";
  }

  /**
   * What the decisions here would overturn: each review that counts now, and on which snapshots.
   * @param {(name: string) => boolean} without
   * @returns {Map<Event, string[]>}
   */
  overturns(without) {
    /** @type {Map<Event, string[]>} */
    const lost = new Map();
    for (const [name, decision] of this.decisions) {
      const last = without(name) ? undefined : this.published.of(name).at(-1);
      if (!last || last.action === decision) continue;
      const names = lost.get(last);
      if (names) names.push(name);
      else lost.set(last, [name]);
    }
    return lost;
  }

  /** Forgets decisions that the bucket knows now, if they are still the same. @param {[string, Decision, string][]} handed */
  settle(handed) {
    const names = new Set();
    for (const [name, decision, reason] of handed) {
      if (this.decisions.get(name) !== decision || this.reasonFor(name) !== reason) continue;
      this.put(name, { decision: undefined, reason: "" });
      names.add(name);
    }
    if (!names.size) return;
    // They can only be overturned now, not undone.
    for (const step of this.steps) for (const name of names) step.delete(name);
    this.steps = this.steps.filter((step) => step.size);
    this.keep();
  }

  /** Forgets what others have decided in the same way, unless there is a reason to add. */
  drop() {
    this.settle(
      [...this.decisions].flatMap(([name, decision]) => {
        const last = this.published.of(name).at(-1),
          reason = this.reasonFor(name);
        const same = last?.action === decision && (!reason || reason === last.reason);
        return same ? [/** @type {[string, Decision, string]} */ ([name, decision, reason])] : [];
      }),
    );
  }

  /** What `pixelgate approve --from` reads. */
  asFile() {
    const { project, head, execution } = this.run;
    const sorted = [...this.decisions].sort(([a], [b]) => (a < b ? -1 : 1));
    const decisions = Object.fromEntries(sorted);
    const why = sorted.flatMap(([name]) => {
      const reason = this.reasonFor(name);
      return reason ? [[name, reason]] : [];
    });
    const reasons = why.length ? { reasons: Object.fromEntries(why) } : {};
    const file = { schema_version: 1, project, build: head, execution, decisions, ...reasons };
    return `${JSON.stringify(file, null, 2)}\n`;
  }

  /** The command that takes the file. */
  command() {
    return `pixelgate approve ${where(this.run)} --from decisions.json`;
  }
}

/** The build as commands name it: id, project and bucket. @param {Run} run */
export function where({ head, project, bucket }) {
  const words = [quoted(head), "--project", quoted(project)];
  if (bucket) words.push("--bucket", quoted(bucket));
  return words.join(" ");
}
