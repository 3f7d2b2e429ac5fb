// Highlights a place in the picture for a moment.

import { el, lay, stillness } from "./dom.js";

/**
 * Draws the eye to a box; for who wants stillness it is only framed for a moment.
 * @param {HTMLElement} world
 * @param {import("./types.js").Box} box
 */
export function pulse(world, box) {
  for (const old of world.querySelectorAll(".pulse")) old.remove();
  const ring = el("div", { class: "pulse", "data-region": `${box.x},${box.y}` });
  lay(ring, box);
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
