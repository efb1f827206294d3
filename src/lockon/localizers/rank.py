"""Ranking of candidates: the penalty on changes of size and shape, and the Hann window around the last position; parts of a localizer.

SiamRPN (Li et al., CVPR 2018, Sec. 4.4); the formulas of `Blend` are those of PySOT's inference, those of `Product` OSTrack's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lockon._config_values import check_range
from lockon.errors import LockonError
from lockon.ops.windows import hann
from lockon.types import FloatArray

SMALLEST = 1e-3  # pixels; a side of 0 counts as this, so that no ratio is infinite


@dataclass(frozen=True, kw_only=True, slots=True)
class Blend:
    """``penalty * score * (1 - window_influence) + hann * window_influence``.

    Attributes:
        penalty_k: Strength of the penalty on changes of size and aspect ratio, 0..100; 0 turns it off.
        window_influence: Weight of the Hann window against the score, 0..1.
        zero_border: The Hann window is zero on the map's border, as PySOT's, so that no candidate there wins on its score alone.
    """

    penalty_k: float = 0.04
    window_influence: float = 0.3
    zero_border: bool = False

    def __post_init__(self) -> None:
        check_range("penalty_k", self.penalty_k, 0, 100)
        check_range("window_influence", self.window_influence, 0, 1)

    def __call__(self, penalized: FloatArray, anchors: int) -> FloatArray:
        """Return the (B, N) values by which candidates are ranked, from their scores after the penalty."""
        window = hann_of(penalized.shape[1], anchors, self.zero_border)
        return np.asarray(penalized * (1 - self.window_influence) + window * self.window_influence)


@dataclass(frozen=True, kw_only=True, slots=True)
class Product:
    """``penalty * score * hann``.

    Attributes:
        penalty_k: Strength of the penalty on changes of size and aspect ratio, 0..100; 0 turns it off.
        zero_border: The Hann window is zero on the map's border.
    """

    penalty_k: float = 0.0
    zero_border: bool = False

    def __post_init__(self) -> None:
        check_range("penalty_k", self.penalty_k, 0, 100)

    def __call__(self, penalized: FloatArray, anchors: int) -> FloatArray:
        """Return the (B, N) values by which candidates are ranked, from their scores after the penalty."""
        return np.asarray(penalized * hann_of(penalized.shape[1], anchors, self.zero_border))


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


@lru_cache(maxsize=64)
def hann_of(count: int, anchors: int, zero_border: bool) -> FloatArray:
    """Return the (N,) Hann window of a square map, the same for every anchor of a point; it must not be written to.

    Raises:
        LockonError: `count` is no `anchors` times a square.
    """
    return np.tile(hann(map_side(count, anchors), zero_border), anchors)


def map_side(count: int, anchors: int) -> int:
    """Return the points per side of the square map that `count` candidates with `anchors` per point lie on.

    >>> map_side(3125, 5)
    25

    Raises:
        LockonError: They do not fill a square.
    """
    side: int = round((count / anchors) ** 0.5)
    if side * side * anchors != count:
        raise LockonError(f"{count} candidates are not {anchors} per point of a square map; set localizer.anchors to the network's anchors")
    return side


__all__ = ["Blend", "Product", "change_penalty", "hann_of", "map_side"]
