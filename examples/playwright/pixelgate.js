// Import `test` and `expect` from this file instead of '@playwright/test': then toHaveScreenshot()
// leaves every image in pixelgate-snapshots/, also those of tests that pass. README.md says more.
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { expect as base, test as baseTest } from "@playwright/test";
export * from "@playwright/test";

const OPTIONS = ["animations", "caret", "clip", "fullPage", "mask", "maskColor", "omitBackground", "scale"];
const attempts = new WeakMap(); // of each attempt's TestInfo: its screenshots

export const test = baseTest.extend({
  // Begins an attempt, also one that fails before its first screenshot.
  _pixelgate: [({}, use, info) => use(begin(info)), { auto: true, box: true }],
});

export const expect = base.extend({
  async toHaveScreenshot(target, first, second) {
    const info = test.info();
    if (this.isNot) {
      const same = await problem(base(target).not.toHaveScreenshot(first, second));
      return { pass: Boolean(same), message: () => same.message };
    }
    const named = typeof first === "string" || Array.isArray(first);
    const given = { timeout: configured(info).timeout ?? this.timeout, ...(named ? second : first) };
    const name = (named ? first : given.name) ?? nextName(info);
    const golden = info.snapshotPath(...[name].flat(), { kind: "screenshot" });
    const file = fileFor(info, golden);
    // A golden that is missing is no failure: pixelgate has the baseline. With -u, Playwright writes it.
    const compares = fs.existsSync(golden) || !["default", "none"].includes(info.config.updateSnapshots);
    const problems = [
      compares && (await problem(base(target).toHaveScreenshot(name, given))),
      await problem(settled(info, target, given, file).then((image) => keep(info, target, file, image))),
    ];
    const words = problems.filter(Boolean).map((error) => error.message);
    return { pass: !words.length, message: () => words.join("\n\n") };
  },
});

const problem = (promise) =>
  promise.then(
    () => null,
    (error) => error,
  );
const sidecar = (file) => file.slice(0, -path.extname(file).length) + ".json";
const sanitized = (text) => text.replace(/[\x00-,./:-@[-`{-\x7F]+/g, "-"); // as Playwright does
const configured = (info) => info._projectInternal?.expect?.toHaveScreenshot ?? {};
const owner = (info) => [info.project.name, ...info.titlePath].join(" › ");

/** Playwright's name for the next screenshot without one. */
function nextName(info) {
  const title = [...info.titlePath.slice(1), ++begin(info).unnamed].join(" ");
  const middle = `-${createHash("sha1").update(title).digest("hex").slice(0, 5)}-`;
  const short = title.length > 100 ? title.slice(0, 46) + middle + title.slice(-47) : title;
  return `${short}.${configured(info).type ?? "png"}`;
}

/** The image's place in our folder: that of the golden below the config's folder. */
function fileFor(info, golden) {
  const root = info.config.configFile ? path.dirname(info.config.configFile) : info.config.rootDir;
  const parts = path
    .relative(root, golden)
    .split(path.sep)
    .filter((part) => part !== "..");
  let { dir, name, ext } = path.parse(parts.map((part) => part.replace(/^\./, "_")).join("/"));
  const project = sanitized(info.project.name);
  const others = info.config.projects.length > 1; // whose images need other names
  if (others && !sanitized(`-${dir}-${name}-`).includes(`-${project}-`)) name += `-${project}`;
  const { times } = begin(info);
  times[dir + name] = (times[dir + name] ?? 0) + 1;
  if (times[dir + name] > 1) name += `-${times[dir + name]}`;
  return path.resolve(root, process.env.PIXELGATE_SNAPSHOTS ?? "pixelgate-snapshots", dir, name + ext);
}

/** Takes screenshots until two are the same, with the options that toHaveScreenshot would use. */
async function settled(info, target, given, file) {
  const { animations, caret, scale, stylePath } = configured(info);
  const all = { animations, caret, scale, stylePath, ...given };
  const options = { animations: "disabled", caret: "hide", scale: "css", type: path.extname(file).slice(1) };
  for (const option of OPTIONS) if (all[option] !== undefined) options[option] = all[option];
  options.style = [all.stylePath ?? []]
    .flat()
    .map((style) => fs.readFileSync(style, "utf8"))
    .join("\n");
  const until = all.timeout ? Date.now() + all.timeout : Infinity;
  for (let before, wait = 0; ; wait = Math.min(500, 2 * wait + 50)) {
    const image = await target.screenshot({ ...options, timeout: all.timeout });
    if (before?.equals(image)) return image;
    if (Date.now() > until) throw new Error(`no two screenshots were the same within ${all.timeout} ms`);
    before = image;
    await new Promise((done) => setTimeout(done, wait));
  }
}

/** Writes the image, and first the JSON file beside it, which pixelgate reads. */
function keep(info, target, file, image) {
  const sha1 = (bytes) => createHash("sha1").update(bytes).digest("hex");
  const claim = path.join(claims(info), sha1(file));
  const earlier = fs.existsSync(claim) ? JSON.parse(fs.readFileSync(claim, "utf8")) : {};
  if (earlier.owner && earlier.owner !== owner(info) && earlier.image !== sha1(image)) {
    const tests = `${owner(info)} and ${earlier.owner}`;
    throw new Error(`${tests} took different images for ${file}; give them names of their own`);
  }
  const page = target.page?.() ?? target;
  const size = page.viewportSize();
  const tags = {
    project: info.project.name,
    browser: page.context().browser()?.browserType().name(),
    platform: process.platform,
    viewport: size && `${size.width}x${size.height}`,
  };
  for (const tag in tags) if (!tags[tag]) delete tags[tag];
  const [spec, ...titles] = info.titlePath;
  const about = { description: titles.join(" › "), tags, context: { test: spec, line: info.line } };
  write(claim, JSON.stringify({ owner: owner(info), file, image: sha1(image) }));
  write(sidecar(file), JSON.stringify(about, null, 2) + "\n");
  write(file, image);
}

function write(file, content) {
  const unfinished = path.join(path.dirname(file), `.${path.basename(file)}-${process.pid}`);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(unfinished, content);
  fs.renameSync(unfinished, file);
}

/** Playwright empties its output folder when a run begins, so what lies there is of this run. */
const claims = (info) => path.join(info.project.outputDir, ".pixelgate");

/** Begins an attempt of a test, once: what earlier attempts took is removed. */
function begin(info) {
  if (attempts.has(info)) return attempts.get(info);
  attempts.set(info, { unnamed: 0, times: {} });
  for (const name of info.retry && fs.existsSync(claims(info)) ? fs.readdirSync(claims(info)) : []) {
    const claim = path.join(claims(info), name);
    if (name.startsWith(".")) continue; // is being written
    const taken = JSON.parse(fs.readFileSync(claim, "utf8"));
    if (taken.owner !== owner(info)) continue;
    for (const left of [taken.file, sidecar(taken.file), claim]) fs.rmSync(left, { force: true });
  }
  return attempts.get(info);
}
