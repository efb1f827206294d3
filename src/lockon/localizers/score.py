"""Scores of candidates, before anything else is asked of them: parts of a localizer.

A score part is a function from a `Prediction` to (foreground, score), both (B, N) in [0, 1] up to rounding; those that a learner has a
part in may leave that range, as its responses do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lockon._config_values import check_range
from lockon.errors import LockonError
from lockon.types import FloatArray, Prediction

ONLINE = "online"  # among the extras of a prediction: what a learner says of its candidates


@dataclass(frozen=True, kw_only=True, slots=True)
class SigmoidScore:
    """The foreground probability, times the probability that the predicted quality's logit stands for.

    For two-class heads, whose logit is the difference of two, the sigmoid is the softmax.

    Attributes:
        quality: Exponent on the predicted quality where the head predicts one, 0..100; 0 leaves it out.
    """

    quality: float = 1.0

    def __post_init__(self) -> None:
        check_range("quality", self.quality, 0, 100)

    def __call__(self, prediction: Prediction) -> tuple[FloatArray, FloatArray]:
        """Return the (B, N) foreground probabilities and scores."""
        foreground = sigmoid(np.asarray(prediction.logits, dtype=np.float64))
        return foreground, _with_quality(foreground, prediction, sigmoid, self.quality)


@dataclass(frozen=True, kw_only=True, slots=True)
class StretchedScore:
    """The foreground probability, times the quality's logits of each map stretched to 0..1.

    SiamCAR's released code does so with centre-ness. A flat map counts as 1 everywhere.

    Attributes:
        quality: Exponent on the predicted quality where the head predicts one, 0..100; 0 leaves it out.
    """

    quality: float = 1.0

    def __post_init__(self) -> None:
        check_range("quality", self.quality, 0, 100)

    def __call__(self, prediction: Prediction) -> tuple[FloatArray, FloatArray]:
        """Return the (B, N) foreground probabilities and scores."""
        foreground = sigmoid(np.asarray(prediction.logits, dtype=np.float64))
        return foreground, _with_quality(foreground, prediction, _stretched, self.quality)


@dataclass(frozen=True, kw_only=True, slots=True)
class DualModalScore:
    """``mu * online + (1 - mu) * offline``: the response of a filter learnt online, and the foreground probability (DuML, Eq. 1).

    ``Prediction.extras["online"]`` holds the responses as they are, not cut to 0..1, so that no two of them become equal. Where it is
    missing or no number, the foreground probability stands alone.

    Attributes:
        mu: Share of the online response, 0..1.
        quality: Exponent on the predicted quality where the head predicts one, 0..100; 0 leaves it out, as DuML does, whose quality
            weighs votes alone.
    """

    mu: float = 0.8
    quality: float = 0.0

    def __post_init__(self) -> None:
        check_range("mu", self.mu, 0, 1)
        check_range("quality", self.quality, 0, 100)

    def __call__(self, prediction: Prediction) -> tuple[FloatArray, FloatArray]:
        """Return the (B, N) fused foreground scores, and these with the quality.

        Raises:
            LockonError: Responses that are neither one per candidate nor one per place.
        """
        fused = sigmoid(np.asarray(prediction.logits, dtype=np.float64))  # (B, N)
        if ONLINE in prediction.extras:
            online = _of_candidates(np.asarray(prediction.extras[ONLINE], dtype=np.float64), fused.shape)  # (B, N)
            fused = np.where(np.isfinite(online), self.mu * online + (1 - self.mu) * fused, fused)
        return fused, _with_quality(fused, prediction, sigmoid, self.quality)


def _of_candidates(online: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Return (B, M) responses as (B, N): those of the S S places of a map, row by row, count for each of its anchors."""
    count, candidates = shape
    if online.ndim != 2 or len(online) != count or not online.shape[1] or candidates % online.shape[1]:
        raise LockonError(
            f"online responses of shape {online.shape} for candidates of shape {shape}; expected one per candidate, or one per place"
        )
    return np.tile(online, (1, candidates // online.shape[1]))


def _with_quality(foreground: FloatArray, prediction: Prediction, scale: Callable[[FloatArray], FloatArray], exponent: float) -> FloatArray:
    """Return the (B, N) foreground scores times the scaled quality to the power of `exponent`."""
    if prediction.quality is None or not exponent:
        return foreground
    return np.asarray(foreground * scale(np.asarray(prediction.quality, dtype=np.float64)) ** exponent)


def sigmoid(x: FloatArray) -> FloatArray:
    """Return the logistic function, its argument cut at +-30.

    >>> float(sigmoid(np.array(0.0)))
    0.5
    """
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))))


def _stretched(values: FloatArray) -> FloatArray:
    """Return each row of (B, N) stretched to 0..1; 1 where all its values are the same."""
    low = values.min(axis=1, keepdims=True)
    spread = values.max(axis=1, keepdims=True) - low
    stretched: FloatArray = np.divide(values - low, spread, out=np.ones_like(values), where=spread > 0)
    return stretched


__all__ = ["ONLINE", "DualModalScore", "SigmoidScore", "StretchedScore", "sigmoid"]
