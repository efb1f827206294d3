"""Long-term precision, recall and F score: by hand, and the PySOT toolkit's metrics (golden/README.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lockon.bench import metrics
from lockon.bench.metrics import LongTermRun
from lockon.errors import LockonError

GOLDEN = dict(np.load(Path(__file__).parent / "golden" / "vot.npz"))


def test_metrics_of_the_pysot_toolkit():
    runs = [metrics.long_term_run(*(GOLDEN[f"f1.{video}.{part}"] for part in ("pred", "gt", "confidence"))) for video in ("v0", "v1")]
    scores = metrics.long_term_scores(runs)
    np.testing.assert_allclose([scores.precision, scores.recall, scores.f_score], GOLDEN["f1.best"], atol=1e-7)
    for row, video in enumerate(("v0", "v1")):
        np.testing.assert_allclose(scores.precision_curve[row], GOLDEN[f"f1.{video}.precision"], atol=1e-7)
        np.testing.assert_allclose(scores.recall_curve[row], GOLDEN[f"f1.{video}.recall"], atol=1e-7)
        np.testing.assert_allclose(scores.f_curve[row], GOLDEN[f"f1.{video}.f1"], atol=1e-7)


# five frames, the target is there in four; confidences fall
RUN = LongTermRun(np.array([1.0, 0.8, 0.6, 0.0, 0.0]), np.array([0.9, 0.8, 0.7, 0.3, 0.0]), np.array([1, 1, 1, 0, 1], dtype=bool))


def test_precision_and_recall_at_thresholds():
    precision, recall = metrics.precision_recall(RUN, [np.inf, 0.8, 0.75, 0.3, -np.inf])
    assert precision == pytest.approx([1, 0.9, 0.9, 0.6, 0.6])  # a confidence of 0 is no box
    assert recall == pytest.approx([0, 1.8 / 4, 1.8 / 4, 2.4 / 4, 2.4 / 4])


def test_best_f_score():
    scores = metrics.long_term_scores([RUN])
    assert (scores.precision, scores.recall, scores.confidence) == (pytest.approx(0.8), pytest.approx(0.6), 0.7)
    assert scores.f_score == pytest.approx(2 * 0.8 * 0.6 / 1.4)
    assert scores.thresholds.tolist() == [np.inf, 0.9, 0.8, 0.7, 0.3, 0, -np.inf]


def test_the_f_score_is_of_the_mean_curves():
    other = LongTermRun(np.array([0.5, 0.0]), np.array([0.7, np.nan]), np.array([True, True]))
    scores = metrics.long_term_scores([RUN, other])
    assert (scores.precision, scores.recall) == (pytest.approx((0.8 + 0.5) / 2), pytest.approx((0.6 + 0.25) / 2))
    assert scores.f_score == pytest.approx(2 * 0.65 * 0.425 / 1.075)


def test_sequences_without_a_target_are_left_out():
    empty = LongTermRun(np.zeros(3), np.full(3, 0.95), np.zeros(3, dtype=bool))
    assert metrics.long_term_scores([RUN, empty]).f_score == metrics.long_term_scores([RUN]).f_score
    with pytest.raises(LockonError, match="none of 1 sequences has a target"):
        metrics.long_term_scores([empty])


def test_thresholds_part_many_confidences_evenly():
    thresholds = metrics.confidence_thresholds(np.arange(1000) / 1000, 12)
    assert thresholds[[0, -1]].tolist() == [np.inf, -np.inf]
    assert len(thresholds) == 12
    np.testing.assert_allclose(np.diff(thresholds[1:-1]), -0.089, atol=0.0011)
    with pytest.raises(LockonError, match="0 confidences"):
        metrics.confidence_thresholds([np.nan])


def test_run_of_boxes():
    gt = np.array([[10.0, 10, 20, 20], [np.nan] * 4, [10, 10, 20, 20]])
    run = metrics.long_term_run(np.where([[1], [1], [0]], [10.0, 10, 20, 20], np.nan), gt, [0.9, 0.8, 0.7], (100, 100), "exact")
    assert (run.overlaps.tolist(), run.present.tolist()) == ([1, 0, 0], [True, False, True])
    with pytest.raises(LockonError, match="one per frame"):
        metrics.long_term_run(gt, gt, [0.5])
