"""The tables of a report: summary, sequences, attributes, latency, comparison of two trackers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from lockon.bench.report.attributes import by_attribute, overall
from lockon.bench.report.coverage import coverage_note
from lockon.bench.report.model import LATENCIES, Metric, Report
from lockon.bench.report.significance import Intervals, PairedComparison
from lockon.bench.tables.model import BEST, Cell, Table, megabytes, number, ranks, signed, speed
from lockon.errors import unknown_name


def summary_table(report: Report, intervals: Intervals | None = None) -> Table:
    """Return one row per tracker, and what the metrics mean.

    Args:
        report: The metrics.
        intervals: Of `significance.intervals`, printed beside the metrics.
    """
    head = ["tracker", *(metric.title for metric in report.metrics), "fps", "model size", "sequences"]
    columns = [_metric_cells(report, metric, intervals) for metric in report.metrics]
    rows = []
    for item, *metrics in zip(report.trackers, *columns, strict=True):
        last = (speed(item.fps), megabytes(item.size), str(len(item.sequences)))
        rows.append((Cell(item.label), *metrics, *map(Cell, last)))
    notes = report_notes(report)
    if intervals is not None:
        notes.append(f"In brackets: {intervals.meaning}.")
    return Table(report.title, "summary", tuple(head), tuple(rows), tuple(notes))


def _metric_cells(report: Report, metric: Metric, intervals: Intervals | None) -> list[Cell]:
    values = [item.values[metric.key] for item in report.trackers]
    cells = []
    for item, value, rank in zip(report.trackers, values, ranks(values, rising=metric.rising), strict=True):
        text = number(value, metric.digits)
        if metric.key in item.spread:
            text += f" ± {number(item.spread[metric.key], metric.digits)}"
        if intervals is not None and not math.isnan(value):
            low, high = intervals.of[item.label][metric.key]
            text += f" [{number(low, metric.digits)}, {number(high, metric.digits)}]"
        cells.append(Cell(text, rank))
    return cells


def report_notes(report: Report) -> list[str]:
    """Say what the metrics mean, what they were measured on, and what is missing. Parts between two stars are warnings."""
    lines = report.scoring.notes()
    setups = sorted({setup for item in report.trackers for setup in item.setups})
    speed_note = f"tracking only, without decoding ({'; '.join(setups)})" if setups else "these results have no times"
    lines.append(f"fps: {speed_note}.")
    repeated = max(item.repetitions for item in report.trackers)
    if repeated > 1:
        lines.append(f"±: standard deviation over up to {repeated} repetitions; metrics are means over them.")
    for item in report.trackers:
        if item.missing:
            shown = ", ".join(item.missing[:5]) + (", ..." if len(item.missing) > 5 else "")
            lines.append(f"**{item.label} lacks {len(item.missing)} sequences ({shown}): its metrics do not compare.**")
    return [*lines, *report.notes, *coverage_notes(report)]


def coverage_notes(report: Report) -> list[str]:
    """Return whether the metrics are of whole benchmarks: one line, or none where nothing is known."""
    partial = [coverage_note(item) for item in report.coverage if item.partial]
    if partial:
        return [f"**Partial: {'; '.join(partial)}. Metrics of a part do not compare with published ones.**"]
    whole = [f"{one.there.dataset} ({one.there.expected} sequences)" for one in report.coverage if one.there.expected is not None]
    return [f"Complete: {', '.join(whole)}."] if whole else []


def sequence_table(report: Report, metric: Metric | None = None) -> Table:
    """Return one metric of every sequence and tracker; sequences by dataset and name.

    Args:
        report: The metrics.
        metric: Default the protocol's metric of single sequences.
    """
    metric = metric or report.metric(report.scoring.detail)
    labels = [item.label for item in report.trackers]
    rows = []
    for (dataset, sequence), by_label in report.sequences.items():
        values = [by_label[label].values.get(metric.key, math.nan) if label in by_label else math.nan for label in labels]
        frames = str(next(iter(by_label.values())).frames)
        rows.append((Cell(sequence), Cell(dataset), Cell(frames), *_value_cells(values, metric)))
    head = (f"sequence ({metric.title})", "dataset", "frames", *labels)
    return Table(f"{metric.title} per sequence, {report.title}", "sequences", head, tuple(rows), _short_notes(report, metric.title))


def _short_notes(report: Report, what: str) -> tuple[str, ...]:
    """Say protocol and convention; the summary says the rest."""
    line = f"{what}: protocol {report.protocol}, convention `{report.convention}`."
    partial = any(item.partial for item in report.coverage) or any(item.missing for item in report.trackers)
    return (line, "**Partial: these are not all sequences and frames of the benchmark.**") if partial else (line,)


def _value_cells(values: Sequence[float], metric: Metric) -> list[Cell]:
    return [Cell(number(value, metric.digits), rank) for value, rank in zip(values, ranks(values, rising=metric.rising), strict=True)]


def attribute_table(report: Report, metric: Metric | None = None, baseline: str | None = None) -> Table:
    """Return one metric over the sequences of each attribute, and over all.

    Args:
        report: The metrics.
        metric: Default the protocol's headline.
        baseline: Tracker against which the gains of the others stand behind their values.

    Raises:
        LockonError: No sequence has attributes, or no such tracker.
    """
    metric = metric or report.headline
    labels = [item.label for item in report.trackers]
    if baseline is not None and baseline not in labels:
        raise unknown_name("tracker for --baseline", baseline, labels)
    rows = []
    for entry in (*by_attribute(report), replace(overall(report), attribute="all")):
        values = [entry.values.get(label, {}).get(metric.key, math.nan) for label in labels]
        cells = _value_cells(values, metric)
        if baseline is not None:
            base = values[labels.index(baseline)]
            gains = [
                "" if label == baseline else f" ({signed(value - base, metric.digits)})"
                for label, value in zip(labels, values, strict=True)
            ]
            cells = [Cell(cell.text + gain, cell.rank) for cell, gain in zip(cells, gains, strict=True)]
        rows.append((Cell(entry.attribute), Cell(str(entry.sequences)), *cells))
    head = (f"attribute ({metric.title})", "sequences", *labels)
    notes = ("A sequence counts for each of its attributes, with all its frames.", *_short_notes(report, metric.title))
    return Table(f"{metric.title} per attribute, {report.title}", "attributes", head, tuple(rows), notes)


def latency_table(report: Report) -> Table:
    """Return the milliseconds per frame: mean and percentiles, of all tracked frames."""
    values = [item.latency for item in report.trackers]
    places = {key: ranks([one[key] for one in values], rising=False) for key in LATENCIES}
    rows = []
    for row, (item, one) in enumerate(zip(report.trackers, values, strict=True)):
        cells = [Cell(number(one[key], 2 if one[key] < 100 else 1), places[key][row]) for key in LATENCIES]
        rows.append((Cell(item.label), Cell(str(len(item.times))), *cells))
    head = ("tracker", "frames", "mean (ms)", "p50 (ms)", "p95 (ms)", "p99 (ms)")
    note = f"Protocol {report.protocol}. Time of one frame, without decoding and without the frames that trackers were started on."
    return Table(f"Latency, {report.title}", "latency", head, tuple(rows), (note,))


def comparison_table(report: Report, comparison: PairedComparison) -> Table:
    """Compare metric by metric: the difference of two trackers over the sequences that both have, and whether it is more than chance."""
    rows = []
    for metric in report.metrics:
        found = comparison.metrics.get(metric.key)
        if found is None:
            continue
        better = found.low > 0 or found.high < 0
        cells = (
            number(found.first, metric.digits),
            number(found.second, metric.digits),
            f"{signed(found.difference, metric.digits)} [{signed(found.low, metric.digits)}, {signed(found.high, metric.digits)}]",
            "< 0.001" if found.p < 0.001 else number(found.p, 3),
            f"{found.wins} / {found.ties} / {found.losses}" if found.wins + found.ties + found.losses else "-",
        )
        rows.append((Cell(metric.title), *(Cell(text, BEST if better and place == 2 else 0) for place, text in enumerate(cells))))
    head = ("metric", comparison.a, comparison.b, "difference", "p", "wins / ties / losses")
    title = f"{comparison.a} against {comparison.b}, {report.title}"
    return Table(title, "comparison", head, tuple(rows), (comparison.meaning, *_short_notes(report, "Metrics")))


__all__ = [
    "attribute_table",
    "comparison_table",
    "coverage_notes",
    "latency_table",
    "report_notes",
    "sequence_table",
    "summary_table",
]
