// Rules of the JavaScript world, asked over a pipe: a line {"base": path, "head": path} comes in,
// a line with one verdict per rule goes out; true means that the rule calls the pair changed.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import pixelmatch from "pixelmatch";
import bundle from "playwright-core/lib/coreBundle";
import { PNG } from "pngjs";

const compare = bundle.utils.getComparator("image/png");

// pixelmatch as its README calls it: threshold 0.1, anti-aliased pixels not counted.
function byPixelmatch(baseFile, headFile) {
  const base = PNG.sync.read(baseFile), head = PNG.sync.read(headFile);
  if (base.width !== head.width || base.height !== head.height) return true;
  return pixelmatch(base.data, head.data, null, base.width, base.height) > 0;
}

for await (const line of createInterface({ input: process.stdin })) {
  const { base, head } = JSON.parse(line);
  const baseFile = readFileSync(base), headFile = readFileSync(head);
  const verdicts = {
    // What toHaveScreenshot() does without options once both pictures are there.
    playwright: compare(headFile, baseFile) !== null,
    pixelmatch: byPixelmatch(baseFile, headFile),
  };
  process.stdout.write(`${JSON.stringify(verdicts)}\n`);
}
