// What a page that is served says above the pictures: where it is, who is logged in, and what is new.

import { byId, el } from "./dom.js";

/** @import {Following} from "./following.js" */
/** @import {Site} from "./site.js" */

const DRIFTS_NAMED = 5;

/** Links to the builds and out, and who is logged in. @param {Site} site */
export function showSite(site) {
  const { builds, person, logout, csrf } = site.given;
  byId("site").hidden = false;
  byId("site").replaceChildren(el("a", { href: builds }, "‹ Builds"));
  if (!person || !logout) return;
  const form = el(
    "form",
    { method: "post", action: logout },
    el("input", { type: "hidden", name: "csrf", value: csrf }),
    el("span", { class: "person", title: "You are logged in" }, person),
    el("button", { type: "submit" }, "Log out"),
  );
  byId("person").replaceChildren(form);
  byId("person").hidden = false;
}

/** Why this person may not decide. @param {Site} site */
export function readerWords(site) {
  return site.given.why_not || "You may look, but not decide.";
}

/**
 * Names snapshots that passed step by step, with links that compare both ends.
 * @param {{name: string, steps: number, url: string}[]} drift
 * @returns {(Node|string)[]}
 */
function driftWords(drift) {
  const links = drift
    .slice(0, DRIFTS_NAMED)
    .flatMap(({ name, steps, url }) => [", ", el("a", { href: url }, name), ` (${steps} steps)`]);
  const more = drift.length - DRIFTS_NAMED;
  const rest = more > 0 ? [` and ${more} more`] : [];
  return ["Drift: changed in several small steps, each of which passed: ", ...links.slice(1), ...rest, "."];
}

/** Says what a person has to know of the build and of the session. @param {Following} following */
export function showNews(following) {
  const { site, superseded, newer, outcome, refused, late, handed } = following,
    { decide } = site.given;
  /** @type {HTMLElement[]} */
  const parts = [];
  /** @param {string} kind @param {...(Node|string)} words */
  const say = (kind, ...words) => parts.push(el("p", { class: kind }, ...words));
  if (site.ended) {
    const link = el("a", { href: site.login, target: "_blank", rel: "noopener" }, "Log in again");
    say("warning", "Your session has ended. ", link, " in a new tab and come back; your decisions are kept.");
  }
  if (superseded === "made")
    say("warning", "This build is being compared again: another result will follow this one.");
  if (superseded === "there") {
    const link = el("a", { href: site.newest }, "Open the newest result");
    say("warning", "This build was compared again, and this result does not count any more. ", link, ".");
  }
  if (newer && /^\/(?!\/)/.test(newer.url)) {
    const link = el("a", { href: newer.url }, `Open ${newer.build}`);
    say("warning", "The pull request has a newer build. ", link, ".");
  }
  for (const why of refused) say("bad", `Your review was refused: ${why}.`);
  if (late)
    say("warning", "What you handed in was not carried out within two minutes; the page goes on looking.");
  else if (handed.length) say("quiet", "Handed in. Waiting until it counts…");
  if (outcome) say("outcome", outcome);
  const drift = site.given.drift ?? [];
  if (drift.length) say("quiet", ...driftWords(drift));
  if (!decide) say("quiet", readerWords(site));
  const news = byId("news"),
    told = parts.map((p) => p.textContent).join("\n");
  if (news.dataset.told === told) return;
  news.dataset.told = told;
  news.hidden = !parts.length;
  news.replaceChildren(...parts);
}
