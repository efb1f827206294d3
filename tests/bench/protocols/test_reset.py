"""The supervised reset protocol: failures, restarts and what counts as one, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scripted import HERE, Scripted, make

from lockon.bench.protocols.reset import Reset, reset, start_box
from lockon.driver import drive
from lockon.errors import LockonError
from lockon.types import Result


def events(tracker, sequence, **rules):
    return "".join("tSFs"[code] for code in drive(tracker, reset(sequence, Reset(**rules))).events)


def test_a_failure_at_frame_7_starts_again_at_frame_12():
    tracker = Scripted(away=[7])
    run = drive(tracker, reset(make(20)))
    assert "".join("tSFs"[code] for code in run.events) == "SttttttFssssSttttttt"
    assert tracker.starts == [0, 12]
    assert tracker.tracked == [1, 2, 3, 4, 5, 6, 7, 13, 14, 15, 16, 17, 18, 19]
    np.testing.assert_array_equal(np.isnan(run.boxes).all(axis=1), [7 <= row < 12 for row in range(20)])
    assert run.boxes[[0, 6, 12, 19]].tolist() == [list(HERE)] * 4
    np.testing.assert_array_equal(np.isnan(run.times), [8 <= row < 12 for row in range(20)])  # the failure took time as well
    assert run.states[7:9] == ("tracked", None)
    np.testing.assert_array_equal(run.scores[[0, 1, 7, 8, 12]], [1, 0.7, 0.7, np.nan, 1])
    assert (run.start, run.frame_size) == (0, (60, 40))


@pytest.mark.parametrize(
    ("away", "count", "expected"),
    [
        ([], 5, "Stttt"),
        ([1], 3, "SFs"),  # no room to start again
        ([1], 6, "SFssss"),
        ([1], 7, "SFssssS"),  # starts on the last frame, tracks nothing
        ([4], 5, "StttF"),
        ([1, 7], 14, "SFssssSFssssSt"),  # fails at once after the restart
        ([2, 3, 4, 5, 6], 9, "StFssssSt"),  # answers in skipped frames are not asked for
    ],
)
def test_events(away, count, expected):
    assert events(Scripted(away), make(count)) == expected


def test_the_number_of_skipped_frames():
    assert events(Scripted([2]), make(6), skip=1) == "StFStt"
    assert events(Scripted([2]), make(6), skip=3) == "StFssS"
    with pytest.raises(LockonError, match="skip=0"):
        Reset(skip=0)


def test_frames_without_truth_are_no_failures_and_no_starts():
    boxes = np.tile(HERE, (16, 1))
    boxes[[0, 4, 10, 11]] = np.nan
    tracker = Scripted(away=[4, 5])
    assert events(tracker, make(16, boxes=boxes)) == "sStttFssssssSttt"
    assert tracker.starts == [1, 12]
    hidden = np.ones(16, bool)
    hidden[[5, 10]] = False
    assert events(Scripted([5, 6]), make(16, visible=hidden)) == "StttttFssssStttt"


class Wild(Scripted):
    """Answers what no region can be."""

    def __init__(self, box):
        super().__init__()
        self.box = box

    def track(self, frame):
        return Result(np.array(self.box, dtype=float), 0.5, "tracked")


@pytest.mark.parametrize("box", [[np.nan] * 4, [10, 10, 0, 6], [10, 10, np.inf, 6], [10, 10, -8, 6], [18.6, 10, 4, 4]])
def test_answers_without_overlap_are_failures(box):
    assert events(Wild(box), make(3)) == "SFs"


def test_overlap_counts_within_the_image_alone():
    """Truth and answer meet outside the picture (60 x 40), where nothing counts."""
    boxes = np.tile([50.0, 10, 30, 6], (3, 1))
    assert events(Wild([65, 10, 10, 6]), make(3, boxes=boxes)) == "SFs"
    assert events(Wild([55, 10, 10, 6]), make(3, boxes=boxes)) == "Stt"


def test_the_polygon_decides_not_its_box():
    """A diamond around 30, 20: the corner of its box is empty."""
    diamond = np.tile([30.0, 10, 40, 20, 30, 30, 20, 20], (3, 1))
    sequence = make(3, boxes=np.tile([20.0, 10, 20, 20], (3, 1)), polygons=diamond)
    assert events(Wild([20, 10, 3, 3]), sequence) == "SFs"
    assert events(Wild([25, 15, 3, 3]), sequence) == "Stt"


def test_start_boxes_of_a_polygon():
    """A diamond of diagonal 20: extent 20 x 20, area 200, so PySOT's box has sides sqrt(200 / 400) * 20 + 1 = 15.142, and
    begins half of that less one before the middle."""
    diamond = np.tile([30.0, 10, 40, 20, 30, 30, 20, 20], (2, 1))
    sequence = make(2, boxes=np.tile([20.0, 10, 20, 20], (2, 1)), polygons=diamond)
    assert start_box(sequence, 0, "bounding").tolist() == [20, 10, 20, 20]
    side = 200**0.5 + 1
    expected = [30 - (side - 1) / 2, 20 - (side - 1) / 2, side, side]
    np.testing.assert_allclose(start_box(sequence, 0, "area"), expected)
    tracker = Scripted()
    drive(tracker, reset(sequence, Reset(vot_init="area")))
    np.testing.assert_allclose(tracker.start_boxes, [expected])
    assert start_box(make(1), 0, "area").tolist() == list(HERE)  # no polygons
    with pytest.raises(LockonError, match="unknown start box 'areas'; did you mean 'area'"):
        Reset(vot_init="areas")
