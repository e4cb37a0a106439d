"use strict";
// What is shown: the rows of one sample or of all, within one taxon. Every part is drawn from them;
// statuses and the filter choose among them for the table alone.
const data = JSON.parse(document.getElementById("data").textContent);
const columns = data.columns;
const queries = columns.query_id.map((_, row) => row);
const statuses = ["assigned", "ambiguous", "novel", "unclassifiable"];
const at = (id) => document.getElementById(id);
const plural = (count, word, many = word + "s") =>
  `${count.toLocaleString("en")} ${count === 1 ? word : many}`;
const percent = (part, whole) => (whole ? ((100 * part) / whole).toFixed(1) : "0.0") + " %";
const readsOf = (rows) => rows.reduce((sum, row) => sum + columns.reads[row], 0);

// All text goes in as text: no name is ever read as markup.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "color") made.style.setProperty("--color", value);
    else if (key.startsWith("on")) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}
const namespace = at("sunburst").namespaceURI;
function shape(name, attributes = {}, text = "") {
  const made = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "color") made.style.setProperty("--color", value);
    else made.setAttribute(key, value);
  }
  made.textContent = text;
  return made;
}

const tip = at("tip");
function showTip(event, text) {
  tip.textContent = text;
  tip.hidden = false;
  const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
  const below = event.clientY + 18;
  const top = below + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 10 : below;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${Math.max(8, top)}px`;
}
const hideTip = () => { tip.hidden = true; };
function tipped(node, text) {
  node.onmousemove = (event) => showTip(event, text);
  node.onmouseleave = hideTip;
  return node;
}

// The tree of taxa: ranks without a name are skipped.
const root = { name: "all reads", rank: -1, parent: null, below: new Map() };
const nodes = data.taxa.map((taxon) => {
  let node = root;
  const grouped = taxon[data.ranks.length];
  data.ranks.forEach((_, rank) => {
    const name = taxon[rank];
    if (name === null) return;
    const key = `${rank}\t${name}`;
    if (!node.below.has(key)) {
      node.below.set(key, { name, rank, parent: node, below: new Map(), unit: false });
    }
    node = node.below.get(key);
  });
  node.unit = grouped;
  return node;
});
const nodeOf = (row) => nodes[columns.taxon[row]];
const within = (node, clade) => {
  while (node && node !== clade) node = node.parent;
  return node === clade;
};
function lineage(node) {
  const path = [];
  for (; node; node = node.parent) path.unshift(node);
  return path;
}
const usedRanks = data.ranks.map((_, rank) => rank)
  .filter((rank) => data.taxa.some((taxon) => taxon[rank] !== null));

const shown = { sample: -1, clade: root, statuses: new Set(statuses), text: "", page: 0,
                sort: null, down: false };
const ofSample = () => shown.sample < 0 ? queries
  : queries.filter((row) => columns.sample[row] === shown.sample);
const chosen = () => ofSample().filter((row) => within(nodeOf(row), shown.clade));

function show(change) {
  Object.assign(shown, { page: 0 }, change);
  hideTip();
  const rows = chosen();
  drawPath();
  drawStatuses(rows);
  drawSunburst();
  drawRanks(rows);
  drawHistogram("similarity", rows);
  drawHistogram("confidence", rows);
  drawMap(rows);
  drawTable();
}

function drawPath() {
  const path = lineage(shown.clade);
  at("path").replaceChildren(...path.flatMap((node, step) => {
    const rank = node === root ? "" : ` ${data.ranks[node.rank]}`;
    const last = step === path.length - 1;
    const name = last ? element("b", { "aria-current": "true" }, node.name)
      : element("button", { type: "button", onclick: () => show({ clade: node }) }, node.name);
    return [name, element("i", {}, rank), last ? "" : " › "];
  }));
}

function drawStatuses(rows) {
  const total = readsOf(rows);
  at("statuses").replaceChildren(...statuses.map((status) => {
    const reads = readsOf(rows.filter((row) => columns.status[row] === status));
    const on = shown.statuses.has(status);
    return element("button", {
      type: "button", color: `var(--${status})`, "aria-pressed": on,
      title: "Show or hide these queries in the table",
      onclick: () => {
        shown.statuses[on ? "delete" : "add"](status);
        shown.page = 0;
        drawStatuses(rows);
        drawTable();
      },
    }, element("span", {}, status), element("b", {}, reads.toLocaleString("en")),
    element("span", {}, percent(reads, total)));
  }));
}

// Sunburst.
const HUB = 62, RIM = 296, SMALLEST = 0.003, TURN = 2 * Math.PI;
const larger = (a, b) => b.reads - a.reads || (a.name < b.name ? -1 : 1);
const below = (node) => [...node.below.values()].filter((inner) => inner.reads).sort(larger);

function countReads() {
  const clear = (node) => { node.reads = 0; node.below.forEach(clear); };
  clear(root);
  for (const row of ofSample()) {
    for (let node = nodeOf(row); node; node = node.parent) node.reads += columns.reads[row];
  }
}

// The taxa below one that are told apart by colour, all of one rank: the highest at which no taxon
// has nearly all reads; or else the first at which there are two.
function groupsOf(top) {
  const levels = usedRanks.map(() => []);
  const gather = (node) => below(node).forEach((inner) => {
    levels[usedRanks.indexOf(inner.rank)].push(inner);
    gather(inner);
  });
  gather(top);
  levels.forEach((level) => level.sort(larger));
  return levels.find((level) => level.length > 1 && level[0].reads < 0.7 * top.reads) ||
    levels.find((level) => level.length > 1) || levels.findLast((level) => level.length) || [];
}

function drawSunburst() {
  countReads();
  const top = shown.clade;
  const groups = groupsOf(top);
  groups.forEach((group, place) => { group.color = place < 8 ? `var(--c${place})` : "var(--rest)"; });
  const first = usedRanks.findIndex((rank) => rank > top.rank);
  const rings = first < 0 ? 1 : usedRanks.length - first;
  const width = (RIM - HUB) / rings;
  const outer = (node) => HUB + width * (usedRanks.indexOf(node.rank) - first + 1);
  const sectors = [], labels = [];

  function draw(node, from, inside, color) {
    let angle = from;
    for (const inner of below(node)) {
      const to = angle + (TURN * inner.reads) / top.reads;
      const own = groups.includes(inner) ? inner.color : color;
      if (to - angle > SMALLEST) {
        const outside = outer(inner);
        const path = arc(angle, to, inside, outside);
        const sector = shape("path", { d: path, class: "zoom" });
        sector.style.fill = own || "var(--rest)";
        sector.style.fillOpacity = 0.85 - (0.4 * (usedRanks.indexOf(inner.rank) - first)) / rings;
        sector.onclick = () => show({ clade: inner });
        sectors.push(tipped(sector, `${inner.name}\n${data.ranks[inner.rank]}` +
          `${inner.unit ? ", operational unit" : ""}\n${plural(inner.reads, "read")}, ` +
          `${percent(inner.reads, top.reads)} of ${top.name}`));
        if (inner.unit) sectors.push(shape("path", { d: path, class: "unit" }));
        labels.push(...label(inner.name, angle, to, inside, outside));
        draw(inner, angle, outside, own);
      }
      angle = to;
    }
  }
  draw(top, 0, HUB, null);
  const hub = shape("circle", { r: HUB - 4, class: top.parent ? "hub zoom" : "hub" });
  if (top.parent) hub.onclick = () => show({ clade: top.parent });
  tipped(hub, `${top.name}\n${plural(top.reads, "read")}` +
    (top.parent ? `\nclick: up to ${top.parent.name}` : ""));
  at("sectors").replaceChildren(...sectors, ...labels, hub,
    shape("text", { class: "centre", y: -3 }, cut(top.name, 15)),
    shape("text", { class: "count", y: 14 }, plural(top.reads, "read")));
  at("sunburst").setAttribute("aria-label", `Sunburst of ${plural(top.reads, "read")} of ` +
    `${top.name} by taxon; the largest are in the list beside it.`);
  at("hatch-note").hidden = !data.taxa.some((taxon) => taxon[data.ranks.length]);
  drawLegend(top, groups);
}

function arc(from, to, inside, outside) {
  // A full turn begins where it ends, which draws nothing.
  to = Math.min(to, from + TURN - 0.0001);
  const point = (radius, angle) =>
    `${(radius * Math.sin(angle)).toFixed(2)} ${(-radius * Math.cos(angle)).toFixed(2)}`;
  const large = to - from > Math.PI ? 1 : 0;
  return `M${point(inside, from)}A${inside} ${inside} 0 ${large} 1 ${point(inside, to)}` +
    `L${point(outside, to)}A${outside} ${outside} 0 ${large} 0 ${point(outside, from)}Z`;
}

const cut = (text, length) => text.length > length ? text.slice(0, length - 1) + "…" : text;

// A name lies along its ring where it fits there, and else across it, cut to the ring's width.
const LETTER = 6, LINE = 12;
function label(name, from, to, inside, outside) {
  const middle = (inside + outside) / 2, angle = (from + to) / 2, along = (to - from) * middle;
  const turned = (angle / TURN) * 360;
  const width = name.length * LETTER;
  let turn, text = name;
  if (outside - inside > LINE && Math.min(along, 1.6 * middle) > width) {
    turn = turned > 90 && turned < 270 ? 180 : 0;
  } else {
    const letters = Math.floor((outside - inside - 4) / LETTER);
    if (along < LINE || letters < 5) return [];
    turn = turned < 180 ? -90 : 90;
    text = cut(name, letters);
  }
  return [shape("text", { class: "label", "text-anchor": "middle", transform:
    `rotate(${turned.toFixed(2)}) translate(0 ${(-middle).toFixed(2)}) rotate(${turn})` }, text)];
}

function drawLegend(top, groups) {
  at("legend-title").textContent = groups.length ? `By ${data.ranks[groups[0].rank]}` : "";
  const item = (color, name, reads) => element("li", {},
    element("span", { class: "swatch", color }), name,
    element("span", { class: "number" }, `${reads.toLocaleString("en")} · ${percent(reads, top.reads)}`));
  const items = groups.slice(0, 8).map((group) => item(group.color,
    element("button", { type: "button", title: group.name, onclick: () => show({ clade: group }) },
      group.name), group.reads));
  const others = groups.slice(8);
  if (others.length) {
    items.push(item("var(--rest)", element("span", { class: "name" }, plural(others.length, "other")),
      others.reduce((sum, group) => sum + group.reads, 0)));
  }
  const named = groups.reduce((sum, group) => sum + group.reads, 0);
  if (top.reads > named) {
    items.push(item("transparent",
      element("span", { class: "name" }, groups.length ? "none of these" : "placed no deeper"),
      top.reads - named));
  }
  at("legend").replaceChildren(...items);
}

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

// Table.
const PAGE = 25;
const number = (name, digits) => ({ name, numeric: true, value: (row) => columns[name][row],
  text: (row) => columns[name][row] === null ? "" : columns[name][row].toFixed(digits) });
const word = (name, title = name) => ({ name: title, value: (row) => columns[name][row] || null });
const taxonOf = (row) => nodeOf(row).unit ? nodeOf(row).parent : nodeOf(row);
const heads = [
  word("query_id", "query"),
  data.samples.length > 1 && { name: "sample", value: (row) => data.samples[columns.sample[row]] },
  columns.reads.some((count) => count !== 1) && number("reads", 0),
  { name: "status", value: (row) => columns.status[row], cell: (row) => element("span",
    { class: "status" }, element("span", { class: "swatch", color: `var(--${columns.status[row]})` }),
    columns.status[row]) },
  word("novel_rank", "new at"),
  nodes.some((node) => node.unit) && { name: "unit",
    value: (row) => nodeOf(row).unit ? nodeOf(row).name : null },
  { name: "taxon", value: (row) => taxonOf(row) === root ? null : taxonOf(row).name,
    cell: (row) => taxonOf(row) === root ? "" : element("span",
      { title: lineage(taxonOf(row)).slice(1).map((node) => node.name).join(" › ") },
      `${taxonOf(row).name} `, element("span", { class: "of-rank" }, columns.rank[row] || "")) },
  number("confidence", 4), number("similarity", 4),
  columns.identity.some((value) => value !== null) && number("identity", 2),
  number("length", 0), word("nearest_id", "nearest"), word("flags"),
].filter(Boolean);

let haystacks = null;
function matches(row) {
  haystacks ??= queries.map((row) => [...heads.map((head) => head.value(row)),
    ...lineage(nodeOf(row)).map((node) => node.name)].join("\t").toLowerCase());
  return shown.text.toLowerCase().split(/\s+/).every((part) => haystacks[row].includes(part));
}

const collator = new Intl.Collator("en", { numeric: true });
function sorted(rows) {
  if (!shown.sort) return rows;
  const { value, numeric } = shown.sort, sign = shown.down ? -1 : 1;
  const there = rows.filter((row) => value(row) !== null);
  there.sort((a, b) => sign * (numeric ? value(a) - value(b) : collator.compare(value(a), value(b))));
  return there.concat(rows.filter((row) => value(row) === null));
}

let listed = [];
function drawTable() {
  listed = sorted(chosen().filter((row) => shown.statuses.has(columns.status[row]) &&
    (!shown.text || matches(row))));
  at("heads").replaceChildren(...heads.map((head) => {
    const on = shown.sort === head;
    const cell = element("th", { scope: "col", class: head.numeric ? "numeric" : "" },
      element("button", { type: "button", onclick: () => sortBy(head) }, head.name));
    if (on) cell.setAttribute("aria-sort", shown.down ? "descending" : "ascending");
    return cell;
  }));
  drawPage();
}

function sortBy(head) {
  const again = shown.sort === head;
  // Of numbers the largest are asked for first.
  Object.assign(shown, { sort: head, down: again ? !shown.down : Boolean(head.numeric), page: 0 });
  drawTable();
  at("heads").children[heads.indexOf(head)].firstChild.focus();
}

function drawPage() {
  const from = shown.page * PAGE, rows = listed.slice(from, from + PAGE);
  at("rows").replaceChildren(...rows.map((row) => element("tr", {}, ...heads.map((head) =>
    element("td", head.numeric ? { class: "numeric" } : {},
      head.cell ? head.cell(row) : head.text ? head.text(row) : head.value(row) ?? "")))));
  at("shown").textContent = rows.length
    ? `${(from + 1).toLocaleString("en")} to ${(from + rows.length).toLocaleString("en")} of ` +
      plural(listed.length, "query", "queries")
    : "no query";
  at("previous").disabled = !shown.page;
  at("next").disabled = from + PAGE >= listed.length;
}

function turn(pages) {
  shown.page += pages;
  drawPage();
}

at("previous").onclick = () => turn(-1);
at("next").onclick = () => turn(1);
let waiting = 0;
at("filter").oninput = () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    Object.assign(shown, { text: at("filter").value.trim(), page: 0 });
    drawTable();
  }, 120);
};
at("sample-choice").hidden = data.samples.length < 2;
at("sample").append(element("option", { value: -1 }, "all"),
  ...data.samples.map((name, number) => element("option", { value: number }, name)));
at("sample").onchange = () => show({ sample: Number(at("sample").value) });
at("summary").textContent = `${plural(readsOf(queries), "read")} in ` +
  `${plural(queries.length, "query", "queries")}, ${plural(data.samples.length, "sample")}` +
  (data.samples.length <= 6 ? `: ${data.samples.join(", ")}` : "");
at("footer").textContent = `Made by barcodeembed ${data.version}.`;
show({});
