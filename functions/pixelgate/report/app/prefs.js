// Preferences, which the browser remembers; they are not part of the address.

/**
 * @typedef {object} Prefs
 * @property {"auto"|"light"|"dark"} theme
 * @property {"auto"|"light"|"dark"} canvas the ground behind the pictures
 * @property {boolean} tint whether the mask lies on head; a tint would change its colours, so it is off at first
 * @property {boolean} boxes
 * @property {string} colour of the overlay
 * @property {number} opacity of the overlay
 * @property {number} rate blinks a second
 * @property {number} gain of the difference
 */

export const COLOURS = ["#e6007a", "#e00000", "#ff8a00", "#00a83e", "#0077ff", "#8b3dff"];
export const COLOUR_NAMES = ["magenta", "red", "orange", "green", "blue", "violet"];
const KEY = "pixelgate:preferences";

/** @type {Prefs} */
const USUAL = {
  theme: "auto",
  canvas: "auto",
  tint: false,
  boxes: true,
  colour: COLOURS[0],
  opacity: 0.5,
  rate: 2,
  gain: 4,
};

/**
 * What the browser remembers under a key; undefined if nothing, or if it may not remember.
 * @param {string} key
 * @returns {any}
 */
export function remembered(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}

/** Returns whether the browser will remember it. @param {string} key @param {unknown} value */
export function remember(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

/** @returns {Prefs} */
export function readPrefs() {
  const prefs = { ...USUAL };
  const stored = remembered(KEY);
  for (const key of /** @type {(keyof Prefs)[]} */ (Object.keys(USUAL))) {
    // @ts-ignore - the same key of the same type, which tsc cannot follow
    if (stored && typeof stored[key] === typeof USUAL[key]) prefs[key] = stored[key];
  }
  if (!COLOURS.includes(prefs.colour)) prefs.colour = USUAL.colour;
  return prefs;
}

/** What comes after one of auto, light and dark. @param {Prefs["theme"]} light */
export function nextLight(light) {
  const order = /** @type {const} */ (["auto", "light", "dark"]);
  return order[(order.indexOf(light) + 1) % order.length];
}

/** @param {Prefs} prefs */
export function writePrefs(prefs) {
  remember(KEY, prefs);
}
