// The view: what is on the screen. It is kept in the address, so that a link shows the same.

/** @import {View} from "./types.js" */

/** @type {Readonly<View>} */
export const DEFAULTS = {
  q: "",
  name: "",
  whole: false,
  sort: "severity",
  tree: false,
  folds: [],
  mode: "side",
  side: "head",
  at: 0.5,
  zoom: 0,
  x: 0,
  y: 0,
  region: 0,
  facts: true,
};

/** The short names that the address has for them. @type {Record<keyof View, string>} */
const KEYS = {
  .../** @type {Record<keyof View, string>} */ (
    Object.fromEntries(Object.keys(DEFAULTS).map((key) => [key, key]))
  ),
  ...{ name: "s", folds: "fold", mode: "m", zoom: "z", region: "r" },
};
const CHOICES = /** @type {Record<string, string[]>} */ ({
  sort: ["severity", "size", "name"],
  mode: ["side", "swipe", "onion", "blink", "diff", "single"],
  side: ["base", "head"],
});

/** The fragment that says all that is not as it is by default. @param {View} view */
export function toHash(view) {
  const words = new URLSearchParams();
  for (const key of /** @type {(keyof View)[]} */ (Object.keys(KEYS))) {
    const value = view[key];
    if (Array.isArray(value)) for (const fold of value) words.append(KEYS[key], fold);
    else if (typeof value === "number" && value !== DEFAULTS[key])
      words.set(KEYS[key], String(Math.round(value * 1e4) / 1e4));
    else if (typeof value === "boolean" && value !== DEFAULTS[key]) words.set(KEYS[key], value ? "1" : "0");
    else if (typeof value === "string" && value !== DEFAULTS[key]) words.set(KEYS[key], value);
  }
  const text = words.toString();
  return text && `#${text}`;
}

/**
 * The inverse of toHash; what makes no sense is left as it is by default.
 * @param {string} hash
 * @returns {View}
 */
export function fromHash(hash) {
  const words = new URLSearchParams(hash.replace(/^#/, ""));
  /** @type {Record<string, any>} */
  const view = { ...DEFAULTS };
  for (const [key, short] of Object.entries(KEYS)) {
    const value = words.get(short);
    if (value === null) continue;
    const usual = DEFAULTS[/** @type {keyof View} */ (key)];
    if (Array.isArray(usual)) view[key] = words.getAll(short);
    else if (typeof usual === "boolean") view[key] = value === "1";
    else if (typeof usual === "number") view[key] = Number.isFinite(Number(value)) ? Number(value) : usual;
    else if (!(key in CHOICES) || CHOICES[key].includes(value)) view[key] = value;
  }
  view.at = Math.min(1, Math.max(0, view.at));
  view.zoom = view.zoom > 0 ? Math.min(64, Math.max(0.01, view.zoom)) : 0;
  return /** @type {View} */ (view);
}

/** The view, who wants to hear of it, and the address. */
export class Store {
  constructor() {
    /** @type {View} */
    this.view = fromHash(location.hash);
    /** @type {((view: View, changed: Set<string>) => void)[]} */
    this.listeners = [];
    this.written = location.hash;
    this.timer = 0;
    addEventListener("hashchange", () => {
      if (location.hash !== this.written) this.set(fromHash(location.hash));
    });
  }

  /** @param {(view: View, changed: Set<string>) => void} listener */
  subscribe(listener) {
    this.listeners.push(listener);
  }

  /** @param {Partial<View>} patch */
  set(patch) {
    const before = /** @type {Record<string, any>} */ (this.view);
    const changed = new Set(
      Object.entries(patch)
        .filter(([k, v]) => before[k] !== v)
        .map(([k]) => k),
    );
    if (!changed.size) return;
    this.view = { ...this.view, ...patch };
    for (const listener of this.listeners) listener(this.view, changed);
    // Browsers refuse to write the address more than some hundred times in half a minute.
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.write(), 120);
  }

  /** Puts the view into the address. */
  write() {
    this.written = toHash(this.view);
    try {
      history.replaceState(null, "", this.written || location.pathname + location.search);
    } catch {
      this.written = location.hash; // an address that may not be written is no reason to stop
    }
  }
}
