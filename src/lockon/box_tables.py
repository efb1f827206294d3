"""Text files of boxes, read by the names of their columns: the one reader behind `lockon refine`, `folder:` and `lockon bench import`.

| heading                                   | frames from | pixels from | columns                                          |
|-------------------------------------------|-------------|-------------|--------------------------------------------------|
| a line of names, in any order             | 0           | 0           | frame target x y w h score state; others ignored |
| the same with MOT's names (bb_left, ...)  | 1           | 1           | frame id bb_left bb_top bb_width bb_height conf  |
| none, 4 or 5 numbers                      | line by line| 0           | x y w h and a score; or frame x y w h            |
| none, 6 to 10 numbers, in a MOT file      | 1           | 1           | frame id x y w h conf and what follows           |
| none, 8 numbers that are no MOT's         | line by line| 0           | the corners of a polygon; the box is its extent  |
| none, 8 fields with a state at the end    | 0           | 0           | those that `lockon track` writes                 |

Commas, semicolons, tabs or blanks separate, quotes may stand, a byte order mark too. What a file does not have is frame by frame,
target 0, score 1, "tracked". A row of nothing, NaN, -1,-1,-1,-1 or a side of 0 or less has no box: it is "lost".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockon._documents import RepeatedKeyError, parse_json
from lockon.box_columns import COLUMNS, CORNERS, OPTIONAL, BoxRow, Columns, heading, parse_number, split_lines, without_heading
from lockon.errors import LockonError
from lockon.types import State

LARGEST = 10**9  # of frame and target numbers: beyond it a number is a mistake
STATES: tuple[State, ...] = ("tracked", "uncertain", "lost")
_MISTAKES = (ValueError, KeyError, TypeError, OverflowError, IndexError)


@dataclass(slots=True)
class BoxLines:
    """What a file of boxes says.

    Attributes:
        rows: Line number (from 1) and row; one without a box is "lost", its four numbers NaN or without area.
        problems: Line number of each line that cannot be read, and why.
        columns: Where its columns are.
        blank: Number of empty lines at the end of a file that has a line per frame.
        start: Number of the first line below the heading.
        named: Whether there is a heading.
        odd_scores: Number of each line whose score is not in [0, 1].
    """

    rows: list[tuple[int, BoxRow]] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)
    columns: Columns = field(default_factory=lambda: Columns({}))
    blank: int = 0
    start: int = 1
    named: bool = False
    odd_scores: list[int] = field(default_factory=list)

    def add(self, line: int, row: BoxRow, before: dict[tuple[int, int], int]) -> None:
        """Keep a row, unless its frame and target were given in an earlier line, which is a problem.

        Args:
            line: Its line.
            row: The row.
            before: Line of each frame and target so far; it grows.
        """
        earlier = before.setdefault((row.frame, row.target), line)
        if earlier == line:
            self.rows.append((line, row))
            return
        which = f"frame {row.frame}" + (f" of target {row.target}" if "target" in self.columns.places else "")
        self.problems.append((line, f"{which} was given before, in line {earlier}"))

    def clipped(self, line: int, score: float) -> float:
        """Return a score that is given within [0, 1], NaN as 1, and note the line where it is outside."""
        if not 0 <= score <= 1:
            self.odd_scores.append(line)
        return 1.0 if math.isnan(score) else min(max(score, 0.0), 1.0)

    def first_problem(self, where: str) -> LockonError | None:
        """Return the first problem as an error that names `where` and the line, or None."""
        if not self.problems:
            return None
        line, why = self.problems[0]
        return LockonError(f"{where} line {line} is malformed: {why}; correct or remove it")


def read_box_text(path: Path) -> str:
    """Read the text of a UTF-8 file, with or without a byte order mark.

    Raises:
        LockonError: The file cannot be read, or a line of it is no UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LockonError(f"{path} cannot be read: {error.strerror or error}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise LockonError(f"{path} is no text file: line {line} is not UTF-8; save it as UTF-8 text") from None


def parse_box_table(text: str, *, mot: bool) -> BoxLines:
    """Parse the text of a CSV or MOT file.

    Args:
        text: The file's text.
        mot: Whether 6 to 10 numbers without a heading are MOT's.

    Raises:
        LockonError: Columns that cannot be told.
    """
    lines = list(split_lines(text))
    given = [(line, fields) for line, fields in lines if fields]
    columns = heading(given[0][1]) if given else None
    named = columns is not None
    if columns is not None:
        lines = lines[given[0][0] :]
    elif given:
        columns = without_heading([fields for _, fields in given], mot=mot)
    found, before = BoxLines(columns=columns or Columns({}), named=named), dict[tuple[int, int], int]()
    if columns is None:
        return found
    start = found.start = lines[0][0] if lines else 1
    if "frame" not in columns.places:
        found.blank = len(lines) + start - 1 - given[-1][0] if lines else 0
    for line, fields in lines:
        if not fields and "frame" in columns.places:
            continue
        try:
            row = _row(fields, found, line, line - start)
        except LockonError as error:
            found.problems.append((line, str(error)))
            continue
        except _MISTAKES:
            found.problems.append((line, f"expected {columns.text}, found {','.join(fields)[:60]!r}"))
            continue
        found.add(line, row, before)
    return found


def parse_box_json_lines(text: str) -> BoxLines:
    """Parse the text of a JSON lines file: frame and box, and where they are there target, score and state."""
    found, before = BoxLines(columns=Columns({name: place for place, name in enumerate(COLUMNS)})), dict[tuple[int, int], int]()
    for line, content in enumerate(text.splitlines(), start=1):
        if not content.strip():
            continue
        try:
            row = _json_row(parse_json(content), found, line)
        except (LockonError, RepeatedKeyError) as error:
            found.problems.append((line, str(error)))
        except (*_MISTAKES, AttributeError, RecursionError):
            found.problems.append((line, f'expected {{"frame":0,"box":[x,y,w,h]}}, found {content.strip()[:60]!r}'))
        else:
            found.add(line, row, before)
    return found


def _json_row(record: dict[str, Any], found: BoxLines, line: int) -> BoxRow:
    given = record["box"]
    box = [math.nan if value is None else parse_number(str(value)) for value in given or []]
    if box and len(box) != 4:
        raise LockonError(f"expected a box of 4 numbers, found {len(box)}")
    score, state = record.get("score"), record.get("state")
    frame, target = (whole(str(record.get(name, 0))) for name in ("frame", "target"))
    if "frame" not in record:
        raise LockonError("it does not say which frame it is of")
    kept = 1.0 if score is None else found.clipped(line, parse_number(str(score)))
    return make_row(frame, target, box, kept, None if state is None else state_of(state))


def make_row(frame: int, target: int, box: Sequence[float], score: float, state: State | None) -> BoxRow:
    """Return a row; without a box, or with one that has no area, it is "lost".

    Args:
        frame: From 0.
        target: From 0.
        box: x, y, w, h; none, or NaN, for no box.
        score: In [0, 1].
        state: None: "tracked".

    Raises:
        LockonError: Infinite, huge, or NaN in some of the numbers; a negative or huge frame or target.
    """
    if not (0 <= frame < LARGEST and 0 <= target < LARGEST):
        raise LockonError(f"frame {str(frame)[:20]}, target {str(target)[:20]}: expected numbers from 0 to {LARGEST - 1}")
    x, y, w, h = box or (math.nan,) * 4
    if all(map(math.isnan, (x, y, w, h))):
        return BoxRow(frame, target, math.nan, math.nan, math.nan, math.nan, score, "lost")
    if not all(abs(value) < LARGEST for value in (x, y, w, h)):  # NaN is not
        raise LockonError(f"NaN, infinite or huge in some of the numbers {x:g},{y:g},{w:g},{h:g}")
    return BoxRow(frame, target, x, y, w, h, score, "lost" if w <= 0 or h <= 0 else state or "tracked")


def state_of(text: str) -> State:
    """Return the state of a name.

    Raises:
        LockonError: There is no such state.
    """
    for state in STATES:
        if text.lower() == state:
            return state
    raise LockonError(f"state {text[:20]!r}, expected one of {', '.join(STATES)}")


def _row(fields: list[str], found: BoxLines, line: int, index: int) -> BoxRow:
    columns = found.columns

    def at(name: str) -> str:
        place = columns.places.get(name)
        if place is None or not fields or (name in OPTIONAL and place >= len(fields)):
            return ""
        return fields[place]

    if len(fields) == 1 and "frame" not in columns.places and fields[0].lower() == "nan":
        fields = []
    frame = whole(at("frame")) - columns.first if "frame" in columns.places else index
    target = max(whole(at("target")) - columns.first, 0) if at("target") and at("target") != "-1" else 0  # MOT: -1 is "no number"
    texts = [at(name) for name in columns.coordinates]
    box = [parse_number(text) for text in texts] if any(texts) else []
    if len(box) == len(CORNERS):
        box = _extent(box)
    if box and columns.first:
        box[:2] = [value - columns.first for value in box[:2]]
    score = parse_number(at("score")) if at("score") else 1.0
    state = state_of(at("state")) if at("state") else None
    if columns.first and score <= 0:  # MOT: 0 is for evaluators to ignore, -1 says nothing
        state, score = ("lost", 0.0) if score == 0 else (state, 1.0)
    return make_row(frame, target, box, found.clipped(line, score), state)


def _extent(corners: list[float]) -> list[float]:
    """Return the x, y, w, h around corners x1, y1, ...; NaN in some of them stays NaN in some."""
    if any(map(math.isnan, corners)):
        return [math.nan] * 4 if all(map(math.isnan, corners)) else [math.nan, 0, 0, 0]
    left, top = min(corners[::2]), min(corners[1::2])
    return [left, top, max(corners[::2]) - left, max(corners[1::2]) - top]


def whole(text: str) -> int:
    """Return the whole number of a field such as 12 or 12.0.

    Raises:
        LockonError: It is none.
    """
    try:
        value = parse_number(text)
    except ValueError:
        raise LockonError(f"expected a whole frame number, found {text[:20]!r}") from None
    if not math.isfinite(value) or value != int(value):
        raise LockonError(f"expected a whole frame number, found {text[:20]!r}")
    return int(value)


__all__ = ["BoxLines", "make_row", "parse_box_json_lines", "parse_box_table", "read_box_text", "state_of", "whole"]
