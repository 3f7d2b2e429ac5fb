// One worker of a rival that lives in Node: answers each line of JSON on stdin with one on stdout.
//   node rivals.mjs pixelmatch|blazediff
// A line is {base, head, output, threshold}; the answer {changed}, null where it did not count.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

async function withPixelmatch() {
  const { default: pixelmatch } = await import("pixelmatch");
  const { default: { PNG } } = await import("pngjs");

  // pixelmatch refuses images of two sizes; its users lay both on a common canvas.
  function onCanvas(image, width, height) {
    if (image.width === width && image.height === height) return image;
    const canvas = new PNG({ width, height });
    PNG.bitblt(image, canvas, 0, 0, image.width, image.height, 0, 0);
    return canvas;
  }

  return ({ base, head, output, threshold }) => {
    const images = [base, head].map((path) => PNG.sync.read(readFileSync(path)));
    const width = Math.max(...images.map((image) => image.width));
    const height = Math.max(...images.map((image) => image.height));
    const [a, b] = images.map((image) => onCanvas(image, width, height));
    const diff = new PNG({ width, height });
    const options = { threshold, includeAA: false, diffMask: true };
    const changed = pixelmatch(a.data, b.data, diff.data, width, height, options);
    if (changed > 0) writeFileSync(output, PNG.sync.write(diff));
    return { changed };
  };
}

// The native binding itself: its wrapper lists binaries of machines that need not be on offer.
function withBlazediff() {
  const load = createRequire(import.meta.url);
  const native = load(`@blazediff/bin-${process.platform}-${process.arch}`);
  // Level 1: its uncompressed default writes 12 MB a mask and takes twice as long.
  const options = { antialiasing: true, diffMask: true, compression: 1 };
  return ({ base, head, output, threshold }) => {
    const result = native.compare(base, head, output, { ...options, threshold });
    return { changed: result.matchResult ? 0 : (result.diffCount ?? null) };
  };
}

const engines = { pixelmatch: withPixelmatch, blazediff: withBlazediff };
const compareFiles = await engines[process.argv[2]]();
console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(compareFiles(JSON.parse(line))));
}
