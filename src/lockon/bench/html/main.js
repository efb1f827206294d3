// The page: header, one section per protocol and convention, the filter of trackers, and the viewer.

function start() {
  const report = JSON.parse(document.getElementById("report-data").textContent);
  const [top, main] = [document.getElementById("top"), document.getElementById("main")];
  top.append(element("h1", {}, report.title), element("p", { class: "soft" }, `lockon ${report.version} bench report`));
  main.append(filterBar(report));
  const redraws = report.sections.map((section, place) => drawSection(report, section, place, main, (...where) => openClip(...where)));
  const holder = element("section", { id: "frames" }, element("h2", {}, "Frame by frame"),
    element("p", { class: "soft" }, "Choose a sequence here or in a table above. Arrow keys step, Page Up and Page Down go ten, Home and End to the ends."));
  main.append(holder);
  const viewer = makeViewer(report, holder);
  filter.listeners.push(() => redraws.forEach((redraw) => redraw()));

  function openClip(section, entry, line) {
    const place = report.clips.findIndex((clip) => clip.protocol === section.protocol && clip.dataset === entry.dataset && clip.sequence === entry.name);
    if (place < 0) return;
    document.querySelectorAll("tr.current").forEach((row) => row.classList.remove("current"));
    line.classList.add("current");
    viewer.open(place);
    holder.scrollIntoView({ block: "start" });
  }
}

function filterBar(report) {
  const trackers = new Map(report.sections.flatMap((section) => section.trackers.map((tracker) => [tracker.label, tracker])));
  const boxes = [...trackers.values()].map((tracker) => {
    const box = element("input", { type: "checkbox", checked: true, value: tracker.label, onchange: (event) => filter.toggle(tracker.label, event.target.checked) });
    return element("label", {}, box, swatch(tracker), tracker.label);
  });
  return element("div", { class: "bar", role: "group", "aria-label": "trackers that are shown" }, element("strong", {}, "Trackers"), ...boxes);
}

// Returns a function that draws the section again, for the trackers that are shown now.
function drawSection(report, section, place, main, openClip) {
  const parts = {
    summary: element("div", { class: "scroll summary" }),
    charts: element("div", { class: "charts" }),
    attributes: element("div", { class: "scroll tall" }),
    sequences: element("div", { class: "scroll tall" }),
  };
  const chosen = { metric: section.detail, text: "" };
  const choice = element("select", { "aria-label": "metric", onchange: (event) => { chosen.metric = event.target.value; redraw(); } },
    ...section.metrics.map((metric) => element("option", { value: metric.key, selected: metric.key === section.detail }, metric.title)));
  const search = element("input", { type: "search", placeholder: "name or attribute", "aria-label": "find sequences", oninput: (event) => { chosen.text = event.target.value.toLowerCase(); redraw(); } });
  const count = element("span", { class: "soft" });
  const notes = section.notes.map((note) => element("p", { class: note.warning ? "warning" : "soft" }, note.text.replaceAll("`", "")));
  if (section.intervals) notes.push(element("p", { class: "soft" }, `Below the metrics: ${section.intervals}.`));
  const block = element("section", { id: `section-${place}` }, element("h2", {}, section.title), parts.summary, ...notes, parts.charts,
    element("h3", {}, "Per sequence"), element("div", { class: "controls" }, choice, search, count), parts.sequences);
  if (section.attributes.length) block.append(element("h3", {}, "Per attribute"), parts.attributes);
  main.append(block);

  function redraw() {
    const metric = section.metrics.find((one) => one.key === chosen.metric);
    parts.summary.replaceChildren(summaryTable(section));
    parts.charts.replaceChildren(...section.axes.map((axis) => curveChart(section, axis)));
    const entries = section.sequences.filter((entry) => !chosen.text || [entry.name, entry.dataset, ...entry.attributes].some((text) => text.toLowerCase().includes(chosen.text)));
    count.textContent = `${entries.length} of ${section.sequences.length} sequences`;
    const lead = (entry) => [{ text: entry.name, value: entry.name }, { text: entry.dataset, value: entry.dataset }, { text: String(entry.frames), value: entry.frames }];
    const columns = [{ title: `sequence (${metric.title})`, text: true }, { title: "dataset", text: true }, { title: "frames" }, ...valueColumns(section)];
    parts.sequences.replaceChildren(sortableTable(columns, valueRows(entries, section, metric, lead, (entry, line) => openClip(section, entry, line)), { column: 0 }));
    const head = [{ title: `attribute (${metric.title})`, text: true }, { title: "sequences" }, ...valueColumns(section)];
    const rows = valueRows(section.attributes, section, metric, (entry) => [{ text: entry.name, value: entry.name }, { text: String(entry.sequences), value: entry.sequences }], null);
    parts.attributes.replaceChildren(sortableTable(head, rows, { column: 0 }));
  }

  redraw();
  return redraw;
}
