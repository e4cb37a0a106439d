// Each chart can be saved as SVG, and as PNG with three times as many pixels: on white, in the light
// colours, with its title, and with the legend that the page has next to it.
const KEPT = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-linecap",
  "stroke-linejoin", "stroke-dasharray", "paint-order", "font-family", "font-size", "font-style",
  "font-weight", "text-anchor", "dominant-baseline"];
const TITLE = 30, ENTRY = { width: 190, height: 18, letters: 26 }, PIXELS = 3;
const INK = "#111110";
// By the id of a chart, a function that returns the colour and name of each entry, and if it is italic.
const legends = {};

function standalone(svg, title) {
  document.documentElement.classList.add("saved");
  const { x, y, width, height } = svg.viewBox.baseVal, entries = legends[svg.id]?.() ?? [];
  const copy = svg.cloneNode(true), originals = [...svg.querySelectorAll("*")];
  [...copy.querySelectorAll("*")].forEach((node, number) => {
    const style = getComputedStyle(originals[number]);
    node.style.removeProperty("--color");
    for (const name of KEPT) node.style.setProperty(name, style.getPropertyValue(name));
  });
  copy.querySelectorAll(".column").forEach((node) => node.remove());
  const abreast = Math.max(1, Math.floor(width / ENTRY.width));
  const tall = TITLE + height + ENTRY.height * Math.ceil(entries.length / abreast) + 10;
  const words = (attributes, text) => shape("text", { "font-family": "sans-serif", "font-size": 12,
    fill: INK, ...attributes }, text);
  copy.prepend(shape("rect", { x, y: y - TITLE, width, height: tall, fill: "#ffffff" }),
    words({ x: x + 10, y: y - 10, "font-weight": 600 }, title));
  entries.forEach(([color, name, italic], number) => {
    const left = x + 10 + (number % abreast) * ENTRY.width;
    const top = y + height + Math.floor(number / abreast) * ENTRY.height;
    copy.append(shape("rect", { x: left, y: top, width: 10, height: 10, rx: 2, fill: plain(color) }),
      words({ x: left + 16, y: top + 9, "font-style": italic ? "italic" : "normal" },
        name.length > ENTRY.letters ? `${name.slice(0, ENTRY.letters - 1)}…` : name));
  });
  document.documentElement.classList.remove("saved");
  copy.setAttribute("viewBox", `${x} ${y - TITLE} ${width} ${tall}`);
  copy.setAttribute("width", width);
  copy.setAttribute("height", tall);
  return { text: new XMLSerializer().serializeToString(copy), width, height: tall };
}

// The value of a colour that may be a variable of the page.
function plain(color) {
  const probe = element("span");
  probe.style.color = color;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

async function pixels({ text, width, height }) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = element("canvas", { width: PIXELS * width, height: PIXELS * height });
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => { canvas.toBlob(done, "image/png"); });
}

function save(blob, ending) {
  const name = document.title.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "report";
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: `${name}-${ending}` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function addSaving() {
  for (const svg of document.querySelectorAll("svg[role=img]")) {
    const card = svg.closest("section"), title = () => card.querySelector("h2").textContent;
    const button = (kind, make) => element("button", { type: "button", class: "save",
      "aria-label": `Save the chart ${title()} as ${kind}`,
      onclick: async () => save(await make(standalone(svg, title())), `${svg.id}.${kind.toLowerCase()}`),
    }, kind);
    card.append(element("p", { class: "saves" }, "Save: ",
      button("SVG", ({ text }) => new Blob([text], { type: "image/svg+xml" })), " ",
      button("PNG", pixels)));
  }
}
