"""Box files, written and read: CSV, JSON lines, MOT challenge text, COCO JSON and CVAT for video 1.1 XML.

| format | suffix | frame, target | a lost target |
|---|---|---|---|
| csv | .csv | from 0 | row with state "lost" |
| jsonl | .jsonl .ndjson | from 0 | line with state "lost" |
| mot | .txt | from 1, and x, y from 1 as its tools expect | conf 0, which evaluators ignore |
| coco | .json | image id = frame from 0 | no annotation on that image |
| cvat | .xml | from 0 | outside="1" |

No box that is NaN, infinite or without area is written: the target is "lost" there, with its box from before. Boxes are
kept to 0.001 pixel and scores to 0.0001. CSV, JSON lines and MOT are written line by line; COCO and CVAT need the whole
and keep 56 bytes per box until they are closed.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TextIO

from lockon._files import PendingText, descriptor_of
from lockon.annotation_documents import BoxRow, BoxTable, VideoInfo, write_coco, write_cvat
from lockon.box_tables import parse_box_json_lines, parse_box_table, read_box_text
from lockon.errors import LockonError, LockonWarning, unknown_name
from lockon.types import Result

SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "mot", ".json": "coco", ".xml": "cvat"}
SMALLEST = 0.001  # pixels: a side below it is written as 0
CSV_HEADER = "frame,target,x,y,w,h,score,state"


def rows_of(frame: int, result: Result) -> Iterator[BoxRow]:
    """Yield one row per target of a result."""
    for number, target in enumerate(result.each()):
        x, y, w, h = (float(value) for value in target.box)
        yield BoxRow(frame, number, x, y, w, h, float(target.score), target.state)  # type: ignore[arg-type]  # one target: one state


class BoxWriter:
    """Writer of results to a file that appears when it is closed, or to a stream as they come.

    Args:
        target: Path, or an open text stream (which stays open).
        info: The video that the boxes belong to.
        format: "csv", "jsonl", "mot", "coco" or "cvat"; None to go by the path's suffix (a stream: csv).

    Raises:
        LockonError: Unknown format or suffix, or a folder that cannot be written to (at once, before any box).

    >>> import sys
    >>> with BoxWriter(sys.stdout, VideoInfo("clip.mp4", 320, 240)) as writer:
    ...     writer.write(0, Result(np.array([10.0, 20.0, 30.0, 40.0]), 0.9, "tracked"))
    frame,target,x,y,w,h,score,state
    0,0,10,20,30,40,0.9,tracked
    """

    def __init__(self, target: str | os.PathLike[str] | TextIO, info: VideoInfo, format: str | None = None) -> None:
        self._file: PendingText | None = None
        if isinstance(target, str | os.PathLike):
            self._format = format_of(target, format)
            self._file = PendingText(target)
            self._out: TextIO = self._file.out
        else:
            self._format, self._out = check_format(format or "csv"), target
        self._info = info
        self._table = BoxTable()
        self._last: dict[int, BoxRow] = {}
        self._empty, self._closed = True, False

    def write(self, frame: int, result: Result) -> None:
        """Add the boxes of one frame (numbered from 0); frames come in rising order."""
        line = _LINES.get(self._format)
        with self._guarded():
            for row in self._sound(frame, result):
                if line is None:
                    self._table.add(row)
                else:
                    header = f"{CSV_HEADER}\n" if self._empty and self._format == "csv" else ""
                    self._out.write(f"{header}{line(row)}\n")
                self._empty = False
            if self._file is None:
                self._out.flush()  # a reader of the stream gets each frame as soon as it is tracked

    def _sound(self, frame: int, result: Result) -> Iterator[BoxRow]:
        """Yield rows whose boxes can be written; a target without one is lost where it was last, and has no row before its first."""
        for row in rows_of(frame, result):
            score = min(max(row.score, 0.0), 1.0) if math.isfinite(row.score) else float(row.state != "lost")
            if math.isfinite(row.x + row.y + row.w + row.h) and min(row.w, row.h) >= SMALLEST:
                self._last[row.target] = sound = row if score == row.score else row._replace(score=score)
                yield sound
            elif row.target in self._last:
                yield self._last[row.target]._replace(frame=frame, score=score, state="lost")

    def close(self) -> None:
        """Finish the file and give it its name; without a single box there is no file."""
        if self._closed or (self._file is not None and self._out.closed):  # it could not be written to
            return
        self._closed = True
        with self._guarded():
            if not self._empty and self._format in _DOCUMENTS:
                _DOCUMENTS[self._format](self._out, self._info, self._table)
            if self._file is None:
                self._out.flush()
                return
        if self._empty:
            self._file.discard()
        else:
            self._file.commit()

    def _guarded(self) -> AbstractContextManager[None]:
        """Guard what is written to a file; a closed pipe and the like is for the owner of a stream to judge."""
        return nullcontext() if self._file is None else self._file.guarded()

    def __enter__(self) -> BoxWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_format(format: str) -> str:
    """Return the format's name if it is known.

    Raises:
        LockonError: Unknown format; the nearest names are suggested.
    """
    if format not in FORMATS:
        raise unknown_name("box format", format, FORMATS)
    return format


def format_of(path: str | os.PathLike[str], format: str | None = None) -> str:
    """Return the format to use for a path: the requested format, else that of the suffix.

    Args:
        path: The file.
        format: A format's name, or None.

    Raises:
        LockonError: Unknown format or suffix.
    """
    if format is not None:
        return check_format(format)
    suffix = Path(path).suffix.lower()
    if not suffix and descriptor_of(Path(path)) is not None:
        return "csv"
    if suffix not in SUFFIXES:
        raise LockonError(f"the suffix of {path} does not name a box format; use one of {' '.join(SUFFIXES)}")
    return SUFFIXES[suffix]


def read_boxes(path: str | os.PathLike[str], format: str | None = None) -> list[BoxRow]:
    """Read the rows of a CSV, JSON lines or MOT file, frames and targets numbered from 0.

    Columns go by their names, see `lockon.box_tables`. A row without a box (`BoxRow.is_empty`) is "lost"; rows of a MOT file are
    "lost" where conf is 0, for the format has no states. One warning tells of scores outside [0, 1].

    Args:
        path: The file.
        format: "csv", "jsonl" or "mot"; None to go by the suffix.

    Raises:
        LockonError: Missing file, another format, or a line that is malformed (its number is named).
    """
    kind = format_of(path, format)
    if kind not in READ:
        raise LockonError(f"{path}: reading {kind} is not supported; give one of {', '.join(READ)}")
    text = read_box_text(Path(path))
    try:
        lines = parse_box_json_lines(text) if kind == "jsonl" else parse_box_table(text, mot=kind == "mot")
    except LockonError as error:
        raise LockonError(f"{path}: {error}") from None
    problem = lines.first_problem(os.fspath(path))
    if problem is not None:
        raise problem
    if lines.odd_scores:
        count = len(lines.odd_scores)
        which = f"{count} score{'s are' if count > 1 else ' is'} not from 0 to 1, the first in line {lines.odd_scores[0]}"
        text = f"{path}: {which}; those below 0 count as 0, all others as 1: scores in percent have to be divided by 100"
        warnings.warn(text, LockonWarning, stacklevel=2)
    return [row for _, row in lines.rows]


def _csv_line(row: BoxRow) -> str:
    return ",".join([str(row.frame), str(row.target), *row.box_texts(), row.score_text(), row.state])


def _jsonl_line(row: BoxRow) -> str:
    box = ",".join(row.box_texts())
    return f'{{"frame":{row.frame},"target":{row.target},"box":[{box}],"score":{row.score_text()},"state":"{row.state}"}}'


def _mot_line(row: BoxRow) -> str:
    confidence = "0" if row.state == "lost" else row.score_text()
    return ",".join([str(row.frame + 1), str(row.target + 1), *row._replace(x=row.x + 1, y=row.y + 1).box_texts(), confidence, "-1,-1,-1"])


_LINES: dict[str, Callable[[BoxRow], str]] = {"csv": _csv_line, "jsonl": _jsonl_line, "mot": _mot_line}
_DOCUMENTS: dict[str, Callable[[TextIO, VideoInfo, BoxTable], None]] = {"coco": write_coco, "cvat": write_cvat}
READ = ("csv", "jsonl", "mot")
FORMATS = (*_LINES, *_DOCUMENTS)

__all__ = ["FORMATS", "SUFFIXES", "BoxRow", "BoxWriter", "VideoInfo", "check_format", "format_of", "read_boxes", "rows_of"]
