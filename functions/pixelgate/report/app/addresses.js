// Under which address a picture is loaded: inside the file, beside it, or signed by the review site.

import { Trouble } from "./site.js";

/** @import {Site} from "./site.js" */
/** @typedef {HTMLImageElement|SVGImageElement} Picture */

const BATCH = 200; // keys in one request
const MARGIN = 30; // seconds before its end from which a signed address is not used any more
const PAUSE = 5_000; // milliseconds without signing after it failed
const HELD = 60; // pictures that the browser need not load again when their addresses have ended

/**
 * Gives pictures their addresses. What the site has to sign is collected until the next frame and
 * asked for at once, together with what is probably shown next; one request at a time.
 */
export class Addresses {
  /** @param {Record<string, string>} files carried by the page @param {Site|null} site */
  constructor(files, site) {
    this.files = files;
    this.isServed = !!site;
    this.site = site?.given.sign ? site : null;
    /** What is probably shown next, the likeliest first. @type {() => Iterable<string>} */
    this.likely = () => [];
    /** @type {Map<string, {address: string, until: number}>} */
    this.signed = new Map();
    /** Pictures that wait for their addresses. @type {Map<string, Set<Picture>>} */
    this.waiting = new Map();
    /** What each picture shows, as the data has it. @type {WeakMap<Picture, string>} */
    this.shown = new WeakMap();
    /** The last pictures that were loaded. @type {Map<string, Picture>} */
    this.held = new Map();
    this.due = false;
    this.asking = false;
    this.plainUntil = 0;
  }

  /** An address that can be opened at any time. @param {string} url as the data has it */
  plain(url) {
    return this.files[url] ?? url;
  }

  /**
   * Shows a picture in an element, as soon as its address is known. Listeners of the element's errors
   * come after this: an address that has ended is no error yet.
   * @param {Picture} element
   * @param {string} url
   */
  show(element, url) {
    if (this.site && !this.shown.has(element)) this.watch(element);
    this.shown.set(element, url);
    const known = this.known(url);
    if (known) {
      this.put(element, url, known);
      return;
    }
    const others = this.waiting.get(url);
    if (others) others.add(element);
    else this.waiting.set(url, new Set([element]));
    this.soon();
  }

  /** The address if it need not be asked for, or "". @param {string} url */
  known(url) {
    if (!this.site || this.files[url]) return this.plain(url);
    const found = this.signed.get(url);
    // A picture that this page still holds is not loaded again, so its address may have ended.
    if (found && (performance.now() < found.until || this.held.has(url))) return found.address;
    return performance.now() < this.plainUntil ? url : "";
  }

  /** @param {Picture} element @param {string} url @param {string} address */
  put(element, url, address) {
    if (address === this.plain(url)) delete element.dataset.signed;
    else element.dataset.signed = "";
    element.setAttribute(element instanceof HTMLImageElement ? "src" : "href", address);
  }

  /** @param {Picture} element */
  watch(element) {
    element.addEventListener("load", () => {
      if (isSigned(element)) this.hold(this.shown.get(element) ?? "", element);
    });
    element.addEventListener("error", (e) => {
      const url = this.shown.get(element);
      if (!isSigned(element) || url === undefined) return;
      // The site itself may know better; it is not missing yet.
      e.stopImmediatePropagation();
      this.signed.delete(url);
      this.held.delete(url);
      this.put(element, url, this.plain(url));
    });
  }

  /** Does not load a picture that has gone by: others wait for the connection. @param {HTMLImageElement} element */
  forget(element) {
    if (!this.isServed || element.complete) return;
    this.shown.set(element, "");
    element.removeAttribute("src");
  }

  /** @param {string} url @param {Picture} element */
  hold(url, element) {
    this.held.delete(url);
    this.held.set(url, element);
    for (const oldest of this.held.keys()) {
      if (this.held.size <= HELD) break;
      this.held.delete(oldest);
    }
  }

  soon() {
    if (this.due || this.asking || this.site?.ended) return;
    this.due = true;
    requestAnimationFrame(() => {
      this.due = false;
      this.ask();
    });
  }

  async ask() {
    const { site } = this;
    const urls = this.wanted();
    if (!site || !urls.length) return;
    this.asking = true;
    try {
      const keys = new Map(urls.map((url) => [url, keyOf(url)]));
      const answer = await site.sign([...new Set(keys.values())]);
      const until = performance.now() + (answer.seconds - MARGIN) * 1_000;
      for (const [url, key] of keys) {
        const address = answer.urls[key];
        if (address) this.signed.set(url, { address, until });
        this.deliver(url, address || this.plain(url));
      }
    } catch (error) {
      // Without a session the pictures wait for the next one.
      if (!(error instanceof Trouble && error.kind === "session")) {
        this.plainUntil = performance.now() + PAUSE;
        for (const url of [...this.waiting.keys()]) this.deliver(url, this.plain(url));
      }
    } finally {
      this.asking = false;
    }
    this.again();
  }

  /** What to ask for now: pictures that are still wanted, and then what is probably next. */
  wanted() {
    /** @type {Set<string>} */
    const urls = new Set();
    for (const [url, elements] of this.waiting) {
      for (const element of elements)
        if (this.shown.get(element) !== url || !(element.isConnected || element.dataset.ahead))
          elements.delete(element);
      if (!elements.size) this.waiting.delete(url);
      else if (urls.size < BATCH) urls.add(url);
    }
    if (!urls.size) return [];
    for (const url of this.likely()) {
      if (urls.size >= BATCH) break;
      if (url && !this.known(url)) urls.add(url);
    }
    return [...urls];
  }

  /** @param {string} url @param {string} address */
  deliver(url, address) {
    for (const element of this.waiting.get(url) ?? [])
      if (this.shown.get(element) === url) this.put(element, url, address);
    this.waiting.delete(url);
  }

  /** Asks for what still waits. */
  again() {
    if (this.waiting.size) this.soon();
  }

  /** Lets the browser fetch pictures that are not shown yet. @param {string[]} urls */
  ahead(urls) {
    for (const url of urls.filter(Boolean)) {
      const image = new Image();
      image.dataset.ahead = "true";
      this.show(image, url);
    }
  }
}

/** Whether a picture has an address that ends; the page calls it missing only after another try. @param {Element} picture */
export function isSigned(picture) {
  return picture instanceof HTMLElement || picture instanceof SVGElement
    ? "signed" in picture.dataset
    : false;
}

/** The key of a picture in the bucket. @param {string} url relative to the page */
function keyOf(url) {
  return decodeURIComponent(new URL(url, location.href).pathname.slice(1));
}
