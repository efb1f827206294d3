"""`StaticTracker`: a tracker that stays where it was put. A refiner behind it tracks alone, or around places that an experiment knows.

Yan et al., Alpha-Refine, CVPR 2021, Table 1: the refiner with the true centre, around a box of its own last size. Their Sec. 3.1: its small
search region makes it no tracker of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lockon.session import Session
from lockon.types import FloatArray, Frame, Result


@dataclass(frozen=True, slots=True)
class StaticTarget:
    """A target that does not move.

    Attributes:
        box: (4,) x, y, w, h.
    """

    box: FloatArray

    @property
    def result(self) -> Result:
        """Return the box as it is, "tracked" with a score of NaN."""
        return Result(self.box, np.nan, "tracked")


class StaticTracker(Session[StaticTarget]):
    """Reports where it was put last: by `start`, or by `moved`, as a `RefinedTracker` does with each refined box."""

    def start(self, frame: Frame, boxes: ArrayLike, *, seed: int = 0) -> list[StaticTarget]:
        """Return one target per box (4,) or (n, 4) x, y, w, h in pixels."""
        return [StaticTarget(box) for box in np.atleast_2d(np.array(boxes, dtype=np.float64))]

    def step(self, frames: Sequence[Frame], targets: Sequence[StaticTarget]) -> list[StaticTarget]:
        """Return the targets as they are."""
        return list(targets)

    def moved(self, target: StaticTarget, box_xywh: FloatArray) -> StaticTarget:
        """Return the target on another box (4,) x, y, w, h."""
        return StaticTarget(np.array(box_xywh, dtype=np.float64))


__all__ = ["StaticTarget", "StaticTracker"]
