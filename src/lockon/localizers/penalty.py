"""The penalty on sudden changes of size and shape that the Siamese trackers share (SiamRPN, Li et al., CVPR 2018, Sec. 4.4)."""

from __future__ import annotations

import numpy as np

from lockon.types import FloatArray

SMALLEST = 1e-3  # pixels; a side of 0 counts as this, so that no ratio is infinite


def change_penalty(sizes: FloatArray, last: FloatArray, strength: float) -> FloatArray:
    """Return exp(-strength (r s - 1)) in [0, 1], 1 for an unchanged box; r and s are the changes of shape and of size, each at least 1.

    Args:
        sizes: (..., 2) new width and height.
        last: (..., 2) the old ones, in the same pixels; both broadcast.
        strength: 0 turns the penalty off.

    >>> round(float(change_penalty(np.array([20.0, 20.0]), np.array([10.0, 10.0]), 0.5)), 4)  # exp(-0.5 (2 - 1))
    0.6065
    """
    w, h = np.moveaxis(np.maximum(sizes, SMALLEST), -1, 0)
    last_w, last_h = np.moveaxis(np.maximum(last, SMALLEST), -1, 0)
    size_change = _change(_padded_size(w, h) / _padded_size(last_w, last_h))
    shape_change = _change((last_w / last_h) / (w / h))
    return np.asarray(np.exp((1 - size_change * shape_change) * strength))


def _change(ratio: FloatArray) -> FloatArray:
    return np.asarray(np.maximum(ratio, 1 / ratio))


def _padded_size(w: FloatArray, h: FloatArray) -> FloatArray:
    pad = (w + h) / 2
    return np.asarray(np.sqrt((w + pad) * (h + pad)))
