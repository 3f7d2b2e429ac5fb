// Deciding: what approve, reject and undo are about, and what shows how far the review is.

import { announce, askOnce } from "./dialogs.js";
import { button, byId } from "./dom.js";
import { readerWords } from "./news.js";
import { parse } from "./query.js";
import { MAX_REASON } from "./review.js";
import { isShot } from "./rows.js";
import { count, number } from "./words.js";

/** @import {Decision} from "./types.js" */
/** @import {Row} from "./rows.js" */

export class Deciding {
  /** @param {import("./main.js").App} app */
  constructor(app) {
    this.app = app;
    this.review = app.review;
    this.buttons = /** @type {const} */ ([
      ["approve", "Approve", "A"],
      ["reject", "Reject", "R"],
      [null, "Undecided", "U"],
    ]).map(([decision, label, key]) => {
      const decide = () => this.decideOn(made.getAttribute("aria-pressed") === "true" ? null : decision);
      const made = button(label, `${label} (${key})`, decide, {
        class: `decide ${decision ?? "none"}`,
        "aria-pressed": "false",
      });
      return { made, decision, label };
    });
    byId("verdicts").append(...this.buttons.map((d) => d.made));
    for (const id of ["undo", "end"]) byId(id).hidden = !this.review.may;
    byId("undo").addEventListener("click", () => this.undo());
    this.reason = /** @type {HTMLInputElement} */ (byId("reason"));
    this.reason.maxLength = MAX_REASON;
    this.reason.addEventListener("input", () => this.review.explain(this.meant, this.reason.value));
    this.reason.addEventListener("keydown", (e) => {
      if (e.isComposing || (e.key !== "Enter" && e.key !== "Escape")) return;
      e.preventDefault();
      e.stopPropagation();
      byId("list").focus();
    });
    this.all = /** @type {const} */ (["approve", "reject"]).map((decision) => {
      const key = decision === "approve" ? "Shift A" : "Shift R";
      const made = button("", `Decide on all that the search finds (${key})`, () => this.bulk(decision), {
        "aria-label": null,
      });
      return { made, decision };
    });
    byId("bulk").append(...this.all.map((b) => b.made));
    this.review.listeners.push(() => this.decided());
  }

  /** The snapshots that a decision applies to. */
  get meant() {
    const { entry, row } = this.app;
    if (this.app.store.view.whole && row) return row.entries;
    return entry ? [entry] : [];
  }

  /** Says why this person may not decide. */
  refuse() {
    if (this.app.site) announce(readerWords(this.app.site));
  }

  /** @param {Decision|null} decision */
  decideOn(decision) {
    const { meant } = this,
      { row } = this.app;
    if (!this.review.may) return this.refuse();
    if (!meant.some((e) => this.review.wants(e))) return;
    if (!decision && this.review.of(meant) === "") {
      announce("Nothing is decided on it yet. Ctrl+Z undoes the last decision.");
      return;
    }
    if (!decision && !meant.some((e) => this.review.decisions.has(e.name))) {
      announce("It is decided in the bucket. Decide otherwise and hand that in to overturn it.");
      return;
    }
    // Led on first: a search for decisions may hide what is decided.
    if (decision && row) this.advance(row);
    this.review.decide(meant, decision);
    const { left, all } = this.review.counts();
    const decided = decision === "approve" ? "Approved" : decision === "reject" ? "Rejected" : "Undecided";
    announce(
      `${decided}: ${meant.length === 1 ? meant[0].title : `${meant.length} alike`}. ${all - left} of ${all} decided.`,
    );
  }

  /** What the search finds and a person has to decide on. */
  get found() {
    return this.app.matching.filter((e) => this.review.wants(e));
  }

  /** Decides on all that the search finds, after asking once. @param {Decision} decision */
  bulk(decision) {
    const { found } = this,
      { q } = this.app.store.view;
    if (!this.review.may) return this.refuse();
    if (!parse(q).length || !found.length) {
      announce("Search first: this decides on all that a search finds.");
      return;
    }
    const word = decision === "approve" ? "Approve" : "Reject";
    const others = found.filter((e) => ![undefined, decision].includes(this.review.on(e.name))).length;
    const says = [`The search “${q.trim()}” finds ${count(found.length, "snapshot")} to decide on.`];
    const rest = this.app.matching.length - found.length;
    if (rest) says.push(`${number(rest)} more need no decision and stay as they are.`);
    if (others)
      says.push(
        `${count(others, "snapshot")} ${others === 1 ? "is" : "are"} ${decision === "approve" ? "rejected" : "approved"} so far.`,
      );
    askOnce(`${word} ${count(found.length, "snapshot")}`, says, (reason) => {
      this.review.decide(found, decision, reason);
      const { left, all } = this.review.counts();
      announce(
        `${word === "Approve" ? "Approved" : "Rejected"}: ${count(found.length, "snapshot")}. ${all - left} of ${all} decided.`,
      );
    });
  }

  /** Takes the last decision back and shows what it was about. */
  undo() {
    if (!this.review.may) return this.refuse();
    const names = this.review.undo();
    if (!names.length) {
      announce("Nothing to undo.");
      return;
    }
    const listed = new Set(this.app.rows.flatMap((r) => r.entries));
    const first = names.map((name) => this.app.byName.get(name)).find((e) => e && listed.has(e));
    if (first) this.app.store.set({ name: first.name, whole: names.length > 1 });
    const { left, all } = this.review.counts();
    const what =
      names.length === 1
        ? (this.app.byName.get(names[0])?.title ?? names[0])
        : count(names.length, "snapshot");
    announce(`Undone: ${what}. ${all - left} of ${all} decided.`);
  }

  /** Goes to the next undecided row below this one, if there is one. @param {Row} row */
  advance(row) {
    const at = this.app.rows.indexOf(row);
    const own = new Set(row.entries);
    const next = this.app.rows
      .slice(at + 1)
      .find(
        (r) =>
          isShot(r) &&
          !own.has(r.entries[0]) &&
          this.review.wants(r.entries[0]) &&
          !this.review.of(r.entries),
      );
    if (next) this.app.choose(next);
  }

  /** Brings everything up to date that shows decisions. */
  decided() {
    if (parse(this.app.store.view.q).some((t) => t.kind === "d")) this.app.arrange();
    else this.app.list.refresh();
    this.marks();
    this.progress();
    this.app.tellOwn();
  }

  marks() {
    const { meant } = this,
      can = this.review.may && meant.some((e) => this.review.wants(e)),
      now = meant.length ? this.review.of(meant) : "";
    byId("verdicts").hidden = this.reason.hidden = !can;
    const why = can ? this.review.reasonOf(meant) : "";
    if (document.activeElement !== this.reason || !why) this.reason.value = why;
    for (const { made, decision, label } of this.buttons) {
      made.setAttribute("aria-pressed", String(now === (decision ?? "")));
      made.textContent = meant.length > 1 && decision ? `${label} ${meant.length} alike` : label;
    }
  }

  /** Offers to decide on all that a search finds. */
  offer() {
    const { found } = this;
    byId("bulk").hidden = !this.review.may || !parse(this.app.store.view.q).length || !found.length;
    for (const { made, decision } of this.all)
      made.textContent = `${decision === "approve" ? "Approve" : "Reject"} ${number(found.length)} found…`;
  }

  progress() {
    const { approved, rejected, left, all } = this.review.counts();
    byId("review").hidden = !all;
    /** @type {HTMLButtonElement} */ (byId("undo")).disabled = !this.review.steps.length;
    byId("done").textContent = `${number(all - left)} of ${number(all)}`;
    const bar = byId("bar");
    bar.setAttribute("aria-valuemax", String(all));
    bar.setAttribute("aria-valuenow", String(all - left));
    bar.style.setProperty("--approved", `${(100 * approved) / (all || 1)}%`);
    bar.style.setProperty("--rejected", `${(100 * rejected) / (all || 1)}%`);
  }
}
