"""Calibration on cases that can be computed by hand, and against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lockon.bench.metrics import calibration
from lockon.errors import LockonError


@pytest.mark.parametrize(
    ("scores", "labels", "value"),
    [
        ([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], 0.75),  # 3 of 4 pairs in order
        ([1, 2, 3, 4], [0, 0, 1, 1], 1.0),
        ([4, 3, 2, 1], [0, 0, 1, 1], 0.0),
        ([5, 5, 5, 5], [0, 1, 0, 1], 0.5),  # ties are half
        ([1, 2, 2, 3], [0, 0, 1, 1], 0.875),  # one tie of four pairs
    ],
)
def test_auroc(scores, labels, value):
    assert calibration.auroc(scores, labels) == value


def test_auroc_of_one_kind_is_nan():
    assert np.isnan(calibration.auroc([1, 2], [1, 1]))


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=30))
@settings(max_examples=60, deadline=None)
def test_auroc_counts_pairs(samples):
    scores, labels = np.array([s for s, _ in samples], dtype=float), np.array([flag for _, flag in samples])
    positive, negative = scores[labels], scores[~labels]
    if len(positive) and len(negative):
        difference = positive[:, None] - negative[None]
        assert calibration.auroc(scores, labels) == pytest.approx(np.mean((difference > 0) + 0.5 * (difference == 0)))


def test_reliability_and_calibration_error():
    probabilities, labels = [0.1, 0.1, 0.9, 0.9, 1.0], [0, 1, 1, 1, 1]
    curve = calibration.reliability_curve(probabilities, labels, bins=2)
    assert curve.count.tolist() == [2, 3]
    assert curve.edges.tolist() == [0, 0.5, 1]
    assert curve.frequency.tolist() == [0.5, 1]
    assert curve.confidence.tolist() == pytest.approx([0.1, 2.8 / 3])
    assert calibration.expected_calibration_error(probabilities, labels, bins=2) == pytest.approx((0.4 * 2 + (1 - 2.8 / 3) * 3) / 5)


def test_empty_bins_are_nan_and_do_not_count():
    curve = calibration.reliability_curve([0.05, 0.95], [0, 1], bins=10)
    assert np.isnan(curve.frequency[1:9]).all()
    assert calibration.expected_calibration_error([0.05, 0.95], [0, 1], bins=10) == pytest.approx(0.05)


def test_platt_finds_the_line_that_made_the_labels():
    rng = np.random.default_rng(0)
    logits = rng.normal(1, 3, 20000)
    labels = rng.random(20000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))
    fitted = calibration.fit_platt(logits, labels)
    assert fitted.scale == pytest.approx(0.5, abs=0.02)
    assert fitted.bias == pytest.approx(-1, abs=0.05)
    assert calibration.expected_calibration_error(fitted(logits), labels) < 0.01


def test_platt_by_hand():
    # Two scores, symmetric: at logit 1 three of four are positive, at -1 one of four. Softened targets are 5/6 and 1/6,
    # so the best probability at 1 is (3 * 5/6 + 1/6) / 4 = 2/3 and the logit of 2/3 is log 2.
    fitted = calibration.fit_platt([1, 1, 1, 1, -1, -1, -1, -1], [1, 1, 1, 0, 0, 0, 0, 1])
    assert fitted.scale == pytest.approx(np.log(2))
    assert fitted.bias == pytest.approx(0, abs=1e-9)
    assert fitted([1.0, -1.0]).tolist() == pytest.approx([2 / 3, 1 / 3])


@pytest.mark.parametrize("factor", [1e-3, 1, 1e3])
def test_platt_stays_finite_on_separable_data(factor):
    fitted = calibration.fit_platt(np.array([-2.0, -1, 1, 2]) * factor, [0, 0, 1, 1])
    assert np.isfinite([fitted.scale, fitted.bias]).all()
    assert fitted.scale > 0
    assert fitted(2.0 * factor) == pytest.approx(1 - fitted(-2.0 * factor))


def test_platt_of_a_constant_score_is_the_base_rate():
    fitted = calibration.fit_platt([3.0] * 4, [1, 1, 1, 0])
    assert fitted(3.0) == pytest.approx((3 * 4 / 5 + 1 / 3) / 4)  # mean of the softened targets


def test_isotonic_by_hand():
    fitted = calibration.fit_isotonic([1, 2, 3, 4, 5], [0, 1, 0, 1, 1])
    assert fitted([1, 2, 3, 4, 5]).tolist() == [0, 0.5, 0.5, 1, 1]
    assert fitted([-9, 1.5, 9]).tolist() == [0, 0.25, 1]


def test_isotonic_joins_equal_scores():
    fitted = calibration.fit_isotonic([1, 1, 1, 2], [0, 0, 1, 1])
    assert fitted([1, 2]).tolist() == pytest.approx([1 / 3, 1])


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_isotonic_is_the_best_rising_function(samples):
    scores, labels = np.array([s for s, _ in samples], dtype=float), np.array([flag for _, flag in samples], dtype=float)
    fitted = calibration.fit_isotonic(scores, labels)
    distinct = np.unique(scores)
    values = fitted(distinct)
    assert (np.diff(values) >= -1e-12).all()
    # min-max formula of isotonic regression: max over starts of min over ends of the mean of the block
    for index, score in enumerate(distinct):
        best = max(min(labels[(scores >= low) & (scores <= high)].mean() for high in distinct[index:]) for low in distinct[: index + 1])
        assert values[index] == pytest.approx(best), score


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: calibration.auroc([], []), "expected"),
        (lambda: calibration.auroc([1, np.nan], [0, 1]), "1 of 2 scores are not finite"),
        (lambda: calibration.auroc([1, 2], [0, 2]), "other values than 0 and 1"),
        (lambda: calibration.reliability_curve([-0.1, 1.2], [0, 1]), r"expected \[0, 1\]"),
        (lambda: calibration.reliability_curve([0.5], [1], bins=0), "bins=0"),
        (lambda: calibration.fit_platt([1.0, 2], [1, 1]), "2 positive and 0 negative"),
    ],
)
def test_labels_and_scores_that_cannot_be_calibrated_are_refused(call, text):
    with pytest.raises(LockonError, match=text):
        call()
