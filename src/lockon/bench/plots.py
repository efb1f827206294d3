"""Success, precision and normalised precision plots in the style of the OTB papers (needs the `bench` extra)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lockon._files import PendingFile
from lockon._require import require
from lockon.bench import metrics
from lockon.bench.report import Report, TrackerScore
from lockon.types import FloatArray

# Okabe and Ito's colours, which most colour-blind readers can tell apart; the lines repeat them with another dash.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("-", "--", "-.", ":")


@dataclass(frozen=True, slots=True)
class _Kind:
    """One plot: file, title, axes, the curve's name in `Curves` and the figure in the legend."""

    file: str
    title: str
    x: str
    y: str
    curve: str
    figure: str


_KINDS = (
    _Kind("success.png", "Success plot", "overlap threshold", "success rate", "success", "AUC"),
    _Kind("precision.png", "Precision plot", "location error threshold (pixels)", "precision", "precision", "P20"),
    _Kind("normalized_precision.png", "Normalised precision plot", "normalised location error threshold", "precision", "normalized", "NP"),
)


def write_plots(report: Report, folder: str | Path) -> list[Path]:
    """Draw the three plots as PNG files.

    Args:
        report: trackers and their curves. folder: made if it does not exist.

    Returns:
        The files: success.png, precision.png, normalized_precision.png.

    Raises:
        LockonError: matplotlib is not installed, or the folder cannot be written to.
    """
    figure_module = require("matplotlib.figure")
    paths = []
    for kind in _KINDS:
        figure = figure_module.Figure(figsize=(6.4, 4.8), dpi=150, layout="constrained")
        _draw(figure.add_subplot(), kind, report)
        pending = PendingFile(Path(folder) / kind.file)
        try:
            figure.savefig(pending.temp, format="png")
            pending.commit()
        finally:
            pending.discard()
        paths.append(pending.path)
    return paths


def _draw(axes: Any, kind: _Kind, report: Report) -> None:
    thresholds = _thresholds(kind, report.convention)

    def rank(place: tuple[int, TrackerScore]) -> float:
        return -float(np.nan_to_num(place[1].values[kind.figure]))

    for index, item in sorted(enumerate(report.trackers), key=rank):  # a tracker has the same colour in every plot
        value = item.values[kind.figure]
        shown = "-" if math.isnan(value) else f"{value:.3f}"
        style = {"color": _COLORS[index % len(_COLORS)], "linestyle": _DASHES[index // len(_COLORS) % len(_DASHES)], "linewidth": 2}
        axes.plot(thresholds, getattr(item.curves, kind.curve), label=f"[{shown}] {item.label}", **style)
    count = max(len(item.sequences) for item in report.trackers)
    axes.set(title=f"{kind.title} of OPE, {count} sequences ({report.convention})", xlabel=kind.x, ylabel=kind.y)
    axes.set(xlim=(thresholds[0], thresholds[-1]), ylim=(0, 1))
    axes.grid(visible=True, alpha=0.4)
    axes.legend(loc="lower left" if kind.curve == "success" else "lower right", fontsize="small")


def _thresholds(kind: _Kind, convention: str) -> FloatArray:
    if kind.curve == "success":
        return metrics.success_thresholds(convention)
    return np.asarray(metrics.PRECISION_THRESHOLDS if kind.curve == "precision" else metrics.NORMALIZED_THRESHOLDS, dtype=np.float64)


__all__ = ["write_plots"]
