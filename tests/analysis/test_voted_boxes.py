"""The vote on one frame: shares and boxes by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lockon.analysis.searched import SearchedFrame
from lockon.analysis.voted_boxes import voted_box
from lockon.errors import LockonError
from lockon.localizers.dense import DenseLocalizer, LocalizerConfig
from lockon.localizers.rank import Blend
from lockon.localizers.vote import ScoreVote
from lockon.ops.crop import Crop
from lockon.tracker import SearchOutput
from lockon.types import Prediction

# A window of 50 image pixels in 100 crop pixels: two crop pixels per image pixel.
CROP = Crop(np.array([[50.0, 50.0]]), np.array([50.0]), 100)
# Squares of 20 crop pixels: the best one, one moved by 1 to the right, one moved by 5 down, one far away.
BOXES = np.array([[[40.0, 40, 60, 60], [41, 40, 61, 60], [40, 45, 60, 65], [0, 0, 20, 20]]])
SCORES = np.array([[0.8, 0.4, 0.6, 0.7]])
TRUTH = np.array([41.0, 40, 61, 60])


def searched(scores: np.ndarray = SCORES) -> SearchedFrame:
    prediction = Prediction(np.log(scores / (1 - scores)), BOXES)
    config = LocalizerConfig(rank=Blend(penalty_k=0, window_influence=0))
    localization = DenseLocalizer(config)(prediction, CROP, np.array([[50.0, 50, 10, 10]]))
    seen = SearchOutput(CROP, prediction, localization)
    image = np.zeros((100, 100, 3), np.uint8)
    return SearchedFrame("a", 7, CROP[0], image, BOXES[0, 0], TRUTH, np.zeros((2, 2)), 50.0, seen)


def test_shares_and_voted_box_by_hand():
    """Eq. 4-5 with sigma 0.02: IoU 19 / 21 and 15 / 25; the box far away has IoU 0 and no vote."""
    votes = np.array([0.8, 0.4 * math.exp(-((2 / 21) ** 2) / 0.02), 0.6 * math.exp(-(0.4**2) / 0.02)])
    shares = votes / votes.sum()
    found = voted_box(searched(), ScoreVote(sigma=0.02))
    np.testing.assert_allclose(found.shares, shares, rtol=1e-9)
    np.testing.assert_allclose(found.voters, BOXES[0, :3])  # the largest first
    np.testing.assert_allclose(found.direct, BOXES[0, 0])
    np.testing.assert_allclose(found.voted, BOXES[0, 0] + shares[1] * np.array([1.0, 0, 1, 0]) + shares[2] * np.array([0, 5.0, 0, 5]))
    assert found.count == 2  # the third has less than a thousandth of the first one's vote


def test_a_row_compares_both_boxes_with_the_truth():
    found = voted_box(searched(), ScoreVote(sigma=0.02))
    row = found.row()
    assert row["iou_direct"] == pytest.approx(19 / 21)
    shift = found.voted - found.direct
    inside = (20 - (1 - shift[0])) * (20 - shift[1])
    assert row["iou_voted"] == pytest.approx(inside / (800 - inside))
    assert row["gain"] == pytest.approx(row["iou_voted"] - row["iou_direct"])
    assert row["gain"] > 0
    assert row["top_share"] == pytest.approx(1)


def test_as_many_voters_are_kept_as_are_asked_for():
    found = voted_box(searched(), ScoreVote(sigma=0.02), top=2)
    assert len(found.voters) == len(found.shares) == 2
    assert found.row()["top_share"] == pytest.approx(found.shares.sum())


def test_without_a_vote_the_direct_box_stays():
    """Scores are finite and above 0 behind a sigmoid; an epsilon of 1 takes every vote."""
    found = voted_box(searched(), ScoreVote(epsilon=1.0))
    np.testing.assert_allclose(found.voted, found.direct)
    assert (len(found.voters), found.count) == (0, 0)


def test_without_a_true_box_the_overlaps_are_unknown():
    row = voted_box(replace(searched(), truth=None), ScoreVote()).row()
    assert math.isnan(row["iou_direct"])
    assert math.isnan(row["gain"])
    assert row["iou_both"] > 0.99


def test_a_tracker_without_candidates_is_an_error():
    with pytest.raises(LockonError, match="shows no candidates that could vote"):
        voted_box(replace(searched(), seen=None), ScoreVote())
