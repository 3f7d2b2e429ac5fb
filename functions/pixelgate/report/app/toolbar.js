// The controls above the pictures: modes, zoom, regions, overlay, canvas.

import { button, el } from "./dom.js";
import { COLOURS, COLOUR_NAMES, nextLight, writePrefs } from "./prefs.js";

/** @import {Mode, View} from "./types.js" */
/** @import {Stage} from "./stage.js" */

/** Mode, label, key, what it is. @type {[Mode, string, string, string][]} */
export const MODES = [
  ["side", "Side", "S", "Side by side"],
  ["swipe", "Swipe", "W", "Swipe"],
  ["onion", "Onion", "O", "Onion skin"],
  ["blink", "Blink", "B", "Blink"],
  ["diff", "Diff", "D", "Difference"],
  ["single", "Single", "X", "Single image"],
];

export class Toolbar {
  /**
   * @param {HTMLElement} root
   * @param {Stage} stage
   * @param {() => void} applied called when a preference has changed
   */
  constructor(root, stage, applied) {
    this.stage = stage;
    this.prefs = stage.prefs;
    this.applied = applied;
    const { store } = stage;
    this.modes = MODES.map(([mode, label, key, says]) =>
      button(label, `${says} (${key})`, () => store.set({ mode }), {
        "data-mode": mode,
        "aria-pressed": "false",
      }),
    );
    this.extra = el("span", { class: "extra" });
    this.scale = button("100 %", "Zoom to 100 % (Z)", () => stage.zoomTo(1), { class: "scale" });
    this.fit = button("Fit", "Fit into the pane (F)", () => stage.fit(), { "aria-pressed": "true" });
    this.where = el("span", { class: "where", role: "status" });
    this.jumps = group(
      "Changes",
      button("‹", "Previous change (K)", () => stage.jump(-1)),
      this.where,
      button("›", "Next change (J)", () => stage.jump(1)),
    );
    this.overlay = button(
      "Mask",
      "Tint the changed pixels (M); point here to see them",
      () => this.flip("tint"),
      {
        "aria-pressed": "false",
      },
    );
    for (const [event, seen] of /** @type {const} */ ([
      ["pointerenter", true],
      ["pointerleave", false],
    ]))
      this.overlay.addEventListener(event, () => document.body.classList.toggle("peek", seen));
    this.boxes = button("Boxes", "Frame the regions (H)", () => this.flip("boxes"), {
      "aria-pressed": "true",
    });
    this.swatches = COLOURS.map((colour, i) => {
      const made = button("", `Mask in ${COLOUR_NAMES[i]}`, () => this.set({ colour }), {
        class: "swatch",
        "data-colour": colour,
        "aria-pressed": "false",
      });
      made.style.setProperty("--swatch", colour);
      return made;
    });
    this.opacity = slider("Opacity of the mask", 0.1, 1, 0.05, (value) => this.set({ opacity: value }));
    this.canvas = button("Canvas", "Light or dark canvas (L)", () => this.nextCanvas());
    root.append(
      group("View", ...this.modes),
      this.extra,
      group(
        "Zoom",
        button("−", "Zoom out (−)", () => stage.zoom(1 / 1.25)),
        this.scale,
        button("+", "Zoom in (+)", () => stage.zoom(1.25)),
        this.fit,
      ),
      this.jumps,
      group(
        "Mask",
        this.overlay,
        this.boxes,
        el("span", { class: "swatches" }, ...this.swatches),
        this.opacity,
      ),
      group("Canvas", this.canvas),
    );
    stage.root.addEventListener("moved", (e) => this.moved(/** @type {CustomEvent} */ (e).detail));
    store.subscribe((_, changed) => {
      if (changed.has("mode") || changed.has("side") || changed.has("region") || changed.has("at"))
        this.update();
    });
  }

  /** @param {Partial<import("./prefs.js").Prefs>} patch */
  set(patch) {
    Object.assign(this.prefs, patch);
    writePrefs(this.prefs);
    this.update();
    this.applied();
  }

  /** @param {"tint"|"boxes"} marks */
  flip(marks) {
    this.set({ [marks]: !this.prefs[marks] });
  }

  nextCanvas() {
    this.set({ canvas: nextLight(this.prefs.canvas) });
  }

  /** @param {number} scale */
  moved(scale) {
    this.scale.textContent = `${Math.round(scale * 100)} %`;
    this.fit.setAttribute("aria-pressed", String(this.stage.store.view.zoom === 0));
  }

  /** Shows how things are. */
  update() {
    const { stage, prefs } = this,
      { view } = stage.store,
      pair = stage.isPair(),
      mode = stage.mode;
    for (const control of this.modes) {
      control.setAttribute("aria-pressed", String(control.dataset.mode === mode));
      control.disabled = !pair;
    }
    const n = stage.stops.length;
    this.where.textContent = n
      ? `${view.region ? `${view.region} of ` : ""}${n} ${n === 1 ? "change" : "changes"}`
      : "no regions";
    for (const jump of this.jumps.querySelectorAll("button")) jump.disabled = !n;
    this.overlay.setAttribute("aria-pressed", String(prefs.tint));
    this.boxes.setAttribute("aria-pressed", String(prefs.boxes));
    for (const swatch of this.swatches)
      swatch.setAttribute("aria-pressed", String(swatch.dataset.colour === prefs.colour));
    /** @type {HTMLInputElement} */ (this.opacity).value = String(prefs.opacity);
    this.canvas.textContent = `Canvas: ${prefs.canvas}`;
    this.special(mode, view);
  }

  /** What only one mode needs. @param {Mode} mode @param {View} view */
  special(mode, view) {
    const { stage } = this,
      now = this.extra.dataset.mode;
    if (now !== mode) {
      this.extra.dataset.mode = mode;
      const made = {
        swipe: () => [slider("Divider", 0, 1, 0.01, (at) => stage.store.set({ at }))],
        onion: () => [slider("Opacity of head", 0, 1, 0.01, (at) => stage.store.set({ at }))],
        blink: () => [
          button("Pause", "Pause, or show the other image (Space)", () => stage.toggle()),
          slider("Blinks a second", 0.5, 4, 0.5, (rate) => {
            this.set({ rate });
            stage.blinkAgain();
          }),
        ],
        diff: () => [
          slider("Brighter", 1, 16, 1, (gain) => {
            this.set({ gain });
            stage.move();
          }),
        ],
        single: () => [button("Base / Head", "Show the other image (Space, ←, →)", () => stage.toggle())],
        side: () => [],
      }[mode]();
      this.extra.replaceChildren(...made);
    }
    const input = /** @type {HTMLInputElement|null} */ (this.extra.querySelector("input"));
    if (input && document.activeElement !== input)
      input.value = String(mode === "blink" ? this.prefs.rate : mode === "diff" ? this.prefs.gain : view.at);
    if (mode === "single")
      for (const control of this.extra.querySelectorAll("button")) control.disabled = !stage.isPair();
  }
}

/** @param {string} label @param {...Node} content */
function group(label, ...content) {
  return el("span", { class: "group", role: "group", "aria-label": label }, ...content);
}

/**
 * @param {string} label
 * @param {number} min
 * @param {number} max
 * @param {number} step
 * @param {(value: number) => void} does
 */
function slider(label, min, max, step, does) {
  const made = el("input", { type: "range", min, max, step, "aria-label": label, title: label });
  made.addEventListener("input", () => does(Number(made.value)));
  return made;
}
