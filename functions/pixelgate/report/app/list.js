// The sidebar: of any number of rows only those in sight are elements.

import { attribute, el, icon, picture } from "./dom.js";
import { count, percent, number, sized } from "./words.js";
import { isDiffed, isShot } from "./rows.js";
import { STATUSES, ERRORED } from "./types.js";
import { isQuiet, isResized } from "./data.js";

/** @import {Row} from "./rows.js" */
/** @import {Entry} from "./types.js" */

const AHEAD = 400; // pixels above and below that are made before they are seen
const DECISIONS = /** @type {Record<string, string>} */ ({
  approve: "approved",
  reject: "rejected",
  mixed: "partly decided",
});

export class List {
  /**
   * @param {HTMLElement} root
   * @param {object} on
   * @param {(row: Row) => void} on.select a row with snapshots was chosen
   * @param {(row: Row, open: boolean) => void} on.fold
   * @param {(entries: Entry[]) => string} on.decision approve, reject, mixed or ""
   * @param {(entry: Entry) => string} on.thumb URL of a picture, or ""
   * @param {(entry: Entry) => string} on.picture URL of the snapshot itself, or ""
   * @param {(image: HTMLImageElement, url: string) => void} on.show
   * @param {(image: HTMLImageElement) => void} on.forget it is out of sight
   */
  constructor(root, on) {
    this.root = root;
    this.on = on;
    /** @type {Row[]} */
    this.rows = [];
    /** Where each row begins, and where the last one ends. */
    this.tops = new Float64Array(1);
    /** @type {Map<number, HTMLElement>} */
    this.made = new Map();
    /** The frame with the picture in each row that has one. @type {WeakMap<HTMLElement, {name: string, frame: HTMLElement}>} */
    this.frames = new WeakMap();
    /** Frames of rows that are being drawn anew, by name. @type {Map<string, HTMLElement>} */
    this.before = new Map();
    this.active = -1;
    this.sizer = el("div", { class: "sizer", role: "none" });
    root.append(this.sizer);
    let due = false;
    root.addEventListener(
      "scroll",
      () => {
        if (!due)
          requestAnimationFrame(() => {
            due = false;
            this.draw();
          });
        due = true;
      },
      { passive: true },
    );
    this.height = 0;
    new ResizeObserver(() => this.resized()).observe(root);
    root.addEventListener("click", (e) => this.clicked(e));
    root.addEventListener("keydown", (e) => this.pressed(e));
  }

  /** @param {Row[]} rows @param {string} selected key of the row that is shown */
  show(rows, selected) {
    const activeKey = this.rows[this.active]?.key;
    this.rows = rows;
    this.tops = new Float64Array(rows.length + 1);
    for (let i = 0; i < rows.length; i++) this.tops[i + 1] = this.tops[i] + rows[i].height;
    this.sizer.style.height = `${this.tops[rows.length]}px`;
    this.selected = selected;
    const places = [activeKey, selected].map((key) => rows.findIndex((r) => r.key === key));
    this.active = places.find((at) => at >= 0) ?? 0;
    this.refresh();
  }

  /** @param {string} key */
  select(key) {
    this.selected = key;
    const at = this.rows.findIndex((r) => r.key === key);
    if (at >= 0) this.activate(at);
    this.refresh();
  }

  /** Draws the rows in sight anew: something about them has changed. */
  refresh() {
    for (const element of this.made.values()) {
      const had = this.frames.get(element);
      if (had) this.before.set(had.name, had.frame);
      element.remove();
    }
    this.made.clear();
    this.draw();
    this.before.clear();
  }

  /** Which rows are in sight, or nearly: the first and the last. @returns {[number, number]} */
  get inSight() {
    const { scrollTop, clientHeight } = this.root;
    return [this.rowAt(scrollTop - AHEAD), this.rowAt(scrollTop + clientHeight + AHEAD)];
  }

  /** Makes the rows in sight and forgets the others. */
  draw() {
    const [from, to] = this.inSight;
    for (const [i, element] of this.made)
      if (i < from || i > to) {
        element.remove();
        const image = element.querySelector("img");
        if (image) this.on.forget(image);
        this.made.delete(i);
      }
    const fresh = document.createDocumentFragment();
    for (let i = from; i <= to && i < this.rows.length; i++) {
      if (this.made.has(i)) continue;
      const element = this.make(i);
      this.made.set(i, element);
      fresh.append(element);
    }
    this.sizer.append(fresh);
    const active = this.made.get(this.active);
    attribute(this.root, { "aria-activedescendant": active ? active.id : null });
  }

  /** Keeps the active row in sight when the head of the page grows. */
  resized() {
    const { scrollTop, clientHeight } = this.root,
      bottom = this.tops[this.active + 1];
    const wasInSight = bottom <= scrollTop + this.height;
    this.height = clientHeight;
    if (wasInSight && bottom + 8 > scrollTop + clientHeight) this.root.scrollTop = bottom - clientHeight + 8;
    this.draw();
  }

  /** @param {number} y @returns {number} */
  rowAt(y) {
    let low = 0,
      high = this.rows.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.tops[middle] <= y) low = middle;
      else high = middle - 1;
    }
    return Math.max(0, low);
  }

  /** @param {number} i @returns {HTMLElement} */
  make(i) {
    const row = this.rows[i];
    const made = el("div", {
      id: `row-${i}`,
      class: `row ${row.kind} ${STATUSES[row.status]}${isQuiet(row.entries[0]) ? " quiet" : ""}`,
      role: "treeitem",
      "aria-level": row.level,
      "aria-setsize": row.siblings,
      "aria-posinset": row.position,
      "data-row": i,
      "aria-expanded": row.open === null ? null : String(row.open),
      "aria-selected": String(row.key === this.selected),
      "data-level": Math.min(row.level, 6),
    });
    made.classList.toggle("active", i === this.active);
    Object.assign(made.style, { top: `${this.tops[i]}px`, height: `${row.height}px` });
    if (!isShot(row)) {
      made.append(
        el("span", { class: "fold" }, icon(row.open ? "fold" : "open")),
        el("span", { class: "label" }, row.label),
        el("span", { class: "count" }, number(row.entries.length)),
      );
    } else this.fill(made, row);
    return made;
  }

  /** @param {HTMLElement} made @param {Row} row */
  fill(made, row) {
    const [entry] = row.entries,
      decided = this.on.decision(row.entries);
    if (!isQuiet(entry)) {
      const frame = this.frameBefore(entry) ?? this.thumbnail(entry);
      frame.classList.toggle("stacked", row.kind === "stack" && !row.open);
      this.frames.set(made, { name: entry.name, frame });
      made.append(frame);
    }
    const isPath = entry.title === entry.name;
    const above = isPath ? (row.path?.length ?? 0) : 0,
      slash = isPath ? Math.max(above, entry.name.lastIndexOf("/") + 1) : 0;
    const folder = slash > above ? el("span", { class: "folder" }, entry.title.slice(above, slash)) : null;
    const name = el("span", { class: "name", title: entry.name }, folder, entry.title.slice(slash));
    const text = el("span", { class: "text" }, name);
    if (!isQuiet(entry)) text.append(el("span", { class: "facts" }, facts(entry)));
    made.append(text);
    if (entry.learned) {
      const title = `${count(entry.learned, "region")} explained by learned noise`;
      made.append(el("span", { class: "learned", title }, "learned noise"));
    }
    if (row.kind === "stack") {
      made.append(
        el(
          "button",
          {
            class: "alike",
            tabindex: "-1",
            type: "button",
            "aria-label": `${row.open ? "Fold" : "Open"} the ${row.entries.length} alike`,
          },
          `${row.entries.length} alike`,
        ),
      );
    }
    if (decided)
      made.append(
        el(
          "span",
          { class: `decided ${decided}`, role: "img", "aria-label": DECISIONS[decided] },
          icon(/** @type {"approve"|"reject"|"mixed"} */ (decided)),
        ),
      );
  }

  /** Its frame if that has a picture already, which then is not loaded and drawn again. @param {Entry} entry */
  frameBefore(entry) {
    const frame = this.before.get(entry.name);
    this.before.delete(entry.name);
    return frame?.querySelector("img")?.naturalWidth ? frame : undefined;
  }

  /** @param {Entry} entry */
  thumbnail(entry) {
    const frame = el("span", { class: "thumb", "aria-hidden": "true" });
    const url = this.on.thumb(entry);
    if (url) {
      const image = picture("");
      this.on.show(image, url);
      const giveUp = () => image.replaceWith(el("span", { class: "no-thumb" }, "–"));
      image.addEventListener(
        "error",
        () => {
          // Thumbnails are drawn when the report is out: this one may still be to come.
          const whole = this.on.picture(entry);
          if (!whole || whole === url) return giveUp();
          image.addEventListener("error", giveUp, { once: true });
          this.on.show(image, whole);
        },
        { once: true },
      );
      frame.append(image);
    } else frame.append(el("span", { class: "no-thumb" }, entry.status === ERRORED ? "!" : "–"));
    return frame;
  }

  /** @param {MouseEvent} e */
  clicked(e) {
    const target = /** @type {HTMLElement} */ (e.target),
      element = target.closest("[data-row]");
    if (!element) return;
    const i = Number(/** @type {HTMLElement} */ (element).dataset.row),
      row = this.rows[i];
    this.activate(i);
    this.chosen(row, !!target.closest(".alike"));
  }

  /**
   * Shows a snapshot, or opens or folds what is not one.
   * @param {Row} row
   * @param {boolean} fold whether a group is to be folded, not shown
   */
  chosen(row, fold) {
    if (fold || !isShot(row)) this.on.fold(row, !row.open);
    else this.on.select(row);
  }

  /** The keys of a tree, as every tree has them. @param {KeyboardEvent} e */
  pressed(e) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.shiftKey) return;
    const row = this.rows[this.active];
    const page = Math.max(1, Math.floor(this.root.clientHeight / 72) - 1);
    const moves = /** @type {Record<string, number>} */ ({
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -1e9,
      End: 1e9,
    });
    if (e.key in moves) this.moveTo(this.active + moves[e.key]);
    else if (!row) return;
    else if (e.key === "ArrowRight" && row.open === false) this.on.fold(row, true);
    else if (e.key === "ArrowRight" && row.open) this.moveTo(this.active + 1);
    else if (e.key === "ArrowLeft" && row.open) this.on.fold(row, false);
    else if (e.key === "ArrowLeft") this.moveTo(this.parent(this.active));
    else if (e.key === "Enter" || e.key === " ") {
      this.chosen(row, false);
    } else return;
    e.preventDefault();
    e.stopPropagation();
  }

  /** @param {number} i */
  parent(i) {
    let at = i;
    while (at > 0 && this.rows[at].level >= this.rows[i].level) at--;
    return at;
  }

  /** @param {number} i */
  moveTo(i) {
    const at = Math.min(this.rows.length - 1, Math.max(0, i));
    if (at < 0) return;
    this.activate(at);
    const row = this.rows[at];
    if (isShot(row)) this.on.select(row);
  }

  /** Makes a row the active one and brings it into sight. @param {number} i */
  activate(i) {
    this.made.get(this.active)?.classList.remove("active");
    this.active = i;
    const top = this.tops[i],
      bottom = this.tops[i + 1],
      { scrollTop, clientHeight } = this.root;
    if (top < scrollTop) this.root.scrollTop = top - (this.rows[i].level > 1 ? 8 : 0);
    else if (bottom > scrollTop + clientHeight) this.root.scrollTop = bottom - clientHeight + 8;
    this.draw();
    this.made.get(i)?.classList.add("active");
  }
}

/** The second line of a row. @param {Entry} entry */
function facts(entry) {
  const { headSize, baseSize } = entry,
    parts = [];
  if (entry.total && isDiffed(entry))
    parts.push(entry.recoloured && !entry.changed ? "recoloured" : percent(entry.changed, entry.total));
  parts.push(isResized(entry) ? `${sized(baseSize)} → ${sized(headSize)}` : sized(headSize ?? baseSize));
  parts.push(entry.quarantine);
  return parts.filter(Boolean).join(" · ");
}
