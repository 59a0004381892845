// The page: what is chosen, what follows from it, and the controls.

import { byId, make } from "./dom.js";
import { countsOf, linksOf, mistakesOf, percent, readReport, scoresOf } from "./data.js";
import { PairList } from "./list.js";
import { Lines, Matrix, MEANING, kindsOf, probabilitiesOf } from "./pair.js";
import { Edits, asPharaoh, asTalp, download } from "./edits.js";
import { charts } from "./charts.js";

const report = readReport(byId("data").textContent);
const edits = new Edits(report.key, () => {
  showPair();
  list.draw();
});
const has = {
  gold: report.gold,
  scores: report.scores,
  several: report.systems.length > 1,
  probabilities: report.systems.some((system) => system.probabilities),
};
const state = { threshold: null, system: 0, current: null, isEditing: false, items: [], counts: null };

const list = new PairList(described, (place) => choose(state.items[place]));
const lines = new Lines();

/** Links of the pair by an aligner, at the threshold that is chosen. */
function links(pair, system) {
  return linksOf(pair, system, state.threshold, report.systems[system].probabilities);
}

/** Counts of every pair for the aligner that is chosen; computed when they are first needed. */
function counts() {
  const { system, threshold } = state;
  if (!state.counts || state.counts.system !== system || state.counts.threshold !== threshold) {
    const rows = new Map();
    for (const pair of report.pairs) rows.set(pair, has.gold ? countsOf(links(pair, system), pair.gold) : null);
    state.counts = { system, threshold, rows };
  }
  return state.counts.rows;
}

function described(pair) {
  const facts = [];
  if (has.gold) facts.push(`AER ${percent(scoresOf(counts().get(pair)).aer)}`);
  if (has.scores && pair.score !== null) facts.push(`score ${pair.score.toFixed(2)}`);
  if (edits.checked.has(pair.number)) facts.push("checked");
  else if (edits.has(pair)) facts.push("changed");
  return { number: pair.number, facts: facts.join(" · "), src: pair.text[0], tgt: pair.text[1] };
}

/** Links of a pair before any correction: gold links, or else those of the aligner, all sure. */
function base(pair) {
  return pair.gold ?? new Map([...links(pair, state.system)].map((key) => [key, true]));
}

function number(id) {
  const value = byId(id)?.value ?? ""; // it is not there where the data lacks it
  return value === "" ? null : Number(value);
}

/** The pairs that pass the filters, in the order that is chosen. */
function select() {
  const wanted = byId("search").value.toLocaleLowerCase();
  const only = byId("only").value;
  const [least, most, leastAer, mostScore] = ["least", "most", "least-aer", "most-score"].map(number);
  const found = report.pairs.filter((pair) => {
    if (wanted && !pair.text.some((text) => text.toLocaleLowerCase().includes(wanted))) return false;
    if (least !== null && pair.length < least) return false;
    if (most !== null && pair.length > most) return false;
    if (leastAer !== null && 100 * scoresOf(counts().get(pair)).aer < leastAer) return false;
    if (mostScore !== null && (pair.score ?? 0) > mostScore) return false;
    if (only === "wrong" && !mistakesOf(counts().get(pair))) return false;
    if (only === "edited" && !edits.has(pair)) return false;
    return only !== "differ" || report.systems.some((_, k) => !isSame(links(pair, 0), links(pair, k)));
  });
  const orders = {
    number: () => 0,
    mistakes: (pair) => -mistakesOf(counts().get(pair)),
    aer: (pair) => -scoresOf(counts().get(pair)).aer,
    score: (pair) => pair.score ?? 0,
    long: (pair) => -pair.length,
    short: (pair) => pair.length,
  };
  const order = orders[byId("order").value];
  const keyed = found.map((pair) => [order(pair), pair]);
  keyed.sort((a, b) => a[0] - b[0]); // stable: else as in the file
  state.items = keyed.map(([, pair]) => pair);
  byId("count").textContent = `${state.items.length} of ${report.pairs.length} pairs`;
  list.show(state.items);
}

function isSame(one, other) {
  return one.size === other.size && [...one].every((key) => other.has(key));
}

/** Show a pair. */
function choose(pair) {
  if (!pair) return;
  state.current = pair;
  try {
    history.replaceState(null, "", `#${pair.number}`);
  } catch {
    // a page inside a notebook has no address
  }
  list.mark(pair);
  showPair();
}

function move(steps) {
  const place = state.items.indexOf(state.current);
  const next = place < 0 ? 0 : Math.max(0, Math.min(state.items.length - 1, place + steps));
  choose(state.items[next]);
}

/** Make a button do nothing, but keep it in reach of the keyboard. */
function setDisabled(id, isDisabled) {
  byId(id).setAttribute("aria-disabled", String(isDisabled));
}

/** How to find the element that has the focus, when the pair is drawn anew; null if it stays. */
function focused() {
  const { activeElement } = document;
  const cell = activeElement?.closest(".matrix [data-i]");
  if (cell) return `.matrix [data-i="${cell.dataset.i}"][data-j="${cell.dataset.j}"]`;
  const word = activeElement?.closest("#lines .word");
  return word ? `#lines [data-side="${word.dataset.side}"][data-word="${word.dataset.word}"]` : null;
}

function showPair() {
  const pair = state.current;
  if (!pair) return;
  const before = focused();
  drawPair(pair);
  if (before) (document.querySelector(before) ?? byId("pair")).focus();
}

function drawPair(pair) {
  const place = state.items.indexOf(pair);
  byId("pair-title").textContent = `Pair ${pair.number}`;
  setDisabled("previous", place === 0);
  setDisabled("next", place === state.items.length - 1);
  const sizes = `${pair.src.length} and ${pair.tgt.length} words`;
  byId("pair-facts").textContent = pair.score === null ? sizes : `${sizes} · score ${pair.score.toFixed(3)}`;
  const { probabilities } = report.systems[state.system];
  if (state.isEditing) {
    lines.show(pair, kindsOfEdit(pair), () => null, true);
  } else {
    lines.show(pair, kindsOf(pair, state.system, state.threshold, probabilities), probabilitiesOf(pair, state.system, probabilities), false);
  }
  byId("matrices").replaceChildren(...(state.isEditing ? [editMatrix(pair)] : report.systems.map((_, k) => matrix(pair, k))));
  setDisabled("undo", !edits.has(pair));
  byId("checked").checked = edits.checked.has(pair.number);
}

function matrix(pair, system) {
  const { name, probabilities } = report.systems[system];
  let facts = `${links(pair, system).size} links`;
  if (pair.gold) {
    const { aer, precision, recall } = scoresOf(countsOf(links(pair, system), pair.gold));
    facts = `AER ${percent(aer)} · precision ${percent(precision)} · recall ${percent(recall)}`;
  }
  return new Matrix(pair, {
    name,
    facts,
    kinds: kindsOf(pair, system, state.threshold, probabilities),
    probabilityOf: probabilitiesOf(pair, system, probabilities),
  }).element;
}

function kindsOfEdit(pair) {
  return new Map([...edits.of(pair, base(pair))].map(([key, isSure]) => [key, isSure ? "sure" : "possible"]));
}

function editMatrix(pair) {
  const { probabilities } = report.systems[state.system];
  const made = new Matrix(pair, {
    name: "Corrected links",
    facts: edits.has(pair) ? "kept in this browser" : pair.gold ? "as in gold" : "as aligned",
    kinds: kindsOfEdit(pair),
    probabilityOf: probabilitiesOf(pair, state.system, probabilities),
    toggle: (key) => {
      edits.toggle(pair, base(pair), key);
      made.kinds = kindsOfEdit(pair);
      lines.show(pair, made.kinds, () => null, true);
      made.element.querySelector(".facts").textContent = "kept in this browser";
      setDisabled("undo", false);
      byId("checked").checked = true;
      list.draw();
    },
  });
  return made.element;
}

function showTotals() {
  const rows = report.systems.map((system, k) => {
    const sums = [0, 0, 0, 0, 0];
    for (const pair of report.pairs) {
      if (has.gold) countsOf(links(pair, k), pair.gold).forEach((count, place) => (sums[place] += count));
      else sums[0] += links(pair, k).size;
    }
    const { aer, precision, recall } = scoresOf(sums);
    const values = has.gold ? [percent(aer), percent(precision), percent(recall), sums[0]] : [sums[0]];
    return make("tr", {}, make("th", { scope: "row" }, system.name), ...values.map((value) => make("td", {}, String(value))));
  });
  const names = has.gold ? ["AER", "precision", "recall", "links"] : ["links"];
  const head = make("tr", {}, make("td"), ...names.map((name) => make("th", { scope: "col" }, name)));
  const caption = make("caption", { class: "hidden" }, "Scores of all pairs");
  byId("totals").replaceChildren(caption, make("thead", {}, head), make("tbody", {}, ...rows));
}

function setThreshold(value) {
  state.threshold = value;
  byId("threshold-value").textContent = value === null ? "as aligned" : value.toFixed(2);
  setDisabled("as-aligned", value === null);
  if (value === null) byId("threshold").value = 0.5;
  byId("threshold").setAttribute("aria-valuetext", byId("threshold-value").textContent);
  refresh();
}

/** Draw everything anew that follows from the threshold or the aligner. */
function refresh() {
  showTotals();
  select();
  showPair();
  if (!byId("summary").hidden) showSummary();
}

function showSummary() {
  const wereOpen = [...document.querySelectorAll("#summary details")].map((table) => table.open);
  byId("summary").replaceChildren(...charts(report, state.threshold));
  document.querySelectorAll("#summary details").forEach((table, k) => (table.open = wereOpen[k] ?? false));
}

function view(isSummary) {
  byId("summary").hidden = !isSummary;
  byId("pairs").hidden = isSummary;
  byId("pair").hidden = isSummary;
  byId("show-summary").setAttribute("aria-pressed", String(isSummary));
  byId("show-pairs").setAttribute("aria-pressed", String(!isSummary));
  if (isSummary) showSummary();
  else list.draw();
}

function edit(isEditing) {
  state.isEditing = isEditing;
  byId("edit").setAttribute("aria-pressed", String(isEditing));
  byId("edit-hint").hidden = !isEditing;
  showLegend();
  showPair();
}

function showLegend() {
  let kinds = has.gold ? ["right", "wrong", "missed", "possible"] : ["linked"];
  const meanings = { ...MEANING };
  if (state.isEditing) {
    kinds = ["sure", "possible"];
    meanings.possible = "possible";
  }
  byId("legend").replaceChildren(...kinds.map((kind) => make("span", { class: "entry" }, make("i", { class: `mark ${kind}` }), meanings[kind])));
}

function save(ending, textOf) {
  const isAll = byId("which").value === "all";
  const pairs = report.pairs.filter((pair) => isAll || edits.checked.has(pair.number));
  const file = `${report.name}${isAll ? "" : ".checked"}.${ending}`;
  download(file, pairs.map(textOf));
  byId("saved").textContent = `${pairs.length} lines in ${file}`;
}

function listen() {
  const on = (id, event, run) => byId(id)?.addEventListener(event, run);
  on("threshold", "input", () => setThreshold(Number(byId("threshold").value)));
  on("as-aligned", "click", () => setThreshold(null));
  for (const id of ["search", "least", "most", "least-aer", "most-score"]) on(id, "input", select);
  for (const id of ["order", "only"]) on(id, "change", select);
  on("previous", "click", () => move(-1));
  on("next", "click", () => move(1));
  on("show-pairs", "click", () => view(false));
  on("show-summary", "click", () => view(true));
  on("edit", "click", () => edit(!state.isEditing));
  on("undo", "click", () => {
    if (!state.current) return;
    edits.undo(state.current);
    showPair();
    list.draw();
  });
  on("checked", "change", () => {
    if (!state.current) return;
    edits.check(state.current, byId("checked").checked, base(state.current));
    setDisabled("undo", !edits.has(state.current));
    list.draw();
  });
  on("save-talp", "click", () => save("talp", (pair) => asTalp(edits.of(pair, base(pair)))));
  on("save-pharaoh", "click", () => save("align", (pair) => asPharaoh(edits.of(pair, base(pair)))));
  on("save-text", "click", () => {
    save("txt", (pair) => `${pair.text[0]} ||| ${pair.text[1]}`);
    const unfit = report.pairs.filter((pair) => pair.src.includes("|||")).length;
    if (unfit) byId("saved").textContent += `; ${unfit} pairs have the word ||| in the source, which such a file cannot hold`;
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    view(false);
    byId("pair").focus();
  });
  on("theme", "click", () => {
    const root = document.documentElement;
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
  });
  on("list", "keydown", (event) => {
    const page = Math.max(1, Math.floor(byId("list").clientHeight / 52) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (steps[event.key] === undefined) return;
    event.preventDefault();
    move(steps[event.key]);
  });
  addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, textarea") || event.ctrlKey || event.altKey || event.metaKey || !byId("summary").hidden) return;
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "e") edit(!state.isEditing);
    else if (event.key === "/") byId("search").focus();
    else return;
    event.preventDefault();
  });
  addEventListener("hashchange", goToHash);
}

function goToHash() {
  const wanted = Number(location.hash.slice(1));
  const pair = report.pairs.find((one) => one.number === wanted);
  if (pair && pair !== state.current) choose(pair);
  return Boolean(pair);
}

function start() {
  for (const element of document.querySelectorAll("[data-needs]")) {
    if (!has[element.dataset.needs]) element.remove();
  }
  byId("threshold-box").hidden = !has.probabilities;
  const choice = byId("choice");
  if (has.several) {
    report.systems.forEach(({ name }, k) => {
      const input = make("input", { type: "radio", name: "system", value: k, checked: k === 0 });
      input.addEventListener("change", () => {
        state.system = k;
        refresh();
      });
      choice.append(make("label", {}, input, ` ${name}`));
    });
  }
  listen();
  showLegend();
  setThreshold(null);
  if (!goToHash()) choose(state.items[0]);
  document.documentElement.dataset.ready = "1";
}

start();
