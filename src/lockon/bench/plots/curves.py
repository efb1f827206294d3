"""Success, precision and normalised precision in the style of the OTB papers, and the expected overlap per length (VOT)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lockon.bench.plots.style import color_of, dash_of, places_of, plain, subtitle
from lockon.bench.report.model import Axis, Report
from lockon.bench.tables.model import number

_BESIDE = 12  # more trackers than this have their legend beside the plot


def draw_curves(figure: Any, report: Report, axis: Axis, title: str = "", colors: Mapping[str, int] | None = None) -> None:
    """Draw one line per tracker, the legend sorted by the metric that the curve stands for.

    Args:
        figure: Of matplotlib.
        report: Its trackers' curves are drawn.
        axis: Which curve.
        title: Put instead of the name of the curve and what it was measured on.
        colors: Place of each tracker in the list of colours; None for `places_of` this report.
    """
    axes = figure.add_subplot()
    places = colors or places_of([report])
    head = report.metric(axis.metric)
    for item in report.ranked(axis.metric):
        curve, place = item.curves[axis.key], places[item.label]
        label = f"[{number(item.values[axis.metric], head.digits)}] {plain(item.label)}"
        axes.plot(axis.values[: len(curve)], curve, label=label, color=color_of(place), linestyle=dash_of(place), linewidth=2)
    axes.set_title(title or f"{axis.title} plot\n{subtitle(report)}", fontsize="medium")
    axes.set(xlabel=axis.x, ylabel=axis.y)
    _limits(axes, report, axis)
    axes.grid(visible=True, alpha=0.35)
    if len(report.trackers) > _BESIDE:
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small", title=head.title, title_fontsize="small", frameon=False)
    else:
        corner = {"success": "lower left", "expected_overlap": "best"}.get(axis.key, "lower right")
        axes.legend(loc=corner, fontsize="small", title=head.title, title_fontsize="small", handlelength=2.6)


def _limits(axes: Any, report: Report, axis: Axis) -> None:
    longest = max(len(item.curves[axis.key]) for item in report.trackers)
    low, high = float(axis.values[0]), float(axis.values[min(longest, len(axis.values)) - 1])
    axes.set(xlim=(low, high if high > low else low + 1), ylim=(0, 1))
    if axis.key == "expected_overlap":
        top = max(float(np.nanmax(item.curves[axis.key], initial=0)) for item in report.trackers)
        axes.set_ylim(0, min(1.0, top * 1.05 + 0.02))
        if report.scoring.lengths is not None:
            axes.axvspan(*report.scoring.lengths, color="0.92", zorder=0, label="_lengths that count for EAO")


__all__ = ["draw_curves"]
