// The sunburst and the list next to it.
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

// The subtaxa with different colours, all of one rank: the highest rank at which no taxon has nearly
// all reads, or else the first rank with two taxa.
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
  shown.groups = groups;
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
          `${inner.unit ? ", unit of novel queries" : ""}\n${plural(inner.reads, "read")}, ` +
          `${percent(inner.reads, top.reads)} of ${top.name}`));
        if (inner.unit) sectors.push(shape("path", { d: path, class: "unit" }));
        labels.push(...label(inner, angle, to, inside, outside));
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
    shape("text", { class: italic(top) ? "centre taxon" : "centre", y: -3 }, cut(top.name, 15)),
    shape("text", { class: "count", y: 14 }, plural(top.reads, "read")));
  at("sunburst").setAttribute("aria-label", `Sunburst of ${plural(top.reads, "read")} of ` +
    `${top.name} by taxon; the largest taxa are in the list next to it.`);
  at("hatch-note").hidden = !nodes.some((node) => node.unit);
  drawLegend(top, groups);
}

function arc(from, to, inside, outside) {
  // An arc that ends where it begins draws nothing, so a full circle ends slightly earlier.
  to = Math.min(to, from + TURN - 0.0001);
  const point = (radius, angle) =>
    `${(radius * Math.sin(angle)).toFixed(2)} ${(-radius * Math.cos(angle)).toFixed(2)}`;
  const large = to - from > Math.PI ? 1 : 0;
  return `M${point(inside, from)}A${inside} ${inside} 0 ${large} 1 ${point(inside, to)}` +
    `L${point(outside, to)}A${outside} ${outside} 0 ${large} 0 ${point(outside, from)}Z`;
}

const cut = (text, length) => text.length > length ? text.slice(0, length - 1) + "…" : text;

// A name follows its ring if it fits, and otherwise crosses it, cut to the width of the ring.
const LETTER = 6, LINE = 12;
function label({ name, ...node }, from, to, inside, outside) {
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
  return [shape("text", { class: italic(node) ? "label taxon" : "label", "text-anchor": "middle", transform:
    `rotate(${turned.toFixed(2)}) translate(0 ${(-middle).toFixed(2)}) rotate(${turn})` }, text)];
}

function drawLegend(top, groups) {
  at("legend-title").textContent = groups.length ? `By ${data.ranks[groups[0].rank]}` : "";
  const item = (color, name, reads) => element("li", {},
    element("span", { class: "swatch", color }), name,
    element("span", { class: "number" }, `${reads.toLocaleString("en")} · ${percent(reads, top.reads)}`));
  const items = groups.slice(0, 8).map((group) => item(group.color,
    element("button", { type: "button", title: group.name, onclick: () => show({ clade: group }) },
      nameOf(group)), group.reads));
  const others = groups.slice(8);
  if (others.length) {
    items.push(item("var(--rest)", element("span", { class: "name" }, plural(others.length, "other")),
      others.reduce((sum, group) => sum + group.reads, 0)));
  }
  const named = groups.reduce((sum, group) => sum + group.reads, 0);
  if (top.reads > named) {
    items.push(item("transparent",
      element("span", { class: "name" }, groups.length ? "none of these" : "no lower rank"),
      top.reads - named));
  }
  at("legend").replaceChildren(...items);
}
const groupLegend = () => shown.groups.slice(0, 8).map((group) => [group.color, group.name, italic(group)])
  .concat(shown.groups.length > 8 ? [["var(--rest)", plural(shown.groups.length - 8, "other")]] : []);
legends.sunburst = groupLegend;
legends.samples = groupLegend;
