"""Result lines to a `Record`: one-pass runs, runs with resets, and runs from an anchor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockon.bench.formats.finding import ResultFile
from lockon.bench.formats.matching import Aligned, align, is_corners, is_near
from lockon.bench.formats.notes import Note
from lockon.bench.formats.rows import BOX, CODE, FAILED_CODE, NOTHING, NOTHING_CODE, STARTED_CODE, WRONG, Rows, read_numbers
from lockon.bench.protocols.trajectory import FAILED, SKIPPED, STARTED, TRACKED, Trajectory
from lockon.bench.record import MaskTexts, Record, RunKey
from lockon.data.datasets.parsing import format_ranges
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError
from lockon.types import FloatArray, State

MOST_AWAY = 0.05  # of the tracked frames of a run with resets may be off the target: annotations were mended over the years
UNKNOWN_SIZE = (0, 0)  # of frames that neither the annotation nor an image gives


@dataclass(frozen=True, slots=True)
class ImportTarget:
    """The sequence that result lines belong to.

    Attributes:
        sequence: The ground truth.
        start: Frame on which a tracker is started.
        origin: Number of the first pixel in the lines.
        size: (width, height) of the frames, or `UNKNOWN_SIZE`.
        masks: The true masks as text, kept for all runs on the sequence.
    """

    sequence: VideoSequence
    start: int
    origin: int
    size: tuple[int, int] = UNKNOWN_SIZE
    masks: MaskTexts = field(default_factory=MaskTexts)


def build_record(rows: Rows, file: ResultFile, target: ImportTarget, setup: Mapping[str, Any]) -> tuple[Record, list[Note]]:
    """Build one record.

    Args:
        rows: Lines of `file.path`.
        file: Where they lie, and how they were made.
        target: The sequence.
        setup: Setup of the record.

    Returns:
        The record, and what was odd about the lines.

    Raises:
        LockonError: The lines do not belong to the frames.
    """
    sequence, where = target.sequence, file.sequence
    protocol = protocol_of(file, rows)
    resets = protocol == "reset" or (protocol == "realtime" and file.anchor is None and rows.kinds[0] == CODE)
    order = range(len(sequence))
    if file.anchor is not None:
        order = _anchor_frames(len(rows), file.anchor, sequence, where)
        aligned = Aligned(np.arange(len(order)), 0)
    elif resets:
        aligned = _in_order(rows, len(sequence), target.start, where)
    else:
        aligned = align(rows, sequence.boxes, target.start, target.origin, where)
    truth = sequence.boxes[list(order)]
    run, more = _run(rows, aligned, truth, replace(target, start=aligned.start), where=where, events=resets)
    run, extra = _with_numbers(run, file, rows, aligned, where)
    record = Record.of(sequence, order, run, setup, masks=target.masks, run_key=RunKey(protocol, file.repetition, file.anchor))
    return record, [*rows.notes, *aligned.notes, *more, *extra]


def protocol_of(file: ResultFile, rows: Rows) -> str:
    """Return how a file was run: as its folder's name says, else by whether a line says that the tracker failed."""
    if file.protocol is not None:
        return file.protocol
    return "reset" if (rows.codes == FAILED_CODE).any() else "one-pass"


def _in_order(rows: Rows, count: int, start: int, where: str) -> Aligned:
    """Assign the lines of a run with resets one by one, because they say themselves where it was started."""
    if len(rows) == count:
        return Aligned(np.arange(count), start)
    index = np.full(count, -1, dtype=np.intp)
    shared = min(count, len(rows))
    index[:shared] = np.arange(shared)
    sizes = f"{len(rows)} lines for {count} frames"
    if len(rows) > count:
        note = Note("too many lines", where, f"{sizes}; the first {count} count: is it the same version of the sequence?")
    else:
        note = Note("too few lines", where, f"{sizes}; the rest count as skipped")
    return Aligned(index, start, (note,))


def _anchor_frames(lines: int, anchor: int, sequence: VideoSequence, where: str) -> range:
    """Return the frames of a run from an anchor in the order of its lines.

    Raises:
        LockonError: The number of lines fits neither direction.
    """
    ahead, back = range(anchor, len(sequence)), range(anchor, -1, -1)
    if anchor >= len(sequence) or lines not in (len(ahead), len(back)):
        raise LockonError(
            f"{where}: {lines} lines from frame {anchor} on; expected {len(ahead)} to the last frame or {len(back)} to the first"
        )
    known = sequence.anchors is not None and anchor in sequence.anchors
    backward = anchor in sequence.backward if known else lines == len(back) != len(ahead)
    if lines != len(back if backward else ahead):
        raise LockonError(f"{where}: {lines} lines from frame {anchor}, which runs {'back' if backward else 'ahead'}; left out")
    return back if backward else ahead


def _run(
    rows: Rows, aligned: Aligned, truth: FloatArray, target: ImportTarget, *, where: str, events: bool
) -> tuple[Trajectory, list[Note]]:
    """Return the trajectory, 0-based, with the start box in the frame of the start; and notes."""
    start, origin = aligned.start, target.origin
    there = aligned.index >= 0
    picked = rows.take(np.maximum(aligned.index, 0))
    boxes = np.where(there[:, None], picked.boxes - np.array([origin, origin, 0, 0]), np.nan)
    kinds = np.where(there, picked.kinds, NOTHING)
    boxes[:start], kinds[:start] = np.nan, NOTHING
    notes = _check_boxes(boxes, np.where(there, kinds, CODE), start, where)  # frames without a line have a note already
    marks: NDArray[np.int8] | None = None
    starts = [start]
    if events:
        marks = _events(np.where(there, picked.codes, -1), there, start, where)
        starts = np.flatnonzero(marks == STARTED).tolist()
    for frame in starts:
        boxes[frame], odd = _start_box(boxes[frame], truth[frame], origin, where)
        notes += odd
    silent = np.arange(len(boxes)) < start
    if marks is not None:
        boxes[(marks == FAILED) | (marks == SKIPPED)] = np.nan
        silent |= marks == SKIPPED
        notes += _check_touch(boxes, truth, marks, where)
    lost = ~np.isfinite(boxes).all(axis=1) | (picked.lost & there)
    states: list[State | None] = [None if quiet else "lost" if gone else "tracked" for quiet, gone in zip(silent, lost, strict=True)]
    masks = None
    if picked.masks is not None:
        kept = there & (np.arange(len(boxes)) > start)
        masks = tuple(mask if known else None for mask, known in zip(picked.masks, kept, strict=True))
    nothing = np.full(len(boxes), np.nan)
    corners = None
    if picked.polygons is not None:
        after = (there & (np.arange(len(boxes)) > start))[:, None]
        corners = np.where(after, picked.polygons - origin, np.nan)
    return Trajectory(boxes, nothing, tuple(states), nothing.copy(), start, target.size, marks, masks, corners), notes


def _events(codes: NDArray[np.int8], there: NDArray[np.bool_], start: int, where: str) -> NDArray[np.int8]:
    """Return codes of the VOT toolkit as `Trajectory.events`."""
    marks = np.full(len(codes), TRACKED, dtype=np.int8)
    marks[codes == STARTED_CODE] = STARTED
    marks[codes == FAILED_CODE] = FAILED
    marks[(codes == NOTHING_CODE) | ~there] = SKIPPED
    marks[:start] = SKIPPED
    if marks[start] != STARTED:
        raise LockonError(f"{where}: line {start + 1} is no code 1, which a run with resets begins with; left out")
    return marks


def _start_box(box: FloatArray, truth: FloatArray, origin: int, where: str) -> tuple[FloatArray, list[Note]]:
    """Return the box of a frame that a tracker was started on: as written where it is nearly the true one, else the true one."""
    if not np.isfinite(box).all():
        return truth, []
    if is_corners(box, truth, origin):
        return truth, [Note("corners first", where, f"line 1 is {_numbers(box)}, x1,y1,x2,y2 of the start box, which replaces it")]
    if not is_near(box, truth):
        return box, [Note("another start", where, f"line 1 is {_numbers(box)}, the start box {_numbers(truth)} (0-based)")]
    return box, []


def _check_boxes(boxes: FloatArray, kinds: NDArray[np.int8], start: int, where: str) -> list[Note]:
    """Return notes on frames after the start without a box, or with one of no area."""
    after = np.arange(len(boxes)) > start
    empty = np.flatnonzero(after & ((kinds == NOTHING) | (kinds == WRONG))) + 1
    flat = np.flatnonzero(after & (kinds == BOX) & ~(boxes[:, 2:] > 0).all(axis=1)) + 1
    misses = f"{len(empty)} of {len(boxes)} frames ({format_ranges(empty.tolist(), 3)}) are misses"
    areas = f"boxes of no area in {len(flat)} frames ({format_ranges(flat.tolist(), 3)})"
    return [Note(trap, where, text) for trap, frames, text in (("no box", empty, misses), ("no area", flat, areas)) if len(frames)]


def _check_touch(boxes: FloatArray, truth: FloatArray, marks: NDArray[np.int8], where: str) -> list[Note]:
    """Return a note if many frames that were not marked as failures do not touch the target's box."""
    low, high = np.maximum(boxes[:, :2], truth[:, :2]), np.minimum(boxes[:, :2] + boxes[:, 2:], truth[:, :2] + truth[:, 2:])
    away = (marks == TRACKED) & (low > high).any(axis=1)
    if away.sum() <= max(MOST_AWAY * int((marks == TRACKED).sum()), 1):
        return []
    return [
        Note("off target", where, f"{int(away.sum())} frames marked as tracked do not touch the target: another version of the sequence?")
    ]


def _with_numbers(run: Trajectory, file: ResultFile, rows: Rows, aligned: Aligned, where: str) -> tuple[Trajectory, list[Note]]:
    """Return the run with seconds and confidences from the files beside the boxes."""
    notes: list[Note] = []
    filled = {}
    for name, path, column in (("times", file.times, file.column), ("scores", file.scores, 0)):
        if path is None:
            continue
        table = read_numbers(path)
        values = table[:, min(column, table.shape[1] - 1)] if len(table) else np.zeros(0)
        if len(values) == len(rows) - 1:
            values = np.concatenate([[np.nan], values])
        if len(values) != len(rows):
            notes.append(Note("times", where, f"{path.name} has {len(values)} lines, {file.path.name} {len(rows)}; not used"))
            continue
        picked = np.where(aligned.index >= 0, values[np.maximum(aligned.index, 0)], np.nan)
        picked[: run.start] = np.nan
        if name == "times":
            picked = np.where(picked > 0, picked, np.nan)  # toolkits write 0 for frames that took no time
        filled[name] = picked
    scores, times = filled.get("scores", run.scores), filled.get("times", run.times)
    return replace(run, scores=scores, times=times), notes


def _numbers(box: FloatArray) -> str:
    return ",".join(f"{value:g}" for value in np.round(box, 2).tolist())


__all__ = ["UNKNOWN_SIZE", "ImportTarget", "build_record", "protocol_of"]
