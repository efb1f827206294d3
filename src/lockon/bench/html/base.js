// Small things that all parts use: elements, numbers, packed arrays, and which trackers are shown.

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children); // strings become text nodes: no name is ever read as HTML
  return node;
}

function shape(name, attributes = {}, text = null) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(key, value);
  if (text !== null) node.textContent = text;
  return node;
}

function decimals(value, digits) {
  return value === null || value === undefined ? "-" : value.toFixed(digits);
}

function bytesOf(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i += 1) bytes[i] = raw.charCodeAt(i);
  return bytes;
}

// (steps, columns) numbers in pixels; null for a row without them.
function unpackRows(text, columns) {
  const view = new DataView(bytesOf(text).buffer);
  const rows = [];
  for (let at = 0; at + 2 * columns <= view.byteLength; at += 2 * columns) {
    const row = [];
    for (let k = 0; k < columns; k += 1) row.push(view.getInt16(at + 2 * k, true));
    rows.push(row.some((value) => value === -32768) ? null : row.map((value) => value / 4));
  }
  return rows;
}

function unpackParts(text) {
  return Array.from(bytesOf(text), (value) => (value === 255 ? null : value / 254));
}

const DASHES = ["", "7 4", "7 3 2 3", "2 3"];

function swatch(tracker) {
  const svg = shape("svg", { class: "swatch", viewBox: "0 0 22 10", "aria-hidden": "true" });
  svg.append(shape("line", { x1: 0, x2: 22, y1: 5, y2: 5, stroke: tracker.color, "stroke-width": 3, "stroke-dasharray": DASHES[tracker.dash] || null }));
  return svg;
}

// The trackers that are not hidden; parts of the page that show trackers redraw when it changes.
const filter = {
  hidden: new Set(),
  listeners: [],
  shows(label) { return !this.hidden.has(label); },
  toggle(label, on) {
    if (on) this.hidden.delete(label); else this.hidden.add(label);
    this.listeners.forEach((redraw) => redraw());
  },
};
