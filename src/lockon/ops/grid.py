"""The regular grid of candidate points that dense heads predict on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lockon.types import FloatArray


@dataclass(frozen=True, slots=True)
class Grid:
    """`size` x `size` points, `stride` search-crop pixels apart.

    Attributes:
        size: points per side; N = size².
        stride: distance of neighbours in crop pixels.
        offset: coordinate of the first point in crop pixels; None centres the grid in a crop of size * stride pixels.
    """

    size: int
    stride: float
    offset: float | None = None

    def points(self) -> FloatArray:
        """(N, 2) x, y in crop pixels, row by row.

        >>> Grid(2, 16).points().tolist()
        [[8.0, 8.0], [24.0, 8.0], [8.0, 24.0], [24.0, 24.0]]
        """
        first = self.stride / 2 if self.offset is None else self.offset
        axis = first + self.stride * np.arange(self.size, dtype=np.float32)
        x, y = np.meshgrid(axis, axis)
        return np.stack([x.ravel(), y.ravel()], axis=-1)
