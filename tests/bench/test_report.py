"""From stored results to metrics; values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from made_results import FAR, HALF, PERFECT, SIZE, add, make_record

from lockon.bench.report import Options, evaluate, evaluate_all, stored_protocols
from lockon.bench.report.attributes import by_attribute, has_attributes
from lockon.bench.report.coverage import coverage, coverage_note
from lockon.bench.store import Store
from lockon.errors import LockonError


@pytest.fixture
def store(tmp_path):
    """Two sequences of 3 and 5 frames after the first; "good" is perfect on the short one and half on the long one, "bad" is lost."""
    store = Store(tmp_path / "out")
    add(store, "good", make_record("short", PERFECT), make_record("long", HALF, frames=8, skip=2), size=2_500_000)
    add(store, "bad", make_record("short", FAR, seconds=0.1), make_record("long", FAR, frames=8, skip=2, seconds=0.1))
    return store


def test_metrics_of_a_report_equal_those_worked_out_by_hand(store):
    report = evaluate(store)
    assert [item.label for item in report.trackers] == ["good", "bad"]
    assert (report.protocol, report.convention, report.datasets) == ("one-pass", "pysot", ("made",))
    good, bad = report.trackers
    assert good.values["AO"] == pytest.approx((1 + 0.5) / 2)
    assert good.values["SR50"] == pytest.approx((1 + 0) / 2)  # strictly above 0.5
    assert good.values["SR75"] == pytest.approx((1 + 0) / 2)
    # success curves: short 1 below threshold 1 (20 of 21); long the same at 1/6 of its frames, the start, and at IoU 0.5 for the rest:
    # thresholds 0 .. 0.45 (10)
    assert good.values["AUC"] == pytest.approx((20 / 21 + (20 / 21 + 5 * 10 / 21) / 6) / 2)
    assert (good.values["P20"], good.values["NP"]) == (1, pytest.approx((1 + 1 / 6) / 2))  # centre is 2.5 of 10 off
    assert (good.fps, bad.fps) == (pytest.approx(100), pytest.approx(10))
    assert (good.size, bad.size) == (2_500_000, 0)
    assert bad.values["AO"] == 0
    assert [(part.sequence, part.frames, part.values["AO"]) for part in good.sequences] == [("long", 8, 0.5), ("short", 4, 1)]


def test_got10k_pools_frames(store):
    good = evaluate(store, "got10k").trackers[0]
    assert good.values["AO"] == pytest.approx((3 * 1 + 5 * 0.5) / 8)
    assert good.values["SR50"] == pytest.approx(3 / 8)
    assert good.curves["success"].shape == (101,)


def test_got10k_clips_to_the_picture(tmp_path):
    record = make_record("edge", [0, 0, SIZE[0] * 2, SIZE[1]])
    record.truth[:] = [0, 0, *SIZE]
    store = add(Store(tmp_path / "out"), "over", record)
    assert evaluate(store, "got10k").trackers[0].values["AO"] == pytest.approx(1)
    assert evaluate(store, "pysot").trackers[0].values["AO"] == pytest.approx(0.5)


def test_a_tracker_without_all_sequences_says_so(store):
    store.path("bad", "made", "long").unlink()
    report = evaluate(store)
    assert {item.label: item.missing for item in report.trackers} == {"good": (), "bad": ("long",)}


def test_only_named_trackers_and_known_ones(store):
    assert [item.label for item in evaluate(store, trackers=["bad"]).trackers] == ["bad"]
    with pytest.raises(LockonError, match="did you mean 'good'"):
        evaluate(store, trackers=["goood"])
    with pytest.raises(LockonError, match="unknown convention"):
        evaluate(store, "otb2")
    with pytest.raises(LockonError, match="unknown protocol"):
        evaluate(store, protocol="resets")
    with pytest.raises(LockonError, match="did you mean 'made'"):
        evaluate_all(store, Options(datasets=["mad"]))


def test_a_folder_with_configurations_only_has_nothing_to_report(tmp_path):
    store = Store(tmp_path)
    store.claim("still", {}, 0)
    with pytest.raises(LockonError, match="no finished sequence"):
        evaluate(store)


def test_another_protocol_is_named(store):
    assert stored_protocols(store) == ["one-pass"]
    with pytest.raises(LockonError, match=r"no results of the protocol reset, but of one-pass; give --protocol one-pass"):
        evaluate(store, protocol="reset")


def test_repetitions_are_averaged_and_their_spread_is_given(tmp_path):
    store = Store(tmp_path)
    add(store, "chance", make_record("a", PERFECT), make_record("a", HALF, repetition=2), make_record("b", PERFECT))
    item = evaluate(store).trackers[0]
    assert item.repetitions == 2
    assert item.values["AO"] == pytest.approx((0.75 + 1) / 2)
    # rounds: (1 + 1) / 2 and (0.5 + 1) / 2, b having one repetition only
    assert item.spread["AO"] == pytest.approx(np.std([1.0, 0.75], ddof=1))
    assert [part.tracked_frames for part in item.sequences] == [6, 3]
    assert evaluate(store, "got10k").trackers[0].values["AO"] == pytest.approx((0.75 * 3 + 1 * 3) / 6)
    assert not evaluate(add(Store(tmp_path / "once"), "one", make_record("a", HALF))).trackers[0].spread


def test_sequences_without_ground_truth_are_not_scored(tmp_path):
    hidden = make_record("secret", PERFECT)
    hidden.truth[1:] = np.nan
    store = add(Store(tmp_path), "one", make_record("open", HALF), hidden)
    report = evaluate(store)
    assert [part.sequence for part in report.trackers[0].sequences] == ["open"]
    assert "1 sequences have no ground truth" in report.notes[0]
    store.path("one", "made", "open").unlink()
    with pytest.raises(LockonError, match="1 sequences without ground truth after the first frame; pack them"):
        evaluate(store)


def test_one_report_per_dataset(tmp_path):
    store = add(Store(tmp_path), "one", make_record("a", PERFECT), make_record("a", HALF, dataset="other"))
    assert evaluate(store).datasets == ("made", "other")
    apart = evaluate_all(store, Options(apart=True))
    assert [(report.datasets, report.trackers[0].values["AO"]) for report in apart] == [(("made",), 1), (("other",), 0.5)]
    assert [report.datasets for report in evaluate_all(store, Options(datasets=["other"]))] == [("other",)]


def test_attributes(tmp_path):
    store = Store(tmp_path)
    fields = {"a": ("blur", "rain"), "b": ("rain",), "c": ()}
    add(store, "one", *(make_record(name, rows, attributes=fields[name]) for name, rows in zip("abc", (PERFECT, HALF, FAR), strict=True)))
    add(store, "two", make_record("b", PERFECT, attributes=("rain",)))
    entries = {entry.attribute: entry for entry in by_attribute(evaluate(store))}
    assert {name: entry.sequences for name, entry in entries.items()} == {"blur": 1, "rain": 2}
    assert entries["rain"].values["one"]["AO"] == pytest.approx(0.75)
    assert entries["rain"].values["two"]["AO"] == pytest.approx(1)
    assert set(entries["blur"].values) == {"one"}


def test_attributes_of_a_known_benchmark_come_from_its_list(tmp_path):
    report = evaluate(add(Store(tmp_path), "one", make_record("Basketball", HALF, dataset="OTB100")))
    assert "occlusion" in report.trackers[0].sequences[0].attributes
    plain = evaluate(add(Store(tmp_path / "own"), "one", make_record("a", HALF)))
    assert not has_attributes(plain)
    with pytest.raises(LockonError, match="no sequence of made has attributes"):
        by_attribute(plain)


def test_coverage_of_a_known_benchmark():
    records = [make_record("Basketball", HALF, dataset="OTB100", frames=725), make_record("OTB100-Car1", HALF, dataset="OTB100")]
    records += [make_record("Jogging-1", HALF, dataset="OTB100", frames=307), make_record("mine", HALF, dataset="OTB100")]
    (entry,) = coverage(records)
    assert (entry.there.found, entry.there.expected, len(entry.there.missing)) == (3, 100, 97)
    assert entry.partial
    note = coverage_note(entry)
    assert note.startswith("OTB100: 3 of 100 sequences (missing: ")
    assert "1 of another length (Car1: 4 of 1020 frames), 1 that are not in its list (mine)" in note


def test_coverage_sees_other_sizes(tmp_path):
    lengths = {"ants1": 325, "ball2": 41}
    (entry,) = coverage([make_record(name, HALF, dataset="VOT2019", frames=frames) for name, frames in lengths.items()])
    assert set(entry.resized) == {"ants1", "ball2"}
    assert "2 with images of another size (ants1, ball2)" in coverage_note(entry)
    (entry,) = coverage([make_record("ants1", HALF, dataset="VOT2019", frames=325, size=(1024, 1024))])
    assert (entry.resized, entry.there.cut) == ((), ())


def test_coverage_of_runs_from_anchors_is_that_of_the_video():
    records = [make_record("ants1", HALF, dataset="VOT2019", frames=25, anchor=300, protocol="anchors")]
    records += [make_record("ants1", HALF, dataset="VOT2019", frames=100, anchor=99, backward=True, protocol="anchors")]
    (entry,) = coverage(records)
    assert entry.there.cut == ()


def test_coverage_of_own_data_is_unknown():
    (entry,) = coverage([make_record("a", HALF)])
    assert not entry.partial
    assert coverage_note(entry) == "made: 1 sequences (no list to compare with)"


def test_latency_counts_tracked_frames_alone(tmp_path):
    record = make_record("a", HALF, frames=102)
    record.run.times[1:] = np.arange(1, 102) / 1000
    record.run.times[1] = np.nan  # a frame that the tracker never saw
    item = evaluate(add(Store(tmp_path), "one", record)).trackers[0]
    assert item.sequences[0].tracked_frames == 100
    found = item.latency
    assert (found["mean"], found["p50"]) == (pytest.approx(51.5), pytest.approx(51.5))
    assert found["p95"] == pytest.approx(2 + 0.95 * 99)
    assert item.fps == pytest.approx(1000 / 51.5)


def test_results_without_times_have_no_speed(tmp_path):
    record = make_record("a", HALF)
    record.run.times[:] = np.nan
    item = evaluate(add(Store(tmp_path), "one", record)).trackers[0]
    assert np.isnan(item.fps)
    assert all(np.isnan(value) for value in item.latency.values())
