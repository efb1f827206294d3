"""Windows that weigh a score map by distance from the expected position of the target."""

from __future__ import annotations

import numpy as np

from lockon.types import FloatArray


def hann(size: int, zero_border: bool = False) -> FloatArray:
    """Return the (size²,) outer product of two Hann windows, row by row; its maximum, at the centre, is 1 for odd sizes, near 1 for even.

    Args:
        size: Points per side.
        zero_border: True is `numpy.hanning`, zero on the border as in PySOT; False samples a window of size + 2 points
            without its zero ends, so that no candidate is weighed by exactly zero.

    >>> hann(3, zero_border=True).tolist()
    [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    """
    axis = np.hanning(size) if zero_border else np.hanning(size + 2)[1:-1]
    return np.asarray(np.outer(axis, axis).ravel())
