"""Ground-truth text files: one line of numbers per frame, separated by commas, tabs or blanks.

Benchmarks write the same thing in many ways. One parser reads them all, keeps the line number of every row, and gathers
what is wrong instead of stopping at the first mistake, so that `lockon data check` can list everything.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lockon.box_columns import parse_number
from lockon.box_tables import read_box_text
from lockon.errors import LockonError
from lockon.types import FloatArray

_SEPARATOR = re.compile(r"\s*,\s*|\s+")
_EMPTY_FIELD = re.compile(r"(^|,)[^\S\n]*(,|$)", re.MULTILINE)  # nothing before, between or after commas


@dataclass(frozen=True, slots=True)
class TextTable:
    """The rows of one ground-truth file.

    Attributes:
        values: (T, C) float64, C the largest allowed number of columns; NaN where a line is empty, says NaN, is shorter, or is wrong.
        widths: (T,) numbers counts in each line, 0 for an empty, NaN or wrong line.
        lines: (T,) line numbers, counted from 1.
        problems: What is wrong, each "FILE:LINE: ...".
        wrong: The line numbers that `problems` are about.
    """

    values: FloatArray
    widths: NDArray[np.int64]
    lines: NDArray[np.int64]
    problems: tuple[str, ...]
    wrong: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.values)


def read_text(path: Path) -> str:
    """Read the text of a UTF-8 file, with or without a byte order mark.

    Raises:
        LockonError: The file cannot be read, or a line of it is no UTF-8.
    """
    return read_box_text(path)


def parse_row(text: str, widths: tuple[int, ...]) -> list[float]:
    """Parse the numbers of one line; none for an empty line or one that says NaN.

    Raises:
        LockonError: Not a number, another count than allowed, infinite, or NaN in some places only.
    """
    fields = _SEPARATOR.split(text.strip())
    if fields == [""] or (len(fields) in (1, *widths) and all(field.lower() == "nan" for field in fields)):
        return []
    expected = " or ".join(str(width) for width in sorted(widths))
    try:
        numbers = [parse_number(field) for field in fields]
    except ValueError:
        raise LockonError(f"expected {expected} numbers separated by commas, tabs or blanks, found {text.strip()[:60]!r}") from None
    if len(numbers) not in widths:
        raise LockonError(f"expected {expected} numbers, found {len(numbers)}: {text.strip()[:60]!r}")
    if not all(map(math.isfinite, numbers)):
        raise LockonError(f"NaN or infinite in some of the numbers: {text.strip()[:60]!r}; write NaN in all of them for an absent target")
    return numbers


def kept_lines(text: str, count: int) -> list[str]:
    """Return the lines of a text without the empty ones at the end, but for those that make `count` lines."""
    lines = text.splitlines()
    last = next((number for number in range(len(lines), 0, -1) if lines[number - 1].strip()), 0)
    return lines[: count if last < count <= len(lines) and last else last]


def parse_table(text: str, where: str, widths: tuple[int, ...], count: int = 0) -> TextTable:
    """Parse one ground-truth text; empty lines are rows of NaN, those at the end only where frames ask for them.

    Args:
        text: The file's text.
        where: The file's name, for messages.
        widths: Allowed numbers per line, for example (4,) or (4, 8).
        count: Number of frames, or 0 where it is unknown: that many lines are kept, if there are as many with the empty ones.
    """
    lines = kept_lines(text, count)
    quick = _parse_plain(text, lines, widths)
    if quick is not None:
        return quick
    values = np.full((len(lines), max(widths)), np.nan)
    counts = np.zeros(len(lines), dtype=np.int64)
    problems, wrong = [], set()
    for index, line in enumerate(lines):
        try:
            numbers = parse_row(line, widths)
        except LockonError as error:
            problems.append(f"{where}:{index + 1}: {error}")
            wrong.add(index + 1)
            continue
        values[index, : len(numbers)] = numbers
        counts[index] = len(numbers)
    if not lines:
        problems.append(f"{where}: the file is empty; expected one line of {' or '.join(map(str, sorted(widths)))} numbers per frame")
    return TextTable(values, counts, np.arange(1, len(lines) + 1), tuple(problems), frozenset(wrong))


def _parse_plain(text: str, lines: list[str], widths: tuple[int, ...]) -> TextTable | None:
    """Parse a text of equally many finite numbers in every line, ten times as fast as `parse_table`; return None for others."""
    rows = [line.replace(",", " ").split() for line in lines]
    width = len(rows[0]) if rows else 0
    if "_" in text or not text.isascii():  # numbers for Python alone, see `parse_number`
        return None
    if width not in widths or any(len(row) != width for row in rows) or ("," in text and _EMPTY_FIELD.search("\n".join(lines))):
        return None
    try:
        numbers = np.array([float(field) for row in rows for field in row]).reshape(-1, width)
    except ValueError:
        return None
    if not np.isfinite(numbers).all():
        return None
    values = np.full((len(rows), max(widths)), np.nan)
    values[:, :width] = numbers
    return TextTable(values, np.full(len(rows), width, dtype=np.int64), np.arange(1, len(rows) + 1), ())


def read_table(path: Path, widths: tuple[int, ...], count: int = 0, drop: re.Pattern[str] | None = None) -> TextTable:
    """Read a file, less what `drop` matches, as `parse_table` does; one that cannot be read is a table of that problem alone."""
    try:
        text = read_text(path) if drop is None else drop.sub("", read_text(path))
    except LockonError as error:
        return TextTable(np.zeros((0, max(widths))), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), (str(error),))
    return parse_table(text, str(path), widths, count)


def read_flags(path: Path, count: int | None = None) -> tuple[NDArray[np.float64] | None, tuple[str, ...]]:
    """Read one number per frame from a file (one per line, or on one line between commas), and what is wrong with it.

    Args:
        path: The file; if there is none the flags are None and that is no problem.
        count: How many there must be, or None.
    """
    if not path.is_file():
        return None, ()
    try:
        text = read_text(path)
    except LockonError as error:
        return None, (str(error),)
    try:
        flags = np.array([parse_number(field) for field in _SEPARATOR.split(text.strip()) if field], dtype=np.float64)
    except ValueError:
        return None, (f"{path}: expected one number per frame, found {text.strip()[:40]!r}",)
    if count is not None and len(flags) != count:
        return None, (f"{path}: {len(flags)} flags, but the annotation has {count} boxes",)
    return flags, ()


def format_ranges(numbers: Iterable[int], limit: int = 20) -> str:
    """Format numbers as sorted ranges, at most `limit` of them.

    >>> format_ranges([17, 12, 13, 14, 40])
    '12-14, 17, 40'
    """
    ordered = np.unique(np.fromiter(numbers, dtype=np.int64))
    if ordered.size == 0:
        return ""
    runs = np.split(ordered, np.flatnonzero(np.diff(ordered) > 1) + 1)
    shown = [str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs[:limit]]
    rest = sum(len(run) for run in runs[limit:])
    return ", ".join(shown) + (f" and {rest} more" if rest else "")
