"""One metric per attribute as a radar (as SiamLA, figures 7 and 10)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lockon.bench.plots.style import color_of, dash_of, marker_of, places_of, plain, subtitle
from lockon.bench.report.attributes import by_attribute, overall as all_sequences
from lockon.bench.report.model import Report
from lockon.bench.tables.model import number


def draw_radar(figure: Any, report: Report, key: str | None = None, *, overall: bool = False) -> None:
    """Return a spoke per attribute with its number of sequences, a closed line per tracker; the rings are values of the metric.

    Args:
        figure: Of matplotlib.
        report: With attributes.
        key: Of the metric; None for the headline.
        overall: Adds a spoke of all sequences, as the first.
    """
    head = report.headline if key is None else report.metric(key)
    entries = by_attribute(report)
    if overall:
        entries = [all_sequences(report), *entries]
    ranked, places = report.ranked(head.key), places_of([report])
    table = np.array([[entry.values.get(item.label, {}).get(head.key, math.nan) for entry in entries] for item in ranked])
    angles = np.linspace(0, 2 * np.pi, len(entries), endpoint=False)
    axes = figure.add_subplot(projection="polar")
    axes.set(theta_offset=np.pi / 2, theta_direction=-1)
    low, high = _rings(table)
    for item, row in zip(ranked, table, strict=True):
        place = places[item.label]
        style = {"color": color_of(place), "linestyle": dash_of(place), "marker": marker_of(place), "markersize": 4, "linewidth": 1.8}
        label = f"[{number(item.values[head.key], head.digits)}] {plain(item.label)}"
        axes.plot(np.append(angles, angles[:1]), np.append(row, row[:1]), label=label, **style)
    axes.set_ylim(low, high)
    axes.set_yticks(np.arange(low + 0.1, high + 1e-9, 0.1))
    axes.set_yticklabels([f"{value:.1f}" for value in np.arange(low + 0.1, high + 1e-9, 0.1)], fontsize="x-small", color="0.35")
    axes.set_rlabel_position(180 / max(len(entries), 1))
    axes.set_xticks(angles)
    axes.set_xticklabels([f"{wrap(plain(entry.attribute))} ({entry.sequences})" for entry in entries], fontsize="small")
    for angle, text in zip(angles, axes.get_xticklabels(), strict=True):
        side = math.sin(angle)
        text.set_horizontalalignment("center" if abs(side) < 0.1 else "left" if side > 0 else "right")
    axes.grid(visible=True, alpha=0.4)
    figure.suptitle(f"{head.title} per attribute\n{subtitle(report)}", fontsize="medium")
    style = {"loc": "outside lower center", "ncols": 3, "fontsize": "small", "title_fontsize": "small", "frameon": False}
    figure.legend(*axes.get_legend_handles_labels(), title=f"{head.title}, all sequences", **style)


def wrap(name: str, width: int = 14) -> str:
    r"""Break a name into lines of about `width` letters.

    >>> wrap("out-of-plane rotation")
    'out-of-plane\nrotation'
    """
    lines = [""]
    for word in name.replace("_", " ").split():
        if lines[-1] and len(lines[-1]) + len(word) + 1 > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


def _rings(table: Any) -> tuple[float, float]:
    """Return tenths around all values: the spread stays visible, and the centre is not silently pretended to be 0 (rings have labels)."""
    known = table[np.isfinite(table)]
    if not len(known):
        return 0.0, 1.0
    low, high = math.floor(known.min() * 10) / 10 - 0.1, math.ceil(known.max() * 10 + 1e-9) / 10
    return max(low, 0.0), max(high, low + 0.2)


__all__ = ["draw_radar", "wrap"]
