"""Steepest descent on filters, with the step that minimises a quadratic model of the objective along the gradient.

`HingeLeastSquares` is DiMP's objective with its Gauss-Newton model (Bhat et al., ICCV 2019, Sec. 3.1 to 3.3),
`DensityCrossEntropy` PrDiMP's with Newton's (Danelljan et al., CVPR 2020, Sec. 4.3). Both are frozen values over
arrays of NumPy or torch; with tensors that require gradients all steps can be derived. Scores are linear in the filter: those after a step
follow from those before it and those of the gradient, so that a step costs two passes over the features. What a target's scores should be,
and so which problem it is, the labels say (`lockon.online.labels`).

A target with several filters has one problem: (B, A, C, K, K) in place of (B, C, K, K), scores (B, M, A, S, T), one step length for all.

Letters: B targets, M samples of each, A filters of each, C channels, H, W cells, K taps per side of a filter, S, T rows and columns of the
scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from lockon.online.filters import apply_filter, filter_gradient
from lockon.ops.array_math import clip_min, namespace, softmax
from lockon.types import Array

NEWTON_DAMPING = 0.05  # of PrDiMP's step
LEAST_CURVATURE = 1e-8


class Problem(Protocol):
    """An objective of the filters of B targets, through scores that are linear in them; shapes are those of one filter each."""

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
    """Return the filters (B, C, K, K), or (B, A, C, K, K), before and after each of some steps."""
    iterates, scores = [filters], problem.scores(filters)
    for step in range(steps):
        gradient = problem.gradient(filters, scores)
        along = problem.scores(gradient)  # (B, M, S, T)
        curvature = clip_min(problem.curvature(scores, gradient, along), LEAST_CURVATURE)
        length = problem.step_factor * _summed(gradient * gradient) / curvature  # (B,)
        filters = filters - _beside(length, filters) * gradient
        iterates.append(filters)
        if step + 1 < steps:
            scores = scores - _beside(length, scores) * along
    return iterates


def _summed(values: Array) -> Array:
    """Return the (B,) sums of (B, ...)."""
    return values.sum(tuple(range(1, values.ndim)))


def _beside(numbers: Array, values: Array) -> Array:
    """Return (B,) numbers with as many axes as (B, ...) values."""
    return numbers.reshape(-1, *[1] * (values.ndim - 1))


@dataclass(frozen=True, slots=True)
class HingeLeastSquares:
    """Squared differences of scores and labels, of which scores below 0 far from the target do not count.

    Attributes:
        features: (B, M, C, H, W).
        labels: (B, M, S, T), or of several filters (B, M, A, S, T).
        mask: Slope of negative scores, 0..1; likewise, or (B, M, 1, S, T) alike for all.
        weights: Factor of the residuals, likewise.
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
        return _summed(change * change) + self.regularization * _summed(direction * direction)

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
        damped = (self.regularization + NEWTON_DAMPING) * _summed(direction * direction)
        return (self.weights * spread).sum(1) + damped

    def _density(self, scores: Array) -> Array:
        return softmax(scores.reshape(*scores.shape[:2], -1), self.reserve).reshape(scores.shape)


__all__ = ["DensityCrossEntropy", "HingeLeastSquares", "Problem", "descend"]
