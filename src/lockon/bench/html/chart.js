// Line charts in SVG, drawn here: nothing is loaded.

const CHART = { width: 440, height: 300, left: 44, right: 12, top: 10, bottom: 38 };

function ticks(low, high, count) {
  const raw = (high - low) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(raw || 1));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= raw) || power * 10;
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-6; value += step) found.push(Number(value.toPrecision(10)));
  return found;
}

// series: [{tracker, values}] over the numbers xs. options: x, y (labels), yRange, height, band [x0, x1], shades [[x0, x1]], marks
// [{x, color}], seek(x), label.
function lineChart(xs, series, options) {
  const size = { ...CHART, ...(options.size || {}) };
  const low = xs.length ? Math.min(xs[0], xs[xs.length - 1]) : 0;
  const high = xs.length ? Math.max(xs[0], xs[xs.length - 1], low + 1e-9) : 1;
  const [bottom, top] = options.yRange || [0, 1];
  const wide = size.width - size.left - size.right;
  const tall = size.height - size.top - size.bottom;
  const px = (x) => size.left + ((x - low) / (high - low || 1)) * wide;
  const py = (y) => size.top + (1 - (y - bottom) / (top - bottom || 1)) * tall;
  const svg = shape("svg", { viewBox: `0 0 ${size.width} ${size.height}`, role: "img", "aria-label": options.label });
  for (const [from, to] of [...(options.shades || []), ...(options.band ? [options.band] : [])]) {
    const [a, b] = [px(Math.max(from, low)), px(Math.min(to, high))];
    if (b > a) svg.append(shape("rect", { class: "shade", x: a, y: size.top, width: b - a, height: tall }));
  }
  for (const value of ticks(bottom, top, tall > 120 ? 5 : 2)) {
    svg.append(shape("line", { class: "grid", x1: size.left, x2: size.left + wide, y1: py(value), y2: py(value) }));
    svg.append(shape("text", { x: size.left - 6, y: py(value) + 4, "text-anchor": "end" }, String(value)));
  }
  for (const value of ticks(low, high, 6)) {
    svg.append(shape("line", { class: "axis", x1: px(value), x2: px(value), y1: size.top + tall, y2: size.top + tall + 4 }));
    svg.append(shape("text", { x: px(value), y: size.top + tall + 16, "text-anchor": "middle" }, String(value)));
  }
  svg.append(shape("line", { class: "axis", x1: size.left, x2: size.left + wide, y1: size.top + tall, y2: size.top + tall }));
  svg.append(shape("text", { x: size.left + wide / 2, y: size.height - 5, "text-anchor": "middle" }, options.x));
  svg.append(shape("text", { transform: `translate(11 ${size.top + tall / 2}) rotate(-90)`, "text-anchor": "middle" }, options.y));
  for (const { tracker, values } of series) {
    const path = linePath(xs, values, px, py);
    if (path) svg.append(shape("path", { class: "series", d: path, stroke: tracker.color, "stroke-dasharray": DASHES[tracker.dash] || null, "data-tracker": tracker.label }));
  }
  for (const mark of options.marks || []) {
    svg.append(shape("path", { d: `M${px(mark.x) - 4} ${size.top}h8l-4 8z`, fill: mark.color, class: "mark" }));
  }
  const cursor = shape("line", { class: "cursor", y1: size.top, y2: size.top + tall, visibility: "hidden" });
  svg.append(cursor);
  svg.moveTo = (x) => {
    cursor.setAttribute("x1", px(x));
    cursor.setAttribute("x2", px(x));
    cursor.setAttribute("visibility", "visible");
  };
  if (options.seek) seekable(svg, size, wide, (part) => options.seek(low + part * (high - low)));
  return svg;
}

function seekable(svg, size, wide, seek) {
  const at = (event) => {
    const box = svg.getBoundingClientRect();
    seek(Math.min(1, Math.max(0, ((event.clientX - box.left) * (size.width / box.width) - size.left) / wide)));
  };
  svg.style.cursor = "crosshair";
  svg.addEventListener("pointerdown", (event) => { svg.setPointerCapture(event.pointerId); at(event); });
  svg.addEventListener("pointermove", (event) => { if (event.buttons & 1) at(event); });
}

// Points where a value is known; of many points per pixel the lowest and the highest are kept.
function linePath(xs, values, px, py) {
  const bucket = Math.max(1, Math.ceil(values.length / 1200));
  let path = "";
  let pen = false;
  for (let from = 0; from < values.length; from += bucket) {
    const known = [];
    for (let i = from; i < Math.min(from + bucket, values.length); i += 1) if (values[i] !== null && values[i] !== undefined) known.push(i);
    if (!known.length) { pen = false; continue; }
    const lowest = known.reduce((a, b) => (values[b] < values[a] ? b : a));
    const highest = known.reduce((a, b) => (values[b] > values[a] ? b : a));
    for (const i of [...new Set([Math.min(lowest, highest), Math.max(lowest, highest)])]) {
      path += `${pen ? "L" : "M"}${px(xs[i]).toFixed(1)} ${py(values[i]).toFixed(1)}`;
      pen = true;
    }
  }
  return path;
}

// A curve of the report with its legend, sorted by the metric that it stands for.
function curveChart(section, axis) {
  const metric = section.metrics.find((one) => one.key === axis.metric);
  const value = (tracker) => tracker.values[metric.key];
  const trackers = section.trackers.filter((tracker) => filter.shows(tracker.label))
    .sort((a, b) => ((value(b) ?? -1) - (value(a) ?? -1)) * (metric.rising ? 1 : -1));
  const top = axis.key === "expected_overlap"
    ? Math.min(1, Math.max(0.1, ...trackers.map((tracker) => Math.max(...tracker.curves[axis.key].map((one) => one ?? 0)))) * 1.05) : 1;
  const series = trackers.map((tracker) => ({ tracker, values: tracker.curves[axis.key] })).reverse();
  const chart = lineChart(axis.values, series, { x: axis.x, y: axis.y, yRange: [0, top], band: axis.band, label: `${axis.title} plot` });
  const items = trackers.map((tracker) => element("li", {}, swatch(tracker), `[${decimals(value(tracker), metric.digits)}] ${tracker.label}`));
  return element("div", { class: "chart" }, element("h3", {}, `${axis.title} plot (${metric.title})`), chart, element("ul", { class: "legend" }, ...items));
}
