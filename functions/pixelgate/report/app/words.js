// Numbers as people read them.

const THOUSANDS = new Intl.NumberFormat("en");

/** @param {number} n */
export function number(n) {
  return THOUSANDS.format(n);
}

/** "1 row", "2 rows". @param {number} n @param {string} noun */
export function count(n, noun) {
  return `${number(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/**
 * A share with two significant digits, never 0 % for something and never 100 % for less.
 * @param {number} part
 * @param {number} whole
 */
export function percent(part, whole) {
  if (!whole) return "";
  const share = (100 * part) / whole;
  if (share === 0 || share === 100) return `${share} %`;
  if (share > 99) return `${Math.min(share, 99.99).toFixed(2)} %`;
  return share >= 0.01 ? `${Number(share.toPrecision(2))} %` : "< 0.01 %";
}

/** @param {[number, number]|null} size */
export function sized(size) {
  return size ? `${size[0]}×${size[1]}` : "";
}

/** A word that a shell takes as one. @param {string} word */
export function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
