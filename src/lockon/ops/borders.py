"""What a crop shows where it reaches outside the image: values that are passed to crop rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lockon.ops.crop import mean_color
from lockon.types import FloatArray, Frame


@dataclass(frozen=True, slots=True)
class MeanColor:
    """The mean colour of the frame, as SiamFC and all that followed it."""

    def color(self, frame: Frame) -> FloatArray | None:
        """Return (C,) the colour of a frame (H, W, C)."""
        return mean_color(frame)


@dataclass(frozen=True, slots=True)
class Zero:
    """Black, as OSTrack and Alpha-Refine."""

    def color(self, frame: Frame) -> FloatArray | None:
        """Return (C,) zeros."""
        return np.zeros(frame.shape[2])


@dataclass(frozen=True, slots=True)
class Replicate:
    """The outermost pixels of the image again and again, as ATOM and DiMP."""

    def color(self, frame: Frame) -> FloatArray | None:
        """Return None: there is no one colour."""
        return None


Border = MeanColor | Zero | Replicate

__all__ = ["Border", "MeanColor", "Replicate", "Zero"]
