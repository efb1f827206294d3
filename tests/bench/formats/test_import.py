"""Result files into a store: every toolkit's arrangement, and every trap with its note."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from result_files import FRAMES, make_sequence, moved, with_corners, write_lines

from lockon.bench.formats.finding import find_results, list_files
from lockon.bench.formats.importing import import_results
from lockon.bench.formats.notes import TRAPS, Note, summarise
from lockon.bench.protocols.trajectory import FAILED, SKIPPED, STARTED, TRACKED
from lockon.bench.report import evaluate
from lockon.bench.report.overlaps import frame_overlaps
from lockon.bench.store import RunKey, Store
from lockon.data.sequence import LazyList
from lockon.errors import LockonError

A, B = make_sequence("Skating2.1", seed=0), make_sequence("Tiger1", seed=1)


def _import(root, out, sequences=(A, B), **options):
    return import_results(root, list(sequences), out / "store", **options)


def _record(out, label="T", sequence=A, protocol="one-pass", **run_key):
    store = Store(out / "store")
    found = [one for one in store.records(label, protocol) if one.sequence == sequence.name and one.run_key == RunKey(protocol, **run_key)]
    return found[0]


def _traps(imported):
    return [note.trap for note in imported.files.notes]


# --- arrangements --------------------------------------------------------------------------------------------------------

ARRANGED = {
    "pysot": (["T/Skating2-1.txt", "T/Tiger1.txt"], "pysot (TRACKER/VIDEO.txt): 1 tracker, 2 result files"),
    "otb-style got10k": (["T/Skating2.1.txt", "T/Tiger1.txt", "T/times/Tiger1_time.txt"], "pysot (TRACKER/VIDEO.txt)"),
    "got10k": (["T/Tiger1/Tiger1_001.txt", "T/Skating2.1/Skating2.1_001.txt"], "got10k (TRACKER/VIDEO/VIDEO_001.txt): 1 tracker"),
    "pytracking": (
        ["T/default/Tiger1.txt", "T/default/Skating2_1.txt", "T/default/Tiger1_time.txt"],
        "pytracking (TRACKER/PARAMETERS/VIDEO.txt)",
    ),
    "vot": (["T/unsupervised/Tiger1/Tiger1_001.txt", "T/unsupervised/Skating2.1/Skating2.1_001.txt"], "vot (TRACKER/EXPERIMENT/VIDEO"),
    "long-term": (["T/longterm/Tiger1/Tiger1_001.txt", "T/longterm/Skating2.1/Skating2.1_001.txt"], "vot (TRACKER/EXPERIMENT/VIDEO"),
    "below the dataset's folder": (
        ["otb-100/T/Skating2-1.txt", "otb-100/T/Tiger1.txt", "VOT2018/T/baseline/a/a_001.txt"],
        "pysot (TRACKER",
    ),
}


@pytest.mark.parametrize("kind", ARRANGED)
def test_recognised(kind, tmp_path):
    names, summary = ARRANGED[kind]
    for name in names:
        sequence = B if "Tiger" in name else A
        rows = sequence.boxes if "_time" not in name else ["0.25"] * FRAMES
        write_lines(tmp_path / "results" / name, rows, origin=1, separator="\t" if kind == "pytracking" else ",")
    found = find_results(tmp_path / "results", dataset="OTB100")
    assert found.summary().startswith(summary)
    (done,) = _import(tmp_path / "results", tmp_path)
    assert (done.label, done.sequences, done.files.missing, done.partial) == ("T", 2, (), False)
    np.testing.assert_array_equal(_record(tmp_path).run.boxes, A.boxes)
    times = _record(tmp_path, sequence=B).run.times
    assert np.isfinite(times).all() == any("_time" in name for name in names)
    if np.isfinite(times).all():
        assert times.tolist() == [0.25] * FRAMES


@pytest.mark.parametrize(
    ("names", "label"), [(["Tiger1.txt"], "ATOM"), (["Tiger1/Tiger1_001.txt"], "ATOM"), (["baseline/Tiger1/Tiger1_001.txt"], "ATOM")]
)
def test_the_folder_of_one_tracker(names, label, tmp_path):
    for name in names:
        write_lines(tmp_path / "ATOM" / name, ["1", *B.boxes[1:]] if "baseline" in name else B.boxes)
    (done,) = _import(tmp_path / "ATOM", tmp_path)
    assert (done.label, done.sequences) == (label, 1)


def test_a_format_can_be_named(tmp_path):
    write_lines(tmp_path / "OTB" / "T" / "Tiger1.txt", B.boxes)
    assert find_results(tmp_path).files[0].tracker == "OTB-T"
    with pytest.raises(LockonError, match="unknown format 'pyso'; did you mean 'pysot'"):
        find_results(tmp_path, "pyso")
    with pytest.raises(
        LockonError, match=r"holds no result files \(1 other files\); expected one of vot: TRACKER/EXPERIMENT/VIDEO/VIDEO_001\.txt; got10k"
    ):
        find_results(tmp_path, "vot")


@pytest.mark.parametrize("path", ["missing", "file"])
def test_no_folder(path, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LockonError, match="give the folder that holds a folder of result files per tracker"):
        find_results(tmp_path / path)


def test_pytracking_runs_are_repetitions(tmp_path):
    for run in (0, 1):
        write_lines(tmp_path / f"r/dimp/dimp50_{run:03d}/Tiger1.txt", moved(B.boxes, w=run), origin=1, separator="\t")
    (done,) = _import(tmp_path / "r", tmp_path)
    assert (done.label, done.records) == ("dimp-dimp50", {"one-pass": 2})
    assert _record(tmp_path, done.label, B, repetition=2).run.boxes[3, 2] == 21


def test_got10k_repetitions_have_their_own_times(tmp_path):
    for repetition in (1, 2):
        write_lines(tmp_path / f"r/T/Tiger1/Tiger1_{repetition:03d}.txt", moved(B.boxes, w=repetition))
    write_lines(tmp_path / "r/T/Tiger1/Tiger1_time.txt", ["0.1,0.2"] * FRAMES)
    _import(tmp_path / "r", tmp_path)
    assert _record(tmp_path, sequence=B, repetition=1).run.times[3] == 0.1
    assert _record(tmp_path, sequence=B, repetition=2).run.times[3] == 0.2


def test_confidences_of_the_long_term_layout(tmp_path):
    folder = tmp_path / "r/T/longterm/Tiger1"
    write_lines(folder / "Tiger1_001.txt", ["1", *B.boxes[1:4], *["0"] * 2, *B.boxes[6:]])
    (folder / "Tiger1_001_confidence.value").write_text("\n" + "".join(f"{0.1 * index:.6f}\n" for index in range(1, FRAMES)))
    write_lines(folder / "Tiger1_time.txt", ["0.5"] * FRAMES)
    (done,) = _import(tmp_path / "r", tmp_path, origin=0)
    run = _record(tmp_path, sequence=B).run
    assert np.isnan(run.scores[0])
    np.testing.assert_allclose(run.scores[1:], [0.1 * index for index in range(1, FRAMES)])
    assert run.states == ("tracked",) * 4 + ("lost",) * 2 + ("tracked",) * 2
    np.testing.assert_array_equal(run.boxes[0], B.boxes[0])
    assert run.times[0] == 0.5
    assert done.files.notes == ()


# --- VOT -----------------------------------------------------------------------------------------------------------------

V = make_sequence(
    "ants1",
    dataset="VOT2018",
    seed=2,
    **with_corners(make_sequence("", seed=2)),
    frame_size=(640, 480),
    attributes=frozenset({"occlusion"}),
)


def test_resets(tmp_path):
    write_lines(tmp_path / "r/T/baseline/ants1/ants1_001.txt", ["1", V.boxes[1], "2", "0.0", "0", "1", *V.boxes[6:]])
    (done,) = _import(tmp_path / "r", tmp_path, [V])
    record = _record(tmp_path, sequence=V, protocol="reset")
    assert record.run.events is not None
    assert record.run.events.tolist() == [STARTED, TRACKED, FAILED, SKIPPED, SKIPPED, STARTED, TRACKED, TRACKED]
    expected = V.boxes.copy()
    expected[2:5] = np.nan
    np.testing.assert_array_equal(record.run.boxes, expected)
    assert record.run.states == ("tracked", "tracked", "lost", None, None, "tracked", "tracked", "tracked")
    assert record.run.frame_size == (640, 480)
    assert record.attributes == ("occlusion",)
    np.testing.assert_array_equal(record.polygons, V.polygons)
    assert (done.records, done.files.origin, done.files.notes) == ({"reset": 1}, 0, ())


def test_turned_boxes_are_scored_as_they_are(tmp_path):
    """A square on its corner has half the area of its extent, so the overlap with the upright truth is 1/2."""
    x, y = V.boxes[1:, 0], V.boxes[1:, 1]
    turned = np.stack([x + 10, y, x + 20, y + 15, x + 10, y + 30, x, y + 15], axis=1)
    write_lines(tmp_path / "r/T/baseline/ants1/ants1_001.txt", ["1", *[",".join(f"{v:g}" for v in row) for row in turned]])
    _import(tmp_path / "r", tmp_path, [V])
    record = _record(tmp_path, sequence=V, protocol="reset")
    np.testing.assert_array_equal(record.run.polygons[1:], turned)
    np.testing.assert_array_equal(record.run.boxes, V.boxes)
    np.testing.assert_allclose(frame_overlaps(record)[1:], 0.5)


@pytest.mark.parametrize(
    ("lines", "trap", "events"),
    [
        (["1", *V.boxes[1:5]], "too few lines", [STARTED, *[TRACKED] * 4, *[SKIPPED] * 3]),
        (["1", *V.boxes[1:], V.boxes[0]], "too many lines", [STARTED, *[TRACKED] * 7]),
    ],
)
def test_resets_of_another_length(lines, trap, events, tmp_path):
    write_lines(tmp_path / "r/T/baseline/ants1/ants1_001.txt", lines)
    (done,) = _import(tmp_path / "r", tmp_path, [V])
    assert _traps(done) == [trap]
    run = _record(tmp_path, sequence=V, protocol="reset").run
    assert run.events is not None
    assert run.events.tolist() == events


def test_a_run_with_resets_off_the_target(tmp_path):
    write_lines(tmp_path / "r/T/baseline/ants1/ants1_001.txt", ["1", *moved(V.boxes[1:], 300)])
    (done,) = _import(tmp_path / "r", tmp_path, [V])
    assert _traps(done) == ["off target"]
    assert "7 frames marked as tracked do not touch the target" in done.files.notes[0].text


def test_a_run_with_resets_begins_with_code_1(tmp_path):
    write_lines(tmp_path / "r/T/baseline/ants1/ants1_001.txt", V.boxes)
    (done,) = _import(tmp_path / "r", tmp_path, [V])
    assert (done.records, done.files.missing, _traps(done)) == ({}, ("ants1",), ["left out"])


def test_unknown_experiments_are_told_by_their_codes(tmp_path):
    write_lines(tmp_path / "r/T/mine/ants1/ants1_001.txt", ["1", V.boxes[1], "2", *["0"] * 4, "1"])
    write_lines(tmp_path / "r/T/other/ants1/ants1_001.txt", ["1", *V.boxes[1:]])
    (done,) = _import(tmp_path / "r", tmp_path, [V])
    assert done.records == {"reset": 1, "one-pass": 1}


def test_real_time_with_resets_and_from_anchors(tmp_path):
    write_lines(tmp_path / "r/T/realtime/ants1/ants1_001.txt", ["1", V.boxes[1], "2", *["0"] * 4, "1"])
    write_lines(tmp_path / "r/T/realtime/ants1/ants1_00000002.txt", ["1", *V.boxes[3:]])
    (done,) = _import(tmp_path / "r", tmp_path, [V])
    assert done.records == {"realtime": 2}
    events = _record(tmp_path, sequence=V, protocol="realtime").run.events
    assert events is not None
    assert events.tolist() == [STARTED, TRACKED, FAILED, *[SKIPPED] * 4, STARTED]
    assert _record(tmp_path, sequence=V, protocol="realtime", anchor=2).run.events is None


def test_real_time_without_codes_is_one_pass(tmp_path):
    write_lines(tmp_path / "r/T/realtime/ants1/ants1_001.txt", V.boxes)
    _import(tmp_path / "r", tmp_path, [V])
    assert _record(tmp_path, sequence=V, protocol="realtime").run.events is None


def test_runs_from_anchors(tmp_path):
    true = LazyList([Path(str(index)) for index in range(FRAMES)], lambda path: np.arange(60) < int(path.name) * np.ones((2, 1)))
    sequence = make_sequence("ants1", dataset="VOT2020", seed=2, anchors=(2, 5), backward=frozenset({5}), masks=true)
    folder = tmp_path / "r/T/baseline/ants1"
    write_lines(folder / "ants1_00000002.txt", ["1", *sequence.boxes[3:]])
    write_lines(folder / "ants1_00000005.txt", ["1", *sequence.boxes[4::-1][:-1], "m50,54,20,30,0,600"])
    (done,) = _import(tmp_path / "r", tmp_path, [sequence])
    assert done.records == {"anchors": 2}
    ahead = _record(tmp_path, sequence=sequence, protocol="anchors", anchor=2)
    np.testing.assert_array_equal(ahead.run.boxes, sequence.boxes[2:])
    assert ahead.truth_masks is None  # boxes are scored against boxes
    back = _record(tmp_path, sequence=sequence, protocol="anchors", anchor=5)
    np.testing.assert_array_equal(back.truth, sequence.boxes[5::-1])
    assert back.backward
    assert back.run.masks == (*[None] * 5, "m50,54,20,30,0,600")
    np.testing.assert_array_equal(back.run.boxes[-1], [50, 54, 20, 30])
    assert back.truth_masks == ("m0,0,5,2,0,10", "m0,0,4,2,0,8", "m0,0,3,2,0,6", "m0,0,2,2,0,4", "m0,0,1,2,0,2", "m0,0,0,0,0")


def test_an_anchor_run_of_another_length_is_left_out(tmp_path):
    write_lines(tmp_path / "r/T/baseline/ants1/ants1_00000002.txt", ["1", *V.boxes[4:]])
    (done,) = _import(tmp_path / "r", tmp_path, [V])
    assert _traps(done) == ["left out"]
    assert "5 lines from frame 2 on; expected 6 to the last frame or 3 to the first" in done.files.notes[0].text


# --- traps ---------------------------------------------------------------------------------------------------------------

TRAPPED = {
    "heading": ["x,y,w,h", *B.boxes],
    "unreadable": [*B.boxes[:4], "1|2|3|4", *B.boxes[5:]],
    "half-empty": [*B.boxes[:4], "1,2,nan,4", *B.boxes[5:]],
    "blank": [row for box in B.boxes for row in (box, "")],
    "begins late": B.boxes[5:],
    "first line missing": B.boxes[1:],
    "too few lines": B.boxes[:5],
    "too many lines": [*B.boxes, *B.boxes[-2:]],
    "whole video": ["1,1,1,1", "1,1,1,1", *B.boxes],
    "corners first": [moved(B.boxes[0], 0, 0, *B.boxes[0, :2]), *B.boxes[1:]],
    "another start": [moved(B.boxes[0], 30), *B.boxes[1:]],
    "no box": [*B.boxes[:4], "NaN,NaN,NaN,NaN", *B.boxes[5:]],
    "no area": [*B.boxes[:4], B.boxes[4] * [1, 1, 0, 1], *B.boxes[5:]],
    "times": B.boxes,
    "other name": B.boxes,
    "left out": ["", "", ""],
    "doubtful name": B.boxes,
}


def test_every_trap_is_tested():
    assert set(TRAPPED) | {"off target"} == set(TRAPS)  # that one is of runs with resets, above


@pytest.mark.parametrize("trap", TRAPPED)
def test_a_trap_is_met_with_a_note(trap, tmp_path):
    name = {"other name": "tiger1", "doubtful name": "TIGER1"}.get(trap, "Tiger1")
    write_lines(tmp_path / f"r/T/{name}.txt", TRAPPED[trap])
    if trap == "doubtful name":
        write_lines(tmp_path / "r/T/tiger1.txt", TRAPPED[trap])
    if trap == "times":
        write_lines(tmp_path / f"r/T/{name}_time.txt", ["0.1"] * 3)
    write_lines(tmp_path / "r/T/Skating2.1.txt", A.boxes)
    (done,) = _import(tmp_path / "r", tmp_path, origin=0)
    traps = _traps(done)
    assert trap in traps
    assert set(traps) - {trap} <= {"no box"}  # an unreadable line is a frame without a box as well
    lost = trap in ("left out", "doubtful name")
    assert done.files.missing == (("Tiger1",) if lost else ())
    assert done.partial == lost


def test_what_a_late_start_scores(tmp_path):
    """Aligned, the run is perfect; frame by frame from the first line on it would miss everything."""
    write_lines(tmp_path / "r/T/Tiger1.txt", B.boxes[3:])
    _import(tmp_path / "r", tmp_path, [B], origin=0)
    record = _record(tmp_path, sequence=B)
    assert record.run.start == 3
    assert np.isnan(record.run.boxes[:3]).all()
    assert record.run.states[:3] == (None, None, None)
    report = evaluate(Store(tmp_path / "store"))
    assert report.trackers[0].values["AO"] == pytest.approx(1)


def test_a_convention_that_clips_works_without_the_size_of_frames(tmp_path):
    write_lines(tmp_path / "r/T/Tiger1.txt", B.boxes)
    _import(tmp_path / "r", tmp_path, [B])
    assert _record(tmp_path, sequence=B).run.bounds is None
    assert evaluate(Store(tmp_path / "store"), convention="got10k").trackers[0].values["AO"] == pytest.approx(1)


def test_missing_frames_are_misses(tmp_path):
    write_lines(tmp_path / "r/T/Tiger1.txt", B.boxes[:4])
    _import(tmp_path / "r", tmp_path, [B], origin=0)
    values = evaluate(Store(tmp_path / "store")).trackers[0].values
    assert values["AO"] == pytest.approx(3 / 7)  # of the 7 frames after the first
    assert values["AUC"] == pytest.approx(4 / 8 * 20 / 21)


def test_missing_sequences_are_listed_and_the_score_is_partial(tmp_path):
    write_lines(tmp_path / "r/T/Tiger1.txt", B.boxes)
    write_lines(tmp_path / "r/T/Elsewhere.txt", B.boxes)
    (done,) = _import(tmp_path / "r", tmp_path, origin=0)
    assert (done.sequences, done.expected, done.files.missing, done.files.unknown) == (1, 2, ("Skating2.1",), ("Elsewhere",))
    assert done.partial
    assert evaluate(Store(tmp_path / "store")).coverage[0].partial


def test_summaries_name_one_and_count_many():
    one = [Note("blank", "a", "text of a")]
    assert summarise(one) == ["blank: a: text of a"]
    many = [Note("no box", name, f"text of {name}") for name in "abcd"]
    assert summarise([*many, *one]) == [
        "blank: a: text of a",
        "no box: 4 files (a, b, c, ...): frames for which the file has no box are misses; for example text of a",
    ]


# --- pixels, labels, the store -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("written", "given", "expected", "certain"), [(0, None, 0, True), (1, None, 1, True), (1, 0, 0, True)])
def test_the_first_pixel(written, given, expected, certain, tmp_path):
    write_lines(tmp_path / "r/T/Tiger1.txt", B.boxes, origin=written)
    (done,) = _import(tmp_path / "r", tmp_path, [B], origin=given)
    assert (done.files.origin, done.files.certain) == (expected, certain)
    np.testing.assert_array_equal(_record(tmp_path, sequence=B).run.boxes, moved(B.boxes, written - expected, written - expected))


def test_names_of_trackers_become_labels(tmp_path):
    write_lines(tmp_path / "r/Ocean (offline)/Tiger1.txt", B.boxes)
    write_lines(tmp_path / "r/SiamRPN++/Tiger1.txt", B.boxes)
    labels = [done.label for done in _import(tmp_path / "r", tmp_path, [B])]
    assert labels == ["Ocean_offline_", "SiamRPN++"]
    (only,) = _import(tmp_path / "r", tmp_path, [B], trackers=["Ocean (offline)"])
    assert (only.label, only.same) == ("Ocean_offline_", 1)
    with pytest.raises(LockonError, match="unknown tracker in these results 'Ocaen'"):
        _import(tmp_path / "r", tmp_path, [B], trackers=["Ocaen"])


def test_other_answers_are_not_replaced_unasked(tmp_path):
    write_lines(tmp_path / "r/T/Tiger1.txt", B.boxes)
    _import(tmp_path / "r", tmp_path, [B])
    write_lines(tmp_path / "r/T/Tiger1.txt", moved(B.boxes, w=1))
    with pytest.raises(LockonError, match="holds other answers of T; give --overwrite or another --out"):
        _import(tmp_path / "r", tmp_path, [B])
    _import(tmp_path / "r", tmp_path, [B], overwrite=True)
    assert _record(tmp_path, sequence=B).run.boxes[1, 2] == 21


def test_imported_and_own_results_do_not_mix(tmp_path):
    Store(tmp_path / "store").claim("T", {"name": "lockon-s", "seed": 0}, 0)
    write_lines(tmp_path / "r/T/Tiger1.txt", B.boxes)
    with pytest.raises(LockonError, match="holds results of another configuration"):
        _import(tmp_path / "r", tmp_path, [B])


def test_mistakes_of_the_caller(tmp_path):
    write_lines(tmp_path / "r/T/Tiger1.txt", B.boxes)
    with pytest.raises(LockonError, match="sequences of 2 datasets given"):
        _import(tmp_path / "r", tmp_path, [A, V])
    with pytest.raises(LockonError, match="first pixel 2; expected 0 or 1"):
        _import(tmp_path / "r", tmp_path, [A], origin=2)


def test_what_is_kept_of_the_source(tmp_path):
    write_lines(tmp_path / "r/T/Tiger1.txt", B.boxes)
    _import(tmp_path / "r", tmp_path, [B])
    assert _record(tmp_path, sequence=B).setup == {"imported": {"format": "pysot", "file": "T/Tiger1.txt", "origin": 0}}


def test_links_that_lead_round_in_circles_end(tmp_path):
    tracker = tmp_path / "results" / "T"
    tracker.mkdir(parents=True)
    (tracker / "a.txt").write_text("1,2,3,4\n")
    for number in range(12):
        (tracker / f"self{number}").symlink_to(".")
        (tracker.parent / f"up{number}").symlink_to("..")
        (tracker.parent / f"across{number}").symlink_to("T/self0/..")
    (tracker / "nothing").symlink_to("nothing")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "b.txt").write_text("1,2,3,4\n")
    (tracker.parent / "U").symlink_to(tmp_path / "other")
    (tracker.parent / "V").symlink_to(tmp_path / "other")
    files = list_files(tmp_path / "results")
    assert [file for file in files if not file.endswith("nothing")] == ["T/a.txt", "U/b.txt", "V/b.txt"]
