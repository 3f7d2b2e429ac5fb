// Elements without markup: text is always text, so no name can become part of the page.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element. Keys beginning with "on" are listeners, other keys attributes.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [attributes] null and false leave one out
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  attribute(made, attributes);
  for (const child of children) if (child || child === "") made.append(child);
  return made;
}

/**
 * Makes an SVG element.
 * @param {string} tag
 * @param {Record<string, any>} [attributes]
 * @param {...Node} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  const made = /** @type {SVGElement} */ (document.createElementNS(SVG, tag));
  attribute(made, attributes);
  made.append(...children);
  return made;
}

/** Icons as paths on a square of 16; not every machine has a font with these signs. */
const ICONS = {
  approve: "M3 8.5 6.5 12 13 4.5",
  reject: "M4 4 12 12M12 4 4 12",
  mixed: "M3 8H13",
  fold: "M4 6 8 10.5 12 6",
  open: "M6 4 10.5 8 6 12",
  alone: "M6 3H3V13H13V10M9 3H13V7M13 3 7.5 8.5",
};

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  return svg(
    "svg",
    { class: "icon", viewBox: "0 0 16 16", "aria-hidden": "true" },
    svg("path", { d: ICONS[name] }),
  );
}

/**
 * A button. What can be read is its name; signs and swatches are named by their title.
 * @param {string} label
 * @param {string|null} title
 * @param {() => void} does
 * @param {Record<string, any>} [more] attributes
 */
export function button(label, title, does, more = {}) {
  const named = /[a-z0-9]{2}/i.test(label) ? null : title;
  return el("button", { type: "button", title, "aria-label": named, onclick: does, ...more }, label);
}

/** A picture without an address, which only `Addresses.show` gives it. @param {string} alt */
export function picture(alt) {
  return el("img", { alt, decoding: "async", draggable: "false" });
}

/**
 * Gives an element its place and its size.
 * @param {HTMLElement} element
 * @param {import("./types.js").Box} box in pixels
 */
export function lay(element, { x, y, width, height }) {
  const style = { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` };
  Object.assign(element.style, style);
}

/** Sets attributes and listeners. @param {Element} on @param {Record<string, any>} attributes */
export function attribute(on, attributes) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) on.removeAttribute(key);
    else if (key.startsWith("on")) on.addEventListener(key.slice(2), value);
    else on.setAttribute(key, value === true ? "" : String(value));
  }
}

/** The element with that id, which index.html has. @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no #${id}`);
  return element;
}

/** Whether the person asked for less motion. */
export function stillness() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
