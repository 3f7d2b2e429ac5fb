// Approve, reject, undecided: what a person decided, kept by the browser for this very run.

import { remember, remembered } from "./prefs.js";
import { ERRORED, REMOVED } from "./types.js";
import { quoted } from "./words.js";

/** @import {Decision, Entry, Run} from "./types.js" */

export class Review {
  /** @param {Run} run @param {Entry[]} entries */
  constructor(run, entries) {
    this.run = run;
    this.key = `pixelgate:decisions:${run.project}/${run.head}/${run.execution}`;
    this.wanted = entries.filter((e) => this.wants(e));
    const names = new Set(this.wanted.map((e) => e.name));
    /** @type {Map<string, Decision>} */
    this.decisions = new Map();
    for (const [name, decision] of Object.entries(remembered(this.key) ?? {})) {
      if (names.has(name) && (decision === "approve" || decision === "reject"))
        this.decisions.set(name, decision);
    }
    /** Whether the browser keeps them when the page is closed. */
    this.kept = true;
    /** What each decision replaced, the last one at the end. @type {Map<string, Decision|undefined>[]} */
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

  /** @param {Entry[]} entries @param {Decision|null} decision null: undecided again */
  decide(entries, decision) {
    /** @type {Map<string, Decision|undefined>} */
    const before = new Map();
    for (const entry of entries) {
      const had = this.decisions.get(entry.name);
      if (!this.wants(entry) || had === (decision ?? undefined)) continue;
      before.set(entry.name, had);
      this.put(entry.name, decision ?? undefined);
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

  /** @param {string} name @param {Decision|undefined} decision */
  put(name, decision) {
    if (decision) this.decisions.set(name, decision);
    else this.decisions.delete(name);
  }

  keep() {
    this.kept = remember(this.key, Object.fromEntries(this.decisions));
    for (const listener of this.listeners) listener();
  }

  /** What was decided on all of them: approve, reject, mixed, or "" if nothing. @param {Entry[]} entries */
  of(entries) {
    const first = this.decisions.get(entries[0].name);
    return entries.every((e) => this.decisions.get(e.name) === first) ? (first ?? "") : "mixed";
  }

  /** How many of each. */
  counts() {
    let approved = 0;
    for (const decision of this.decisions.values()) approved += Number(decision === "approve");
    const rejected = this.decisions.size - approved;
    return { approved, rejected, left: this.wanted.length - this.decisions.size, all: this.wanted.length };
  }

  /** What `pixelgate approve --from` reads. */
  asFile() {
    const { project, head, execution } = this.run;
    const decisions = Object.fromEntries([...this.decisions].sort(([a], [b]) => (a < b ? -1 : 1)));
    return `${JSON.stringify({ schema_version: 1, project, build: head, execution, decisions }, null, 2)}\n`;
  }

  /** The command that takes the file. */
  command() {
    return `pixelgate approve ${quoted(this.run.head)} --project ${quoted(this.run.project)} --from decisions.json`;
  }
}
