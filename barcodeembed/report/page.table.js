// The table of queries, and the start of the page.
const PAGE = 25;
const number = (name, digits) => ({ name, numeric: true, value: (row) => columns[name][row],
  text: (row) => columns[name][row] === null ? "" : columns[name][row].toFixed(digits) });
const word = (name, title = name) => ({ name: title, value: (row) => columns[name][row] || null });
const taxonOf = (row) => nodeOf(row).unit ? nodeOf(row).parent : nodeOf(row);
const heads = [
  { ...word("query_id", "query"), cell: (row) => hitsOf(row)
    ? element("button", { type: "button", class: "link", title: "Show its closest references",
      onclick: () => showHits(row) }, columns.query_id[row]) : columns.query_id[row] },
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
      nameOf(taxonOf(row)), " ", element("span", { class: "of-rank" }, columns.rank[row] || "")) },
  number("confidence", 4), number("similarity", 4),
  columns.identity.some((value) => value !== null) && number("identity", 2),
  number("length", 0), word("nearest_id", "nearest"),
  { ...word("flags"), text: (row) => (columns.flags[row] ?? "").replaceAll(";", "; ") },
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
  // Numbers are sorted with the largest first.
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
    : "no queries";
  at("previous").disabled = !shown.page;
  at("next").disabled = from + PAGE >= listed.length;
}

// All rows of the table, with the taxa of all ranks, as RFC 4180 has it: the filters apply.
function csv() {
  const more = usedRanks.map((rank) => ({ name: data.ranks[rank],
    value: (row) => data.taxa[columns.taxon[row]][rank] }));
  const quoted = (cell) => /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
  const line = (cells) => cells.map((cell) => quoted(String(cell ?? ""))).join(",") + "\r\n";
  const all = [...heads, ...more];
  return line(all.map((head) => head.name)) +
    listed.map((row) => line(all.map((head) => head.numeric ? head.text(row) : head.value(row)))).join("");
}

function turn(pages) {
  shown.page += pages;
  drawPage();
}

at("previous").onclick = () => turn(-1);
at("next").onclick = () => turn(1);
at("csv").onclick = () => save(new Blob([csv()], { type: "text/csv" }), "queries.csv");
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
at("footer").textContent = `${data.run ? data.run + " " : ""}Page made by barcodeembed ${data.version}.`;
show({});
addSaving();
