"""Gaussian labels of score maps: what a classifier that is learnt online should give around the centre of its target.

Danelljan et al., ATOM, CVPR 2019, Sec. 3.2; Bhat et al., DiMP, ICCV 2019, Sec. 3.1; as a density Danelljan et al., PrDiMP, CVPR 2020.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lockon.types import FloatArray


def gaussian_label(centers: ArrayLike, side: int, *, sigma: float, stride: float = 16.0, first: float = 0.0) -> FloatArray:
    """Return maps that are 1 at the target's centre and fall off as a Gaussian.

    Args:
        centers: (..., 2) x, y of the target's centre in pixels of the crop; it may lie outside.
        side: Scores per side, S.
        sigma: Standard deviation in cells, above 0.
        stride: Pixels from one score to the next.
        first: Pixel of the first score: 0 where the filter has an even side, stride / 2 where it is odd.

    Returns:
        (..., S, S), row by row, in (0, 1].
    """
    cells = (np.asarray(centers, dtype=np.float64) - first) / stride  # (..., 2)
    offsets = np.arange(side) - cells[..., None]  # (..., 2, S)
    columns, rows = np.moveaxis(np.exp(-0.5 * (offsets / sigma) ** 2), -2, 0)  # (..., S) each
    return np.asarray(rows[..., :, None] * columns[..., None, :])


def gaussian_density(centers: ArrayLike, side: int, *, sigma: float, stride: float = 16.0, first: float = 0.0) -> FloatArray:
    """Return `gaussian_label` maps that sum to 1, densities on the grid of scores; all 0 where the centre is too far outside."""
    maps = gaussian_label(centers, side, sigma=sigma, stride=stride, first=first)
    return np.asarray(maps / np.maximum(maps.sum((-2, -1), keepdims=True), 1e-8))


__all__ = ["gaussian_density", "gaussian_label"]
