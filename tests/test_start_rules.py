from __future__ import annotations

import warnings

import numpy as np
import pytest

from lockon.errors import LockonError, LockonWarning
from lockon.start_rules import ClippedStart, UnclippedStart

RULES = (ClippedStart(), UnclippedStart(), UnclippedStart(shift=-0.5))


@pytest.mark.parametrize(("rule", "shift"), list(zip(RULES, (0.0, 0.0, -0.5), strict=True)), ids=str)
def test_boxes_inside(rule: ClippedStart | UnclippedStart, shift: float) -> None:
    """A shift moves the centre alone."""
    assert rule((60, 50, 20, 30), 160, 120).tolist() == [[70 + shift, 65 + shift, 20, 30]]
    both = rule([(60, 50, 20, 30), (0, 0, 5.5, 7)], 160, 120)
    np.testing.assert_array_equal(both, [[70 + shift, 65 + shift, 20, 30], [2.75 + shift, 3.5 + shift, 5.5, 7]])


def test_only_one_of_them_clips() -> None:
    with pytest.warns(LockonWarning, match="clipped to 0,50,15,16"):
        assert ClippedStart()((-5, 50, 20, 16), 160, 120).tolist() == [[7.5, 58, 15, 16]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert UnclippedStart(shift=-0.5)((-5, 50, 20, 16), 160, 120).tolist() == [[4.5, 57.5, 20, 16]]


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("box", [(60, 50, 0, 16), (60, 50, 20), (500, 50, 20, 16), (float("nan"), 0, 5, 5)])
def test_mistakes(rule: ClippedStart | UnclippedStart, box: tuple[float, ...]) -> None:
    with pytest.raises(LockonError):
        rule(box, 160, 120)


def test_the_given_boxes_stay_as_they_are() -> None:
    boxes = np.array([[60.0, 50, 20, 30]])
    for rule in RULES:
        rule(boxes, 160, 120)
    assert boxes.tolist() == [[60, 50, 20, 30]]
