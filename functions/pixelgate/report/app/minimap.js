// The gutter between the panes: which rows changed, and which of them are in sight.

import { el, svg } from "./dom.js";
import { foldedBands } from "./geometry.js";

/** @import {Detail} from "./types.js" */

/** A scrollbar that shows where the changes are. */
export class Minimap {
  /** @param {(y: number) => void} scrollTo called with the row that shall be in the middle */
  constructor(scrollTo) {
    this.rows = 1;
    this.inSight = 1;
    this.at = 0;
    this.window = el("div", { class: "window" });
    this.track = el("div", { class: "track" });
    this.element = el("div", {
      class: "minimap",
      role: "scrollbar",
      tabindex: "0",
      "aria-label": "Changed rows",
      "aria-orientation": "vertical",
      "aria-controls": "panes",
      "aria-valuemin": "0",
      "aria-valuemax": "100",
      "aria-valuenow": "0",
    });
    /** @param {PointerEvent} e */
    const go = (e) => {
      const { top, height } = this.track.getBoundingClientRect();
      scrollTo(((e.clientY - top) / height) * this.rows);
    };
    this.element.addEventListener("pointerdown", (e) => {
      this.element.setPointerCapture(e.pointerId);
      go(e);
    });
    this.element.addEventListener("pointermove", (e) => e.buttons && go(e));
    this.element.addEventListener("keydown", (e) => {
      const steps = /** @type {Record<string, number>} */ ({
        ArrowUp: -0.2,
        ArrowDown: 0.2,
        PageUp: -0.9,
        PageDown: 0.9,
        Home: -1e9,
        End: 1e9,
      });
      if (!(e.key in steps)) return;
      e.preventDefault();
      e.stopPropagation();
      scrollTo(this.at + this.inSight / 2 + steps[e.key] * this.inSight);
    });
  }

  /** @param {Detail} detail @param {number} rows of the canvas */
  show(detail, rows) {
    this.rows = rows;
    const drawn = svg("svg", {
      viewBox: `0 0 10 ${rows}`,
      preserveAspectRatio: "none",
      "aria-hidden": "true",
    });
    // At least a line that can be seen, whatever the height of the picture.
    const least = rows / 160;
    /** @param {number} y @param {number} height @param {string} kind */
    const mark = (y, height, kind) =>
      drawn.append(svg("rect", { class: kind, x: 0, width: 10, y, height: Math.max(height, least) }));
    for (const region of detail.regions) if (!region.mark) mark(region.y, region.height, "noise");
    for (const region of detail.regions) if (region.mark) mark(region.y, region.height, "changed");
    for (const band of foldedBands(detail.bands))
      if (band.axis === "rows") mark(band.start, band.length, band.kind);
    this.track.replaceChildren(drawn, this.window);
    this.element.replaceChildren(this.track);
  }

  /**
   * @param {number} y the first row in sight
   * @param {number} inSight rows
   * @param {number} tall pixels of the screen that the whole picture takes
   */
  look(y, inSight, tall) {
    // Where all of the picture is in sight, each mark lies beside what it means.
    this.track.style.height = `min(100%, ${tall}px)`;
    this.at = y;
    this.inSight = inSight;
    const share = Math.min(1, inSight / this.rows),
      top = Math.max(0, y / this.rows);
    Object.assign(this.window.style, { top: `${100 * top}%`, height: `${100 * share}%` });
    this.window.hidden = share >= 1;
    this.element.setAttribute(
      "aria-valuenow",
      String(share >= 1 ? 0 : Math.round((100 * top) / (1 - share))),
    );
  }
}
