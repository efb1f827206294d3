"""Labels, scores and boxes of samples, drawn on their search crops (as RTrack, figures A2 and A4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lockon.analysis.assignment import AssignedSample, by_place
from lockon.bench.plots.style import COLORS, plain, save
from lockon.types import FloatArray

TRUTH, FIRST, FINAL = "#00E050", COLORS[4], COLORS[5]  # of the ground truth, of the boxes of both stages
_COLUMNS = 4  # of the contact sheet
_NUMBERED = 12  # positives up to which each one's IoU is written beside it
_BOXED = 6  # boxes of each stage that are drawn at most: those of the positives with the largest IoU


def write_sample_plot(sample: AssignedSample, number: int, path: Path, formats: Iterable[str] = ("png",)) -> list[Path]:
    """Draw one sample: its labels, its scores, the IoU that the labels follow, and the boxes of its positives.

    Args:
        sample: The sample.
        number: Of the sample.
        path: Without a suffix.
        formats: "png", "svg", "pdf".

    Raises:
        LockonError: Matplotlib is not installed, unknown format, or the folder cannot be written to.
    """
    panels = 3 if sample.followed is None else 4
    return save(partial(draw_sample, sample=sample, number=number), path, formats, (1.5 + 3.2 * panels, 4.3))


def write_sheet_plot(samples: Sequence[AssignedSample], path: Path, formats: Iterable[str] = ("png",)) -> list[Path]:
    """Draw the labels of all samples as one contact sheet; arguments and errors as of `write_sample_plot`."""
    columns = min(_COLUMNS, len(samples))
    rows = -(-len(samples) // columns)
    return save(partial(draw_sheet, samples=samples), path, formats, (0.9 + 3.2 * columns, 0.5 + 3.4 * rows))


def draw_sheet(figure: Any, samples: Sequence[AssignedSample]) -> None:
    """Draw the labels of each sample in a panel of its own."""
    columns = min(_COLUMNS, len(samples))
    panels = figure.subplots(-(-len(samples) // columns), columns, squeeze=False).ravel()
    marks = None
    for number, (axes, sample) in enumerate(zip(panels, samples, strict=False)):
        marks = draw_labels(axes, sample) or marks
        axes.set_title(_headline(sample, number), fontsize="small")
    for axes in panels[len(samples) :]:
        axes.set_visible(False)
    if marks is not None:
        figure.colorbar(marks, ax=list(panels), label="IoU of the positives' final boxes", shrink=0.6, aspect=30)
    figure.suptitle("green: ground truth, dots: positives, crosses: ignored, rings: candidates for positives", fontsize="small")


def draw_sample(figure: Any, sample: AssignedSample, number: int) -> None:
    """Draw the panels of one sample side by side, that of the IoU that labels follow only where there is one."""
    followed = sample.followed
    figure.get_layout_engine().set(wspace=0.01, h_pad=0.08)
    count = 3 if followed is None else 4
    axes = figure.subplots(1, 1 + count, width_ratios=[0.4] + [1] * count)
    axes[0].imshow(sample.template)
    axes[0].set(xticks=[], yticks=[])
    axes[0].set_title("template", fontsize="small")
    axes = axes[1:]
    marks = draw_labels(axes[0], sample)
    threshold = "" if followed is None else f"threshold {followed.threshold:.3f}, "
    axes[0].set_title(f"positives, {threshold}colour: IoU of box", fontsize="small")
    if marks is not None:
        _bar(figure, axes[0], marks)
    _draw_map(figure, axes[1], sample, sample.scores, f"score (highest {sample.scores.max():.3f})")
    if followed is not None:
        _draw_map(figure, axes[2], sample, followed.overlap, f"IoU that labels follow (highest {followed.overlap.max():.3f})")
    _draw_boxes(axes[-1], sample)
    figure.suptitle(f"{_headline(sample, number)}: {plain(sample.ids)}"[:150], fontsize="medium")


def draw_labels(axes: Any, sample: AssignedSample) -> Any:
    """Draw ground truth, positives coloured by the IoU of their boxes, ignored candidates and candidates for positives.

    Returns:
        The positives' marks, for a colour bar; None without a positive.
    """
    _draw_crop(axes, sample)
    if sample.followed is not None and not sample.followed.chosen.all():
        around = sample.points[sample.followed.chosen]
        axes.scatter(*around.T, s=60, facecolors="none", edgecolors="white", linewidths=0.9)
    ignored = np.unique(sample.points[sample.labels < 0], axis=0)
    axes.scatter(*ignored.T, s=12, c="0.75", marker="x", linewidths=0.7)
    chosen = sample.positives
    if not len(chosen):
        return None
    chosen = chosen[np.argsort(sample.overlaps[chosen])]  # the best of those at one place lies on top
    overlaps, places = sample.overlaps[chosen], sample.points[chosen]
    marks = axes.scatter(*places.T, c=overlaps, s=34, vmin=0, vmax=1, cmap="plasma", edgecolors="black", linewidths=0.6, zorder=3)
    best = {tuple(place): overlap for place, overlap in zip(places.tolist(), overlaps, strict=True)}  # the last, the best, stays
    for (x, y), overlap in best.items() if len(best) <= _NUMBERED else ():
        axes.annotate(f"{overlap:.2f}", (x, y), xytext=(3, 3), textcoords="offset points", fontsize=5.5, color="white", zorder=4)
    return marks


def _draw_map(figure: Any, axes: Any, sample: AssignedSample, values: FloatArray, title: str) -> None:
    """Draw values of all candidates over the faded crop, from 0 to the highest, with a cross at the highest."""
    _draw_crop(axes, sample)
    found, extent = by_place(sample, values)
    highest = float(np.nanmax(found))
    cells = axes.imshow(found, extent=extent, alpha=0.6, vmin=0, vmax=highest if highest > 0 else 1, cmap="viridis")
    top = sample.points[values.argmax()]
    axes.plot(*top, marker="+", color="white", markersize=12, markeredgewidth=1.8)
    _bar(figure, axes, cells)
    _limit(axes, sample)
    axes.set_title(title, fontsize="small")


def _draw_boxes(axes: Any, sample: AssignedSample) -> None:
    """Draw the boxes of both stages of the best positives, and the points of the best one; of the highest score where none is positive."""
    _draw_crop(axes, sample)
    chosen = sample.positives if len(sample.positives) else np.array([sample.scores.argmax()])
    chosen = chosen[np.argsort(-sample.overlaps[chosen], kind="stable")][:_BOXED]
    for first, index in zip([True] + [False] * _BOXED, chosen, strict=False):
        name = f"final box (best IoU {sample.overlaps[index]:.2f})" if first else None
        if sample.init_boxes is not None:
            _box(axes, sample.init_boxes[index], FIRST, "init box" if first else None, linestyle="--", linewidth=1.1)
        _box(axes, sample.boxes[index], FINAL, name, linewidth=1.3)
    if sample.sets is not None:
        axes.plot(*sample.sets[chosen[0]].T, linestyle="none", marker="o", markersize=4.5, color=COLORS[1], label="points of the best")
    _limit(axes, sample)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.02), fontsize="x-small", ncols=2, frameon=False)
    what = "positives" if len(sample.positives) else "no positive: of the highest score"
    axes.set_title(f"boxes of {what}" if len(sample.positives) <= _BOXED else f"boxes of the {_BOXED} best positives", fontsize="small")


def _bar(figure: Any, axes: Any, marks: Any) -> None:
    bar = figure.colorbar(marks, ax=axes, orientation="horizontal", shrink=0.9, pad=0.02, aspect=30)
    bar.ax.tick_params(labelsize="x-small")


def _draw_crop(axes: Any, sample: AssignedSample) -> None:
    side = sample.search.shape[0]
    axes.imshow(sample.search, extent=(0, side, side, 0))
    _box(axes, sample.box, TRUTH, None, linewidth=1.8, linestyle="-" if sample.present else ":")
    axes.set(xticks=[], yticks=[])
    _limit(axes, sample)


def _box(axes: Any, box: FloatArray, color: str, label: str | None, **style: Any) -> None:
    """Draw the outline of a box (4,), cut where it lies far outside."""
    x1, y1, x2, y2 = np.clip(box, -10_000, 10_000)
    axes.plot([x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1], color=color, label=label, **style)


def _limit(axes: Any, sample: AssignedSample) -> None:
    side = sample.search.shape[0]
    axes.set(xlim=(0, side), ylim=(side, 0))


def _headline(sample: AssignedSample, number: int) -> str:
    row = sample.row(number)
    if not sample.present:
        return f"sample {number}, a negative pair"
    fallback = ", fallback" if row["fallback"] else ""
    count = row["positives"]
    overlap = f", mean IoU {row['iou_final']:.2f}" if count else ""
    return f"sample {number}, {count} positive{'' if count == 1 else 's'}{fallback}{overlap}"


__all__ = ["draw_labels", "draw_sample", "draw_sheet", "write_sample_plot", "write_sheet_plot"]
