"""ATOM's classifier and its two least-squares problems: a projection to few channels and a filter on them, or the filter alone.

Danelljan et al., ATOM, CVPR 2019 (arXiv 1811.07628), Sec. 3.2: scores are ``mlu(filter * (projection features))``. They are linear in the
filter that both are together, on all channels, and so are the derivatives: every product with the Jacobian is one application of such a
filter, every product with its transpose one adjoint.

Letters: B targets, M samples of each, D channels of the features, C after the projection, H, W cells, K taps per side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lockon.online.conjugate_gradient import Linearized
from lockon.online.filters import apply_filter, filter_gradient
from lockon.ops.array_math import clip_min, joined, like, namespace, pad
from lockon.types import Array

STEEPNESS = 20.0  # of the activation below 0, where it goes to -1 / STEEPNESS


def mlu(scores: Array) -> Array:
    """Return ATOM's activation: scores above 0 as they are, ``(exp(20 s) - 1) / 20`` below, so that far negative ones are all alike."""
    negative = -clip_min(-scores, 0.0)
    return clip_min(scores, 0.0) + (namespace(scores).exp(STEEPNESS * negative) - 1) / STEEPNESS


def mlu_slope(scores: Array) -> Array:
    """Return the derivative of `mlu`: 1 above 0."""
    return namespace(scores).exp(-STEEPNESS * clip_min(-scores, 0.0))


def same_scores(filters: Array, features: Array) -> Array:
    """Apply filters (B, D, K, K) to features (B, M, D, H, W): (B, M, H, W), without what an even filter gives at the end."""
    return apply_filter(filters, features)[..., : features.shape[-2], : features.shape[-1]]


def same_gradient(features: Array, residuals: Array, size: int) -> Array:
    """Apply the adjoint of `same_scores` to residuals (B, M, H, W): (B, D, K, K)."""
    more = 1 - size % 2
    return filter_gradient(features, pad(residuals, (0, more), (0, more)), size)


def projected(features: Array, projections: Array) -> Array:
    """Map features (..., D, H, W) to (..., C, H, W) by projections (..., C, D)."""
    shape = features.shape
    few = projections @ features.reshape(*shape[:-2], -1)  # (..., C, H W)
    return few.reshape(*few.shape[:-1], *shape[-2:])


def combined(filters: Array, projections: Array) -> Array:
    """Return the (B, D, K, K) filters on all channels that filters (B, C, K, K) after projections (B, C, D) are."""
    b, c, k = filters.shape[:3]
    return (projections.swapaxes(1, 2) @ filters.reshape(b, c, k * k)).reshape(b, -1, k, k)


@dataclass(frozen=True, slots=True)
class FilterProblem:
    """Squared differences of ATOM's scores and labels by the filter alone; unknowns are flat filters (B, C K K).

    Attributes:
        features: (B, M, C, H, W), projected.
        labels: (B, M, H, W).
        weights: (B, M) of the samples, at least 0.
        size: K.
        regularization: Weight of the squared filter.
    """

    features: Array
    labels: Array
    weights: Array
    size: int = 4
    regularization: float = 0.1

    @property
    def scale(self) -> float:
        """1: no preconditioner."""
        return 1.0

    def linearized(self, unknowns: Array) -> Linearized:
        """Return the Gauss-Newton model at unknowns (B, C K K)."""
        shape = (len(unknowns), -1, self.size, self.size)
        scores = same_scores(unknowns.reshape(shape), self.features)
        slope, weights = mlu_slope(scores), self.weights[:, :, None, None]

        def back(residuals: Array) -> Array:
            return same_gradient(self.features, weights * slope * residuals, self.size).reshape(unknowns.shape)

        def product(change: Array) -> Array:
            return back(slope * same_scores(change.reshape(shape), self.features)) + self.regularization * change

        return Linearized(-back(mlu(scores) - self.labels) - self.regularization * unknowns, product)


@dataclass(frozen=True, slots=True)
class JointProblem:
    """The same by filter and projection together; unknowns are flat (B, C K K + C D), the filter first, see `flat` and `parts`.

    Attributes:
        features: (B, M, D, H, W).
        labels: (B, M, H, W).
        weights: (B, M) of the samples, at least 0.
        channels: C.
        size: K.
        regularization: Weight of the squared filter.
        projection_regularization: Of the squared projection.
    """

    features: Array
    labels: Array
    weights: Array
    channels: int = 64
    size: int = 4
    regularization: float = 0.1
    projection_regularization: float = 1e-4

    @property
    def scale(self) -> Array:
        """(N,) weights of the squared unknowns: a part that is hardly held is moved more."""
        taps = self.channels * self.size**2
        weights = np.repeat([self.regularization, self.projection_regularization], [taps, self.channels * self.features.shape[2]])
        return like(weights, self.features)

    def flat(self, filters: Array, projections: Array) -> Array:
        """Return filters (B, C, K, K) and projections (B, C, D) as unknowns."""
        return joined([one.reshape(len(filters), -1) for one in (filters, projections)])

    def parts(self, unknowns: Array) -> tuple[Array, Array]:
        """Return the filters (B, C, K, K) and projections (B, C, D) of unknowns."""
        taps = self.channels * self.size**2
        filters = unknowns[:, :taps].reshape(-1, self.channels, self.size, self.size)
        return filters, unknowns[:, taps:].reshape(len(unknowns), self.channels, -1)

    def linearized(self, unknowns: Array) -> Linearized:
        """Return the Gauss-Newton model at unknowns (B, N)."""
        filters, projections = self.parts(unknowns)
        taps = filters.reshape(*filters.shape[:2], -1)  # (B, C, K K)
        scores = same_scores(combined(filters, projections), self.features)
        slope, weights, held = mlu_slope(scores), self.weights[:, :, None, None], self.scale

        def back(residuals: Array) -> Array:
            whole = same_gradient(self.features, weights * slope * residuals, self.size)  # (B, D, K, K)
            whole = whole.reshape(*whole.shape[:2], -1)
            return self.flat(projections @ whole, taps @ whole.swapaxes(1, 2))

        def product(change: Array) -> Array:
            turned, moved = self.parts(change)
            whole = combined(turned, projections) + combined(filters, moved)
            return back(slope * same_scores(whole, self.features)) + held * change

        return Linearized(-back(mlu(scores) - self.labels) - held * unknowns, product)


__all__ = ["FilterProblem", "JointProblem", "combined", "mlu", "mlu_slope", "projected", "same_gradient", "same_scores"]
