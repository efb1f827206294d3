"""What a filter that is learnt online should answer: labels, and with them the problem that the optimiser solves; parts of a learner.

`DistanceLabels` are functions of the distance to the target's centre (Bhat et al., DiMP, ICCV 2019, arXiv 1904.07220, Sec. 3.4),
`AnchorLabels` are 1 and 0 by the overlap of anchors (Zhou et al., DuML, 2021, Sec. 4). Both are frozen values over arrays of NumPy or
torch. The features' cells lie at ``first + stride * i`` in the crop, counted from its corner; an odd filter's scores lie there too, an
even one's half a cell before.

Letters: B targets, M samples of each, A filters of each, C channels, H, W cells, S, T rows and columns of the scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lockon._config_values import check_field, check_range
from lockon.errors import LockonError
from lockon.online.filters import score_size
from lockon.online.steepest_descent import DensityCrossEntropy, HingeLeastSquares, Problem
from lockon.ops.anchor_labels import LabelGrid, anchor_labels
from lockon.ops.array_math import clip_min, counted, integers, like, namespace
from lockon.types import Array

BIN = 0.1  # width of a bin of the distance to the target's centre, in cells
LEAST_REGULARIZATION = 1e-6  # of DiMP; that of a filter in the published code
LEAST_FILTER_REG = 0.05  # of PrDiMP, before it is squared
LABEL_SIGMA = 0.9  # cells, of PrDiMP's density


@dataclass(frozen=True, kw_only=True, slots=True)
class DistanceLabels:
    """Labels by the distance to the target's centre: DiMP's trained functions, or PrDiMP's density where the network has none.

    Attributes:
        stride: Crop pixels from one cell of the features to the next, above 0.
        first: Crop pixel of the first cell's centre, counted from the corner.
        reserve: Logit of "nowhere" that takes its share of PrDiMP's softmax; None for none.

    Raises:
        LockonError: A stride that is not above 0.
    """

    stride: float = 16.0
    first: float = 8.0
    reserve: float | None = None

    def __post_init__(self) -> None:
        check_range("stride", self.stride, 0, 1000, above=True)
        check_range("first", self.first, -1000, 1000)

    @property
    def filters(self) -> int:
        """How many filters a target has."""
        return 1

    def __call__(self, numbers: Mapping[str, Any], features: Array, boxes: Array, weights: Array, *, size: int) -> Problem:
        """Return the problem that the trained numbers of an optimiser belong to.

        Args:
            numbers: ``log_step_length`` and ``filter_reg`` (1,); ``label_map``, ``target_mask`` and ``spatial_weight`` (100,) or None.
            features: (B, M, C, H, W).
            boxes: (B, M, 4) x1, y1, x2, y2 of the target in crop pixels.
            weights: (B, M) of the samples, at least 0.
            size: K, taps per side of the filter.
        """
        offsets = _offsets(features, boxes, size, self.stride, self.first)
        maps = _maps(numbers, offsets)
        if maps is None:
            least, step = clip_min(numbers["filter_reg"], LEAST_FILTER_REG), namespace(features).exp(numbers["log_step_length"])
            return DensityCrossEntropy(features, _density(*offsets), weights, least * least, step, self.reserve)
        label, mask, spatial = maps  # (B, M, S, T) each
        return _least_squares(numbers, features, label, mask, _root(weights, label) * spatial)


@dataclass(frozen=True, kw_only=True, slots=True)
class AnchorLabels:
    """Labels of anchors (DuML's online classification, Sec. 4), one filter per shape: 1 and 0, and no say where the overlap is neither.

    See `lockon.ops.anchor_labels`. Mask and weight by distance stay the trained ones.

    Attributes:
        shapes: Width and height of the A anchors of a cell in crop pixels, above 0.
        stride: Crop pixels from one cell of the features to the next, above 0.
        first: Crop pixel of the first cell's centre, counted from the corner.
        positive: IoU above which an anchor is 1, 0..1.
        negative: IoU below which it is 0, 0..1.

    Raises:
        LockonError: A number out of its range, or no shape.
    """

    shapes: tuple[tuple[float, float], ...] = ((104.0, 32.0), (88.0, 40.0), (64.0, 64.0), (40.0, 80.0), (32.0, 96.0))
    stride: float = 8.0
    first: float = 7.5
    positive: float = 0.8
    negative: float = 0.3

    def __post_init__(self) -> None:
        check_range("stride", self.stride, 0, 1000, above=True)
        check_range("first", self.first, -1000, 1000)
        for name in ("positive", "negative"):
            check_range(name, getattr(self, name), 0, 1)
        fits = len(self.shapes) > 0 and all(0 < side < np.inf for shape in self.shapes for side in shape)
        check_field(self, "shapes", fits, "pairs of a width and a height above 0")

    @property
    def filters(self) -> int:
        """How many filters a target has, A."""
        return len(self.shapes)

    def __call__(self, numbers: Mapping[str, Any], features: Array, boxes: Array, weights: Array, *, size: int) -> Problem:
        """Return the problem of as many filters as there are shapes, see `DistanceLabels`.

        Raises:
            LockonError: An optimiser without trained functions of the distance.
        """
        maps = _maps(numbers, _offsets(features, boxes, size, self.stride, self.first))
        if maps is None:
            raise LockonError("labels=anchor-labels given, but the network's optimiser has no maps; leave labels=distance-labels")
        label, counts = self.labels(features, boxes, size)
        mask, spatial = ((one if len(self.shapes) == 1 else one[:, :, None]) for one in maps[1:])
        return _least_squares(numbers, features, label, mask, _root(weights, label) * spatial * counts)

    def labels(self, features: Array, boxes: Array, size: int) -> tuple[Array, Array]:
        """Return the labels and whether they count, 0 or 1 both: (B, M, A, S, T), or (B, M, S, T) of one shape.

        Args:
            features: (B, M, C, H, W), for their size and kind.
            boxes: (B, M, 4) x1, y1, x2, y2 of the target in crop pixels.
            size: K, taps per side of the filters.
        """
        rows, columns = score_size(features.shape[-2], features.shape[-1], size)
        grid = LabelGrid(rows, columns, self.stride, self.first - (0 if size % 2 else self.stride / 2))
        found = anchor_labels(like(boxes, features), self.shapes, grid, positive=self.positive, negative=self.negative)
        found = found[:, :, 0] if len(self.shapes) == 1 else found
        return clip_min(found, 0.0), like(found >= 0, features)


Labels = DistanceLabels | AnchorLabels


def interpolated(values: Array, distance: Array) -> Array:
    """Return a function of the distance between bins of 0.1 cells, constant after the last one (DiMP, Eq. 7).

    Args:
        values: (N,) at 0, 0.1, .. cells.
        distance: Any shape, in cells.
    """
    last = len(values) - 1
    place = distance / BIN
    place = place - clip_min(place - last, 0.0)
    below = integers(place)
    share = place - below
    above = below + (below < last)
    return values[below] * (1 - share) + values[above] * share


def _maps(numbers: Mapping[str, Any], offsets: tuple[Array, Array]) -> tuple[Array, Array, Array] | None:
    """Return (B, M, S, T) label, mask and spatial weight by the distance of score cells to the target's centre; None without them."""
    label, mask, spatial = (numbers[name] for name in ("label_map", "target_mask", "spatial_weight"))
    if label is None or mask is None or spatial is None:
        return None
    module = namespace(label)
    distance = module.sqrt(sum(offset * offset for offset in offsets))
    return interpolated(label, distance), 1 / (1 + module.exp(-interpolated(mask, distance))), interpolated(spatial, distance)


def _least_squares(numbers: Mapping[str, Any], features: Array, label: Array, mask: Array, weights: Array) -> HingeLeastSquares:
    regularization = numbers["filter_reg"]
    least = clip_min(regularization * regularization, LEAST_REGULARIZATION)
    return HingeLeastSquares(features, label, mask, weights, least, namespace(features).exp(numbers["log_step_length"]))


def _root(weights: Array, label: Array) -> Array:
    """Return the square root of (B, M) weights with as many axes as the labels (B, M, ...)."""
    return namespace(label).sqrt(weights).reshape(*weights.shape, *[1] * (label.ndim - 2))


def _density(rows: Array, columns: Array) -> Array:
    """Return the (B, M, S, T) normal density around the target's centre, its sum 1, of offsets (B, M, S, 1) and (B, M, 1, T)."""
    density = namespace(rows).exp((rows * rows + columns * columns) * (-0.5 / LABEL_SIGMA**2)) / (2 * np.pi * LABEL_SIGMA**2)
    return density / (density.sum((2, 3))[:, :, None, None] + 1e-8)


def _offsets(features: Array, boxes: Array, size: int, stride: float, first: float) -> tuple[Array, Array]:
    """Return the (B, M, S, 1) and (B, M, 1, T) offsets of score cells from the target's centre, in cells."""
    rows, columns = score_size(features.shape[-2], features.shape[-1], size)
    shift = first / stride - (0 if size % 2 else 0.5)  # an even filter's scores lie half a cell before those of the features
    x, y = (like((boxes[..., i] + boxes[..., i + 2]) / (2 * stride), features) - shift for i in (0, 1))  # (B, M)
    return counted(rows, features)[:, None] - y[:, :, None, None], counted(columns, features) - x[:, :, None, None]


__all__ = ["AnchorLabels", "DistanceLabels", "Labels", "interpolated"]
