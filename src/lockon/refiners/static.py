"""`StaticTracker`: a tracker that stays where it was put. A refiner behind it tracks alone, or around places that somebody else knows.

Yan et al., Alpha-Refine, CVPR 2021, Table 1: the refiner with the true centre, around a box of its own last size. Their Sec. 3.1: its small
search region makes it no tracker of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lockon.errors import LockonError
from lockon.types import FloatArray, Frame, Result, State


class StaticTracker:
    """Says where it was put last: by `init`, or by `move`, which a `RefinedTracker` calls with each refined box."""

    def __init__(self) -> None:
        self._boxes: FloatArray | None = None

    def init(self, frame: Frame, box: ArrayLike) -> None:
        """Stay on one box (4,) or n boxes (n, 4), x, y, w, h in pixels."""
        self._boxes = np.array(box, dtype=np.float64)

    def track(self, frame: Frame) -> Result:
        """The boxes as they are; scores are NaN.

        Raises:
            LockonError: before `init`.
        """
        if self._boxes is None:
            raise LockonError("track() before init(); call tracker.init(frame, (x, y, w, h)) on the first frame")
        if self._boxes.ndim == 1:
            return Result(self._boxes, np.nan, "tracked")
        states: tuple[State, ...] = tuple("tracked" for _ in self._boxes)
        return Result(self._boxes, np.full(len(self._boxes), np.nan), states)

    def move(self, boxes: ArrayLike) -> None:
        """Stay on these boxes, of the shape given at the start; one that is not finite leaves its target where it is.

        Raises:
            LockonError: before `init`, or boxes of another shape.
        """
        given = np.asarray(boxes, dtype=np.float64)
        if self._boxes is None or given.shape != self._boxes.shape:
            raise LockonError(f"move() with boxes of shape {given.shape}; call it after init(), with as many boxes as there")
        self._boxes = np.where(np.isfinite(given).all(axis=-1, keepdims=True), given, self._boxes)


__all__ = ["StaticTracker"]
