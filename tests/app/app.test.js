// The parts of the page that need no page: search, rows, geometry, address, data.

import assert from "node:assert/strict";
import { test } from "node:test";
import { detailOf, entriesOf } from "../../functions/pixelgate/report/app/data.js";
import {
  boxOf,
  canvasOf,
  clamped,
  fitScale,
  foldedBands,
  slicesOf,
  stopsOf,
  zoomedAt,
} from "../../functions/pixelgate/report/app/geometry.js";
import { matches, parse, term, toggled } from "../../functions/pixelgate/report/app/query.js";
import { rowsOf, sorted } from "../../functions/pixelgate/report/app/rows.js";
import { DEFAULTS, fromHash, toHash } from "../../functions/pixelgate/report/app/state.js";
import { count, percent, quoted } from "../../functions/pixelgate/report/app/words.js";

const [ERRORED, CHANGED, ADDED, , , , UNCHANGED] = [0, 1, 2, 3, 4, 5, 6];

function entry(name, more = {}) {
  return {
    id: 0,
    name,
    title: name,
    status: CHANGED,
    changed: 10,
    total: 1000,
    group: -1,
    thumb: "",
    tags: [],
    headSize: [100, 10],
    baseSize: [100, 10],
    recoloured: false,
    learned: 0,
    words: name.toLowerCase(),
    ...more,
  };
}

function finds(query, one, decision) {
  return matches(parse(query), one, decision);
}

const button = entry("Forms/Button dark.png", {
  tags: ["dark", "Mobile Safari"],
  words: "forms/button dark.png",
});

for (const [query, holds] of [
  ["", true],
  ["button", true],
  ["BUTTON", true],
  ["butter", false],
  ["button dark", true],
  ["button light", false],
  ['"button dark"', true],
  ['"dark button"', false],
  ["-legacy", true],
  ["-button", false],
  ['-"button dark"', false],
  ["s:changed", true],
  ["s:ch", true],
  ["s:added", false],
  ["s:added s:changed", true],
  ["s:added,changed", true],
  ["s:", true],
  ["-s:changed", false],
  ["-s:added", true],
  ["t:dark", true],
  ["t:DARK", true],
  ["t:dar", false],
  ['t:"mobile safari"', true],
  ["t:dark t:light", false],
  ["-t:dark", false],
  [">0.5%", true],
  [">1%", false],
  ["<1%", false],
  ["<1.1%", true],
  [">9px", true],
  [">9", true],
  [">10", false],
  ["<11px", true],
  ["-<11px", false],
  ["is:resized", false],
  ["is:recoloured", false],
  ["is:learned", false],
  ["is:alike", false],
  ["d:undecided", true],
  ["d:approved", false],
  ["x:button", false],
  ['"unclosed', false],
  ['"button', true],
  ["s:changed t:dark >0.5% button -legacy", true],
]) {
  test(`search ${query}`, () => assert.equal(finds(query, button), holds));
}

test("search in another Unicode form", () => {
  const one = entry("u", { words: "\u00fcbersicht" });
  assert.ok(finds("u\u0308ber", one));
});

test("search for decisions", () => {
  assert.ok(finds("d:approved", button, "approve"));
  assert.ok(finds("d:rejected d:approve", button, "approve"));
  assert.ok(!finds("d:undecided", button, "approve"));
});

test("search for what has no mask or another size", () => {
  assert.ok(finds("is:recoloured", entry("a", { recoloured: true })));
  assert.ok(finds("is:learned", entry("a", { learned: 2 })));
  assert.ok(finds("is:resized", entry("a", { headSize: [100, 11] })));
  assert.ok(!finds("is:resized", entry("a", { baseSize: null })));
  assert.ok(finds("is:alike g:3", entry("a", { group: 2 })));
  assert.ok(!finds("<1%", entry("a", { changed: 0, total: 0 })), "nothing was measured");
});

test("chips put their word in and take it out", () => {
  assert.equal(toggled("", "s:changed"), "s:changed");
  assert.equal(toggled("a s:changed", "t:x"), "a s:changed t:x");
  assert.equal(toggled("a S:changed b", "s:changed"), "a b");
  assert.equal(toggled('t:"two words" x', term("t", "two words")), "x");
});

test("percent never says none for something or all for less", () => {
  const shown = [
    [0, 100],
    [1, 4e7],
    [123, 1e6],
    [1, 3],
    [995, 1000],
    [999999, 1e6],
    [5, 5],
  ].map(([a, b]) => percent(a, b));
  assert.deepEqual(shown, ["0 %", "< 0.01 %", "0.012 %", "33 %", "99.50 %", "99.99 %", "100 %"]);
  assert.equal(percent(0, 0), "");
  assert.deepEqual([count(1, "row"), count(1234, "row")], ["1 row", "1,234 rows"]);
});

test("words for a shell", () => {
  assert.equal(quoted("b1/x-2.png"), "b1/x-2.png");
  assert.equal(quoted("a b"), "'a b'");
  assert.equal(quoted("it's $(rm)"), "'it'\\''s $(rm)'");
});

const band = (kind, start, length, axis = "rows") => ({
  kind,
  axis,
  start,
  length,
  baseStart: start,
  headStart: start,
});
const inserted = (start, length, axis) => band("inserted", start, length, axis);
const deleted = (start, length, axis) => band("deleted", start, length, axis);

test("images are cut along what only the other one has", () => {
  const bands = [inserted(3, 2), deleted(8, 1)];
  assert.deepEqual(slicesOf("base", "rows", 10, bands), [
    { start: 0, source: 0, length: 3, own: false },
    { start: 5, source: 3, length: 3, own: false },
    { start: 8, source: 6, length: 1, own: true },
    { start: 9, source: 7, length: 3, own: false },
  ]);
  assert.deepEqual(slicesOf("head", "rows", 11, bands), [
    { start: 0, source: 0, length: 3, own: false },
    { start: 3, source: 3, length: 2, own: true },
    { start: 5, source: 5, length: 3, own: false },
    { start: 9, source: 8, length: 3, own: false },
  ]);
  assert.deepEqual(canvasOf([5, 10], [7, 11], bands), [7, 12]);
  assert.deepEqual(slicesOf("base", "rows", 4, []), [{ start: 0, source: 0, length: 4, own: false }]);
});

test("images are cut along columns, too", () => {
  const bands = [inserted(3, 2), inserted(0, 4, "columns"), deleted(9, 1, "columns")];
  assert.deepEqual(slicesOf("base", "columns", 6, bands), [
    { start: 4, source: 0, length: 5, own: false },
    { start: 9, source: 5, length: 1, own: true },
  ]);
  assert.deepEqual(canvasOf([6, 10], [9, 12], bands), [10, 12]);
  const [rows, columns, last] = foldedBands(bands);
  assert.deepEqual(boxOf(rows, [10, 12]), { x: 0, y: 3, width: 10, height: 2 });
  assert.deepEqual(boxOf(columns, [10, 12]), { x: 0, y: 0, width: 4, height: 12 });
  assert.equal(last.kind, "deleted");
  const region = { x: 0, y: 2, width: 4, height: 9, pixels: 36, mark: "one_sided" };
  assert.deepEqual(
    stopsOf([region], bands.slice(1), [10, 12]).map((s) => [s.x, s.width, s.pixels, s.label]),
    [
      [0, 4, 48, "4 columns inserted"],
      [9, 1, 12, "1 column deleted"],
    ],
  );
});

test("single rows of another line height are one band", () => {
  const single = [10, 20, 30].map((y) => inserted(y, 1));
  const found = foldedBands([deleted(2, 1), ...single, inserted(50, 40)]);
  assert.deepEqual(
    found.map((b) => [b.kind, b.start, b.length, b.lines, b.folded]),
    [
      ["deleted", 2, 1, 1, 0],
      ["inserted", 10, 21, 3, 3],
      ["inserted", 50, 40, 40, 0],
    ],
  );
  assert.equal(foldedBands(single.slice(1)).length, 2, "two are still two");
});

test("J and K lead through what counts, as one reads", () => {
  const region = (x, y, mark) => ({ x, y, width: 5, height: 5, pixels: 9, mark });
  const stops = stopsOf(
    [region(9, 40, "bold"), region(0, 3, null), region(50, 2, "line"), region(3, 2, "ink")],
    [],
    [100, 99],
  );
  assert.deepEqual(
    stops.map((s) => [s.x, s.y]),
    [
      [3, 2],
      [50, 2],
      [9, 40],
    ],
  );
  assert.equal(stopsOf([region(0, 3, null)], [], [100, 99]).length, 1, "noise where nothing else is");
  const banded = stopsOf([region(0, 9, "one_sided"), region(0, 50, "bold")], [inserted(10, 20)], [100, 99]);
  assert.deepEqual(
    banded.map((s) => [s.y, s.label]),
    [
      [10, "20 rows inserted"],
      [50, undefined],
    ],
  );
});

test("a picture fits whole, a strip as wide as the pane", () => {
  assert.equal(fitScale([1000, 500], [500, 500]), 0.5);
  assert.equal(fitScale([100, 50], [500, 500]), 1, "small ones are not blown up");
  assert.equal(fitScale([500, 1000], [500, 500]), 0.5);
  assert.equal(fitScale([500, 5000], [500, 500]), 1, "and one scrolls");
});

test("the window stays on the picture and zooms at a point", () => {
  assert.deepEqual(clamped({ scale: 1, x: 900, y: -5 }, [1000, 2000], [200, 300]), {
    scale: 1,
    x: 800,
    y: 0,
  });
  assert.deepEqual(clamped({ scale: 1, x: 0, y: 9 }, [100, 100], [200, 300]), { scale: 1, x: -50, y: 0 });
  const at = zoomedAt({ scale: 1, x: 100, y: 100 }, 2, 50, 30);
  assert.deepEqual(at, { scale: 2, x: 125, y: 115 });
  assert.equal(zoomedAt(at, 1e9, 0, 0).scale, 32);
});

test("the address says all and only what is not usual", () => {
  assert.equal(toHash({ ...DEFAULTS }), "");
  const view = {
    ...DEFAULTS,
    q: "s:changed & ü",
    name: "a/b #1.png",
    whole: true,
    sort: "name",
    tree: true,
    folds: ["s:added", "g:1:"],
    mode: "swipe",
    at: 0.25,
    zoom: 2.5,
    x: -3,
    y: 8,
    region: 2,
    facts: false,
  };
  assert.deepEqual(fromHash(toHash(view)), view);
  assert.deepEqual(fromHash("#m=hack&z=-4&at=77&x=NaN&sort=%3Cb%3E&nobody=1"), { ...DEFAULTS, at: 1 });
});

function folded(rows) {
  return rows.map(
    (r) =>
      `${"  ".repeat(r.level - 1)}${r.kind} ${r.label}${r.entries.length > 1 ? ` ×${r.entries.length}` : ""}`,
  );
}

const many = [
  entry("a/one.png", { id: 1, group: 4, changed: 5 }),
  entry("a/b/two.png", { id: 2, group: 4, changed: 50 }),
  entry("c.png", { id: 3 }),
  entry("x/y/z.png", { id: 4, status: ADDED, changed: 0, total: 0 }),
  entry("bad.png", { id: 5, status: ERRORED, group: 4 }),
  entry("same.png", { id: 6, status: UNCHANGED }),
];

test("groups of the same change are stacked, unchanged is folded", () => {
  const rows = rowsOf(sorted(many, "severity"), { tree: false, folds: new Set(), all: false });
  assert.deepEqual(folded(rows), [
    "section Could not be compared",
    "  card bad.png",
    "section Changed ×3",
    "  stack a/b/two.png ×2",
    "  card c.png",
    "section Added",
    "  card x/y/z.png",
    "section Unchanged",
  ]);
  assert.deepEqual(
    rows.map((r) => `${r.position}/${r.siblings}`),
    ["1/4", "1/1", "2/4", "1/2", "2/2", "3/4", "1/1", "4/4"],
  );
});

test("folds turn round what is usual", () => {
  const folds = new Set(["g:5:", "s:added", "s:unchanged"]);
  assert.deepEqual(folded(rowsOf(sorted(many, "name"), { tree: false, folds, all: false })), [
    "section Could not be compared",
    "  card bad.png",
    "section Changed ×3",
    "  stack a/b/two.png ×2",
    "    card a/b/two.png",
    "    card a/one.png",
    "  card c.png",
    "section Added",
    "section Unchanged",
    "  card same.png",
  ]);
});

test("folders that hold only one another share a row, and groups stay within a folder", () => {
  assert.deepEqual(folded(rowsOf(sorted(many, "name"), { tree: true, folds: new Set(), all: true })), [
    "section Could not be compared",
    "  card bad.png",
    "section Changed ×3",
    "  folder a ×2",
    "    folder b",
    "      card a/b/two.png",
    "    card a/one.png",
    "  card c.png",
    "section Added",
    "  folder x / y",
    "    card x/y/z.png",
    "section Unchanged",
    "  card same.png",
  ]);
});

test("orders", () => {
  const big = entry("z.png", { id: 9, headSize: [900, 900], changed: 1, total: 810000 });
  const names = (by) => sorted([...many, big], by).map((e) => e.name);
  assert.equal(names("size")[0], "z.png");
  assert.equal(names("severity")[0], "a/b/two.png");
  assert.equal(names("name")[0], "a/b/two.png");
  assert.equal(names("name").at(-1), "z.png");
});

test("columns become snapshots", () => {
  const list = {
    names: ["a", "b"],
    titles: { 1: "Bee" },
    status: "16",
    changed: { 0: 7 },
    total: { 0: 70 },
    recoloured: { 1: 1 },
    learned: { 1: 2 },
    head_size: [1, 0],
    base_size: [2, 0],
    group: { 0: 0 },
    thumb: { prefix: "t/", rest: { 0: "x.webp" } },
    tags: { 0: ["q"] },
    sizes: [
      [3, 4],
      [5, 6],
    ],
  };
  const [a, b] = entriesOf(list);
  assert.deepEqual(
    [a.title, a.status, a.changed, a.total, a.group, a.thumb, a.tags, a.headSize, a.baseSize],
    ["a", 1, 7, 70, 0, "t/x.webp", ["q"], [3, 4], [5, 6]],
  );
  assert.deepEqual(
    [b.title, b.status, b.group, b.thumb, b.headSize, b.recoloured, b.learned, b.words],
    ["Bee", 6, -1, "", null, true, 2, "b\nbee"],
  );
  const details = {
    head: { prefix: "i/", rest: { 0: "1" } },
    base: { prefix: "", rest: {} },
    mask: { prefix: "", rest: {} },
    marks: ["plain", "line"],
    noises: ["levels", "codec"],
    regions: { 0: [1, 2, 3, 4, 5, 2, 6, 7, 8, 9, 10, -2, 11, 12, 13, 14, 15, 0] },
    bands: { 0: [1, 2, 3, 4, 5, 2, 6, 7, 8, 9] },
    why: {},
    facts: {},
    reason: { 1: "no" },
  };
  assert.deepEqual(
    detailOf(details, 0).regions.map((r) => [r.y, r.pixels, r.mark, r.noise]),
    [
      [2, 5, "line", null],
      [7, 10, null, "codec"],
      [12, 15, null, null],
    ],
  );
  assert.deepEqual(detailOf(details, 0).bands, [
    { kind: "deleted", axis: "rows", start: 2, length: 3, baseStart: 4, headStart: 5 },
    { kind: "inserted", axis: "columns", start: 6, length: 7, baseStart: 8, headStart: 9 },
  ]);
  assert.deepEqual(
    [detailOf(details, 0).head, detailOf(details, 1).head, detailOf(details, 1).reason],
    ["i/1", "", "no"],
  );
});
