"""The scores of one search region on their square grid, with their positions in the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lockon.ops.crop import Crop
from lockon.types import FloatArray


@dataclass(frozen=True, slots=True)
class ScoreMap:
    """A map of a network's scores over its search region, before any penalty or window.

    Attributes:
        crop: The search region, one window.
        scores: (S, S) in [0, 1], row by row; the maximum over the anchors of each point.
        stride: Distance of neighbours in crop pixels; the map's middle is the middle of the crop.
    """

    crop: Crop
    scores: FloatArray
    stride: float

    @classmethod
    def of(cls, crop: Crop, scores: ArrayLike, side: int, stride: float | None = None) -> ScoreMap:
        """Return the map of (A * side * side,) candidate scores, one anchor's map after the other.

        Args:
            crop: The search region.
            scores: Scores in [0, 1].
            side: Scores per side, S.
            stride: Stride in crop pixels; None where the map fills the crop.
        """
        best = np.asarray(scores, dtype=np.float64).reshape(-1, side, side).max(axis=0)
        return cls(crop, best, crop.size / side if stride is None else stride)

    @property
    def step(self) -> FloatArray:
        """The (2,) distance of neighbours in image pixels, x and y."""
        return np.asarray(self.stride / self.crop.scale)

    def points(self) -> FloatArray:
        """Return the (S, S, 2) x, y of every score in image coordinates (those of the crop's centre)."""
        side = len(self.scores)
        offset = np.arange(side) - (side - 1) / 2
        x, y = np.meshgrid(offset, offset)
        return np.asarray(self.crop.center) + np.stack([x, y], axis=-1) * self.step
