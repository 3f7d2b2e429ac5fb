// Puts the page together: unpacks the data, and lets list, pictures, facts and review follow the view.

import { Addresses } from "./addresses.js";
import { likely, preload } from "./ahead.js";
import { announce, isOpen, showEnd, showKeys } from "./dialogs.js";
import { carried, detailOf, entriesOf, isQuiet, reviewed, unpack } from "./data.js";
import { Deciding } from "./deciding.js";
import { button, byId, el } from "./dom.js";
import { excuse, runFacts, snapshotFacts } from "./facts.js";
import { Filters } from "./filters.js";
import { Following } from "./following.js";
import { HandIn } from "./handing.js";
import { listen, shown } from "./keys.js";
import { List } from "./list.js";
import { showNews, showSite } from "./news.js";
import { nextLight, readPrefs, writePrefs } from "./prefs.js";
import { printed } from "./print.js";
import { Published, sentence } from "./published.js";
import { matches, parse } from "./query.js";
import { Review } from "./review.js";
import { grouped, isShot, openByDefault, rowsOf, sorted } from "./rows.js";
import { keysOf } from "./shortcuts.js";
import { Stage } from "./stage.js";
import { Site, served } from "./site.js";
import { showStanding, watchPictures } from "./standing.js";
import { Store } from "./state.js";
import { Toolbar } from "./toolbar.js";
import { RENAMED, STATUSES, TITLES } from "./types.js";

/** @import {Entry} from "./types.js" */
/** @import {Row} from "./rows.js" */

export class App {
  /** @param {any} list the first block of data */
  constructor(list) {
    this.run = /** @type {import("./types.js").Run} */ (list.run);
    this.entries = entriesOf(list);
    this.byName = new Map(this.entries.map((e) => [e.name, e]));
    this.groups = grouped(this.entries, (e) => e.group);
    /** @type {Record<string, Entry[]>} */
    this.orders = {};
    /** @type {any} the second block, once it is there */
    this.details = null;
    /** @type {Row[]} */
    this.rows = [];
    /** What the search finds. @type {Entry[]} */
    this.matching = [];
    /** Whether the search opens what is folded by default. */
    this.narrow = false;
    /** What was last said of one's own decision. */
    this.toldOwn = "";
    const given = served();
    /** The server that shows this page; null if it lies in a file. */
    this.site = given && new Site(given);
    this.addresses = new Addresses(carried(), this.site);
    this.addresses.likely = () => likely(this);
    this.store = new Store();
    this.prefs = readPrefs();
    const standing = reviewed();
    this.run.bucket ||= standing?.bucket ?? "";
    this.published = new Published(standing, this.run.execution);
    this.review = new Review(this.run, this.entries, this.published, given);
    // Two folders on one machine have no build of which a server could know anything.
    this.following =
      this.site && !this.run.local ? new Following(this.site, this.review, () => this.reviewed()) : null;
    this.handIn = this.following && new HandIn(this.following);
    this.stage = new Stage(byId("panes"), this.store, this.prefs, this.addresses);
    this.stage.names = { base: this.run.base ?? "", head: this.run.head };
    this.toolbar = new Toolbar(byId("toolbar"), this.stage, () => this.dress());
    this.filters = new Filters(byId("filters"), this.store, this.entries, () => this.toList());
    this.list = new List(byId("list"), {
      select: (row) => {
        this.choose(row);
        document.body.dataset.pane = "stage";
      },
      fold: (row, open) => this.fold(row.key, open),
      decision: (entries) => this.review.of(entries),
      thumb: (entry) => entry.thumb || this.picture(entry),
      picture: (entry) => this.picture(entry),
      show: (image, url) => this.addresses.show(image, url),
      forget: (image) => this.addresses.forget(image),
    });
    this.deciding = new Deciding(this);
    this.store.subscribe((_, changed) => this.follow(changed));
    addEventListener("beforeprint", () =>
      byId("print").replaceChildren(...printed(this.entries, this.review)),
    );
  }

  start() {
    // On a narrow screen the facts would cover the pictures, so they are shown only on request.
    if (innerWidth <= 1180 && !location.hash.includes("facts=")) this.store.set({ facts: false });
    this.dress();
    const keys = keysOf(this);
    listen(keys, isOpen);
    byId("help").addEventListener("click", () => showKeys(shown(keys)));
    byId("theme").addEventListener("click", () => this.nextTheme());
    byId("back").addEventListener("click", () => this.toList());
    byId("info").addEventListener("click", () => this.store.set({ facts: !this.store.view.facts }));
    byId("end").addEventListener("click", () => this.end());
    byId("previous").addEventListener("click", () => this.step(-1));
    byId("next").addEventListener("click", () => this.step(1));
    byId("run").append(runFacts(this.run, this.published));
    showStanding(this.published, this.run, this.site);
    watchPictures(this.run, this.site);
    this.meet();
    document.body.dataset.pane = this.store.view.name ? "stage" : "list";
    this.arrange();
    this.deciding.progress();
  }

  /** Begins to talk with the server, if there is one. */
  meet() {
    const { site, following } = this;
    if (!site) return;
    showSite(site);
    site.listeners.push(() => {
      showSite(site);
      if (!site.ended) this.addresses.again();
    });
    if (!following) return;
    showNews(following);
    following.listeners.push(() => showNews(following));
    following.look();
  }

  /** Shows reviews that are others than before, everywhere. */
  reviewed() {
    showStanding(this.published, this.run, this.site);
    byId("run").replaceChildren(runFacts(this.run, this.published));
    this.deciding.decided();
    const { entry } = this;
    if (entry && this.details) this.tell(entry, detailOf(this.details, entry.id));
  }

  /** Says what one has decided on the shown snapshot, unless it is said already. */
  tellOwn() {
    const { entry, site, details } = this;
    if (entry && site && details && this.review.own(entry.name) !== this.toldOwn)
      this.tell(entry, detailOf(details, entry.id));
  }

  /** Hands in what is decided, or says how. */
  end() {
    if (!this.review.wanted.length) return;
    if (!this.review.may) this.deciding.refuse();
    else if (this.handIn) this.handIn.show();
    else showEnd(this.review);
  }

  /** @param {any} details */
  open(details) {
    this.details = details;
    this.display(false);
    this.list.refresh();
  }

  /** What a change of the view asks for. @param {Set<string>} changed */
  follow(changed) {
    if (["q", "sort", "tree", "folds"].some((key) => changed.has(key))) this.arrange();
    if (changed.has("name") || changed.has("whole")) this.display(changed.has("name"));
    if (changed.has("facts")) this.dress();
  }

  /** Brings the rows of the list up to date. */
  arrange() {
    const { q, sort, tree, folds } = this.store.view;
    const all = (this.orders[sort] ??= sorted(this.entries, sort));
    const terms = parse(q);
    const matching = terms.length ? all.filter((e) => matches(terms, e, this.review.on(e.name))) : all;
    // A search for a status opens its section, even if that is folded by default.
    this.narrow =
      terms.length > 0 && (terms.some((t) => t.kind === "s" && !t.not) || matching.every(isQuiet));
    this.rows = rowsOf(matching, { tree, folds: new Set(folds), all: this.narrow });
    this.matching = matching;
    this.filters.tell(matching.length, all.length);
    byId("none").hidden = matching.length > 0;
    this.list.show(this.rows, this.selectedKey());
    this.settle(matching);
    this.deciding.marks();
    this.deciding.offer();
  }

  /** Shows another snapshot if the search has hidden the shown one. @param {Entry[]} matching */
  settle(matching) {
    const { entry } = this;
    if (entry && matching.includes(entry)) return;
    const first = this.rows.find(isShot) ?? this.rows[0];
    if (first) this.choose(first);
    else this.store.set({ name: "", whole: false });
  }

  /** Brings the focus, and on a phone the view, to the list; keys act from there. */
  toList() {
    document.body.dataset.pane = "list";
    byId("list").focus();
  }

  /** The snapshot that is shown. */
  get entry() {
    return this.byName.get(this.store.view.name);
  }

  /** The row of what is shown: the snapshot's own, or its group's where that is folded. */
  selectedKey() {
    const { entry } = this;
    if (!entry) return "";
    const own = `c:${entry.id}`;
    const there = !this.store.view.whole && this.rows.some((r) => r.key === own);
    return there ? own : (this.rows.find((r) => r.kind === "stack" && r.entries.includes(entry))?.key ?? own);
  }

  get row() {
    const key = this.selectedKey();
    return this.rows.find((r) => r.key === key);
  }

  /** @param {Row} row */
  choose(row) {
    const [entry] = row.entries;
    this.store.set({
      name: entry.name,
      whole: row.kind === "stack",
      region: entry.name === this.store.view.name ? this.store.view.region : 0,
    });
  }

  /** @param {string} key @param {boolean} open */
  fold(key, open) {
    const folds = this.store.view.folds.filter((k) => k !== key);
    if (open !== openByDefault(key, this.narrow)) folds.push(key);
    this.store.set({ folds });
  }

  /** @param {number} direction */
  step(direction) {
    const key = this.selectedKey();
    let at = this.rows.findIndex((r) => r.key === key);
    do at += direction;
    while (this.rows[at] && !isShot(this.rows[at]));
    if (this.rows[at]) this.choose(this.rows[at]);
  }

  /** Goes to the first snapshot of a status. @param {number} status */
  toStatus(status) {
    const key = `s:${STATUSES[status]}`,
      section = this.rows.find((r) => r.key === key);
    if (!section) {
      announce(`${TITLES[status]}: none`);
      return;
    }
    if (!section.open) this.fold(key, true);
    const first = this.rows.slice(this.rows.findIndex((r) => r.key === key)).find(isShot);
    if (first) this.choose(first);
  }

  /** Shows the chosen snapshot. @param {boolean} fresh whether it is another one than before */
  display(fresh) {
    const { entry } = this;
    if (!this.details) return;
    if (!entry) {
      this.blank();
      return;
    }
    const detail = detailOf(this.details, entry.id);
    this.stage.show(entry, detail);
    if (fresh) this.stage.begin();
    this.toolbar.update();
    const key = this.selectedKey();
    this.list.select(key);
    byId("name").replaceChildren(
      el("span", { class: `status ${STATUSES[entry.status]}` }, TITLES[entry.status]),
      " ",
      el("span", { class: "title", title: entry.name }, entry.title),
    );
    this.tell(entry, detail);
    this.deciding.marks();
    document.title = `${entry.title} – ${this.run.project}: ${this.run.head}`;
    preload(this);
  }

  /**
   * Says what is known of the shown snapshot.
   * @param {Entry} entry
   * @param {import("./types.js").Detail} detail
   */
  tell(entry, detail) {
    this.toldOwn = this.site ? this.review.own(entry.name) : "";
    byId("notes").replaceChildren(...this.notes(entry, detail));
    byId("facts").replaceChildren(
      ...snapshotFacts(entry, detail, {
        run: this.run,
        reviews: this.published.of(entry.name),
        own: this.site && this.review.own(entry.name),
        elsewhere: this.site?.resultsOf(entry.name) ?? "",
        stops: this.stage.stops,
        jump: (n) => this.stage.goTo(n),
        search: (word) => this.store.set({ q: word }),
        alike: entry.group < 0 ? 0 : (this.groups.get(entry.group)?.length ?? 1) - 1,
      }),
    );
  }

  /** Shows no snapshot, as nothing matches the search or there is none. */
  blank() {
    this.stage.clear(this.entries.length ? "No snapshot matches the search." : "There is no snapshot.");
    this.toolbar.update();
    for (const part of ["name", "notes", "facts"]) byId(part).replaceChildren();
    this.deciding.marks();
    document.title = `${this.run.project}: ${this.run.head}`;
  }

  /**
   * What has to be said above the pictures.
   * @param {Entry} entry
   * @param {import("./types.js").Detail} detail
   */
  notes(entry, detail) {
    const notes = [];
    if (detail.reason) notes.push(el("p", { class: "bad" }, detail.reason));
    if (entry.recoloured) {
      const why = detail.why.find((line) => line.includes("recoloured"));
      const diff = () => this.store.set({ mode: "diff" });
      const show = button("Show the difference", null, diff, { class: "link" });
      notes.push(el("p", {}, why ?? "Plain areas are recoloured by a shade.", " ", show));
    }
    const last = this.published.of(entry.name).at(-1),
      own = last && this.site ? this.review.own(entry.name) : "";
    if (last) notes.push(el("p", { class: `told ${last.action}` }, sentence(last, true), own && ` · ${own}`));
    if (entry.quarantine) notes.push(excuse(entry, detail));
    if (entry.status === RENAMED) notes.push(el("p", {}, ...detail.why));
    return notes;
  }

  /** @param {Entry} entry */
  picture(entry) {
    if (!this.details) return "";
    const { head, base } = detailOf(this.details, entry.id);
    return head || base;
  }

  /** Brings preferences onto the page. */
  dress() {
    const { prefs } = this,
      root = document.documentElement;
    root.dataset.theme = prefs.theme;
    root.dataset.canvas = prefs.canvas;
    root.style.setProperty("--mark", prefs.colour);
    root.style.setProperty("--mark-opacity", String(prefs.opacity));
    document.body.classList.toggle("tinted", prefs.tint);
    document.body.classList.toggle("no-boxes", !prefs.boxes);
    document.body.classList.toggle("no-facts", !this.store.view.facts);
    byId("info").setAttribute("aria-pressed", String(this.store.view.facts));
    byId("theme").textContent = { auto: "Auto", light: "Light", dark: "Dark" }[prefs.theme];
  }

  nextTheme() {
    this.prefs.theme = nextLight(this.prefs.theme);
    writePrefs(this.prefs);
    this.dress();
  }

  /** Opens or folds the group of what is shown. */
  group() {
    const { entry } = this;
    const stack = entry && this.rows.find((r) => r.kind === "stack" && r.entries.includes(entry));
    if (!stack) return;
    if (stack.open) this.store.set({ whole: true });
    this.fold(stack.key, !stack.open);
  }

  /** @param {"base"|"head"} side */
  look(side) {
    this.store.set(this.stage.mode === "single" ? { side } : { mode: "single", side });
  }
}

async function start() {
  const app = new App(await unpack("list"));
  app.start();
  performance.mark("pixelgate:listed");
  app.open(await unpack("details"));
  performance.mark("pixelgate:ready");
  document.body.classList.add("ready");
}

start().catch((error) => {
  // Whatever goes wrong, the page must say so.
  byId("notes").replaceChildren(
    el(
      "p",
      { class: "bad" },
      `The report could not be opened: ${error instanceof Error ? error.message : error}. It needs a browser of 2023 or newer.`,
    ),
  );
  throw error;
});
