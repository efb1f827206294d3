// Tables that are sorted by a click on a column's head.

// columns: [{title, hint, text}]; rows: [{cells: [{text, value, cls, open}], link}]; value null sorts last in both directions.
function sortableTable(columns, rows, options = {}) {
  const state = { column: options.column ?? -1, descending: options.descending ?? false };
  const body = element("tbody");
  const heads = columns.map((column, place) => {
    const button = element("button", { type: "button", title: column.hint || null, onclick: () => sortBy(place) }, column.title);
    return element("th", { scope: "col", class: column.text ? "text" : null }, button);
  });
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...heads)), body);

  function sortBy(place) {
    state.descending = state.column === place ? !state.descending : !columns[place].text;
    state.column = place;
    draw();
  }

  function compare(a, b) {
    const [x, y] = [a.cells[state.column].value, b.cells[state.column].value];
    if (x === null || y === null) return (x === null) - (y === null);
    const order = typeof x === "string" ? x.localeCompare(y, undefined, { numeric: true }) : x - y;
    return state.descending ? -order : order;
  }

  function draw() {
    heads.forEach((head, place) => {
      head.setAttribute("aria-sort", place !== state.column ? "none" : state.descending ? "descending" : "ascending");
    });
    const sorted = state.column < 0 ? rows : [...rows].sort(compare);
    body.replaceChildren(...sorted.map(drawRow));
  }

  function drawRow(row) {
    const cells = row.cells.map((cell, place) => {
      const name = [cell.cls || "", columns[place].text ? "text" : ""].join(" ").trim();
      const content = row.link && place === 0
        ? element("button", { type: "button", class: "open" }, cell.text)
        : cell.text;
      return element("td", { class: name || null }, content, ...(cell.below ? [element("small", {}, cell.below)] : []));
    });
    const line = element("tr", { class: row.link ? "link" : null }, ...cells);
    if (row.link) line.addEventListener("click", () => row.link(line));
    return line;
  }

  draw();
  return table;
}

// "best" and "second" for the values of one column or row, null for others.
function places(values, rising) {
  const known = [...new Set(values.filter((value) => value !== null && value !== undefined))].sort((a, b) => (rising ? b - a : a - b));
  return values.map((value) => (value === null || value === undefined ? null : value === known[0] ? "best" : value === known[1] ? "second" : null));
}

function shown(value, digits) {
  return { text: decimals(value, digits), value: value ?? null };
}

function summaryTable(section) {
  const trackers = section.trackers.filter((tracker) => filter.shows(tracker.label));
  const columns = [{ title: "tracker", text: true }];
  for (const metric of section.metrics) columns.push({ title: metric.title, hint: metric.meaning });
  columns.push({ title: "fps", hint: "frames per second of tracking, without decoding" });
  columns.push({ title: "p95 (ms)", hint: "95 of 100 frames took at most so long" });
  columns.push({ title: "model size" }, { title: "sequences" });
  const ranked = section.metrics.map((metric) => places(trackers.map((tracker) => tracker.values[metric.key]), metric.rising));
  const rows = trackers.map((tracker, row) => ({
    cells: [
      { text: tracker.label, value: tracker.label },
      ...section.metrics.map((metric, place) => metricCell(tracker, metric, ranked[place][row])),
      shown(tracker.fps, tracker.fps >= 10 ? 0 : 1),
      shown(tracker.latency.p95, 1),
      { text: tracker.size ? `${(tracker.size / 1e6).toFixed(1)} MB` : "none", value: tracker.size },
      { text: String(tracker.sequences) + (tracker.missing ? ` (${tracker.missing} missing)` : ""), value: tracker.sequences },
    ],
  }));
  return sortableTable(columns, rows);
}

function metricCell(tracker, metric, cls) {
  const value = tracker.values[metric.key];
  let text = decimals(value, metric.digits);
  const spread = tracker.spread[metric.key];
  if (spread !== undefined && spread !== null) text += ` \u00b1 ${decimals(spread, metric.digits)}`;
  const interval = tracker.interval[metric.key];
  const below = interval && interval[0] !== null ? `${decimals(interval[0], metric.digits)} to ${decimals(interval[1], metric.digits)}` : "";
  return { text, value: value ?? null, cls, below };
}

function valueRows(entries, section, metric, lead, link) {
  const trackers = section.trackers.filter((tracker) => filter.shows(tracker.label));
  return entries.map((entry) => {
    const values = trackers.map((tracker) => (entry.values[tracker.label] || {})[metric.key]);
    const ranked = places(values, metric.rising);
    const cells = values.map((value, place) => ({ ...shown(value, metric.digits), cls: ranked[place] }));
    return { cells: [...lead(entry), ...cells], link: link ? (line) => link(entry, line) : null };
  });
}

function valueColumns(section) {
  return section.trackers.filter((tracker) => filter.shows(tracker.label)).map((tracker) => ({ title: tracker.label }));
}
