// The data of the report: pairs, links of each aligner, gold links, and counts of links.

export const STEPS = 1000; // between the probabilities 0 and 1
const WIDTH = 65536; // more than the words of a side, so that a word pair is one number

/** A word pair as one number. */
export function keyOf(i, j) {
  return i * WIDTH + j;
}

/** Source and target word of a key. */
export function placeOf(key) {
  return [Math.floor(key / WIDTH), key % WIDTH];
}

/** One sentence pair; `found` has the word pairs of each aligner, see `decoded`. */
class Pair {
  constructor(row, number) {
    const [src, tgt, gold, score, found] = row;
    this.number = number;
    this.src = wordsOf(src);
    this.tgt = wordsOf(tgt);
    this.text = [this.src.join(" "), this.tgt.join(" ")];
    this.score = score;
    this.rows = found;
    this.goldRow = gold;
    this.cache = [];
  }

  /** Number of words of the longer side. */
  get length() {
    return Math.max(this.src.length, this.tgt.length);
  }

  /** Gold links by key: true where they are sure; null without gold. */
  get gold() {
    if (this.goldRow === null) return null;
    if (!this.goldMap) {
      this.goldMap = new Map();
      for (let k = 0; k < this.goldRow.length; k += 3) {
        this.goldMap.set(keyOf(this.goldRow[k], this.goldRow[k + 1]), this.goldRow[k + 2] === 1);
      }
    }
    return this.goldMap;
  }

  /** Word pairs of an aligner by key: `{p, linked}`. */
  found(system) {
    if (!this.cache[system]) this.cache[system] = decoded(this.rows[system]);
    return this.cache[system];
  }
}

/** Words of a side, which is text, or words if one of them holds a space. */
function wordsOf(side) {
  if (Array.isArray(side)) return side;
  return side === "" ? [] : side.split(" ");
}

/** Word pairs of a row `[i, j, v, ...]`, where `v` is 1 + `STEPS` p, negative without a link. */
function decoded(row) {
  const found = new Map();
  for (let k = 0; k < row.length; k += 3) {
    const steps = Math.abs(row[k + 2]) - 1;
    found.set(keyOf(row[k], row[k + 1]), { p: steps / STEPS, steps, linked: row[k + 2] > 0 });
  }
  return found;
}

/** The report that is in this page. */
export function readReport(text) {
  const report = JSON.parse(text);
  report.pairs = report.pairs.map((row, k) => new Pair(row, report.numbers ? report.numbers[k] : k + 1));
  return report;
}

/** Whether a word pair is linked; `threshold` is null for links as they were aligned. */
export function isLinked(entry, threshold, hasProbabilities) {
  if (entry === undefined) return false;
  return threshold === null || !hasProbabilities ? entry.linked : entry.steps > Math.round(threshold * STEPS);
}

/** Keys of the links of an aligner. */
export function linksOf(pair, system, threshold, hasProbabilities) {
  const links = new Set();
  for (const [key, entry] of pair.found(system)) {
    if (isLinked(entry, threshold, hasProbabilities)) links.add(key);
  }
  return links;
}

/** Counts |A|, |S|, |P|, |A and S|, |A and P| of links beside gold links. */
export function countsOf(links, gold) {
  const counts = [links.size, 0, gold.size, 0, 0];
  for (const isSure of gold.values()) counts[1] += isSure;
  for (const key of links) {
    const isSure = gold.get(key);
    if (isSure === undefined) continue;
    counts[4] += 1;
    if (isSure) counts[3] += 1;
  }
  return counts;
}

/** Alignment error rate, precision and recall of counts, from 0 to 1. */
export function scoresOf([links, sure, , linksSure, linksPossible]) {
  const whole = links + sure;
  return {
    aer: whole ? 1 - (linksSure + linksPossible) / whole : 0,
    precision: links ? linksPossible / links : 0,
    recall: sure ? linksSure / sure : 0,
  };
}

/** Number of wrong and missing links of counts. */
export function mistakesOf([links, sure, , linksSure, linksPossible]) {
  return links - linksPossible + sure - linksSure;
}

/** A share in percent, with one decimal. */
export function percent(share) {
  return (100 * share).toFixed(1);
}
