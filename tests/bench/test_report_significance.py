"""Confidence intervals and paired comparisons of reports."""

from __future__ import annotations

import numpy as np
import pytest
from made_results import FAR, HALF, NAN, PERFECT, add, make_record, reset_record

from lockon.bench import metrics, tables
from lockon.bench.report import Options, evaluate, evaluate_all
from lockon.bench.report.significance import compare, intervals
from lockon.bench.store import Store
from lockon.errors import LockonError


@pytest.fixture
def store(tmp_path):
    """Eight sequences; "good" is perfect on half of them and half right on the others, "bad" is always half right."""
    store = Store(tmp_path)
    for number in range(8):
        add(store, "good", make_record(f"s{number}", PERFECT if number % 2 else HALF, frames=4 + number))
        add(store, "bad", make_record(f"s{number}", HALF, frames=4 + number))
    return store


def test_intervals_are_those_of_the_metrics(store):
    found = intervals(evaluate(store))
    expected = metrics.bootstrap_interval([0.5, 1.0] * 4)
    assert found.of["good"]["AO"] == (expected.low, expected.high)
    assert found.of["bad"]["AO"] == (0.5, 0.5)
    assert found.meaning == "95% confidence interval, bootstrap over sequences"
    pooled = intervals(evaluate(store, "got10k")).of["good"]["AO"]
    weighted = metrics.bootstrap_interval([0.5, 1.0] * 4, weights=np.arange(3, 11))
    assert pooled == (weighted.low, weighted.high)


def test_intervals_in_a_table(store):
    report = evaluate(store)
    table = tables.summary_table(report, intervals(report))
    assert table.rows[1][1].text == "0.500 [0.500, 0.500]"
    assert table.notes[-1] == "In brackets: 95% confidence interval, bootstrap over sequences."


def test_metrics_without_a_value_have_no_interval(tmp_path):
    report = evaluate(add(Store(tmp_path), "still", make_record("one", np.zeros((0, 4)), frames=1)))
    low, high = intervals(report).of["still"]["AO"]
    assert np.isnan(low)
    assert np.isnan(high)


def test_a_comparison_by_hand(store):
    found = compare(evaluate(store), "good", "bad")
    ahead = found.metrics["AO"]
    assert (found.sequences, ahead.first, ahead.second) == (8, 0.75, 0.5)
    assert ahead.difference == pytest.approx(0.25)
    assert (ahead.wins, ahead.ties, ahead.losses) == (4, 4, 0)
    assert 0 < ahead.low < 0.25 < ahead.high
    assert ahead.p == pytest.approx(2 / 16)  # of the 16 patterns of 4 signs, the two with all alike are as far
    back = compare(evaluate(store), "bad", "good").metrics["AO"]
    assert (back.wins, back.losses, back.difference) == (0, 4, pytest.approx(-0.25))
    row = tables.comparison_table(evaluate(store), found).rows[0]
    assert [cell.text for cell in row[:3]] == ["AO", "0.750", "0.500"]
    assert row[3].text.startswith("+0.250 [+0.")
    assert row[3].rank == 1
    assert [cell.text for cell in row[4:]] == ["0.125", "4 / 4 / 0"]


def test_only_common_sequences_are_compared(store):
    store.path("bad", "made", "s1").unlink()
    found = compare(evaluate(store), "good", "bad")
    assert found.sequences == 7
    assert found.metrics["AO"].first == pytest.approx((3 * 1 + 4 * 0.5) / 7)


def test_comparing_unknown_equal_or_disjoint_trackers_is_refused(store):
    report = evaluate(store)
    with pytest.raises(LockonError, match="did you mean 'good'"):
        compare(report, "goood", "bad")
    with pytest.raises(LockonError, match="names one tracker twice"):
        compare(report, "bad", "bad")
    add(store, "else", make_record("other", HALF))
    with pytest.raises(LockonError, match="bad and else have no sequence in common"):
        compare(evaluate(store), "bad", "else")


def test_resets_draw_sequences_for_eao(tmp_path):
    store = Store(tmp_path)
    for number in range(6):
        add(store, "steady", reset_record(f"s{number}", "s" + "t" * 19, PERFECT))
        add(store, "weak", reset_record(f"s{number}", "s" + "t" * 11 + "f----stt", HALF if number else FAR))
    (report,) = evaluate_all(store, Options(protocol="reset", convention="exact", lengths=(2, 15)))
    found = intervals(report)
    assert found.of["steady"]["EAO"] == (1, 1)
    low, high = found.of["weak"]["EAO"]
    weak = report.trackers[1].values["EAO"]
    assert low < weak < high
    ahead = compare(report, "steady", "weak")
    assert (ahead.metrics["R"].wins, ahead.metrics["R"].losses) == (6, 0)  # fewer failures are better
    assert ahead.metrics["R"].difference < 0
    assert ahead.metrics["EAO"].p < 0.05
    assert ahead.metrics["EAO"].difference == pytest.approx(1 - weak)
    row = next(row for row in tables.comparison_table(report, ahead).rows if row[0].text == "EAO")
    assert row[-1].text == "-"  # a sequence alone has no EAO


def test_the_same_seed_gives_the_same_intervals(store):
    assert intervals(evaluate(store)) == intervals(evaluate(store))


def test_nan_boxes_are_misses_and_no_surprise(tmp_path):
    store = add(Store(tmp_path), "one", make_record("a", NAN), make_record("b", HALF))
    add(store, "two", make_record("a", HALF), make_record("b", HALF))
    assert compare(evaluate(store), "two", "one").metrics["AO"].wins == 1
