// One table of keys: what is pressed is looked up in it, and the help shows it.

/**
 * @typedef {object} Key
 * @property {string[]} keys as `KeyboardEvent.key` has them, letters in lower case
 * @property {string[]} [shown] as people read them
 * @property {boolean} [shift]
 * @property {boolean} [control] Control, or Command on a Mac
 * @property {boolean} [hidden] another line of the help tells of it
 * @property {string} part
 * @property {string} says
 * @property {() => void} does
 */

/**
 * Listens for the keys of the table, unless somebody types or holds another modifier.
 * @param {Key[]} table
 * @param {() => boolean} busy whether something lies above the page
 */
export function listen(table, busy) {
  addEventListener("keydown", (e) => {
    if (e.defaultPrevented || e.altKey || busy() || typing(e)) return;
    const control = e.ctrlKey || e.metaKey;
    const name = e.key.length === 1 ? e.key.toLowerCase() : e.key;
    const key = table.find(
      (k) =>
        k.keys.includes(name) &&
        (k.control ?? false) === control &&
        (k.shift ?? (isLetter(name) || name.startsWith("Arrow") ? false : e.shiftKey)) === e.shiftKey,
    );
    if (!key) return;
    e.preventDefault();
    key.does();
  });
}

/** @param {string} name */
function isLetter(name) {
  return /^[a-z]$/.test(name);
}

/** Whether the key belongs to the element that has the focus. @param {KeyboardEvent} e */
function typing(e) {
  const target = /** @type {HTMLElement} */ (e.target);
  if (target.matches("input[type=range]"))
    return e.key.startsWith("Arrow") || e.key === "Home" || e.key === "End";
  if (target.matches("input, textarea, select")) return true;
  return (e.key === " " || e.key === "Enter") && target.matches("button, a, summary");
}

/** How the help shows them. @param {Key[]} table */
export function shown(table) {
  const names = /** @type {Record<string, string>} */ ({
    ArrowUp: "↑",
    ArrowDown: "↓",
    ArrowLeft: "←",
    ArrowRight: "→",
    " ": "Space",
    Escape: "Esc",
  });
  return table
    .filter((k) => !k.hidden)
    .map(({ keys, shown: as, shift, control, says, part }) => ({
      keys:
        as ??
        keys.map(
          (k) =>
            (control ? "Ctrl " : "") +
            (shift ? "Shift " : "") +
            (names[k] ?? (k.length === 1 ? k.toUpperCase() : k)),
        ),
      says,
      part,
    }));
}
