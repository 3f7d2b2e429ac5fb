// The panel that says what is known: of the snapshot, why it counts, and of the whole run.

import { button, el } from "./dom.js";
import { foldedBands } from "./geometry.js";
import { CHANGED, QUARANTINED, STATUSES, TITLES, UNCHANGED } from "./types.js";
import { sentence } from "./published.js";
import { term } from "./query.js";
import { count, number, percent, sized } from "./words.js";

/** @import {Detail, Entry, Run} from "./types.js" */

const MOST_REGIONS = 60;

/**
 * The facts of a snapshot.
 * @param {Entry} entry
 * @param {Detail} detail
 * @param {object} on
 * @param {Run} on.run
 * @param {import("./published.js").Event[]} on.reviews those of this snapshot, the one that counts at the end
 * @param {string|null} on.own what this person decided and has not handed in, or ""
 * @param {string} on.elsewhere address of its results in other builds, or ""
 * @param {import("./types.js").Region[]} on.stops
 * @param {(number: number) => void} on.jump
 * @param {(term: string) => void} on.search
 * @param {number} on.alike how many others have the same change
 */
export function snapshotFacts(entry, detail, on) {
  const list = el("dl", {});
  /** @param {string} label @param {...(string|Node)} value */
  const fact = (label, ...value) => list.append(el("div", {}, el("dt", {}, label), el("dd", {}, ...value)));
  /** A button that searches. @param {string} label @param {string} word @param {string} kind */
  const act = (label, word, kind) => button(label, null, () => on.search(word), { class: kind });
  fact("Name", el("code", {}, entry.name));
  if (entry.title !== entry.name) fact("Called", entry.title);
  fact("Status", el("span", { class: `status ${STATUSES[entry.status]}` }, TITLES[entry.status]));
  if (detail.reason) fact("Reason", detail.reason);
  const last = on.reviews.at(-1);
  const told = on.reviews.map((e) => el("p", {}, sentence(e, e.action === last?.action, true)));
  if (on.own) told.push(el("p", {}, on.own));
  if (told.length) fact("Review", ...told.reverse());
  if (on.elsewhere) fact("Elsewhere", el("a", { href: on.elsewhere }, "its results in other builds"));
  if (entry.total) {
    fact(
      "Changed",
      `${number(entry.changed)} of ${number(entry.total)} pixels (${percent(entry.changed, entry.total)})`,
    );
  }
  if (entry.headSize || entry.baseSize) fact("Size", sizes(entry));
  if (on.alike) fact("Same change", act(`in ${count(on.alike, "other")}`, `g:${entry.group + 1}`, "link"));
  if (entry.tags.length) fact("Tags", ...entry.tags.map((tag) => act(tag, term("t", tag), "tag")));
  for (const [label, value] of detail.facts) fact(label, value);
  /** @type {HTMLElement[]} */
  const parts = [list];
  if (detail.why.length) {
    const title =
      entry.status === UNCHANGED
        ? "Why it passes"
        : entry.status === CHANGED
          ? "Why it counts"
          : entry.status === QUARANTINED
            ? "Why it would count"
            : "What that means";
    parts.push(section(title, el("ul", { class: "why" }, ...detail.why.map((line) => el("li", {}, line)))));
  }
  if (on.stops.length) parts.push(section(`Where (${number(on.stops.length)})`, places(detail, on)));
  return parts;
}

/** Says why a change needs no review. @param {Entry} entry @param {Detail} detail */
export function excuse(entry, detail) {
  const why = detail.facts.find(([label]) => label === "Why quarantined")?.[1] ?? "";
  const words = `In quarantine ${entry.quarantine}: ${why}. Nobody has to review it.`;
  return el("p", { class: "excused" }, words);
}

/** @param {Entry} entry */
function sizes({ baseSize, headSize }) {
  const [base, head] = [sized(baseSize), sized(headSize)];
  return base && head && base !== head ? `${base} → ${head}` : head || base;
}

/**
 * @param {Detail} detail
 * @param {{stops: import("./types.js").Region[], jump: (n: number) => void, run: Run}} on
 */
function places(detail, { stops, jump, run }) {
  const list = el("ol", { class: "places" });
  stops.slice(0, MOST_REGIONS).forEach((stop, n) => {
    const label = stop.label ?? `${count(stop.pixels, "pixel")}${stop.mark ? "" : ", like noise"}`;
    const known = stop.mark ? run.marks[stop.mark] : stop.noise ? run.noises[stop.noise] : null;
    const why = stop.label ? null : known;
    list.append(
      el(
        "li",
        {},
        button(label, why, () => jump(n + 1), { class: "place" }),
        el("small", {}, ` ${stop.width}×${stop.height} at ${stop.x}, ${stop.y}`),
      ),
    );
  });
  const rest = stops.length - MOST_REGIONS;
  if (rest > 0)
    list.append(el("li", { class: "rest" }, `and ${number(rest)} more; J and K lead through all`));
  const folded = foldedBands(detail.bands).filter((b) => b.folded).length;
  if (folded)
    list.append(
      el("li", { class: "rest" }, "Single rows, which a changed line height leaves, are summed up."),
    );
  return list;
}

/** What there is to know of the run. @param {Run} run @param {import("./published.js").Published} published */
export function runFacts(run, published) {
  return el(
    "dl",
    {},
    ...[...reviewFacts(run, published), ...run.facts].map(([label, lines]) =>
      el("div", {}, el("dt", {}, label), el("dd", {}, ...lines.map((line) => el("p", {}, line)))),
    ),
  );
}

/** @param {Run} run @param {import("./published.js").Published} published @returns {[string, string[]][]} */
function reviewFacts(run, published) {
  const lines = published.lines(true);
  if (lines.length) return [["Reviews", lines.reverse()]];
  return published.known && run.reviewable ? [["Reviews", ["none yet"]]] : [];
}

/** @param {string} title @param {Node} content */
function section(title, content) {
  return el("section", {}, el("h3", {}, title), content);
}
