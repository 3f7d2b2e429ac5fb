// The words that all modules share: what the page is given, and what it remembers.

/**
 * The whole comparison.
 * @typedef {object} Run
 * @property {string} project
 * @property {string} head the build that is looked at
 * @property {string|null} base
 * @property {string} execution
 * @property {string} kind usual, empty, first, errored or failed
 * @property {boolean} reviewable whether decisions mean anything
 * @property {string} bucket where the build lies, or ""
 * @property {boolean} local whether it was made by two folders on one machine
 * @property {[string, string[]][]} facts label and lines
 * @property {string} advice
 * @property {Record<string, string>} marks why a region counts, in words
 * @property {Record<string, string>} noises what explains one that does not count, in words
 */

/**
 * One snapshot, as the list shows it.
 * @typedef {object} Entry
 * @property {number} id its place in the data
 * @property {string} name
 * @property {string} title what to call it
 * @property {number} status index into STATUSES
 * @property {number} changed pixels
 * @property {number} total pixels of the canvas
 * @property {number} group number shared by snapshots with the same change, or -1
 * @property {string} thumb address, or ""
 * @property {string[]} tags
 * @property {[number, number]|null} headSize
 * @property {[number, number]|null} baseSize
 * @property {boolean} recoloured
 * @property {number} learned regions that learned noise explains
 * @property {string} quarantine until when it is in quarantine and whose it is, or ""
 * @property {string} words lower-case text that the search looks through
 */

/** @typedef {{x: number, y: number, width: number, height: number}} Box */
/** @typedef {Box & {pixels: number, mark: string|null, noise?: string|null, label?: string}} Region */
/** @typedef {"rows"|"columns"} Axis */
/**
 * Rows or columns that only one image has; where they begin on the canvas, in base and in head.
 * @typedef {{kind: "inserted"|"deleted", axis: Axis, start: number, length: number, baseStart: number, headStart: number}} Band
 */

/**
 * What the main view shows of one snapshot.
 * @typedef {object} Detail
 * @property {string} head address, or ""
 * @property {string} base
 * @property {string} mask
 * @property {Region[]} regions
 * @property {Band[]} bands
 * @property {string[]} why sentences
 * @property {[string, string][]} facts
 * @property {string} reason why it could not be compared
 */

/** @typedef {"side"|"swipe"|"onion"|"blink"|"diff"|"single"} Mode */
/** @typedef {"approve"|"reject"} Decision */
/** @typedef {"severity"|"size"|"name"} Sort */

/**
 * What is on the screen; all of it stands in the address.
 * @typedef {object} View
 * @property {string} q the search
 * @property {string} name the snapshot that is shown
 * @property {boolean} whole whether its group is meant, not it alone
 * @property {Sort} sort
 * @property {boolean} tree
 * @property {string[]} folds rows that are not as they are by default: open or folded
 * @property {Mode} mode
 * @property {"base"|"head"} side which one the single view shows
 * @property {number} at divider of swipe, opacity of onion: 0 to 1
 * @property {number} zoom 0 fits, else the scale
 * @property {number} x left edge of what is seen, in pixels of the picture
 * @property {number} y
 * @property {number} region the region that was jumped to, from 1; 0 is none
 * @property {boolean} facts
 */

export const STATUSES = [
  "errored",
  "changed",
  "added",
  "removed",
  "renamed",
  "skipped",
  "unchanged",
  "quarantined",
];
export const TITLES = [
  "Could not be compared",
  "Changed",
  "Added",
  "Removed",
  "Renamed",
  "Skipped",
  "Unchanged",
  "In quarantine",
];
export const [ERRORED, CHANGED, ADDED, REMOVED, RENAMED, SKIPPED, UNCHANGED, QUARANTINED] = [
  0, 1, 2, 3, 4, 5, 6, 7,
];
/** The sections in their order: what changed in quarantine follows what needs a review. */
export const SECTIONS = [ERRORED, CHANGED, ADDED, REMOVED, QUARANTINED, RENAMED, SKIPPED, UNCHANGED];
