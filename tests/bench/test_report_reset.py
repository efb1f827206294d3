"""Reports of the reset and anchors protocols; values worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from made_results import BOX, FAR, HALF, PERFECT, add, make_record, reset_record

from lockon.bench import tables
from lockon.bench.metrics import EAO_RANGES
from lockon.bench.publish import folder_names
from lockon.bench.report import Options, evaluate, evaluate_all, evaluate_each, stored_protocols
from lockon.bench.report.overlaps import frame_overlaps, region_overlaps
from lockon.bench.report.reset import RELIABILITY
from lockon.bench.store import Store
from lockon.data.vot_rle import encode_vot_mask
from lockon.errors import LockonError

LENGTHS = Options(protocol="reset", convention="exact", lengths=(2, 4))


def _mask(box):
    x, y, w, h = map(int, box)
    mask = np.zeros((32, 48), dtype=bool)
    mask[y : y + h, x : x + w] = True
    return encode_vot_mask(mask)


@pytest.fixture
def store(tmp_path):
    """One sequence of 20 frames: "steady" keeps half of the target, "weak" fails in frame 12 and is started again in 17."""
    store = Store(tmp_path / "out")
    add(store, "steady", reset_record("a", "s" + "t" * 19, HALF))
    add(store, "weak", reset_record("a", "s" + "t" * 11 + "f----stt", PERFECT))
    return store


def test_reset_metrics_by_hand(store):
    (report,) = evaluate_all(store, LENGTHS)
    assert (report.protocol, report.convention, report.datasets) == ("reset", "exact", ("VOT2018",))
    steady, weak = (next(item for item in report.trackers if item.label == label) for label in ("steady", "weak"))
    assert steady.values["A"] == pytest.approx(0.5)
    assert (steady.values["R"], steady.values["failures"]) == (0, 0)
    assert weak.values["A"] == pytest.approx(1)  # frames 10 and 11 alone: ten after each start do not count
    assert (weak.values["R"], weak.values["failures"]) == (pytest.approx(100 / 20), 1)
    # the frame of the start has overlap 1 by definition in the curve's first value and is left out of the others: mean of i - 1 frames
    np.testing.assert_allclose(steady.curves["expected_overlap"][:4], [1, 0.5, 0.5, 0.5])
    assert steady.values["EAO"] == pytest.approx(0.5)
    assert [item.label for item in report.trackers] == ["weak", "steady"]
    assert math.isnan(weak.sequences[0].values["EAO"])


def test_points_of_the_accuracy_robustness_plot(store):
    (report,) = evaluate_all(store, LENGTHS)
    assert report.scoring.accuracy_robustness({"A": 0.6, "R": 0.0}) == (1, 0.6)
    assert report.scoring.accuracy_robustness({"A": 0.6, "R": 5.0})[0] == pytest.approx(math.exp(-RELIABILITY * 0.05))


def test_fps_counts_no_starts_and_no_skipped_frames(store):
    (report,) = evaluate_all(store, LENGTHS)
    weak = next(item for item in report.trackers if item.label == "weak")
    assert weak.sequences[0].tracked_frames == 14  # 11 tracked, 1 failed, 2 after the second start
    assert weak.fps == pytest.approx(100)


def test_repetitions_of_resets(tmp_path):
    runs = [reset_record("a", "s" + "t" * 19, HALF), reset_record("a", "s" + "t" * 11 + "f----stt", PERFECT, repetition=2)]
    (report,) = evaluate_all(add(Store(tmp_path), "chance", *runs), LENGTHS)
    item = report.trackers[0]
    assert item.repetitions == 2
    assert item.values["failures"] == pytest.approx(0.5)
    assert item.spread["failures"] == pytest.approx(np.std([0, 1], ddof=1))


def test_each_dataset_has_its_own_lengths(tmp_path):
    store = Store(tmp_path)
    names = ("VOT2016", "VOT2018", "VOT2019", "mine")
    add(store, "one", *(reset_record("a", "s" + "t" * 400, HALF, dataset=name) for name in names))
    reports = evaluate_all(store, Options(protocol="reset"))
    assert [report.datasets for report in reports] == [(name,) for name in names]
    assert [report.scoring.lengths for report in reports] == [EAO_RANGES.get(name) for name in names]
    assert math.isnan(reports[-1].trackers[0].values["EAO"])
    text = tables.to_markdown(reports[-1])
    assert "EAO: no range of lengths is known for mine; give --lengths LOW HIGH." in text
    assert "EAO: expected average overlap of lengths 100 to 356." in tables.to_markdown(reports[1])
    with pytest.raises(LockonError, match=r"metrics of reset belong to one dataset, and .* has VOT2016, VOT2018, VOT2019, mine"):
        evaluate(store, protocol="reset")


def test_conventions_differ_in_how_overlap_is_counted(store):
    values = {}
    for convention in ("pysot", "trax", "vot-toolkit", "exact"):
        (report,) = evaluate_all(store, Options(protocol="reset", convention=convention, lengths=(2, 4)))
        values[convention] = next(item.values["A"] for item in report.trackers if item.label == "steady")
    assert values["exact"] == pytest.approx(0.5)
    assert values["pysot"] == pytest.approx(6 / 11)  # rows of pixels, ends included
    assert values["vot-toolkit"] == pytest.approx(0.5)  # a box ends one pixel earlier
    with pytest.raises(LockonError, match="unknown convention of the protocol reset on VOT2018 'got10k'"):
        evaluate_all(store, Options(protocol="reset", convention="got10k"))
    with pytest.raises(LockonError, match="lengths 4 to 2; expected"):
        evaluate_all(store, Options(protocol="reset", lengths=(4, 2)))


def test_polygons_are_the_truth_where_there_are_some(tmp_path):
    corners = np.tile([5.0, 5, 15, 5, 5, 15, 5, 15], (20, 1))  # the half of the box above its diagonal
    record = reset_record("a", "s" + "t" * 19, BOX, polygons=corners)
    (report,) = evaluate_all(add(Store(tmp_path), "one", record), LENGTHS)
    assert report.trackers[0].values["A"] == pytest.approx(0.5)
    np.testing.assert_allclose(frame_overlaps(record), 0.5)


def _anchored(rows, *, anchor=0, frames=30, **fields):
    """A run with masks of the boxes."""
    record = make_record("a", rows, frames=frames, dataset="VOT2020", protocol="anchors", anchor=anchor, **fields)
    masks = tuple(None if np.isnan(row).any() else _mask(row) for row in record.run.boxes)
    return _with_masks(record, masks, (_mask(BOX),) * frames)


def _with_masks(record, masks, truth):
    return replace(record, run=replace(record.run, masks=masks), truth_masks=truth)


def test_anchors_by_hand(tmp_path):
    """30 frames from the first frame on and 11 backward from frame 10; "weak" loses the target for good after 10 frames."""
    store = Store(tmp_path)
    lost = np.array([PERFECT] * 9 + [FAR] * 20)
    add(store, "steady", _anchored(HALF), _anchored(HALF, anchor=10, frames=11, backward=True))
    add(store, "weak", _anchored(lost), _anchored(PERFECT, anchor=10, frames=11, backward=True))
    (report,) = evaluate_all(store, Options(protocol="anchors", lengths=(2, 5)))
    steady, weak = (next(item for item in report.trackers if item.label == label) for label in ("steady", "weak"))
    assert (steady.values["R"], weak.values["R"]) == (1, pytest.approx((10 + 11) / 41))
    assert steady.values["A"] == pytest.approx(0.5 * (29 + 10) / 41)  # the frame of the start counts as 0
    assert weak.values["A"] == pytest.approx((9 + 10) / (10 + 11))
    assert steady.sequences[0].frames == 30
    assert report.scoring.accuracy_robustness(steady.values) == (1, steady.values["A"])
    assert report.convention == "vot-toolkit"
    assert "overlap of masks" in tables.to_markdown(report)
    assert steady.values["EAO"] == pytest.approx(0.5)


def test_missing_runs_from_anchors_are_named(tmp_path):
    store = Store(tmp_path)
    add(store, "all", _anchored(HALF), _anchored(HALF, anchor=10, frames=11, backward=True))
    add(store, "some", _anchored(HALF))
    (report,) = evaluate_all(store, Options(protocol="anchors"))
    assert report.notes == ("**some lacks 1 runs from anchors that others have: its metrics do not compare.**",)
    with pytest.raises(LockonError, match=r"unknown convention of the protocol anchors on VOT2020 'pysot'; .*known: vot-toolkit"):
        evaluate_all(store, Options(protocol="anchors", convention="pysot"))


def test_masks_of_an_absent_target():
    record = _anchored(PERFECT, frames=4)
    empty = encode_vot_mask(np.zeros((32, 48), dtype=bool))
    record.truth[2:] = np.nan
    masks = (_mask(BOX), _mask(HALF), empty, None)
    record = _with_masks(record, masks, (_mask(BOX), _mask(BOX), empty, empty))
    np.testing.assert_allclose(region_overlaps(record), [1, 0.5, 1, 1])
    np.testing.assert_allclose(frame_overlaps(record), [1, 0.5, np.nan, np.nan])


def test_repetitions_of_anchors(tmp_path):
    store = add(Store(tmp_path), "chance", _anchored(HALF), _anchored(PERFECT, repetition=2))
    (report,) = evaluate_all(store, Options(protocol="anchors", lengths=(2, 5)))
    item = report.trackers[0]
    assert item.values["A"] == pytest.approx((0.5 + 1) / 2 * 29 / 30)
    assert item.spread["A"] == pytest.approx(np.std([0.5 * 29 / 30, 29 / 30], ddof=1))


def test_real_time_is_scored_as_what_it_goes_around(tmp_path):
    store = Store(tmp_path)
    add(store, "one", replace(make_record("b", HALF, dataset="OTB100"), protocol="realtime"))
    add(store, "one", replace(make_record("c", PERFECT, dataset="UAV123"), protocol="realtime"))
    add(store, "one", replace(reset_record("a", "s" + "t" * 19, HALF), protocol="realtime"))
    assert stored_protocols(store) == ["realtime"]
    reports = evaluate_all(store, Options(protocol="realtime"))
    assert [(report.protocol, report.datasets, report.metrics[0].key) for report in reports] == [
        ("realtime", ("OTB100", "UAV123"), "AO"),
        ("realtime", ("VOT2018",), "EAO"),
    ]
    assert "Protocol: real time" in tables.to_markdown(reports[0])
    assert "Protocol: supervised with resets, in real time." in tables.to_markdown(reports[1])


def _in_real_time(record):
    return replace(record, protocol="realtime")


@pytest.fixture
def mixed(tmp_path):
    """One dataset under the real-time protocol: sequences with polygons, with anchors, and with neither."""
    store = Store(tmp_path / "out")
    plain = [_in_real_time(make_record(name, HALF, frames=20, dataset="mine")) for name in ("p", "q")]
    with_resets = [_in_real_time(reset_record(name, "s" + "t" * 19, PERFECT, dataset="mine")) for name in ("a", "z")]
    for label in ("one", "two"):
        add(store, label, *plain, *with_resets)
    return store


@pytest.mark.parametrize("order", [("a", "p"), ("p", "z"), ("a", "p", "q", "z")])
def test_real_time_over_several_protocols_is_scored_by_each(tmp_path, mixed, order):
    known = {record.sequence: record for record in mixed.records("one", "realtime")}
    store = Store(tmp_path / "part")
    add(store, "one", *(known[name] for name in order))
    reports = evaluate_all(store, Options(protocol="realtime"))
    assert [(report.datasets, report.headline.key) for report in reports] == [(("mine",), "AUC"), (("mine",), "EAO")]
    for report, names in zip(reports, ({"p", "q"}, {"a", "z"}), strict=True):
        assert {part.sequence for part in report.trackers[0].sequences} == names & set(order)
        assert any("mine has sequences of several protocols" in note for note in report.notes)
    assert reports[0].trackers[0].values["AO"] == pytest.approx(0.5)
    assert reports[1].trackers[0].values["A"] == pytest.approx(1)
    with pytest.raises(LockonError, match=r"sequences of mine under 2 of them; use evaluate_all"):
        evaluate(store, protocol="realtime")


@pytest.mark.parametrize("convention", [None, "got10k", "exact"])
@pytest.mark.parametrize("apart", [False, True])
def test_every_part_of_a_mixed_dataset_has_a_table_and_a_folder(mixed, convention, apart):
    add(mixed, "one", _in_real_time(make_record("other", PERFECT, dataset="else")))
    reports = evaluate_each(mixed, Options(convention=convention, apart=apart))
    shown = {(report.datasets, report.headline.key) for report in reports}
    assert shown == (
        {(("else",), "AUC"), (("mine",), "AUC"), (("mine",), "EAO")} if apart else {(("else", "mine"), "AUC"), (("mine",), "EAO")}
    )
    assert len(folder_names(reports)) == len(reports)
