"""What all plots share: colours that most colour-blind readers can tell apart, sizes, and files written whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lockon._files import PendingFile
from lockon._require import require
from lockon._shown import shown
from lockon.bench.report.model import Report
from lockon.errors import unknown_name

# Okabe and Ito, "Color Universal Design", 2008; after seven trackers the colours come again with another dash and marker.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
FORMATS = ("png", "svg", "pdf")
_UNDATED = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}  # equal figures are equal files

Draw = Callable[[Any], None]


def color_of(place: int) -> str:
    """Return the colour of the tracker on that place, from 0."""
    return COLORS[place % len(COLORS)]


def dash_of(place: int) -> str:
    """Return the line style of the tracker on that place, from 0."""
    return DASHES[place // len(COLORS) % len(DASHES)]


def marker_of(place: int) -> str:
    """Return the marker of the tracker on that place, from 0: no two of 49 places have colour and marker in common."""
    return MARKERS[(place + place // len(COLORS)) % len(MARKERS)]


def places_of(reports: Iterable[Report]) -> dict[str, int]:
    """Return the place of each tracker in the list of colours: by name, so that it is the same in plots of other metrics and datasets."""
    labels = {item.label for report in reports for item in report.trackers}
    return {label: place for place, label in enumerate(sorted(labels))}


def save(draw: Draw, path: Path, formats: Iterable[str], size: tuple[float, float] = (6.4, 4.8)) -> list[Path]:
    """Save one figure as files of one name and several suffixes.

    Args:
        draw: Puts everything on the figure that it is given.
        path: Without a suffix.
        formats: Of `FORMATS`.
        size: In inches.

    Raises:
        LockonError: Matplotlib is not installed, unknown format, or the folder cannot be written to.
    """
    wanted = list(dict.fromkeys(formats))
    for suffix in wanted:
        if suffix not in FORMATS:
            raise unknown_name("format of plots", suffix, FORMATS)
    matplotlib = require("matplotlib")
    figure = require("matplotlib.figure").Figure(figsize=size, dpi=150, layout="constrained")
    require("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    with matplotlib.rc_context({"svg.hashsalt": "lockon", "axes.spines.top": False, "axes.spines.right": False}):
        draw(figure)
        return [_write(figure, path.with_name(f"{path.name}.{suffix}"), suffix) for suffix in wanted]


def _write(figure: Any, path: Path, suffix: str) -> Path:
    with PendingFile(path) as pending:
        figure.savefig(pending.temp, format=suffix, metadata=_UNDATED[suffix])
    return path


def plain(name: str) -> str:
    r"""Return a name that a plot shows as it is: no formula, no letters that act.

    >>> plain("$x$")
    '\\$x\\$'
    """
    return shown(name).replace("$", r"\$")


def subtitle(report: Report, sequences: int | None = None) -> str:
    """Return datasets, number of sequences and convention, and whether it is a part of a benchmark."""
    names = report.datasets
    listed = plain(", ".join(names)) if len(names) <= 3 else f"{len(names)} datasets"
    count = sequences if sequences is not None else max(len(item.sequences) for item in report.trackers)
    partial = ", partial" if sequences is None and any(entry.partial for entry in report.coverage) else ""
    return f"{listed}: {count} sequence{'' if count == 1 else 's'}{partial}, {report.protocol}, {report.convention}"


__all__ = ["COLORS", "FORMATS", "color_of", "dash_of", "marker_of", "places_of", "plain", "save", "subtitle"]
