"""Metrics on cases that can be computed by hand, and properties that hold for any boxes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lockon.bench import metrics
from lockon.errors import LockonError

NAN_ROW = [np.nan] * 4
GT = np.array([[10.0, 10, 10, 10]] * 4)
# IoU with GT: 1, 1/3 (moved by half its width), 0, 1; centre errors 0, 5, 50, 0
PRED = np.array([[10.0, 10, 10, 10], [15, 10, 10, 10], [60, 10, 10, 10], [10, 10, 10, 10]])


def test_average_overlap_leaves_the_first_frame_out():
    assert metrics.average_overlap(PRED, GT) == pytest.approx((1 / 3 + 0 + 1) / 3)
    assert metrics.average_overlap(PRED, GT, "pysot") == pytest.approx((1 + 1 / 3 + 0 + 1) / 4)


def test_success_rate_is_strict():
    half = np.array([[10.0, 10, 10, 10], [10, 10, 10, 5]])  # IoU exactly 0.5 in the second frame
    assert metrics.success_rate(half, GT[:2], 0.5) == 0
    assert metrics.success_rate(half, GT[:2], 0.49) == 1


def test_success_curve_and_auc():
    curve = metrics.success_curve(PRED, GT)
    assert curve.shape == metrics.success_thresholds().shape == (21,)
    assert curve[0] == 3 / 4  # IoU 0 is not above 0
    assert curve[6] == 3 / 4  # 0.30 < 1/3
    assert curve[7] == 2 / 4
    assert curve[20] == 0  # nothing is above 1
    assert metrics.success_auc(PRED, GT) == pytest.approx((7 * 3 / 4 + 13 * 2 / 4) / 21)
    assert metrics.success_curve(PRED, GT, "got10k").shape == metrics.success_thresholds("got10k").shape == (101,)


def test_precision_includes_the_threshold():
    assert metrics.precision(PRED, GT, threshold=5) == 3 / 4
    assert metrics.precision(PRED, GT, threshold=4.9) == 2 / 4
    assert metrics.precision_curve(PRED, GT)[[4, 5, 49, 50]].tolist() == [2 / 4, 3 / 4, 3 / 4, 1]


def test_normalized_precision_is_in_units_of_the_target():
    assert metrics.normalized_precision(PRED, GT, threshold=0.5) == 3 / 4  # 5 px of 10
    assert metrics.normalized_precision(PRED, GT) == 2 / 4
    assert metrics.normalized_precision_curve(PRED, GT)[-1] == 3 / 4


def test_nan_prediction_is_a_miss_everywhere():
    pred = PRED.copy()
    pred[3] = np.nan
    for convention in metrics.CONVENTIONS:
        assert metrics.success_curve(pred, GT, convention)[0] < metrics.success_curve(PRED, GT, convention)[0]
        assert metrics.precision(pred, GT, 20, convention) < metrics.precision(PRED, GT, 20, convention)
        assert metrics.normalized_precision(pred, GT, 0.2, convention) < metrics.normalized_precision(PRED, GT, 0.2, convention)
    assert metrics.average_overlap(pred, GT) == pytest.approx((1 / 3) / 3)


@pytest.mark.parametrize("row", [NAN_ROW, [10.0, 10, 0, 10]])
def test_pysot_frame_without_truth_misses_the_overlap_but_counts(row):
    gt = GT.copy()
    gt[3] = row
    assert metrics.success_curve(PRED, gt)[0] == 2 / 4
    assert metrics.counted_frames(gt) == 4


def test_pysot_centre_that_is_not_positive_hits_at_every_threshold():
    gt = GT.copy()
    gt[2] = NAN_ROW  # in frame 2 the prediction is 50 pixels off
    assert metrics.precision(PRED, gt, threshold=0) == 3 / 4
    gt[2] = [-30, 10, 10, 10]
    assert metrics.precision(PRED, gt, threshold=0) == 3 / 4


def test_got10k_frame_without_truth_does_not_count():
    gt = GT.copy()
    gt[2] = NAN_ROW
    assert metrics.counted_frames(gt, "got10k") == 2
    assert metrics.average_overlap(PRED, gt) == pytest.approx((1 / 3 + 1) / 2)
    assert metrics.precision(PRED, gt, 20, "got10k-otb") == 1


def test_absent_frames():
    visible = np.array([True, True, False, True])
    assert metrics.average_overlap(PRED, GT, visible=visible) == pytest.approx((1 / 3 + 1) / 2)  # dropped
    assert metrics.success_curve(PRED, GT, visible=visible)[0] == 3 / 4  # still in the denominator
    assert metrics.precision(PRED, GT, 50, visible=visible) == 3 / 4  # was a hit, is a miss


def test_bounds_clip_for_got10k_only():
    gt, pred = np.array([[0.0, 0, 10, 10]] * 2), np.array([[0.0, 0, 10, 20]] * 2)
    assert metrics.average_overlap(pred, gt) == pytest.approx(0.5)
    assert metrics.average_overlap(pred, gt, bounds=(100, 10)) == pytest.approx(1)
    assert metrics.success_auc(pred, gt, bounds=(100, 10)) == metrics.success_auc(pred, gt)


def test_arguments_are_left_alone():
    gt, pred = GT.copy() - 20, PRED.copy() - 20
    metrics.average_overlap(pred, gt, bounds=(15, 15))
    np.testing.assert_array_equal(gt, GT - 20)
    np.testing.assert_array_equal(pred, PRED - 20)


def test_sequence_without_counted_frames_is_nan_and_left_out():
    assert np.isnan(metrics.average_overlap(PRED[:1], GT[:1]))
    assert np.isnan(metrics.success_auc(PRED[:1], GT[:1], "got10k"))
    assert metrics.over_sequences([np.nan, 0.5], [0, 3], "pysot") == 0.5
    assert np.isnan(metrics.over_sequences([np.nan], [0], "got10k"))


def test_over_sequences_pools_frames_or_not():
    assert metrics.over_sequences([1.0, 0.0], [30, 10], "pysot") == 0.5
    assert metrics.over_sequences([1.0, 0.0], [30, 10], "got10k") == 0.75
    np.testing.assert_allclose(metrics.over_sequences([[1, 0], [0, 1]], [30, 10], "got10k"), [0.75, 0.25])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: metrics.success_auc(PRED, GT, "psyot"), "did you mean 'pysot'"),
        (lambda: metrics.success_auc(PRED[:2], GT), "2 predicted boxes for 4 frames"),
        (lambda: metrics.success_auc(PRED[:, :3], GT), r"pred has the shape \(4, 3\)"),
        (lambda: metrics.precision(PRED, GT[:0]), "gt has the shape"),
        (lambda: metrics.precision(PRED, GT, visible=[True]), r"visible has the shape \(1,\)"),
        (lambda: metrics.average_overlap(PRED, GT, bounds=(0, 5)), "bounds"),
        (lambda: metrics.over_sequences([], []), "expected"),
        (lambda: metrics.over_sequences([1.0], [1, 2]), "expected"),
    ],
)
def test_boxes_of_other_shapes_and_unknown_conventions_are_refused(call, text):
    with pytest.raises(LockonError, match=text):
        call()


coordinate = st.floats(-1e4, 1e4) | st.just(float("nan"))
tracks = st.lists(st.tuples(*[coordinate] * 8), min_size=1, max_size=12).map(lambda rows: np.array(rows).reshape(-1, 2, 4))


@given(tracks, st.sampled_from(sorted(metrics.CONVENTIONS)))
@settings(max_examples=60, deadline=None)
def test_curves_are_monotonous_fractions(boxes, convention):
    pred, gt = boxes[:, 0], boxes[:, 1]
    for curve, sign in (
        (metrics.success_curve(pred, gt, convention), -1),
        (metrics.precision_curve(pred, gt, convention), 1),
        (metrics.normalized_precision_curve(pred, gt, convention), 1),
    ):
        if metrics.counted_frames(gt, convention):
            assert curve.min() >= 0
            assert curve.max() <= 1
            assert (sign * np.diff(curve) >= 0).all()
        else:
            assert np.isnan(curve).all()


@given(st.lists(st.tuples(*[st.floats(1, 1e3)] * 4), min_size=2, max_size=8).map(np.array), st.sampled_from(sorted(metrics.CONVENTIONS)))
@settings(max_examples=30, deadline=None)
def test_perfect_prediction(gt, convention):
    assert metrics.average_overlap(gt, gt, convention) == pytest.approx(1)
    assert metrics.success_rate(gt, gt, 0.75, convention) == 1
    assert metrics.precision(gt, gt, 0, convention) == 1
