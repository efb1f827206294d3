"""Box rules by hand; whole localizers with them are in test_dense.py."""

from __future__ import annotations

import numpy as np
import pytest
from candidates import ranked

from lockon.localizers.boxes import Best, BoxRule, MeanNear, MeanRanked

# the second overlaps the first by 18 of 22 columns, the third is elsewhere, the fourth is the first but half as high
BOXES = [[50.0, 50, 20, 20], [52, 50, 20, 20], [90, 90, 10, 10], [50, 45, 20, 10]]


def test_the_best() -> None:
    boxes = Best()(ranked([BOXES, BOXES], [[0.9, 0.8, 0.7, 0.1]] * 2), np.array([2, 1]))
    assert boxes.tolist() == [BOXES[2], BOXES[1]]


@pytest.mark.parametrize(
    ("rule", "weights"),
    [
        (MeanNear(top=1), [0.9, 0, 0, 0]),
        (MeanNear(top=2), [0.9, 0, 0, 0]),  # the second highest is the third, which does not overlap
        (MeanNear(top=3), [0.9, 0.6, 0, 0]),
        (MeanNear(top=4), [0.9, 0.6, 0, 0]),  # the fourth does by 0.5
        (MeanNear(top=4, overlap=0.49), [0.9, 0.6, 0, 0.3]),
        (MeanNear(top=4, overlap=0.9), [0.9, 0, 0, 0]),
        (MeanNear(top=99, overlap=0.49), [0.9, 0.6, 0, 0.3]),
    ],
    ids=str,
)
def test_the_mean_of_near_ones(rule: MeanNear, weights: list[float]) -> None:
    """Of corners, weighted by scores. Ranks do not matter."""
    corners = np.array([[40, 40, 60, 60], [42, 40, 62, 60], [85, 85, 95, 95], [40, 40, 60, 50]])
    x1, y1, x2, y2 = np.average(corners, axis=0, weights=weights)
    for values in ([[0.9, 0.6, 0.7, 0.3]], [[0.1, 0.2, 0.9, 0.8]]):
        box = rule(ranked([BOXES], [[0.9, 0.6, 0.7, 0.3]], values=values), np.array([0]))
        np.testing.assert_allclose(box, [[(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]])


def test_nothing_near_leaves_the_best() -> None:
    """The best by rank is not among the highest scores, or all scores are 0."""
    far = MeanNear(top=1)(ranked([BOXES], [[0.9, 0.6, 0.7, 0.3]]), np.array([2]))
    none = MeanNear(top=3)(ranked([BOXES], [[0, 0, 0, 0]]), np.array([1]))
    np.testing.assert_allclose([*far, *none], [BOXES[2], BOXES[1]])


@pytest.mark.parametrize(("top", "taken"), [(1, [2]), (2, [2, 3]), (3, [2, 3, 0]), (4, [0, 1, 2, 3]), (99, [0, 1, 2, 3])])
def test_the_mean_of_the_ranked(top: int, taken: list[int]) -> None:
    """By rank, with equal weights, wherever they lie. Scores do not matter."""
    given = ranked([BOXES], [[0.9, 0.8, 0.1, 0.0]], values=[[0.5, 0.2, 0.9, 0.8]])
    np.testing.assert_allclose(MeanRanked(top=top)(given, np.array([2])), [np.mean([BOXES[i] for i in taken], axis=0)])


@pytest.mark.parametrize("rule", [Best(), MeanNear(), MeanRanked()])
def test_each_target_by_itself(rule: BoxRule) -> None:
    rng = np.random.default_rng(0)
    boxes, scores = rng.uniform(5, 60, (3, 9, 4)), rng.uniform(0, 1, (3, 9))
    best = scores.argmax(axis=1)
    together = rule(ranked(boxes, scores), best)
    for i in range(3):
        np.testing.assert_allclose(rule(ranked(boxes[i : i + 1], scores[i : i + 1]), best[i : i + 1])[0], together[i])


def test_defaults() -> None:
    assert (MeanNear().top, MeanNear().overlap, MeanRanked().top) == (3, 0.6, 3)
