// A chart for each metric, with a line for each run. Held-out metrics are dashed lines in the chart of
// the metric that they belong to.
const HELD_OUT = "held_out_";
const COLORS = 8;
const runs = data.runs.map((run, number) => ({ ...run, shown: true,
  color: number < COLORS ? `var(--c${number})` : "var(--rest)" }));
const words = (name) => name.replaceAll("_", " ");
const names = [...new Set(runs.flatMap((run) => run.rows.flatMap((row) => Object.keys(row))))]
  .filter((name) => name !== "step");
const bare = (name) => name.startsWith(HELD_OUT) ? name.slice(HELD_OUT.length) : name;
const metrics = [...new Set(["loss", ...names.map(bare)])]
  .filter((name) => names.some((other) => bare(other) === name));
const compact = (value) => value === 0 ? "0"
  : Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3 ? value.toExponential(2)
    : String(Number(value.toPrecision(5)));

// The points of a metric of a run, without those that are missing or not finite.
const pointsOf = (run, name) => run.rows.filter((row) => typeof row[name] === "number")
  .map((row) => [row.step, row[name]]);

function linesOf(metric) {
  return runs.filter((run) => run.shown).flatMap((run) => [metric, HELD_OUT + metric]
    .map((name) => ({ run, name, points: pointsOf(run, name) }))
    .filter(({ points }) => points.length));
}

const BOX = { left: 62, right: 590, top: 12, floor: 270 };
function drawChart(metric) {
  const svg = at(metric), lines = linesOf(metric), all = lines.flatMap(({ points }) => points);
  if (!all.length) return svg.replaceChildren();
  const extreme = (axis) => all.reduce(([low, high], point) =>
    [Math.min(low, point[axis]), Math.max(high, point[axis])], [Infinity, -Infinity]);
  const [first, last] = extreme(0), ticks = niceTicks(...extreme(1));
  const [low, high] = [ticks[0], ticks.at(-1)];
  const x = (step) => BOX.left + ((BOX.right - BOX.left) * (step - first)) / Math.max(1, last - first);
  const y = (value) => BOX.floor - ((BOX.floor - BOX.top) * (value - low)) / (high - low);
  const marks = ticks.flatMap((value) => [
    shape("line", { class: "axis", x1: BOX.left, x2: BOX.right, y1: y(value), y2: y(value) }),
    shape("text", { x: BOX.left - 6, y: y(value) + 4, "text-anchor": "end" }, compact(value))]);
  for (const step of niceTicks(first, last).filter((step) => step >= first && step <= last)) {
    marks.push(shape("text", { x: x(step), y: BOX.floor + 17, "text-anchor": "middle" },
      step.toLocaleString("en")));
  }
  marks.push(shape("text", { x: (BOX.left + BOX.right) / 2, y: BOX.floor + 34,
    "text-anchor": "middle" }, "step"));
  for (const { run, name, points } of lines) {
    const held = name.startsWith(HELD_OUT);
    const spots = points.map(([step, value]) => `${x(step).toFixed(1)} ${y(value).toFixed(1)}`);
    marks.push(shape("path", { class: held ? "curve held" : "curve", color: run.color,
      d: `M${spots.join("L")}` }));
    // A line of one point has no length.
    if (held || points.length === 1) {
      marks.push(shape("path", { class: "curve spot", color: run.color,
        d: spots.map((spot) => `M${spot}h0`).join("") }));
    }
  }
  svg.replaceChildren(...marks);
  svg.setAttribute("aria-label", `${words(metric)} of ${plural(runs.length, "run")} by step.`);
  svg.onmousemove = (event) => {
    const spot = new DOMPoint(event.clientX, event.clientY)
      .matrixTransform(svg.getScreenCTM().inverse());
    let found = null, nearest = 400;
    for (const { run, name, points } of lines) {
      for (const [step, value] of points) {
        const distance = (x(step) - spot.x) ** 2 + (y(value) - spot.y) ** 2;
        if (distance < nearest) {
          [found, nearest] = [`${run.name}\nstep ${step.toLocaleString("en")}\n` +
            `${words(name)} ${compact(value)}`, distance];
        }
      }
    }
    if (found) showTip(event, found);
    else hideTip();
  };
  svg.onmouseleave = hideTip;
}

function niceTicks(low, high) {
  if (low === high) [low, high] = [low - Math.abs(low || 1) / 10, high + Math.abs(high || 1) / 10];
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const from = Math.floor(low / step + 1e-9), to = Math.ceil(high / step - 1e-9);
  return Array.from({ length: to - from + 1 }, (_, n) => (from + n) * step);
}

// The table: the last value of each metric, and the lowest held-out loss with its step.
function drawRuns() {
  const held = names.includes(`${HELD_OUT}loss`);
  const columns = [...(names.includes("loss") ? ["loss"] : []), ...(held ? [`${HELD_OUT}loss`] : []),
    ...names.filter((name) => /accuracy$/.test(name))];
  at("heads").replaceChildren(...["run", "steps", ...columns.map(words),
    ...(held ? ["lowest held-out loss"] : [])].map((name) => element("th", { scope: "col" }, name)));
  at("rows").replaceChildren(...runs.map((run) => {
    const lowest = pointsOf(run, `${HELD_OUT}loss`).reduce((best, point) =>
      best && best[1] <= point[1] ? best : point, null);
    const button = element("button", { type: "button", class: "run", "aria-pressed": run.shown,
      onclick: () => { run.shown = !run.shown; draw(); } },
    element("span", { class: "swatch", color: run.color }), run.name);
    return element("tr", {}, element("td", {}, button),
      element("td", { class: "number" }, run.rows.at(-1).step.toLocaleString("en")),
      ...columns.map((name) => element("td", { class: "number" },
        pointsOf(run, name).length ? compact(pointsOf(run, name).at(-1)[1]) : "")),
      ...(held ? [element("td", { class: "number" }, lowest
        ? `${compact(lowest[1])} at step ${lowest[0].toLocaleString("en")}` : "")] : []));
  }));
}

function draw() {
  hideTip();
  drawRuns();
  metrics.forEach(drawChart);
}

at("charts").replaceChildren(...metrics.map((metric) => {
  const svg = shape("svg", { id: metric, viewBox: "0 0 604 312", role: "img" });
  const dashed = names.includes(HELD_OUT + metric);
  return element("section", { class: "card", "aria-labelledby": `${metric}-title` },
    element("h2", { id: `${metric}-title` }, words(metric)),
    element("p", { class: "note" }, dashed ? "The dashed line is of held-out barcodes." : " "), svg);
}));
for (const metric of metrics) {
  legends[metric] = () => runs.filter((run) => run.shown).map((run) => [run.color, run.name]);
}
at("summary").textContent = plural(runs.length, "run");
at("footer").textContent = `Page made by barcodeembed ${data.version}.`;
draw();
addSaving();
