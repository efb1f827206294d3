"""Scores against overlaps, on frames that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lockon.bench.metrics.agreement import METRICS, agreement, frame_metrics

SCORES = np.array([[0.9, 0.2, 0.6, 0.1], [0.1, 0.8, 0.7, 0.9]])
OVERLAPS = np.array([[0.8, 0.6, 0.7, 0.0], [0.9, 0.8, 0.7, 0.3]])


def test_frames_by_hand():
    found = frame_metrics(SCORES, OVERLAPS, 0.5)
    # the best score takes 0.8 of 0.8, and 0.3 of 0.9; ranks 3 1 2 of overlaps 3 1 2, and 1 3 2 of overlaps 3 2 1
    np.testing.assert_allclose(found, [[0.8, 0.8, 1.0], [0.3, 0.9, -0.5]])


def test_agreement_by_hand():
    found = agreement(SCORES.ravel(), OVERLAPS.ravel(), frame_metrics(SCORES, OVERLAPS, 0.5), 0.5)
    assert (found.chosen, found.best, found.gap, found.ranking) == pytest.approx((0.55, 0.85, 0.3, 0.25))
    good = OVERLAPS > 0.5
    assert found.pearson == pytest.approx(np.corrcoef(SCORES[good], OVERLAPS[good])[0, 1])
    assert found.pearson_all == pytest.approx(np.corrcoef(SCORES.ravel(), OVERLAPS.ravel())[0, 1])
    assert tuple(found.values()) == METRICS


def test_nothing_on_the_target_is_nan_and_the_rest_stays():
    found = agreement(SCORES.ravel(), OVERLAPS.ravel(), frame_metrics(SCORES, OVERLAPS, 0.95), 0.95)
    assert np.isnan([found.pearson, found.spearman, found.ranking]).all()
    assert found.best == pytest.approx(0.85)
    assert np.isfinite(found.spearman_all)


def test_no_frames():
    frames = frame_metrics(np.zeros((0, 4)), np.zeros((0, 4)), 0.5)
    assert frames.shape == (0, 3)
    assert np.isnan(list(agreement(np.zeros(0), np.zeros(0), frames, 0.5).values().values())).all()
