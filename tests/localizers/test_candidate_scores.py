"""Scores by hand; whole localizers with them are in test_dense.py."""

from __future__ import annotations

import numpy as np
import pytest

from lockon.errors import LockonError
from lockon.localizers.score import DualModalScore, SigmoidScore, StretchedScore, sigmoid
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


ONLINE = np.array([[0.9, -0.3, 0.6], [1.2, 0.0, 0.2]])


@pytest.mark.parametrize("mu", [0.0, 0.25, 0.8, 1.0])
def test_both_modalities_are_mixed(mu: float) -> None:
    """Eq. 1, by hand: both returned values are the fused one, and responses outside of 0..1 count as they are."""
    foreground, score = DualModalScore(mu=mu)(Prediction(LOGITS, BOXES, QUALITY, {"online": ONLINE}))
    np.testing.assert_allclose(foreground, mu * ONLINE + (1 - mu) * FOREGROUND, atol=1e-15)
    np.testing.assert_array_equal(score, foreground)


def test_the_default_share_is_the_papers() -> None:
    assert DualModalScore() == DualModalScore(mu=0.8, quality=0.0)


def test_the_responses_of_places_count_for_all_their_anchors() -> None:
    """Two anchors on a map of 2 x 2: one anchor's map after the other, each row by row."""
    logits = np.zeros((1, 8))
    fused, _ = DualModalScore(mu=0.5)(Prediction(logits, np.zeros((1, 8, 4)), extras={"online": np.array([[0.1, 0.2, 0.3, 0.4]])}))
    np.testing.assert_allclose(fused, [[0.3, 0.35, 0.4, 0.45] * 2])
    own = np.arange(8)[None] / 10
    fused, _ = DualModalScore(mu=1.0)(Prediction(logits, np.zeros((1, 8, 4)), extras={"online": own}))
    np.testing.assert_array_equal(fused, own)


def test_without_a_response_the_foreground_stands_alone() -> None:
    """Of a whole prediction, of a target, or of a place."""
    np.testing.assert_array_equal(DualModalScore()(Prediction(LOGITS, BOXES))[0], sigmoid(LOGITS))
    holes = np.array([[np.nan, -0.3, np.inf], [np.nan] * 3])
    fused, _ = DualModalScore(mu=0.5)(Prediction(LOGITS, BOXES, extras={"online": holes}))
    np.testing.assert_allclose(fused, [[1 / 3, (0.75 - 0.3) / 2, 1 / 5], FOREGROUND[1]])


def test_a_share_of_nothing_is_the_foreground_to_the_bit() -> None:
    found = DualModalScore(mu=0.0, quality=1.0)(Prediction(LOGITS, BOXES, QUALITY, {"online": ONLINE}))
    for one, other in zip(found, SigmoidScore()(Prediction(LOGITS, BOXES, QUALITY)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_quality_weighs_fused_scores_where_it_is_told_to() -> None:
    fused, score = DualModalScore(mu=0.5, quality=2.0)(Prediction(LOGITS, BOXES, QUALITY, {"online": ONLINE}))
    np.testing.assert_allclose(fused, (ONLINE + FOREGROUND) / 2)
    np.testing.assert_allclose(score, fused * [[1 / 4, 9 / 16, 1 / 16], [1 / 4] * 3])


@pytest.mark.parametrize("shape", [(2, 2), (2, 6), (1, 3), (2, 3, 1), (2, 0)], ids=str)
def test_responses_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(LockonError, match="online responses of shape"):
        DualModalScore()(Prediction(LOGITS, BOXES, extras={"online": np.zeros(shape)}))


@pytest.mark.parametrize("change", [{"mu": -0.1}, {"mu": 1.1}, {"mu": np.nan}, {"quality": -1.0}, {"quality": 101.0}], ids=str)
def test_shares_and_exponents_out_of_range_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(LockonError, match=next(iter(change))):
        DualModalScore(**change)
