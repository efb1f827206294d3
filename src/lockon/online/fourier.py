"""Response maps on a finer grid, by their Fourier series: the sum is separable, so that it is two small matrix products a map.

Danelljan et al., ATOM, CVPR 2019 (arXiv 1811.07628), and ECO, CVPR 2017, whose published codes sample scores so.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lockon.types import FloatArray


def upsampled(maps: FloatArray, size: int, *, even: bool) -> FloatArray:
    """Sample periodic maps (B, S, S) at (B, size, size) places, so that displacement 0 is at cell ``size // 2``.

    Args:
        maps: Scores; displacement 0 is at S / 2 for an even filter, half a cell before it for an odd one.
        size: At least S.
        even: The filter has an even number of taps per side.
    """
    basis = _basis(maps.shape[-1], size, even)
    return np.asarray(basis @ maps @ basis.T)


@lru_cache(maxsize=16)
def _basis(count: int, size: int, even: bool) -> NDArray[np.float64]:
    """Return the (size, count) weights of cells; the highest frequency of an even count has its full cosine, as published."""
    places = (np.arange(size) - size // 2) * count / size + count / 2 - (0 if even else 0.5)  # in cells
    angles = 2 * np.pi / count * (places[:, None] - np.arange(count))
    waves = 1 + 2 * sum(np.cos(wave * angles) for wave in range(1, count // 2 + 1))
    basis = np.asarray(waves / count)
    basis.flags.writeable = False
    return basis


__all__ = ["upsampled"]
