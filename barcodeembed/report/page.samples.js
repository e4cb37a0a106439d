// Samples side by side: a bar for each, divided by the taxa that have a colour in the sunburst.
const BARS = { left: 200, right: 820, height: 22, most: 60 };

function drawSamples() {
  at("samples-card").hidden = data.samples.length < 2;
  if (data.samples.length < 2) return;
  const listed = data.samples.slice(0, BARS.most), groups = shown.groups;
  const counts = listed.map(() => new Map());
  for (const row of queries) {
    const sample = columns.sample[row];
    if (sample >= listed.length || !within(nodeOf(row), shown.clade)) continue;
    let node = nodeOf(row);
    while (node && !groups.includes(node)) node = node.parent;
    counts[sample].set(node, (counts[sample].get(node) ?? 0) + columns.reads[row]);
  }
  const marks = listed.flatMap((name, sample) => {
    const top = BARS.height * sample + 6, middle = top + BARS.height / 2;
    const total = [...counts[sample].values()].reduce((sum, reads) => sum + reads, 0);
    let left = BARS.left;
    const bars = [...groups, null].flatMap((group) => {
      const reads = counts[sample].get(group);
      if (!reads) return [];
      const width = ((BARS.right - BARS.left) * reads) / total;
      const bar = shape("rect", { class: "mark", color: group ? group.color : "var(--line)",
        x: left, y: top, width: Math.max(width - 0.7, 0.3), height: BARS.height - 4 });
      left += width;
      return [tipped(bar, `${name}\n${group ? group.name : "none of these"}: ` +
        `${plural(reads, "read")}, ${percent(reads, total)}`)];
    });
    return [shape("text", { x: BARS.left - 8, y: middle, "text-anchor": "end" }, cut(name, 30)),
      ...bars, shape("text", { x: BARS.right + 8, y: middle }, plural(total, "read"))];
  });
  at("samples").setAttribute("viewBox", `0 0 900 ${BARS.height * listed.length + 12}`);
  at("samples").replaceChildren(...marks);
  at("samples").setAttribute("aria-label", `Fractions of the reads of ${plural(listed.length, "sample")}` +
    ` by ${groups.length ? data.ranks[groups[0].rank] : "taxon"}.`);
  const more = data.samples.length - listed.length;
  at("samples-note").textContent = "Fractions of the reads of each sample, in the colours of the chart above." +
    (more ? ` ${plural(more, "more sample is", "more samples are")} not shown.` : "");
}
