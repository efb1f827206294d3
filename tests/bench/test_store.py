"""Results on disk: round trip, damage, other settings."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from fake_trackers import Still, make_sequence

from lockon.bench.protocols.one_pass import run_one_pass
from lockon.bench.store import Record, Store, load_record
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
    assert not store.finished("still", sequence)
    store.save("still", _record(sequence))
    assert store.finished("still", sequence)
    path = store.path("still", "made", "late")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.warns(LockonWarning, match="late.json is missing, cut off or not JSON; running it again"):
        assert not store.finished("still", sequence)
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
        store.finished("still", moved)
    with pytest.raises(LockonError, match="other ground truth"):
        store.finished("still", dataclasses.replace(sequence, visible=np.ones(4, dtype=bool)))


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


@pytest.mark.parametrize("label", ["", "a/b", "..", "a b"])
def test_labels_are_folder_names(store, label):
    with pytest.raises(LockonError, match="expected letters"):
        store.claim(label, CONFIGURATION, 0)


def test_a_folder_without_results_says_how_to_make_some(store, tmp_path):
    with pytest.raises(LockonError, match=r"out does not exist; make some with: lockon bench run"):
        store.trackers()
    with pytest.raises(LockonError, match="holds no results"):
        Store(tmp_path).trackers()
