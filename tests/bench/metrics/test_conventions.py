"""Where the conventions part: one sequence whose frames differ in just those ways, metrics worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from lockon.bench import metrics
from lockon.bench.metrics.one_pass import count_above, count_within

NAN_ROW = [np.nan] * 4
# 20 frames of a target of 20 x 50 at (100, 100): 15 % touch the left border at x = 0, 10 % are absent, 20 % are lost by the
# tracker; elsewhere the box has the right corner and width and 62 % of the height: IoU .62, above 13 of 21 thresholds.
TOUCHING, ABSENT, LOST = slice(3, 6), slice(8, 10), slice(14, 18)
STRESS_GT = np.array([[100.0, 100, 20, 50]] * 20)
STRESS_GT[TOUCHING, 0] = 0
STRESS_PRED = STRESS_GT * [1, 1, 1, 0.62]
STRESS_PRED[LOST, 0] = 600
STRESS_PRED[0] = STRESS_GT[0]  # the start: IoU 1, above 20 thresholds
VISIBLE = np.ones(20, dtype=bool)
VISIBLE[ABSENT] = False


@pytest.mark.parametrize(
    ("convention", "hits", "start", "frames"),
    [
        ("pysot", 13, 20, 20),  # 20 frames less start, 2 absent and 4 lost
        ("ostrack", 13, 20, 20),
        ("pytracking", 10, 20, 20),  # and less the 3 that touch the border
        ("lorat", 13, 21, 18),  # of the 18 that are present; an IoU of 1 reaches the threshold 1
        ("got10k-otb", 13, 20, 18),
    ],
)
def test_success_of_the_stress_sequence(convention, hits, start, frames):
    auc = metrics.success_auc(STRESS_PRED, STRESS_GT, convention, VISIBLE)
    assert auc == pytest.approx((hits * 13 + start) / (21 * frames))
    assert metrics.counted_frames(STRESS_GT, convention, VISIBLE) == frames


def test_success_of_the_stress_sequence_in_101_bins():
    # IoU .62 is above 0, .01, .. .61, and .62 itself is a tie that the floats of both sides decide; the start does not count
    auc = metrics.success_auc(STRESS_PRED, STRESS_GT, "got10k", VISIBLE)
    assert 13 * 62 / (101 * 17) - 1e-12 <= auc <= 13 * 63 / (101 * 17) + 1e-12


def test_order_of_the_conventions():
    """The same boxes: pytracking lowest, pysot and ostrack equal, lorat highest."""
    auc = {name: metrics.success_auc(STRESS_PRED, STRESS_GT, name, VISIBLE) for name in metrics.CONVENTIONS}
    assert auc["pytracking"] < auc["pysot"] == auc["ostrack"] < auc["got10k-otb"] < auc["lorat"]


def test_absent_by_an_empty_box_or_by_a_flag():
    gt = STRESS_GT.copy()
    gt[ABSENT] = 0
    for convention in ("pysot", "pytracking", "ostrack", "lorat"):
        by_box = metrics.success_auc(STRESS_PRED, gt, convention)
        assert by_box == pytest.approx(metrics.success_auc(STRESS_PRED, STRESS_GT, convention, VISIBLE)), convention


def test_lorat_counts_from_equality_on_and_no_overlap_below_zero():
    gt = np.array([[10.0, 10, 10, 10]] * 3)
    pred = np.array([[10.0, 10, 10, 10], [10, 10, 10, 5], [50, 10, 10, 10]])  # IoU 1, .5, 0
    curve = metrics.success_curve(pred, gt, "lorat")
    assert curve[[0, 10, 11, 20]] == pytest.approx([2 / 3, 2 / 3, 1 / 3, 1 / 3])
    assert metrics.success_rate(pred, gt, 0.5, "lorat") == pytest.approx(2 / 3)
    assert metrics.success_rate(pred, gt, 0.5, "pysot") == pytest.approx(1 / 3)
    assert metrics.average_overlap(pred, gt, "lorat") == pytest.approx(0.5)


@pytest.mark.parametrize("convention", ["pytracking", "ostrack"])
def test_pytracking_starts_with_the_truth(convention):
    gt = np.array([[10.0, 10, 10, 10]] * 2)
    pred = gt + np.array([500, 0, 0, 0])
    assert metrics.success_curve(pred, gt, convention)[0] == 0.5
    assert metrics.success_curve(pred, gt, "pysot")[0] == 0


@pytest.mark.parametrize("convention", ["pytracking", "ostrack"])
def test_pytracking_repeats_the_last_box_that_has_a_size(convention):
    gt = np.array([[10.0, 10, 10, 10]] * 5)
    pred = gt.copy()
    pred[2:4, 2] = 0  # two frames without width follow a hit
    pred[4] = [10, 10, 10, 5]
    assert metrics.average_overlap(pred, gt, convention) == pytest.approx((1 + 1 + 1 + 1 + 0.5) / 5)
    assert metrics.average_overlap(pred, gt, "pysot") == pytest.approx((1 + 1 + 0 + 0 + 0.5) / 5)
    gt[3] = np.nan  # not annotated: the box stays, so nothing but itself is repeated
    assert metrics.average_overlap(pred, gt, convention) == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    assert pred[2, 2] == 0


@pytest.mark.parametrize(
    ("convention", "row", "precision", "normalized"),
    [
        ("pytracking", NAN_ROW, 1 / 3, 2 / 3),  # centre: miss, normalised: hit
        ("pytracking", [0.0, 10, 10, 10], 1 / 3, 2 / 3),  # touches the border
        ("ostrack", [0.0, 10, 10, 10], 1 / 3, 1 / 3),  # a box like any other, 50 pixels off
        ("ostrack", NAN_ROW, 1 / 3, 2 / 3),
        ("ostrack", [10.0, 10, 0, 10], 1 / 3, 2 / 3),
        ("lorat", NAN_ROW, 1 / 2, 1 / 2),
        ("lorat", [10.0, 10, 0, 10], 1 / 2, 1 / 2),
        ("pysot", NAN_ROW, 2 / 3, 2 / 3),
        ("got10k-otb", NAN_ROW, 1 / 2, 1 / 2),
    ],
)
def test_precision_where_the_truth_is_no_box(convention, row, precision, normalized):
    gt = np.array([[10.0, 10, 10, 10], row, [10, 10, 10, 10]])
    pred = np.array([[10.0, 10, 10, 10], [60, 10, 10, 10], [60, 10, 10, 10]])
    assert metrics.precision(pred, gt, 20, convention) == pytest.approx(precision)
    assert metrics.normalized_precision(pred, gt, 0.2, convention) == pytest.approx(normalized)


def test_absent_frames_miss_the_precision_of_pytracking():
    gt = np.array([[10.0, 10, 10, 10]] * 2)
    assert metrics.normalized_precision(gt, gt, 0.2, "pytracking", [True, False]) == 0.5
    assert metrics.precision(gt, gt, 20, "ostrack", [True, False]) == 0.5


@pytest.mark.parametrize("convention", sorted(metrics.CONVENTIONS))
@pytest.mark.parametrize("bounds", [None, (400.0, 130.0)])
def test_all_metrics_at_once_are_those_of_the_single_functions(convention, bounds):
    rng = np.random.default_rng(3)
    gt = rng.uniform(-10, 90, (60, 4))
    gt[[5, 20]] = np.nan
    gt[7, 2] = 0
    pred = gt + rng.normal(0, 8, (60, 4))
    pred[[9, 30, 31]] = 0
    pred[40] = np.nan
    visible = rng.random(60) > 0.2
    scores = metrics.one_pass_scores(pred, gt, convention, visible, bounds)
    np.testing.assert_array_equal(scores.success, metrics.success_curve(pred, gt, convention, visible, bounds))
    np.testing.assert_array_equal(scores.precision, metrics.precision_curve(pred, gt, convention, visible))
    np.testing.assert_array_equal(scores.normalized, metrics.normalized_precision_curve(pred, gt, convention, visible))
    assert scores.auc == metrics.success_auc(pred, gt, convention, visible, bounds)
    assert scores.precision_20 == metrics.precision(pred, gt, 20, convention, visible)
    assert scores.normalized_20 == metrics.normalized_precision(pred, gt, 0.2, convention, visible)
    assert scores.average_overlap == metrics.average_overlap(pred, gt, "got10k", visible, bounds)
    assert scores.success_rate_50 == metrics.success_rate(pred, gt, 0.5, "got10k", visible, bounds)
    assert scores.success_rate_75 == metrics.success_rate(pred, gt, 0.75, "got10k", visible, bounds)
    assert scores.counted == metrics.counted_frames(gt, convention, visible)
    assert scores.counted_overlap == metrics.counted_frames(gt, "got10k", visible)


@pytest.mark.parametrize("thresholds", [np.arange(0, 1.05, 0.05), np.linspace(0, 1, 101), np.arange(0.0, 51), np.arange(51) / 100])
def test_counting_is_exact_at_and_beside_every_threshold(thresholds):
    high = thresholds[-1]
    beside = [np.nextafter(thresholds, -9), thresholds, np.nextafter(thresholds, 99)]
    values = np.concatenate([*beside, np.random.default_rng(0).uniform(-high, 2 * high, 500), [np.inf, -np.inf]])
    np.testing.assert_array_equal(count_above(values, thresholds), (values[:, None] > thresholds).sum(axis=0))
    np.testing.assert_array_equal(count_above(values, thresholds, inclusive=True), (values[:, None] >= thresholds).sum(axis=0))
    np.testing.assert_array_equal(count_within(values, thresholds), (values[:, None] <= thresholds).sum(axis=0))
