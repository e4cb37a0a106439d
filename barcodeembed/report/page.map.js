// The map. Each point is a line of length 0 with a round end, so that one path draws all points.
const SIDE = 520, LEFT = 190, TOP = 20;
// With references, only the largest units are outlined, at this distance from their points.
const OUTLINED = 12, MARGIN = 8;
const onMap = (point) => point && [LEFT + SIDE * point[0], TOP + SIDE * (1 - point[1])];
const place = (row) => onMap(data.map.points[row]);
const references = data.map?.references;
const beneath = references ? references.points.map(onMap) : [];
const pointSize = (count) => Math.min(1, Math.max(0.6, Math.sqrt(3000 / count)));
const dots = (points) => points.filter(Boolean)
  .map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("");

function drawMap(rows) {
  at("map-card").hidden = !data.map;
  if (!data.map) return;
  const { method, axes } = data.map;
  const units = unitsOf(rows), outlined = references ? units.slice(0, OUTLINED) : [];
  at("map-title").textContent = `Map of the queries${references ? " over the references" : ""}`;
  at("map-note").textContent = mapNote(units.length, outlined.length);
  const of = (status) => dots(rows.filter((row) => columns.status[row] === status).map(place));
  const all = shown.clade === root && shown.sample < 0;
  if (references) {
    at("map").classList.add("crowded");
    at("map").style.setProperty("--size", pointSize(queries.length + beneath.length));
  }
  at("map").replaceChildren(
    shape("rect", { class: "axis", x: LEFT - 12, y: TOP - 12, width: SIDE + 24, height: SIDE + 24,
      fill: "none" }),
    shape("path", { class: "reference", d: dots(beneath) }),
    shape("path", { class: "faint", d: all ? "" : dots(queries.map(place)) }),
    ...["unclassifiable", "assigned", "ambiguous"].map((status) =>
      shape("path", { color: `var(--${status})`, d: of(status) })),
    shape("path", { class: "ring", color: "var(--novel)", d: of("novel") }),
    shape("path", { class: "hole", d: of("novel") }),
    ...outlined.map(({ points }) => shape("path", { class: "outline", d: outline(points) })),
    ...unitNames(references ? outlined : units),
    shape("text", { x: LEFT + SIDE / 2, y: TOP + SIDE + 30, "text-anchor": "middle" }, axes[0]),
    shape("text", { "text-anchor": "middle",
      transform: `translate(${LEFT - 20} ${TOP + SIDE / 2}) rotate(-90)` }, axes[1]));
  at("map").setAttribute("aria-label", `Map of ${plural(rows.length, "query", "queries")}` +
    (references ? ` over ${plural(beneath.length, "reference")}` : "") + ` by ${method}` +
    (outlined.length ? `; ${plural(outlined.length, "unit")} outlined.` : "."));
  at("map").onmousemove = (event) => findPoint(event, rows);
  at("map").onmouseleave = hideTip;
}

function mapNote(units, outlined) {
  const without = data.map.points.filter((point) => !point).length;
  const which = outlined < units ? `the ${outlined} largest of ${plural(units, "unit")}` : "units";
  const whose = references ? "The vectors of queries and references" : "The vectors of the queries";
  return `${whose} in two dimensions by ${data.map.method}: points close to each other are similar barcodes. ` +
    "Colours show the status; novel queries are rings. " +
    (references ? "Small pale points are the references closest to the queries. " : "") +
    (outlined ? `Outlined: ${which} of two or more novel queries. ` : "") +
    (without ? `${plural(without, "query has", "queries have")} no vector.` : "");
}

// Units of at least two queries, the largest first.
function unitsOf(rows) {
  const units = new Map();
  for (const row of rows) {
    const node = nodeOf(row), point = place(row);
    if (!node.unit || !point) continue;
    if (!units.has(node)) units.set(node, { name: node.name, points: [] });
    units.get(node).points.push(point);
  }
  return [...units.values()].filter(({ points }) => points.length > 1)
    .sort((a, b) => b.points.length - a.points.length);
}

// A name is above the centre of the points of its unit; with references, it is above or below the
// outline, where it does not overlap the name of a larger unit.
function unitNames(units) {
  const [width, height] = references ? [74, 11] : [90, 14], taken = [];
  const free = ([x, y]) => !taken.some(([a, b]) => Math.abs(a - x) < width && Math.abs(b - y) < height);
  return units.flatMap(({ name, points }) => {
    const mean = (axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length;
    const heights = points.map((point) => point[1]);
    const x = mean(0), at = (references
      ? [Math.min(...heights) - MARGIN - 3, Math.max(...heights) + MARGIN + 9]
      : [mean(1) - 9]).map((y) => [x, y]).find(free);
    if (!at) return [];
    taken.push(at);
    return [shape("text", { class: "unit-name", x, y: at[1] }, `${name} (${points.length})`)];
  });
}

// The convex hull of circles around the points.
function outline(points) {
  const steps = Array.from({ length: 16 }, (_, step) => (step * Math.PI) / 8);
  const circles = points.flatMap(([x, y]) =>
    steps.map((angle) => [x + MARGIN * Math.cos(angle), y + MARGIN * Math.sin(angle)]));
  return `M${hull(circles).map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}Z`;
}

// Andrew's monotone chain: the lower half, then the upper half.
function hull(points) {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const half = (some) => some.reduce((chain, point) => {
    while (chain.length > 1 && turnsRight(chain.at(-2), chain.at(-1), point)) chain.pop();
    return chain.concat([point]);
  }, []).slice(0, -1);
  return [...half(sorted), ...half(sorted.reverse())];
}
const turnsRight = ([ax, ay], [bx, by], [cx, cy]) =>
  (bx - ax) * (cy - ay) - (by - ay) * (cx - ax) <= 0;

// A query is preferred to a reference at the same distance.
function findPoint(event, rows) {
  const at = new DOMPoint(event.clientX, event.clientY)
    .matrixTransform(event.currentTarget.getScreenCTM().inverse());
  let found = null, nearest = 64;
  const look = (point, text) => {
    const distance = point ? (point[0] - at.x) ** 2 + (point[1] - at.y) ** 2 : Infinity;
    if (distance < nearest) [found, nearest] = [text, distance];
  };
  for (const row of rows) look(place(row), () => queryText(row));
  beneath.forEach((point, number) => look(point, () => referenceText(number)));
  if (!found) return hideTip();
  showTip(event, found());
}

function queryText(row) {
  const node = nodeOf(row), novel = columns.novel_rank[row];
  return `${columns.query_id[row]}\n${columns.status[row]}${novel ? ` at ${novel}` : ""}\n` +
    (node === root ? "not placed" : node.name);
}
const referenceText = (number) =>
  `${references.ids[number]}\nreference\n${references.names[number].join(" › ")}`;
