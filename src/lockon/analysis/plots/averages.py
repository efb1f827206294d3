"""Running means over sets of parameters, a line per tracker (as DuML, figure 7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lockon.analysis.averages import SetAverages, running_mean
from lockon.bench.plots.style import color_of, dash_of, plain, save
from lockon.bench.report.model import Metric
from lockon.bench.tables.model import number

_SETTLED = 0.1  # share of the sets after which running means and intervals fit the plot; the first ones may leave it


def write_averages_plot(
    averages: Sequence[SetAverages], metrics: Sequence[Metric], path: Path, formats: Iterable[str] = ("png",), *, title: str = ""
) -> list[Path]:
    """Draw the running mean of each metric in a panel of its own.

    Args:
        averages: One per tracker.
        metrics: What is drawn, from left to right.
        path: Without a suffix.
        formats: "png", "svg", "pdf".
        title: What was measured on.

    Raises:
        LockonError: Matplotlib is not installed, unknown format, or the folder cannot be written to.
    """
    return save(partial(draw_averages, averages=averages, metrics=metrics, title=title), path, formats, (0.6 + 4.4 * len(metrics), 4.4))


def draw_averages(figure: Any, averages: Sequence[SetAverages], metrics: Sequence[Metric], title: str = "") -> None:
    """Draw lines with the interval around each as a band; the legend has the mean and deviation over all sets."""
    panels = figure.subplots(1, len(metrics), squeeze=False)[0]
    places = {label: place for place, label in enumerate(sorted(item.label for item in averages))}
    for axes, metric in zip(panels, metrics, strict=True):
        ends = []
        for item in averages:
            place, values = places[item.label], item.values[metric.key]
            running, count = running_mean(values), np.arange(1, len(values) + 1)
            deviation = item.summary()[metric.key]["deviation"]
            label = f"{plain(item.label)} [{number(running.mean[-1], metric.digits)} ± {number(deviation, metric.digits)}]"
            axes.fill_between(count, running.low, running.high, color=color_of(place), alpha=0.18, linewidth=0)
            axes.plot(count, running.mean, label=label, color=color_of(place), linestyle=dash_of(place), linewidth=1.8)
            settled = int(len(values) * _SETTLED)
            ends += [running.low[settled:], running.high[settled:], running.mean]
        _limit(axes, np.concatenate(ends))
        axes.set(xlabel="sets of parameters", ylabel=f"{metric.title}, mean of the sets so far")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_title(f"{metric.title} ({'more' if metric.rising else 'less'} is better)", fontsize="medium")
        axes.grid(visible=True, alpha=0.35)
        axes.legend(fontsize="small", title="mean ± deviation over the sets", title_fontsize="small", frameon=False)
    figure.suptitle("Cumulative mean over sets of parameters, band: its 95 % interval" + (f"\n{title}" if title else ""), fontsize="medium")


def _limit(axes: Any, values: Any) -> None:
    known = values[np.isfinite(values)]
    pad = max(0.08 * float(known.max() - known.min()), 1e-4)
    axes.set_ylim(float(known.min()) - pad, float(known.max()) + pad)


__all__ = ["draw_averages", "write_averages_plot"]
