// Plants edits on any page: it looks for elements that allow an edit itself, so a page needs no
// marks. An edit returns what it did and where; `restore` puts the page back.
"use strict";

window.edits = (() => {
  let random = Math.random;
  const seeded = (seed) => () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n) => Math.floor(random() * n);
  const pick = (all) => all[below(all.length)];
  const shuffled = (all) => {
    const left = [...all], out = [];
    while (left.length) out.push(left.splice(below(left.length), 1)[0]);
    return out;
  };

  const css = (el, name) => getComputedStyle(el)[name];
  const set = (el, name, value) => el.style.setProperty(name, value, "important");
  const rgb = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const clear = (text) => {
    const c = rgb(text);
    return text === "transparent" || c.length < 3 || (c.length > 3 && c[3] < 0.05);
  };
  const luma = (c) => 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2];
  const text = (c) => `rgb(${c.map((v) => Math.min(Math.max(Math.round(v), 0), 255)).join(",")})`;
  const rect = (el) => {
    const r = el.getBoundingClientRect();
    return [r.x, r.y, r.width, r.height];
  };
  const inView = ([x, y, w, h]) =>
    w > 0 && h > 0 && x >= 0 && y >= 0 && x + w <= innerWidth && y + h <= innerHeight;
  // True if what lies in the middle of the box belongs to the element: nothing covers it.
  const uncovered = (el, [x, y, w, h]) => {
    const top = document.elementFromPoint(x + w / 2, y + h / 2);
    return !!top && (el.contains(top) || top.contains(el));
  };
  const shown = (el) => {
    const box = rect(el);
    return inView(box) && css(el, "visibility") === "visible" && css(el, "opacity") > 0.5 &&
      uncovered(el, box);
  };
  const all = (selector) => [...document.body.querySelectorAll(selector)].filter(shown);
  const leaf = (el) => [...el.childNodes].some((n) => n.nodeType === 3 && n.data.trim().length > 1);
  const texts = () => shuffled(all("*").filter((el) => leaf(el) && !el.closest("svg,select,option")));
  const font = (el) => parseFloat(css(el, "fontSize"));
  const ground = (el) => {
    for (let at = el; at; at = at.parentElement) {
      if (css(at, "backgroundImage") !== "none") return null;
      if (!clear(css(at, "backgroundColor"))) return rgb(css(at, "backgroundColor"));
    }
    return [255, 255, 255];
  };
  const boxes = (low = 24, high = 0.95) =>
    shuffled(all("*").filter((el) => {
      const [, , w, h] = rect(el);
      return w >= low && h >= 14 && w * h < high * innerWidth * innerHeight &&
        !el.closest("svg") && el.tagName !== "BR";
    }));
  const painted = (low) => boxes(low).filter((el) =>
    !clear(css(el, "backgroundColor")) && css(el, "backgroundImage") === "none");
  const bordered = () => boxes().filter((el) =>
    ["Top", "Bottom", "Left", "Right"].some((side) =>
      parseFloat(css(el, `border${side}Width`)) >= 1 && !clear(css(el, `border${side}Color`)) &&
      css(el, `border${side}Style`) !== "none"));
  const hold = (el) => ({ box: rect(el), font: font(el) });
  // The first element for which the edit says what it did.
  const first = (some, edit) => {
    for (const el of some) {
      const where = hold(el);
      const done = edit(el);
      if (done) return { done, ...where };
    }
    return null;
  };
  // All elements at once, told by the first of them; null if there are fewer than `least`.
  const each = (some, edit, tell, least = 1) => {
    if (some.length < least || !some.length) return null;
    const where = hold(some[0]);
    const done = some.map(edit).filter(Boolean);
    return done.length ? { done: tell(done), ...where } : null;
  };
  // Sets styles, and says what that does.
  const styled = (el, styles, done) => {
    for (const [name, value] of Object.entries(styles)) set(el, name, value);
    return done;
  };
  const everywhere = (done) => ({ done, box: [0, 0, innerWidth, innerHeight], font: 16 });

  const rangeOf = (node, hit) => {
    const range = document.createRange();
    range.setStart(node, hit.index);
    range.setEnd(node, hit.index + hit[0].length);
    return range;
  };
  // All places in view where the pattern occurs in text, with the boxes of the hits.
  const hits = (pattern, within = null) => {
    const found = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const node = walk.currentNode, host = node.parentElement;
      if (host.closest("style,script,svg,select,textarea,noscript")) continue;
      if (within && !host.closest(within)) continue;
      for (const hit of node.data.matchAll(pattern)) {
        const box = rect(rangeOf(node, hit));
        if (inView(box) && css(host, "visibility") === "visible" && uncovered(host, box))
          found.push({ node, index: hit.index, was: hit[0], box, font: font(host) });
      }
    }
    return found;
  };
  const rewrite = (pattern, write, places, within = null) => {
    const found = shuffled(hits(pattern, within));
    if (!found.length || (places > 4 && found.length < places / 2)) return null;
    const some = places ? found.slice(0, places) : found;
    const to = some.map((hit) => write(hit.was));
    if (some.every((hit, i) => hit.was === to[i])) return null;
    const order = some.map((_, i) => i).sort((a, b) => some[b].index - some[a].index);
    for (const i of order) {
      const { node, index, was } = some[i];
      node.data = node.data.slice(0, index) + to[i] + node.data.slice(index + was.length);
    }
    const least = Math.min(...some.map((hit) => hit.font));
    const done = `“${some[0].was}” to “${to[0]}” in ${some.length} place(s)`;
    return { done, box: some[0].box, font: least };
  };
  const swapOf = (table) => (was) => {
    const to = table[was];
    return to ? pick([...to]) : was;
  };
  const ACCENTS = { a: "äáà", e: "éèë", o: "öóô", u: "üúû", n: "ñ", c: "ç", i: "í" };
  const LETTERS = { n: "rhu", h: "kb", d: "bq", e: "coa", s: "zx", r: "nv", t: "rk", a: "oeu",
    o: "ae", u: "vn", m: "wn", p: "q", b: "d", g: "y", c: "e", i: "u", l: "t", k: "h" };
  const digit = (was) => pick([..."0123456789"].filter((c) => c !== was));

  const solid = (el) => text(rgb(css(el, "backgroundColor")).slice(0, 3));
  const repaint = (el, name, to) => {
    const before = rgb(css(el, name)).slice(0, 3), after = to(before);
    if (text(before) === text(after)) return null;
    set(el, name.replace(/[A-Z]/g, (c) => "-" + c.toLowerCase()), text(after));
    return `${text(before)} to ${text(after)}`;
  };
  const recoloured = (p, change) => each(texts().slice(0, p.elements),
    (el) => repaint(el, "color", change), (done) => `text of ${done.length}: ${done[0]}`);
  const away = (c, by) => c.map((v) => v + (luma(c) > 128 ? -255 * by : 255 * by));
  // Another hue of the same luma: what red wins, green loses.
  const turned = (c, by) => {
    const room = Math.min(by, c[1] / (0.299 / 0.587), 255 - c[0]);
    const back = Math.min(by, c[0], (255 - c[1]) / (0.299 / 0.587));
    const step = room >= back ? room : -back;
    return [c[0] + step, c[1] - step * 0.299 / 0.587, c[2]];
  };
  const draw = (x, y, w, h, style) => {
    const mark = document.createElement("div");
    mark.dataset.edit = "";
    mark.style.cssText = "position:absolute;z-index:99999;pointer-events:none;" +
      `left:${x + scrollX}px;top:${y + scrollY}px;width:${w}px;height:${h}px;${style}`;
    document.documentElement.append(mark);
    return mark;
  };
  const pixel = (v) => Math.round(v * devicePixelRatio) / devicePixelRatio;
  const icons = () => all("svg,i,.icon,[class*=icon],[data-icon]").filter((el) => {
    const [, , w, h] = rect(el);
    return w >= 8 && w <= 48 && h >= 8 && h <= 48 && !el.parentElement.closest("svg") &&
      !(el.tagName === "SPAN" && el.querySelector("svg"));
  });
  // Draws a sign where an icon was, in the icon's colour.
  const SIGNS = { cross: "M5 5l14 14M19 5L5 19", tick: "M4 13l5 5L20 6", plus: "M12 4v16M4 12h16",
    arrow: "M4 12h15M13 6l6 6l-6 6", ring: "M12 4a8 8 0 1 1 0 16a8 8 0 1 1 0-16" };
  const sign = (el, name) => {
    const [x, y, w, h] = rect(el), size = Math.min(w, h);
    const path = `<path d="${SIGNS[name]}" fill="none" stroke="${css(el, "color")}" ` +
      'stroke-width="2.4"/>';
    draw(x + (w - size) / 2, y + (h - size) / 2, size, size, "").innerHTML =
      `<svg viewBox="0 0 24 24" width="${size}" height="${size}" style="display:block">${path}</svg>`;
    set(el, "visibility", "hidden");
  };
  // The same where nothing was; returns the box.
  const signAt = (x, y, px, colour, name) => {
    const probe = document.createElement("span");
    probe.dataset.edit = "";
    probe.style.cssText = `position:absolute;width:${px}px;height:${px}px;color:${colour};` +
      `left:${x + scrollX}px;top:${y + scrollY}px`;
    document.documentElement.append(probe);
    const where = rect(probe);
    sign(probe, name);
    return where;
  };
  const photos = () => all("img,[data-photo]").filter((el) => rect(el)[2] >= 32 && rect(el)[3] >= 24);
  const place = (el, side, px) => {
    if (!["static", "relative"].includes(css(el, "position"))) return null;
    set(el, "position", "relative");
    set(el, side, `${px}px`);
    return `${el.tagName} ${side} ${px}px`;
  };
  const rows = () => shuffled(all("tr,li,p,dd,.uk-card,.card,.tile")).filter((el) =>
    el.parentElement.children.length > 1 && rect(el)[3] >= 12);
  const block = (el) => css(el, "display") !== "inline";
  // Whether it is so much lighter or darker than what is around it.
  const stands = (el, apart) => {
    const own = ground(el), under = el.parentElement && ground(el.parentElement);
    return own && under && Math.abs(luma(own) - luma(under)) >= apart;
  };
  const buttons = () => shuffled(all("button,input[type=submit],input[type=button],.button,.btn,"
    + ".uk-button,[role=button]").filter((el) => rect(el)[2] >= 24));
  const fields = () => shuffled(all("input:not([type=checkbox]):not([type=radio]),select,textarea"));

  const kinds = {
    // r_text
    accent: (p) => rewrite(/[aeounci]/g, swapOf(ACCENTS), p.places),
    letter: (p) => rewrite(/[nhdesrtaoumpbgcilk]/g, swapOf(LETTERS), p.places),
    digit: (p) => rewrite(/\d/g, digit, p.places),
    "figures-up": (p) => rewrite(/\d/g, (c) => String((Number(c) + 1) % 10), p.places),
    negative: (p) => rewrite(/(?<![\w.,−-])\d/g, (c) => "−" + c, p.places),
    sign: (p) => rewrite(/[+−](?=\d)/g, (c) => (c === "+" ? "−" : "+"), p.places),
    case: (p) => rewrite(/[A-Za-z]/g, (c) =>
      c === c.toUpperCase() ? c.toLowerCase() : c.toUpperCase(), p.places),
    fullstop: (p) => rewrite(/[.,;:]/g, (c) => ({ ".": ",", ",": ".", ";": ":", ":": ";" })[c], p.places),
    "fullstop-lost": (p) => rewrite(/[.,](?=\s|$)/g, () => "", p.places),
    price: (p) => rewrite(/(?<=\d)[.,](?=\d)/g, (c) => (c === "," ? "." : ","), p.places),
    currency: (p) => rewrite(/[$€£¥]/g, (c) => pick([..."$€£¥"].filter((d) => d !== c)), p.places),
    "am-pm": (p) => rewrite(/\b[ap](?=m\b)/g, (c) => (c === "a" ? "p" : "a"), p.places),
    space: (p) => rewrite(/(?<=\w) (?=\w)/g, () => "", p.places),
    "same-length": (p) => rewrite(/\b[a-z]{5,12}\b/g, (w) =>
      [...w].map((c) => pick([...(LETTERS[c] || c)])).join(""), p.places),
    code: (p) => rewrite(/[a-z0-9]/g, (c) => (/\d/.test(c) ? digit(c) : swapOf(LETTERS)(c)), p.places, "code,pre,kbd,samp"),
    quotes: (p) => rewrite(/["“”'’]/g, (c) => (`"“”`.includes(c) ? "'" : '"'), p.places),
    placeholder: () => first(fields(), (el) => {
      if (!el.placeholder || el.value) return null;
      const was = el.placeholder;
      el.placeholder = "Type here";
      return `placeholder “${was}” to “Type here”`;
    }),
    italic: () => first(texts(), (el) => css(el, "fontStyle") === "normal" &&
      styled(el, { "font-style": "italic" }, "italic text")),
    "heading-italic": () => first(shuffled(all("h1,h2,h3,h4,h5,th,legend,summary,strong,b")), (el) =>
      css(el, "fontStyle") === "normal" &&
      styled(el, { "font-style": "italic" }, "a heading in italics")),
    // r_border
    "border-add": (p) => first(boxes(), (el) => !bordered().includes(el) && styled(el,
      { "box-shadow": `inset 0 0 0 1px ${p.colour}` }, `1 px ${p.colour} border on ${el.tagName}`)),
    "border-gone": () => first(shuffled(bordered()), (el) =>
      styled(el, { "border-color": "transparent" }, `border of ${el.tagName} gone`)),
    "border-colour": (p) => first(shuffled(bordered()), (el) => {
      const was = css(el, "borderBottomColor");
      for (const side of ["top", "right", "bottom", "left"])
        if (parseFloat(css(el, `border-${side}-width`)) >= 1)
          set(el, `border-${side}-color`, p.colour || text(away(rgb(was).slice(0, 3), p.by)));
      return `border ${was} to ${css(el, "borderBottomColor")}`;
    }),
    // A line of one pixel where a light and a dark area meet; `at` says which side of the edge.
    edge: (p) => first(painted(40).filter((el) => stands(el, 70)), (el) => {
      const [x, y, w, h] = rect(el);
      const line = { bottom: [x, y + h, w, 1], top: [x, y - 1, w, 1], left: [x - 1, y, 1, h] }[p.at];
      if (!inView(line)) return null;
      const own = ground(el), under = ground(el.parentElement);
      const mixed = text(own.slice(0, 3).map((v, i) => (v + under[i]) / 2));
      const colour = p.colour === "middle" ? mixed : p.colour;
      draw(...line.map(pixel), `background:${colour}`);
      return `1 px ${colour} between ${text(own.slice(0, 3))} and ${text(under.slice(0, 3))}`;
    }),
    divider: (p) => first(boxes(60).slice(0, 3), (el) => {
      const [x, y, w, h] = rect(el);
      draw(pixel(x), pixel(Math.min(y + h + 3 + (p.moved || 0), innerHeight - 1)), Math.round(w), 1,
        `background:${p.colour}`);
      return `divider ${p.colour}${p.moved ? ` moved by ${p.moved} px` : ""}`;
    }),
    focus: () => first([...buttons(), ...fields(), ...shuffled(all("a"))], (el) =>
      styled(el, { outline: "2px solid #1a73e8", "outline-offset": "1px" },
        `focus ring on ${el.tagName}`)),
    radius: (p) => first(shuffled([...bordered(), ...painted(24)]), (el) => {
      const now = parseFloat(css(el, "borderTopLeftRadius")) || 0;
      if (now > 16) return null;
      if (!bordered().includes(el) && !stands(el, 30)) return null;
      return styled(el, { "border-radius": `${now + p.px}px` },
        `radius ${now} to ${now + p.px} px on ${el.tagName}`);
    }),
    shadow: () => first(boxes(60).filter((el) => css(el, "boxShadow") === "none"), (el) =>
      styled(el, { "box-shadow": "0 2px 8px rgba(0,0,0,.3)" }, `shadow on ${el.tagName}`)),
    underline: () => first(shuffled(all("a").filter(leaf)), (el) =>
      css(el, "textDecorationLine").includes("underline")
        ? styled(el, { "text-decoration": "none" }, "underline lost")
        : styled(el, { "text-decoration": "underline" }, "underline appears")),
    // r_colour
    "button-ground": (p) => first(buttons().filter((el) => !clear(css(el, "backgroundColor"))), (el) =>
      css(el, "backgroundImage") === "none" && repaint(el, "backgroundColor", (c) => away(c, p.by))),
    "card-ground": (p) => first(painted(60).filter((el) => rect(el)[3] > 30), (el) =>
      repaint(el, "backgroundColor", (c) => away(c, p.by))),
    "card-hue": (p) => first(painted(40), (el) => repaint(el, "backgroundColor", (c) => turned(c, p.step))),
    "page-ground": (p) => {
      const root = document.documentElement;
      const host = [document.body, root].find((el) => !clear(css(el, "backgroundColor"))) || document.body;
      const was = clear(css(host, "backgroundColor")) ? [255, 255, 255] : rgb(css(host, "backgroundColor")).slice(0, 3);
      if (css(host, "backgroundImage") !== "none") return null;
      set(host, "background-color", text(away(was, p.by)));
      return everywhere(`page ${text(was)} to ${text(away(was, p.by))}`);
    },
    "text-colour": (p) => recoloured(p, (c) => away(c, p.by)),
    "text-hue": (p) => recoloured(p, (c) => c.map((v, i) =>
      i === p.channel ? v + (v > 128 ? -p.step : p.step) : v)),
    "text-hue-luma": (p) => recoloured(p, (c) => turned(c, p.step)),
    links: (p) => each(all("a").filter(leaf), (el) => repaint(el, "color", (c) => away(c, p.by)),
      (done) => `${done.length} links: ${done[0]}`),
    disabled: () => first(buttons(), (el) =>
      styled(el, { opacity: "0.6" }, "button looks disabled")),
    "icon-fade": () => first(shuffled(icons()), (el) =>
      styled(el, { opacity: "0.6" }, "icon fades to 0.6")),
    // r_image
    dot: (p) => first(boxes(), (el) => {
      const [x, y, w] = rect(el);
      const mark = draw(Math.round(x + w * random()), Math.max(0, Math.round(y) - 1), p.px, p.px,
        `background:${p.colour};border-radius:${p.round ? "50%" : 0}`);
      return inView(rect(mark)) && `dot of ${p.px} px ${p.colour}`;
    }),
    "icon-gone": () => first(shuffled(icons()), (el) =>
      styled(el, { visibility: "hidden" }, "icon gone")),
    "icon-swapped": (p) => first(shuffled(icons()), (el) => (sign(el, p.to), `icon to ${p.to}`)),
    "icons-all": (p) => each(icons(), (el) => (sign(el, p.to), p.to),
      (done) => `${done.length} icons to ${p.to}`, 2),
    // Ticks beside the rows; the other side of the pair has crosses.
    ticks: (p) => each(rows().slice(0, p.places), (el) => {
      const [x, y, w] = rect(el);
      signAt(pixel(x + w - p.px - 2), pixel(y + 1), p.px, "#2a7d32", p.to);
      return p.to;
    }, (done) => `${done.length} × ${p.to}`, p.places / 2),
    "photo-moved": (p) => first(shuffled(photos()), (el) => {
      const [, , w, h] = rect(el);
      // Cut to its box, so that only what it shows moves.
      const to = `${p.x}px ${p.y}px`;
      return styled(el, { "object-fit": "none", "object-position": to, "background-position": to },
        `photo ${Math.round(w)}×${Math.round(h)} at ${p.x}, ${p.y} px`);
    }),
    "photo-flipped": () => first(shuffled(photos()), (el) =>
      styled(el, { transform: "scaleX(-1)" }, "photo flipped")),
    "photo-missing": () => first(shuffled(photos()), (el) =>
      styled(el, { visibility: "hidden" }, "photo missing")),
    "photo-filter": (p) => first(shuffled(photos()), (el) =>
      styled(el, { filter: p.filter }, p.filter)),
    "photo-mark": (p) => first(shuffled(photos()), (el) => {
      const [x, y, w, h] = rect(el);
      const where = signAt(pixel(x + w * 0.6), pixel(y + h * 0.4), p.px, p.colour, p.to);
      return inView(where) && `${p.to} of ${p.px} px on a photo`;
    }),
    // r_layout
    align: () => first(texts().filter((el) => rect(el)[2] > 60 && block(el)), (el) => styled(el,
      { "text-align": ["right", "end"].includes(css(el, "textAlign")) ? "left" : "right" },
      "aligned the other way")),
    leading: () => first(texts().filter((el) => rect(el)[3] > 1.8 * font(el)), (el) => {
      const now = parseFloat(css(el, "lineHeight")) || 1.2 * font(el);
      return styled(el, { "line-height": `${now + 1}px` }, `line height ${now} to ${now + 1}`);
    }),
    move: (p) => first(shuffled([...texts().slice(0, 8), ...boxes().slice(0, 8)]), (el) => place(el, p.side, p.px)),
    "row-gone": () => first(rows(), (el) => (el.remove(), `${el.tagName} gone`)),
    "row-twice": () => first(rows(), (el) => (el.after(el.cloneNode(true)), `${el.tagName} twice`)),
    "rows-swapped": () => first(rows().filter((el) => el.nextElementSibling &&
      el.nextElementSibling.textContent.trim() !== el.textContent.trim()), (el) =>
      (el.nextElementSibling.after(el), `${el.tagName}s swapped`)),
    size: (p) => first(texts(), (el) => styled(el, { "font-size": `${font(el) + p.px}px` },
      `font size ${font(el)} to ${font(el) + p.px}`)),
    tracking: (p) => first(texts().filter((el) => el.textContent.trim().length > 6), (el) =>
      styled(el, { "letter-spacing": `${p.px}px` }, `letter spacing ${p.px} px`)),
    weight: () => first(texts(), (el) => Number(css(el, "fontWeight")) >= 600
      ? styled(el, { "font-weight": "400" }, "bold lost")
      : styled(el, { "font-weight": "700" }, "bold text")),
    taller: (p) => first(boxes(40).slice(0, 6), (el) => styled(el,
      { "padding-bottom": `${parseFloat(css(el, "paddingBottom")) + p.px}px` },
      `${el.tagName} taller by ${p.px} px`)),
    // r_state
    checks: (p) => each(shuffled(all("input[type=checkbox],input[type=radio]")).slice(0, p.places),
      (el) => ((el.checked = !el.checked), true), (done) => `${done.length} boxes the other way`),
    "drawn-checks": (p) => each(rows().slice(0, p.places), (el) => {
      const box = document.createElement("input");
      box.type = "checkbox";
      box.dataset.edit = "";
      box.checked = !!p.ticked;
      const [x, y] = rect(el);
      box.style.cssText = "all:revert;position:absolute;margin:0;width:13px;height:13px;" +
        `left:${Math.round(Math.max(x, 1)) + scrollX}px;top:${Math.round(y + 2) + scrollY}px`;
      document.documentElement.append(box);
      return box;
    }, (done) => `${done.length} boxes ${p.ticked ? "ticked" : "empty"}`, p.places / 2),
    toggle: (p) => first(rows(), (el) => {
      const [x, y, w] = rect(el);
      const track = draw(Math.round(x + w - 40), Math.round(y + 2), 34, 18,
        `border-radius:9px;background:${p.on ? "#2f6fde" : "#8d949e"}`);
      track.innerHTML = `<div style="position:absolute;top:2px;width:14px;height:14px;background:#fff;` +
        `border-radius:50%;left:${p.on ? 18 : 2}px"></div>`;
      return inView(rect(track)) && `toggle ${p.on ? "on" : "off"}`;
    }),
    value: (p) => first(fields(), (el) => {
      if (el.tagName === "SELECT") {
        if (el.options.length < 2) return null;
        el.selectedIndex = (el.selectedIndex + 1) % el.options.length;
        return "another option";
      }
      if (["range", "color", "submit", "button", "file", "date"].includes(el.type)) return null;
      el.value = p.to;
      return `value ${p.to}`;
    }),
    clipped: () => first(texts().filter(block), (el) => styled(el,
      { height: `${rect(el)[3] - 0.45 * font(el)}px`, overflow: "hidden" }, "text cut off below")),
    ellipsis: () => first(texts().filter((el) => block(el) && rect(el)[2] > 50), (el) => styled(el,
      { "max-width": `${0.7 * rect(el)[2]}px`, overflow: "hidden", "white-space": "nowrap",
        "text-overflow": "ellipsis" }, "ellipsis")),
    rtl: () => (document.documentElement.setAttribute("dir", "rtl"), everywhere("right to left")),
    dark: () => everywhere(
      styled(document.documentElement, { filter: "invert(1) hue-rotate(180deg)" }, "dark")),
    scrollbar: () => {
      draw(innerWidth - 10, 0, 10, innerHeight, "background:#f1f1f1");
      draw(innerWidth - 9, 2, 8, innerHeight * 0.4, "background:#c1c1c1;border-radius:4px");
      return { done: "a scrollbar appears", box: [innerWidth - 60, 0, 60, 120], font: 16 };
    },
  };

  let body = null, attributes = null;
  const remember = () => {
    body = document.body.innerHTML;
    attributes = [document.documentElement, document.body].map((el) =>
      [...el.attributes].map((a) => [a.name, a.value]));
  };
  const restore = () => {
    for (const el of document.querySelectorAll("html > [data-edit]")) el.remove();
    document.body.innerHTML = body;
    [document.documentElement, document.body].forEach((el, i) => {
      for (const a of [...el.attributes]) el.removeAttribute(a.name);
      for (const [name, value] of attributes[i]) el.setAttribute(name, value);
    });
  };
  return {
    remember,
    restore,
    // Returns {done, box, font}, or null if nothing in view allows the edit.
    make({ kind, seed, ...parameters }) {
      random = seeded(seed);
      const made = kinds[kind](parameters);
      if (!made) restore();
      return made || null;
    },
    style(rules) {
      const sheet = document.createElement("style");
      sheet.id = "bench-style";
      sheet.textContent = rules;
      document.head.append(sheet);
    },
    // Every word in view with its box.
    words() {
      const found = [], walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (walk.nextNode()) {
        const node = walk.currentNode;
        if (node.parentElement.tagName === "STYLE") continue;
        for (const hit of node.data.matchAll(/\S+/g)) {
          const box = rect(rangeOf(node, hit));
          if (box[2] && box[1] < innerHeight) found.push([hit[0], ...box]);
        }
      }
      return found;
    },
    // Boxes for cuts that show something: elements with text in them.
    parts() {
      const found = [];
      for (const el of document.body.querySelectorAll("*")) {
        const box = rect(el), [, , w, h] = box;
        if (w >= 40 && h >= 14 && h <= 300 && inView(box) && el.innerText?.trim().length > 3)
          found.push(box);
      }
      return found;
    },
  };
})();
