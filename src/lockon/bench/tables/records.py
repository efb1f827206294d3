"""A report as JSON and CSV, for other programs. Keys are kept from version to version; new ones are added at the end."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

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
        **_metrics(item),
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
    record = {"sequence": part.sequence, "dataset": part.dataset, "frames": part.frames, **_metrics(part)}
    return {**record, "attributes": list(part.attributes)} if part.attributes else record


def _attributes(report: Report) -> dict[str, dict[str, Any]]:
    """Return, per tracker and attribute, the number of sequences and the metrics."""
    found: dict[str, dict[str, Any]] = {}
    for entry in by_attribute(report) if has_attributes(report) else ():
        for label, values in entry.values.items():
            found.setdefault(label, {})[entry.attribute] = {"sequences": entry.sequences, **nulls(values)}
    return found


def _comparison(comparison: PairedComparison) -> dict[str, Any]:
    fields = ("first", "second", "difference", "low", "high", "p", "wins", "ties", "losses")
    metrics = {key: nulls({name: getattr(one, name) for name in fields}) for key, one in comparison.metrics.items()}
    return {"with": comparison.b, "sequences": comparison.sequences, "meaning": comparison.meaning, "metrics": metrics}


def _metrics(item: TrackerScore | SequenceScore) -> dict[str, float | None]:
    metrics: dict[str, float | None] = nulls({**item.values, "fps": item.fps})
    return metrics


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
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names = list(dict.fromkeys(metric.key for report in several for metric in report.metrics))
    writer.writerow(["tracker", "sequence", "dataset", "frames", *names, "fps", "size", "convention", "protocol"])
    for report in several:
        last = (report.convention, report.protocol)
        for item in report.trackers:
            frames = sum(part.frames for part in item.sequences)
            dataset = report.datasets[0] if len(several) > 1 and len(report.datasets) == 1 else ""
            writer.writerow([item.label, "", dataset, frames, *_csv(item, names), item.size, *last])
            for part in item.sequences:
                writer.writerow([item.label, part.sequence, part.dataset, part.frames, *_csv(part, names), item.size, *last])
    return stream.getvalue()


def _csv(item: TrackerScore | SequenceScore, names: Sequence[str]) -> list[str]:
    values = [item.values.get(name, math.nan) for name in names]
    return ["" if math.isnan(value) else f"{value:.6g}" for value in (*values, item.fps)]


def curves_csv(report: Report) -> str:
    """Return the curves of all trackers: curve, x, one column per tracker."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["curve", "x", *(item.label for item in report.trackers)])
    for axis in report.scoring.axes:
        lines = [item.curves[axis.key] for item in report.trackers]
        for place, x in enumerate(axis.values[: max(map(len, lines))]):
            writer.writerow([axis.key, f"{x:.6g}", *(f"{line[place]:.6g}" if place < len(line) else "" for line in lines)])
    return stream.getvalue()


def attributes_csv(report: Report) -> str:
    """Write one line per attribute and tracker, all sequences ("overall") first: attribute, sequences, tracker, every metric.

    Raises:
        LockonError: No sequence has attributes.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    keys = [metric.key for metric in report.metrics]
    writer.writerow(["attribute", "sequences", "tracker", *keys])
    for entry in (overall(report), *by_attribute(report)):
        for label, values in entry.values.items():
            numbers = [values.get(key, math.nan) for key in keys]
            row = ["" if math.isnan(value) else f"{value:.6g}" for value in numbers]
            writer.writerow([entry.attribute, entry.sequences, label, *row])
    return stream.getvalue()


__all__ = ["attributes_csv", "curves_csv", "nulls", "to_csv", "to_json"]
