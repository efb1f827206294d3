"""Plots with one point per tracker: accuracy against robustness, accuracy against speed, and the ranking by EAO."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lockon.bench.plots.style import color_of, marker_of, places_of, plain, subtitle
from lockon.bench.report.model import Report
from lockon.bench.tables.model import number

REAL_TIME = 20  # frames per second of VOT's real-time challenge


def draw_speed(figure: Any, report: Report) -> None:
    """Return the headline metric against frames per second, on a logarithmic axis."""
    head = report.headline
    axes = figure.add_subplot()
    points = _finite({item.label: (item.fps, item.values[head.key]) for item in report.trackers})
    axes.set_xscale("log")
    speeds = [REAL_TIME, *(x for x, _ in points.values())]
    axes.set_xlim(min(speeds) / 1.6, max(speeds) * 2.2)
    _scatter(axes, report, points)
    axes.axvline(REAL_TIME, color="0.5", linewidth=1, linestyle=":")
    axes.text(REAL_TIME, 0.01, f" {REAL_TIME} fps", color="0.4", fontsize="small", transform=axes.get_xaxis_transform(), va="bottom")
    axes.set_title(f"Speed and accuracy\n{subtitle(report)}", fontsize="medium")
    axes.set(xlabel="frames per second (log scale)", ylabel=f"{head.title}")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "25" else "")
    axes.tick_params(which="both", pad=4, length=4)
    axes.grid(visible=True, which="major", alpha=0.35)
    _finish(figure, axes, report, points)


def draw_accuracy_robustness(figure: Any, report: Report) -> None:
    """Draw accuracy against robustness; the upper right corner is the best.

    A protocol whose robustness counts failures gives the reliability exp(-S failures per frame): the chance to track S
    frames without a failure (Kristan et al., The VOT challenge results).
    """
    axes = figure.add_subplot()
    points = _finite({item.label: report.scoring.accuracy_robustness(item.values) for item in report.trackers})
    _scatter(axes, report, points)
    axes.set_title(f"Accuracy and robustness\n{subtitle(report)}", fontsize="medium")
    axes.set(xlabel=report.scoring.robustness_label, ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.grid(visible=True, alpha=0.35)
    _finish(figure, axes, report, points)


def draw_ranking(figure: Any, report: Report, lines: Mapping[str, float]) -> None:
    """Draw trackers by rank from right to left, their EAO upwards (as the VOT reports and SiamLA, figure 11).

    Args:
        figure: Of matplotlib.
        report: With the metric EAO.
        lines: Name and EAO of others, such as the winner of a challenge, drawn as dashed lines.
    """
    axes = figure.add_subplot()
    places, values = places_of([report]), [item.values["EAO"] for item in report.trackers]
    for rank, item in enumerate(report.ranked("EAO"), start=1):
        value, place = item.values["EAO"], places[item.label]
        style = {"color": color_of(place), "marker": marker_of(place), "markersize": 9, "linestyle": "none"}
        axes.plot([rank], [value], label=f"{plain(item.label)} [{number(value)}]", clip_on=False, zorder=3, **style)
        axes.vlines(rank, 0, value, color="0.85", linewidth=1, zorder=1)
    for name, value in lines.items():
        axes.axhline(value, color="0.3", linestyle="--", linewidth=1.2, zorder=2)
        style = {"va": "bottom", "fontsize": "small", "color": "0.25"}
        axes.text(0.01, value, f"{plain(name)} [{number(value)}]", transform=axes.get_yaxis_transform(), **style)
    count = len(report.trackers)
    top = max((value for value in (*values, *lines.values()) if math.isfinite(value)), default=1.0)
    axes.set(xlim=(count + 0.5, 0.5), ylim=(0, top * 1.12 + 0.01), xlabel="rank", ylabel="EAO")
    axes.set_xticks(range(1, count + 1, max(1, count // 12)))
    axes.set_title(f"Expected average overlap\n{subtitle(report)}", fontsize="medium")
    axes.grid(visible=True, axis="y", alpha=0.35)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize="small", frameon=False, ncols=1 + (count - 1) // 20)


def _finite(points: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    return {label: point for label, point in points.items() if all(map(math.isfinite, point))}


def _scatter(axes: Any, report: Report, points: Mapping[str, tuple[float, float]]) -> None:
    places = places_of([report])
    for label, (x, y) in points.items():
        place = places[label]
        axes.plot([x], [y], color=color_of(place), marker=marker_of(place), markersize=9, linestyle="none", clip_on=False, zorder=3)
    ys = [y for _, y in points.values()]
    if ys:
        pad = max(0.08 * (max(ys) - min(ys)), 0.02)
        axes.set_ylim(max(0, min(ys) - 2 * pad), max(ys) + 2 * pad)


def _finish(figure: Any, axes: Any, report: Report, points: Mapping[str, tuple[float, float]]) -> None:
    """Return a name beside each point, moved to where it hides neither a point nor another name."""
    if len(points) > 15:  # a crowd: the legend tells them apart
        handles = [line for line in axes.get_lines() if line.get_marker() not in ("None", "", None)]
        axes.legend(handles, list(points), loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize="small", frameon=False)
        return
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # what is measured now is what is drawn
    taken = [_around(axes.transData.transform(point)) for point in points.values()]
    places = places_of([report])
    for label, point in points.items():
        taken.append(_name(axes, label, point, color_of(places[label]), taken))


def _name(axes: Any, label: str, point: tuple[float, float], color: str, taken: Sequence[Any]) -> Any:
    """Write a name where it hides the least; the rectangle that it takes."""
    renderer = axes.figure.canvas.get_renderer()
    inside = axes.get_window_extent(renderer)
    best: tuple[int, Any, tuple[float, float]] | None = None
    for radius, angle in _PLACES:
        dx, dy = radius * math.cos(angle), radius * math.sin(angle)
        style = {"ha": "left" if dx > 2 else "right" if dx < -2 else "center", "va": "bottom" if dy > 2 else "top" if dy < -2 else "center"}
        text = axes.annotate(plain(label), point, (dx, dy), textcoords="offset points", fontsize="small", color=color, **style)
        box = text.get_window_extent(renderer)
        hidden = sum(box.overlaps(other) for other in taken) + 3 * (not _within(box, inside))
        if best is None or hidden < best[0]:
            best, text = (hidden, text, (dx, dy)), None if best is None else best[1]
        if text is not None:
            text.remove()
        if best[0] == 0:
            break
    if best is None:
        return None
    if math.hypot(*best[2]) > _NEAR:
        line = {"arrowstyle": "-", "color": color, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 4}
        axes.annotate("", point, best[2], textcoords="offset points", arrowprops=line)
    return best[1].get_window_extent(renderer)


_NEAR = 18  # points: names farther away get a line to their point
_PLACES = tuple((radius, math.pi / 6 * step) for radius in (8, 18, 32, 48, 66) for step in (0, 6, 3, 9, 1, 11, 5, 7, 2, 10, 4, 8))


def _around(point: Iterable[float]) -> Any:
    from matplotlib.transforms import Bbox

    x, y = point
    return Bbox.from_extents(x - 9, y - 9, x + 9, y + 9)


def _within(box: Any, frame: Any) -> bool:
    return bool(box.x0 >= frame.x0 and box.x1 <= frame.x1 and box.y0 >= frame.y0 and box.y1 <= frame.y1)


__all__ = ["REAL_TIME", "draw_accuracy_robustness", "draw_ranking", "draw_speed"]
