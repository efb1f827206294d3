"""Scores by hand; whole localizers with them are in test_dense.py."""

from __future__ import annotations

import numpy as np
import pytest

from lockon.localizers.score import SigmoidScore, StretchedScore, sigmoid
from lockon.types import Prediction

LOGITS = np.log([[0.5, 3.0, 0.25], [1.0, 9.0, 4.0]])  # probabilities 1/3, 3/4, 1/5 and 1/2, 9/10, 4/5
FOREGROUND = np.array([[1 / 3, 3 / 4, 1 / 5], [1 / 2, 9 / 10, 4 / 5]])
QUALITY = np.log([[1.0, 3.0, 1 / 3], [1.0, 1.0, 1.0]])  # 1/2, 3/4, 1/4; stretched 1/2, 1, 0. The second map is flat
BOXES = np.zeros((2, 3, 4))


@pytest.mark.parametrize(
    ("part", "factor"),
    [
        (SigmoidScore(), [[1 / 2, 3 / 4, 1 / 4], [1 / 2] * 3]),
        (SigmoidScore(quality=2.0), [[1 / 4, 9 / 16, 1 / 16], [1 / 4] * 3]),
        (SigmoidScore(quality=0.0), [[1] * 3] * 2),
        (StretchedScore(), [[1 / 2, 1, 0], [1] * 3]),
        (StretchedScore(quality=0.5), [[np.sqrt(1 / 2), 1, 0], [1] * 3]),
        (StretchedScore(quality=0.0), [[1] * 3] * 2),
    ],
    ids=str,
)
def test_quality(part: SigmoidScore | StretchedScore, factor: list[list[float]]) -> None:
    foreground, score = part(Prediction(LOGITS, BOXES, QUALITY))
    np.testing.assert_allclose(foreground, FOREGROUND)
    np.testing.assert_allclose(score, FOREGROUND * np.array(factor), atol=1e-12)


@pytest.mark.parametrize("part", [SigmoidScore(), StretchedScore()])
def test_heads_without_quality(part: SigmoidScore | StretchedScore) -> None:
    foreground, score = part(Prediction(LOGITS.astype(np.float32), BOXES))
    assert foreground.dtype == score.dtype == np.float64
    np.testing.assert_allclose(foreground, FOREGROUND, rtol=1e-6)
    np.testing.assert_array_equal(score, foreground)


def test_sigmoid_at_its_ends() -> None:
    """Cut at 30, so that nothing overflows and no score is exactly 0."""
    found = sigmoid(np.array([-1e9, -30.0, 0.0, 30.0, np.inf]))
    low = 1 / (1 + np.exp(30.0))
    np.testing.assert_allclose(found, [low, low, 0.5, 1 - low, 1 - low], rtol=1e-12)
    assert 0 < found[0] < 1e-12
