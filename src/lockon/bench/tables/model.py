"""A table before it is written as Markdown or LaTeX: cells, their ranks, and the sentences below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from lockon.types import FloatArray

BEST, SECOND = 1, 2


@dataclass(frozen=True, slots=True)
class Cell:
    """Text, and its rank in its column or row: `BEST`, `SECOND` or 0."""

    text: str
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells.

    Attributes:
        title: What it is, for a caption.
        name: For files and labels: lower-case words with hyphens.
        head: Of the columns.
        rows: As long as `head`.
        notes: Sentences below.
        left: Columns of names, which come first.
    """

    title: str
    name: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = field(default=())
    left: int = 1


def ranks(values: Sequence[float], *, rising: bool = True) -> list[int]:
    """Return the rank of each value: `BEST` for the best ones, `SECOND` for the next different ones, 0 for others and NaN.

    >>> ranks([0.5, 0.7, 0.7, 0.6, float("nan")])
    [0, 1, 1, 2, 0]
    """
    order = sorted({value for value in values if not math.isnan(value)}, reverse=rising)
    places = {value: place for place, value in enumerate(order[:2], start=1)}
    return [places.get(value, 0) for value in values]


def number(value: float, digits: int = 3) -> str:
    """Return a value with that many digits after the point, "-" for NaN."""
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def signed(value: float, digits: int = 3) -> str:
    """Return a difference with its sign and that many digits; "-" for NaN.

    >>> signed(0.0125)
    '+0.013'
    """
    return "-" if math.isnan(value) else f"{value:+.{digits}f}"


def mean_spread(values: FloatArray, digits: int = 3) -> str:
    """Return mean and standard deviation of (K,) values; the mean alone of one, nothing where none is known.

    >>> mean_spread(np.array([0.5, 0.7]), 2)
    '0.60 ± 0.14'
    """
    if np.isnan(values).all():
        return ""
    deviation = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{deviation}"


def speed(value: float) -> str:
    """Return the frames per second: whole above 10."""
    return number(value, 0 if value >= 10 else 1)


def megabytes(size: int) -> str:
    """Return the bytes of weights; "none" for no weights."""
    return f"{size / 1e6:.1f} MB" if size else "none"


__all__ = ["BEST", "SECOND", "Cell", "Table", "mean_spread", "megabytes", "number", "ranks", "signed", "speed"]
