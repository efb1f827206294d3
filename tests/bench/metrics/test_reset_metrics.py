"""Accuracy, robustness and expected average overlap: small runs by hand, and the PySOT toolkit's metrics (golden/README.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lockon.bench import metrics
from lockon.bench.metrics import ResetRun
from lockon.errors import LockonError

GOLDEN = dict(np.load(Path(__file__).parent / "golden" / "vot.npz"))
VIDEOS = {"VOT2018": ["p0", "p1", "p2", "p3"], "VOT2019": ["q0", "q1", "q2"]}
NAN = np.nan


def golden_runs(year: str, tracker: str) -> list[list[ResetRun]]:
    groups = []
    for video in VIDEOS[year]:
        names = sorted(name for name in GOLDEN if name.startswith(f"{year}.{video}.{tracker}.rep"))
        runs = []
        for name in names:
            rows = GOLDEN[name]  # rows of one number are codes: 1 start, 2 failure, 0 skipped
            events = np.where(np.isnan(rows[:, 1]), np.select([rows[:, 0] == 1, rows[:, 0] == 2], [1, 2], 3), 0)
            runs.append(metrics.reset_run(rows, events, GOLDEN[f"{year}.{video}.gt"], (480, 360)))
        groups.append(runs)
    return groups


@pytest.mark.parametrize("tracker", ["a", "b"])
@pytest.mark.parametrize("year", VIDEOS)
def test_metrics_of_the_pysot_toolkit(year, tracker):
    runs = golden_runs(year, tracker)
    result = metrics.accuracy_robustness(runs)
    assert result.accuracy == pytest.approx(float(GOLDEN[f"{year}.{tracker}.accuracy"]), abs=1e-7)
    assert result.robustness == pytest.approx(float(GOLDEN[f"{year}.{tracker}.robustness"]), abs=1e-9)
    assert result.failures == float(GOLDEN[f"{year}.{tracker}.lost"])
    low, high = metrics.EAO_RANGES[year]
    assert [low, high] == GOLDEN[f"{year}.eao_range"][:2].tolist()
    eao = metrics.expected_average_overlap(runs, low, high)
    assert eao == pytest.approx(float(GOLDEN[f"{year}.{tracker}.eao"]), abs=1e-7)


@pytest.mark.parametrize("tracker", ["a", "b"])
@pytest.mark.parametrize("year", VIDEOS)
def test_frames_of_the_pysot_toolkit(year, tracker):
    for video, runs in zip(VIDEOS[year], golden_runs(year, tracker), strict=True):
        np.testing.assert_allclose(metrics.frame_overlaps(runs), GOLDEN[f"{year}.{video}.{tracker}.overlaps"], atol=1e-7, rtol=0)
        assert [len(run.failures) for run in runs] == GOLDEN[f"{year}.{video}.{tracker}.failures"].tolist()


# 20 frames: starts in 0, fails in 4, starts again in 9. Overlap .5 before, .8 after.
OVERLAPS = np.array([NAN, 0.5, 0.5, 0.5, NAN, NAN, NAN, NAN, NAN, NAN, *[0.8] * 10])
RUN = ResetRun(OVERLAPS, np.array([4]), np.array([0, 9]))
CLEAN = ResetRun(np.array([NAN, *[0.6] * 9]), np.array([], dtype=int), np.array([0]))  # 10 frames without a failure


def test_accuracy_after_the_burn_in():
    assert metrics.accuracy_robustness([RUN], burnin=0).accuracy == pytest.approx((3 * 0.5 + 10 * 0.8) / 13)
    assert metrics.accuracy_robustness([RUN], burnin=3).accuracy == pytest.approx((1 * 0.5 + 8 * 0.8) / 9)
    assert metrics.accuracy_robustness([RUN]).accuracy == pytest.approx(0.8)  # of frame 19 alone
    assert np.isnan(metrics.accuracy_robustness([CLEAN]).accuracy)
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(metrics.frame_overlaps(RUN, burnin=3))), [3, *range(12, 20)])


def test_robustness_is_failures_per_hundred_frames():
    result = metrics.accuracy_robustness([RUN, CLEAN], burnin=1)
    assert (result.failures, result.robustness) == (1, pytest.approx(100 / 30))
    assert result.accuracy == pytest.approx((3 * 0.5 + 10 * 0.8 + 9 * 0.6) / 22)  # frames pooled


def test_repetitions_share_a_sequence():
    perfect = (np.array([NAN, *[1.0] * 19]), [])
    result = metrics.accuracy_robustness([[RUN, perfect]], burnin=1)
    assert (result.failures, result.robustness) == (0.5, pytest.approx(2.5))
    frames = [*[0.75] * 3, *[1.0] * 6, *[0.9] * 10]  # the mean over the runs that have the frame
    assert result.accuracy == pytest.approx(np.mean(frames))


def test_expected_overlap_curve_by_hand():
    # stretch 1: frames 0 to 9, failed: .5 .5 .5 and 0 for ever; stretch 2: frames 9 to 19, to the end: ten times .8
    curve = metrics.expected_overlap_curve([RUN])
    assert curve.shape == (20,)
    assert curve[0] == 1
    assert curve[3] == pytest.approx((0.5 + 0.8) / 2)
    assert curve[10] == pytest.approx((1.5 / 10 + 0.8) / 2)
    assert curve[11] == pytest.approx(1.5 / 11)  # the second stretch is over
    assert metrics.expected_average_overlap([RUN], 11, 12) == pytest.approx((curve[10] + curve[11]) / 2)
    assert metrics.expected_average_overlap([RUN], 19, 900) == pytest.approx((curve[18] + curve[19]) / 2)  # as far as the curve goes
    assert np.isnan(metrics.expected_average_overlap([RUN], 21, 30))


def test_expected_overlap_of_repetitions_and_sequences():
    assert metrics.expected_overlap_curve([CLEAN])[1:] == pytest.approx(0.6)
    both = metrics.expected_overlap_curve([[RUN, RUN], [CLEAN]])
    assert both[3] == pytest.approx((0.5 + 0.8 + 0.6) / 3)  # the two runs weigh half each
    unreached = metrics.expected_overlap_curve([(np.ones(6), [0])])  # after the failure in frame 0 the rest is 0
    assert unreached[1:] == pytest.approx([1, 1, 1, 1, 1])


def test_a_failure_too_late_for_another_start_ends_no_stretch():
    late = (np.array([NAN, 0.4, 0.4, NAN, NAN]), [3])
    assert metrics.expected_overlap_curve([late])[1:] == pytest.approx([0.4, 0.4, 0.8 / 3, 0.8 / 4])
    assert metrics.accuracy_robustness([late], burnin=1).failures == 1


def test_eao_may_have_overlaps_of_its_own():
    run = ResetRun(CLEAN.overlaps, CLEAN.failures, CLEAN.starts, CLEAN.overlaps / 2)
    assert metrics.expected_average_overlap([run], 2, 10) == pytest.approx(0.3)
    assert metrics.accuracy_robustness([run], burnin=1).accuracy == pytest.approx(0.6)


def test_attributes_of_frames():
    tag = np.zeros(20, dtype=bool)
    tag[2:6] = True  # the failure in 4 and two frames of .5
    result = metrics.accuracy_robustness([RUN, CLEAN], 1, [tag, np.zeros(10, dtype=bool)])
    assert (result.accuracy, result.failures, result.robustness) == (0.5, 1, 25)
    # of stretch 1 (frames 0 to 9) 4 of 10 frames have the tag, of stretch 2 none
    assert metrics.expected_overlap_curve([RUN], [tag])[3] == pytest.approx(0.5)
    every = [np.ones(20, dtype=bool)]
    np.testing.assert_array_equal(metrics.expected_overlap_curve([RUN], every), metrics.expected_overlap_curve([RUN]))


def test_pairs_are_runs():
    pair = (OVERLAPS, [4])
    assert metrics.accuracy_robustness([pair], burnin=3) == metrics.accuracy_robustness([RUN], burnin=3)
    assert metrics.expected_average_overlap([pair], 1, 20) == metrics.expected_average_overlap([RUN], 1, 20)


@pytest.mark.parametrize("rule", ["pysot", "trax", "vot-toolkit", "exact"])
def test_reset_run_of_a_trajectory(rule):
    truth = np.tile([10.0, 10, 20, 20], (8, 1))
    boxes = truth.copy()
    boxes[[0, 2, 3]] = np.nan
    boxes[7] = [90, 90, 5, 5]
    run = metrics.reset_run(boxes, [1, 0, 2, 3, 1, 0, 0, 0], truth, (200, 100), rule)
    np.testing.assert_array_equal(run.overlaps, [NAN, 1, NAN, NAN, NAN, 1, 1, 0])
    assert (run.failures.tolist(), run.starts.tolist()) == ([2], [0, 4])


def test_reset_run_bounds_overlaps_for_eao_by_one_pixel_less():
    truth = np.array([[0.0, 0, 9, 9], [0, 0, 9, 9]])
    run = metrics.reset_run(truth + np.array([[0, 0, 0, 0], [5, 0, 0, 0]]), [1, 0], truth, (9, 100))
    assert run.overlaps[1] == pytest.approx(5 / 10)  # columns 0..9 and 5..9 of the picture, which counts 0..9
    assert run.eao_overlaps is not None
    assert run.eao_overlaps[1] == pytest.approx(4 / 9)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: metrics.accuracy_robustness([]), "no runs"),
        (lambda: metrics.accuracy_robustness([[]]), "repetitions of \\[\\] frames"),
        (lambda: metrics.accuracy_robustness([[RUN, CLEAN]]), "repetitions of \\[20, 10\\]"),
        (lambda: metrics.accuracy_robustness([(OVERLAPS, [20])]), "failures in frames \\[20\\]"),
        (lambda: metrics.accuracy_robustness([OVERLAPS]), "a run of type ndarray"),
        (lambda: metrics.accuracy_robustness([RUN], tags=[np.ones(3)]), "tags of shape \\(3,\\)"),
        (lambda: metrics.expected_overlap_curve([RUN], []), "0 arrays of tags for 1 sequences"),
        (lambda: metrics.expected_average_overlap([RUN], 30, 20), "1 <= low <= high"),
        (lambda: metrics.reset_run(np.zeros((2, 4)), [1], np.zeros((2, 4))), "one row per frame"),
        (lambda: metrics.reset_run(np.zeros((2, 4)), [1, 7], np.zeros((2, 4))), "0 tracked, 1 started"),
    ],
)
def test_runs_and_events_that_do_not_belong_together_are_refused(call, text):
    with pytest.raises(LockonError, match=text):
        call()
