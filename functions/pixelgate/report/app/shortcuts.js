// All keys of the page and what they do.

import { showKeys } from "./dialogs.js";
import { shown } from "./keys.js";
import { MODES } from "./toolbar.js";
import { STATUSES } from "./types.js";

/** @param {import("./main.js").App} app @returns {import("./keys.js").Key[]} */
export function keysOf(app) {
  const { stage, store, toolbar } = app,
    step = 60;
  /** @param {number} by */
  const slide = (by) => store.set({ at: Math.min(1, Math.max(0, store.view.at + by)) });
  return [
    { keys: ["ArrowDown"], part: "Snapshots", says: "next", does: () => app.step(1) },
    { keys: ["ArrowUp"], part: "Snapshots", says: "previous", does: () => app.step(-1) },
    ...STATUSES.map((_, n) => ({
      keys: [String(n + 1)],
      shown: ["1", "…", "8"],
      hidden: n > 0,
      part: "Snapshots",
      says: "first errored, changed, added …",
      does: () => app.toStatus(n),
    })),
    { keys: ["g"], part: "Snapshots", says: "open or fold those alike", does: () => app.group() },
    { keys: ["t"], part: "Snapshots", says: "folders", does: () => store.set({ tree: !store.view.tree }) },
    {
      keys: ["/"],
      part: "Snapshots",
      says: "search",
      does: () => {
        document.body.dataset.pane = "list";
        app.filters.box.focus();
        app.filters.box.select();
      },
    },
    {
      keys: ["Escape"],
      part: "Snapshots",
      says: "clear the search, back to the list",
      does: () => {
        store.set({ q: "" });
        app.toList();
      },
    },
    { keys: ["a"], part: "Review", says: "approve, and on", does: () => app.deciding.decideOn("approve") },
    { keys: ["r"], part: "Review", says: "reject, and on", does: () => app.deciding.decideOn("reject") },
    {
      keys: ["a"],
      shift: true,
      part: "Review",
      says: "approve all found",
      does: () => app.deciding.bulk("approve"),
    },
    {
      keys: ["r"],
      shift: true,
      part: "Review",
      says: "reject all found",
      does: () => app.deciding.bulk("reject"),
    },
    { keys: ["c"], part: "Review", says: "say why", does: () => app.deciding.reason.focus() },
    { keys: ["u"], part: "Review", says: "undecided again", does: () => app.deciding.decideOn(null) },
    {
      keys: ["z"],
      control: true,
      part: "Review",
      says: "undo the last decision",
      does: () => app.deciding.undo(),
    },
    {
      keys: ["e"],
      part: "Review",
      says: "hand in",
      does: () => app.end(),
    },
    { keys: ["j"], part: "Changes", says: "next region", does: () => stage.jump(1) },
    { keys: ["k"], part: "Changes", says: "previous region", does: () => stage.jump(-1) },
    { keys: ["m"], part: "Changes", says: "tint with the mask", does: () => toolbar.flip("tint") },
    { keys: ["h"], part: "Changes", says: "boxes", does: () => toolbar.flip("boxes") },
    ...MODES.map(([mode, , key, says]) => ({
      keys: [key.toLowerCase()],
      part: "View",
      says: says.toLowerCase(),
      does: () => store.set({ mode }),
    })),
    { keys: ["ArrowLeft"], part: "View", says: "base alone", does: () => app.look("base") },
    { keys: ["ArrowRight"], part: "View", says: "head alone", does: () => app.look("head") },
    { keys: [" "], part: "View", says: "other image, pause blinking", does: () => stage.toggle() },
    { keys: [","], part: "View", says: "divider or opacity down", does: () => slide(-0.05) },
    { keys: ["."], part: "View", says: "divider or opacity up", does: () => slide(0.05) },
    { keys: ["f", "0"], part: "Zoom", says: "fit", does: () => stage.fit() },
    { keys: ["z"], part: "Zoom", says: "100 %", does: () => stage.zoomTo(1) },
    { keys: ["+", "="], shown: ["+"], part: "Zoom", says: "in", does: () => stage.zoom(1.25) },
    { keys: ["-"], part: "Zoom", says: "out", does: () => stage.zoom(1 / 1.25) },
    ...Object.entries({
      ArrowLeft: [step, 0],
      ArrowRight: [-step, 0],
      ArrowUp: [0, step],
      ArrowDown: [0, -step],
    }).map(([key, [dx, dy]], n) => ({
      keys: [key],
      shift: true,
      shown: ["Shift ←↑↓→"],
      hidden: n > 0,
      part: "Zoom",
      says: "move the picture",
      does: () => stage.pan(dx, dy),
    })),
    { keys: ["l"], part: "Page", says: "light or dark canvas", does: () => toolbar.nextCanvas() },
    { keys: ["y"], part: "Page", says: "light, dark or auto", does: () => app.nextTheme() },
    { keys: ["i"], part: "Page", says: "facts", does: () => store.set({ facts: !store.view.facts }) },
    { keys: ["?"], part: "Page", says: "these keys", does: () => showKeys(shown(keysOf(app))) },
  ];
}
