"""Scores of candidates, before anything else is asked of them: parts of a localizer.

A score part is a function from a `Prediction` to (foreground, score), both (B, N) in [0, 1] up to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lockon._config_values import check_range
from lockon.types import FloatArray, Prediction


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
        return _with_quality(prediction, sigmoid, self.quality)


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
        return _with_quality(prediction, _stretched, self.quality)


def _with_quality(prediction: Prediction, scale: Callable[[FloatArray], FloatArray], exponent: float) -> tuple[FloatArray, FloatArray]:
    """Return the (B, N) foreground probabilities, and these times the scaled quality to the power of `exponent`."""
    foreground = sigmoid(np.asarray(prediction.logits, dtype=np.float64))
    if prediction.quality is None or not exponent:
        return foreground, foreground
    return foreground, np.asarray(foreground * scale(np.asarray(prediction.quality, dtype=np.float64)) ** exponent)


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


__all__ = ["SigmoidScore", "StretchedScore", "sigmoid"]
