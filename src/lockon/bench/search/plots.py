"""Plots of a search: its history, and the metric against each parameter (needs the `bench` extra)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lockon.bench.plots.style import COLORS, save
from lockon.bench.search.space import Parameter
from lockon.bench.search.trials import SearchResult

_TRIALS, _BEST, _DEFAULT = COLORS[0], COLORS[2], COLORS[1]
_COLUMNS = 3


def write_search_plots(result: SearchResult, folder: Path, formats: Iterable[str] = ("png",)) -> list[Path]:
    """Return the draw history and parameters into a folder.

    Returns:
        The files.

    Raises:
        LockonError: Matplotlib is not installed, or the folder cannot be written to.
    """
    formats = tuple(formats)
    rows = -(-len(result.space) // _COLUMNS)
    history = save(partial(_draw_history, result=result), folder / "history", formats)
    return history + save(partial(_draw_parameters, result=result, rows=rows), folder / "parameters", formats, (9.6, 0.6 + 2.8 * rows))


def _draw_history(figure: Any, result: SearchResult) -> None:
    axes = figure.add_subplot()
    complete = result.complete
    numbers, values = np.array([trial.number for trial in complete]), np.array([trial.value for trial in complete])
    axes.plot(numbers, values, "o", color=_TRIALS, markersize=4, alpha=0.7, label=f"trials ({len(complete)} complete)")
    axes.step(numbers, np.maximum.accumulate(values), where="post", color=_BEST, label=f"best so far: {result.best.value:.4f}")
    axes.axhline(result.default.value, color=_DEFAULT, linestyle="--", label=f"tracker's own parameters: {result.default.value:.4f}")
    pruned = [trial.number for trial in result.trials if trial.state == "pruned"]
    if pruned:
        low = axes.get_ylim()[0]
        axes.plot(pruned, [low] * len(pruned), "|", color="0.5", clip_on=False, label=f"given up early: {len(pruned)}")
        axes.set_ylim(bottom=low)
    axes.set(xlabel="trial", ylabel=result.objective.metric)
    axes.set_title(f"Search on {len(result.default.scores)} sequences", fontsize="medium")
    axes.grid(visible=True, alpha=0.35)
    figure.legend(loc="outside lower center", ncols=2, fontsize="small")  # points may be anywhere


def _draw_parameters(figure: Any, result: SearchResult, rows: int) -> None:
    axes = np.atleast_1d(figure.subplots(rows, min(_COLUMNS, len(result.space)), sharey=True, squeeze=False)).ravel()
    for place, parameter in zip(axes, result.space, strict=False):
        _draw_parameter(place, result, parameter)
    for place in axes[len(result.space) :]:
        place.set_visible(False)
    for place in axes[:: min(_COLUMNS, len(result.space))]:
        place.set_ylabel(result.objective.metric)
    figure.suptitle("complete trials, early ones dark, late ones bright; diamond: the tracker's own parameters", fontsize="medium")


def _draw_parameter(axes: Any, result: SearchResult, parameter: Parameter) -> None:
    tried = [trial for trial in result.complete if parameter.name in trial.parameters]
    values: list[Any] = [trial.parameters[parameter.name] for trial in tried]
    if parameter.choices:
        axes.set_xticks(range(len(parameter.choices)), list(map(str, parameter.choices)))
        values = [parameter.choices.index(value) for value in values]
    points = axes.scatter(values, [trial.value for trial in tried], c=[trial.number for trial in tried], cmap="viridis", s=14)
    points.set_clip_on(False)
    axes.axhline(result.default.value, color=_DEFAULT, linestyle="--", linewidth=1)
    default = parameter.default
    if parameter.choices and default in parameter.choices:
        default = parameter.choices.index(default)
    if isinstance(default, (int, float)):
        axes.plot([default], [result.default.value], "D", color=_DEFAULT, markersize=6)
    if parameter.log:
        axes.set_xscale("log")
    elif parameter.whole and not parameter.choices:
        axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel(parameter.name)
    axes.grid(visible=True, alpha=0.35)


__all__ = ["write_search_plots"]
