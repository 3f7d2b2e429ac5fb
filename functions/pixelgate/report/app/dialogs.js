// The dialogs: all keys, and how to hand in a review.

import { button, byId, el } from "./dom.js";
import { MAX_REASON } from "./review.js";
import { count } from "./words.js";

/** @import {Review} from "./review.js" */
const EXAMPLES = [
  ..."s:changed t:dark >1% <200px is:resized is:recoloured is:learned is:alike d:undecided g:3 -legacy".split(
    " ",
  ),
  '"two words"',
];

/** @typedef {{keys: string[], says: string, part: string}} Shown */

/** @param {string} title @param {...(Node|string)} content */
export function openDialog(title, ...content) {
  document.querySelector("dialog")?.remove();
  const dialog = el("dialog", { "aria-labelledby": "dialog-title" });
  const close = button("×", null, () => dialog.close(), { class: "close", "aria-label": "Close" });
  dialog.append(el("header", {}, el("h2", { id: "dialog-title" }, title), close), ...content);
  dialog.addEventListener("close", () => dialog.remove());
  // A click on the backdrop has the dialog itself as its target.
  dialog.addEventListener("click", (e) => {
    if (e.target === dialog) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** @param {Shown[]} keys */
export function showKeys(keys) {
  const parts = [...new Set(keys.map((k) => k.part))].map((part) => {
    const list = el("dl", { class: "keys" });
    for (const { keys: names, says } of keys.filter((k) => k.part === part)) {
      const shown = names.flatMap((name, i) => [i ? " " : "", el("kbd", {}, name)]);
      list.append(el("div", {}, el("dt", {}, ...shown), el("dd", {}, says)));
    }
    return el("section", {}, el("h3", {}, part), list);
  });
  const search = el(
    "section",
    { class: "wide" },
    el("h3", {}, "Search"),
    el(
      "p",
      {},
      "All words must hold. ",
      ...EXAMPLES.flatMap((word) => [el("code", {}, word), " "]),
      "Status, tag, share or number of changed pixels, decision, group; a minus finds the others.",
    ),
  );
  openDialog("Keys", el("div", { class: "columns" }, ...parts, search));
}

/**
 * Asks once before many snapshots are decided.
 * @param {string} title what is decided and on how many
 * @param {string[]} says
 * @param {(reason: string) => void} does
 */
export function askOnce(title, says, does) {
  const reason = el("input", {
    type: "text",
    class: "command",
    maxlength: MAX_REASON,
    placeholder: "Reason, if you want to give one",
    "aria-label": "Reason for all of them",
    autofocus: true,
  });
  const go = () => {
    dialog.close();
    does(reason.value.trim());
  };
  reason.addEventListener("keydown", (e) => {
    if (e.key === "Enter" && !e.isComposing) go();
  });
  const dialog = openDialog(
    `${title}?`,
    ...says.map((line) => el("p", {}, line)),
    el("p", {}, reason),
    el(
      "p",
      {},
      button(title, null, go, { class: "primary" }),
      " ",
      button("Cancel", null, () => dialog.close()),
    ),
  );
}

/** @param {Review} review */
export function showEnd(review) {
  const { left, all } = review.counts();
  const mine = [...review.decisions.values()];
  const approved = mine.filter((d) => d === "approve").length,
    rejected = mine.length - approved;
  const decided = `${count(approved, "approval")}, ${count(rejected, "rejection")}`;
  const field = el("input", {
    class: "command",
    readonly: true,
    value: review.command(),
    "aria-label": "Command",
    onfocus: () => field.select(),
  });
  const copied = el("span", { class: "said", role: "status" });
  const forget = () => {
    review.decide(review.wanted, null);
    dialog.close();
  };
  const dialog = openDialog(
    "Hand in the review",
    el("p", {}, `${decided}, ${left} of ${all} undecided.`),
    el(
      "p",
      { class: "quiet" },
      left ? "What is undecided stays as it is and can be decided later." : "Everything is decided.",
    ),
    review.kept
      ? ""
      : el(
          "p",
          { class: "warning" },
          "This browser keeps nothing for this page: what is not downloaded is gone when it is closed.",
        ),
    el(
      "ol",
      { class: "steps" },
      el(
        "li",
        {},
        button("Download decisions.json", null, () => download(review), {
          class: "primary",
          disabled: !mine.length,
        }),
      ),
      review.run.local
        ? el(
            "li",
            {},
            "Two folders on one machine have no build that could be approved. The file tells others what you decided; a build in a bucket takes it with ",
            el("code", {}, "pixelgate approve BUILD --from decisions.json"),
            ".",
          )
        : el(
            "li",
            {},
            "Run it where the file lies: ",
            field,
            button("Copy", null, () => copy(field, copied)),
            copied,
          ),
    ),
    el(
      "p",
      {},
      button("Forget all decisions", null, forget, { class: "danger", disabled: !review.decisions.size }),
    ),
  );
}

/** @param {Review} review */
export function download(review) {
  const url = URL.createObjectURL(new Blob([review.asFile()], { type: "application/json" }));
  el("a", { href: url, download: "decisions.json" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** @param {HTMLInputElement} field @param {HTMLElement} answer */
async function copy(field, answer) {
  try {
    await navigator.clipboard.writeText(field.value);
    answer.textContent = "Copied.";
  } catch {
    field.select();
    answer.textContent = "Press Ctrl+C to copy.";
  }
}

/** Whether something is open above the page. */
export function isOpen() {
  return !!document.querySelector("dialog[open]");
}

/** Says something to those who do not see it. @param {string} words */
export function announce(words) {
  byId("said").textContent = words;
}
