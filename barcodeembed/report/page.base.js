"use strict";
// What every page needs: its data, elements and shapes, and the text under the pointer.
const data = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const plural = (count, word, many = word + "s") =>
  `${count.toLocaleString("en")} ${count === 1 ? word : many}`;
const percent = (part, whole) => (whole ? ((100 * part) / whole).toFixed(1) : "0.0") + " %";
// Text is always inserted as text, so that names are never interpreted as markup.
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
const namespace = document.querySelector("svg").namespaceURI;
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
