"""Multi-start metrics: small runs by hand, and the VOT toolkit's metrics (golden/README.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lockon.bench import metrics
from lockon.bench.metrics import MultiStart
from lockon.errors import LockonError

GOLDEN = dict(np.load(Path(__file__).parent / "golden" / "multi_start.npz"))


def golden_sequence(number: int) -> MultiStart:
    absent, overlaps, present = GOLDEN[f"s{number}.absent"], [], []
    for anchor in GOLDEN[f"s{number}.anchors"]:  # frame + 1, negative for backward
        frame = abs(int(anchor)) - 1
        frames = np.arange(frame, len(absent)) if anchor > 0 else np.arange(frame, -1, -1)
        overlaps.append(GOLDEN[f"s{number}_{frame:08d}"])
        present.append(~absent[frames])
    return MultiStart(int(GOLDEN[f"s{number}.frames"]), overlaps, present)


def test_metrics_of_the_vot_toolkit():
    sequences = [golden_sequence(number) for number in range(int(GOLDEN["S"]))]
    scores = metrics.multi_start_scores(sequences, int(GOLDEN["low"]), int(GOLDEN["high"]))
    assert scores.accuracy == pytest.approx(float(GOLDEN["result.accuracy"]), abs=1e-12)
    assert scores.robustness == pytest.approx(float(GOLDEN["result.robustness"]), abs=1e-12)
    assert scores.eao == pytest.approx(float(GOLDEN["result.eao"]), abs=1e-12)
    np.testing.assert_allclose(scores.curve, GOLDEN["result.curve"], atol=1e-12)
    np.testing.assert_allclose(scores.sequences, GOLDEN["result.seq"], atol=1e-12)
    assert 0.1 < scores.robustness < 0.9  # some runs fail, some do not


def test_a_failure_is_ten_lost_frames_in_a_row():
    nine = [0.9] * 5 + [0.1] * 9 + [0.9] * 5
    assert metrics.frames_before_failure(nine) == 19
    ten = [0.9] * 5 + [0.1] * 10 + [0.9] * 5
    assert metrics.frames_before_failure(ten) == 5
    assert metrics.frames_before_failure(np.where(np.array(ten) < 0.5, 0.11, 0.9)) == 20
    assert metrics.frames_before_failure([0.9] * 5 + [np.nan] * 10) == 5
    assert metrics.frames_before_failure([0.9, *[0.0] * 9]) == 0  # the start counts as a frame without overlap
    assert metrics.frames_before_failure([0.9, 0.9, 0.0, 0.9, 0.0, 0.0], grace=2) == 4


def test_frames_without_a_target_are_no_failures():
    overlaps, present = [0.9] * 5 + [0.0] * 12, np.ones(17, dtype=bool)
    present[10] = False
    assert metrics.frames_before_failure(overlaps) == 5
    assert metrics.frames_before_failure(overlaps, present) == 17


# 30 frames. Forward from 0: .8 for 10 frames (start included), then lost; backward from 19: 1 throughout
SEQUENCE = MultiStart(30, [[0.8] * 10 + [0.0] * 20, [1.0] * 20])


def test_accuracy_and_robustness_by_hand():
    scores = metrics.multi_start_scores([SEQUENCE], 1, 5)
    assert scores.robustness == pytest.approx((10 + 20) / (30 + 20))
    assert scores.accuracy == pytest.approx((9 * 0.8 + 19 * 1.0) / 30)
    other = MultiStart(90, [[0.5] * 90])
    both = metrics.multi_start_scores([SEQUENCE, other], 1, 5)
    assert both.robustness == pytest.approx((0.6 * 30 + 1 * 90) / 120)  # by the length of the sequence
    assert both.accuracy == pytest.approx((9 * 0.8 + 19 * 1.0 + 89 * 0.5) / 120)  # by frames tracked
    np.testing.assert_allclose(both.sequences, [[26.2 / 30, 0.6], [89 / 180, 1]])


def test_expected_overlap_by_hand():
    curve = metrics.multi_start_scores([SEQUENCE], 1, 40).curve
    assert curve[0] == 0
    assert curve[9] == pytest.approx((0.8 + 1) / 2)
    assert curve[19] == pytest.approx((7.2 / 19 + 1) / 2)
    assert curve[20] == pytest.approx(7.2 / 20)  # the backward run is over and did not fail
    assert curve[29] == pytest.approx(7.2 / 29)
    assert curve[30] == pytest.approx(7.2 / 29)  # beyond the end of a failed run the toolkit divides by one less
    assert curve[39] == pytest.approx(7.2 / 38)
    assert metrics.multi_start_scores([SEQUENCE], 10, 12).eao == pytest.approx((curve[10] + curve[11]) / 2)


def test_a_tracker_that_never_follows():
    scores = metrics.multi_start_scores([MultiStart(40, [[0.0] * 40])], 1, 10)
    assert (scores.accuracy, scores.robustness, scores.eao) == (0, 0, 0)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: metrics.multi_start_scores([]), "0 sequences"),
        (lambda: metrics.multi_start_scores([MultiStart(5, [])]), "no runs"),
        (lambda: metrics.multi_start_scores([SEQUENCE], 20, 10), "low < high"),
        (lambda: metrics.frames_before_failure([]), "T of 1 or more"),
        (lambda: metrics.frames_before_failure([0.5, 0.5], [True]), r"flags of shape \(1,\)"),
    ],
)
def test_missing_runs_and_impossible_lengths_are_refused(call, text):
    with pytest.raises(LockonError, match=text):
        call()
