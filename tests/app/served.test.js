// What a served page does with decisions before and after it hands them in, without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { batches, Following } from "../../functions/pixelgate/report/app/following.js";
import { Published } from "../../functions/pixelgate/report/app/published.js";
import { Review } from "../../functions/pixelgate/report/app/review.js";
import { Trouble } from "../../functions/pixelgate/report/app/site.js";
import { CHANGED, UNCHANGED } from "../../functions/pixelgate/report/app/types.js";

const MEGABYTE = 1024 * 1024;

/** A browser's memory and a document that is in sight. */
function browser() {
  const stored = new Map();
  globalThis.localStorage = {
    getItem: (key) => stored.get(key) ?? null,
    setItem: (key, value) => stored.set(key, value),
  };
  globalThis.document = { hidden: true, addEventListener: () => {} };
  return stored;
}

const ENTRIES = ["a", "b", "c"].map((name, id) => ({ id, name, title: name, status: CHANGED }));
ENTRIES.push({ id: 3, name: "same", title: "same", status: UNCHANGED });

function standing(reviews = [], more = {}) {
  return {
    execution: "e1",
    bucket: "",
    state: "needed",
    by: [],
    reasons: [],
    carried_from: null,
    reviews,
    ...more,
  };
}

function given(id, action, names, more = {}) {
  return { id, action, by: "bob", at: `2026-01-02T10:00:0${id}.000Z`, reason: null, names, ...more };
}

function reviewOf({ run = {}, known = standing(), served = { decide: true, person: "ada" } } = {}) {
  const whole = {
    project: "shop",
    head: "b1",
    base: "b0",
    execution: "e1",
    reviewable: true,
    bucket: "",
    ...run,
  };
  return new Review(whole, ENTRIES, new Published(known, "e1"), served);
}

/** A site that answers from a list of states, and takes what is handed in. */
function siteOf(states, ids = []) {
  return {
    listeners: [],
    sent: [],
    state: async () => (states.length > 1 ? states.shift() : states[0]),
    handIn: async function (execution, batch) {
      this.sent.push({ execution, batch });
      const next = ids.shift();
      if (next instanceof Error) throw next;
      return next;
    },
  };
}

function stateOf(known, more = {}) {
  return {
    status: { execution: "e1", state: "SUCCEEDED", review: { refused: [], revision: 1 }, ...more },
    standing: known,
    newer: null,
  };
}

function followed(review, site) {
  const told = [];
  return { following: new Following(site, review, () => told.push(1)), told };
}

test("decisions with the same action and reason are one review, approvals first", () => {
  browser();
  const review = reviewOf();
  review.decide([ENTRIES[2]], "reject", "no");
  review.decide([ENTRIES[1], ENTRIES[0]], "approve");
  assert.deepEqual(review.asReviews(), [
    { action: "approve", names: ["a", "b"], reason: null },
    { action: "reject", names: ["c"], reason: "no" },
  ]);
  assert.deepEqual(
    review.asReviews((name) => name === "a").map((sent) => sent.names),
    [["b"], ["c"]],
  );
});

test("all that needs a decision is the whole build, but not of a first upload", () => {
  browser();
  for (const [base, names] of [
    ["b0", null],
    [null, ["a", "b", "c"]],
  ]) {
    const review = reviewOf({ run: { base } });
    review.wanted = ENTRIES.slice(0, 3);
    for (const entry of review.wanted) review.put(entry.name, { decision: "approve", reason: "" });
    assert.deepEqual(review.asReviews(), [{ action: "approve", names, reason: null }]);
  }
});

test("who may not decide decides nothing, and sees no decisions of before", () => {
  browser();
  reviewOf().decide([ENTRIES[0]], "approve");
  assert.equal(reviewOf().decisions.size, 1);
  const reader = reviewOf({ served: { decide: false, person: "ada" } });
  reader.decide([ENTRIES[1]], "approve");
  assert.equal(reader.decisions.size, 0);
  assert.equal(reviewOf({ served: { decide: true, person: "bob" } }).decisions.size, 0);
});

test("what decisions overturn is the review that counts, with the names of each", () => {
  browser();
  const first = given("1", "approve", null),
    second = given("2", "reject", ["a", "b"]);
  const review = reviewOf({ known: standing([first, second]) });
  for (const name of ["a", "b"]) review.put(name, { decision: "approve", reason: "" });
  review.put("c", { decision: "reject", reason: "" });
  assert.deepEqual(
    [...review.overturns(() => false)],
    [
      [second, ["a", "b"]],
      [first, ["c"]],
    ],
  );
  assert.deepEqual([...review.overturns((name) => name !== "c")], [[first, ["c"]]]);
  review.put("c", { decision: "approve", reason: "again" });
  assert.deepEqual([...review.overturns((name) => name !== "c")], []);
});

test("an approval by a rule is overturned as one", () => {
  browser();
  const review = reviewOf({ known: standing([], { state: "approved", reasons: ["a rule"] }) });
  for (const name of ["a", "b"]) review.put(name, { decision: "reject", reason: "" });
  const [[event, names], ...rest] = review.overturns(() => false);
  assert.deepEqual([event.reason, names, rest], ["a rule", ["a", "b"], []]);
});

test("what counts is forgotten if it is still the same, and cannot be undone any more", () => {
  browser();
  const review = reviewOf();
  review.decide(ENTRIES.slice(0, 2), "approve");
  review.decide([ENTRIES[2]], "reject", "no");
  review.decide([ENTRIES[1]], "reject");
  review.settle([
    ["a", "approve", ""],
    ["b", "approve", ""],
    ["c", "reject", "no"],
  ]);
  assert.deepEqual([...review.decisions], [["b", "reject"]]);
  assert.deepEqual(review.undo(), ["b"]);
  assert.deepEqual(review.undo(), ["b"], "of the first step only b is left");
  assert.deepEqual(review.undo(), []);
});

test("what others have decided in the same way needs no second review, unless there is a reason", () => {
  browser();
  const review = reviewOf();
  review.decide(ENTRIES.slice(0, 2), "approve");
  review.explain([ENTRIES[1]], "looked twice");
  review.published.take(standing([given("1", "approve", null, { reason: "fine" })]));
  review.drop();
  assert.deepEqual([...review.decisions.keys()], ["b"]);
});

test("reviews that are stored in the same moment are ordered by their ids, as in the bucket", () => {
  const at = "2026-01-02T10:00:00.000Z";
  const published = new Published(
    standing([given("1", "reject", ["a"], { at }), given("2", "approve", null, { at })]),
    "e1",
  );
  assert.equal(published.decision("a"), "approve");
  published.take(standing([given("1", "approve", null, { at }), given("2", "reject", ["a"], { at })]));
  assert.equal(published.decision("a"), "reject", "and what was known before is forgotten");
  published.take(standing([], { execution: "e2" }));
  assert.equal(published.known, false);
});

test("requests are small enough, whatever the names are", () => {
  const names = Array.from({ length: 20_000 }, (_, n) => `${"é".repeat(40)}"${n}`);
  const all = [
    { action: "approve", names, reason: "x".repeat(2000) },
    { action: "reject", names: ["z"], reason: null },
  ];
  const made = batches(all);
  assert.ok(made.length > 2);
  for (const batch of made) {
    const body = JSON.stringify({ execution: "e".repeat(64), decisions: batch });
    assert.ok(new TextEncoder().encode(body).length < MEGABYTE);
  }
  const approved = made.flat().filter((sent) => sent.action === "approve");
  assert.deepEqual(
    approved.flatMap((sent) => sent.names),
    names,
  );
  assert.ok(approved.every((sent) => sent.reason === all[0].reason));
  assert.deepEqual(made.flat().at(-1), all[1]);
  const many = Array.from({ length: 250 }, (_, n) => ({ action: "reject", names: [`${n}`], reason: `${n}` }));
  assert.deepEqual(
    batches(many).map((batch) => batch.length),
    [100, 100, 50],
  );
  assert.deepEqual(batches([{ action: "approve", names: null, reason: null }]), [
    [{ action: "approve", names: null, reason: null }],
  ]);
  assert.deepEqual(batches([]), []);
});

test("what was handed in is followed until it counts", async () => {
  browser();
  const review = reviewOf();
  review.decide([ENTRIES[0]], "approve");
  const counts = standing([given("1", "approve", ["a"])]);
  const site = siteOf(
    [stateOf(standing()), stateOf(standing()), stateOf(counts, { review: { revision: 2, refused: [] } })],
    [["1"]],
  );
  const { following, told } = followed(review, site);
  assert.equal(await following.handIn(() => true), true);
  assert.equal(following.isHanded("a"), true);
  assert.equal(review.decisions.size, 1, "it is kept until it counts");
  await following.read();
  assert.equal(following.outcome, "");
  await following.read();
  assert.equal(following.outcome, "Handed in. 2 of 3 left to decide.");
  assert.deepEqual([review.decisions.size, following.handed], [0, []]);
  assert.ok(told.length >= 1);
});

test("a status that is older than the reviews is asked for once more, though not for ever", async () => {
  browser();
  const review = reviewOf();
  review.decide([ENTRIES[0]], "reject");
  const counts = standing([given("1", "reject", ["a"])], { state: "needed" });
  const site = siteOf([stateOf(standing()), stateOf(counts)], [["1"]]);
  const { following } = followed(review, site);
  await following.handIn(() => true);
  for (let n = 0; n < 5; n++) {
    await following.read();
    assert.equal(following.outcome, "");
  }
  await following.read();
  assert.match(following.outcome, /^Handed in/);
});

test("a rejection that others overturn in the same moment is not handed in again", async () => {
  browser();
  const review = reviewOf();
  review.decide([ENTRIES[0]], "reject");
  const counts = standing([given("1", "reject", ["a"]), given("2", "approve", ["a"])]);
  const site = siteOf(
    [stateOf(standing()), stateOf(counts, { review: { revision: 3, refused: [] } })],
    [["1"]],
  );
  const { following } = followed(review, site);
  await following.handIn(() => true);
  await following.read();
  assert.deepEqual([...review.decisions], []);
  assert.equal(review.on("a"), "approve");
});

test("what changes while it is on its way is a decision of its own", async () => {
  browser();
  const review = reviewOf();
  review.decide([ENTRIES[0]], "approve");
  const counts = standing([given("1", "approve", ["a"])]);
  const site = siteOf(
    [stateOf(standing()), stateOf(counts, { review: { revision: 2, refused: [] } })],
    [["1"]],
  );
  const { following } = followed(review, site);
  await following.handIn(() => true);
  review.decide([ENTRIES[0]], "reject");
  assert.equal(following.isHanded("a"), false);
  await following.read();
  assert.deepEqual([...review.decisions], [["a", "reject"]]);
});

test("of two requests the second may fail: the first is handed in, the rest is kept", async () => {
  browser();
  const review = reviewOf();
  review.decide([ENTRIES[0]], "approve");
  review.decide([ENTRIES[1]], "reject");
  const long = "x".repeat(500_000);
  review.reasons.set("a", long).set("b", long);
  const site = siteOf([stateOf(standing())], [["1"], new Trouble("network", "gone"), ["2"]]);
  const { following } = followed(review, site);
  await assert.rejects(
    following.handIn(() => true),
    { kind: "network" },
  );
  assert.deepEqual(
    ["a", "b"].map((name) => following.isHanded(name)),
    [true, false],
  );
  await following.handIn(() => true);
  assert.deepEqual(
    site.sent.map(({ batch }) => batch.map((sent) => sent.names)),
    [[["a"]], [["b"]], [["b"]]],
  );
});

test("nothing is sent that is not agreed to, or that is about an older result", async () => {
  browser();
  const review = reviewOf();
  review.decide([ENTRIES[0]], "approve");
  const bobs = standing([given("1", "reject", null)]);
  const site = siteOf([stateOf(bobs), stateOf(bobs, { execution: "e2" })], []);
  const { following } = followed(review, site);
  const asked = [];
  assert.equal(await following.handIn((lost) => asked.push([...lost.values()]) && false), false);
  assert.deepEqual(asked, [[["a"]]]);
  assert.equal(await following.handIn(() => true), false);
  assert.equal(following.superseded, "there");
  assert.deepEqual(site.sent, []);
});

test("what was handed in to a result that is superseded is not waited for", async () => {
  browser();
  const review = reviewOf();
  review.decide([ENTRIES[0]], "approve");
  const site = siteOf(
    [stateOf(standing()), stateOf(standing([], { execution: "e2" }), { execution: "e2" })],
    [["1"]],
  );
  const { following } = followed(review, site);
  await following.handIn(() => true);
  await following.read();
  assert.deepEqual([following.handed, following.outcome, following.superseded], [[], "", "there"]);
  assert.equal(review.decisions.size, 1, "it is kept, as it never counted");
});

test("the words of what came of it", () => {
  browser();
  for (const [state, reviews, pull, words] of [
    ["approved", [given("1", "approve", null)], "5", "Approved: the pull request’s check turns green."],
    ["approved", [given("1", "approve", null)], null, "Approved."],
    ["rejected", [given("1", "reject", null)], "5", "Rejected: the pull request’s check is red."],
    ["rejected", [given("1", "reject", ["a"])], null, "Rejected. 2 of 3 left to decide."],
    ["needed", [], "5", "Handed in. 3 of 3 left to decide."],
  ]) {
    const { following } = followed(reviewOf({ known: standing(reviews, { state }) }), siteOf([]));
    following.status = { pull_request: pull };
    assert.equal(following.words(), words);
  }
});
