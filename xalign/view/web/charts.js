// The summary: charts of all pairs, each with its numbers as a table.

import { make, makeSvg } from "./dom.js";
import { STEPS, countsOf, isLinked, linksOf, percent, placeOf, scoresOf } from "./data.js";

const [W, H, LEFT, BOTTOM, TOP, RIGHT] = [460, 280, 48, 42, 12, 12];
const LENGTHS = [10, 20, 30, 40, 60, 80]; // upper ends of ranges of words
const THRESHOLDS = 50; // between 0 and 1
const BINS = 10; // ranges of probability
const SIDES = 10; // ranges on each side of the diagonal

/** All charts that the data allows. */
export function charts(report, threshold) {
  const found = [];
  if (report.gold) {
    found.push(byLength(report, threshold));
    found.push(precisionRecall(report));
    if (report.systems.some((system) => system.probabilities)) found.push(calibration(report));
  }
  found.push(byDiagonal(report, threshold));
  return found;
}

function byLength(report, threshold) {
  const names = LENGTHS.map((most, k) => `${k ? LENGTHS[k - 1] + 1 : 1}–${most}`).concat(`over ${LENGTHS.at(-1)}`);
  const series = report.systems.map((system, number) => {
    const sums = names.map(() => [0, 0, 0, 0, 0]);
    const pairs = names.map(() => 0);
    for (const pair of report.pairs) {
      const place = LENGTHS.findIndex((most) => pair.length <= most);
      const bin = place < 0 ? LENGTHS.length : place;
      const counts = countsOf(linksOf(pair, number, threshold, system.probabilities), pair.gold);
      counts.forEach((count, k) => (sums[bin][k] += count));
      pairs[bin] += 1;
    }
    const points = sums.map((counts, k) => (pairs[k] ? [k, 100 * scoresOf(counts).aer, `${names[k]} words, ${pairs[k]} pairs`] : null));
    return { name: system.name, points: points.filter(Boolean) };
  });
  const most = Math.max(10, ...series.flatMap((one) => one.points.map((point) => point[1])));
  return chart("AER by words of the longer side", { name: "words", low: 0, high: names.length - 1, ticks: names }, { name: "AER", low: 0, high: Math.ceil(most / 10) * 10 }, series, true);
}

/** Word pairs by probability: how many, of these sure, of these possible in gold, and its sum.
 *
 * Those of bin k exceed the threshold (k - 1) / bins, and no higher one.
 */
function histogram(report, number, bins) {
  const counts = Array.from({ length: bins + 1 }, () => [0, 0, 0, 0]);
  for (const pair of report.pairs) {
    for (const [key, { p, steps }] of pair.found(number)) {
      const isSure = pair.gold.get(key);
      const bin = counts[Math.ceil((steps * bins) / STEPS)];
      bin[0] += 1;
      bin[1] += isSure === true;
      bin[2] += isSure !== undefined;
      bin[3] += p;
    }
  }
  return counts;
}

function precisionRecall(report) {
  let sure = 0;
  let possible = 0;
  for (const pair of report.pairs) {
    for (const isSure of pair.gold.values()) sure += isSure;
    possible += pair.gold.size;
  }
  const series = report.systems.map((system, number) => {
    const points = [];
    if (system.probabilities) {
      const sums = [0, sure, possible, 0, 0];
      const counts = histogram(report, number, THRESHOLDS);
      for (let bin = THRESHOLDS; bin >= 1; bin -= 1) {
        sums[0] += counts[bin][0];
        sums[3] += counts[bin][1];
        sums[4] += counts[bin][2];
        const { aer, precision, recall } = scoresOf(sums);
        if (sums[0]) points.push([100 * recall, 100 * precision, `threshold ${(bin - 1) / THRESHOLDS}, AER ${percent(aer)}`]);
      }
    } else {
      const sums = [0, 0, 0, 0, 0];
      for (const pair of report.pairs) countsOf(linksOf(pair, number, null, false), pair.gold).forEach((count, k) => (sums[k] += count));
      const { aer, precision, recall } = scoresOf(sums);
      points.push([100 * recall, 100 * precision, `AER ${percent(aer)}`]);
    }
    return { name: system.name, points };
  });
  const least = Math.min(...series.flatMap((one) => one.points.flatMap((point) => [point[0], point[1]])), 90);
  const low = Math.floor(least / 10) * 10;
  return chart("Precision and recall over the threshold", { name: "recall", low, high: 100 }, { name: "precision", low, high: 100 }, series);
}

function calibration(report) {
  const series = [{ name: "as promised", points: [[0, 0, ""], [100, 100, ""]], isGuide: true }];
  report.systems.forEach((system, number) => {
    if (!system.probabilities) return;
    const points = [];
    histogram(report, number, BINS).forEach(([count, , possible, sum]) => {
      if (count) points.push([(100 * sum) / count, (100 * possible) / count, `${count} word pairs`]);
    });
    series.push({ name: system.name, points, number });
  });
  return chart("Probability, and share that is in gold", { name: "probability", low: 0, high: 100 }, { name: "in gold", low: 0, high: 100 }, series);
}

function byDiagonal(report, threshold) {
  const series = report.systems.map((system, number) => {
    const counts = new Array(2 * SIDES + 1).fill(0);
    let total = 0;
    for (const pair of report.pairs) {
      for (const [key, entry] of pair.found(number)) {
        if (!isLinked(entry, threshold, system.probabilities)) continue;
        const [i, j] = placeOf(key);
        const distance = (j + 0.5) / pair.tgt.length - (i + 0.5) / pair.src.length;
        counts[Math.round(distance * SIDES) + SIDES] += 1;
        total += 1;
      }
    }
    const points = counts.map((count, k) => [(100 * (k - SIDES)) / SIDES, total ? (100 * count) / total : 0, `${count} links`]);
    return { name: system.name, points };
  });
  const most = Math.max(10, ...series.flatMap((one) => one.points.map((point) => point[1])));
  return chart("Links by distance from the diagonal", { name: "distance in % of the sentence", low: -100, high: 100 }, { name: "% of links", low: 0, high: Math.ceil(most / 10) * 10 }, series);
}

/** A line chart with its numbers as a table below. */
function chart(title, x, y, series, isNamed = false) {
  const across = (value) => LEFT + ((value - x.low) / (x.high - x.low)) * (W - LEFT - RIGHT);
  const up = (value) => H - BOTTOM - ((value - y.low) / (y.high - y.low)) * (H - BOTTOM - TOP);
  const svg = makeSvg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": title });
  for (let k = 0; k <= 4; k += 1) {
    const value = y.low + (k * (y.high - y.low)) / 4;
    svg.append(makeSvg("path", { d: `M${LEFT} ${up(value)}H${W - RIGHT}`, class: "rule" }));
    svg.append(makeSvg("text", { x: LEFT - 6, y: up(value) + 4, "text-anchor": "end" }, String(Math.round(value * 10) / 10)));
  }
  const ticks = isNamed ? x.ticks.map((name, k) => [k, name]) : [0, 1, 2, 3, 4].map((k) => [x.low + (k * (x.high - x.low)) / 4, null]);
  ticks.forEach(([value, name], k) => {
    const anchor = k === ticks.length - 1 ? "end" : k ? "middle" : "start";
    svg.append(makeSvg("text", { x: across(value), y: H - BOTTOM + 16, "text-anchor": anchor }, name ?? String(Math.round(value))));
  });
  svg.append(makeSvg("text", { x: (LEFT + W) / 2, y: H - 6, "text-anchor": "middle", class: "axis" }, x.name));
  svg.append(makeSvg("text", { x: 12, y: (H - BOTTOM) / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${(H - BOTTOM) / 2})`, class: "axis" }, y.name));
  series.forEach(({ points, isGuide, number }, k) => {
    const colour = isGuide ? "guide" : `series-${(number ?? k) % 6}`;
    if (points.length > 1) svg.append(makeSvg("path", { d: `M${points.map(([a, b]) => `${across(a).toFixed(1)} ${up(b).toFixed(1)}`).join("L")}`, class: colour }));
    if (isGuide) return;
    for (const [a, b, note] of points) {
      svg.append(makeSvg("circle", { cx: across(a), cy: up(b), r: points.length > 25 ? 2 : 3.5, class: colour }, makeSvg("title", {}, `${note}: ${x.name} ${isNamed ? "" : a.toFixed(1)}, ${y.name} ${b.toFixed(1)}`)));
    }
  });
  const key = make("p", { class: "legend" });
  series.forEach(({ name, isGuide, number }, k) => key.append(make("span", { class: isGuide ? "guide" : `series-${(number ?? k) % 6}` }, "● "), make("span", {}, `${name}  `)));
  const rows = series.flatMap(({ name, points }) => points.map(([a, b, note]) => make("tr", {}, make("td", {}, name), make("td", {}, isNamed ? note : a.toFixed(1)), make("td", {}, b.toFixed(1)), make("td", {}, isNamed ? "" : note))));
  const head = make("tr", {}, ...["aligner", x.name, y.name, ""].map((name) => make("th", { scope: "col" }, name)));
  const table = make("details", {}, make("summary", {}, "Numbers"), make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)));
  return make("figure", {}, make("figcaption", {}, title), svg, key, table);
}
