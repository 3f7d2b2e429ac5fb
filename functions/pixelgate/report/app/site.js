// The server that shows this page, a review site or `pixelgate serve`; only this module asks it anything.

/** @import {Standing} from "./published.js" */
/**
 * What report/html.py puts into a page that is served.
 * @typedef {object} Served
 * @property {string} project
 * @property {string} build
 * @property {string} api path of the build's API
 * @property {string|null} sign path of the API that signs pictures' addresses; null: they need none
 * @property {string} builds path of the project's builds
 * @property {{name: string, steps: number, url: string}[]} [drift] snapshots that changed in several steps which passed;
 *   the url compares both ends
 * @property {boolean} decide whether the person may decide
 * @property {string} why_not why not, in words
 * @property {string|null} csrf goes with each POST
 * @property {string|null} person who is logged in; null where nobody logs in
 * @property {string|null} logout
 */
/**
 * What the API says of a build.
 * @typedef {object} BuildState
 * @property {any} status status.json
 * @property {Standing|null} standing
 * @property {{build: string, url: string}|null} newer a later build of the same pull request
 */
/**
 * Decisions with the same action and reason; names are null for the whole build.
 * @typedef {{action: "approve"|"reject", names: string[]|null, reason: string|null}} Sent
 */
/** @typedef {"session"|"forbidden"|"superseded"|"network"|"server"} Kind */

const LOST_AFTER = 30_000; // milliseconds until an answer counts as lost
const BLOCK = /<script type="text\/plain" id="site-data">([^<]*)<\/script>/;

/** Why a request was not answered as it should be. */
export class Trouble extends Error {
  /** @param {Kind} kind @param {string} words */
  constructor(kind, words) {
    super(words);
    this.kind = kind;
  }
}

/** What the page was given by its server; null if it lies in a file. @returns {Served|null} */
export function served() {
  const block = document.getElementById("site-data")?.textContent;
  return block ? JSON.parse(block) : null;
}

export class Site {
  /** @param {Served} given */
  constructor(given) {
    this.given = given;
    /** Whether the session has ended. */
    this.ended = false;
    /** Called when the session has ended, and when there is one again. @type {(() => void)[]} */
    this.listeners = [];
  }

  /** Whether people log in there. */
  get hasLogin() {
    return this.given.logout !== null;
  }

  /** Where one logs in and comes back to this page. */
  get login() {
    return `/login?to=${encodeURIComponent(location.pathname)}`;
  }

  /** The build's own address, which leads to its newest result. */
  get newest() {
    return this.given.api.replace(/^\/api\//, "/");
  }

  /** Where a snapshot's results in other builds are. @param {string} name */
  resultsOf(name) {
    return `${this.given.builds}/snapshot?name=${encodeURIComponent(name)}`;
  }

  /** How the build stands now. @returns {Promise<BuildState>} */
  async state() {
    return await read(await this.ask(this.given.api));
  }

  /** Hands decisions in; returns the ids of the reviews. @param {string} execution @param {Sent[]} decisions */
  async handIn(execution, decisions) {
    const answer = await this.post(`${this.given.api}/reviews`, { execution, decisions });
    return /** @type {string[]} */ ((await read(answer)).reviews);
  }

  /**
   * Addresses under which pictures can be loaded, and for how many seconds.
   * @param {string[]} keys
   * @returns {Promise<{urls: Record<string, string>, seconds: number}>}
   */
  async sign(keys) {
    return await read(await this.post(this.given.sign ?? "", { keys }));
  }

  /** @param {string} path @param {any} body @returns {Promise<Response>} */
  async post(path, body) {
    try {
      return await this.ask(path, body);
    } catch (error) {
      // After a new login, in another tab perhaps, the token is another one.
      if (!(error instanceof Trouble) || error.kind !== "forbidden" || !(await this.renew())) throw error;
      return await this.ask(path, body);
    }
  }

  /**
   * Asks for this very page again: is there a session, and with which token? Returns whether the
   * token is another one now.
   */
  async renew() {
    const page = await (await this.ask(location.pathname)).text();
    const found = BLOCK.exec(page);
    if (!found) return false;
    const before = this.given;
    this.given = /** @type {Served} */ (JSON.parse(found[1]));
    // Nobody hands in what somebody else decided, so the page begins anew.
    if (before.person !== this.given.person || before.decide !== this.given.decide) {
      location.reload();
      throw new Trouble("session", "Somebody else is logged in now, or what you may do has changed.");
    }
    for (const listener of this.listeners) listener();
    return before.csrf !== this.given.csrf;
  }

  /** @param {boolean} there */
  session(there) {
    if (this.ended === !there) return;
    this.ended = !there;
    for (const listener of this.listeners) listener();
  }

  /**
   * One request. A redirect leads to the login, which another page has to show.
   * @param {string} path
   * @param {any} [body]
   * @returns {Promise<Response>} only one that says yes
   * @throws {Trouble}
   */
  async ask(path, body) {
    /** @type {RequestInit} */
    const how = { redirect: "manual", cache: "no-store", signal: AbortSignal.timeout(LOST_AFTER) };
    if (body !== undefined) {
      const headers = { "Content-Type": "application/json", "X-Pixelgate-Csrf": this.given.csrf ?? "" };
      Object.assign(how, { method: "POST", headers, body: JSON.stringify(body) });
    }
    /** @type {Response} */
    let answer;
    try {
      answer = await fetch(path, how);
    } catch {
      throw new Trouble("network", "The server cannot be reached.");
    }
    if (answer.ok) {
      this.session(true);
      return answer;
    }
    if (answer.type === "opaqueredirect" || answer.status === 401) {
      this.session(false);
      throw new Trouble("session", "Your session has ended.");
    }
    const words = await wordsOf(answer);
    if (answer.status === 403) throw new Trouble("forbidden", words || "You may not do this.");
    if (answer.status === 409) throw new Trouble("superseded", words || "There is a newer result.");
    throw new Trouble("server", `The server answered ${answer.status}${words ? `: ${words}` : "."}`);
  }
}

/** @param {Response} answer @returns {Promise<any>} */
async function read(answer) {
  try {
    return await answer.json();
  } catch {
    throw new Trouble("network", "The server’s answer did not arrive whole.");
  }
}

/** What the server says went wrong as a sentence, or "". @param {Response} answer */
async function wordsOf(answer) {
  try {
    const words = String((await answer.json()).error ?? "");
    return words && `${words[0].toUpperCase()}${words.slice(1).replace(/[.!?]?$/, (end) => end || ".")}`;
  } catch {
    return "";
  }
}
