// Search, chips, sorting and folders: what the list shows, all of it as words in the search box.

import { button, el } from "./dom.js";
import { parse, term, toggled } from "./query.js";
import { SECTIONS, STATUSES, TITLES } from "./types.js";
import { number } from "./words.js";

/** @import {Entry, Sort} from "./types.js" */

const MOST_TAGS = 24;

export class Filters {
  /**
   * @param {HTMLElement} root
   * @param {import("./state.js").Store} store
   * @param {Entry[]} entries
   * @param {() => void} leave takes the focus out of the search, so that keys act again
   */
  constructor(root, store, entries, leave) {
    this.store = store;
    this.box = el("input", {
      type: "search",
      id: "search",
      placeholder: "Search: s:changed t:dark >1% -legacy",
      "aria-label": "Search snapshots",
      autocomplete: "off",
      spellcheck: "false",
    });
    this.box.addEventListener("input", () => store.set({ q: this.box.value }));
    this.box.addEventListener("keydown", (e) => {
      // Enter also ends the composition of a word, as in Japanese; the search goes on then.
      if (e.isComposing || !["Enter", "Escape", "ArrowDown"].includes(e.key)) return;
      e.preventDefault();
      e.stopPropagation();
      if (e.key === "Escape") store.set({ q: "" });
      leave();
    });
    this.sort = el(
      "select",
      { "aria-label": "Sort by" },
      ...["severity", "size", "name"].map((by) => el("option", { value: by }, `By ${by}`)),
    );
    this.sort.addEventListener("change", () => store.set({ sort: /** @type {Sort} */ (this.sort.value) }));
    const flip = () => store.set({ tree: !store.view.tree });
    this.tree = button("Folders", "Show folders (T)", flip, { "aria-pressed": "false" });
    this.found = el("span", { class: "found", role: "status" });
    this.chips = SECTIONS.flatMap((n) => {
      const status = STATUSES[n];
      const count = entries.filter((e) => e.status === n).length;
      return count ? [this.chip(`s:${status}`, TITLES[n], count, status)] : [];
    });
    this.tags = tagsOf(entries).map(([tag, count]) => this.chip(term("t", tag), tag, count, "tag"));
    root.append(
      el("div", { class: "searching" }, this.box),
      el("div", { class: "chips", role: "group", "aria-label": "Statuses" }, ...this.chips),
      this.tags.length
        ? el("div", { class: "chips", role: "group", "aria-label": "Tags" }, ...this.tags)
        : "",
      el("div", { class: "ordering" }, this.sort, this.tree, this.found),
    );
    store.subscribe((_, changed) => {
      if (changed.has("q") || changed.has("sort") || changed.has("tree")) this.update();
    });
    this.update();
  }

  /** @param {string} word */
  toggle(word) {
    this.store.set({ q: toggled(this.store.view.q, word) });
  }

  /**
   * A button that puts a word into the search or takes it out.
   * @param {string} word
   * @param {string} label
   * @param {number} count
   * @param {string} kind
   */
  chip(word, label, count, kind) {
    const state = { class: `chip ${kind}`, "aria-pressed": "false", "data-word": word };
    const made = button(label, word, () => this.toggle(word), { ...state, "aria-label": null });
    made.append(" ", el("b", {}, number(count)));
    return made;
  }

  update() {
    const { q, sort, tree } = this.store.view;
    if (this.box.value !== q) this.box.value = q;
    this.sort.value = sort;
    this.tree.setAttribute("aria-pressed", String(tree));
    const there = new Set(parse(q).map((t) => t.text.toLowerCase()));
    for (const chip of [...this.chips, ...this.tags])
      chip.setAttribute("aria-pressed", String(there.has((chip.dataset.word ?? "").toLowerCase())));
  }

  /** @param {number} found @param {number} all */
  tell(found, all) {
    this.found.textContent = found === all ? `${number(all)} in all` : `${number(found)} of ${number(all)}`;
  }
}

/** The tags that most snapshots have. @param {Entry[]} entries @returns {[string, number][]} */
function tagsOf(entries) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const entry of entries) for (const tag of entry.tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, MOST_TAGS);
}
