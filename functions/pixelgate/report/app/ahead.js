// What a person probably looks at next: pictures that are fetched, and addresses that are asked for.

import { detailOf, isQuiet } from "./data.js";
import { isShot } from "./rows.js";

/** @import {App} from "./main.js" */

const NEXT = 8; // rows below the shown one whose pictures' addresses are asked for
const REST = 200; // milliseconds for which one looks at a snapshot before the next one is fetched

/** The rows with snapshots below the shown one. @param {App} app @param {number} most */
function below(app, most) {
  const key = app.selectedKey(),
    at = app.rows.findIndex((r) => r.key === key);
  return app.rows.slice(at + 1, at + 1 + most).filter(isShot);
}

/** Lets the browser fetch the next snapshot. @param {App} app */
export function preload(app) {
  const next = below(app, 3)[0];
  if (!next || isQuiet(next.entries[0])) return;
  setTimeout(() => {
    const detail = detailOf(app.details, next.entries[0].id);
    app.addresses.ahead([detail.base, detail.head]);
  }, REST);
}

/** Pictures of the next snapshots, and thumbnails on both sides of what the list shows. @param {App} app */
export function* likely(app) {
  const { rows, details, list } = app;
  for (const row of details ? below(app, NEXT) : []) {
    const { base, head, mask } = detailOf(details, row.entries[0].id);
    yield* [base, head, mask];
  }
  const [from, to] = list.inSight;
  for (let i = 1; to + i < rows.length || from - i >= 0; i++)
    for (const row of [rows[to + i], rows[from - i]])
      if (row && isShot(row) && !isQuiet(row.entries[0])) yield list.on.thumb(row.entries[0]);
}
