// What opens above the page: the keys, and the end of a review.

import { byId, el } from "./dom.js";
import { count } from "./words.js";

/** @typedef {import("./review.js").Review} Review */
/** @typedef {{keys: string[], says: string, part: string}} Shown */

/**
 * @param {string} title
 * @param {...(Node|string)} content
 */
function open(title, ...content) {
  const old = document.querySelector("dialog");
  if (old) old.remove();
  const dialog = el("dialog", { "aria-labelledby": "dialog-title" });
  const close = el(
    "button",
    { type: "button", class: "close", "aria-label": "Close", onclick: () => dialog.close() },
    "×",
  );
  dialog.append(el("header", {}, el("h2", { id: "dialog-title" }, title), close), ...content);
  dialog.addEventListener("close", () => dialog.remove());
  // A click beside it is a click on its backdrop, which is part of it.
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
      ...[
        "s:changed",
        "t:dark",
        ">1%",
        "<200px",
        "is:resized",
        "is:recoloured",
        "is:alike",
        "d:undecided",
        "g:3",
        "-legacy",
        '"two words"',
      ].flatMap((word) => [el("code", {}, word), " "]),
      "Status, tag, share or number of changed pixels, decision, group; a minus finds the others.",
    ),
  );
  open("Keys", el("div", { class: "columns" }, ...parts, search));
}

/** @param {Review} review */
export function showEnd(review) {
  const { approved, rejected, left, all } = review.counts();
  const words = [
    count(approved, "approval"),
    count(rejected, "rejection"),
    `${left} of ${all} undecided`,
  ].join(", ");
  const command = review.command();
  const field = el("input", {
    class: "command",
    readonly: true,
    value: command,
    "aria-label": "Command",
    onfocus: () => field.select(),
  });
  const copied = el("span", { class: "said", role: "status" });
  const dialog = open(
    "Hand in the review",
    el("p", {}, words + "."),
    left
      ? el("p", { class: "quiet" }, "What is undecided stays as it is and can be decided later.")
      : el("p", { class: "quiet" }, "Everything is decided."),
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
        el(
          "button",
          { type: "button", class: "primary", onclick: () => download(review) },
          "Download decisions.json",
        ),
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
            el("button", { type: "button", onclick: () => copy(field, copied) }, "Copy"),
            copied,
          ),
    ),
    el(
      "p",
      {},
      el(
        "button",
        {
          type: "button",
          class: "danger",
          disabled: !review.decisions.size,
          onclick: () => {
            review.decide(review.wanted, null);
            dialog.close();
          },
        },
        "Forget all decisions",
      ),
    ),
  );
}

/** @param {Review} review */
export function download(review) {
  const url = URL.createObjectURL(new Blob([review.asFile()], { type: "application/json" }));
  el("a", { href: url, download: "decisions.json" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/**
 * @param {HTMLInputElement} field
 * @param {HTMLElement} said
 */
async function copy(field, said) {
  try {
    await navigator.clipboard.writeText(field.value);
    said.textContent = "Copied.";
  } catch {
    field.select();
    said.textContent = "Press Ctrl+C to copy.";
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
