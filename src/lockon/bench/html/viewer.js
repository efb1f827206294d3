// The drill-down: frames of one run with the boxes of all trackers and the truth, overlap and score over time.

const EVENTS = ["", "started", "failed", "skipped"];

function decodeClip(clip) {
  if (clip.decoded) return clip.decoded;
  const runs = {};
  for (const [label, run] of Object.entries(clip.runs)) {
    runs[label] = {
      boxes: unpackRows(run.boxes, 4),
      iou: unpackParts(run.iou),
      score: unpackParts(run.score),
      events: run.events ? Array.from(bytesOf(run.events)) : null,
    };
  }
  const frames = Array.from({ length: clip.steps }, (_, i) => clip.first + i * clip.step);
  clip.decoded = { frames, runs, truth: unpackRows(clip.truth, 4), polygons: clip.polygons ? unpackRows(clip.polygons, 8) : null };
  return clip.decoded;
}

// report: the data; host: where to draw. Returns {open(clipPlace, step), redraw()}.
function makeViewer(report, host) {
  const colors = new Map(report.sections.flatMap((section) => section.trackers.map((tracker) => [tracker.label, tracker])));
  const state = { clip: 0, step: 0, timer: null, onlyPictures: true };
  const ui = viewerParts(state, { go, play, next: (by) => open((state.clip + by + report.clips.length) % report.clips.length), choose: open, flip });
  const stage = shape("svg", { role: "img", "aria-label": "frame with boxes" });
  ui.stage.append(stage);
  ui.choice.append(...report.clips.map((clip, place) => element("option", { value: place }, clipName(clip, report))));
  host.append(ui.root);
  let charts = [];

  const clip = () => report.clips[state.clip];
  const data = () => decodeClip(clip());
  const pictures = () => (report.videos[clip().video] || { jpegs: {}, note: "" });
  const shownLabels = () => Object.keys(clip().runs).filter((label) => filter.shows(label));

  function stops() { // the steps that the slider stops at
    const numbers = Object.keys(pictures().jpegs).map(Number);
    const all = data().frames;
    if (!state.onlyPictures || !numbers.length) return all.map((_, i) => i);
    const [low, high] = [Math.min(all[0], all[all.length - 1]), Math.max(all[0], all[all.length - 1])];
    const inside = numbers.filter((number) => number >= low && number <= high);
    const found = inside.map((number) => Math.min(all.length - 1, Math.max(0, Math.round((number - clip().first) / clip().step))));
    return found.length ? [...new Set(found)].sort((a, b) => a - b) : all.map((_, i) => i);
  }

  function open(place, step = 0) {
    stop();
    state.clip = place;
    ui.choice.value = String(place);
    ui.pictures.disabled = !Object.keys(pictures().jpegs).length;
    ui.note.textContent = [clip().stride > 1 ? `one frame of ${clip().stride} is kept` : "", pictures().note].filter(Boolean).join("; ");
    drawCharts();
    go(step);
  }

  function flip(only) {
    state.onlyPictures = only;
    go(state.step);
  }

  function nearest(list, step) {
    return list.reduce((best, one, i) => (Math.abs(one - step) < Math.abs(list[best] - step) ? i : best), 0);
  }

  function go(step) {
    const list = stops();
    const at = nearest(list, step);
    state.step = list[at] ?? 0;
    ui.slider.max = String(Math.max(list.length - 1, 0));
    ui.slider.value = String(at);
    draw();
  }

  function stepBy(count) {
    const list = stops();
    go(list[Math.min(list.length - 1, Math.max(0, nearest(list, state.step) + count))]);
  }

  function stop() {
    clearInterval(state.timer);
    state.timer = null;
    ui.play.textContent = "Play";
  }

  function play() {
    if (state.timer) { stop(); return; }
    const list = stops();
    if (state.step >= list[list.length - 1]) go(list[0]);
    ui.play.textContent = "Pause";
    state.timer = setInterval(() => {
      if (state.step >= list[list.length - 1]) stop(); else stepBy(1);
    }, list.length < data().frames.length ? 220 : 50);
  }

  function draw() {
    const [width, height] = clip().size;
    const frame = data().frames[state.step];
    stage.setAttribute("viewBox", `0 0 ${width} ${height}`);
    stage.replaceChildren(...picture(frame, width, height), ...overlays());
    ui.slider.setAttribute("aria-valuetext", `frame ${frame}`);
    ui.readout.textContent = `frame ${frame} (${Math.min(...ends())} to ${Math.max(...ends())})`;
    ui.values.replaceChildren(valueTable());
    charts.forEach((chart) => chart.moveTo(frame));
  }

  function ends() { return [data().frames[0], data().frames[clip().steps - 1]]; }

  function picture(frame, width, height) {
    const numbers = Object.keys(pictures().jpegs).map(Number);
    if (!numbers.length) return [];
    const number = numbers[nearest(numbers, frame)];
    const image = shape("image", { href: `data:image/jpeg;base64,${pictures().jpegs[number]}`, width, height, preserveAspectRatio: "none" });
    if (number === frame) return [image];
    image.setAttribute("opacity", "0.35");
    return [image, shape("text", { x: width / 2, y: height * 0.07, fill: "#fff", "text-anchor": "middle", "font-size": height * 0.05 }, `picture of frame ${number}`)];
  }

  function overlays() {
    const { truth, polygons, runs } = data();
    const line = (color, dash, wide) => ({ fill: "none", stroke: color, "stroke-width": wide, "stroke-dasharray": dash || null, "vector-effect": "non-scaling-stroke" });
    const drawn = [];
    const corners = polygons && polygons[state.step];
    for (const [color, wide] of [["#000000", 5], ["#ffffff", 2.5]]) { // white with a dark rim is seen on any picture
      if (corners) drawn.push(shape("polygon", { points: corners.join(" "), class: "truth", ...line(color, "", wide) }));
      else if (truth[state.step]) drawn.push(rectangle(truth[state.step], { class: "truth", ...line(color, "", wide) }));
    }
    for (const label of shownLabels()) {
      const box = runs[label].boxes[state.step];
      const tracker = colors.get(label);
      if (box) drawn.push(rectangle(box, { "data-tracker": label, ...line(tracker.color, DASHES[tracker.dash], 2.5) }));
    }
    return drawn;
  }

  function rectangle([x, y, w, h], attributes) {
    return shape("rect", { x, y, width: Math.max(w, 0), height: Math.max(h, 0), ...attributes });
  }

  function valueTable() {
    const { runs, truth } = data();
    const head = ["tracker", "IoU", "score", ""].map((text, i) => element("th", { class: i ? null : "text" }, text));
    const lines = shownLabels().map((label) => {
      const run = runs[label];
      const event = run.events ? EVENTS[run.events[state.step]] : "";
      const name = element("td", { class: "text" }, swatch(colors.get(label)), ` ${label}`);
      return element("tr", {}, name, element("td", {}, decimals(run.iou[state.step], 2)), element("td", {}, decimals(run.score[state.step], 2)), element("td", { class: "text" }, event));
    });
    const absent = clip().absent.includes(state.step);
    const white = element("tr", {}, element("td", { class: "text" }, swatch({ color: "#9aa2a9", dash: 0 }), " ground truth (white)"), element("td"), element("td"),
      element("td", { class: "text" }, absent ? "absent" : truth[state.step] ? "" : "no box"));
    return element("table", {}, element("tbody", {}, element("tr", {}, ...head), ...lines, white));
  }

  function drawCharts() {
    const { frames, runs } = data();
    const shades = clip().absent.map((step) => [frames[step] - Math.abs(clip().step) / 2, frames[step] + Math.abs(clip().step) / 2]);
    const marks = shownLabels().flatMap((label) => (runs[label].events || []).flatMap((event, i) => (event === 2 ? [{ x: frames[i], color: colors.get(label).color }] : [])));
    const make = (key, title) => {
      const series = shownLabels().map((label) => ({ tracker: colors.get(label), values: runs[label][key] }));
      const seek = (x) => { stop(); go(Math.round((x - clip().first) / clip().step)); };
      return lineChart(frames, series, { x: "frame", y: title, shades, marks: key === "iou" ? marks : [], seek, label: `${title} over time`, size: { height: 170 } });
    };
    charts = [make("iou", "IoU"), make("score", "score")];
    ui.charts.replaceChildren(...charts.map((chart) => element("div", { class: "chart" }, chart)));
    ui.key.textContent = marks.length ? "Triangles: failures. Drag in a chart to go to a frame." : "Drag in a chart to go to a frame.";
  }

  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || /^(SELECT|TEXTAREA)$/.test(event.target.tagName) || event.target.type === "search") return;
    const moves = { ArrowRight: 1, ArrowLeft: -1, PageDown: 10, PageUp: -10, Home: -1e9, End: 1e9 };
    if (!(event.key in moves) || !ui.isNear()) return;
    event.preventDefault();
    stop();
    stepBy(moves[event.key]);
  });
  ui.slider.addEventListener("input", () => { stop(); go(stops()[Number(ui.slider.value)]); });
  filter.listeners.push(() => { drawCharts(); draw(); });
  if (report.clips.length) open(0);
  return { open };
}

function clipName(clip, report) {
  const protocols = new Set(report.clips.map((one) => one.protocol));
  const anchor = clip.anchor === null ? "" : ` from frame ${clip.anchor}${clip.step < 0 ? " backward" : ""}`;
  return `${clip.dataset}: ${clip.sequence}${anchor}${protocols.size > 1 ? ` (${clip.protocol})` : ""}`;
}

function viewerParts(state, act) {
  const button = (text, title, press) => element("button", { type: "button", title, onclick: press }, text);
  const ui = {
    stage: element("div", { class: "stage", tabindex: "0" }),
    slider: element("input", { type: "range", min: 0, max: 0, value: 0, "aria-label": "frame" }),
    readout: element("span", { class: "readout" }),
    choice: element("select", { "aria-label": "sequence", onchange: (event) => act.choose(Number(event.target.value)) }),
    play: button("Play", "play or pause", act.play),
    pictures: element("input", { type: "checkbox", checked: true, onchange: (event) => act.flip(event.target.checked) }),
    note: element("p", { class: "soft" }),
    key: element("p", { class: "soft" }),
    values: element("div", { class: "scroll" }),
    charts: element("div"),
  };
  const choose = element("div", { class: "controls" }, ui.choice, button("Previous", "previous sequence", () => act.next(-1)), button("Next", "next sequence", () => act.next(1)));
  const controls = element("div", { class: "controls" }, ui.play, ui.slider, ui.readout, element("label", {}, ui.pictures, " only frames with pictures"));
  const left = element("div", {}, ui.stage, controls, ui.note);
  const right = element("div", {}, ui.values, ui.charts, ui.key);
  ui.root = element("div", {}, choose, element("div", { class: "viewer" }, left, right));
  ui.isNear = () => { // arrow keys belong to the viewer while it is on the screen
    const box = ui.root.getBoundingClientRect();
    return box.top < window.innerHeight * 0.8 && box.bottom > window.innerHeight * 0.2;
  };
  return ui;
}
