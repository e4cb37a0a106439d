// The bars of the ranks, and the histograms.
function drawRanks(rows) {
  const ranks = [...usedRanks].reverse().map((rank) => data.ranks[rank]);
  const counts = [...ranks, null].map((rank) => {
    const placed = rows.filter((row) => columns.rank[row] === rank);
    return { rank, reads: readsOf(placed),
             parts: statuses.map((status) => readsOf(placed.filter((row) => columns.status[row] === status))),
             fresh: readsOf(rows.filter((row) => rank && columns.novel_rank[row] === rank)) };
  });
  const most = Math.max(1, ...counts.map((count) => count.reads));
  at("ranks").replaceChildren(...counts.map(({ rank, reads, parts, fresh }) => element("tr", {},
    element("th", { scope: "row" }, rank ?? "not placed"),
    element("td", { class: "bars" }, element("div", { class: "stack" }, ...parts.flatMap((part, s) => {
      if (!part) return [];
      const bar = element("span", { color: `var(--${statuses[s]})` });
      bar.style.width = `${(100 * part) / most}%`;
      return [tipped(bar, `${rank ?? "not placed"}, ${statuses[s]}: ${plural(part, "read")}`)];
    }))),
    element("td", {}, reads.toLocaleString("en")),
    element("td", {}, rank ? fresh.toLocaleString("en") : ""))));
}

// Histograms: one column per bin, with the statuses stacked.
function drawHistogram(name, rows) {
  const svg = at(name);
  const values = columns[name];
  const there = rows.filter((row) => values[row] !== null);
  const least = there.reduce((low, row) => Math.min(low, values[row]), 1);
  const low = name === "confidence" ? 0 : Math.floor(least * 10 - 1e-9) / 10, bins = 25;
  const counts = Array.from({ length: bins }, () => statuses.map(() => 0));
  for (const row of there) {
    const bin = Math.floor(((values[row] - low) / (1 - low)) * bins);
    counts[Math.max(0, Math.min(bin, bins - 1))][statuses.indexOf(columns.status[row])] += 1;
  }
  const total = (bin) => bin.reduce((sum, count) => sum + count, 0);
  const step = niceStep(Math.max(1, ...counts.map(total)));
  const most = step * Math.ceil(Math.max(1, ...counts.map(total)) / step);
  const left = 58, right = 408, top = 10, floor = 270, width = (right - left) / bins;
  const height = (count) => ((floor - top) * count) / most;
  const marks = [];
  for (let tick = 0; tick <= most; tick += step) {
    const y = floor - height(tick);
    marks.push(shape("line", { class: "axis", x1: left, x2: right, y1: y, y2: y }),
      shape("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, tick.toLocaleString("en")));
  }
  marks.push(shape("text", { x: (left + right) / 2, y: floor + 34, "text-anchor": "middle" }, name),
    shape("text", { "text-anchor": "middle",
      transform: `translate(12 ${(top + floor) / 2}) rotate(-90)` }, "queries"));
  for (let tick = 0; tick <= 5; tick += 1) {
    const value = low + ((1 - low) * tick) / 5;
    marks.push(shape("text", { x: left + ((right - left) * tick) / 5, y: floor + 17,
      "text-anchor": "middle" }, value.toFixed(2)));
  }
  counts.forEach((bin, place) => {
    let base = floor;
    bin.forEach((count, s) => {
      if (!count) return;
      const tall = height(count);
      base -= tall;
      marks.push(shape("rect", { class: "mark", color: `var(--${statuses[s]})`, rx: 1,
        x: left + place * width + 1, y: base, width: width - 2, height: Math.max(tall - 0.7, 0.5) }));
    });
    if (!total(bin)) return;
    const edge = (n) => (low + ((1 - low) * n) / bins).toFixed(3);
    const text = statuses.flatMap((status, s) => bin[s] ? [`${bin[s].toLocaleString("en")} ${status}`] : []);
    marks.push(tipped(shape("rect", { class: "column", x: left + place * width, y: top, width,
      height: floor - top }), `${edge(place)} to ${edge(place + 1)}\n${text.join("\n")}`));
  });
  const without = rows.length - there.length;
  if (without) {
    marks.push(shape("text", { x: right, y: floor + 46, "text-anchor": "end" },
      `and ${plural(without, "query", "queries")} without`));
  }
  svg.replaceChildren(...marks);
  svg.setAttribute("aria-label", `Histogram of ${name} of ${plural(there.length, "query", "queries")}` +
    (there.length ? `; the median is ${median(there.map((row) => values[row])).toFixed(3)}.` : "."));
}

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
function niceStep(most) {
  const rough = most / 4, power = 10 ** Math.floor(Math.log10(rough));
  return Math.max(1, [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough));
}
// The statuses that a chart shows.
const statusLegend = (has) => statuses.filter((status) => chosen()
  .some((row) => columns.status[row] === status && has(row))).map((status) => [`var(--${status})`, status]);
for (const name of ["similarity", "confidence"]) {
  legends[name] = () => statusLegend((row) => columns[name][row] !== null);
}
legends.map = () => statusLegend((row) => data.map.points[row]);
