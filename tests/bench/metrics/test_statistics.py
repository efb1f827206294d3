"""Intervals, tests, attributes and percentiles, on numbers that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lockon.bench import metrics
from lockon.bench.metrics.correlation import rank_correlation
from lockon.errors import LockonError


def test_interval_of_equal_values_is_a_point():
    interval = metrics.bootstrap_interval([0.4] * 7)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.4, 0.4, 0.4))


def test_interval_of_two_values_by_hand():
    # of two draws the mean is 0, .5 or 1 with chances 1/4, 1/2, 1/4
    interval = metrics.bootstrap_interval([0.0, 1.0], level=0.4)
    assert (interval.mean, interval.low, interval.high, interval.level) == (0.5, 0.5, 0.5, 0.4)
    interval = metrics.bootstrap_interval([0.0, 1.0], level=0.9)
    assert (interval.low, interval.high) == (0, 1)


def test_interval_is_about_the_normal_one():
    values = np.random.default_rng(0).normal(0.6, 0.2, 400)
    interval = metrics.bootstrap_interval(values)
    half = 1.96 * values.std() / 20
    assert (interval.low, interval.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.002)


def test_interval_is_repeatable_and_in_blocks(monkeypatch):
    values = np.random.default_rng(0).random(50)
    first = metrics.bootstrap_interval(values, samples=999, seed=5)
    assert metrics.bootstrap_interval(values, samples=999, seed=5) == first
    assert metrics.bootstrap_interval(values, samples=999, seed=6) != first
    monkeypatch.setattr("lockon.bench.metrics.statistics._BLOCK", 1)
    assert metrics.bootstrap_interval(values, samples=999, seed=5).low == pytest.approx(first.low, abs=0.02)


def test_weights_and_nan():
    interval = metrics.bootstrap_interval([1.0, 0.0, np.nan, 7.0], weights=[3, 1, 5, 0])
    assert interval.mean == 0.75
    assert interval.high <= 1


def test_sign_flips_by_hand():
    # differences .1, .2, .3: of the 8 patterns of signs two reach a sum of .6 in either direction
    result = metrics.paired_difference([0.5, 0.6, 0.7], [0.4, 0.4, 0.4])
    assert result.p_value == 2 / 8
    assert result.exact
    assert (result.better, result.worse, result.sequences) == (3, 0, 3)
    assert result.interval.mean == pytest.approx(0.2)
    # .1, .2, -.3: the sum is 0, every pattern is as far
    assert metrics.paired_difference([0.1, 0.2, 0.0], [0.0, 0.0, 0.3]).p_value == 1
    # 3, 1, -1: sums of 3 or more: 5, 3, 3 and their mirror images
    assert metrics.paired_difference([3.0, 1.0, 0.0], [0.0, 0.0, 1.0]).p_value == 6 / 8


def test_equal_sequences_say_nothing():
    result = metrics.paired_difference([0.5, 0.6, 0.7, 0.9, np.nan], [0.4, 0.4, 0.4, 0.9, 0.1])
    assert (result.p_value, result.sequences) == (2 / 8, 4)
    same = metrics.paired_difference([0.5, 0.6], [0.5, 0.6])
    assert (same.p_value, same.interval.low, same.interval.high, same.better, same.worse) == (1, 0, 0, 0, 0)


def test_sampled_test_agrees_with_the_exact_one(monkeypatch):
    rng = np.random.default_rng(2)
    b = rng.random(12)
    a = b + rng.normal(0.05, 0.1, 12)
    exact = metrics.paired_difference(a, b)
    monkeypatch.setattr("lockon.bench.metrics.statistics._EXACT", 0)
    sampled = metrics.paired_difference(a, b)
    assert exact.exact
    assert not sampled.exact
    assert sampled.p_value == pytest.approx(exact.p_value, abs=0.02)


def test_many_sequences_that_are_all_better():
    a = np.random.default_rng(1).random(100) + 0.5
    assert metrics.paired_difference(a, np.zeros(100), samples=999).p_value == 1 / 1000


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=10), st.lists(st.floats(-1, 1), min_size=10, max_size=10))
@settings(max_examples=40)
def test_swapping_the_trackers_mirrors_the_result(a, b):
    forth, back = metrics.paired_difference(a, b[: len(a)], samples=200), metrics.paired_difference(b[: len(a)], a, samples=200)
    assert forth.p_value == back.p_value
    assert (forth.interval.low, forth.interval.high) == pytest.approx((-back.interval.high, -back.interval.low), abs=1e-9)
    assert forth.interval.low - 1e-9 <= forth.interval.high


def test_means_by_attribute():
    values, names = [0.2, 0.4, np.nan, 0.9], [("blur",), ("blur", "occlusion"), ("blur", "rotation"), ()]
    means = metrics.by_attribute(values, names)
    assert list(means) == ["blur", "occlusion", "rotation"]
    assert (means["blur"], means["occlusion"]) == (pytest.approx(0.3), 0.4)
    assert np.isnan(means["rotation"])
    assert metrics.by_attribute(values, names, [10, 30, 5, 5])["blur"] == pytest.approx((2 + 12) / 40)
    assert metrics.by_attribute([0.5], [()]) == {}


def test_latency_percentiles():
    latency = metrics.latency_percentiles([*range(1, 101), np.nan])
    assert latency == {
        "mean": 50.5,
        "p50": 50.5,
        "p90": pytest.approx(90.1),
        "p95": pytest.approx(95.05),
        "p99": pytest.approx(99.01),
        "max": 100,
    }
    assert list(metrics.latency_percentiles([0.5], (99.9,))) == ["mean", "p99.9", "max"]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: metrics.bootstrap_interval([]), "none of 0 sequences"),
        (lambda: metrics.bootstrap_interval([np.nan]), "none of 1 sequences"),
        (lambda: metrics.bootstrap_interval([1.0], weights=[1, 2]), "weights of shape"),
        (lambda: metrics.bootstrap_interval([1.0], level=95), "level between 0 and 1"),
        (lambda: metrics.paired_difference([1.0], [1.0, 2.0]), "the same sequences"),
        (lambda: metrics.by_attribute([1.0], []), "one of each per sequence"),
        (lambda: metrics.latency_percentiles([np.nan]), "no times"),
        (lambda: metrics.latency_percentiles([1.0], (150,)), "from 0 to 100"),
    ],
)
def test_arrays_that_do_not_belong_together_are_refused(call, text):
    with pytest.raises(LockonError, match=text):
        call()


@pytest.mark.parametrize(
    ("a", "b", "linear", "ranked"),
    [
        ([1, 2, 3, 4], [2, 4, 6, 8], 1.0, 1.0),
        ([1, 2, 3, 4], [8, 6, 4, 2], -1.0, -1.0),
        ([1, 2, 3, 4], [1, 3, 2, 4], 0.8, 0.8),  # deviations -1.5 -.5 .5 1.5 and -1.5 .5 -.5 1.5: 4 / 5
        ([0, 0, 1, 1], [0, 1, 0, 1], 0.0, 0.0),
        ([1, 2, 3], [1, 10, 11], 10 / (2 * 182 / 3) ** 0.5, 1.0),  # deviations -1 0 1 and -19/3 8/3 11/3: 30/3 / sqrt(2 * 546/9)
        ([1, 1, 2], [1, 2, 3], 3**0.5 / 2, 3**0.5 / 2),  # ranks 1.5 1.5 3 and 1 2 3: 1.5 / sqrt(1.5 * 2)
        ([1, np.nan, 2, 3, 9], [1, 5, 2, 3, np.nan], 1.0, 1.0),  # pairs with NaN are left out
    ],
)
def test_correlations_by_hand(a, b, linear, ranked):
    assert metrics.pearson(a, b) == pytest.approx(linear)
    assert metrics.spearman(a, b) == pytest.approx(ranked)
    assert metrics.pearson(b, a) == pytest.approx(linear)


@pytest.mark.parametrize(
    ("a", "b"), [([], []), ([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [5, 5, 5]), ([1, 2, np.nan], [3, 4, 5])]
)
def test_correlations_of_nothing_are_nan(a, b):
    assert np.isnan(metrics.pearson(a, b))
    assert np.isnan(metrics.spearman(a, b))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=3, max_size=30))
def test_correlations_do_not_see_scale_and_ranks_not_the_shape(pairs):
    a, b = np.array(pairs, dtype=np.float64).T
    linear, ranked = metrics.pearson(a, b), metrics.spearman(a, b)
    assert np.isnan(linear) == np.isnan(ranked) == (np.ptp(a) == 0 or np.ptp(b) == 0)
    if not np.isnan(linear):
        assert -1 <= linear <= 1
        assert metrics.pearson(3 * a - 7, -b) == pytest.approx(-linear, abs=1e-9)
        assert metrics.spearman(np.exp(a / 10), b**3) == pytest.approx(ranked, abs=1e-9)


def test_correlation_of_huge_and_tiny_numbers():
    values = np.array([1.0, 2.0, 4.0])
    assert metrics.pearson(1e150 + 1e149 * values, values) == pytest.approx(1)
    assert np.isnan(metrics.pearson([0, 1e-300, 2e-300], values))  # its squares vanish


def test_correlations_need_the_same_pairs():
    with pytest.raises(LockonError, match=r"shapes \(2,\) and \(3,\)"):
        metrics.pearson([1, 2], [1, 2, 3])


def test_rank_correlation():
    up = rank_correlation(np.arange(8.0), np.arange(8.0) ** 3)
    assert (up.value, up.pairs) == (pytest.approx(1), 8)
    assert up.p_value < 0.01  # 2 of 8! orders are as extreme
    assert rank_correlation(np.arange(8.0), -np.arange(8.0)).value == pytest.approx(-1)
    known = rank_correlation(np.array([1, 2, np.nan, 3]), np.array([1, 3, 2, 2.0]))
    assert (known.value, known.pairs) == (pytest.approx(0.5), 3)
    flat = rank_correlation(np.ones(3), np.arange(3.0))
    assert np.isnan([flat.value, flat.p_value]).all()
    assert flat.pairs == 3
