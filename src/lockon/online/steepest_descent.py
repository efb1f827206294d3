"""Steepest descent on filters, with the step that minimises a quadratic model of the objective along the gradient.

`HingeLeastSquares` is DiMP's objective with its Gauss-Newton model (Bhat et al., ICCV 2019, Sec. 3.1 to 3.3),
`DensityCrossEntropy` PrDiMP's with Newton's (Danelljan et al., CVPR 2020, Sec. 4.3). Both are frozen values over
arrays of NumPy or torch; with tensors that require gradients all steps can be derived. Scores are linear in the filter: those after a step
follow from those before it and those of the gradient, so that a step costs two passes over the features.

Letters: B targets, M samples of each, C channels, H, W cells, K taps per side of a filter, S, T rows and columns of the scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lockon.online.filters import apply_filter, filter_gradient, score_size
from lockon.ops.array_math import clip_min, counted, integers, like, namespace, softmax
from lockon.types import Array

STRIDE = 16  # crop pixels per cell
BIN = 0.1  # width of a bin of the distance to the target's centre, in cells
LEAST_REGULARIZATION = 1e-6  # of DiMP; that of a filter in the published code
LEAST_FILTER_REG = 0.05  # of PrDiMP, before it is squared
LABEL_SIGMA = 0.9  # cells, of PrDiMP's density
NEWTON_DAMPING = 0.05  # of PrDiMP's step
LEAST_CURVATURE = 1e-8


class Problem(Protocol):
    """An objective of B filters, through scores that are linear in them."""

    @property
    def step_factor(self) -> Array:
        """Factor (1,) on the step of the quadratic model."""

    def scores(self, filters: Array) -> Array:
        """Return the (B, M, S, T) scores of filters (B, C, K, K)."""

    def gradient(self, filters: Array, scores: Array) -> Array:
        """Return the gradient (B, C, K, K) at filters (B, C, K, K), given their scores (B, M, S, T)."""

    def curvature(self, scores: Array, direction: Array, along: Array) -> Array:
        """Return (B,) the quadratic model's second derivative at scores along a direction (B, C, K, K), whose scores are `along`."""


def descend(problem: Problem, filters: Array, steps: int) -> list[Array]:
    """Return the filters (B, C, K, K) before and after each of some steps."""
    iterates, scores = [filters], problem.scores(filters)
    for step in range(steps):
        gradient = problem.gradient(filters, scores)
        along = problem.scores(gradient)  # (B, M, S, T)
        curvature = clip_min(problem.curvature(scores, gradient, along), LEAST_CURVATURE)
        length = (problem.step_factor * (gradient * gradient).sum((1, 2, 3)) / curvature)[:, None, None, None]
        filters = filters - length * gradient
        iterates.append(filters)
        if step + 1 < steps:
            scores = scores - length * along
    return iterates


def objective(
    numbers: Mapping[str, Any], features: Array, boxes: Array, weights: Array, *, size: int = 4, reserve: float | None = None
) -> Problem:
    """Return the objective that the trained numbers of an optimiser belong to: DiMP's with maps, PrDiMP's without.

    Args:
        numbers: ``log_step_length`` and ``filter_reg`` (1,); ``label_map``, ``target_mask`` and ``spatial_weight`` (100,) or None.
        features: (B, M, C, H, W).
        boxes: (B, M, 4) x1, y1, x2, y2 of the target in crop pixels.
        weights: (B, M) of the samples, at least 0.
        size: K, taps per side of the filter.
        reserve: Logit of "nowhere" that takes its share of PrDiMP's softmax; None for none.
    """
    log_step: Array = numbers["log_step_length"]
    regularization: Array = numbers["filter_reg"]
    label, mask, spatial = (numbers[name] for name in ("label_map", "target_mask", "spatial_weight"))
    module = namespace(features)
    if label is None or mask is None or spatial is None:
        least = clip_min(regularization, LEAST_FILTER_REG)
        return DensityCrossEntropy(features, _density(features, boxes, size), weights, least * least, module.exp(log_step), reserve)
    distance = _distance(features, boxes, size)
    maps = (interpolated(label, distance), 1 / (1 + module.exp(-interpolated(mask, distance))), interpolated(spatial, distance))
    root = module.sqrt(weights)[:, :, None, None] * maps[2]
    least = clip_min(regularization * regularization, LEAST_REGULARIZATION)
    return HingeLeastSquares(features, maps[0], maps[1], root, least, module.exp(log_step))


@dataclass(frozen=True, slots=True)
class HingeLeastSquares:
    """Squared differences of scores and labels, of which scores below 0 far from the target do not count.

    Attributes:
        features: (B, M, C, H, W).
        labels: (B, M, S, T).
        mask: (B, M, S, T) slope of negative scores, 0..1.
        weights: (B, M, S, T) factor of the residuals.
        regularization: (1,) weight of the squared filter.
        step_factor: (1,).
    """

    features: Array
    labels: Array
    mask: Array
    weights: Array
    regularization: Array
    step_factor: Array

    def scores(self, filters: Array) -> Array:
        """Return the (B, M, S, T) scores of filters (B, C, K, K)."""
        return apply_filter(filters, self.features)

    def gradient(self, filters: Array, scores: Array) -> Array:
        """Return the gradient (B, C, K, K) at filters (B, C, K, K), given their scores (B, M, S, T)."""
        active = (1 - self.mask) / 2 * abs(scores) + (1 + self.mask) / 2 * scores
        residuals = self.weights * self.weights * self._slope(scores) * (active - self.labels)
        return filter_gradient(self.features, residuals, filters.shape[-1]) + self.regularization * filters

    def curvature(self, scores: Array, direction: Array, along: Array) -> Array:
        """Return (B,) the Gauss-Newton model's second derivative, see `Problem.curvature`."""
        change = self.weights * self._slope(scores) * along
        return (change * change).sum((1, 2, 3)) + self.regularization * (direction * direction).sum((1, 2, 3))

    def _slope(self, scores: Array) -> Array:
        return (1 - self.mask) / 2 * namespace(scores).sign(scores) + (1 + self.mask) / 2


@dataclass(frozen=True, slots=True)
class DensityCrossEntropy:
    """Cross entropy of the density that scores stand for, their softmax, and a label density.

    Attributes:
        features: (B, M, C, H, W).
        labels: (B, M, S, T) that sum to 1.
        weights: (B, M) of the samples.
        regularization: (1,) weight of the squared filter.
        step_factor: (1,).
        reserve: Logit of "nowhere" that takes its share of the softmax; None for none.
    """

    features: Array
    labels: Array
    weights: Array
    regularization: Array
    step_factor: Array
    reserve: float | None = None

    def scores(self, filters: Array) -> Array:
        """Return the (B, M, S, T) scores of filters (B, C, K, K)."""
        return apply_filter(filters, self.features)

    def gradient(self, filters: Array, scores: Array) -> Array:
        """Return the gradient (B, C, K, K) at filters (B, C, K, K), given their scores (B, M, S, T)."""
        residuals = self.weights[:, :, None, None] * (self._density(scores) - self.labels)
        return filter_gradient(self.features, residuals, filters.shape[-1]) + self.regularization * filters

    def curvature(self, scores: Array, direction: Array, along: Array) -> Array:
        """Return (B,) Newton's second derivative, damped as published, see `Problem.curvature`."""
        product = self._density(scores) * along  # (B, M, S, T)
        mean = product.sum((2, 3))[:, :, None, None]
        spread = clip_min((product * (along - mean)).sum((2, 3)), 0.0)  # (B, M)
        damped = (self.regularization + NEWTON_DAMPING) * (direction * direction).sum((1, 2, 3))
        return (self.weights * spread).sum(1) + damped

    def _density(self, scores: Array) -> Array:
        return softmax(scores.reshape(*scores.shape[:2], -1), self.reserve).reshape(scores.shape)


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


def _distance(features: Array, boxes: Array, size: int) -> Array:
    """Return the (B, M, S, T) distance of score cells to the target's centre, in cells."""
    return namespace(features).sqrt(sum(offset * offset for offset in _offsets(features, boxes, size)))


def _density(features: Array, boxes: Array, size: int) -> Array:
    """Return the (B, M, S, T) normal density around the target's centre, its sum 1."""
    rows, columns = _offsets(features, boxes, size)
    density = namespace(features).exp((rows * rows + columns * columns) * (-0.5 / LABEL_SIGMA**2)) / (2 * np.pi * LABEL_SIGMA**2)
    return density / (density.sum((2, 3))[:, :, None, None] + 1e-8)


def _offsets(features: Array, boxes: Array, size: int) -> tuple[Array, Array]:
    """Return the (B, M, S, 1) and (B, M, 1, T) offsets of score cells from the target's centre; an odd filter's are those of features."""
    rows, columns = score_size(features.shape[-2], features.shape[-1], size)
    x, y = (like((boxes[..., i] + boxes[..., i + 2]) / (2 * STRIDE), features) - size % 2 / 2 for i in (0, 1))  # (B, M)
    return counted(rows, features)[:, None] - y[:, :, None, None], counted(columns, features) - x[:, :, None, None]


__all__ = ["DensityCrossEntropy", "HingeLeastSquares", "Problem", "descend", "interpolated", "objective"]
