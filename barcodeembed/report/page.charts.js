// Bars of the ranks, histograms, and the map.
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

// Histograms, one column per bin, its statuses on top of each other.
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
  const left = 44, right = 402, top = 10, floor = 270, width = (right - left) / bins;
  const height = (count) => ((floor - top) * count) / most;
  const marks = [];
  for (let tick = 0; tick <= most; tick += step) {
    const y = floor - height(tick);
    marks.push(shape("line", { class: "axis", x1: left, x2: right, y1: y, y2: y }),
      shape("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, tick.toLocaleString("en")));
  }
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
    marks.push(shape("text", { x: right, y: floor + 27, "text-anchor": "end" },
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

// Map. A point is a line of no length with a round end: one path draws thousands.
const SIDE = 520, LEFT = 190, TOP = 20;
const place = (row) => {
  const point = data.map.points[row];
  return point && [LEFT + SIDE * point[0], TOP + SIDE * (1 - point[1])];
};

function drawMap(rows) {
  at("map-card").hidden = !data.map;
  if (!data.map) return;
  const { method, axes, points } = data.map;
  const without = points.filter((point) => !point).length;
  at("map-note").textContent = `The queries' vectors in two dimensions by ${method}: near points are ` +
    "like barcodes. Colours are those of the statuses; novel queries are rings. " +
    (without ? `${plural(without, "query has", "queries have")} no vector.` : "");
  const dots = (some) => some.map(place).filter(Boolean)
    .map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("");
  const of = (status) => rows.filter((row) => columns.status[row] === status);
  const paths = [shape("path", { class: "faint", d: shown.clade === root && shown.sample < 0 ? ""
    : dots(queries) })];
  for (const status of ["unclassifiable", "assigned", "ambiguous"]) {
    paths.push(shape("path", { color: `var(--${status})`, d: dots(of(status)) }));
  }
  const rings = dots(of("novel"));
  paths.push(shape("path", { class: "ring", color: "var(--novel)", d: rings }),
    shape("path", { class: "hole", d: rings }));
  at("map").replaceChildren(
    shape("rect", { class: "axis", x: LEFT - 12, y: TOP - 12, width: SIDE + 24, height: SIDE + 24,
      fill: "none" }),
    ...paths, ...unitNames(rows),
    shape("text", { x: LEFT + SIDE / 2, y: TOP + SIDE + 30, "text-anchor": "middle" }, axes[0]),
    shape("text", { "text-anchor": "middle",
      transform: `translate(${LEFT - 20} ${TOP + SIDE / 2}) rotate(-90)` }, axes[1]));
  at("map").setAttribute("aria-label", `Map of ${plural(rows.length, "query", "queries")} by ${method}.`);
  at("map").onmousemove = (event) => findPoint(event, rows);
  at("map").onmouseleave = hideTip;
}

function unitNames(rows) {
  const units = new Map();
  for (const row of rows) {
    const node = nodeOf(row), point = place(row);
    if (node.unit && point) units.set(node, [...(units.get(node) || []), point]);
  }
  const taken = [], names = [];
  for (const [node, points] of [...units].sort((a, b) => b[1].length - a[1].length)) {
    const mean = (axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length;
    const x = mean(0), y = mean(1) - 9;
    if (points.length < 2 || taken.some(([a, b]) => Math.abs(a - x) < 90 && Math.abs(b - y) < 14)) {
      continue;
    }
    taken.push([x, y]);
    names.push(shape("text", { class: "unit-name", x, y }, `${node.name} (${points.length})`));
  }
  return names;
}

function findPoint(event, rows) {
  const at = new DOMPoint(event.clientX, event.clientY)
    .matrixTransform(event.currentTarget.getScreenCTM().inverse());
  let found = -1, nearest = 64;
  for (const row of rows) {
    const point = place(row);
    const distance = point ? (point[0] - at.x) ** 2 + (point[1] - at.y) ** 2 : Infinity;
    if (distance < nearest) [found, nearest] = [row, distance];
  }
  if (found < 0) return hideTip();
  const node = nodeOf(found), novel = columns.novel_rank[found];
  showTip(event, `${columns.query_id[found]}\n${columns.status[found]}` +
    `${novel ? ` at ${novel}` : ""}\n${node === root ? "not placed" : node.name}`);
}
