"""Windows that are kept inside their frame, as far as they fit (pytracking's `inside_major`; SuperDiMP, PrDiMP)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lockon._config_values import check_range
from lockon.types import FloatArray


@dataclass(frozen=True, kw_only=True, slots=True)
class InsideMajor:
    """How far a window is kept in the frame: shrunk by up to `max_shrink`, then moved inside (pytracking's `inside_major`).

    Attributes:
        max_shrink: Largest factor by which a window that is larger than the frame is made smaller, 1..100.
    """

    max_shrink: float = 1.5

    def __post_init__(self) -> None:
        check_range("max_shrink", self.max_shrink, 1, 100)

    def __call__(self, side: FloatArray, frame_size: FloatArray) -> FloatArray:
        """Return the (...) sides in whole pixels of windows of `side` (...) in frames (..., 2)."""
        shrink = np.clip((side[..., None] / frame_size).min(axis=-1), 1.0, self.max_shrink)
        return np.asarray(np.trunc(side / shrink))  # cut, also where nothing is shrunk


def kept_inside(start: FloatArray, room: FloatArray) -> FloatArray:
    """Move windows into the frame, and halve what does not fit.

    Args:
        start: (..., 2) x, y of the first pixel.
        room: (..., 2) pixels by which the frame is larger than the window; negative where it is smaller.
    """
    return np.asarray(np.where(room >= 0, np.clip(start, 0, np.maximum(room, 0)), -np.floor(-room / 2)), dtype=np.float64)


__all__ = ["InsideMajor", "kept_inside"]
