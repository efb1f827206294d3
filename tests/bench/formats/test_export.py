"""Stored results as other toolkits' files, and back."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from result_files import FRAMES, make_sequence, moved, with_corners, write_lines

from lockon.bench.formats.exporting import boxes_text, export_results
from lockon.bench.formats.importing import import_results
from lockon.bench.protocols.trajectory import FAILED, SKIPPED, STARTED, TRACKED, Trajectory
from lockon.bench.store import Record, Store
from lockon.errors import LockonError, LockonWarning

OTB = make_sequence("Jogging.2", seed=1)
VOT = make_sequence("ants1", dataset="VOT2018", seed=2, **with_corners(make_sequence("", seed=2)), frame_size=(640, 480))


def _run(boxes, *, start=0, times=None, scores=None, events=None, masks=None):
    count = len(boxes)
    nothing = np.full(count, np.nan)
    boxes = np.asarray(boxes, dtype=np.float64).copy()
    boxes[:start] = np.nan
    known = np.isfinite(boxes).all(axis=1)
    states = [None if index < start else "tracked" if fine else "lost" for index, fine in enumerate(known)]
    if events is not None:
        states = [None if event == SKIPPED else state for event, state in zip(events, states, strict=True)]
    return Trajectory(
        boxes, nothing if scores is None else scores, tuple(states), nothing if times is None else times, start, (0, 0), events, masks
    )


def _store(folder, records, label="T"):
    store = Store(folder)
    store.claim(label, {"name": label}, 0)
    for record in records:
        store.save(label, record)
    return store


def _record(sequence, run, **fields):
    return Record(sequence.name, sequence.dataset, run, sequence.boxes, sequence.visible, {}, sequence.polygons, **fields)


def _files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


TIMES = np.full(FRAMES, 0.5)
NAMES = {
    "pysot": ["T/Jogging-2.txt"],
    "pytracking": ["T/default_000/Jogging_2.txt", "T/default_000/Jogging_2_time.txt"],
    "got10k": ["T/Jogging.2/Jogging.2_001.txt", "T/Jogging.2/Jogging.2_time.txt"],
    "vot": ["T/unsupervised/Jogging.2/Jogging.2_001.txt", "T/unsupervised/Jogging.2/Jogging.2_001_time.value"],
}


@pytest.mark.parametrize("form", NAMES)
def test_files_lie_as_the_toolkit_has_them(form, tmp_path):
    store = _store(tmp_path / "s", [_record(OTB, _run(OTB.boxes, times=TIMES))])
    (done,) = export_results(store, form, tmp_path / "out")
    assert _files(tmp_path / "out") == NAMES[form]
    assert (done.label, done.records, done.files, done.left_out) == ("T", 1, len(NAMES[form]), 0)


@pytest.mark.parametrize(
    ("form", "first"),
    [("pysot", "91,48,20,30"), ("pytracking", "91\t48\t20\t30"), ("got10k", "91,48,20,30"), ("vot", "1")],
)
def test_lines(form, first, tmp_path):
    """OTB counts pixels from 1, so its result files do."""
    store = _store(tmp_path / "s", [_record(OTB, _run(moved(OTB.boxes, h=0.125)))])
    export_results(store, form, tmp_path / "out")
    lines = (tmp_path / "out" / NAMES[form][0]).read_text().splitlines()
    assert lines[0] == first if form == "vot" else first + ".125"
    separator = "\t" if form == "pytracking" else ","
    assert lines[1] == separator.join(["101", "48", "20", "30.125"])


@pytest.mark.parametrize("form", ["pysot", "vot"])
def test_answers_that_know_the_truth_are_nobody_elses(form, tmp_path):
    """Those of the oracle protocol; a folder of nothing else has nothing to export."""
    known = _record(OTB, _run(moved(OTB.boxes, h=0.125)), protocol="oracle", rules={"when": "before"})
    with pytest.raises(LockonError, match=f"no results that {form} files can hold, but results of oracle"):
        export_results(_store(tmp_path / "s", [known]), form, tmp_path / "out")
    (done,) = export_results(_store(tmp_path / "s", [_record(OTB, _run(OTB.boxes))]), form, tmp_path / "out")
    assert (done.records, done.left_out) == (1, 0)


def test_the_first_pixel_can_be_chosen(tmp_path):
    store = _store(tmp_path / "s", [_record(OTB, _run(OTB.boxes))])
    export_results(store, "pysot", tmp_path / "out", origin=0)
    assert (tmp_path / "out/T/Jogging-2.txt").read_text().startswith("90,47,20,30\n")


def test_names_of_pytrackings_uav123(tmp_path):
    bike = make_sequence("bike1", dataset="UAV123")
    export_results(_store(tmp_path / "s", [_record(bike, _run(bike.boxes))]), "pytracking", tmp_path / "out")
    assert _files(tmp_path / "out") == ["T/default_000/uav_bike1.txt"]
    (done,) = import_results(tmp_path / "out", [bike], tmp_path / "back")
    assert done.files.missing == ()


def test_vot_codes(tmp_path):
    events = np.array([STARTED, TRACKED, FAILED, SKIPPED, SKIPPED, STARTED, TRACKED, TRACKED], dtype=np.int8)
    boxes = np.where(np.isin(events, (FAILED, SKIPPED))[:, None], np.nan, VOT.boxes)
    store = _store(tmp_path / "s", [_record(VOT, _run(boxes, events=events), protocol="reset")])
    export_results(store, "vot", tmp_path / "out")
    lines = (tmp_path / "out/T/baseline/ants1/ants1_001.txt").read_text().splitlines()
    assert [line for line in lines if "," not in line] == ["1", "2", "0", "0", "1"]
    assert lines[1] == "140,54,20,30"  # VOT counts from 0


def test_what_has_no_form_is_left_out_with_a_warning(tmp_path):
    events = np.array([STARTED, *[TRACKED] * 7], dtype=np.int8)
    store = _store(tmp_path / "s", [_record(VOT, _run(VOT.boxes, events=events), protocol="reset"), _record(OTB, _run(OTB.boxes))])
    with pytest.warns(LockonWarning, match="T: 1 results have no form in got10k files"):
        (done,) = export_results(store, "got10k", tmp_path / "out")
    assert (done.records, done.left_out) == (1, 1)
    assert _files(tmp_path / "out") == ["OTB100/T/Jogging.2/Jogging.2_001.txt"]  # two datasets: a folder each


def test_unknown_formats_trackers_and_datasets_are_refused(tmp_path):
    events = np.array([STARTED, *[TRACKED] * 7], dtype=np.int8)
    store = _store(tmp_path / "s", [_record(VOT, _run(VOT.boxes, events=events), protocol="reset")])
    with pytest.raises(LockonError, match="has no results that got10k files can hold, but results of reset"):
        export_results(store, "got10k", tmp_path / "out")
    with pytest.raises(LockonError, match="unknown format 'got10'"):
        export_results(store, "got10", tmp_path / "out")
    with pytest.raises(LockonError, match="unknown tracker in these results 'U'"):
        export_results(store, "vot", tmp_path / "out", trackers=["U"])
    with pytest.raises(LockonError, match="unknown dataset in these results 'VOT2019'"):
        export_results(store, "vot", tmp_path / "out", datasets=["VOT2019"])
    with pytest.raises(LockonError, match="first pixel 3"):
        export_results(store, "vot", tmp_path / "out", origin=3)


def test_boxes_text_says_nan_for_no_box():
    assert boxes_text(np.array([[1.5, 2, 3, 4], [np.nan] * 4]), 1) == "2.5,3,3,4\nnan,nan,nan,nan\n"


# --- there and back ------------------------------------------------------------------------------------------------------

coordinates = st.floats(-500, 2000).map(lambda value: round(value, 3))
sizes = st.floats(0.5, 900).map(lambda value: round(value, 3))
boxes = st.one_of(st.tuples(coordinates, coordinates, sizes, sizes), st.just((float("nan"),) * 4))
seconds = st.floats(1e-4, 10).map(lambda value: round(value, 6))


@st.composite
def one_pass_runs(draw):
    rows = np.array(draw(st.lists(boxes, min_size=FRAMES, max_size=FRAMES)))
    start = draw(st.sampled_from([0, 0, 3]))
    rows[start] = OTB.boxes[start]
    times = np.array(draw(st.lists(seconds, min_size=FRAMES, max_size=FRAMES))) if draw(st.booleans()) else None
    if times is not None:
        times[:start] = np.nan
    return _run(rows, start=start, times=times)


@given(one_pass_runs(), st.sampled_from(list(NAMES)))
@settings(max_examples=60)
def test_one_pass_there_and_back(run, form):
    _there_and_back(OTB, _record(OTB, run), form, times=form != "pysot")


@st.composite
def reset_runs(draw):
    events = [STARTED]
    while len(events) < FRAMES:
        events += draw(st.sampled_from([[TRACKED], [TRACKED, TRACKED], [FAILED, SKIPPED, STARTED], [FAILED, SKIPPED, SKIPPED]]))
    marks = np.array(events[:FRAMES], dtype=np.int8)
    rows = np.array(draw(st.lists(st.tuples(coordinates, coordinates, sizes, sizes), min_size=FRAMES, max_size=FRAMES)))
    rows[marks == STARTED] = VOT.boxes[marks == STARTED]
    rows[(marks == FAILED) | (marks == SKIPPED)] = np.nan
    masks = tuple("m3,4,2,2,1,2" if mark == TRACKED else None for mark in events[:FRAMES]) if draw(st.booleans()) else None
    if masks is not None and TRACKED in events[:FRAMES]:
        rows[marks == TRACKED] = [3, 4, 2, 2]  # the mask's own box: pixel 2 of row 1 and pixel 1 of row 2
    else:
        masks = None
    return _record(VOT, _run(rows, events=marks, masks=masks), protocol="reset")


@given(reset_runs(), st.sampled_from(["vot", "pysot"]))
@settings(max_examples=40)
def test_resets_there_and_back(record, form):
    _there_and_back(VOT, record, form, times=True)


def _there_and_back(sequence, record, form, *, times):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export_results(_store(folder / "s", [record]), form, folder / "out")
        import_results(folder / "out", [sequence], folder / "back")
        (back,) = Store(folder / "back").records("T", record.protocol)
    np.testing.assert_allclose(back.run.boxes, record.run.boxes, atol=1e-6)
    assert back.run.start == record.run.start
    assert back.run.masks == record.run.masks
    assert (back.run.polygons is None) == (record.run.polygons is None)
    if back.run.polygons is not None:
        np.testing.assert_allclose(back.run.polygons, record.run.polygons, atol=1e-6)
    if times:
        np.testing.assert_allclose(back.run.times, record.run.times, atol=1e-6)
    assert (back.run.events is None) == (record.run.events is None)
    if back.run.events is not None:
        np.testing.assert_array_equal(back.run.events, record.run.events)
    assert back.run.states == record.run.states


def test_turned_boxes_there_and_back(tmp_path):
    events = np.array([STARTED, *[TRACKED] * 7], dtype=np.int8)
    corners = np.full((FRAMES, 8), np.nan)
    corners[2:] = [100, 50, 120, 60, 110, 80, 90, 70]
    boxes = np.where(np.isfinite(corners[:, :4]), [90, 50, 30, 30], VOT.boxes)
    record = _record(VOT, replace(_run(boxes, events=events), polygons=corners), protocol="reset")
    _there_and_back(VOT, record, "vot", times=False)
    export_results(_store(tmp_path / "s", [record]), "vot", tmp_path / "out")
    assert (tmp_path / "out/T/baseline/ants1/ants1_001.txt").read_text().splitlines()[2] == "100,50,120,60,110,80,90,70"


def test_anchors_there_and_back(tmp_path):
    sequence = make_sequence("ants1", dataset="VOT2020", seed=2, anchors=(2, 5), backward=frozenset({5}))
    ahead, back = np.arange(2, FRAMES), np.arange(5, -1, -1)
    records = [
        Record(
            "ants1",
            "VOT2020",
            _run(sequence.boxes[rows]),
            sequence.boxes[rows],
            None,
            {},
            protocol="anchors",
            anchor=anchor,
            backward=bool(down),
        )
        for rows, anchor, down in ((ahead, 2, 0), (back, 5, 1))
    ]
    export_results(_store(tmp_path / "s", records), "vot", tmp_path / "out")
    assert _files(tmp_path / "out") == ["T/baseline/ants1/ants1_00000002.txt", "T/baseline/ants1/ants1_00000005.txt"]
    import_results(tmp_path / "out", [sequence], tmp_path / "back")
    found = Store(tmp_path / "back").records("T", "anchors")
    assert [(one.anchor, one.backward) for one in found] == [(2, False), (5, True)]
    for one, record in zip(found, records, strict=True):
        np.testing.assert_array_equal(one.run.boxes, record.run.boxes)


def test_repetitions_there_and_back(tmp_path):
    records = [_record(OTB, _run(OTB.boxes + [0, 0, k, 0] * (np.arange(FRAMES) > 0)[:, None]), repetition=k) for k in (1, 2, 3)]
    store = _store(tmp_path / "s", records)
    for form in ("got10k", "pytracking", "vot"):
        export_results(store, form, tmp_path / form)
        import_results(tmp_path / form, [OTB], tmp_path / f"{form}-back")
        back = Store(tmp_path / f"{form}-back").records("T")
        assert [one.run.boxes[1, 2] for one in back] == [21, 22, 23]


def test_a_store_that_was_imported_is_exported_as_it_was_written(tmp_path):
    write_lines(tmp_path / "r/T/Jogging-2.txt", moved(OTB.boxes, 0.25), origin=1)
    import_results(tmp_path / "r", [OTB], tmp_path / "s")
    export_results(Store(tmp_path / "s"), "pysot", tmp_path / "out")
    assert (tmp_path / "out/T/Jogging-2.txt").read_text() == (tmp_path / "r/T/Jogging-2.txt").read_text()


@pytest.mark.parametrize("dataset", ["../ESC", "/ESC", "a/../../ESC", "..", "C:ESC", "..\\ESC", "a" * 300])
@pytest.mark.parametrize("form", ["pysot", "vot"])
def test_nothing_is_written_outside_by_the_name_of_a_dataset(dataset, form, tmp_path):
    records = [_record(OTB, _run(OTB.boxes)), replace(_record(OTB, _run(OTB.boxes)), dataset=dataset)]
    with pytest.raises(LockonError, match=rf"the dataset of the result of T on '{OTB.name}' is '.*'; expected the name of one folder"):
        export_results(_store(tmp_path / "store", records), form, tmp_path / "in" / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize("name", ["..", "../ESC", "/ESC", "a\0b", "名" * 200, "a" * 400, "NUL", "caf\udce9"])
@pytest.mark.parametrize("form", ["pysot", "pytracking", "got10k", "vot"])
def test_nothing_is_written_outside_by_the_name_of_a_sequence(name, form, tmp_path):
    record = replace(_record(OTB, _run(OTB.boxes)), sequence=name)
    export_results(_store(tmp_path / "store", [record]), form, tmp_path / "in" / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "store"]
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["out"]
    assert [path.name for path in (tmp_path / "in" / "out").iterdir()] == ["T"]


def test_two_names_that_become_one_file_lose_nothing(tmp_path):
    records = [replace(_record(OTB, _run(OTB.boxes)), sequence=name) for name in ("a/b", "a:b")]
    with pytest.raises(LockonError, match=r"two results would be written to .*a_b.txt"):
        export_results(_store(tmp_path / "store", records), "pysot", tmp_path / "out")


@pytest.mark.parametrize("lengths", [(8, 7), (8, 8, 5), (1, 8)])
def test_repetitions_of_different_lengths_are_refused(lengths, tmp_path):
    boxes = OTB.boxes
    runs = [_run(boxes[:length]) for length in lengths]
    records = [
        replace(_record(OTB, run, repetition=number), truth=boxes[: len(run)], visible=None, polygons=None)
        for number, run in enumerate(runs, start=1)
    ]
    store = _store(tmp_path / "s", records)
    with pytest.raises(LockonError, match=rf"repetitions of {min(lengths)} and {max(lengths)} frames are not of one video; run them again"):
        export_results(store, "got10k", tmp_path / "out")
    assert _files(tmp_path / "s")
    assert not (tmp_path / "out").exists()
