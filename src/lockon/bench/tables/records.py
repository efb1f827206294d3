"""A report as JSON and CSV, for other programs. Keys are kept from version to version; new ones are added at the end."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lockon._names import csv_cell
from lockon.bench.report.attributes import by_attribute, has_attributes, overall
from lockon.bench.report.model import Report, SequenceScore, TrackerScore
from lockon.bench.report.one_pass import AVERAGE
from lockon.bench.report.significance import Intervals, PairedComparison


def to_json(reports: Report | Sequence[Report], intervals: Sequence[Intervals] = (), comparisons: Sequence[PairedComparison] = ()) -> str:
    """Return a list with one record per tracker; fractions in [0, 1], fps, size in bytes, milliseconds, NaN as null.

    Args:
        reports: One or several.
        intervals: None, or one per report.
        comparisons: None, or one per report.
    """
    several = [reports] if isinstance(reports, Report) else list(reports)
    records = []
    for place, report in enumerate(several):
        parts = _attributes(report)
        for item in report.trackers:
            record = _record(item, report)
            record["attributes"] = parts.get(item.label, {})
            if intervals:
                record["intervals"] = nulls({key: list(pair) for key, pair in intervals[place].of[item.label].items()})
            if comparisons and item.label == comparisons[place].a:
                record["compared"] = _comparison(comparisons[place])
            records.append(record)
    return json.dumps(records, indent=1, allow_nan=False) + "\n"


def _record(item: TrackerScore, report: Report) -> dict[str, Any]:
    return {
        "tracker": item.label,
        "convention": report.convention,
        "average": AVERAGE[report.scoring.pooled],
        **nulls({**item.values, "fps": item.fps}),
        "size": item.size,
        "missing": list(item.missing),
        "setups": list(item.setups),
        "sequences": [_sequence(part) for part in item.sequences],
        "protocol": report.protocol,
        "datasets": list(report.datasets),
        "partial": any(entry.partial for entry in report.coverage) or bool(item.missing),
        "coverage": [
            {
                "dataset": entry.there.dataset,
                "found": entry.there.found,
                "expected": entry.there.expected,
                "missing": list(entry.there.missing),
                "cut": [{"sequence": one.name, "frames": one.frames, "expected": one.expected} for one in entry.there.cut],
                "extra": list(entry.there.extra),
                "resized": list(entry.resized),
            }
            for entry in report.coverage
        ],
        "latency_ms": nulls(item.latency),
        "repetitions": item.repetitions,
        "spread": nulls(item.spread),
    }


def _sequence(part: SequenceScore) -> dict[str, Any]:
    record = {"sequence": part.sequence, "dataset": part.dataset, "frames": part.frames, **nulls({**part.values, "fps": part.fps})}
    return {**record, "attributes": list(part.attributes)} if part.attributes else record


def _attributes(report: Report) -> dict[str, dict[str, Any]]:
    """Return, per tracker and attribute, the number of sequences and the metrics."""
    found: dict[str, dict[str, Any]] = {}
    for entry in by_attribute(report) if has_attributes(report) else ():
        for label, values in entry.values.items():
            found.setdefault(label, {})[entry.attribute] = {"sequences": entry.sequences, **nulls(values)}
    return found


def _comparison(comparison: PairedComparison) -> dict[str, Any]:
    metrics = {key: nulls(asdict(one)) for key, one in comparison.metrics.items()}
    return {"with": comparison.b, "sequences": comparison.sequences, "meaning": comparison.meaning, "metrics": metrics}


def nulls(values: Any) -> Any:
    """Replace NaN, which JSON does not have, by None wherever it is in mappings and lists."""
    if isinstance(values, Mapping):
        return {key: nulls(value) for key, value in values.items()}
    if isinstance(values, list):
        return [nulls(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def to_csv(reports: Report | Sequence[Report]) -> str:
    """Write one line per tracker with an empty sequence, then one per sequence."""
    several = [reports] if isinstance(reports, Report) else list(reports)
    names = list(dict.fromkeys(metric.key for report in several for metric in report.metrics))
    rows: list[list[Any]] = [["tracker", "sequence", "dataset", "frames", *names, "fps", "size", "convention", "protocol"]]
    for report in several:
        dataset = report.datasets[0] if len(several) > 1 and len(report.datasets) == 1 else ""
        for item in report.trackers:
            last = (item.size, report.convention, report.protocol)
            frames = sum(part.frames for part in item.sequences)
            rows.append([item.label, "", dataset, frames, *_texts(item.values, names), _text(item.fps), *last])
            for part in item.sequences:
                values = _texts(part.values, names)
                rows.append([item.label, part.sequence, part.dataset, part.frames, *values, _text(part.fps), *last])
    return csv_text(rows)


def curves_csv(report: Report) -> str:
    """Return the curves of all trackers: curve, x, one column per tracker."""
    rows: list[list[Any]] = [["curve", "x", *(item.label for item in report.trackers)]]
    for axis in report.scoring.axes:
        lines = [item.curves[axis.key] for item in report.trackers]
        for place, x in enumerate(axis.values[: max(map(len, lines))]):
            rows.append([axis.key, f"{x:.6g}", *(f"{line[place]:.6g}" if place < len(line) else "" for line in lines)])
    return csv_text(rows)


def attributes_csv(report: Report) -> str:
    """Write one line per attribute and tracker, all sequences ("overall") first: attribute, sequences, tracker, every metric.

    Raises:
        LockonError: No sequence has attributes.
    """
    keys = [metric.key for metric in report.metrics]
    rows: list[list[Any]] = [["attribute", "sequences", "tracker", *keys]]
    for entry in (overall(report), *by_attribute(report)):
        rows += [[entry.attribute, entry.sequences, label, *_texts(values, keys)] for label, values in entry.values.items()]
    return csv_text(rows)


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Return rows of cells as CSV that no spreadsheet runs."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(map(csv_cell, row) for row in rows)
    return stream.getvalue()


def _texts(values: Mapping[str, float], keys: Sequence[str]) -> list[str]:
    return [_text(values.get(key, math.nan)) for key in keys]


def _text(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


__all__ = ["attributes_csv", "csv_text", "curves_csv", "nulls", "to_csv", "to_json"]
