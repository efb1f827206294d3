from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lockon.draw import STATE_COLORS, TARGET_COLORS, draw_heatmap, draw_result
from lockon.ops.crop import Crop
from lockon.ops.score_map import ScoreMap
from lockon.types import Frame, Result, State


def blank() -> Frame:
    return np.zeros((120, 160, 3), np.uint8)


def count(frame: Frame, color: tuple[int, int, int]) -> int:
    return int((frame == np.asarray(color, np.uint8)).all(axis=2).sum())


@pytest.mark.parametrize("state", ["tracked", "uncertain", "lost"])
def test_one_target_has_the_colour_of_its_state(state: State) -> None:
    frame = blank()
    drawn = draw_result(frame, Result(np.array([40.0, 50.0, 60.0, 40.0]), 0.5, state))
    assert not frame.any(), "the frame itself is left alone"
    for other, color in STATE_COLORS.items():
        assert (count(drawn, color) > 50) == (other == state)


def test_the_edge_lies_on_the_boxs_first_and_last_pixels() -> None:
    drawn = draw_result(blank(), Result(np.array([40.0, 50.0, 60.0, 40.0]), 0.5, "tracked"))
    green = STATE_COLORS["tracked"]
    assert drawn[80, 40].tolist() == list(green)  # left: x = 40
    assert drawn[80, 99].tolist() == list(green)  # right: x + w - 1
    assert drawn[89, 70].tolist() == list(green)  # bottom: y + h - 1
    assert not drawn[60:80, 60:80].any()


def test_a_lost_box_is_dashed() -> None:
    def edge(state: State) -> int:
        drawn = draw_result(blank(), Result(np.array([20.0, 30.0, 100.0, 80.0]), 0.5, state))
        return int(drawn[60:105, 20].any(axis=1).sum())

    assert edge("tracked") == 45
    assert 10 < edge("lost") < 40


def test_several_targets_have_their_own_colours() -> None:
    boxes = np.array([[10.0, 30, 30, 30], [60, 30, 30, 30], [110, 30, 30, 30]])
    drawn = draw_result(blank(), Result(boxes, np.array([0.9, 0.8, 0.7]), ("tracked", "tracked", "lost")), ("a", "b", "c"))
    for color in TARGET_COLORS[:3]:
        assert count(drawn, color) > 30


def test_more_targets_than_colours() -> None:
    n = len(TARGET_COLORS) + 2
    boxes = np.tile([10.0, 30, 30, 30], (n, 1))
    assert draw_result(blank(), Result(boxes, np.ones(n), ("tracked",) * n)).any()


def test_masks_are_blended() -> None:
    mask = np.zeros((120, 160), bool)
    mask[70:90, 70:90] = True
    drawn = draw_result(blank() + np.uint8(100), Result(np.array([40.0, 50.0, 60.0, 60.0]), 0.5, "tracked", mask))
    expected = [int(100 * 0.55 + channel * 0.45) for channel in STATE_COLORS["tracked"]]
    assert drawn[80, 80].tolist() == expected
    assert drawn[95, 95].tolist() == [100, 100, 100]


def test_boxes_that_are_not_finite_are_left_out() -> None:
    drawn = draw_result(blank(), Result(np.full(4, np.nan), 0.0, "lost"))
    assert not drawn.any()


number = st.floats(-1e6, 1e6, allow_nan=False)


@settings(deadline=None)
@given(number, number, st.floats(0, 1e6), st.floats(0, 1e6), st.sampled_from(["tracked", "uncertain", "lost"]))
def test_any_box_can_be_drawn(x: float, y: float, w: float, h: float, state: State) -> None:
    drawn = draw_result(blank(), Result(np.array([x, y, w, h]), 0.5, state))
    assert drawn.shape == (120, 160, 3)
    assert drawn.any(), "the label stays in the frame"


def test_tiny_frames() -> None:
    assert draw_result(np.zeros((3, 2, 3), np.uint8), Result(np.array([0.0, 0, 1, 1]), 1.0, "tracked")).shape == (3, 2, 3)


def heat(
    center: tuple[float, float] = (80.0, 60.0), side: float = 60.0, stride: float | None = None, hot: tuple[int, int] = (1, 3)
) -> ScoreMap:
    scores = np.zeros((5, 5))
    scores[hot] = 1.0
    return ScoreMap.of(Crop(np.array(center), np.asarray(side), 120), scores.ravel(), 5, stride)


def test_score_maps_are_hot_where_the_score_is() -> None:
    """Five cells of 12 image pixels; the hot one is the second from the top and the fourth from the left."""
    frame = blank() + np.uint8(100)
    drawn = draw_heatmap(frame, heat(), opacity=1.0)
    assert (frame == 100).all(), "the frame itself is left alone"
    red = (drawn[..., 0] > 100) & (drawn[..., 2] == 0)
    ys, xs = np.nonzero(red)
    assert (xs.mean() + 0.5, ys.mean() + 0.5) == (pytest.approx(80 + 12), pytest.approx(60 - 12))
    assert drawn[65, 60].tolist() == [0, 0, 128], "nothing there: the map's dark blue"
    assert drawn[5, 5].tolist() == [100, 100, 100], "outside the region"
    assert drawn[60, 50].min() > 200, "the region's outline"


def test_score_maps_that_do_not_fill_the_region() -> None:
    drawn = draw_heatmap(blank() + np.uint8(100), heat(stride=12.0), opacity=1.0)  # cells of 6 image pixels, 15 on each side
    assert drawn[60, 80 - 16].tolist() == [100, 100, 100]
    assert drawn[60, 80 - 14].tolist() == [0, 0, 128]


number_or_far = st.floats(-1e4, 1e4)


@settings(deadline=None)
@given(number_or_far, number_or_far, st.floats(0.5, 1e4))
def test_any_region_can_be_drawn(x: float, y: float, side: float) -> None:
    assert draw_heatmap(blank(), heat((x, y), side)).shape == (120, 160, 3)
