"""Where a target is among its ranked candidates: parts of a localizer.

`Argmax` takes the best candidate. `CoarseToFine` is SiamCAR's location: maps up-sampled to single pixels, a coarse peak with the window, a
fine one near it without.

SiamCAR (Guo et al., CVPR 2020, arXiv 1911.07241), as its released code does it. The code has oddities that decide its published
numbers; each is a flag of `CoarseToFine`, off by default. Batched over targets; NumPy only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lockon._config_values import check_range
from lockon.localizers.boxes import Best, BoxRule
from lockon.localizers.rank import change_penalty
from lockon.localizers.ranked import Placed, Ranked
from lockon.ops.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh
from lockon.ops.grid import Grid
from lockon.types import FloatArray

_CUBIC = -0.75  # the free number of the bicubic kernel, as in OpenCV


@dataclass(frozen=True, kw_only=True, slots=True)
class Argmax:
    """The candidate that ranks highest; its box is that of the box rule."""

    def __call__(self, ranked: Ranked, rule: BoxRule) -> Placed:
        """Return where each of B targets is."""
        best = ranked.values.argmax(axis=1)  # (B,)
        rows = np.arange(len(best))
        return Placed(best, rule(ranked, best), ranked.penalized[rows, best])


@dataclass(frozen=True, kw_only=True, slots=True)
class CoarseToFine:
    """SiamCAR's place between candidates: the size follows the foreground probability there, and is that of a box rule other than `Best`.

    Attributes:
        stride: Distance of neighbouring cells in search-crop pixels; maps of S x S cells grow to (S - 1) * stride + 1 per side.
        first: Crop coordinate of the first cell's point, from which its box was predicted.
        origin: Crop coordinate of the first sample of the up-sampled maps; None for `first`. SiamCAR's code takes 31, though
            its network learnt from points that begin at 32.
        nearest: Lower bound in crop pixels on the predicted distances to the four sides. Half of each distance, at most half of the
            way to the map's end, is how far from the coarse peak the fine one is searched.
        farthest: Upper bound on the same distances.
        half_pixel: Up-sample as an image is resized, so that the first sample lies left of the first cell by almost half a
            cell, yet read places off as if it lay on it. Off: the samples begin and end on the outermost cells.
        stretched: The coarse peak's cell is its share of the whole up-sampled side, rounded; beyond the last cell, the last. Off: the
            nearest cell.
        mixed_units: The size penalty that slows the size down compares the new size in image pixels with the old one in crop
            pixels, so that it is not 1 for an unchanged box. Off: both in image pixels.

    Raises:
        LockonError: A stride outside 1..64; coordinates beyond 10,000 pixels; bounds that are negative or cross.
    """

    stride: int = 8
    first: float = 32.0
    origin: float | None = None
    nearest: int = 12
    farthest: int = 55
    half_pixel: bool = False
    stretched: bool = False
    mixed_units: bool = False

    def __post_init__(self) -> None:
        check_range("stride", self.stride, 1, 64)
        for name in ("first", "origin"):
            check_range(name, getattr(self, name) or 0.0, -10_000, 10_000)
        check_range("farthest", self.farthest, 0, 10_000)
        check_range("nearest", self.nearest, 0, self.farthest)

    def __call__(self, ranked: Ranked, rule: BoxRule) -> Placed:
        """Return where each of B targets is; N = S * S candidates, one per point."""
        location = locate(self, ranked.values, ranked.penalized, ranked.foreground, ranked.boxes)
        corners = cxcywh_to_xyxy(np.concatenate([location.centers, location.sizes], axis=1))
        boxes = xyxy_to_cxcywh(ranked.crops.to_image(corners))  # (B, 4)
        if not isinstance(rule, Best):
            boxes[:, 2:] = rule(ranked, location.cells)[:, 2:]
        before = ranked.previous[:, 2:] * ranked.crops.scale if self.mixed_units else ranked.previous[:, 2:]
        trust = location.foreground * change_penalty(boxes[:, 2:], before, ranked.penalty_k)
        return Placed(location.cells, boxes, np.asarray(trust))


class Location(NamedTuple):
    """Where each of B targets was found.

    Attributes:
        cells: (B,) number of the nearest cell.
        centers: (B, 2) x, y in crop pixels.
        sizes: (B, 2) w, h in crop pixels, at least 0.
        foreground: (B,) foreground probability there; a cubic overshoots, so it may lie a little outside of 0..1.
    """

    cells: NDArray[np.intp]
    centers: FloatArray
    sizes: FloatArray
    foreground: FloatArray


def locate(config: CoarseToFine, ranked: FloatArray, plain: FloatArray, foreground: FloatArray, boxes: FloatArray) -> Location:
    """Return the places of B targets.

    Args:
        config: Geometry and flags.
        ranked: (B, N) scores with penalty and window; they decide the coarse peak. N = S * S, row by row.
        plain: (B, N) scores with the penalty alone; they decide the fine peak.
        foreground: (B, N) foreground probabilities.
        boxes: (B, N, 4) x1, y1, x2, y2 in crop pixels.
    """
    count, side = len(ranked), round(ranked.shape[1] ** 0.5)
    distances = _distances(boxes, Grid(side, config.stride, config.first))  # (B, N, 4)
    weights = _weights(side, config)  # (M, S)
    coarse = _peak(_upsample(ranked, weights))  # (B, 2) row, column
    share = side / len(weights) if config.stretched else 1 / config.stride
    cells = np.minimum(np.rint(coarse * share).astype(np.intp), side - 1)  # (B, 2); rint is half to even, as the released code rounds
    around = distances[np.arange(count), cells[:, 0] * side + cells[:, 1]]  # (B, 4)
    fine = _peak(np.where(_region(config, coarse, around, len(weights)), _upsample(plain, weights), -np.inf))  # (B, 2)
    rows, columns = weights[fine[:, 0]], weights[fine[:, 1]]  # (B, S) each
    values = np.concatenate([foreground[..., None], distances], axis=-1).reshape(count, side, side, 5)
    value = np.einsum("bs,bstk,bt->bk", rows, values, columns)  # (B, 5) interpolated at the fine peak
    origin = config.first if config.origin is None else config.origin
    nearest = np.minimum(np.rint(fine / config.stride).astype(np.intp), side - 1)
    return Location(
        cells=nearest[:, 0] * side + nearest[:, 1],
        centers=origin + fine[:, ::-1].astype(np.float64),
        sizes=np.maximum(value[:, 1:3] + value[:, 3:5], 0),
        foreground=value[:, 0],
    )


def _distances(boxes: FloatArray, grid: Grid) -> FloatArray:
    """Return (B, N, 4) distances from each point to the left, top, right and bottom side of its box."""
    points = grid.points().astype(np.float64)  # (N, 2)
    corners = np.asarray(boxes, dtype=np.float64)
    return np.concatenate([points - corners[..., :2], corners[..., 2:] - points], axis=-1)


def _region(config: CoarseToFine, peaks: NDArray[np.intp], distances: FloatArray, length: int) -> NDArray[np.bool_]:
    """Return (B, M, M), True within reach of each coarse peak (B, 2), given the box distances (B, 4) of its cell."""
    bounded = np.clip(distances, config.nearest, config.farthest)
    across = peaks[:, ::-1]  # (B, 2) x, y
    before = np.minimum(across, bounded[:, :2]) // 2  # (B, 2); whole pixels
    after = np.minimum(length - across, bounded[:, 2:]) // 2
    index = np.arange(length)
    inside = (index >= (across - before)[..., None]) & (index <= (across + after)[..., None])  # (B, 2, M)
    return np.asarray(inside[:, 1, :, None] & inside[:, 0, None, :])


def _peak(maps: FloatArray) -> NDArray[np.intp]:
    """Return (B, 2) row and column of the largest value of (B, M, M)."""
    return np.stack(np.divmod(maps.reshape(len(maps), -1).argmax(axis=1), maps.shape[2]), axis=-1)


def _upsample(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return (B, N) values up-sampled to (B, M, M)."""
    side = weights.shape[1]
    return np.asarray(weights @ values.reshape(-1, side, side) @ weights.T)


def _weights(side: int, config: CoarseToFine) -> FloatArray:
    """Return the (M, S) bicubic interpolation of S values at M = (S - 1) * stride + 1 places; beyond the ends, the end values repeat."""
    length = (side - 1) * config.stride + 1
    index = np.arange(length, dtype=np.float64)
    at = (index + 0.5) * side / length - 0.5 if config.half_pixel else index / config.stride
    left = np.floor(at)
    taps = left[:, None] + np.arange(-1, 3)  # (M, 4)
    far = np.abs(at[:, None] - taps)
    near_tap = ((_CUBIC + 2) * far - (_CUBIC + 3)) * far**2 + 1
    far_tap = ((far - 5) * far + 8) * far * _CUBIC - 4 * _CUBIC
    weights = np.zeros((length, side))
    columns = np.clip(taps, 0, side - 1).astype(np.intp)
    np.add.at(weights, (np.arange(length)[:, None], columns), np.where(far <= 1, near_tap, far_tap))
    return weights


__all__ = ["Argmax", "CoarseToFine", "Location", "locate"]
