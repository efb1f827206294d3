"""Results two by two: without and with a refiner, without and with the true centre; gains, milliseconds, overlap of masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.made_results import HALF, PERFECT, add, make_record
from lockon.analysis.pairs import ORACLE, REFINER, label_pairs, pair_markdown, pairs_of
from lockon.bench.report import Options, evaluate_all
from lockon.bench.report.significance import compare
from lockon.bench.store import Store
from lockon.errors import LockonError

FULL, UPPER = "m5,5,10,10,0,100", "m5,5,10,10,0,50"  # masks of PERFECT and HALF


def masked(record, answers, truths=None):
    """The record with masks of the tracker on every frame after the first, and true ones."""
    count = len(record.truth)
    run = replace(record.run, masks=(None, *answers))
    return replace(record, run=run, truth_masks=tuple(truths or [FULL] * count))


@pytest.fixture
def store(tmp_path):
    """Six sequences of "kcf", half right and 10 ms; "kcf+s" is perfect on four and takes 30 ms, and lacks the last."""
    store = Store(tmp_path)
    for number in range(6):
        add(store, "kcf", make_record(f"s{number}", HALF, frames=5))
        if number < 5:
            add(store, "kcf+s", make_record(f"s{number}", PERFECT if number < 4 else HALF, frames=5, seconds=0.03))
    add(store, "mil+s", make_record("s0", PERFECT, frames=5))
    return store


@pytest.mark.parametrize(
    ("labels", "pairs"),
    [
        ([], []),
        (["a", "b"], []),
        (["a", "a+r", "b+r"], [("a", "a+r")]),
        (["a+b", "a+b+r", "a+b+q", "a"], [("a", "a+b"), ("a+b", "a+b+q"), ("a+b", "a+b+r")]),
        (["+r", "r"], []),
    ],
)
def test_pairs_are_known_by_their_labels(labels, pairs):
    assert label_pairs(labels) == pairs


def test_metrics_are_those_of_the_common_sequences(store):
    (row,) = pairs_of(store.folder, REFINER)
    assert (row.base, row.other, row.difference, row.sequences) == ("kcf", "kcf+s", "s", 5)
    (report,) = evaluate_all(store, Options(None, ("kcf", "kcf+s")))
    expected = compare(report, "kcf+s", "kcf").metrics
    for key in ("AO", "AUC", "SR75"):
        assert row.metrics[key] == expected[key]
    assert (row.metrics["AO"].second, row.metrics["AO"].first) == (0.5, pytest.approx(0.9))
    assert row.metrics["SR75"].difference == pytest.approx(0.8)
    assert (row.ms_base, row.ms_other) == (pytest.approx(10), pytest.approx(30))
    assert row.ms_added == pytest.approx(20)
    assert (row.mask_j, row.mask_j_base, row.mask_sequences) == (None, None, 0)


def test_nothing_in_common(tmp_path):
    store = add(Store(tmp_path), "kcf", make_record("a", HALF))
    assert pairs_of(tmp_path, REFINER) == []
    add(store, "kcf+s", make_record("b", HALF))
    assert pairs_of(tmp_path, REFINER) == []


def test_masks_count_between_the_first_and_the_last_frame(tmp_path):
    """Overlaps 1 and 0.5 on the frames that count, 0 on the last one, which does not; a frame without an answer is 0."""
    store = Store(tmp_path)
    for name in ("a", "b"):
        add(store, "base", make_record(name, HALF))
    add(store, "base+s", masked(make_record("a", HALF), [FULL, UPPER, None]))
    (row,) = pairs_of(tmp_path, REFINER)
    assert (row.mask_j, row.mask_sequences, row.mask_j_base) == (pytest.approx(0.75), 1, None)
    add(store, "base+s", masked(make_record("b", HALF), [FULL, None, FULL]), make_record("c", HALF))
    add(store, "base", *(masked(make_record(name, HALF), [UPPER] * 3) for name in ("a", "b")))
    (row,) = pairs_of(tmp_path, REFINER)
    assert (row.mask_j, row.mask_j_base, row.mask_sequences) == (pytest.approx(0.625), pytest.approx(0.5), 2)
    assert "| 0.625 (2), own 0.500 |" in pair_markdown([row], REFINER)


def test_times_that_were_not_kept(tmp_path):
    store = add(Store(tmp_path), "a", make_record("s", HALF, seconds=np.nan))
    add(store, "a+s", make_record("s", HALF))
    (row,) = pairs_of(tmp_path, REFINER)
    assert np.isnan(row.ms_base)
    assert "| - | - | 1 |" in pair_markdown([row], REFINER)


def test_the_table(store):
    lines = pair_markdown(pairs_of(store.folder, REFINER), REFINER).splitlines()
    assert lines[0].startswith(
        "| tracker | refiner | AO | refined | gain | AUC | refined | gain | SR0.75 | refined | gain | ms | ms added |"
    )
    assert lines[2].startswith("| kcf | s | 0.500 | 0.900 | **+0.400 [+")
    assert lines[2].endswith("| 10.0 | +20.0 | 5 |")
    with pytest.raises(LockonError, match="no tracker was run both without and with a refiner; run each twice"):
        pair_markdown([], REFINER)


def test_one_sequence_is_never_more_than_chance(tmp_path):
    add(add(Store(tmp_path), "a", make_record("s", HALF)), "a+s", make_record("s", PERFECT))
    assert "**" not in pair_markdown(pairs_of(tmp_path, REFINER), REFINER)


@pytest.fixture
def oracle_folder(tmp_path):
    """ "s" gains by the oracle, "t" has no one-pass run, "u" no oracle one."""
    store, known = Store(tmp_path), {"protocol": "oracle", "rules": {"when": "after"}}
    add(store, "s", make_record("a", HALF), make_record("b", HALF), make_record("c", PERFECT))
    add(store, "s", make_record("a", PERFECT, **known), make_record("b", HALF, **known))
    add(store, "t", make_record("a", HALF, **known))
    add(store, "u", make_record("a", HALF))
    return tmp_path


def test_oracle_runs_stand_beside_one_pass_on_common_sequences(oracle_folder):
    both, alone = pairs_of(oracle_folder, ORACLE)
    assert (both.base, both.other, both.difference, both.sequences) == ("s", "s", "after", 2)
    assert (both.metrics["AO"].second, both.metrics["AO"].first, both.metrics["AO"].difference) == (0.5, 0.75, 0.25)
    assert set(both.metrics) == {"AO", "AUC", "NP", "P20"}
    assert (alone.base, alone.sequences, alone.metrics["AO"].first) == ("t", 1, 0.5)
    assert np.isnan(alone.metrics["AO"].second)
    assert [pair.base for pair in pairs_of(oracle_folder, ORACLE, trackers=["t"])] == ["t"]
    assert [pair.base for pair in pairs_of(oracle_folder, ORACLE, trackers=["t", "s"])] == ["t", "s"]


def test_the_table_of_oracle_runs(oracle_folder, tmp_path):
    lines = pair_markdown(pairs_of(oracle_folder, ORACLE), ORACLE).splitlines()
    assert lines[0] == (
        "| tracker | oracle | AO | oracle | gain | AUC | oracle | gain | P_norm | oracle | gain | P | oracle | gain | sequences |"
    )
    assert lines[2].startswith("| s | after | 0.500 | 0.750 | +0.250 [")
    assert lines[3].startswith("| t | after | - | 0.500 | - | - |")
    add(Store(tmp_path / "other"), "s", make_record("a", HALF))
    assert pairs_of(tmp_path / "other", ORACLE) == []
    with pytest.raises(LockonError, match="no oracle results; make some with: lockon bench run --protocol one-pass oracle"):
        pair_markdown([], ORACLE)
