// The dialog that hands decisions in to the site, and says what came of it.

import { openDialog } from "./dialogs.js";
import { button, el } from "./dom.js";
import { tail } from "./published.js";
import { Trouble } from "./site.js";
import { count, number } from "./words.js";

/** @import {Event} from "./published.js" */
/** @import {Kind, Sent} from "./site.js" */

const NAMES = 5; // that are written out
const NOUNS = { approve: "approval", reject: "rejection" };
const KEPT = "Your decisions are kept.";

export class HandIn {
  /**
   * @param {import("./following.js").Following} following
   */
  constructor(following) {
    this.following = following;
    this.review = following.review;
    this.site = following.site;
    /** @type {HTMLDialogElement|null} */
    this.dialog = null;
    this.isSending = this.isSent = this.agrees = false;
    /** @type {{kind: Kind|"", words: string}} */
    this.trouble = { kind: "", words: "" };
    /** What was overturned when the person agreed to it. */
    this.agreedTo = "";
    /** What is shown now, so that nothing is drawn twice. */
    this.drawn = "";
    this.content = el("div", { class: "handing" });
    this.said = el("p", { class: "outcome", role: "status" });
    this.go = button("", null, () => this.send());
    following.listeners.push(() => this.draw());
  }

  /** Opens the dialog. */
  show() {
    this.isSending = this.isSent = this.agrees = false;
    this.trouble = { kind: "", words: "" };
    this.agreedTo = this.drawn = this.said.textContent = "";
    this.dialog = openDialog("Hand in the review", this.said, this.content);
    this.dialog.addEventListener("close", () => (this.dialog = null));
    // Enter hands in, wherever the focus is, except on another button.
    this.dialog.addEventListener("keydown", (e) => {
      if (e.key !== "Enter" || e.isComposing || /** @type {Element} */ (e.target).matches("button, a"))
        return;
      e.preventDefault();
      if (!this.go.disabled) this.go.click();
    });
    this.draw();
    this.following.look();
  }

  /** Whether a decision is on its way. @param {string} name */
  isHanded = (name) => this.following.isHanded(name);

  /** Brings the dialog up to date, if there is anything new to say. */
  draw() {
    if (!this.dialog) return;
    const { review, following, site } = this;
    const sent = review.asReviews(this.isHanded),
      lost = review.overturns(this.isHanded);
    if (this.trouble.kind === "session" && !site.ended) this.trouble = { kind: "", words: "" };
    const told = overturned(lost);
    if (told !== this.agreedTo) this.agrees = false;
    const now = JSON.stringify([
      ...[sent, told, following.superseded, this.trouble, this.isSending, this.isSent],
      ...[following.handed.length, following.outcome, following.refused, following.late],
    ]);
    if (now === this.drawn) return;
    this.drawn = now;
    const parts = this.isSent ? this.after() : this.before(sent, lost);
    const hadFocus = document.activeElement?.id;
    this.content.replaceChildren(...parts);
    const focus =
      this.dialog.querySelector(`#${hadFocus || "none"}`) ?? this.dialog.querySelector("[autofocus]");
    /** @type {HTMLElement|null} */ (focus)?.focus();
  }

  /** What is shown before it is handed in. @param {Sent[]} sent @param {Map<Event, string[]>} lost */
  before(sent, lost) {
    const { review, following } = this,
      { left, all } = review.counts();
    const n = sent.reduce((sum, { names }) => sum + (names ?? review.wanted).length, 0);
    if (following.superseded) return this.tooLate();
    const label = this.isSending ? "Handing in…" : `Hand in ${count(n, "decision")}`;
    this.go = button(label, null, () => this.send(), { class: "primary", id: "go", autofocus: !lost.size });
    this.go.disabled = !n || this.isSending || (lost.size > 0 && !this.agrees);
    const forget = button("Forget all decisions", null, () => this.forget(), { class: "danger" });
    forget.disabled = !n || this.isSending;
    return [
      this.troubleWords(),
      following.handed.length ? el("p", {}, "What you handed in before is still on its way.") : "",
      n ? el("ul", { class: "sent" }, ...sent.map((s) => el("li", {}, this.sentWords(s)))) : "",
      n ? "" : el("p", {}, "Nothing is decided here that has not been handed in."),
      n && left
        ? el(
            "p",
            { class: "quiet" },
            `${number(left)} of ${number(all)} are undecided; that can be done later.`,
          )
        : "",
      ...(lost.size ? this.question(lost) : []),
      review.kept
        ? ""
        : el(
            "p",
            { class: "warning" },
            "This browser keeps nothing: what is not handed in is gone when the page is closed.",
          ),
      el("p", { class: "buttons" }, this.go, " ", forget),
    ];
  }

  /** Asks whether decisions of others may be overturned. @param {Map<Event, string[]>} lost */
  question(lost) {
    const agree = el("input", { type: "checkbox", id: "agree", autofocus: true });
    agree.checked = this.agrees;
    agree.addEventListener("change", () => {
      this.agrees = agree.checked;
      this.agreedTo = overturned(lost);
      this.go.disabled = !this.agrees || this.isSending;
    });
    return [
      el("p", { class: "warning" }, "This overturns what was decided before:"),
      el("ul", { class: "overturned" }, ...[...lost].map((l) => el("li", {}, lostWords(...l)))),
      el("label", { class: "agree" }, agree, " Overturn it (Space)"),
    ];
  }

  /** What is shown once it is handed in. */
  after() {
    const { handed, outcome, refused, late } = this.following;
    const close = button("Done", null, () => this.dialog?.close(), {
      class: "primary",
      id: "finish",
      autofocus: true,
    });
    const words = outcome
      ? outcome
      : late
        ? "It is handed in, but was not carried out within two minutes. The page goes on looking."
        : handed.length
          ? "Handed in. Waiting until it counts…"
          : "";
    this.said.textContent = words;
    return [
      ...refused.map((why) => el("p", { class: "bad", role: "alert" }, `Refused: ${why}. ${KEPT}`)),
      el("p", { class: "buttons" }, close),
    ];
  }

  /** What is shown where a newer result is there. */
  tooLate() {
    this.go.disabled = true;
    const link = el("a", { href: this.site.newest, id: "newest", autofocus: true }, "Open the newest result");
    return [
      el(
        "p",
        { class: "warning" },
        "This build was compared again, so decisions on this result do not count any more.",
      ),
      el("p", {}, link, ". What you decided here is kept with this page."),
    ];
  }

  /** What went wrong, and what to do. */
  troubleWords() {
    const { kind, words } = this.trouble;
    if (!kind) return "";
    const login = el("a", { href: this.site.login, target: "_blank", rel: "noopener" }, "Log in again");
    /** @type {(Node|string)[]} */
    const cure =
      kind === "session"
        ? [" ", login, " in a new tab, come back, and hand in then."]
        : kind === "superseded"
          ? [" ", el("a", { href: this.site.newest }, "Open the newest result"), "."]
          : kind === "forbidden"
            ? []
            : [" Try again."];
    return el("p", { class: "bad", role: "alert" }, `${words} ${KEPT}`, ...cure);
  }

  /** @param {Sent} sent */
  sentWords({ action, names, reason }) {
    const what = names ? named(names) : `all ${count(this.review.wanted.length, "snapshot")}`;
    return `${action === "approve" ? "Approve" : "Reject"} ${what}${reason ? `: “${reason}”` : ""}`;
  }

  async send() {
    if (this.isSending) return;
    this.isSending = true;
    this.trouble = { kind: "", words: "" };
    this.draw();
    try {
      this.isSent = await this.following.handIn((lost) => {
        const told = overturned(lost);
        return !told || (this.agrees && told === this.agreedTo);
      });
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      this.trouble = { kind: error.kind, words: error.message };
    } finally {
      this.isSending = false;
      this.draw();
    }
  }

  forget() {
    this.review.decide(this.review.wanted, null);
    this.dialog?.close();
  }
}

/** Says which decisions would be overturned. @param {Map<Event, string[]>} lost */
function overturned(lost) {
  return [...lost].map((l) => lostWords(...l)).join("\n");
}

/** @param {Event} event @param {string[]} names */
function lostWords(event, names) {
  return `${event.by ? `${event.by}’s ` : ""}${NOUNS[event.action]} of ${named([...names].sort())}${tail(event)}`;
}

/** The first names, and how many there are. @param {string[]} names */
function named(names) {
  if (names.length === 1) return names[0];
  const rest = names.length - NAMES;
  const shown = names.slice(0, NAMES).join(", ");
  return `${count(names.length, "snapshot")} (${shown}${rest > 0 ? ` and ${number(rest)} more` : ""})`;
}
