"""Score against IoU, one panel per tracker (as SiamLA, figure 12)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lockon.analysis.alignment import Alignment
from lockon.bench.plots.style import COLORS, plain, save
from lockon.bench.tables.model import number
from lockon.types import FloatArray

_COLUMNS = 3
_BINS = 20  # of the line of means
_FEW = 10  # pairs in a bin below which its mean is not drawn


def write_alignment_plot(found: Mapping[str, Alignment], path: Path, formats: Iterable[str] = ("png",)) -> list[Path]:
    """Draw one panel per tracker.

    Args:
        found: By name of the tracker, at least one.
        path: Without a suffix.
        formats: "png", "svg", "pdf".

    Raises:
        LockonError: Matplotlib is not installed, unknown format, or the folder cannot be written to.
    """
    columns = min(_COLUMNS, len(found))
    rows = -(-len(found) // columns)
    return save(partial(draw_alignment, found=found), path, formats, (0.9 + 4.2 * columns, 0.6 + 4.0 * rows))


def draw_alignment(figure: Any, found: Mapping[str, Alignment]) -> None:
    """Draw how many pairs lie where (logarithmic), the mean score at each IoU, and the pooled correlations above the panels."""
    columns = min(_COLUMNS, len(found))
    rows = -(-len(found) // columns)
    panels = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)).ravel()
    for axes, (label, item) in zip(panels, found.items(), strict=False):
        _draw_panel(figure, axes, label, item)
    for axes in panels[len(found) :]:
        axes.set_visible(False)
    for axes in panels[::columns]:
        axes.set_ylabel("score")


def _draw_panel(figure: Any, axes: Any, label: str, item: Alignment) -> None:
    known = ~np.isnan(item.scores)
    scores, overlaps = item.scores[known], item.overlaps[known]
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=f"IoU of {item.kind}")
    axes.grid(visible=True, alpha=0.35)
    axes.axvline(item.above, color="0.4", linestyle=":", linewidth=1)
    pooled = item.pooled
    axes.set_title(
        f"{plain(label)}: {sum(item.frames)} frames\n"
        f"IoU > {item.above:g}: Pearson {number(pooled.pearson)}, Spearman {number(pooled.spearman)}\n"
        f"all: Pearson {number(pooled.pearson_all)}, Spearman {number(pooled.spearman_all)}",
        fontsize="small",
    )
    if not len(scores):
        axes.text(0.5, 0.5, "no scores", ha="center", va="center", color="0.4")
        return
    cells = axes.hexbin(overlaps, scores, gridsize=40, extent=(0, 1, 0, 1), bins="log", mincnt=1, cmap="viridis", linewidths=0.1)
    figure.colorbar(cells, ax=axes, label=f"{item.kind} (log scale)", shrink=0.85)
    middle, means = mean_scores(scores, overlaps)
    axes.plot(middle, means, color="white", linewidth=3.2, solid_capstyle="round")
    axes.plot(middle, means, color=COLORS[1], linewidth=1.8, label="mean score")
    axes.legend(loc="upper left", fontsize="small")


def mean_scores(scores: FloatArray, overlaps: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the middles of equal parts of [0, 1] and the mean of the (K,) scores whose overlap lies there; NaN for fewer than ten."""
    places = np.clip((overlaps * _BINS).astype(np.intp), 0, _BINS - 1)
    count = np.bincount(places, minlength=_BINS)
    total = np.bincount(places, weights=scores, minlength=_BINS)
    means = np.divide(total, count, out=np.full(_BINS, math.nan), where=count >= _FEW)
    return (np.arange(_BINS) + 0.5) / _BINS, means


__all__ = ["draw_alignment", "mean_scores", "write_alignment_plot"]
