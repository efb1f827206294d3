"""Box ascent on scores whose best box is known, start boxes, and the mean of the best."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lockon.ops.boxes as box_ops
from lockon.errors import LockonError
from lockon.online.ascent import BackAfterFall, BestMean, BoxAscent, DefaultSpace, EveryStep, RandomBoxes, RelativeSpace

BEST = np.array([40.0, 30, 80, 90])  # x1, y1, x2, y2


def _bowl(boxes: Any) -> tuple[Any, Any]:
    """A score with its top at BEST, a hundredth of the squared distance below it."""
    offset = boxes - BEST
    return -(offset**2).sum(-1) / 100, -offset / 50


@pytest.mark.parametrize(
    "ascent",
    [
        BoxAscent(steps=60, length=(0.2, 0.2)),
        BoxAscent(steps=60, length=(3e-3, 3e-3), space=RelativeSpace()),
        BoxAscent(steps=60, length=(2.0, 2.0), decay=BackAfterFall(factor=0.5)),
    ],
)
def test_boxes_reach_the_top(ascent: BoxAscent) -> None:
    start = np.array([[[30.0, 40, 50, 50], [45, 25, 30, 70]], [[36.0, 33, 47, 52], [45, 25, 30, 70]]])
    result = ascent(_bowl, start)
    assert np.abs(box_ops.xywh_to_xyxy(result.boxes) - BEST).max() < 0.5
    assert result.trail.shape == (60, 2, 2, 4)
    np.testing.assert_array_equal(result.trail[0], start)


@pytest.mark.parametrize("space", [DefaultSpace(), RelativeSpace()])
def test_directions_are_the_derivatives_by_the_space_s_own_coordinates(space: DefaultSpace | RelativeSpace) -> None:
    """For the default space times the squared unit: a step of the same share of any target."""
    boxes, first, step = np.array([[[30.0, 40, 50, 20]]]), np.array([[[16.0, 8.0]]]), 1e-6

    def value(point: Any) -> float:
        return float(_bowl(box_ops.xywh_to_xyxy(space.decode(point, first)))[0].sum())

    by_corners = _bowl(box_ops.xywh_to_xyxy(boxes))[1]
    by_xywh = np.concatenate([by_corners[..., :2] + by_corners[..., 2:], by_corners[..., 2:]], axis=-1)
    point = space.encode(boxes, first)
    slopes = [(value(point + step * unit) - value(point - step * unit)) / (2 * step) for unit in np.eye(4)]
    expected = np.array(slopes) * (boxes[0, 0, [2, 3, 2, 3]] if isinstance(space, DefaultSpace) else 1)
    np.testing.assert_allclose(space.direction(by_xywh, boxes, first)[0, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(space.decode(point, first), boxes)


def test_a_box_that_did_not_rise_goes_back_and_halves_its_steps() -> None:
    """In x alone, on -|x|, whose slope is 1: from -3 with steps of 4 to 1, -3 is no better than... each place by hand."""

    def score(boxes: Any) -> tuple[Any, Any]:
        x = boxes[..., :1]
        return -np.abs(x[..., 0]), np.concatenate([-np.sign(x), np.zeros((*x.shape[:-1], 3))], axis=-1)

    result = BoxAscent(steps=5, length=(4.0, 4.0), decay=BackAfterFall(factor=0.5))(score, [[[-3.0, 0, 1, 1]]])
    # -3 -> 1 (better); 1 -> -3 (worse than 1: back to 1, steps of 2); 1 (better than -3) -> -1 (no better: back to 1)
    assert result.trail[:, 0, 0, 0].tolist() == [-3, 1, -3, 1, -1]
    assert result.boxes[0, 0, 0] == 1


def test_every_step_may_be_shorter_than_the_last() -> None:
    result = BoxAscent(steps=3, length=(1.0, 1.0), decay=EveryStep(factor=0.5))(
        lambda boxes: (np.zeros(boxes.shape[:-1]), np.full(boxes.shape, [0.5, 0, 0.5, 0])), [[[0.0, 0, 1, 1]]]
    )
    # x moves by 1 times the width, which grows by its half: steps 1 * 1, then half of 1.5, then a quarter of 1.5 + 0.5 * 0.75
    assert result.trail[:, 0, 0, 0].tolist() == [0, 1, 1.75]
    assert result.trail[:, 0, 0, 2].tolist() == [1, 1.5, 1.875]


def test_start_boxes_by_hand() -> None:
    """A box of 8 x 2: unit 4, least side 2/3."""
    numbers = np.array([[[0.5, 0.5, 0.5, 0.5], [1.0, 0.0, 1.0, 0.0]]])
    boxes = RandomBoxes(count=2)([[10.0, 20, 8, 2]], numbers)
    np.testing.assert_allclose(boxes[0, :2], [[10, 20, 8, 2]] * 2)  # numbers of a half change nothing
    np.testing.assert_allclose(boxes[0, 2], [14.2 - 4.5, 20.8 - 0.5, 9, 1])
    narrow = RandomBoxes(count=1, size=10)([[10.0, 20, 8, 2]], np.zeros((1, 1, 4)))
    np.testing.assert_allclose(narrow[0, 1, 2:], [2 / 3, 2 / 3])
    assert RandomBoxes(count=0)([[1.0, 2, 3, 4]], np.zeros((1, 0, 4))).tolist() == [[[1, 2, 3, 4]]]
    assert RandomBoxes().draw(np.random.default_rng(0)).shape == (9, 4)


def test_the_mean_of_the_best_plausible_boxes() -> None:
    boxes = np.array([[0.0, 0, 4, 4], [2, 2, 6, 6], [0, 0, 70, 10], [9, 9, 0.1, 2], [0, 0, np.nan, 3]])
    scores = np.array([0.2, 0.4, 0.9, 0.1, 1.0])
    box, score = BestMean(count=2)(boxes, scores) or (None, None)
    assert box is not None
    np.testing.assert_allclose(box, [1, 1, 5, 5])  # the third is 7 times as long as wide, the last no box
    assert score == pytest.approx(0.3)
    many, _ = BestMean(count=9)(boxes, scores) or (None, None)
    np.testing.assert_allclose(many, [11 / 3, 11 / 3, 11 / 3, 4])  # the fourth counts with sides of at least 1
    assert BestMean()(boxes[2:3], scores[2:3]) is None


@pytest.mark.parametrize("make", [lambda: BoxAscent(steps=0), lambda: BoxAscent(length=(0.0, 1.0)), lambda: RandomBoxes(count=-1)])
def test_values_outside_their_range_are_refused(make: Any) -> None:
    with pytest.raises(LockonError):
        make()
