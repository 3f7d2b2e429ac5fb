// Approve, reject, undecided: what a person decided, kept by the browser for this very run.

import { remember, remembered } from "./prefs.js";
import { ERRORED, REMOVED } from "./types.js";
import { quoted } from "./words.js";

/** @import {Decision, Entry, Run} from "./types.js" */
/** @import {Published} from "./published.js" */
/** @typedef {{decision: Decision|undefined, reason: string}} Had */

export const MAX_REASON = 2000; // characters that a review takes

export class Review {
  /** @param {Run} run @param {Entry[]} entries @param {Published} published */
  constructor(run, entries, published) {
    this.run = run;
    this.published = published;
    this.key = `pixelgate:decisions:${run.project}/${run.head}/${run.execution}`;
    this.reasonKey = `pixelgate:reasons:${run.project}/${run.head}/${run.execution}`;
    this.wanted = entries.filter((e) => this.wants(e));
    const names = new Set(this.wanted.map((e) => e.name));
    /** What is decided here and not handed in. @type {Map<string, Decision>} */
    this.decisions = new Map();
    for (const [name, decision] of Object.entries(remembered(this.key) ?? {})) {
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

  /** What `pixelgate approve --from` reads. */
  asFile() {
    const { project, head, execution } = this.run;
    const sorted = [...this.decisions].sort(([a], [b]) => (a < b ? -1 : 1));
    const decisions = Object.fromEntries(sorted);
    const why = sorted.flatMap(([name]) => {
      const reason = this.reasons.get(name)?.trim();
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
