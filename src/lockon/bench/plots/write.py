"""Which plots a report has, and under which names they are written."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from lockon.bench.plots.curves import draw_curves
from lockon.bench.plots.points import draw_accuracy_robustness, draw_ranking, draw_speed
from lockon.bench.plots.radar import draw_radar
from lockon.bench.plots.style import Draw, places_of, plain, save, subtitle
from lockon.bench.report.attributes import by_attribute, has_attributes
from lockon.bench.report.model import Report

_WIDE = 8.2  # inches, where the legend lies beside the plot


def write_plots(
    report: Report,
    folder: str | Path,
    formats: Iterable[str] = ("png",),
    *,
    attributes: bool = False,
    lines: Mapping[str, float] | None = None,
) -> list[Path]:
    """Draw every plot that the protocol has.

    One-pass and real time: success, precision, normalized_precision. Reset and anchors: expected_overlap, eao_ranking,
    accuracy_robustness. All: speed_accuracy, where times were kept, and attributes (a radar), where three or more are known.

    Args:
        report: Trackers and their curves.
        folder: Made if it does not exist.
        formats: "png", "svg", "pdf".
        attributes: Also draws the curves of each attribute, into the folder "attributes".
        lines: Name and EAO of others for the ranking, such as {"winner": 0.389}.

    Returns:
        The files, one per plot and format.

    Raises:
        LockonError: Matplotlib is not installed, unknown format, or the folder cannot be written to.
    """
    folder, formats = Path(folder), tuple(formats)
    paths: list[Path] = []
    width = _WIDE if len(report.trackers) > 12 else 6.4
    for axis in report.scoring.axes:
        paths += save(partial(draw_curves, report=report, axis=axis), folder / axis.key, formats, (width, 4.8))
    if any(math.isfinite(item.values.get("EAO", math.nan)) for item in report.trackers):
        paths += save(partial(draw_ranking, report=report, lines=lines or {}), folder / "eao_ranking", formats, (_WIDE, 4.8))
    if report.scoring.robustness_label:
        paths += save(partial(draw_accuracy_robustness, report=report), folder / "accuracy_robustness", formats, (5.6, 4.8))
    if any(math.isfinite(item.fps) for item in report.trackers):
        paths += save(partial(draw_speed, report=report), folder / "speed_accuracy", formats)
    if has_attributes(report) and len(by_attribute(report)) > 2:
        paths += save(partial(draw_radar, report=report), folder / "attributes", formats, (7.2, 7.2))
    if attributes and has_attributes(report):
        paths += _per_attribute(report, folder / "attributes", formats, width)
    return paths


def _per_attribute(report: Report, folder: Path, formats: tuple[str, ...], width: float) -> list[Path]:
    """Return the curves over the sequences of each attribute."""
    paths: list[Path] = []
    for entry in by_attribute(report):
        part = only(report, entry.attribute)
        for axis in report.scoring.axes:
            title = f"{axis.title} plot, {plain(entry.attribute)}\n{subtitle(part, entry.sequences)}"
            draw: Draw = partial(draw_curves, report=part, axis=axis, title=title, colors=places_of([report]))
            name = re.sub(r"[^A-Za-z0-9]+", "-", entry.attribute).strip("-")
            paths += save(draw, folder / f"{axis.key}-{name}", formats, (width, 4.8))
    return paths


def only(report: Report, attribute: str) -> Report:
    """Return the report over the sequences that have an attribute; trackers without any of them are left out."""
    trackers = []
    for item in report.trackers:
        parts = tuple(part for part in item.sequences if attribute in part.attributes)
        if parts:
            trackers.append(replace(item, sequences=parts, values=report.scoring.combine(parts), curves=report.scoring.curves(parts)))
    return replace(report, trackers=tuple(trackers))


__all__ = ["only", "write_plots"]
