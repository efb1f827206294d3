"""Heat maps of both modalities, and how high they rise beside the target: values by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lockon.analysis.heat_maps import distraction, frame_row, heat_maps
from lockon.analysis.searched import SearchedFrame
from lockon.localizers.dense import DenseLocalizer, LocalizerConfig
from lockon.localizers.score import DualModalScore
from lockon.ops.crop import Crop
from lockon.tracker import SearchOutput
from lockon.types import Prediction

CROP = Crop(np.array([[50.0, 50.0]]), np.array([100.0]), 100)
# Two anchors at each of 2 x 2 points; the logits are those of these probabilities.
OFFLINE = np.array([[0.1, 0.2, 0.3, 0.4, 0.8, 0.1, 0.1, 0.5]])


def searched(online: np.ndarray | None, mu: float = 0.25) -> SearchedFrame:
    boxes = np.tile([40.0, 40.0, 60.0, 60.0], (1, 8, 1))
    extras = {} if online is None else {"online": online}
    prediction = Prediction(np.log(OFFLINE / (1 - OFFLINE)), boxes, extras=extras)
    config = LocalizerConfig(score=DualModalScore(mu=mu), anchors=2)
    localization = DenseLocalizer(config)(prediction, CROP, np.array([[50.0, 50, 20, 20]]))
    seen = SearchOutput(CROP, prediction, localization, 20.0)
    image = np.zeros((100, 100, 3), np.uint8)
    return SearchedFrame("a", 3, CROP[0], image, np.array([40.0, 40, 60, 60]), np.array([30.0, 30, 50, 50]), np.zeros((2, 2)), 20.0, seen)


def test_both_modalities_and_their_mixture_with_one_response_per_point():
    """Eq. 1 with mu = 0.25: a response counts for both anchors of its point, and a map has the highest of its anchors."""
    maps = heat_maps(searched(np.array([[1.0, -0.4, 0.0, 2.0]])))
    assert list(maps) == ["offline", "online", "fused"]
    np.testing.assert_allclose(maps["offline"], [[0.8, 0.2], [0.3, 0.5]])
    np.testing.assert_allclose(maps["online"], [[1.0, -0.4], [0.0, 2.0]])
    np.testing.assert_allclose(maps["fused"], [[0.25 + 0.75 * 0.8, -0.1 + 0.75 * 0.2], [0.75 * 0.3, 0.5 + 0.75 * 0.5]])


def test_one_response_per_candidate():
    maps = heat_maps(searched(np.array([[0.0, 0.1, 0.2, 0.3, 0.4, 0.0, 0.0, 0.6]]), mu=1.0))
    np.testing.assert_allclose(maps["online"], [[0.4, 0.1], [0.2, 0.6]])
    np.testing.assert_allclose(maps["fused"], maps["online"])


def test_a_tracker_of_one_modality_has_one_map():
    assert list(heat_maps(searched(None))) == ["offline"]
    maps = heat_maps(replace(searched(None), seen=None, scores=np.eye(2)))
    assert {name: values.tolist() for name, values in maps.items()} == {"score": np.eye(2).tolist()}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0.8, 0.2], [0.3, 0.5]], 0.5 / 0.8),  # of the points at 40 and 60 that at (40, 40) lies in the true box
        ([[0.2, 0.8], [0.3, 0.5]], 4.0),
        ([[0.5, -1.0], [-0.5, -1.0]], -1.0),  # responses may be negative
        ([[-0.1, 0.2], [0.3, 0.5]], math.nan),  # no value in the box is above 0
    ],
)
def test_how_high_a_map_rises_beside_the_target(values, expected):
    assert distraction(searched(None), np.array(values)) == pytest.approx(expected, nan_ok=True)


def test_without_a_point_on_each_side_nothing_is_said():
    frame = searched(None)
    for truth in (None, np.array([45.0, 45, 55, 55]), np.array([0.0, 0, 100, 100])):
        assert math.isnan(distraction(replace(frame, truth=truth), np.ones((2, 2))))


def test_a_row_has_the_peaks():
    frame = searched(np.array([[1.0, -0.4, 0.0, 2.0]]))
    row = frame_row(frame, heat_maps(frame))
    assert (row["sequence"], row["frame"]) == ("a", 3)
    assert row["iou"] == pytest.approx(100 / 700)  # of squares of 20 that share 10 by 10
    assert (row["offline_peak"], row["online_peak"]) == pytest.approx((0.8, 2.0))
    assert (row["offline_distraction"], row["online_distraction"]) == pytest.approx((0.625, 2.0))
