// What the renderer does to a page: plants a change, measures, and puts everything back.
// An element says with data-q what may be done to it, and with data-crop that it is a component.
"use strict";

window.quality = (() => {
  const css = (el, name) => getComputedStyle(el)[name];
  const set = (el, name, value) => el.style.setProperty(name, value, "important");
  const clamp = (v, low, high) => Math.min(Math.max(v, low), high);
  const rgb = (text) => (text.match(/[\d.]+/g) || []).slice(0, 3).map(Number);
  const isClear = (text) => text === "transparent" || /rgba\(.*, 0\)/.test(text);
  const shade = (c) => 0.299 * c[0] + 0.587 * c[1] + 0.114 * c[2];
  const asText = (c) => `rgb(${c.map((v) => clamp(Math.round(v), 0, 255)).join(",")})`;
  const box = (el) => {
    const r = el.getBoundingClientRect();
    return [r.x, r.y, r.width, r.height];
  };
  const inView = ([x, y, w, h]) =>
    w > 0 && h > 0 && x >= 0 && y >= 0 && x + w <= innerWidth && y + h <= innerHeight - 4;
  const marked = (mark) =>
    mark === "body"
      ? [document.body]
      : [...document.querySelectorAll(`[data-q~="${mark}"]`)].filter((el) => inView(box(el)));

  const textNodes = (el) => {
    const walk = document.createTreeWalker(el, NodeFilter.SHOW_TEXT);
    const nodes = [];
    while (walk.nextNode()) {
      if (walk.currentNode.data.trim() && walk.currentNode.parentElement.tagName !== "STYLE")
        nodes.push(walk.currentNode);
    }
    return nodes;
  };

  // Replaces the occurrence nearest to the middle of the element's longest text.
  const rewrite = (el, pattern, write) => {
    const node = textNodes(el).sort((a, b) => b.data.length - a.data.length)[0];
    if (!node) return null;
    const middle = node.data.length / 2;
    const hit = [...node.data.matchAll(pattern)].sort(
      (a, b) => Math.abs(a.index - middle) - Math.abs(b.index - middle))[0];
    if (!hit) return null;
    const after = write(hit[0]);
    if (after === hit[0]) return null;
    node.data = node.data.slice(0, hit.index) + after + node.data.slice(hit.index + hit[0].length);
    return `“${hit[0]}” to “${after}”`;
  };

  const lightness = (c, step) => {
    const [r, g, b] = c.map((v) => v / 255);
    const high = Math.max(r, g, b), low = Math.min(r, g, b), l = (high + low) / 2;
    const s = high === low ? 0 : (high - low) / (1 - Math.abs(2 * l - 1));
    const to = clamp(l + step, 0, 1), chroma = s * (1 - Math.abs(2 * to - 1));
    return [r, g, b].map((v) =>
      255 * (to + (high === low ? 0 : ((v - low) / (high - low) - 0.5) * chroma)));
  };
  const ways = {
    rgb: (c, by) => c.map((v) => v + 255 * by),
    lightness: (c, by) => lightness(c, by),
    multiplied: (c, by) => c.map((v) => v * (1 + by)),
  };
  const repaint = (el, name, to) => {
    const before = css(el, name);
    if (isClear(before) || css(el, "backgroundImage") !== "none") return null;
    const after = asText(to(rgb(before)));
    if (after.replace(/ /g, "") === before.replace(/ /g, "")) return null;
    set(el, name.replace(/[A-Z]/g, (c) => "-" + c.toLowerCase()), after);
    return `${before} to ${after}`;
  };
  // Away from where there is no room: dark colours get lighter.
  const away = (c, levels) => c.map((v) => v + (shade(c) > 128 ? -levels : levels));

  const add = (x, y, w, h, colour) => {
    const mark = document.createElement("div");
    mark.style.cssText = "position:absolute;z-index:99;" +
      `left:${x + scrollX}px;top:${y + scrollY}px;width:${w}px;height:${h}px;background:${colour}`;
    document.body.append(mark);
    return `${w}×${h} ${colour}`;
  };
  const position = (el, side, px) => {
    if (css(el, "position") !== "static" && css(el, "position") !== "relative") return null;
    set(el, "position", "relative");
    set(el, side, `${px}px`);
    return `${side} ${px}px`;
  };
  const hasBorder = (el) =>
    parseFloat(css(el, "borderTopWidth")) >= 1 && !isClear(css(el, "borderTopColor")) &&
    css(el, "borderTopStyle") !== "none";
  const reborder = (el, colour) => {
    for (const side of ["top", "right", "bottom", "left"])
      if (parseFloat(css(el, `border-${side}-width`)) >= 1) set(el, `border-${side}-color`, colour);
    return colour;
  };
  const dividerName = (el) =>
    parseFloat(css(el, "borderTopWidth")) > 0 ? "borderTopColor" : "backgroundColor";
  const series = (el, kind) => el.querySelector(`[data-s=${kind}]`);

  const plants = {
    "divider-moved": (el, p) => position(el, "top", p.px),
    "divider-pushes": (el, p) => {
      const now = parseFloat(css(el, "marginTop"));
      set(el, "margin-top", `${now + p.px}px`);
      return `margin-top ${now} to ${now + p.px}`;
    },
    "divider-removed": (el) => (set(el, "visibility", "hidden"), "hidden"),
    "divider-recoloured": (el, p) => repaint(el, dividerName(el), (c) => away(c, p.levels)),
    "letter-changed": (el) => rewrite(el, /e/g, () => "o"),
    "letter-lookalike": (el) => rewrite(el, /l/g, () => "I"),
    "letter-case": (el) => rewrite(el, /\b[a-z](?=[a-z]{2})/g, (c) => c.toUpperCase()),
    "letters-swapped": (el) =>
      rewrite(el, /[aeiou][nrst]/g, (c) => c[1] + c[0]),
    "period": (el) => {
      const node = textNodes(el).at(-1);
      const text = node.data.trimEnd();
      node.data = text.endsWith(".") ? text.slice(0, -1) : text + ".";
      return text.endsWith(".") ? "removed" : "added";
    },
    "digit-changed": (el) => rewrite(el, /3/g, () => "8"),
    "button-colour": (el, p) => repaint(el, "backgroundColor", (c) =>
      ways[p.way](c, shade(c) > 140 ? -p.by : p.by)),
    "icon-changed": (el, p) => {
      const svg = el.querySelector("svg[data-icon]");
      if (svg.dataset.icon === p.to) return null;
      svg.querySelector("path").setAttribute("d", p.path);
      return `${svg.dataset.icon} to ${p.to}`;
    },
    "icon-removed": (el) => (set(el.querySelector("svg"), "visibility", "hidden"), "hidden"),
    "icon-flipped": (el, p) => {
      const svg = el.querySelector("svg[data-icon]");
      if (!p.asymmetric.includes(svg.dataset.icon)) return null;
      set(svg, "transform", "scaleX(-1)");
      return svg.dataset.icon;
    },
    "icon-recoloured": (el, p) => repaint(el, "color", (c) =>
      [c[0] + (shade(c) > 128 ? -p.levels : p.levels), c[1], c[2]]),
    "border-added": (el) => {
      if (hasBorder(el)) return null;
      set(el, "outline", "1px solid #8a8a8a");
      set(el, "outline-offset", "-1px");
      return "1px solid #8a8a8a";
    },
    "border-removed": (el) => (hasBorder(el) ? reborder(el, "transparent") : null),
    "border-recoloured": (el, p) =>
      hasBorder(el) ? reborder(el, asText(away(rgb(css(el, "borderTopColor")), p.levels))) : null,
    "row-inserted": (el) => {
      const row = el.children[1];
      row.after(row.cloneNode(true));
      return "the second, twice";
    },
    "row-removed": (el) => (el.children[1].remove(), "the second"),
    "rows-swapped": (el) => (el.insertBefore(el.children[1], el.children[0]), "the first two"),
    "moved": (el, p) => position(el, p.side, p.px),
    "text-colour": (el, p) => repaint(el, "color", (c) => away(c, p.levels)),
    "underline-removed": (el) => {
      const link = css(el, "textDecorationLine").includes("underline") ? el : el.querySelector("u");
      return link ? (set(link, "text-decoration", "none"), "none") : null;
    },
    "shadow-added": (el, p) => (set(el, "box-shadow", p.shadow), p.shadow),
    "shadow-removed": (el) =>
      css(el, "boxShadow") === "none" ? null : (set(el, "box-shadow", "none"), "none"),
    "toggled": (el) => {
      el.checked = !el.checked;
      return el.checked ? "on" : "off";
    },
    "radius": (el, p) => {
      const now = parseFloat(css(el, "borderTopLeftRadius"));
      const seen = hasBorder(el) || css(el, "boxShadow") !== "none" ||
        !isClear(css(el, "backgroundColor"));
      if (!seen || now > 16) return null;
      set(el, "border-radius", `${now + p.px}px`);
      return `${now} to ${now + p.px}`;
    },
    "graph-alpha": (el, p) => {
      const all = [...el.querySelectorAll("[fill-opacity]")];
      for (const one of all)
        one.setAttribute("fill-opacity", Number(one.getAttribute("fill-opacity")) + p.by);
      return all.length ? `fill-opacity ${p.by}` : null;
    },
    "graph-recoloured": (el, p) => {
      const one = series(el, "line") || series(el, "bar");
      const name = one.dataset.s === "line" ? "stroke" : "fill";
      one.setAttribute(name, p.colour);
      return `${one.dataset.s} ${p.colour}`;
    },
    "graph-value": (el, p) => {
      const bar = el.querySelectorAll("[data-s=bar]")[5];
      if (bar) {
        bar.setAttribute("y", Number(bar.getAttribute("y")) - p.px);
        bar.setAttribute("height", Number(bar.getAttribute("height")) + p.px);
        return `a bar higher by ${p.px}`;
      }
      const line = series(el, "line");
      const points = line.getAttribute("points").split(" ");
      const [x, y] = points[5].split(",").map(Number);
      points[5] = `${x},${y - p.px}`;
      line.setAttribute("points", points.join(" "));
      return `a point higher by ${p.px}`;
    },
    "background": (el, p) => {
      // Whichever of body and html paints the canvas; white if neither does.
      const root = document.documentElement;
      const host = [el, root].find((one) => !isClear(css(one, "backgroundColor"))) || el;
      if (css(el, "backgroundImage") !== "none") return null;
      const colour = css(host, "backgroundColor");
      const seen = isClear(colour) ? [255, 255, 255] : rgb(colour);
      if (shade(seen) < 200) return null;
      const to = asText(seen.map((v) => v - p.levels));
      set(host, "background-color", to);
      return `${asText(seen)} to ${to}`;
    },
    "bold-removed": (el) =>
      Number(css(el, "fontWeight")) >= 600 ? (set(el, "font-weight", "400"), "400") : null,
    "font-size": (el, p) => {
      const now = parseFloat(css(el, "fontSize"));
      set(el, "font-size", `${now + p.px}px`);
      return `${now} to ${now + p.px}`;
    },
    "focus-missing": (el) => (el.focus({ focusVisible: true }), "focused"),
    "line-added": (el, p) => {
      const [x, y, w, h] = box(el);
      return w < 60 ? null : p.upright
        ? add(Math.round(x + w - 9), Math.max(0, Math.round(y + h / 2 - 20)), 1, 40, p.colour)
        : add(Math.round(x + w - 52), Math.round(y + h - 5), 40, 1, p.colour);
    },
    "dot-added": (el, p) => {
      const [x, y, w] = box(el);
      return add(Math.round(x + w + 1), Math.max(0, Math.round(y - 1)), p.px, p.px, "#d6249f");
    },
    "graph-nudged": (el, p) =>
      (set(el, "transform", `translate(${p.px}px, ${p.px}px)`), `${p.px}px`),
  };

  // The box of a component on a screenshot, as people cut them: 40×40 to 400×120.
  const crop = (el) => {
    const host = el.closest("[data-crop]");
    let [x, y, w, h] = box(host && inView(box(host)) ? host : el);
    const [ex, ey, ew, eh] = box(el);
    const wide = Math.ceil(clamp(w + 8, 40, Math.min(400, innerWidth)));
    const high = Math.ceil(clamp(h + 8, 40, 120));
    x = w + 8 > wide ? ex + ew / 2 - wide / 2 : x + w / 2 - wide / 2;
    y = h + 8 > high ? ey + eh / 2 - high / 2 : y + h / 2 - high / 2;
    x = Math.round(clamp(x, 0, innerWidth - wide));
    y = Math.round(clamp(y, 0, innerHeight - high));
    return [x, y, wide, high];
  };
  let markup = null, style = null;
  return {
    // Returns what was done, or null if no element allows it.
    plant({ kind, mark, nth, ...p }) {
      const count = marked(mark).length;
      for (let i = 0; i < count; i++) {
        const el = marked(mark)[(nth + i) % count];
        const place = { crop: crop(el), box: box(el), font: parseFloat(css(el, "fontSize")) };
        const done = plants[kind](el, p);
        const added = ["line-added", "dot-added"].includes(kind);
        if (done && added) place.crop = crop(document.body.lastElementChild);
        if (done) return { done, ...place };
        this.restore();
      }
      return null;
    },
    remember() { markup = document.body.innerHTML; style = document.body.getAttribute("style"); },
    restore() {
      document.body.innerHTML = markup;
      if (style === null) document.body.removeAttribute("style");
      else document.body.setAttribute("style", style);
      document.documentElement.removeAttribute("style");
    },
    crops() {
      const all = [...document.querySelectorAll("[data-crop]")];
      return all.filter((el) => inView(box(el))).map(crop);
    },
    // Every word in view with its box.
    words() {
      const found = [];
      for (const node of textNodes(document.body)) {
        for (const hit of node.data.matchAll(/\S+/g)) {
          const range = document.createRange();
          range.setStart(node, hit.index);
          range.setEnd(node, hit.index + hit[0].length);
          const r = range.getBoundingClientRect();
          if (r.width && r.top < innerHeight) found.push([hit[0], r.x, r.y, r.width, r.height]);
        }
      }
      return found;
    },
  };
})();
