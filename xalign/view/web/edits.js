// Links that were corrected by hand: kept in the browser, and saved as files.

import { make } from "./dom.js";
import { placeOf } from "./data.js";

/** Corrected links of pairs by number, and the pairs that were checked.
 *
 * The browser keeps one record for each pair, so that two pages of one report do not undo each
 * other's work; `onChange` is called when another page has changed one.
 */
export class Edits {
  constructor(name, onChange) {
    this.prefix = `xalign:${name}:`;
    this.links = new Map();
    this.checked = new Set();
    try {
      for (const key of Object.keys(localStorage)) this.take(key, localStorage.getItem(key));
    } catch {
      // a browser that keeps nothing: corrections last until the page is closed
    }
    addEventListener("storage", ({ key, newValue }) => {
      if (key?.startsWith(this.prefix)) {
        this.take(key, newValue);
        onChange();
      }
    });
  }

  /** Take up the record of a pair; null if it was removed. */
  take(key, record) {
    if (!key.startsWith(this.prefix)) return;
    const number = Number(key.slice(this.prefix.length));
    const { links, isChecked } = JSON.parse(record ?? "{}");
    if (links) this.links.set(number, new Map(links));
    else this.links.delete(number);
    if (isChecked) this.checked.add(number);
    else this.checked.delete(number);
  }

  /** Whether the links of the pair are kept. */
  has(pair) {
    return this.links.has(pair.number);
  }

  /** Links of a pair by key, true where they are sure: as corrected, or else `base`. */
  of(pair, base) {
    return this.links.get(pair.number) ?? base;
  }

  /** Change a word pair: no link, sure, possible, no link. */
  toggle(pair, base, key) {
    const links = new Map(this.of(pair, base));
    if (!links.has(key)) links.set(key, true);
    else if (links.get(key)) links.set(key, false);
    else links.delete(key);
    this.links.set(pair.number, links);
    this.checked.add(pair.number);
    this.keep(pair);
    return links;
  }

  /** Forget what is kept of a pair. */
  undo(pair) {
    this.links.delete(pair.number);
    this.checked.delete(pair.number);
    this.keep(pair);
  }

  /** Mark a pair as checked, with the links that it has now, or take the mark away. */
  check(pair, isChecked, base) {
    if (isChecked) {
      this.checked.add(pair.number);
      this.links.set(pair.number, new Map(this.of(pair, base)));
    } else {
      this.checked.delete(pair.number);
      if (asTalp(this.of(pair, base)) === asTalp(base)) this.links.delete(pair.number);
    }
    this.keep(pair);
  }

  keep(pair) {
    const key = this.prefix + pair.number;
    const links = this.links.has(pair.number) ? [...this.links.get(pair.number)] : null;
    const isChecked = this.checked.has(pair.number);
    try {
      if (links || isChecked) localStorage.setItem(key, JSON.stringify({ links, isChecked }));
      else localStorage.removeItem(key);
    } catch {
      // see the constructor
    }
  }
}

/** A line of gold links: `i-j` is sure, `ipj` possible. */
export function asTalp(links) {
  return inOrder(links).map(([[i, j], isSure]) => `${i}${isSure ? "-" : "p"}${j}`).join(" ");
}

/** A line of links; those that are only possible are left out. */
export function asPharaoh(links) {
  return inOrder(links).filter(([, isSure]) => isSure).map(([[i, j]]) => `${i}-${j}`).join(" ");
}

function inOrder(links) {
  return [...links].sort((a, b) => a[0] - b[0]).map(([key, isSure]) => [placeOf(key), isSure]);
}

/** Let the browser save lines as a file. */
export function download(name, lines) {
  const blob = new Blob([lines.map((line) => `${line}\n`).join("")], { type: "text/plain" });
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
