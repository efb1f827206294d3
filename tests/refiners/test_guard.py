from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, strategies as st

from lockon.config import apply_overrides
from lockon.errors import LockonError
from lockon.refiners.alpha_refine import RefinerConfig
from lockon.refiners.combine import RefineConfig
from lockon.refiners.guard import RefinedBoxes, clip_inside, is_valid, refine_guarded
from lockon.refiners.siammask import SearchConfig

FRAME = np.zeros((120, 160, 3), np.uint8)
SIZE = (160, 120)


@pytest.mark.parametrize(
    ("box", "good"),
    [
        ((10, 10, 20, 20), True),
        ((-15, 10, 20, 20), True),  # partly outside
        ((-20, 10, 20, 20), False),  # its last column ends where the frame begins
        ((160, 10, 20, 20), False),
        ((10, 10, 0, 20), False),
        ((10, 10, -5, 20), False),
        ((10, 10, 0.5, 20), False),
        ((np.nan, 10, 20, 20), False),
        ((10, 10, np.inf, 20), False),
        ((-80, -60, 320, 240), True),
        ((-80, -60, 321, 240), False),
        ((1e308, 1e308, 1e308, 1e308), False),
    ],
)
def test_usable(box: tuple[float, ...], good: bool) -> None:
    assert is_valid(np.array([box], dtype=np.float64), SIZE, 1.0).tolist() == [good]


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((20, 30, 4, 5), (20, 30, 4, 5)),  # small, but inside: kept
        ((-6, 30, 10, 20), (0, 30, 10, 20)),  # 4 pixels were left: 10
        ((-50, 30, 60, 20), (0, 30, 10, 20)),
        ((155, 115, 30, 30), (150, 110, 10, 10)),
        ((-50, -50, 400, 400), (0, 0, 160, 120)),
        ((-90, 300, 20, 20), (0, 110, 10, 10)),
    ],
)
def test_clip_inside(box: tuple[float, ...], expected: tuple[float, ...]) -> None:
    assert clip_inside(np.array(box, dtype=np.float64), SIZE, 10).tolist() == list(expected)


def test_frames_smaller_than_the_least_size() -> None:
    assert clip_inside(np.array([-3.0, 2, 20, 20]), (8, 30), 10).tolist() == [0, 2, 8, 20]


number = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.floats(-300, 400))
box = st.tuples(number, number, number, number)


@given(st.lists(st.tuples(box, box, st.floats(0, 1) | st.just(np.nan)), min_size=1, max_size=4))
def test_answers_are_boxes_or_what_was_given(cases) -> None:
    """Whatever a network says of whatever boxes: a refined box is finite, has a size and lies in the frame; the others are untouched."""
    given_boxes, answers, scores = (np.array(values, dtype=np.float64) for values in zip(*cases, strict=True))
    seen = []

    def predict(boxes, targets):
        seen.extend(targets)
        assert is_valid(boxes, SIZE, 1.0).all()
        return RefinedBoxes(answers[targets], scores[targets], None)

    results = refine_guarded([FRAME] * len(cases), given_boxes, predict, smallest=1.0, mask=True)
    for number, result in enumerate(results):
        assert result.mask is not None
        assert not result.mask.any()
        if result.state == "tracked":
            assert number in seen
            assert is_valid(result.box[None], SIZE, 1.0).all()
            assert result.score == scores[number] > 0
            np.testing.assert_array_equal(result.box, answers[number])
        else:
            assert result.score == 0
            np.testing.assert_array_equal(result.box, given_boxes[number])


def test_frames_of_several_sizes_have_their_own_borders_and_masks() -> None:
    """A box that is inside the large frame lies outside the small one, which keeps its empty mask."""
    small = np.zeros((20, 30, 3), np.uint8)

    def predict(boxes, targets):
        assert targets.tolist() == [1]
        return RefinedBoxes(boxes + 1, np.ones(1), [np.ones((120, 160), dtype=bool)])

    boxes = np.array([[100.0, 10, 20, 20], [100.0, 10, 20, 20]])
    outside, inside = refine_guarded([small, FRAME], boxes, predict, smallest=1.0, mask=True)
    assert (outside.box.tolist(), outside.state, outside.mask.shape) == ([100, 10, 20, 20], "uncertain", (20, 30))
    assert (inside.box.tolist(), inside.state, inside.mask.all()) == ([101, 11, 21, 21], "tracked", True)


NUMBERS = [
    (config, item.name)
    for config in (RefineConfig(), RefinerConfig(), SearchConfig())
    for item in dataclasses.fields(config)
    if isinstance(getattr(config, item.name), float)
]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e300", "-1"])
@pytest.mark.parametrize(("config", "name"), [*NUMBERS, (RefinerConfig(), "crop.factor")])
def test_settings_that_make_no_sense_are_one_line(config: object, name: str, value: str) -> None:
    with pytest.raises(LockonError, match=f"{name}(=| must be a number)") as caught:
        apply_overrides(config, {name: value})
    assert "\n" not in str(caught.value)
