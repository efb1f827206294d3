"""`Trajectory`: what a tracker answered on one sequence; and `OutputRows`, in which a protocol collects it frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.data.sequence import VideoSequence
from lockon.data.vot_rle import encode_vot_mask
from lockon.driver import Output, Request
from lockon.types import FloatArray, State

TRACKED, STARTED, FAILED, SKIPPED = 0, 1, 2, 3  # values of `Trajectory.events`


@dataclass(frozen=True, slots=True)
class Trajectory:
    """What a tracker answered on one sequence of T frames.

    Attributes:
        boxes: (T, 4) float64 x, y, w, h; row `start` is the start box, the rows before it are NaN.
        scores: (T,) in [0, 1]; 1 at `start`, NaN before, and from trackers that give none.
        states: T states; None before `start`.
        times: (T,) seconds that `init` or `track` took, without decoding; NaN where the tracker was not called: before
            `start`, in skipped frames, and in frames that the real-time protocol dropped.
        start: Index of the frame that the tracker was started on.
        frame_size: Width, height of that frame in pixels; (0, 0) where it is not known (results of others, read without images).
        events: (T,) int8 of the reset protocol: `TRACKED`, `STARTED`, `FAILED` or `SKIPPED`; None elsewhere. Rows of `boxes`
            are NaN where it failed or skipped.
        masks: Per frame the tracker's mask as VOT run-length text, None where it gave none; None if it never gave one.
        polygons: (T, 8) corners where the tracker answered with turned boxes, NaN rows elsewhere; None if it never did. `boxes` are
            then their extents.
    """

    boxes: FloatArray
    scores: FloatArray
    states: tuple[State | None, ...]
    times: FloatArray
    start: int
    frame_size: tuple[int, int]
    events: NDArray[np.int8] | None = None
    masks: tuple[str | None, ...] | None = None
    polygons: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def bounds(self) -> tuple[int, int] | None:
        """`frame_size` where it is known, for metrics that clip to the picture."""
        return self.frame_size if min(self.frame_size) > 0 else None


class OutputRows:
    """The rows of a `Trajectory` while it is made.

    Args:
        count: T.
    """

    def __init__(self, count: int) -> None:
        self.boxes = np.full((count, 4), np.nan)
        self.scores, self.times = np.full(count, np.nan), np.full(count, np.nan)
        self.states: list[State | None] = [None] * count
        self.masks: list[str | None] = [None] * count
        self.size = (0, 0)

    def put(self, row: int, answer: Output) -> None:
        """Keep all of one answer."""
        self.boxes[row], self.scores[row], self.times[row] = answer.box, answer.score, answer.seconds
        self.states[row] = answer.state
        if answer.mask is not None:
            self.masks[row] = encode_vot_mask(np.asarray(answer.mask, dtype=np.bool_))
        if self.size == (0, 0):
            self.size = answer.size

    def put_failure(self, row: int, answer: Output) -> None:
        """Keep what a failed answer cost and how sure it was, not where it was."""
        self.scores[row], self.times[row], self.states[row] = answer.score, answer.seconds, answer.state

    def run(self, start: int, events: NDArray[np.int8] | None = None) -> Trajectory:
        """Return the finished run."""
        masks = tuple(self.masks) if any(mask is not None for mask in self.masks) else None
        return Trajectory(self.boxes, self.scores, tuple(self.states), self.times, start, self.size, events, masks)


def start_on(sequence: VideoSequence, frame: int, box: ArrayLike) -> Request:
    """Start on a frame with a box (4,) x, y, w, h."""
    return Request(partial(sequence.frames.__getitem__, frame), np.asarray(box, dtype=np.float64))


def track(sequence: VideoSequence, frame: int) -> Request:
    """Track a frame."""
    return Request(partial(sequence.frames.__getitem__, frame))


__all__ = ["FAILED", "SKIPPED", "STARTED", "TRACKED", "OutputRows", "Trajectory", "start_on", "track"]
