"""Averages over sets of parameters: runs whose accuracy and robustness are counted by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lockon.analysis.averages import known_metrics, running_mean, set_averages, student_t
from lockon.bench.metrics import ResetRun
from lockon.bench.report.model import SequenceScore
from lockon.bench.search import Objective, SearchResult, Trial, parse_vary
from lockon.errors import LockonError

SPACE = parse_vary(["rate=0:1"])
ACCURACY = Objective("A")


# Two-sided 95 % points of Student's distribution, from the table of Abramowitz and Stegun, Handbook of Mathematical Functions, 26.10.
@pytest.mark.parametrize(
    ("freedom", "expected"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (10, 2.228), (30, 2.042), (120, 1.980)]
)
def test_students_t_equals_the_table(freedom, expected):
    assert student_t(freedom) == pytest.approx(expected, rel=1.2e-3)


def test_the_running_mean_by_hand():
    found = running_mean(np.array([1.0, 2.0, 3.0]))
    assert found.mean.tolist() == [1.0, 1.5, 2.0]
    assert np.isnan([found.low[0], found.high[0]]).all()  # one value has no spread
    # of 1 and 2 the deviation is sqrt(1/2), so that of their mean 1/2; of all three it is 1
    assert found.high[1] == pytest.approx(1.5 + 12.706205 / 2, abs=1e-6)
    assert (found.low[2], found.high[2]) == pytest.approx((2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)), abs=1e-6)


def test_equal_values_have_an_interval_without_width():
    found = running_mean(np.full(4, 0.25))
    assert found.mean.tolist() == [0.25] * 4
    assert found.low.tolist()[1:] == found.high.tolist()[1:] == [0.25] * 3


def run_of(overlap: float, failure: int | None = None) -> SequenceScore:
    """A sequence of 30 frames, started in frame 0 and five frames after a failure; frames 1 to 9 have an overlap of 0.1.

    Ten frames after each start do not count for accuracy.
    """
    overlaps = np.full(30, overlap)
    overlaps[:10] = 0.1
    starts = [0]
    if failure is not None:
        overlaps[failure : failure + 5] = np.nan
        starts.append(failure + 5)
    overlaps[starts] = np.nan
    run = ResetRun(overlaps, np.array([] if failure is None else [failure], dtype=np.int64), np.array(starts))
    return SequenceScore("a", "made", 30, {}, {}, np.zeros(0), {"R": 30}, runs=(run,))


def trial(number: int, score: SequenceScore | None, rate: float = 0.5) -> Trial:
    parameters = {"rate": rate} if number else {}
    if score is None:
        return Trial(number=number, parameters=parameters, state="failed", value=math.nan, error="a: RuntimeError: no")
    return Trial(number=number, parameters=parameters, state="complete", value=0.5, scores={"a": score})


def result(*scores: SequenceScore | None) -> SearchResult:
    return SearchResult(ACCURACY, SPACE, tuple(trial(number, score, number / 10) for number, score in enumerate(scores)))


def test_means_over_sets_by_hand():
    """R is failures per 100 frames: one in 30 is 3.333. The first trial has the tracker's own parameters and is no set."""
    (found,) = set_averages({"mine": result(run_of(0.9), run_of(0.8), run_of(0.6, failure=20))})
    assert found.sets == (1, 2)
    assert found.values["A"].tolist() == pytest.approx([0.8, 0.6])
    assert found.values["R"].tolist() == pytest.approx([0, 10 / 3])
    summary = found.summary()
    assert summary["A"]["own"] == pytest.approx(0.9)
    assert summary["A"]["mean"] == pytest.approx(0.7)
    assert summary["A"]["deviation"] == pytest.approx(math.sqrt(0.02))
    assert (summary["R"]["lowest"], summary["R"]["highest"]) == pytest.approx((0, 10 / 3))
    assert found.rows()[1] == {"tracker": "mine", "set": 2, "rate": 0.2, **{key: values[1] for key, values in found.values.items()}} | {
        "EAO": pytest.approx(math.nan, nan_ok=True)
    }


def test_differences_are_paired_over_the_sets():
    """One tracker is 0.1 better with one set and 0.3 with the other: their mean is 0.2, the deviation sqrt(0.02), of the mean 0.1."""
    one, two = set_averages({"one": result(run_of(0.9), run_of(0.6), run_of(0.9)), "two": result(run_of(0.9), run_of(0.5), run_of(0.6))})
    half = 12.706205 * 0.1
    assert one.differences(two)["A"] == pytest.approx({"mean": 0.2, "low": 0.2 - half, "high": 0.2 + half}, abs=1e-6)
    assert one.differences(one)["R"] == {"mean": 0, "low": 0, "high": 0}


def test_metrics_that_are_no_numbers_are_left_out():
    found = set_averages({"mine": result(run_of(0.9), run_of(0.8))})
    assert [metric.key for metric in known_metrics(ACCURACY, found)] == ["A", "R", "failures"]  # no lengths are known for EAO
    with_lengths = replace(ACCURACY, lengths=(3, 12))
    other = SearchResult(with_lengths, SPACE, result(run_of(0.9), run_of(0.8)).trials)
    assert [metric.key for metric in known_metrics(with_lengths, set_averages({"mine": other}))] == ["EAO", "A", "R", "failures"]


def test_sets_count_that_every_tracker_finished():
    found = {"one": result(run_of(0.9), run_of(0.8), None, run_of(0.7)), "two": result(*[run_of(0.5)] * 4)}
    one, two = set_averages(found)
    assert one.sets == two.sets == (1, 3)
    assert (one.failed, two.failed) == ((2,), ())
    assert two.values["A"].tolist() == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize(
    ("others", "text"),
    [
        ((run_of(0.9), None), "none of 1 sets was finished by all trackers: a: RuntimeError: no"),
        ((run_of(0.9),), "two was run with other sets of parameters than one; give all trackers the same --vary"),
    ],
)
def test_trackers_without_common_sets_are_an_error(others, text):
    with pytest.raises(LockonError, match=text):
        set_averages({"one": result(run_of(0.9), run_of(0.8)), "two": result(*others)})
