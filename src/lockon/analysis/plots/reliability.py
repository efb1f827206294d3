"""The reliability diagram of a score before and after calibration, with the counts below (needs the `bench` extra)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lockon.analysis.score import ScoreReport
from lockon.bench.metrics.calibration import Reliability
from lockon.bench.plots.style import save


def write_reliability_plot(report: ScoreReport, path: Path) -> None:
    """Draw probabilities against frequencies as a PNG file.

    Raises:
        LockonError: Matplotlib is not installed, or the file cannot be written.
    """
    save(partial(_draw, report=report), path.with_suffix(""), ["png"], (5.6, 6.4))


def _draw(figure: Any, report: ScoreReport) -> None:
    axes, counts = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    calibration = report.metrics["calibration"]
    lines: list[tuple[Reliability, str, str, str, str]] = [
        (report.before, "before", "before", "#D55E00", "--"),
        (report.after, "platt", "after (Platt, videos left out)", "#0072B2", "-"),
        (report.isotonic, "isotonic", "isotonic, for comparison", "#009E73", ":"),
    ]
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    for number, (curve, key, name, color, dash) in enumerate(lines):
        label = f"{name}: ECE {calibration[key]['ece']:.3f}"
        known = curve.count > 0
        axes.plot(curve.confidence[known], curve.frequency[known], dash, color=color, marker="o", markersize=4, label=label)
        if number < 2:
            width = np.diff(curve.edges)[0] * 0.42
            middle = (curve.edges[:-1] + curve.edges[1:]) / 2 + (number - 0.5) * width
            counts.bar(middle, curve.count, width=width, color=color)
    samples = calibration["samples"]
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel=f"frequency of {calibration['event']}")
    axes.set_title(
        f"Reliability of the score: {samples['tracked']} tracked frames, {samples['absent']} without the target", fontsize="medium"
    )
    axes.grid(visible=True, alpha=0.4)
    axes.legend(loc="upper left", fontsize="small")
    counts.set(xlabel="score", ylabel="frames")
    counts.grid(visible=True, axis="y", alpha=0.4)


__all__ = ["write_reliability_plot"]
