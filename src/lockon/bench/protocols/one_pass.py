"""One-pass evaluation: start on the first annotated frame, track to the end, never start again (Wu et al., CVPR 2013)."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from lockon.data.sequence import Sequence
from lockon.errors import LockonError
from lockon.tracker import Tracker
from lockon.types import FloatArray, State


@dataclass(frozen=True, slots=True)
class Run:
    """What a tracker answered on one sequence of T frames.

    Attributes:
        boxes: (T, 4) float64 x, y, w, h; row `start` is the start box, the rows before it are NaN.
        scores: (T,) in [0, 1]; 1 at `start`, NaN before.
        states: T states; None before `start`.
        times: (T,) seconds that `init` or `track` took, without decoding; NaN before `start`.
        start: index of the frame that the tracker was started on.
        frame_size: width, height of that frame in pixels.
    """

    boxes: FloatArray
    scores: FloatArray
    states: tuple[State | None, ...]
    times: FloatArray
    start: int
    frame_size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.boxes)


def first_annotated(sequence: Sequence) -> int:
    """Index of the first frame with a box of positive size on a target that is not absent.

    Raises:
        LockonError: there is none.
    """
    usable = np.isfinite(sequence.boxes).all(axis=1) & (sequence.boxes[:, 2:] > 0).all(axis=1)
    if sequence.visible is not None:
        usable &= sequence.visible
    if not usable.any():
        raise LockonError(f"sequence {sequence.name} has no frame with a usable box; run `lockon data check {sequence.dataset}`")
    return int(np.argmax(usable))


def run_one_pass(tracker: Tracker, sequence: Sequence) -> Run:
    """Run `tracker` once over `sequence`.

    Raises:
        LockonError: no usable box, an unreadable frame, or whatever the tracker raises.
    """
    start, count = first_annotated(sequence), len(sequence)
    boxes, scores, times = np.full((count, 4), np.nan), np.full(count, np.nan), np.full(count, np.nan)
    states: list[State | None] = [None] * count
    frame = sequence.frames[start]
    size = (frame.shape[1], frame.shape[0])
    begin = time.perf_counter()
    tracker.init(frame, sequence.boxes[start])
    times[start] = time.perf_counter() - begin
    boxes[start], scores[start], states[start] = sequence.boxes[start], 1.0, "tracked"
    for index in range(start + 1, count):
        frame = sequence.frames[index]
        begin = time.perf_counter()
        result = tracker.track(frame)
        times[index] = time.perf_counter() - begin
        (only,) = result.each()
        boxes[index], scores[index] = only.box, float(np.asarray(only.score))
        states[index] = only.state if isinstance(only.state, str) else only.state[0]
    return Run(boxes, scores, tuple(states), times, start, size)


__all__ = ["Run", "first_annotated", "run_one_pass"]
