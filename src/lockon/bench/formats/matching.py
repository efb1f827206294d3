"""Which file is which sequence, and which line is which frame.

The names of one sequence differ from toolkit to toolkit. Skating2-1, Skating2.1 and skating2_1 are one sequence, and so are Human4-2 and
Human4; uav_bike1 (pytracking) is bike1. But car1_3 and car13 are two: separators are alike, not absent.

Files have too few or too many lines, begin late, or begin at pixel 1. What is done is said in notes, never silently:

    too few lines, the first of them the start box      the rest are frames without a box (misses)
    too few lines, the first of them a later true box   the tracker was started there (OTB: Tiger1, from frame 6)
    the first lines repeat a later true box             likewise
    one line too few, the first box is missing          the start box is put in front
    too many lines, the first of them the start box     the data is cut, or there is a surplus: the first lines count
    too many lines, the start box in a later one        the whole video, of which the benchmark uses the end (OTB: David, from 300)
    empty lines in between, otherwise the right number  they do not count
    the first line is x1,y1,x2,y2 of the start box, a code, or NaN   the start box stands for it
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lockon.bench.formats.notes import Note
from lockon.bench.formats.rows import BOX, NOTHING_CODE, STARTED_CODE, Rows
from lockon.errors import LockonError
from lockon.types import FloatArray

PREFIXES = ("uav-", "nfs-", "tpl-", "otb-", "lasot-", "tnl2k-")  # pytracking puts the dataset before some names
_SEPARATORS = re.compile(r"[-._ ]+")
_TARGET = re.compile(r"-\d+$")
NEAR = 3.0  # pixels that the first line may be off; trackers round, and some centre differently
NEAR_FRACTION = 0.1  # or this part of the longer side


@dataclass(frozen=True, slots=True)
class Matched:
    """Names of result files against names of sequences.

    Attributes:
        pairs: Sequence name -> name in the results.
        unknown: Names in the results that no sequence has, sorted.
        missing: Sequences without a result, sorted.
        doubtful: For people, names that could mean several sequences or that several files have.
    """

    pairs: Mapping[str, str]
    unknown: tuple[str, ...]
    missing: tuple[str, ...]
    doubtful: tuple[str, ...]


def canonical(name: str) -> str:
    """Return the name without case and with one kind of separator.

    >>> canonical("Skating2.1"), canonical("skating2_1"), canonical("car1_3"), canonical("car13")
    ('skating2-1', 'skating2-1', 'car1-3', 'car13')
    """
    return _SEPARATORS.sub("-", name.strip().lower())


def match_names(results: Iterable[str], sequences: Iterable[str]) -> Matched:
    """Find the sequence of every result.

    It has the same name, else the same `canonical` one, else one without the dataset's prefix or without the number of its target
    (Human4 for Human4-2), where that can mean one sequence only.

    Args:
        results: Names of the results.
        sequences: Names of the sequences.
    """
    results, wanted = sorted(set(results)), sorted(set(sequences))
    pairs = {name: name for name in wanted if name in set(results)}
    doubtful: list[str] = []
    _apply(lambda name, other: name == other, results, wanted, pairs, doubtful)
    _apply(lambda name, other: any(name == prefix + other for prefix in PREFIXES), results, wanted, pairs, doubtful)
    _apply(_but_for_target, _without_siblings(results), _without_siblings(wanted), pairs, doubtful)
    used = set(pairs.values())
    return Matched(
        {name: pairs[name] for name in sorted(pairs)},
        tuple(name for name in results if name not in used),
        tuple(name for name in wanted if name not in pairs),
        tuple(dict.fromkeys(doubtful)),
    )


def _but_for_target(name: str, other: str) -> bool:
    return name == _TARGET.sub("", other) or other == _TARGET.sub("", name)


def _without_siblings(names: list[str]) -> list[str]:
    """Return the names that no other one extends by a number: car1 is not car1_3 where there are car1_1 and car1_2 too."""
    keys = {name: canonical(name) for name in names}
    stems = {_TARGET.sub("", key) for key in keys.values() if _TARGET.search(key)}
    return [name for name, key in keys.items() if key not in stems]


def _apply(rule: Callable[[str, str], bool], results: list[str], wanted: list[str], pairs: dict[str, str], doubtful: list[str]) -> None:
    """Add the pairs that a rule finds; a result that fits several sequences, or the other way round, is doubtful."""
    used = set(pairs.values())
    free = {name: canonical(name) for name in wanted if name not in pairs}
    fitting = {name: [sequence for sequence, key in free.items() if rule(canonical(name), key)] for name in results if name not in used}
    for name, sequences in fitting.items():
        rivals = [other for other, others in fitting.items() if other != name and set(others) & set(sequences)]
        if len(sequences) > 1:
            doubtful.append(f"{name} could be {' or '.join(sequences)}")
        elif sequences and rivals:
            doubtful.append(f"{' and '.join(sorted([name, *rivals]))} could both be {sequences[0]}")
        elif sequences:
            pairs[sequences[0]] = name


@dataclass(frozen=True, slots=True)
class Aligned:
    """Lines in the order of the frames.

    Attributes:
        index: (T,) line of each frame, -1 where there is none.
        start: The frame that the tracker was started on.
        notes: What was done, for people.
    """

    index: NDArray[np.intp]
    start: int
    notes: tuple[Note, ...] = ()


def guess_origin(first: Iterable[tuple[FloatArray, FloatArray]], otherwise: int) -> tuple[int, bool]:
    """Guess whether result files number pixels from 0 or from 1, from their first lines.

    Args:
        first: Pairs of a file's first box (4,) as written and the sequence's start box (4,) 0-based.
        otherwise: What to return where the first lines do not decide it.

    Returns:
        0 or 1, and whether the first lines decided it.
    """
    pairs = [(line[:2], truth[:2]) for line, truth in first if np.isfinite(line).all() and np.isfinite(truth).all()]
    if not pairs:
        return otherwise, False
    offsets = np.array([line - truth for line, truth in pairs])  # (S, 2)
    errors = [float(np.median(np.abs(offsets - origin).max(axis=1))) for origin in (0, 1)]
    if min(errors) > NEAR or abs(errors[0] - errors[1]) < 0.25:
        return otherwise, False
    return int(np.argmin(errors)), True


def align(rows: Rows, truth: FloatArray, start: int, origin: int, where: str) -> Aligned:
    """Assign the lines of a one-pass run to frames.

    Args:
        rows: The file's lines, T' of them.
        truth: (T, 4) true boxes, 0-based.
        start: Frame on which a tracker is started.
        origin: Number of the first pixel in the lines.
        where: The file's name, for notes.

    Raises:
        LockonError: The numbers of lines and frames differ and the first line does not explain why.
    """
    count, lines = len(truth), np.arange(len(rows))
    notes: list[Note] = []

    def aligned(index: NDArray[np.intp], begin: int, trap: str = "", text: str = "") -> Aligned:
        return Aligned(index, begin, (*notes, Note(trap, where, text)) if trap else tuple(notes))

    if len(rows) != count and int((~rows.blank).sum()) == count:
        lines = np.flatnonzero(~rows.blank)
        notes.append(Note("blank", where, f"the empty lines between its {count} boxes do not count"))
    boxes = rows.boxes[lines] - np.array([origin, origin, 0, 0])
    if len(lines) == count:
        coded = _coded_start(rows.codes[lines])
        if coded is not None:
            return aligned(lines, coded)
        begin = _repeated_start(boxes, truth, start, origin)
        if begin == start:
            return aligned(lines, start)
        text = f"line 1, repeated up to line {begin + 1}, is the true box of frame {begin + 1}: scored from there on"
        return aligned(lines, begin, "begins late", text)
    first, shift, sizes = boxes[0], count - len(lines), f"{len(lines)} lines for {count} frames"
    index = np.full(count, -1, dtype=np.intp)
    at_start = _is_start(rows, first, truth[start], origin)
    if shift < 0 and at_start:
        return aligned(lines[:count], start, "too many lines", f"{sizes}; the first {count} count")
    if shift < 0 and is_near(boxes[-shift], truth[start]):
        text = f"{sizes}; the last {count} count, because line {1 - shift} is the start box"
        return aligned(lines[-shift:], start, "whole video", text)
    if shift > 0 and _closer_to_later(first, truth, start, shift, origin):
        index[shift:] = lines
        if shift == 1:
            return aligned(index, start, "first line missing", f"{sizes}; the start box was put in front")
        return aligned(index, shift, "begins late", f"{sizes}; line 1 is the true box of frame {shift + 1}: scored from there on")
    if shift > 0 and at_start:
        index[: len(lines)] = lines
        return aligned(index, start, "too few lines", f"{sizes}; the rest count as misses")
    raise LockonError(
        f"{where}: {sizes}, and line 1 is neither the start box nor the true box of frame {max(shift, 0) + 1}; "
        "left out: give the results of the same version of the sequence"
    )


def _coded_start(codes: NDArray[np.int8]) -> int | None:
    """Return the frame with a code 1, where the frames before have 0: how VOT files mark the start."""
    starts = np.flatnonzero(codes == STARTED_CODE)
    return int(starts[0]) if len(starts) and (codes[: starts[0]] == NOTHING_CODE).all() else None


def _repeated_start(boxes: FloatArray, truth: FloatArray, start: int, origin: int) -> int:
    """Return the frame that a run of as many lines as frames was started on, where the frames before repeat its box."""
    if not np.isfinite(boxes[0]).all() or is_near(boxes[0], truth[start]) or is_corners(boxes[0], truth[start], origin):
        return start
    other = np.flatnonzero((boxes != boxes[0]).any(axis=1))
    equal = int(other[0]) if len(other) else len(boxes)
    later = [frame for frame in range(start + 1, equal) if is_near(boxes[0], truth[frame])]
    return min(later, key=lambda frame: float(np.abs(boxes[0] - truth[frame]).max()), default=start)


def _is_start(rows: Rows, first: FloatArray, box: FloatArray, origin: int) -> bool:
    """Return whether a first line stands for the start box; a code or NaN cannot mean anything else."""
    return rows.kinds[0] != BOX or is_near(first, box) or is_corners(first, box, origin)


def _closer_to_later(first: FloatArray, truth: FloatArray, start: int, shift: int, origin: int) -> bool:
    """Return whether the first line is the true box `shift` frames later rather than the start box."""
    later = truth[shift]
    corners = is_corners(first, later, origin)
    if not np.isfinite(later).all() or not (corners or is_near(first, later)):
        return False
    first = from_corners(first, origin) if corners else first
    return bool(np.abs(first - later).max() < np.abs(first - truth[start]).max())


def is_near(box: FloatArray, truth: FloatArray) -> bool:
    """Return whether two boxes (4,) are the same but for rounding."""
    limit = max(NEAR, NEAR_FRACTION * float(truth[2:].max()))
    return bool(np.isfinite(box).all() and np.abs(box - truth).max() <= limit)


def is_corners(box: FloatArray, truth: FloatArray, origin: int) -> bool:
    """Return whether a box reads x1, y1, x2, y2 of `truth` instead of x, y, w, h; `box` is 0-based in its first two numbers only."""
    return bool(np.isfinite(box).all()) and not is_near(box, truth) and is_near(from_corners(box, origin), truth)


def from_corners(box: FloatArray, origin: int) -> FloatArray:
    """Return x, y, w, h of a box whose last two numbers are corners, in the file's own numbering of pixels."""
    return np.concatenate([box[:2], box[2:] - origin - box[:2]])


__all__ = ["Aligned", "Matched", "align", "canonical", "from_corners", "guess_origin", "is_corners", "is_near", "match_names"]
