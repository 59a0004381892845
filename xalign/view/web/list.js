// The list of pairs: only the rows that are in sight exist, so that it scrolls smoothly.

import { byId, make, textOf } from "./dom.js";

const ROW = 52; // height of a row in pixels, as in report.css
const SPARE = 6; // rows beyond those in sight

/** A list of `items`; `describe` gives the texts of one, `choose` is called with its place. */
export class PairList {
  constructor(describe, choose) {
    this.describe = describe;
    this.choose = choose;
    this.items = [];
    this.current = null;
    this.box = byId("list");
    this.spacer = byId("spacer");
    this.box.addEventListener("scroll", () => requestAnimationFrame(() => this.draw()));
    new ResizeObserver(() => this.draw()).observe(this.box);
    this.box.addEventListener("click", (event) => {
      const row = event.target.closest("[data-place]");
      if (row) this.choose(Number(row.dataset.place));
    });
  }

  /** Show other items. */
  show(items) {
    this.items = items;
    this.spacer.style.height = `${items.length * ROW}px`;
    this.box.scrollTop = 0;
    this.mark(this.current);
  }

  /** Mark the item that is shown beside the list, and bring it into sight. */
  mark(item) {
    this.current = item;
    const place = this.items.indexOf(item);
    if (place >= 0) {
      const top = place * ROW;
      if (top < this.box.scrollTop) this.box.scrollTop = top;
      const least = top + ROW - this.box.clientHeight;
      if (least > this.box.scrollTop) this.box.scrollTop = least;
    }
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - SPARE);
    const last = Math.min(this.items.length, Math.ceil((this.box.scrollTop + this.box.clientHeight) / ROW) + SPARE);
    const rows = [];
    for (let place = first; place < last; place += 1) rows.push(this.row(place));
    this.spacer.replaceChildren(...rows);
    const isDrawn = rows.some((row) => row.getAttribute("aria-selected") === "true");
    if (isDrawn) this.box.setAttribute("aria-activedescendant", "chosen");
    else this.box.removeAttribute("aria-activedescendant");
  }

  row(place) {
    const item = this.items[place];
    const { number, facts, src, tgt } = this.describe(item);
    const isCurrent = item === this.current;
    const row = make(
      "div",
      {
        role: "option",
        "data-place": place,
        "aria-selected": String(isCurrent),
        "aria-posinset": place + 1,
        "aria-setsize": this.items.length,
        id: isCurrent ? "chosen" : null,
      },
      make("span", { class: "number" }, number),
      make("span", { class: "sides" }, textOf("span", src), textOf("span", tgt)),
      make("span", { class: "facts" }, facts),
    );
    row.style.top = `${place * ROW}px`;
    return row;
  }
}
