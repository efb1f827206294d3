"""`Toolkit`: one toolkit's way to lay out and write result files."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lockon.bench.formats.tree import Parts, ResultFile
from lockon.bench.store import Record
from lockon.types import FloatArray

DIGITS = 6  # of written coordinates and seconds


@dataclass(frozen=True, slots=True)
class Toolkit:
    """One format.

    Attributes:
        name: as users type it. layout: how its files lie, for messages.
        find: (root, files below it) -> the result files.
        write: (tracker, records, origin) -> path parts below the output folder and text, for each file. `origin` maps a
            dataset's name to the number of the first pixel in its annotation files, 0 or 1.
    """

    name: str
    layout: str
    find: Callable[[Path, list[Parts]], list[ResultFile]]
    write: Callable[[str, Sequence[Record], Callable[[str], int]], Iterator[tuple[Parts, str]]]


def boxes_text(boxes: FloatArray, origin: int, separator: str = ",") -> str:
    """One line x, y, w, h per row, with at most `DIGITS` digits after the point; NaN rows say nan four times."""
    shifted = boxes + np.array([origin, origin, 0.0, 0.0])
    return "".join(separator.join(map(number_text, row)) + "\n" for row in shifted.tolist())


def number_text(value: float) -> str:
    """A number without needless zeros.

    >>> number_text(12.0), number_text(0.1 + 0.2), number_text(float("nan"))
    ('12', '0.3', 'nan')
    """
    text = f"{value:.{DIGITS}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def numbers_text(values: FloatArray) -> str:
    """One number per line; NaN is 0 as the toolkits have it for frames that took no time."""
    return "".join(f"{0.0 if np.isnan(value) else value:.8f}\n" for value in values.tolist())


def safe_name(name: str) -> str:
    """A tracker's or sequence's name as a file name: what a file system may refuse becomes an underscore."""
    return "".join(char if char.isalnum() or char in " ._+-=()@,#" else "_" for char in name)


def target_name(name: str, separator: str) -> str:
    """The file name of a sequence, with the toolkit's way to number the targets of one video.

    >>> target_name("Skating2.1", "-"), target_name("Skating1", "-")
    ('Skating2-1', 'Skating1')
    """
    return safe_name(re.sub(r"\.(\d+)$", rf"{separator}\1", name))


__all__ = ["DIGITS", "Toolkit", "boxes_text", "number_text", "numbers_text", "safe_name", "target_name"]
