"""Results on disk: round trip, damage, other settings."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from fake_trackers import Still, make_sequence

from lockon.bench.protocols.one_pass import run_one_pass
from lockon.bench.store import Record, RunKey, Store, load_record
from lockon.errors import LockonError, LockonWarning

CONFIGURATION = {"name": "still", "weights": {"net.onnx": "0" * 64}, "overrides": {}, "seed": 0}


@pytest.fixture
def sequence(tmp_path):
    return make_sequence(tmp_path / "data", "late", skip=1)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "out")


def _record(sequence, visible=None):
    return Record(sequence.name, sequence.dataset, run_one_pass(Still(), sequence), sequence.boxes, visible, {"threads": 1})


@pytest.mark.parametrize("visible", [None, np.array([False, True, True, False])])
def test_round_trip_is_exact(store, sequence, visible):
    record = _record(sequence, visible)
    boxes = record.run.boxes.copy()
    boxes[2] = [1 / 3, np.pi, 1e-9, 123456.789]
    store.save("still", dataclasses.replace(record, run=dataclasses.replace(record.run, boxes=boxes)))
    loaded = load_record(store.path("still", "made", "late"))
    np.testing.assert_array_equal(loaded.run.boxes, boxes)
    np.testing.assert_array_equal(loaded.truth, sequence.boxes)
    np.testing.assert_array_equal(loaded.run.scores, record.run.scores)
    np.testing.assert_allclose(loaded.run.times, record.run.times, atol=1e-7)
    assert (loaded.run.states, loaded.run.start, loaded.run.frame_size) == (record.run.states, 1, record.run.frame_size)
    assert (loaded.visible is None) == (visible is None)
    assert loaded.fits(dataclasses.replace(sequence, visible=visible))


def test_only_the_result_is_left_in_the_folder(store, sequence):
    store.save_error("still", sequence, "Traceback")
    assert [path.name for path in store.path("still", "made", "late").parent.iterdir()] == ["late.error.txt"]
    store.save("still", _record(sequence))
    assert [path.name for path in store.path("still", "made", "late").parent.iterdir()] == ["late.json"]


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "naïve name", "x:y", "plain-1.2"])
def test_any_sequence_name_makes_one_file_in_its_folder(store, name):
    path = store.path("still", "made", name)
    assert path.parent == store.folder / "still" / "made"
    assert not path.name.startswith(".")
    assert path.name.isascii()


def test_finished_results_are_found_and_cut_ones_are_not(store, sequence):
    assert store.find("still", sequence) is None
    store.save("still", _record(sequence))
    assert store.find("still", sequence) is not None
    path = store.path("still", "made", "late")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.warns(LockonWarning, match=r"late.json is missing, cut off or not JSON \(.*\); running it again"):
        assert store.find("still", sequence) is None
    with pytest.warns(LockonWarning, match="left out of the report"):
        assert store.records("still") == []


@pytest.mark.parametrize("change", [{"boxes": [[1, 2, 3]]}, {"scores": []}, {"start": 9}, {"truth": None}, {"frame_size": [3]}])
def test_inconsistent_files_are_refused(store, sequence, change):
    store.save("still", _record(sequence))
    path = store.path("still", "made", "late")
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(LockonError, match="not a complete result"):
        load_record(path)


def test_other_ground_truth_is_refused(store, sequence):
    store.save("still", _record(sequence))
    moved = dataclasses.replace(sequence, boxes=sequence.boxes + 1)
    with pytest.raises(LockonError, match=r"other ground truth of late; give --overwrite"):
        store.find("still", moved)
    with pytest.raises(LockonError, match="other ground truth"):
        store.find("still", dataclasses.replace(sequence, visible=np.ones(4, dtype=bool)))


def test_another_configuration_is_refused_or_replaces(store, sequence):
    store.claim("still", CONFIGURATION, 10)
    store.claim("still", CONFIGURATION, 10)
    store.save("still", _record(sequence))
    other = {**CONFIGURATION, "weights": {"net.onnx": "1" * 64}}
    with pytest.raises(LockonError, match=r"another configuration: weights.net.onnx \('00000000..' -> '11111111..'\); give --overwrite"):
        store.claim("still", other, 11)
    store.claim("still", other, 11, overwrite=True)
    assert store.describe("still")["configuration"] == other
    assert store.describe("still")["size"] == 11
    assert store.records("still") == []


@pytest.mark.parametrize("label", ["", "a/b", "..", "a b", "a" * 300])
def test_labels_are_folder_names(store, label):
    with pytest.raises(LockonError, match="expected at most 100 letters"):
        store.claim(label, CONFIGURATION, 0)


def test_a_folder_without_results_says_how_to_make_some(store, tmp_path):
    with pytest.raises(LockonError, match=r"out does not exist; make some with: lockon bench run"):
        store.trackers()
    with pytest.raises(LockonError, match="holds no results"):
        Store(tmp_path).trackers()


def _full_record(sequence, run_key=None):
    """A record that has everything a record can have."""
    run = run_one_pass(Still(), sequence)
    events = np.array([3, 1, 0, 2], dtype=np.int8)
    run = dataclasses.replace(run, events=events, masks=(None, "m1,1,1,1,0,1", None, None))
    polygons = np.arange(32.0).reshape(4, 8)
    polygons[0] = np.nan
    run_key = run_key or RunKey("reset")
    return Record(
        sequence.name,
        sequence.dataset,
        run,
        sequence.boxes,
        None,
        {"threads": 1},
        polygons=polygons,
        truth_masks=("m0,0,1,1,0,1", None, None, None),
        attributes=("fast", "occluded"),
        repetition=run_key.repetition,
        protocol=run_key.protocol,
        rules={"skip": 5},
        anchor=run_key.anchor,
        backward=run_key.anchor == 3,
    )


@pytest.mark.parametrize(
    ("run_key", "path"),
    [
        (RunKey(), "made/late.json"),
        (RunKey(repetition=3), "made/late#3.json"),
        (RunKey("reset"), "made.reset/late.json"),
        (RunKey("realtime", 2), "made.realtime/late#2.json"),
        (RunKey("anchors", 1, 0), "made.anchors/late@0.json"),
        (RunKey("anchors", 2, 3), "made.anchors/late@3#2.json"),
        (RunKey("realtime", 1, 3), "made.realtime/late@3.json"),
    ],
)
def test_all_of_a_record_comes_back_from_its_own_place(store, sequence, run_key, path):
    record = _full_record(sequence, run_key)
    store.save("still", record)
    assert [found.relative_to(store.folder / "still").as_posix() for found in store.folder.glob("still/*/*")] == [path]
    (loaded,) = store.records("still", run_key.protocol)
    for field in ("sequence", "dataset", "attributes", "repetition", "protocol", "rules", "anchor", "backward", "truth_masks", "run_key"):
        assert getattr(loaded, field) == getattr(record, field), field
    np.testing.assert_array_equal(loaded.polygons, record.polygons)
    assert loaded.run.events.tolist() == [3, 1, 0, 2]
    assert loaded.run.events.dtype == np.int8
    assert loaded.run.masks == record.run.masks
    assert loaded.same_answers(record)
    assert store.protocols("still") == [run_key.protocol]


def test_files_of_the_first_version_are_read(store, sequence):
    """Those have none of the keys that came with the other protocols; plain one-pass files have none of them either."""
    store.save("still", _record(sequence))
    path = store.path("still", "made", "late")
    content = json.loads(path.read_text())
    assert list(content) == [
        *("format", "sequence", "dataset", "start", "frame_size", "setup"),
        *("boxes", "scores", "states", "times", "truth", "visible"),
    ]
    loaded = load_record(path)
    assert (loaded.run_key, loaded.rules, loaded.attributes, loaded.polygons, loaded.truth_masks) == (RunKey(), {}, (), None, None)
    assert (loaded.run.events, loaded.run.masks) == (None, None)


def test_records_are_sorted_and_of_one_protocol(store, sequence):
    other = dataclasses.replace(sequence, name="early")
    for run_key in (RunKey("anchors", 2, 3), RunKey("anchors", 1, 3), RunKey("anchors", 1, 0), RunKey("reset")):
        store.save("still", _full_record(sequence, run_key))
    store.save("still", _full_record(other, RunKey("anchors", 1, 3)))
    found = [(one.sequence, one.anchor, one.repetition) for one in store.records("still", "anchors")]
    assert found == [("early", 3, 1), ("late", 0, 1), ("late", 3, 1), ("late", 3, 2)]
    assert len(store.records("still", "reset")) == 1
    assert store.records("still") == []
    assert store.protocols("still") == ["reset", "anchors"]
    with pytest.raises(LockonError, match="unknown protocol 'resets'; did you mean 'reset'"):
        store.records("still", "resets")


def test_names_that_look_like_protocols_and_anchors_are_told_apart(store, sequence):
    odd = dataclasses.replace(sequence, dataset="made.reset", name="late@3")
    assert store.path("still", odd.dataset, odd.name) != store.path("still", "made", "late@3", RunKey("reset"))
    assert store.path("still", "made", "late@3") != store.path("still", "made", "late", RunKey(anchor=3))
    store.save("still", _record(odd))
    assert store.protocols("still") == ["one-pass"]
    assert [one.dataset for one in store.records("still")] == ["made.reset"]
    assert store.path("still", "VOT2018.part", "a@b").as_posix().endswith("VOT2018.part/a@b.json")


@pytest.mark.parametrize(
    "change", [{"events": [0]}, {"masks": []}, {"polygons": [[1, 2]]}, {"truth_masks": [None]}, {"protocol": "two-pass"}, {"anchor": "x"}]
)
def test_inconsistent_files_of_other_protocols_are_refused(store, sequence, change):
    store.save("still", _full_record(sequence))
    path = store.path("still", "made", "late", RunKey("reset"))
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(LockonError, match="not a complete result"):
        load_record(path)


def test_a_result_fits_the_polygons_it_was_made_with(store, sequence):
    record = _full_record(sequence)
    store.save("still", record)
    assert store.find("still", dataclasses.replace(sequence, polygons=record.polygons), RunKey("reset"), {"skip": 5}) is not None
    with pytest.raises(LockonError, match="other ground truth of late"):
        store.find("still", dataclasses.replace(sequence, polygons=record.polygons + 1), RunKey("reset"))
    with pytest.raises(LockonError, match=r"made under other rules: skip \(5 -> 3\)"):
        store.find("still", sequence, RunKey("reset"), {"skip": 3})
    assert store.find("still", sequence, RunKey("reset"), {"skip": 5}).rules == {"skip": 5}


def test_rows_of_a_backward_run(store, sequence):
    record = _full_record(sequence, RunKey("anchors", 1, 3))
    assert record.frames.tolist() == [3, 2, 1, 0]
    assert dataclasses.replace(record, backward=False, anchor=0).frames.tolist() == [0, 1, 2, 3]
    assert not record.fits(sequence)  # its truth is not in the backward order
    turned = dataclasses.replace(record, truth=sequence.boxes[::-1], polygons=None)
    assert turned.fits(sequence)
    assert not dataclasses.replace(turned, anchor=4).fits(sequence)  # beyond the video


def test_ground_truth_after_the_start(sequence):
    assert _record(sequence).has_truth
    alone = dataclasses.replace(sequence, boxes=np.array([[np.nan] * 4, [5.0, 5, 10, 10], [np.nan] * 4, [np.nan] * 4]))
    assert not _record(alone).has_truth


@pytest.mark.parametrize("name", ["a" * 300, "名" * 80, "caf\udce9", "half\ud83d", "a/" * 200])
def test_long_and_undecodable_names_make_a_file_that_is_found_again(store, sequence, name):
    renamed = dataclasses.replace(sequence, name=name)
    store.save("still", _record(renamed))
    assert store.find("still", renamed) is not None
    assert [record.sequence for record in store.records("still")] == [name]
    assert store.path("still", "made", name) != store.path("still", "made", f"{name}b")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000 + "]" * 5000,
        '{"format": 1, "setup": ' + '{"a":' * 5000 + "1" + "}" * 5001,
        '{"format": 1' + "0" * 5000 + "}",
        "{}",
    ],
)
def test_one_damaged_file_is_left_out(store, sequence, text):
    store.save("still", _record(sequence))
    store.path("still", "made", "other").write_text(text)
    with pytest.warns(LockonWarning, match=r"other.json is .*; left out of the report"):
        assert [record.sequence for record in store.records("still")] == ["late"]


@pytest.mark.parametrize(
    "change",
    [
        {"start": 10**400},
        {"boxes": [[10**400, 1, 1, 1]] * 4},
        {"boxes": [[math.inf, 1, 1, 1]] * 4},
        {"events": [[1], [1], [1], [1]]},
        {"events": [300] * 4},
        {"visible": [[1]] * 4},
        {"states": [7] * 4},
        {"setup": "fast"},
        {"setup": {"machine": 7}},
        {"setup": {"versions": "1.0"}},
        {"setup": {"device": ["cpu"]}},
        {"rules": 3},
        {"repetition": -1},
        {"frame_size": [math.inf, 1]},
        {"protocol": ["one-pass"]},
    ],
)
def test_values_of_other_kinds_are_refused(store, sequence, change):
    store.save("still", _record(sequence))
    path = store.path("still", "made", "late")
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(LockonError, match="not a complete result"):
        load_record(path)


@pytest.mark.parametrize("size", ["abc", None, math.inf, [1], -1, 2**64, 10**400])
def test_a_size_that_is_none_is_a_warning(store, size):
    store.claim("still", CONFIGURATION, 10)
    assert store.size("still") == 10
    path = store.folder / "still" / "tracker.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "size": size}))
    with pytest.warns(LockonWarning, match="the size of still is not known"):
        assert store.size("still") == 0
