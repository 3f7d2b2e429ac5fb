// Wheel, pinch and drag on a pane move and zoom the pictures in all panes.

/** @typedef {{pan: (dx: number, dy: number) => void, zoom: (factor: number, px: number, py: number) => void, zoomTo: (scale: number) => void, fit: () => void, mode: string, store: import("./state.js").Store}} Target */

const LINE = 16;

/** Listens on the panes and tells the stage. */
export class Gestures {
  /** @param {HTMLElement} root @param {Target} target */
  constructor(root, target) {
    this.target = target;
    /** @type {Map<number, {x: number, y: number}>} */
    this.fingers = new Map();
    /** @type {DOMRect|null} */
    this.dividing = null;
    this.spread = 0;
    root.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    root.addEventListener("pointerdown", (e) => this.down(e));
    root.addEventListener("pointermove", (e) => this.moved(e));
    for (const end of ["pointerup", "pointercancel"])
      root.addEventListener(end, (e) => this.up(/** @type {PointerEvent} */ (e)));
    root.addEventListener("dblclick", (e) => {
      if (!view(e)) return;
      if (target.store.view.zoom) target.fit();
      else target.zoomTo(1);
    });
  }

  /** @param {WheelEvent} e */
  wheel(e) {
    const pane = view(e);
    if (!pane) return;
    e.preventDefault();
    const unit = e.deltaMode === 1 ? LINE : e.deltaMode === 2 ? pane.clientHeight : 1;
    const [dx, dy] = [e.deltaX * unit, e.deltaY * unit];
    // Browsers tell a pinch on a touchpad as a wheel with the control key.
    if (e.ctrlKey || e.metaKey) this.target.zoom(Math.exp(-dy / 300), ...within(e, pane));
    else if (e.shiftKey && !dx) this.target.pan(-dy, 0);
    else this.target.pan(-dx, -dy);
  }

  /** @param {PointerEvent} e */
  down(e) {
    const pane = view(e);
    if (!pane || e.button !== 0) return;
    pane.setPointerCapture(e.pointerId);
    this.fingers.set(e.pointerId, { x: e.clientX, y: e.clientY });
    const onDivider = /** @type {Element} */ (e.target).classList.contains("divider");
    this.dividing = onDivider ? pane.getBoundingClientRect() : null;
    this.spread = this.distance();
    pane.classList.add("dragging");
  }

  /** @param {PointerEvent} e */
  moved(e) {
    const finger = this.fingers.get(e.pointerId),
      pane = view(e);
    if (!finger || !pane) return;
    const [dx, dy] = [e.clientX - finger.x, e.clientY - finger.y];
    this.fingers.set(e.pointerId, { x: e.clientX, y: e.clientY });
    if (this.dividing) {
      const at = (e.clientX - this.dividing.left) / this.dividing.width;
      this.target.store.set({ at: Math.min(1, Math.max(0, at)) });
      return;
    }
    this.target.pan(dx / this.fingers.size, dy / this.fingers.size);
    if (this.fingers.size === 2) {
      const spread = this.distance(),
        [a, b] = [...this.fingers.values()];
      if (this.spread && spread)
        this.target.zoom(
          spread / this.spread,
          ...within({ clientX: (a.x + b.x) / 2, clientY: (a.y + b.y) / 2 }, pane),
        );
      this.spread = spread;
    }
  }

  /** @param {PointerEvent} e */
  up(e) {
    this.fingers.delete(e.pointerId);
    this.spread = this.distance();
    if (!this.fingers.size) this.dividing = null;
    view(e)?.classList.remove("dragging");
  }

  /** Between two fingers. */
  distance() {
    const [a, b] = [...this.fingers.values()];
    return a && b ? Math.hypot(a.x - b.x, a.y - b.y) : 0;
  }
}

/** @param {Event} e */
function view(e) {
  return /** @type {HTMLElement|null} */ (/** @type {Element} */ (e.target).closest(".view"));
}

/** @param {{clientX: number, clientY: number}} at @param {HTMLElement} pane @returns {[number, number]} */
function within(at, pane) {
  const box = pane.getBoundingClientRect();
  return [at.clientX - box.left, at.clientY - box.top];
}
