"""A metric over the values of a parameter, a line per tracker (as SiamLA, figure 14)."""

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
    curves: Sequence[Curve], parameter: str, metric: Metric, path: Path, formats: Iterable[str] = ("png",), *, title: str = ""
) -> list[Path]:
    """Draw one metric of all trackers.

    Args:
        curves: One per tracker.
        parameter: Its name.
        metric: What is drawn.
        path: Without a suffix.
        formats: "png", "svg", "pdf".
        title: What was measured on.

    Raises:
        LockonError: Matplotlib is not installed, unknown format, or the folder cannot be written to.
    """
    return save(partial(draw_stability, curves=curves, parameter=parameter, head=metric, title=title), path, formats)


def draw_stability(figure: Any, curves: Sequence[Curve], parameter: str, head: Metric, title: str = "") -> None:
    """Draw lines with a marker at each value; a ring where the tracker's own value is; worst and best value in the legend."""
    axes = figure.add_subplot()
    places = {label: place for place, label in enumerate(sorted(item.label for item in curves))}
    for item in curves:
        place, row = places[item.label], item.metrics[head.key]
        summary = item.summary(head.key)
        low, high = (number(summary[key], head.digits) for key in ("worst", "best"))
        style = {"color": color_of(place), "linestyle": dash_of(place), "marker": marker_of(place), "markersize": 5, "linewidth": 1.8}
        axes.plot(item.values, row, label=f"{item.label} [{low} to {high}]", **style)
        if item.own is not None and item.values[0] <= item.own <= item.values[-1]:
            height = float(np.interp(item.own, item.values, row))
            ring = {"marker": "o", "markersize": 12, "markerfacecolor": "none", "linestyle": "none", "color": color_of(place)}
            axes.plot([item.own], [height], markeredgewidth=1.5, **ring)
    low, high = axes.get_ylim()
    missing = max(_SPAN - (high - low), 0) / 2
    axes.set(xlabel=parameter, ylabel=head.title, ylim=(low - missing, high + missing))
    axes.set_title(f"{head.title} over {parameter}" + (f"\n{title}" if title else ""), fontsize="medium")
    axes.grid(visible=True, alpha=0.35)
    figure.legend(
        loc="outside lower center", ncols=2, fontsize="small", title="ring: the tracker's own value", title_fontsize="small", frameon=False
    )


__all__ = ["draw_stability", "write_stability_plot"]
