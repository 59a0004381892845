// Links that were corrected by hand: kept in the browser, and saved as files.

import { make } from "./dom.js";
import { placeOf } from "./data.js";

/** Corrected links of pairs by number, and the pairs that were checked. */
export class Edits {
  constructor(name) {
    this.name = `xalign:${name}`;
    this.links = new Map();
    this.checked = new Set();
    try {
      const kept = JSON.parse(localStorage.getItem(this.name) ?? "{}");
      for (const [number, links] of kept.links ?? []) this.links.set(number, new Map(links));
      this.checked = new Set(kept.checked ?? []);
    } catch {
      // a browser that keeps nothing: corrections last until the page is closed
    }
  }

  /** Whether the pair was changed. */
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
    this.keep();
    return links;
  }

  /** Forget the changes of a pair. */
  undo(pair) {
    this.links.delete(pair.number);
    this.checked.delete(pair.number);
    this.keep();
  }

  /** Mark a pair as checked, or not. */
  check(pair, isChecked) {
    if (isChecked) this.checked.add(pair.number);
    else this.checked.delete(pair.number);
    this.keep();
  }

  keep() {
    const links = [...this.links].map(([number, found]) => [number, [...found]]);
    try {
      localStorage.setItem(this.name, JSON.stringify({ links, checked: [...this.checked] }));
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
