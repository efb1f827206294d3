"""The lines of a result file: boxes, polygons, masks or codes, whatever separates the numbers.

Toolkits write the same thing in many ways, and users' scripts in more. One parser reads them all and never stops at a bad
line: such a line is a frame without a box, and is listed. A line is one of

    4 numbers          x, y, w, h
    6 numbers          frame, x, y, w, h, lost (TLP)
    8 numbers          corners x1, y1, ... of a polygon
    m and numbers      a mask as the VOT toolkit writes it: x, y, w, h of its frame, then run lengths
    1 number           a code of the VOT toolkit: 0 nothing or skipped, 1 started, 2 failed
    NaN, or empty      a frame without a box

separated by commas, semicolons, tabs, blanks, or several of them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lockon.bench.formats.notes import Note
from lockon.data.datasets.parsing import format_ranges, read_text
from lockon.data.datasets.vot import polygon_to_box
from lockon.data.vot_rle import is_vot_mask, parse_vot_mask
from lockon.errors import LockonError
from lockon.types import FloatArray

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


@dataclass(slots=True)
class _GatheredRows:
    """The lines so far; as lists, because most files have neither polygons nor masks."""

    boxes: list[tuple[float, ...]] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    polygons: dict[int, list[float]] = field(default_factory=dict)
    masks: dict[int, str] = field(default_factory=dict)
    lost: list[int] = field(default_factory=list)
    wrong: dict[int, str] = field(default_factory=dict)  # line number -> what it says
    partial: list[int] = field(default_factory=list)

    def add(self, kind: int, box: tuple[float, ...], code: int = -1) -> None:
        self.boxes.append(box)
        self.kinds.append(kind)
        self.codes.append(code)


_NONE = (math.nan,) * 4


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
    notes, first = [], 0
    if _is_header(lines):
        notes.append(Note("heading", where, f"line 1, {lines[0].strip()[:40]!r}, is a heading and does not count as a frame"))
        first, lines = 1, lines[1:]
    seen = _GatheredRows()
    for number, line in enumerate(lines, start=first + 1):
        _read_line(line, number, seen)
    if len(seen.wrong) == len(lines):
        number, shown = next(iter(seen.wrong.items()))
        raise LockonError(
            f"{where}:{number}: no line can be read; expected 4 numbers x,y,w,h (or 8, corners) separated by commas, tabs or blanks, "
            f"found {shown!r}"
        )
    return _rows(seen, [not line.strip() for line in lines], (*notes, *_notes(seen, where)))


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
    probe = _GatheredRows()
    _read_line(lines[1], 2, probe)
    return probe.kinds[0] != WRONG


def _read_line(line: str, number: int, seen: _GatheredRows) -> None:
    """Add one line to those before it."""
    text = line.strip()
    if is_vot_mask(text):
        _read_mask(text, number, seen)
        return
    fields = text.translate(_TO_BLANKS).split()
    try:
        numbers = tuple(map(float, fields))
    except ValueError:
        numbers, fields = (), ["?"]
    if not fields:
        seen.add(NOTHING, _NONE)
    elif len(numbers) == 4 and all(map(math.isfinite, numbers)):
        seen.add(BOX, numbers)
    elif len(numbers) == 1 and numbers[0] in (0.0, 1.0, 2.0):
        seen.add(CODE, _NONE, int(numbers[0]))
    elif len(numbers) in (1, 4, 6, 8) and not all(map(math.isfinite, numbers)):
        if not all(map(math.isnan, numbers)):
            seen.partial.append(number)
        seen.add(NOTHING, _NONE)
    elif len(numbers) == 6 and numbers[5] in (0.0, 1.0) and numbers[0] == int(numbers[0]):
        if numbers[5]:
            seen.lost.append(len(seen.boxes))
        seen.add(BOX, numbers[1:5])
    elif len(numbers) == 8:
        seen.polygons[len(seen.boxes)] = list(numbers)
        seen.add(BOX, _NONE)  # its extent is filled in at the end, for all at once
    else:
        seen.wrong[number] = text[:60]
        seen.add(WRONG, _NONE)


def _read_mask(text: str, number: int, seen: _GatheredRows) -> None:
    try:
        box = tuple(parse_vot_mask(text).box().tolist())
    except LockonError:
        seen.wrong[number] = text[:60]
        seen.add(WRONG, _NONE)
        return
    if math.isnan(box[0]):  # a mask without a pixel
        seen.add(NOTHING, _NONE)
        return
    seen.masks[len(seen.boxes)] = text
    seen.add(BOX, box)


def _notes(seen: _GatheredRows, where: str) -> list[Note]:
    notes = []
    if seen.wrong:
        number, shown = next(iter(seen.wrong.items()))
        allowed = ", ".join(f"{count} ({what})" for count, what in _SHAPES.items())
        text = f"{_lines(list(seen.wrong))} cannot be read and count as frames without a box; expected {allowed} numbers, "
        notes.append(Note("unreadable", where, f"{text}line {number} says {shown!r}"))
    if seen.partial:
        text = f"NaN or infinite in some of the numbers of {_lines(seen.partial)}: frames without a box"
        notes.append(Note("half-empty", where, text))
    return notes


def _lines(numbers: list[int]) -> str:
    return f"line{'s' if len(numbers) > 1 else ''} {format_ranges(numbers, 5)}"


def _rows(seen: _GatheredRows, blank: list[bool], notes: tuple[Note, ...]) -> Rows:
    boxes = np.array(seen.boxes, dtype=np.float64).reshape(-1, 4)
    count = len(boxes)
    polygons = None
    if seen.polygons:
        polygons = np.full((count, 8), np.nan)
        polygons[list(seen.polygons)] = np.array(list(seen.polygons.values()))
        boxes[list(seen.polygons)] = polygon_to_box(polygons[list(seen.polygons)])
    lost = np.zeros(count, dtype=np.bool_)
    lost[seen.lost] = True
    return Rows(
        boxes,
        np.array(seen.kinds, dtype=np.int8),
        np.array(seen.codes, dtype=np.int8),
        polygons,
        tuple(seen.masks.get(index) for index in range(count)) if seen.masks else None,
        np.array(blank, dtype=np.bool_),
        lost,
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
                values[index, column] = float(text)
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
    "parse_rows",
    "read_numbers",
    "read_rows",
]
