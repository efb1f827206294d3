"""A metric of validations over the training pairs seen until then, a line per run (as RTrack, figure 1)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lockon._require import require
from lockon.analysis.cost import RunCost
from lockon.bench.plots.style import color_of, dash_of, marker_of, plain, save
from lockon.bench.tables.model import number

_WIDE = 30  # times that the largest number of pairs is the smallest one, from which the axis is logarithmic


def write_cost_plot(runs: Sequence[RunCost], metric: str, path: Path, formats: Iterable[str] = ("png",)) -> list[Path]:
    """Draw all runs.

    Args:
        runs: One or more.
        metric: Its name.
        path: Without a suffix.
        formats: "png", "svg", "pdf".

    Raises:
        LockonError: Matplotlib is not installed, unknown format, or the folder cannot be written to.
    """
    return save(partial(draw_cost, runs=runs, metric=metric), path, formats)


def draw_cost(figure: Any, runs: Sequence[RunCost], metric: str) -> None:
    """Draw lines with a marker at each validation; the level as a dotted line, with a ring where a run first reaches it."""
    axes = figure.add_subplot()
    for place, run in enumerate(runs):
        pairs = np.array(run.history.steps) * run.history.pairs_per_update
        style = {"color": color_of(place), "linestyle": dash_of(place), "marker": marker_of(place), "markersize": 5, "linewidth": 1.8}
        row = run.row()
        label = f"{plain(run.history.label)} [best {number(row['best'])}]"
        axes.plot(pairs, run.history.values, label=label, **style)
        if run.level is not None and row["level_updates"] is not None:
            value = run.history.values[run.history.steps.index(row["level_updates"])]
            ring = {"marker": "o", "markersize": 12, "markerfacecolor": "none", "linestyle": "none", "color": color_of(place)}
            axes.plot([row["level_pairs"]], [value], markeredgewidth=1.5, **ring)
    every = np.concatenate([np.array(run.history.steps) * run.history.pairs_per_update for run in runs])
    above = every[every > 0]
    if len(above) == len(every) and above.max() > _WIDE * above.min():
        ticker = require("matplotlib.ticker")
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_formatter(ticker.NullFormatter())
    axes.xaxis.set_major_formatter(lambda pairs, _: f"{pairs:,.0f}")
    level = runs[0].level
    if level is not None:
        axes.axhline(level, color="0.4", linestyle=":", linewidth=1)
    axes.set(xlabel="training pairs seen", ylabel=metric)
    axes.set_title(f"{metric} on the validation videos over training pairs", fontsize="medium")
    axes.grid(visible=True, alpha=0.35)
    title = None if level is None else f"ring: first validation of at least {level:g}"
    figure.legend(loc="outside lower center", ncols=2, fontsize="small", title=title, title_fontsize="small", frameon=False)


__all__ = ["draw_cost", "write_cost_plot"]
