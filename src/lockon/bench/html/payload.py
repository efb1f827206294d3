"""Reports as the JSON values that the page is drawn from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from lockon.bench.plots.style import COLORS
from lockon.bench.report.attributes import by_attribute, has_attributes
from lockon.bench.report.model import Axis, Report, TrackerScore
from lockon.bench.report.significance import Intervals
from lockon.bench.tables.build import report_notes

_SHOWN = ("key", "title", "meaning", "rising", "digits")  # of a metric


def report_payload(report: Report, colors: Mapping[str, int], intervals: Intervals | None = None) -> dict[str, Any]:
    """Return one section of the page.

    Args:
        report: The metrics.
        colors: Place of each tracker in the list of colours, the same in all sections.
        intervals: Of `significance.intervals`.
    """
    return {
        "title": report.title,
        "protocol": report.protocol,
        "convention": report.convention,
        "datasets": list(report.datasets),
        "notes": [{"text": note.replace("**", ""), "warning": note.startswith("**")} for note in report_notes(report)],
        "headline": report.headline.key,
        "detail": report.scoring.detail,
        "metrics": [{key: getattr(one, key) for key in _SHOWN} for one in report.metrics],
        "axes": [_axis(axis, report) for axis in report.scoring.axes],
        "trackers": [_tracker(item, report, colors, intervals) for item in report.trackers],
        "intervals": intervals.meaning if intervals is not None else "",
        "attributes": _attributes(report) if has_attributes(report) else [],
        "sequences": _sequences(report),
    }


def _axis(axis: Axis, report: Report) -> dict[str, Any]:
    longest = max(len(item.curves[axis.key]) for item in report.trackers)
    lengths = report.scoring.lengths if axis.key == "expected_overlap" else None
    band = None if lengths is None else list(lengths)
    values = _numbers(axis.values[:longest])
    return {"key": axis.key, "title": axis.title, "x": axis.x, "y": axis.y, "metric": axis.metric, "values": values, "band": band}


def _tracker(item: TrackerScore, report: Report, colors: Mapping[str, int], intervals: Intervals | None) -> dict[str, Any]:
    return {
        "label": item.label,
        "color": COLORS[colors[item.label] % len(COLORS)],
        "dash": colors[item.label] // len(COLORS) % 4,
        "values": _metrics(item.values),
        "spread": _metrics(item.spread),
        "interval": {} if intervals is None else {key: list(map(_number, pair)) for key, pair in intervals.of[item.label].items()},
        "fps": _number(item.fps),
        "latency": _metrics(item.latency),
        "size": item.size,
        "sequences": len(item.sequences),
        "missing": len(item.missing),
        "curves": {axis.key: _numbers(item.curves[axis.key]) for axis in report.scoring.axes},
    }


def _attributes(report: Report) -> list[dict[str, Any]]:
    found = []
    for entry in by_attribute(report):
        values = {label: _metrics(values) for label, values in entry.values.items()}
        found.append({"name": entry.attribute, "sequences": entry.sequences, "values": values})
    return found


def _sequences(report: Report) -> list[dict[str, Any]]:
    """Return one row per sequence, with the values of all trackers that have it."""
    found = []
    for (dataset, name), parts in report.sequences.items():
        some = next(iter(parts.values()))
        values = {label: _metrics(part.values) for label, part in parts.items()}
        found.append({"name": name, "dataset": dataset, "frames": some.frames, "attributes": list(some.attributes), "values": values})
    return found


def _metrics(values: Mapping[str, float]) -> dict[str, float | None]:
    return {key: _number(value) for key, value in values.items()}


def _number(value: float) -> float | None:
    return round(float(value), 5) if math.isfinite(value) else None


def _numbers(values: Any) -> list[float | None]:
    return [_number(value) for value in np.asarray(values, dtype=np.float64).tolist()]


__all__ = ["report_payload"]
