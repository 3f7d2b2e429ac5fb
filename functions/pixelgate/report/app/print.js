// The page as it is printed: a list of the snapshots with changes and decisions.

import { el } from "./dom.js";
import { isQuiet } from "./data.js";
import { SECTIONS, TITLES } from "./types.js";
import { count, percent, sized } from "./words.js";

/** @typedef {import("./types.js").Entry} Entry */

/** @param {Entry[]} entries @param {import("./review.js").Review} review */
export function printed(entries, review) {
  const parts = [];
  for (const status of SECTIONS) {
    const mine = entries.filter((e) => e.status === status);
    if (!mine.length) continue;
    parts.push(el("h2", {}, `${TITLES[status]} (${mine.length})`));
    if (isQuiet(mine[0])) {
      parts.push(el("p", {}, `${count(mine.length, "snapshot")}, not listed.`));
      continue;
    }
    const rows = mine.map((e) =>
      el(
        "tr",
        {},
        el("td", {}, e.title),
        el("td", {}, e.total ? percent(e.changed, e.total) : ""),
        el("td", {}, sized(e.headSize ?? e.baseSize)),
        el("td", {}, decisionWord(review.on(e.name))),
      ),
    );
    const head = el(
      "tr",
      {},
      ...["Snapshot", "Changed", "Size", "Decision"].map((t) => el("th", { scope: "col" }, t)),
    );
    parts.push(el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)));
  }
  return parts;
}

/** @param {import("./types.js").Decision|undefined} decision */
function decisionWord(decision) {
  return decision ? { approve: "approved", reject: "rejected" }[decision] : "";
}
