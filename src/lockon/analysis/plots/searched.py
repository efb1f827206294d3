"""Pictures of searched frames, a row per frame: heat maps of both modalities (as DuML, figure 5), and voted boxes (figure 10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lockon.analysis.heat_maps import MAPS
from lockon.analysis.searched import SearchedFrame
from lockon.analysis.voted_boxes import VotedBox
from lockon.bench.plots.style import plain, save
from lockon.types import FloatArray

TRUTH, ANSWER = "#00E050", "#FF2A2A"  # green and red, as in the paper
_PANEL = 2.6  # inches


def write_heat_maps_plot(
    rows: Sequence[tuple[SearchedFrame, Mapping[str, FloatArray]]], path: Path, formats: Iterable[str] = ("png",)
) -> list[Path]:
    """Draw the search crops of some frames of one sequence, each with its heat maps beside it.

    Args:
        rows: Frames, and the maps of `heat_maps`.
        path: Without a suffix.
        formats: "png", "svg", "pdf".

    Raises:
        LockonError: Matplotlib is not installed, unknown format, or the folder cannot be written to.
    """
    columns = 1 + max(len(maps) for _, maps in rows)
    return save(partial(draw_heat_maps, rows=rows), path, formats, (_PANEL * columns, 0.6 + (_PANEL + 0.25) * len(rows)))


def draw_heat_maps(figure: Any, rows: Sequence[tuple[SearchedFrame, Mapping[str, FloatArray]]]) -> None:
    """Draw each map over the faded crop, from 0 to its own highest value, with a cross at the peak."""
    names = [name for name in MAPS if any(name in maps for _, maps in rows)]
    panels = figure.subplots(len(rows), 1 + len(names), squeeze=False)
    for (searched, maps), (first, *others) in zip(rows, panels, strict=True):
        _draw_crop(first, searched)
        _draw_box(first, searched.box, ANSWER)
        iou = "" if searched.truth is None else f", IoU {searched.iou:.2f}"
        first.set_title(f"frame {searched.frame}{iou}", fontsize="small")
        for axes, name in zip(others, names, strict=True):
            _draw_map(axes, searched, maps[name])
            axes.set_title(f"{name}, highest {maps[name].max():.2f}", fontsize="small")
    figure.suptitle(f"{plain(rows[0][0].sequence)}; green: true box, red: answer, cross: highest value", fontsize="small")


def write_voted_plot(rows: Sequence[VotedBox], path: Path, formats: Iterable[str] = ("png",)) -> list[Path]:
    """Draw the votes on some frames of one sequence; arguments and errors as of `write_heat_maps_plot`."""
    return save(partial(draw_voted, rows=rows), path, formats, (_PANEL * 3, 0.6 + (_PANEL + 0.25) * len(rows)))


def draw_voted(figure: Any, rows: Sequence[VotedBox]) -> None:
    """Draw the direct box, the boxes with the largest votes, and the voted box, with the true box in each panel."""
    panels = figure.subplots(len(rows), 3, squeeze=False)
    for item, (direct, top, voted) in zip(rows, panels, strict=True):
        row = item.row()
        for axes in (direct, top, voted):
            _draw_crop(axes, item.searched, around=item.direct)
        _draw_box(direct, item.direct, ANSWER)
        strongest = max(float(item.shares.max(initial=0)), 1e-12)
        for box, share in zip(item.voters[::-1], item.shares[::-1], strict=True):  # the largest on top
            _draw_box(top, box, ANSWER, alpha=0.25 + 0.75 * float(share) / strongest, linewidth=1)
        _draw_box(voted, item.voted, ANSWER)
        direct.set_title(f"frame {item.searched.frame}: direct{_iou(row['iou_direct'])}", fontsize="small")
        top.set_title(f"{len(item.voters)} largest votes, {row['top_share']:.0%} of all", fontsize="small")
        voted.set_title(f"voted{_iou(row['iou_voted'])}", fontsize="small")
    figure.suptitle(f"{plain(rows[0].searched.sequence)}; green: true box, red: predicted", fontsize="small")


def _iou(value: float) -> str:
    return "" if np.isnan(value) else f", IoU {value:.3f}"


def _draw_map(axes: Any, searched: SearchedFrame, values: FloatArray) -> None:
    _draw_crop(axes, searched)
    x, y = searched.points(len(values))
    half = searched.stride / 2
    top = float(values.max())
    extent = (x[0] - half, x[-1] + half, y[-1] + half, y[0] - half)
    axes.imshow(values, extent=extent, alpha=0.6, vmin=0, vmax=top if top > 0 else 1, cmap="jet", interpolation="bilinear")
    row, column = np.unravel_index(int(values.argmax()), values.shape)
    axes.plot(x[column], y[row], marker="+", color="white", markersize=12, markeredgewidth=1.8)
    _limit(axes, searched)


def _draw_crop(axes: Any, searched: SearchedFrame, around: FloatArray | None = None) -> None:
    """Draw the crop and the true box; only what lies around a box where one is given."""
    first, last = _ends(searched)
    axes.imshow(searched.image, extent=(first, last, last, first))
    if searched.truth is not None:
        _draw_box(axes, searched.truth, TRUTH)
    axes.set(xticks=[], yticks=[])
    _limit(axes, searched, around)


def _draw_box(axes: Any, box: FloatArray, color: str, **style: Any) -> None:
    """Draw the outline of a box (4,), cut where it lies far outside."""
    x1, y1, x2, y2 = np.clip(box, -10_000, 10_000)
    axes.plot([x1, x2, x2, x1, x1], [y1, y1, y2, y2, y1], color=color, **{"linewidth": 1.6, **style})


def _ends(searched: SearchedFrame) -> tuple[float, float]:
    """Return the coordinates at which the first pixel of the crop begins and the last one ends."""
    size = searched.window.size
    middle = float(searched.window.to_crop(np.tile(searched.window.center, 2))[0])
    return middle - size / 2, middle + size / 2


def _limit(axes: Any, searched: SearchedFrame, around: FloatArray | None = None) -> None:
    first, last = _ends(searched)
    if around is None:
        axes.set(xlim=(first, last), ylim=(last, first))
        return
    center, half = (around[:2] + around[2:]) / 2, 0.8 * float((around[2:] - around[:2]).max())
    half = float(np.clip(half, 8, (last - first) / 2))
    x, y = (float(np.clip(value, first + half, last - half)) for value in center)
    axes.set(xlim=(x - half, x + half), ylim=(y + half, y - half))


__all__ = ["draw_heat_maps", "draw_voted", "write_heat_maps_plot", "write_voted_plot"]
