// What the head of the page says beside the verdict: the reviews, and that pictures are missing.

import { isSigned } from "./addresses.js";
import { byId, el } from "./dom.js";
import { where } from "./review.js";
import { number } from "./words.js";

/** @import {Run} from "./types.js" */
/** @import {Published} from "./published.js" */
/** @import {Site} from "./site.js" */

const NEEDS = "Needs review: ";
const MOST = 3; // the latest reviews; the facts have them all
const PATIENCE = 600; // milliseconds: a thumbnail may be missing where pictures are not

/**
 * Says in the headline what was decided, and below it who decided what and why.
 * @param {Published} published
 * @param {Run} run
 * @param {Site|null} site
 */
export function showStanding(published, run, site) {
  if (site && !published.known) return; // it will be told
  if (!published.known && run.reviewable && !run.local) {
    const command = el("code", {}, `pixelgate report ${where(run)}`);
    const words = "This page is as old as its comparison and knows no reviews; ";
    byId("reviews").replaceChildren(el("p", { class: "old" }, words, command, " fetches it with them."));
    byId("reviews").hidden = false;
    return;
  }
  const decided = published.headline(),
    lines = published.lines();
  const title = /** @type {HTMLElement} */ (document.querySelector("h1"));
  const shown = title.textContent ?? "";
  const found = (title.dataset.found ??= shown);
  title.textContent = decided
    ? `${decided}: ${found.startsWith(NEEDS) ? found.slice(NEEDS.length) : found}`
    : found;
  document.title = document.title.replace(shown, title.textContent);
  const states = byId("top").classList;
  for (const state of ["approved", "rejected"])
    states.toggle(state, !!decided && published.standing?.state === state);
  byId("reviews").hidden = !lines.length;
  const rest = lines.length - MOST;
  byId("reviews").replaceChildren(
    ...lines
      .slice(-MOST)
      .reverse()
      .map((line) => el("p", { class: "review" }, line)),
    rest > 0 ? el("p", { class: "review" }, `and ${number(rest)} more, in the facts`) : "",
  );
}

/**
 * Says so if no picture can be loaded, as where S3's console has opened the page alone.
 * @param {Run} run
 * @param {Site|null} site
 */
export function watchPictures(run, site) {
  let loaded = false,
    waiting = false;
  const note = byId("absent");
  /** @param {Event} e */
  const isPicture = (e) => e.target instanceof HTMLImageElement;
  // These events do not bubble, but they are caught on their way down.
  document.addEventListener(
    "load",
    (e) => {
      if (!isPicture(e)) return;
      loaded = true;
      note.hidden = true;
    },
    true,
  );
  document.addEventListener(
    "error",
    (e) => {
      if (loaded || waiting || !isPicture(e) || isSigned(/** @type {Element} */ (e.target))) return;
      waiting = true;
      setTimeout(() => {
        waiting = false;
        note.hidden = loaded || !!site?.ended;
        if (!loaded) note.replaceChildren(...(site ? [siteWords(site)] : missingWords(run)));
      }, PATIENCE);
    },
    true,
  );
}

/** @param {Site} site */
function siteWords(site) {
  const cure = site.hasLogin ? "Reload the page." : "Does pixelgate serve still run?";
  return el("p", { class: "warning" }, `No picture can be loaded. ${cure}`);
}

/** @param {Run} run */
function missingWords(run) {
  const why = el(
    "p",
    { class: "warning" },
    "The pictures are missing: they lie in folders beside this page, and it was opened without them",
    run.local
      ? ". Open it from the folder that the comparison wrote."
      : ", as S3’s console does. To see them:",
  );
  return run.local ? [why] : [why, el("p", {}, el("code", {}, `pixelgate report ${where(run)}`))];
}
