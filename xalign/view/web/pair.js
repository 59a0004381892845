// One pair: its sentences with curves between linked words, and a matrix for each aligner.

import { byId, directionOf, make, makeSvg, textOf } from "./dom.js";
import { keyOf, linksOf, percent, placeOf } from "./data.js";

const GAP = 70; // pixels between the two sentences
const MOST_CELLS = 20000; // cells that are drawn without being asked for

const UPRIGHT = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;

export const MEANING = {
  linked: "linked",
  right: "linked, as in gold",
  wrong: "linked, not in gold",
  missed: "sure in gold, not linked",
  possible: "possible in gold, not linked",
  sure: "sure",
};

/** How a word pair is linked, beside gold links or without. */
export function kindOf(key, linked, gold) {
  if (!gold) return linked ? "linked" : "";
  const isSure = gold.get(key);
  if (linked) return isSure === undefined ? "wrong" : "right";
  return isSure === undefined ? "" : isSure ? "missed" : "possible";
}

/** Both sentences, with curves between linked words; words light up on hover, focus and click. */
export class Lines {
  constructor() {
    this.box = byId("lines");
    this.pinned = null;
    this.box.addEventListener("pointerover", (event) => this.light(event.target));
    this.box.addEventListener("pointerleave", () => this.restore());
    this.box.addEventListener("focusin", (event) => this.light(event.target));
    this.box.addEventListener("focusout", () => this.restore());
    this.box.addEventListener("click", (event) => this.pin(event.target));
    this.box.addEventListener("keydown", (event) => this.move(event));
    new ResizeObserver(() => this.drawCurves()).observe(this.box);
  }

  /** Draw a pair; `kinds` has the kind of every word pair that is drawn, by key. */
  show(pair, kinds, probabilityOf, isEditing) {
    this.kinds = kinds;
    this.isEditing = isEditing;
    this.probabilityOf = probabilityOf;
    this.words = [pair.src, pair.tgt];
    this.pinned = null;
    const sides = [pair.src, pair.tgt].map((words, side) => {
      const line = make("div", { class: "sentence", dir: directionOf(pair.text[side]), role: "group", "aria-label": side ? "Target" : "Source" });
      words.forEach((word, place) => {
        line.append(
          textOf("span", word, {
            class: "word",
            role: "button",
            "aria-pressed": "false",
            tabindex: place || (side && pair.src.length) ? -1 : 0,
            "data-side": side,
            "data-word": place,
            "aria-label": this.spoken(side, place, word),
          }),
          " ",
        );
      });
      return line;
    });
    this.curves = makeSvg("svg", { "aria-hidden": "true" });
    this.inner = make("div", { class: "inner" }, sides[0], this.curves, sides[1]);
    this.box.replaceChildren(this.inner);
    this.drawCurves();
  }

  spoken(side, place, word) {
    const others = [];
    for (const [key, kind] of this.kinds) {
      const [i, j] = placeOf(key);
      const isOpen = kind === "missed" || (kind === "possible" && !this.isEditing);
      if ((side ? j : i) !== place || isOpen) continue;
      others.push(this.words[1 - side][side ? i : j] + (kind === "possible" ? " (possible)" : ""));
    }
    return others.length ? `${word}: ${others.join(", ")}` : `${word}: no link`;
  }

  drawCurves() {
    if (!this.inner) return;
    const box = this.inner.getBoundingClientRect();
    const middles = [0, 1].map((side) =>
      [...this.inner.querySelectorAll(`[data-side="${side}"]`)].map((word) => {
        const { left, width } = word.getBoundingClientRect();
        return left + width / 2 - box.left;
      }),
    );
    this.curves.setAttribute("width", this.inner.scrollWidth);
    this.curves.setAttribute("height", GAP);
    const paths = [];
    for (const [key, kind] of this.kinds) {
      const [i, j] = placeOf(key);
      const [a, b] = [middles[0][i], middles[1][j]];
      if (a === undefined || b === undefined) continue;
      const p = this.probabilityOf(key);
      const path = makeSvg("path", {
        d: `M${a} 2C${a} ${GAP / 2} ${b} ${GAP / 2} ${b} ${GAP - 2}`,
        class: kind,
        "data-key": key,
        "stroke-opacity": p === null ? 0.8 : Math.max(0.25, p),
      });
      paths.push(path);
    }
    this.curves.replaceChildren(...paths);
    this.restore();
  }

  light(target) {
    const word = target.closest?.(".word");
    this.showLit(word ? [Number(word.dataset.side), Number(word.dataset.word)] : this.pinned);
  }

  restore() {
    const word = document.activeElement?.closest?.("#lines .word");
    this.showLit(this.pinned ?? (word ? [Number(word.dataset.side), Number(word.dataset.word)] : null));
  }

  pin(target) {
    const word = target.closest(".word");
    const place = word ? [Number(word.dataset.side), Number(word.dataset.word)] : null;
    this.pinned = place && this.pinned && String(place) === String(this.pinned) ? null : place;
    this.showLit(this.pinned);
  }

  showLit(place) {
    if (!this.inner) return;
    this.inner.classList.toggle("lit", place !== null);
    const lit = [new Set(), new Set()];
    if (place) lit[place[0]].add(place[1]);
    for (const path of this.curves.children) {
      const [i, j] = placeOf(Number(path.dataset.key));
      const isLit = place !== null && (place[0] ? j : i) === place[1];
      path.classList.toggle("on", isLit);
      if (isLit) {
        lit[0].add(i);
        lit[1].add(j);
      }
    }
    for (const word of this.inner.querySelectorAll(".word")) {
      const place = [Number(word.dataset.side), Number(word.dataset.word)];
      word.setAttribute("aria-pressed", String(this.pinned !== null && String(place) === String(this.pinned)));
      word.classList.toggle("on", lit[Number(word.dataset.side)].has(Number(word.dataset.word)));
    }
  }

  move(event) {
    const word = event.target.closest(".word");
    if (!word) return;
    let side = Number(word.dataset.side);
    let place = Number(word.dataset.word);
    const isRightToLeft = getComputedStyle(word.parentElement).direction === "rtl";
    if (event.key === "Enter" || event.key === " ") this.pin(word);
    else if (event.key === "ArrowRight") place += isRightToLeft ? -1 : 1;
    else if (event.key === "ArrowLeft") place -= isRightToLeft ? -1 : 1;
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const partner = this.partner(side, place);
      side = event.key === "ArrowDown" ? 1 : 0;
      if (side !== Number(word.dataset.side)) place = partner;
    } else return;
    event.preventDefault();
    event.stopPropagation();
    place = Math.max(0, Math.min(this.words[side].length - 1, place));
    const next = this.inner.querySelector(`[data-side="${side}"][data-word="${place}"]`);
    if (!next || next === word) return;
    word.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  partner(side, place) {
    for (const key of this.kinds.keys()) {
      const [i, j] = placeOf(key);
      if ((side ? j : i) === place) return side ? i : j;
    }
    return place;
  }
}

/** The matrix of one aligner, or of the links that are being corrected. */
export class Matrix {
  constructor(pair, { name, facts, kinds, probabilityOf, toggle }) {
    this.pair = pair;
    this.kinds = kinds;
    this.probabilityOf = probabilityOf;
    this.toggle = toggle;
    this.name = name;
    const cells = pair.src.length * pair.tgt.length;
    this.element = make("section", { class: "matrix" }, make("h3", {}, name), make("p", { class: "facts" }, facts));
    if (!cells) this.element.append(make("p", { class: "hint" }, "A side without words has no links."));
    else if (cells <= MOST_CELLS) this.element.append(this.table());
    else {
      const button = make("button", { type: "button" }, `Draw ${cells} cells`);
      button.addEventListener("click", () => button.replaceWith(this.table()));
      this.element.append(button);
    }
  }

  table() {
    const head = make("tr", { role: "row" }, make("td"));
    this.pair.tgt.forEach((word) => head.append(make("th", { scope: "col", role: "columnheader" }, make("span", { class: UPRIGHT.test(word) ? "upright" : null }, textOf("bdi", word)))));
    this.grid = make("table", { role: "grid", "aria-label": this.name, "aria-readonly": String(!this.toggle) }, head);
    this.pair.src.forEach((word, i) => {
      const row = make("tr", { role: "row" }, textOf("th", word, { scope: "row", role: "rowheader" }));
      this.pair.tgt.forEach((_, j) => row.append(this.cell(i, j)));
      this.grid.append(row);
    });
    this.grid.addEventListener("keydown", (event) => this.move(event));
    this.grid.addEventListener("click", (event) => {
      const cell = event.target.closest("[data-i]");
      if (cell) this.press(cell);
    });
    return make("div", { class: "scroll" }, this.grid);
  }

  cell(i, j) {
    const cell = make("td", { role: "gridcell", "data-i": i, "data-j": j, tabindex: i || j ? -1 : 0 });
    this.paint(cell);
    return cell;
  }

  paint(cell) {
    const [i, j] = [Number(cell.dataset.i), Number(cell.dataset.j)];
    const key = keyOf(i, j);
    const kind = this.kinds.get(key) ?? "";
    const p = this.probabilityOf(key);
    cell.className = kind;
    cell.style.setProperty("--p", p ?? 0);
    const facts = [p === null ? "" : `${percent(p)}%`, kind ? MEANING[kind] : "not linked"].filter(Boolean);
    const text = `${this.pair.src[i]} – ${this.pair.tgt[j]}: ${facts.join(", ")}`;
    cell.title = text;
    cell.setAttribute("aria-label", text);
  }

  press(cell) {
    this.focus(cell);
    if (!this.toggle) return;
    this.toggle(keyOf(Number(cell.dataset.i), Number(cell.dataset.j)));
    this.paint(cell);
  }

  focus(cell) {
    const before = this.grid.querySelector('td[tabindex="0"]');
    if (before) before.tabIndex = -1;
    cell.tabIndex = 0;
    cell.focus();
  }

  move(event) {
    const cell = event.target.closest("[data-i]");
    if (!cell) return;
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (event.key === "Enter" || event.key === " ") this.press(cell);
    else if (steps[event.key]) {
      const [di, dj] = steps[event.key];
      const next = this.grid.querySelector(`[data-i="${Number(cell.dataset.i) + di}"][data-j="${Number(cell.dataset.j) + dj}"]`);
      if (next) this.focus(next);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

/** Kinds of all word pairs of an aligner that a picture shows, by key. */
export function kindsOf(pair, system, threshold, hasProbabilities) {
  const kinds = new Map();
  const links = linksOf(pair, system, threshold, hasProbabilities);
  const keys = new Set([...links, ...(pair.gold?.keys() ?? [])]);
  for (const key of [...keys].sort((a, b) => a - b)) {
    const kind = kindOf(key, links.has(key), pair.gold);
    if (kind) kinds.set(key, kind);
  }
  return kinds;
}

/** Function that gives the probability of a word pair by an aligner; null where it has none. */
export function probabilitiesOf(pair, system, hasProbabilities) {
  if (!hasProbabilities) return () => null;
  const found = pair.found(system);
  return (key) => found.get(key)?.p ?? 0;
}
