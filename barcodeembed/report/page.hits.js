// The closest references of one query, and its tree.
const hitsOf = (row) => data.hits && data.hits.rows[row];
function showHits(row) {
  const taxon = nodeOf(row) === root ? "no name" : nodeOf(row).name;
  at("hits-title").textContent = `Closest references of ${columns.query_id[row]}`;
  at("hits-note").textContent = `${columns.status[row]}: ${taxon}` + (columns.confidence[row] === null
    ? "" : `, confidence ${columns.confidence[row].toFixed(4)}`);
  const used = data.hits.columns.map((_, at) => at)
    .filter((at) => hitsOf(row).some((hit) => hit[at] !== null));
  at("hits-heads").replaceChildren(...used.map((at) =>
    element("th", { scope: "col" }, data.hits.columns[at].replace("_id", ""))));
  at("hits-rows").replaceChildren(...hitsOf(row).map((hit) =>
    element("tr", {}, ...used.map((at) => element("td", {}, hit[at] ?? "")))));
  const tree = data.hits.trees[row];
  at("tree-figure").hidden = !tree;
  at("tree").textContent = tree ?? "";
  at("hits-card").hidden = false;
  at("hits-title").focus();
}
