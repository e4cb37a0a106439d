// The rows that are shown: of one sample or all samples, within one taxon. All parts of the page use
// them. The statuses and the filter only affect the table.
const columns = data.columns;
const queries = columns.query_id.map((_, row) => row);
const statuses = ["assigned", "ambiguous", "novel", "unclassifiable"];
const readsOf = (rows) => rows.reduce((sum, row) => sum + columns.reads[row], 0);

// The tree of taxa: ranks without a name are skipped. A unit is the last name of its lineage.
const root = { name: "all reads", rank: -1, parent: null, below: new Map(), unit: false };
const nodes = data.taxa.map((taxon) => {
  const [names, grouped] = [taxon.slice(0, -1), taxon.at(-1)];
  const last = names.findLastIndex((name) => name !== null);
  return names.reduce((node, name, rank) => {
    if (name === null) return node;
    const unit = grouped && rank === last;
    const key = `${rank} ${unit} ${name}`;
    if (!node.below.has(key)) {
      node.below.set(key, { name, rank, parent: node, below: new Map(), unit });
    }
    return node.below.get(key);
  }, root);
});
const italic = (node) => ["genus", "species"].includes(data.ranks[node.rank]) && !node.unit;
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
  drawSamples();
  drawRanks(rows);
  drawHistogram("similarity", rows);
  drawHistogram("confidence", rows);
  drawMap(rows);
  drawTable();
}

const nameOf = (node) => element(italic(node) ? "i" : "span", {}, node.name);

function drawPath() {
  const path = lineage(shown.clade);
  at("path").replaceChildren(...path.flatMap((node, number) => {
    const rank = node === root ? "" : ` ${data.ranks[node.rank]}`;
    const last = number === path.length - 1;
    const name = nameOf(node);
    const step = last ? element("b", { "aria-current": "true" }, name)
      : element("button", { type: "button", onclick: () => show({ clade: node }) }, name);
    return [step, element("span", { class: "of-rank" }, rank), last ? "" : " › "];
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
