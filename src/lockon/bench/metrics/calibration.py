"""Calibration of scores: AUROC, calibration error, and the two usual corrections.

Platt, Probabilistic outputs for support vector machines, 1999, with the Newton steps of Lin, Lin and Weng, Machine
Learning 68, 2007; isotonic regression by pool adjacent violators (Zadrozny and Elkan, KDD 2002); expected calibration
error as in Guo et al., ICML 2017, equation 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lockon.bench.metrics.correlation import average_ranks
from lockon.bench.metrics.frame_scores import BoolArray
from lockon.errors import LockonError
from lockon.types import FloatArray


def auroc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Compute the chance that a positive has a higher score than a negative, ties counting one half.

    Args:
        scores: (N,) any finite numbers.
        labels: (N,) bool or 0/1.

    Returns:
        Value in [0, 1], or NaN if all labels are equal.

    >>> auroc([0.9, 0.4, 0.4, 0.1], [1, 1, 0, 0])
    0.875
    """
    values, positive = _checked(scores, labels)
    count = int(positive.sum())
    if count in (0, len(positive)):
        return float("nan")
    ranks = average_ranks(values)
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(positive) - count)))


@dataclass(frozen=True, slots=True)
class Reliability:
    """A reliability diagram; bins without samples are NaN.

    Attributes:
        edges: (B + 1,) borders of the bins.
        confidence: (B,) mean probability.
        frequency: (B,) fraction of positives.
        count: (B,) samples.
    """

    edges: FloatArray
    confidence: FloatArray
    frequency: FloatArray
    count: NDArray[np.int64]


def reliability_curve(probabilities: ArrayLike, labels: ArrayLike, bins: int = 10) -> Reliability:
    """Compute probabilities against frequencies in `bins` equal parts of [0, 1]; the last one includes 1.

    Args:
        probabilities: (N,) in [0, 1].
        labels: (N,) bool or 0/1.
        bins: Number of parts.

    Raises:
        LockonError: A probability outside [0, 1], or fewer than one bin.
    """
    values, positive = _checked(probabilities, labels)
    if values.min() < 0 or values.max() > 1:
        raise LockonError(f"probabilities from {values.min():g} to {values.max():g}; expected [0, 1]: turn logits into probabilities first")
    if bins < 1:
        raise LockonError(f"bins={bins}; expected 1 or more")
    index = np.minimum((values * bins).astype(np.int64), bins - 1)
    count = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        confidence = np.bincount(index, weights=values, minlength=bins) / count
        frequency = np.bincount(index, weights=positive, minlength=bins) / count
    return Reliability(np.linspace(0, 1, bins + 1), confidence, frequency, count.astype(np.int64))


def expected_calibration_error(probabilities: ArrayLike, labels: ArrayLike, bins: int = 10) -> float:
    """Compute the mean distance of probability and frequency over the bins of `reliability_curve`, weighted by their samples.

    >>> round(expected_calibration_error([0.95, 0.95, 0.05, 0.05], [1, 1, 0, 0]), 6)
    0.05
    """
    curve = reliability_curve(probabilities, labels, bins)
    gap = np.abs(curve.confidence - curve.frequency)
    return float(np.nansum(gap * curve.count) / curve.count.sum())


@dataclass(frozen=True, slots=True)
class PlattScaling:
    """Map from a logit to a probability: ``1 / (1 + exp(-(scale * logit + bias)))``.

    Attributes:
        scale: Factor on the logit; the temperature is ``1 / scale``.
        bias: Summand.
    """

    scale: float
    bias: float

    def __call__(self, logits: ArrayLike) -> FloatArray:
        """Return probabilities in [0, 1] of the same shape."""
        return _sigmoid(self.scale * np.asarray(logits, dtype=np.float64) + self.bias)


def fit_platt(logits: ArrayLike, labels: ArrayLike, *, steps: int = 100, tolerance: float = 1e-10) -> PlattScaling:
    """Fit temperature and bias of highest likelihood, with Platt's softened targets, so that separable data stay finite.

    Args:
        logits: (N,) finite.
        labels: (N,) bool or 0/1, both kinds present.
        steps: Largest number of Newton steps.
        tolerance: Largest component of the gradient, per sample, at which the fit ends.

    Raises:
        LockonError: Labels of one kind only, or no convergence.
    """
    values, positive = _checked(logits, labels)
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros:
        raise LockonError(f"{ones} positive and {zeros} negative samples; fitting a calibration needs both kinds")
    target = np.where(positive, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    center, spread = float(values.mean()), float(values.std()) or 1.0
    design = np.stack([(values - center) / spread, np.ones_like(values)], axis=1)  # (N, 2), well conditioned
    weights = np.array([0.0, np.log((ones + 1) / (zeros + 1))])
    loss = _cross_entropy(design @ weights, target)
    for _ in range(steps):
        probability = _sigmoid(design @ weights)
        gradient = design.T @ (probability - target) / len(target)
        if np.abs(gradient).max() < tolerance:
            scale = weights[0] / spread
            return PlattScaling(float(scale), float(weights[1] - scale * center))
        hessian = (design * (probability * (1 - probability))[:, None]).T @ design / len(target) + 1e-12 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        weights, loss = _line_search(design, target, weights, step, loss)
    raise LockonError(f"fitting a calibration did not converge in {steps} steps on {len(target)} samples; check that scores are logits")


def _line_search(design: FloatArray, target: FloatArray, weights: FloatArray, step: FloatArray, loss: float) -> tuple[FloatArray, float]:
    """Halve the Newton step until the loss does not rise."""
    size = 1.0
    while size > 1e-10:
        trial = weights - size * step
        new = _cross_entropy(design @ trial, target)
        if new <= loss + 1e-15:
            return trial, new
        size /= 2
    return weights - step, loss  # the loss is flat to the last digit: a plain Newton step settles the gradient


def _cross_entropy(logits: FloatArray, target: FloatArray) -> float:
    return float(np.mean(np.logaddexp(0, logits) - target * logits))


def _sigmoid(logits: FloatArray) -> FloatArray:
    small: FloatArray = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, small) / (1 + small)


@dataclass(frozen=True, slots=True)
class Isotonic:
    """A rising function through knots, linear between them and constant outside.

    Attributes:
        scores: (K,) rising.
        probabilities: (K,) not falling, in [0, 1].
    """

    scores: FloatArray
    probabilities: FloatArray

    def __call__(self, scores: ArrayLike) -> FloatArray:
        """Return probabilities in [0, 1] of the same shape."""
        values = np.asarray(scores, dtype=np.float64)
        return np.interp(values.ravel(), self.scores, self.probabilities).reshape(values.shape)


def fit_isotonic(scores: ArrayLike, labels: ArrayLike) -> Isotonic:
    """Fit the non-falling function nearest to the labels in squared error; blocks keep their two ends as knots.

    Args:
        scores: (N,) finite.
        labels: (N,) bool or 0/1.
    """
    values, positive = _checked(scores, labels)
    knots, inverse, ties = np.unique(values, return_inverse=True, return_counts=True)
    means = np.bincount(inverse, weights=positive) / ties
    blocks: list[tuple[float, int, int]] = []  # mean, samples, distinct scores
    for mean, samples in zip(means.tolist(), ties.tolist(), strict=True):
        block = (mean, samples, 1)
        while blocks and blocks[-1][0] >= block[0]:
            before = blocks.pop()
            total = before[1] + block[1]
            block = ((before[0] * before[1] + block[0] * block[1]) / total, total, before[2] + block[2])
        blocks.append(block)
    fitted = np.repeat([block[0] for block in blocks], [block[2] for block in blocks])
    inner = np.zeros(len(fitted), dtype=np.bool_)
    inner[1:-1] = (fitted[1:-1] == fitted[:-2]) & (fitted[1:-1] == fitted[2:])
    return Isotonic(knots[~inner], np.clip(fitted[~inner], 0, 1))


def _checked(scores: ArrayLike, labels: ArrayLike) -> tuple[FloatArray, BoolArray]:
    values, flags = np.asarray(scores, dtype=np.float64), np.asarray(labels)
    if values.ndim != 1 or flags.shape != values.shape or not len(values):
        raise LockonError(f"scores of shape {values.shape} and labels of shape {flags.shape}; expected (N,) and (N,), N above 0")
    if not np.isfinite(values).all():
        raise LockonError(f"{int((~np.isfinite(values)).sum())} of {len(values)} scores are not finite; leave those samples out")
    if not np.isin(flags, (0, 1)).all():
        raise LockonError("labels hold other values than 0 and 1; give one truth value per sample")
    return values, flags.astype(np.bool_)


__all__ = [
    "Isotonic",
    "PlattScaling",
    "Reliability",
    "auroc",
    "expected_calibration_error",
    "fit_isotonic",
    "fit_platt",
    "reliability_curve",
]
