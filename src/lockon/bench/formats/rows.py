"""The lines of a result file: boxes, polygons, masks or codes, whatever separates the numbers.

Toolkits write the same thing in many ways, and users' scripts in more. One parser reads them all and never stops at a bad
line: such a line is a frame without a box, and is listed. A line is one of

    4 numbers          x, y, w, h
    6 numbers          frame, x, y, w, h, lost (TLP)
    8 numbers          corners x1, y1, ... of a polygon
    m and numbers      a mask as the VOT toolkit writes it: x, y, w, h of its frame, then run lengths
    1 number           a code of the VOT toolkit: 0 nothing or skipped, 1 started, 2 failed
    NaN, or empty      a frame without a box

separated by commas, semicolons, tabs, blanks, or several of them. Files with a heading, with a score behind each box, or in MOT's
form go by their columns, see `lockon.box_tables`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lockon.bench.formats.columns import parse_columns
from lockon.bench.formats.notes import Note
from lockon.box_columns import parse_number
from lockon.data.datasets.parsing import format_ranges, read_text
from lockon.data.vot_rle import is_vot_mask, parse_vot_mask
from lockon.errors import LockonError
from lockon.ops.regions import polygon_to_box
from lockon.types import FloatArray

_MOST_FRAMES = 10_000_000
NOTHING_CODE, STARTED_CODE, FAILED_CODE = 0, 1, 2  # of the VOT toolkits
BOX, CODE, NOTHING, WRONG = 0, 1, 2, 3  # kinds of a line; a polygon or mask has a box too
_TO_BLANKS = str.maketrans(",;\t", "   ")
_HEADER = re.compile(r"[A-Za-z]{2,}|\b[xywh]\b")
_SHAPES = {4: "x, y, w, h", 6: "frame, x, y, w, h, lost", 8: "four corners"}


@dataclass(frozen=True, slots=True)
class Rows:
    """The lines of one result file, T of them.

    Attributes:
        boxes: (T, 4) x, y, w, h as written; the extent of a polygon or mask; NaN where a line has none.
        kinds: (T,) `BOX`, `CODE`, `NOTHING` or `WRONG`.
        codes: (T,) int8 code of a line of kind `CODE`, -1 elsewhere.
        polygons: (T, 8) corners, NaN in other lines; None if the file has none.
        masks: VOT run-length text per line, None in other lines; None if the file has none.
        blank: (T,) bool, lines that are empty (a kind of `NOTHING`).
        lost: (T,) bool, lines whose sixth number says that the tracker gave up.
        notes: What is odd about the lines.
    """

    boxes: FloatArray
    kinds: NDArray[np.int8]
    codes: NDArray[np.int8]
    polygons: FloatArray | None
    masks: tuple[str | None, ...] | None
    blank: NDArray[np.bool_]
    lost: NDArray[np.bool_]
    notes: tuple[Note, ...] = ()

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, index: NDArray[np.intp]) -> Rows:
        """Return some of the lines, in the order of `index`."""
        return Rows(
            self.boxes[index],
            self.kinds[index],
            self.codes[index],
            None if self.polygons is None else self.polygons[index],
            None if self.masks is None else tuple(self.masks[line] for line in index.tolist()),
            self.blank[index],
            self.lost[index],
            self.notes,
        )


_NONE = (math.nan,) * 4


class _Line(NamedTuple):
    """What one line says; `box` is NaN for a polygon, whose extent is filled in at the end, for all at once."""

    kind: int
    box: tuple[float, ...] = _NONE
    code: int = -1
    polygon: tuple[float, ...] | None = None
    mask: str | None = None
    lost: bool = False
    partial: bool = False


def parse_rows(text: str, where: str) -> Rows:
    """Parse the text of a result file.

    Args:
        text: The file's text; empty lines at its end do not count.
        where: The file's name, for messages.

    Raises:
        LockonError: No line can be read, or the file is empty.
    """
    lines = text.splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise LockonError(f"{where} is empty; expected one line of x,y,w,h per frame")
    by_columns = _read_columns(lines, where)
    if by_columns is not None:
        return by_columns
    notes, first = [], 0
    if _is_header(lines):
        notes.append(Note("heading", where, f"line 1, {lines[0].strip()[:40]!r}, is a heading and does not count as a frame"))
        first, lines = 1, lines[1:]
    read = [_read_line(line.strip()) for line in lines]
    numbered = list(enumerate(zip(read, lines, strict=True), start=first + 1))
    wrong = {number: text.strip()[:60] for number, (line, text) in numbered if line.kind == WRONG}
    if len(wrong) == len(lines):
        number, shown = next(iter(wrong.items()))
        raise LockonError(
            f"{where}:{number}: no line can be read; expected 4 numbers x,y,w,h (or 8, corners) separated by commas, tabs or blanks, "
            f"found {shown!r}"
        )
    if wrong:
        number, shown = next(iter(wrong.items()))
        allowed = ", ".join(f"{count} ({what})" for count, what in _SHAPES.items())
        text = f"{line_numbers(list(wrong))} cannot be read and count as frames without a box; expected {allowed} numbers, "
        notes.append(Note("unreadable", where, f"{text}line {number} says {shown!r}"))
    partial = [number for number, (line, _) in numbered if line.partial]
    if partial:
        text = f"NaN or infinite in some of the numbers of {line_numbers(partial)}: frames without a box"
        notes.append(Note("half-empty", where, text))
    return _rows(read, [not line.strip() for line in lines], tuple(notes))


def _read_columns(lines: list[str], where: str) -> Rows | None:
    """Read the boxes of one target by their columns; None as `parse_columns`.

    Raises:
        LockonError: Several targets, or as `parse_columns`.
    """
    try:
        table = parse_columns(lines)
    except LockonError as error:
        raise LockonError(f"{where}: {error}") from None
    if table is None:
        return None
    if len({row.target for _, row in table.rows}) > 1:
        raise LockonError(f"{where} has boxes of several targets; expected one file per target")
    notes = []
    if table.named:
        text = f"line {table.start - 1}, {lines[0].strip()[:40]!r}, is a heading and does not count as a frame"
        notes.append(Note("heading", where, text))
    if table.problems:
        text = f"{line_numbers([line for line, _ in table.problems])} cannot be read and count as frames without a box; "
        notes.append(Note("unreadable", where, f"{text}line {table.problems[0][0]}: {table.problems[0][1]}"))
    framed = "frame" in table.columns.places
    first = min(row.frame for _, row in table.rows) if framed else 0
    count = max(row.frame for _, row in table.rows) - first + 1
    if count > _MOST_FRAMES:
        raise LockonError(f"{where} has a box of frame {count + first - 1}; expected frames of one video")
    read = [_Line(NOTHING)] * max(count, 0 if framed else len(table.rows) + len(table.problems))
    for line, _ in table.problems if not framed else ():
        read[line - table.start] = _Line(WRONG)
    for _, row in table.rows:
        box = (row.x + table.columns.first, row.y + table.columns.first, row.w, row.h)  # as written
        lost = row.state == "lost" and not row.is_empty
        read[row.frame - first] = _Line(NOTHING) if math.isnan(row.x) else _Line(BOX, box, lost=lost)
    return _rows(read, [False] * len(read), tuple(notes))


def read_rows(path: Path) -> Rows:
    """Read a text file, or one of the VOT toolkit's binary files by its suffix .bin; see `parse_rows`.

    Raises:
        LockonError: It cannot be read, is empty, or no line of it can be read.
    """
    if path.suffix == ".bin":
        from lockon.bench.formats.vot_binary import read_binary

        return parse_rows("\n".join(read_binary(path)), str(path))
    return parse_rows(read_text(path), str(path))


def _is_header(lines: list[str]) -> bool:
    """Return whether there is a first line of words above lines of numbers: x,y,w,h or the like."""
    head = lines[0].strip().lower()
    if len(lines) < 2 or not _HEADER.search(head) or head.startswith("m") or "nan" in head or "inf" in head:
        return False
    return _read_line(lines[1].strip()).kind != WRONG


def _read_line(text: str) -> _Line:
    if is_vot_mask(text):
        try:
            box = tuple(parse_vot_mask(text).box().tolist())
        except LockonError:
            return _Line(WRONG)
        return _Line(NOTHING) if math.isnan(box[0]) else _Line(BOX, box, mask=text)  # NaN: a mask without a pixel
    try:
        numbers = tuple(map(parse_number, text.translate(_TO_BLANKS).split()))
    except ValueError:
        return _Line(WRONG)
    count, finite = len(numbers), all(map(math.isfinite, numbers))
    if count == 0:
        return _Line(NOTHING)
    if count == 4 and finite:
        return _Line(BOX, numbers)
    if count == 1 and numbers[0] in (0.0, 1.0, 2.0):
        return _Line(CODE, code=int(numbers[0]))
    if count in (1, 4, 6, 8) and not finite:
        return _Line(NOTHING, partial=not all(map(math.isnan, numbers)))
    if count == 6 and numbers[5] in (0.0, 1.0) and numbers[0] == int(numbers[0]):
        return _Line(BOX, numbers[1:5], lost=bool(numbers[5]))
    return _Line(BOX, polygon=numbers) if count == 8 else _Line(WRONG)


def line_numbers(numbers: list[int]) -> str:
    """Return "line 3" or "lines 3-5"."""
    return f"line{'s' if len(numbers) > 1 else ''} {format_ranges(numbers, 5)}"


def _rows(lines: list[_Line], blank: list[bool], notes: tuple[Note, ...]) -> Rows:
    kinds, boxes, codes, corners, masks, lost, _ = zip(*lines, strict=True)
    array, polygons = np.array(boxes, dtype=np.float64), None
    if any(corners):
        polygons = np.array([(math.nan,) * 8 if line is None else line for line in corners])
        turned = [line is not None for line in corners]
        array[turned] = polygon_to_box(polygons[turned])
    return Rows(
        array,
        np.array(kinds, dtype=np.int8),
        np.array(codes, dtype=np.int8),
        polygons,
        masks if any(masks) else None,
        np.array(blank, dtype=np.bool_),
        np.array(lost, dtype=np.bool_),
        notes,
    )


def read_numbers(path: Path) -> FloatArray:
    """Read a file of times or confidences.

    Returns:
        (T, R) numbers: R columns, one per repetition; NaN where a line has none. Lines that cannot be read are NaN too: times and
        confidences only add to a result.

    Raises:
        LockonError: The file cannot be read.
    """
    lines = read_text(path).splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    rows = [line.translate(_TO_BLANKS).split() for line in lines]
    width = max(map(len, rows), default=1) or 1
    values = np.full((len(rows), width), np.nan)
    for index, fields in enumerate(rows):
        for column, text in enumerate(fields):
            try:
                values[index, column] = parse_number(text)
            except ValueError:
                continue
    return values


__all__ = [
    "BOX",
    "CODE",
    "FAILED_CODE",
    "NOTHING",
    "NOTHING_CODE",
    "STARTED_CODE",
    "WRONG",
    "Rows",
    "line_numbers",
    "parse_rows",
    "read_numbers",
    "read_rows",
]
