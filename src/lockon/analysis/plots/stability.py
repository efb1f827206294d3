"""Metrics over the values of a parameter, a line per tracker (as SiamLA, figure 14, and DuML, figure 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lockon.analysis.stability import Curve
from lockon.bench.plots.style import color_of, dash_of, marker_of, save
from lockon.bench.report.model import Metric
from lockon.bench.tables.model import number

_SPAN = 0.1  # least height of the plot: a tenth of a point must not look like a fall


def write_stability_plot(
    curves: Sequence[Curve], parameter: str, metrics: Sequence[Metric], path: Path, formats: Iterable[str] = ("png",), *, title: str = ""
) -> list[Path]:
    """Draw metrics of all trackers, each in a panel of its own.

    Args:
        curves: One per tracker.
        parameter: Its name.
        metrics: What is drawn, from left to right.
        path: Without a suffix.
        formats: "png", "svg", "pdf".
        title: What was measured on.

    Raises:
        LockonError: Matplotlib is not installed, unknown format, or the folder cannot be written to.
    """
    width = 1.2 + 5.2 * len(metrics)
    return save(partial(draw_stability, curves=curves, parameter=parameter, metrics=metrics, title=title), path, formats, (width, 4.8))


def draw_stability(figure: Any, curves: Sequence[Curve], parameter: str, metrics: Sequence[Metric], title: str = "") -> None:
    """Draw lines with a marker at each value, and a ring where the tracker's own value is.

    A band is the interval of each value, a bar that of the difference to the own value. The legend has the worst and the best value.
    """
    for axes, head in zip(figure.subplots(1, len(metrics), squeeze=False)[0], metrics, strict=True):
        _draw_metric(axes, curves, parameter, head)
    names = ", ".join(head.title for head in metrics)
    figure.suptitle(f"{names} over {parameter}" + (f"\n{title}" if title else ""), fontsize="medium")
    notes = ["ring: the tracker's own value"]
    notes += ["band: 95 % interval over sequences"] if any(item.intervals for item in curves) else []
    notes += ["bar: that of the difference to the own value, paired"] if any(item.gains for item in curves) else []
    figure.supxlabel("; ".join(notes), fontsize="small")


def _draw_metric(axes: Any, curves: Sequence[Curve], parameter: str, head: Metric) -> None:
    places = {label: place for place, label in enumerate(sorted(item.label for item in curves))}
    for item in curves:
        place, row = places[item.label], item.metrics[head.key]
        summary = item.summary(head.key)
        low, high = (number(summary[key], head.digits) for key in ("worst", "best"))
        style = {"color": color_of(place), "linestyle": dash_of(place), "marker": marker_of(place), "markersize": 5, "linewidth": 1.8}
        axes.plot(item.values, row, label=f"{item.label} [{low} to {high}]", **style)
        if head.key in item.intervals:
            axes.fill_between(item.values, *item.intervals[head.key].T, color=color_of(place), alpha=0.13, linewidth=0)
        if head.key in item.gains:
            known = np.isfinite(item.gains[head.key]).all(axis=1)  # (V,)
            difference, low, high = item.gains[head.key][known].T
            ends = np.maximum([difference - low, high - difference], 0)
            axes.errorbar(item.values[known], row[known], ends, fmt="none", ecolor=color_of(place), elinewidth=1.1, capsize=3)
        if item.own is not None and item.values[0] <= item.own <= item.values[-1]:
            height = float(np.interp(item.own, item.values, row))
            ring = {"marker": "o", "markersize": 12, "markerfacecolor": "none", "linestyle": "none", "color": color_of(place)}
            axes.plot([item.own], [height], markeredgewidth=1.5, **ring)
    low, high = axes.get_ylim()
    missing = max(_SPAN - (high - low), 0) / 2
    axes.set(xlabel=parameter, ylabel=head.title, ylim=(low - missing, high + missing))
    axes.grid(visible=True, alpha=0.35)
    axes.legend(loc="best", fontsize="small", frameon=False)


__all__ = ["draw_stability", "write_stability_plot"]
