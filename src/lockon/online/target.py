"""`OnlineTarget`: all that is known between two frames of a target that is learnt while it is tracked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lockon.online.learner import Learned
from lockon.target import Target
from lockon.types import FloatArray


@dataclass(frozen=True, slots=True)
class OnlineTarget(Target):
    """A target that is learnt while it is tracked; `template` has the box network's modulation vectors.

    Attributes:
        learned: Filter and memory.
        extent: sqrt(w h) of the box that the next window is cut around, in image pixels.
    """

    learned: Learned | None = None
    extent: float = 1.0


def learned_of(target: OnlineTarget) -> Learned:
    """Return what was learnt of a target that `OnlineTracker.start` made."""
    assert target.learned is not None, "made by `OnlineTracker.start`"
    return target.learned


def extent_of(box_cxcywh: FloatArray) -> float:
    """Return sqrt(w h) of a box (4,)."""
    return float(np.sqrt(box_cxcywh[2] * box_cxcywh[3]))


__all__ = ["OnlineTarget", "extent_of", "learned_of"]
