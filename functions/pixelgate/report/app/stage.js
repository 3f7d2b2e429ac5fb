// The main view: the images of one snapshot, in one of six modes, with one window onto all of them.

import { el, icon, lay, picture, stillness } from "./dom.js";
import { isResized } from "./data.js";
import { canvasOf, clamped, fitScale, focused, stopsOf, zoomedAt } from "./geometry.js";
import { Gestures } from "./gestures.js";
import { Minimap } from "./minimap.js";
import { frames, layer, overlay } from "./picture.js";
import { pulse } from "./pulse.js";
import { sized } from "./words.js";

/** @import {Detail, Entry, Mode} from "./types.js" */
/** @import {Window} from "./geometry.js" */
/** @typedef {{element: HTMLElement, view: HTMLElement, world: HTMLElement}} Pane */

const SMALL = 24; // pixels of the screen: a region below that is zoomed in on
const GAP = 10;

export class Stage {
  /**
   * @param {HTMLElement} root
   * @param {import("./state.js").Store} store
   * @param {import("./prefs.js").Prefs} prefs
   * @param {import("./addresses.js").Addresses} addresses
   */
  constructor(root, store, prefs, addresses) {
    this.root = root;
    this.store = store;
    this.prefs = prefs;
    this.addresses = addresses;
    /** @type {Entry|null} */
    this.entry = null;
    /** @type {Detail|null} */
    this.detail = null;
    /** @type {[number, number]} */
    this.canvas = [1, 1];
    /** @type {import("./types.js").Region[]} */
    this.stops = [];
    /** @type {Pane[]} */
    this.panes = [];
    /** @type {HTMLElement|null} */
    this.divider = null;
    this.shown = "head";
    this.timer = 0;
    this.names = { base: "", head: "" };
    this.minimap = new Minimap((row) => this.lookAt(row));
    new Gestures(root, this);
    new ResizeObserver(() => this.move()).observe(root);
    store.subscribe((_, changed) => {
      if (changed.has("mode") || changed.has("side")) this.draw();
      else if (["x", "y", "zoom", "at"].some((key) => changed.has(key))) this.move();
    });
  }

  /** @param {Entry} entry @param {Detail} detail */
  show(entry, detail) {
    this.entry = entry;
    this.detail = detail;
    this.canvas = canvasOf(
      detail.base ? entry.baseSize : null,
      detail.head ? entry.headSize : null,
      detail.bands,
    );
    this.stops = stopsOf(detail.regions, detail.bands, this.canvas);
    this.draw();
  }

  /** Shows words instead of a snapshot. @param {string} words */
  clear(words) {
    clearInterval(this.timer);
    this.entry = this.detail = null;
    this.stops = [];
    this.panes = [];
    this.root.replaceChildren(el("p", { class: "nothing" }, words));
  }

  /** The mode that makes sense: one image alone has only one. @returns {Mode} */
  get mode() {
    return this.isPair() ? this.store.view.mode : "single";
  }

  /** Whether there are two images to hold against each other. */
  isPair() {
    return !!(this.detail?.base && this.detail.head);
  }

  /** Which image the single view shows. @returns {"base"|"head"} */
  get side() {
    if (!this.detail?.head) return "base";
    return this.detail.base ? this.store.view.side : "head";
  }

  /** Builds the panes anew. */
  draw() {
    clearInterval(this.timer);
    const { entry, detail, mode } = this;
    if (!entry || !detail) return;
    this.divider = null;
    this.root.dataset.mode = mode;
    if (!detail.base && !detail.head) {
      this.panes = [];
      this.root.replaceChildren(el("p", { class: "nothing" }, "The report has no picture of this snapshot."));
      return;
    }
    if (mode === "side") this.panes = [this.pane(["base"]), this.pane(["head"])];
    else this.panes = [this.pane(mode === "single" ? [this.side] : ["base", "head"])];
    const parts = this.panes.map((p) => p.element);
    const map = detail.regions.length || detail.bands.length ? [this.minimap.element] : [];
    this.minimap.show(detail, this.canvas[1]);
    this.root.replaceChildren(parts[0], ...map, ...parts.slice(1));
    if (mode === "swipe") {
      this.divider = el("div", { class: "divider", "aria-hidden": "true" });
      this.panes[0].view.append(this.divider);
    }
    if (mode === "blink") this.blink();
    this.move();
  }

  /** @param {("base"|"head")[]} sides @returns {Pane} */
  pane(sides) {
    const { entry, detail, mode } = /** @type {{entry: Entry, detail: Detail, mode: Mode}} */ (this);
    const world = el("div", { class: "world" });
    const layers = el("div", { class: "layers" });
    world.append(layers);
    for (const side of sides) {
      const size = (side === "base" ? entry.baseSize : entry.headSize) ?? null;
      if (size && detail[side])
        layers.append(layer(this.addresses, side, detail[side], size, detail, altOf(side, entry)));
      else if (detail[side]) layers.append(this.unmeasured(side));
    }
    // The mask is part of head: it is swiped, faded and blinked with it, and base stays clean.
    const head = layers.querySelector(".layer.head");
    if (detail.mask && head && this.isPair()) head.append(overlay(this.addresses, detail.mask, this.canvas));
    if (this.isPair())
      for (const side of sides.slice(-1)) world.append(frames(side, entry, detail, this.canvas));
    this.spread(world);
    const view = el("div", { class: "view" }, world);
    const element = el(
      "figure",
      { class: `pane ${sides.join(" ")}`, "aria-label": sides.join(" and ") },
      this.caption(sides, mode),
      view,
    );
    return { element, view, world };
  }

  /**
   * An image of which nobody knows the size, such as one that could not be read.
   * @param {"base"|"head"} side
   */
  unmeasured(side) {
    const { entry, detail } = /** @type {{entry: Entry, detail: Detail}} */ (this);
    const image = picture(altOf(side, entry));
    this.addresses.show(image, detail[side]);
    const made = el("div", { class: `layer ${side} unmeasured` }, image);
    image.addEventListener("load", () => {
      this.canvas = [
        Math.max(this.canvas[0], image.naturalWidth),
        Math.max(this.canvas[1], image.naturalHeight),
      ];
      for (const { world } of this.panes) this.spread(world);
      this.move();
    });
    image.addEventListener("error", () =>
      made.replaceChildren(el("p", { class: "gone" }, "The browser cannot read this image either.")),
    );
    return made;
  }

  /** @param {("base"|"head")[]} sides @param {Mode} mode */
  caption(sides, mode) {
    const { entry, detail } = /** @type {{entry: Entry, detail: Detail}} */ (this);
    const caption = el("figcaption", {});
    const [b, h] = [entry.baseSize, entry.headSize];
    const resized = isResized(entry);
    for (const side of sides) {
      const size = side === "base" ? b : h;
      const url = this.addresses.plain(detail[side]),
        open = `Open the ${side} image alone`;
      const label = el("b", {}, side === "base" ? "Base" : "Head");
      const words = el(
        "span",
        { class: `side ${side}` },
        label,
        el("span", { class: "build", title: this.names[side] }, this.names[side]),
      );
      if (size) words.append(el("span", { class: resized ? "size resized" : "size" }, sized(size)));
      if (resized && side === "head" && b && h) words.append(el("span", { class: "grown" }, grown(b, h)));
      // A picture within the file itself cannot be opened: browsers refuse such addresses.
      if (!url.startsWith("data:"))
        words.append(
          el(
            "a",
            { href: url, target: "_blank", rel: "noopener", "aria-label": open, title: open },
            icon("alone"),
          ),
        );
      caption.append(words);
    }
    if (mode === "blink") caption.append(el("span", { class: "now", "aria-live": "off" }, ""));
    return caption;
  }

  /** Shows base and head in turn; a person who wants stillness does it with the space bar. */
  blink() {
    this.flip("base");
    if (!stillness()) this.restart();
  }

  /** Blinks at another rate, if it blinks. */
  blinkAgain() {
    if (this.timer) this.restart();
  }

  restart() {
    clearInterval(this.timer);
    this.timer = setInterval(() => this.flip(), 1000 / this.prefs.rate);
  }

  /** Makes a pane's content as large as the canvas. @param {HTMLElement} world */
  spread(world) {
    lay(world, { x: 0, y: 0, width: this.canvas[0], height: this.canvas[1] });
  }

  /** @param {"base"|"head"} [to] */
  flip(to) {
    this.shown = to ?? (this.shown === "base" ? "head" : "base");
    this.root.dataset.shown = this.shown;
  }

  /** Stops or starts the blinking, or shows the other image of the single view. */
  toggle() {
    if (this.mode === "single") {
      this.store.set({ side: this.side === "head" ? "base" : "head" });
      return;
    }
    if (this.mode !== "blink") return;
    if (this.timer) {
      clearInterval(this.timer);
      this.timer = 0;
      this.flip();
      return;
    }
    if (stillness()) this.flip();
    else this.blink();
  }

  /** The size of the panes, which all have the same. @returns {[number, number]} */
  get room() {
    const view = this.panes[0]?.view;
    return view ? [Math.max(1, view.clientWidth - GAP), Math.max(1, view.clientHeight - GAP)] : [1, 1];
  }

  /** What is in sight. @returns {Window} */
  get window() {
    const { zoom, x, y } = this.store.view;
    const scale = zoom || fitScale(this.canvas, this.room);
    return clamped({ scale, x, y }, this.canvas, this.room);
  }

  /** Brings what is in sight, divider and opacity onto the screen. */
  move() {
    if (!this.panes.length) return;
    const { scale, x, y } = this.window,
      { at } = this.store.view,
      mode = this.mode;
    const [width, height] = this.room;
    for (const { world } of this.panes) {
      world.style.transform = `translate(${GAP / 2}px, ${GAP / 2}px) scale(${scale}) translate(${-x}px, ${-y}px)`;
      world.style.setProperty("--px", String(1 / scale));
      world.classList.toggle("pixelated", scale > 2);
      const [base, head] = ["base", "head"].map(
        (s) => /** @type {HTMLElement|null} */ (world.querySelector(`.layer.${s}`)),
      );
      const edge = x + (at * (width + GAP) - GAP / 2) / scale;
      if (head) head.style.clipPath = mode === "swipe" ? `inset(-1px -99999px -1px ${edge}px)` : "";
      if (base) base.style.clipPath = mode === "swipe" ? `inset(-1px calc(100% - ${edge}px) -1px -1px)` : "";
      if (head) head.style.opacity = mode === "onion" ? String(at) : "";
      if (mode === "diff")
        /** @type {HTMLElement} */ (world.querySelector(".layers")).style.filter =
          `brightness(${this.prefs.gain})`;
    }
    if (this.divider) this.divider.style.left = `${at * 100}%`;
    this.minimap.look(y, height / scale, this.canvas[1] * scale);
    this.root.dispatchEvent(new CustomEvent("moved", { detail: scale }));
  }

  /** @param {Window} to @param {boolean} zoomed */
  look(to, zoomed) {
    const { x, y, scale } = clamped(to, this.canvas, this.room);
    this.store.set(zoomed ? { zoom: scale, x, y } : { x, y });
  }

  /** @param {number} row */
  lookAt(row) {
    const w = this.window;
    this.look({ ...w, y: row - this.room[1] / w.scale / 2 }, false);
  }

  /** @param {number} dx pixels of the screen @param {number} dy */
  pan(dx, dy) {
    const w = this.window;
    this.look({ ...w, x: w.x - dx / w.scale, y: w.y - dy / w.scale }, false);
  }

  /** @param {number} factor @param {number} [px] point of the pane that stays @param {number} [py] */
  zoom(factor, px = this.room[0] / 2, py = this.room[1] / 2) {
    const w = this.window;
    this.look(zoomedAt(w, w.scale * factor, px, py), true);
  }

  /** Fits the picture into the pane. */
  fit() {
    this.store.set({ zoom: 0, x: 0, y: 0 });
  }

  /** @param {number} scale */
  zoomTo(scale) {
    this.zoom(scale / this.window.scale);
  }

  /** Where a picture that was just chosen begins: at its first change, if it is not seen whole. */
  begin() {
    if (this.store.view.zoom || !this.stops.length) return;
    const { scale } = this.window,
      inSight = this.room[1] / scale,
      [first] = this.stops;
    const y = first.y + first.height > inSight * 0.9 ? first.y - inSight / 3 : 0;
    this.store.set({ y: clamped({ scale, x: 0, y }, this.canvas, this.room).y });
  }

  /** Goes to the next or previous region, or to a certain one. @param {number} step */
  jump(step) {
    const n = this.stops.length;
    if (!n) return;
    const from = this.store.view.region;
    this.goTo(from ? ((from - 1 + step + n) % n) + 1 : step > 0 ? 1 : n);
  }

  /** @param {number} number of the region, from 1 */
  goTo(number) {
    const stop = this.stops[number - 1];
    if (!stop) return;
    const w = this.window,
      [width, height] = this.room;
    const small = Math.max(stop.width, stop.height) * w.scale < SMALL;
    const seen =
      stop.x >= w.x &&
      stop.y >= w.y &&
      stop.x + stop.width <= w.x + width / w.scale &&
      stop.y + stop.height <= w.y + height / w.scale;
    this.store.set({ region: number });
    if (small) this.look(focused(w, stop, this.room, true), true);
    else if (!seen) this.look(focused(w, stop, this.room, false), false);
    for (const { world } of this.panes) pulse(world, stop);
  }
}

/** @param {"base"|"head"} side @param {Entry} entry */
function altOf(side, entry) {
  return `${side === "base" ? "Base" : "Head"} of ${entry.title}`;
}

/** @param {[number, number]} from @param {[number, number]} to */
function grown(from, to) {
  /** @param {number} n */
  const signed = (n) => (n > 0 ? `+${n}` : n < 0 ? `−${-n}` : "±0");
  return `(${signed(to[0] - from[0])} × ${signed(to[1] - from[1])})`;
}
