// Draws the eye to a place in the picture.

import { attribute, el, stillness } from "./dom.js";

/**
 * Draws the eye to a box; for who wants stillness it is only framed for a moment.
 * @param {HTMLElement} world
 * @param {import("./types.js").Box} box
 */
export function pulse(world, box) {
  for (const old of world.querySelectorAll(".pulse")) old.remove();
  const ring = el("div", { class: "pulse" });
  attribute(ring, { "data-region": `${box.x},${box.y}` });
  Object.assign(ring.style, {
    left: `${box.x}px`,
    top: `${box.y}px`,
    width: `${box.width}px`,
    height: `${box.height}px`,
  });
  world.append(ring);
  const still = [{ opacity: 1 }, { opacity: 1 }, { opacity: 0 }];
  const moving = [
    { opacity: 0, outlineOffset: "calc(var(--px) * 40px)" },
    { opacity: 1, outlineOffset: "calc(var(--px) * 4px)", offset: 0.3 },
    { opacity: 1, outlineOffset: "calc(var(--px) * 12px)", offset: 0.5 },
    { opacity: 1, outlineOffset: "calc(var(--px) * 4px)", offset: 0.7 },
    { opacity: 0, outlineOffset: "calc(var(--px) * 4px)" },
  ];
  ring.animate(stillness() ? still : moving, { duration: 1400 }).finished.then(
    () => ring.remove(),
    () => {},
  );
}
