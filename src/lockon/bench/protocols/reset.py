"""The supervised protocol of the VOT challenges 2013 to 2019: start again some frames after each failure.

A tracker starts on the first frame. Where its region and the true one have no overlap it has failed; it starts again on the
true region `skip` frames later, and the frames between count for nothing. (M. Kristan et al., A Novel Performance Evaluation
Methodology for Single-Target Trackers, TPAMI 2016, section 3; `skip` is 5 since VOT2013.)

Overlap is that of VOT: rasterised, within the image (`lockon.ops.raster`). Frames whose truth is unknown
cannot be failures. A restart that would fall on one moves to the next usable frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from lockon.bench.protocols.plan import Protocol
from lockon.bench.protocols.trajectory import (
    FAILED,
    SKIPPED,
    STARTED,
    TRACKED,
    OutputRows,
    Trajectory,
    start_on,
    track,
)
from lockon.bench.record import RunKey
from lockon.data.sequence import VideoSequence, first_annotated, usable_rows
from lockon.driver import Episode, Output
from lockon.errors import LockonError, unknown_name
from lockon.ops.raster import raster_overlap
from lockon.ops.regions import polygon_to_box_of_equal_area
from lockon.types import FloatArray

InitBox = Literal["bounding", "area"]
INIT_BOXES: tuple[InitBox, ...] = ("bounding", "area")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset(Protocol):
    """A new start some frames after each failure.

    Attributes:
        skip: Frames from a failure to the restart.
        vot_init: Start box of a polygon: "bounding" is its extent, as the VOT toolkit hands it to trackers of boxes; "area" is what
            PySOT's test program hands to its trackers (tools/test.py), for trackers of that family: about the polygon's area, and
            x + (w - 1) / 2, which they take for the centre, is the mean of its corners.

    Raises:
        LockonError: `skip` below 1, or an unknown start box.
    """

    name: ClassVar[str] = "reset"
    text: ClassVar[str] = "supervised, started again 5 frames after a failure (VOT2013 to VOT2019)"
    in_real_time: ClassVar[str] = "supervised with resets, in real time"
    scoring: ClassVar[str] = "reset"
    skip: int = 5
    vot_init: InitBox = "bounding"

    def __post_init__(self) -> None:
        Protocol.__post_init__(self)
        if self.skip < 1:
            raise LockonError(f"skip={self.skip}; expected 1 or more frames from a failure to the restart")
        if self.vot_init not in INIT_BOXES:
            raise unknown_name("start box", self.vot_init, INIT_BOXES)

    def episode(self, sequence: VideoSequence, run_key: RunKey) -> Episode[Trajectory]:
        """Return `reset`."""
        return reset(sequence, self)


def reset(sequence: VideoSequence, rules: Reset | None = None) -> Episode[Trajectory]:
    """Return the episode of the reset protocol.

    Raises:
        LockonError: No usable box.
    """
    rules = rules or Reset()
    count, first = len(sequence), first_annotated(sequence)
    starts, known = np.flatnonzero(usable_rows(sequence)), _known_rows(sequence)
    rows, events = OutputRows(count), np.full(count, SKIPPED, dtype=np.int8)
    frame = first
    while frame < count:
        rows.put(frame, (yield start_on(sequence, frame, start_box(sequence, frame, rules.vot_init))))
        events[frame] = STARTED
        failed = count
        for tracked in range(frame + 1, count):
            answer = yield track(sequence, tracked)
            if known[tracked] and not overlaps_truth(answer, sequence, tracked):
                rows.put_failure(tracked, answer)
                events[tracked], failed = FAILED, tracked
                break
            rows.put(tracked, answer)
            events[tracked] = TRACKED
        frame = next((int(start) for start in starts if start >= failed + rules.skip), count)
    return rows.run(first, events)


def start_box(sequence: VideoSequence, frame: int, vot_init: InitBox) -> FloatArray:
    """Return the (4,) x, y, w, h to start a tracker on; sequences without polygons have only their boxes."""
    if vot_init == "area" and sequence.polygons is not None and np.isfinite(sequence.polygons[frame]).all():
        return np.asarray(polygon_to_box_of_equal_area(sequence.polygons[frame]) + np.array([0.5, 0.5, 0, 0]))
    return np.asarray(sequence.boxes[frame], dtype=np.float64)


def overlaps_truth(answer: Output, sequence: VideoSequence, frame: int) -> bool:
    """Return whether the tracker's box touches the true region, in pixels of the image."""
    if not np.isfinite(answer.box).all() or (answer.box[2:] <= 0).any():
        return False
    truth = sequence.boxes[frame] if sequence.polygons is None else sequence.polygons[frame]
    return bool(raster_overlap(answer.box[None], truth[None], bounds=answer.size)[0] > 0)


def _known_rows(sequence: VideoSequence) -> NDArray[np.bool_]:
    truth = sequence.boxes if sequence.polygons is None else sequence.polygons
    known = np.asarray(np.isfinite(truth).all(axis=1))
    return known if sequence.visible is None else known & sequence.visible


__all__ = ["INIT_BOXES", "InitBox", "Reset", "overlaps_truth", "reset", "start_box"]
