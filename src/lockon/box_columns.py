"""Rows and columns of text files of boxes: one target on one frame, the fields of a line, and which of them is what."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lockon.errors import LockonError
from lockon.types import State

COLUMNS = ("frame", "target", "x", "y", "w", "h", "score", "state")
OPTIONAL = ("target", "score", "state")  # columns that a line may end before
_MOT = ("bb_left", "bb_top", "bb_width", "bb_height")
_NAMES = {
    "frame": ("frame", "frame_id", "frame_index", "frame_number", "frame_no"),
    "target": ("target", "target_id", "id", "track_id", "object_id", "track"),
    "x": ("bb_left", "x", "left", "bbox_x"),
    "y": ("bb_top", "y", "top", "bbox_y"),
    "w": ("bb_width", "w", "width", "bbox_w"),
    "h": ("bb_height", "h", "height", "bbox_h"),
    "score": ("score", "conf", "confidence"),
    "state": ("state",),
    **{f"{axis}{corner}": (f"{axis}{corner}",) for corner in range(1, 5) for axis in "xy"},
}
CORNERS = tuple(f"{axis}{corner}" for corner in range(1, 5) for axis in "xy")
"""The columns of a polygon; its box is its extent."""


class BoxRow(NamedTuple):
    """One target on one frame.

    Attributes:
        frame: Number of the frame, from 0.
        target: Number of the target, from 0.
        x: Left border in pixels, continuous, 0-based.
        y: Upper border in pixels, continuous, 0-based.
        w: Width in pixels.
        h: Height in pixels.
        score: Score in [0, 1].
        state: State of the target.
    """

    frame: int
    target: int
    x: float
    y: float
    w: float
    h: float
    score: float
    state: State

    @property
    def is_empty(self) -> bool:
        """Whether there is no box: NaN, or a side of 0 or less."""
        return not (self.w > 0 and self.h > 0)

    def box_texts(self) -> list[str]:
        """Return x, y, w, h as decimals of at most three places."""
        return [decimal(value, 3) for value in (self.x, self.y, self.w, self.h)]

    def score_text(self) -> str:
        """Return the score as a decimal of at most four places."""
        return decimal(self.score, 4)


def decimal(value: float, digits: int) -> str:
    """Return the shortest decimal of at most `digits` places.

    >>> decimal(12.5, 3), decimal(3.0, 3), decimal(-0.0001, 3)
    ('12.5', '3', '0')
    """
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


@dataclass(frozen=True, slots=True)
class Columns:
    """Where the columns of a file are.

    Attributes:
        places: Index of each column by its name, of those that the file has.
        first: Number of the first frame, of the first target and of the first pixel, 0 or 1.
    """

    places: dict[str, int]
    first: int = 0

    @property
    def coordinates(self) -> tuple[str, ...]:
        """The columns that make the box: its own, or the corners of a polygon."""
        return CORNERS if CORNERS[0] in self.places else ("x", "y", "w", "h")

    @property
    def text(self) -> str:
        """The names in the order of the file, for messages."""
        return ",".join(sorted(self.places, key=lambda name: self.places[name]))


def split_lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield number (from 1) and fields of every line; no fields of an empty one.

    Raises:
        LockonError: A line that no table has (a field of more than 128 KiB, or a quote that does not end).
    """
    for number, line in enumerate(text.splitlines(), start=1):
        delimiter = next((mark for mark in ";\t," if mark in line.strip()), " ")
        try:
            fields = next(csv.reader([line.strip()], delimiter=delimiter, skipinitialspace=True, strict=True), [])
        except csv.Error as error:
            raise LockonError(f"line {number} is malformed: {error}; correct or remove it") from None
        fields = [piece for item in fields for piece in _pieces(item.strip())]
        while fields and not fields[-1] and len(fields) in (5, 7, 9):  # a separator at the end of a line
            fields.pop()
        yield number, fields if any(fields) else []


def _pieces(item: str) -> list[str]:
    """Split numbers that stand between blanks, where commas separate others; words keep theirs."""
    pieces = item.split()
    return pieces if len(pieces) > 1 and all(map(_is_number, pieces)) else [item]


def heading(fields: Sequence[str]) -> Columns | None:
    """Return where the columns are if a line is words alone; None if it is a line of numbers.

    Raises:
        LockonError: A heading without x, y, w, h, or with a column twice.
    """
    if not fields or any(_is_number(item) for item in fields if item):
        return None
    names = [item.lower().lstrip("#").strip().replace(" ", "_").replace("-", "_") for item in fields]
    names = names[1:] if names[0] == "" else names  # "# x y w h"
    places = {role: names.index(_column_of(role, names)) for role, known in _NAMES.items() if not set(known).isdisjoint(names)}
    whole = all(role in places for role in ("x", "y", "w", "h"))
    if not whole and all(corner in places for corner in CORNERS):
        return Columns({role: place for role, place in places.items() if role not in ("x", "y", "w", "h")})
    places = {role: place for role, place in places.items() if role not in CORNERS}
    if not any(role in places for role in ("x", "y", "w", "h")):
        return None
    if not whole:
        raise LockonError(f"expected a heading with the columns x,y,w,h (and frame, target, score, state), found {names[:12]}")
    return Columns(places, first=int(any(name in names for name in _MOT)))


def _column_of(role: str, names: Sequence[str]) -> str:
    """Return which of the names is a role's column: lockon's own or MOT's name goes before others, which are columns of something else.

    Raises:
        LockonError: That name stands twice, or two others do.
    """
    known = [name for name in _NAMES[role] if name in names]
    own = [name for name in known if name == role or name in _MOT]
    chosen = (own or known)[0]
    if names.count(chosen) > 1:
        raise LockonError(f"the column {chosen} stands twice in the heading; rename or remove one of them")
    if not own and len(known) > 1:
        raise LockonError(f"the columns {' and '.join(known[:2])} both say {role}; rename one of them to {role}")
    return chosen


def parse_number(text: str) -> float:
    """Return the number that a field of a file says, in the form that all programs read.

    >>> parse_number("-6.5e1"), parse_number("nan")
    (-65.0, nan)

    Raises:
        ValueError: It is none, or one for Python alone: 6_5, or digits of another script.
    """
    if "_" in text or not text.isascii():
        raise ValueError(f"no number: {text[:20]!r}")
    return float(text)


def _is_number(text: str) -> bool:
    try:
        parse_number(text)
    except ValueError:
        return False
    return True


def without_heading(lines: list[list[str]], *, mot: bool) -> Columns:
    """Return where the columns of lines of numbers are, by their count.

    Args:
        lines: The fields of every line that has some.
        mot: Whether 6 to 10 numbers are MOT's (8 may be the corners of a polygon).

    Raises:
        LockonError: They could be anything.
    """
    width = next((len(fields) for fields in lines if len(fields) > 1), 1)  # a line may say NaN alone
    if width == len(COLUMNS) and not _is_number(lines[0][-1]):
        return Columns({name: place for place, name in enumerate(COLUMNS)})
    if width == 4 or all(len(fields) < 4 for fields in lines):
        return Columns({name: place for place, name in enumerate("xywh")})
    if width == 5:
        return _five([fields for fields in lines if len(fields) == 5 and all(map(_is_number, fields))])
    if width == 8:
        corners = _eight([fields for fields in lines if len(fields) == 8 and all(map(_is_number, fields))], mot=mot)
        if corners is not None:
            return corners
    if mot and 6 <= width <= 10:
        return Columns({name: place for place, name in enumerate(COLUMNS[: min(width, 7)])}, first=1)
    raise LockonError(
        f"{width} columns without a heading, which could be anything; put a line such as frame,target,x,y,w,h,score above them"
        + ("" if mot else ", or name the format (--format mot) if they are MOT's")
    )


def _five(lines: list[list[str]]) -> Columns:
    """Tell x, y, w, h, score from frame, x, y, w, h."""
    numbers = [[parse_number(item) for item in fields] for fields in lines]
    if numbers and all(math.isnan(row[4]) or 0 <= row[4] <= 1 for row in numbers):
        return Columns({name: place for place, name in enumerate(("x", "y", "w", "h", "score"))})
    firsts = [row[0] for row in numbers]
    if numbers and all(value >= 0 and value == value // 1 for value in firsts) and sorted(set(firsts)) == firsts:
        return Columns({name: place for place, name in enumerate(("frame", "x", "y", "w", "h"))})
    raise LockonError("5 columns without a heading, neither frame,x,y,w,h nor x,y,w,h,score; put a line of their names above them")


def _eight(lines: list[list[str]], *, mot: bool) -> Columns | None:
    """Return the columns of polygons' corners; None where the lines are MOT's, or nothing.

    MOT's begin with a frame and a target in whole numbers, never the same two, and the seventh number is at most 1 unless the second is
    -1 (detections). Corners go around nearly a parallelogram.

    Raises:
        LockonError: They could be both.
    """
    rows = [[parse_number(item) for item in fields] for fields in lines]
    rows = [row for row in rows if all(map(math.isfinite, row)) and (max(row) - min(row) > 0)]  # others say that there is no box
    keys = [(row[0], row[1]) for row in rows]
    numbered = all(frame >= 1 and frame % 1 == 0 and (target >= 1 or target == -1) and target % 1 == 0 for frame, target in keys)
    is_mot = numbered and len(set(keys)) == len(keys) and all(row[1] == -1 or -1 <= row[6] <= 1 for row in rows)
    around = sum(map(_goes_around, rows))
    if rows and around > len(rows) / 2 and not is_mot:
        if numbered and around < len(rows):
            raise _ambiguous()
        return Columns({name: place for place, name in enumerate(CORNERS)})
    if mot and (not is_mot or around == len(rows)):
        raise _ambiguous()
    return None


def _ambiguous() -> LockonError:
    return LockonError(
        "8 numbers without a heading, which could be MOT's or the corners of polygons; "
        f"put a line of their names above them: frame,id,bb_left,bb_top,bb_width,bb_height,conf,class or {','.join(CORNERS)}"
    )


def _goes_around(row: Sequence[float]) -> bool:
    """Return whether four corners x1, y1, ... are in order around an area that is nearly a parallelogram."""
    corners = [complex(row[index], row[index + 1]) for index in range(0, 8, 2)]
    sides = [corners[index] - corners[index - 1] for index in range(4)]
    turns = [(sides[index - 1].conjugate() * sides[index]).imag for index in range(4)]
    convex = any(turns) and (min(turns) >= 0 or max(turns) <= 0)
    return convex and abs(corners[0] - corners[1] + corners[2] - corners[3]) <= max(map(abs, sides)) / 2


__all__ = ["COLUMNS", "CORNERS", "OPTIONAL", "BoxRow", "Columns", "decimal", "heading", "parse_number", "split_lines", "without_heading"]
