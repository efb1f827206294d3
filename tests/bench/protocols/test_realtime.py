"""The real-time protocol: which frames a slow tracker is asked for, and what stands for the others."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scripted import HERE, Scripted, make

from lockon.bench.protocols.one_pass import one_pass
from lockon.bench.protocols.realtime import RealTime, real_time
from lockon.bench.protocols.reset import reset
from lockon.driver import Output, drive
from lockon.errors import LockonError
from lockon.types import Result

SIZE = (60, 40)


def play(seconds, count=16, **rules):
    """Frames that a tracker is asked for when its calls take `seconds` one after the other, and whose answer stands in each frame.

    The tracker answers the number of the frame as x.
    """
    sequence, asked, answer = make(count), [], None
    episode = real_time(one_pass(sequence), RealTime(fps=1, **rules))
    times = iter([*seconds, *[0.1] * count])
    try:
        while True:
            call = next(episode) if answer is None else episode.send(answer)
            asked.append(int(call.read()[0, 0, 0]))
            answer = Output(np.array([asked[-1], 0, 1, 1.0]), 0.5, "tracked", None, next(times), SIZE)
    except StopIteration as end:
        run = end.value
    assert np.isfinite(run.times).sum() == len(asked)
    assert [index for index in range(count) if math.isfinite(run.times[index])] == asked
    return asked, run.boxes[:, 0].astype(int).tolist()


# What the VOT toolkit (vot-toolkit 0.9.0, vot.tracker.RealtimeTrackerRuntime, interval 1) did on these times: grace, seconds of the
# calls, frames asked for, and whose answer stood in each of 16 frames.
TOOLKIT = [
    (0, [2.5] * 16, [0, 2, 4, 6, 8, 10, 12, 14], [0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12, 12, 14, 14]),
    (1, [2.5] * 16, [0, 1, 3, 5, 7, 9, 11, 13, 15], [0, 1, 1, 3, 3, 5, 5, 7, 7, 9, 9, 11, 11, 13, 13, 15]),
    (3, [2.5] * 16, [0, 1, 2, 3, 5, 7, 9, 11, 13, 15], [0, 1, 2, 3, 3, 5, 5, 7, 7, 9, 9, 11, 11, 13, 13, 15]),
    (0, [5.5, *[0.5] * 15], [0, *range(5, 16)], [0] * 5 + list(range(5, 16))),
    (1, [5.5, *[0.5] * 15], list(range(16)), list(range(16))),
    (3, [0.5, 0.5, *[1.5] * 9], list(range(16)), list(range(16))),
    (
        0,
        [0.5, 0.5, 1.0, 1.0, 2.0, 2.0, 1.0, 3.0, 3.0001, 1.5, 1.5],
        [0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 14, 15],
        [0, 1, 2, 3, 4, 5, 6, 7, 7, 9, 9, 9, 12, 13, 14, 15],
    ),
]


@pytest.mark.parametrize(("grace", "seconds", "asked", "stands"), TOOLKIT)
def test_late_answers_count_as_in_the_toolkit(grace, seconds, asked, stands):
    assert play(seconds, grace=grace) == (asked, stands)


@pytest.mark.parametrize(
    ("grace", "seconds", "asked", "stands"),
    [
        (0, [0.5, 1.0, 1.0], list(range(6)), [0, 1, 2, 3, 4, 5]),
        # The answer for frame 1 is there while frame 2 passes; that for frame 3 takes until frame 5 passes.
        (0, [1.0, 1.5, 2.5, 0.5], [0, 1, 3], [0, 0, 1, 1, 1, 3]),
        # A start of 2.5: frames 1 and 2 pass by with the start box.
        (0, [2.5, 0.5, 0.5, 0.5], [0, 3, 4, 5], [0, 0, 0, 3, 4, 5]),
        (1, [2.5, 0.5, 1.5], [0, 1, 2, 4, 5], [0, 1, 1, 2, 4, 5]),
    ],
)
def test_strict(grace, seconds, asked, stands):
    asked_here, stands_here = play(seconds, 6, grace=grace, late="strict")
    stands_here[0] = 0  # the start box, x = 10
    assert (asked_here, [0 if x == HERE[0] else x for x in stands_here]) == (asked, stands)


def test_a_simulated_clock_needs_no_time_and_is_the_same_every_time():
    rules = RealTime(fps=20, grace=0, seconds=0.16, start_seconds=0.0)  # 3.2 periods: 2 frames dropped after each
    runs = []
    for _ in range(2):
        tracker = Scripted()
        runs.append(drive(tracker, real_time(one_pass(make(8)), rules)))
        assert (tracker.starts, tracker.tracked) == ([0], [1, 4, 7])
    assert np.isnan(runs[0].times).tolist() == [False, False, True, True, False, True, True, False]
    np.testing.assert_array_equal(runs[0].boxes, runs[1].boxes)
    assert runs[0].boxes.tolist() == [list(HERE)] * 8
    assert runs[0].states == ("tracked",) * 8


def test_what_takes_a_whole_number_of_frames_is_not_late_by_rounding():
    tracker = Scripted()
    drive(tracker, real_time(one_pass(make(9)), RealTime(fps=20, grace=0, seconds=3 * 0.05, start_seconds=0)))
    assert tracker.tracked == [1, 3, 5, 7]  # 3 periods: one frame dropped


def test_around_the_reset_protocol_grace_begins_again_with_every_start():
    """2.5 periods per call: one dropped frame after each, and none while grace lasts (0 and 1, then 9 and 10)."""
    tracker = Scripted(away=[3, 4])
    run = drive(tracker, real_time(reset(make(16)), RealTime(fps=20, grace=2, seconds=0.125)))
    assert "".join("tSFs"[code] for code in run.events) == "StttFssssStttttt"  # frame 3 is dropped: what stands there is no failure
    assert tracker.starts == [0, 9]
    assert tracker.tracked == [1, 2, 4, 10, 11, 13, 15]
    tracker = Scripted(away=[3, 4])
    run = drive(tracker, real_time(reset(make(16)), RealTime(fps=20, grace=0, seconds=0.125)))
    assert tracker.tracked == [2, 4, 11, 13, 15]
    assert "".join("tSFs"[code] for code in run.events) == "StttFssssStttttt"


def test_the_last_box_is_held_and_may_fail():
    """The target goes away while the tracker is busy: what stands for the dropped frame fails."""
    boxes = np.tile(HERE, (8, 1))
    boxes[2:] = [40, 25, 8, 6]

    class Follows(Scripted):
        def track(self, frame):
            super().track(frame)
            return Result(boxes[self.tracked[-1]], 0.9, "tracked")

    assert set(drive(Follows(), reset(make(8, boxes=boxes))).events) == {0, 1}
    slow = drive(Follows(), real_time(reset(make(8, boxes=boxes)), RealTime(fps=20, grace=0, seconds=0.125, start_seconds=0)))
    assert slow.events.tolist() == [1, 0, 2, 3, 3, 3, 3, 1]


def test_measured_times_decide_when_none_are_given():
    assert play([0.1, 0.1, 9.0], 6, grace=0)[0] == [0, 1, 2]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"fps": 0}, "fps=0"),
        ({"grace": -1}, "grace=-1"),
        ({"seconds": -0.1}, "seconds=-0.1"),
        ({"seconds": math.nan}, "seconds=nan"),
        ({"start_seconds": 1.0}, "seconds is not"),
        ({"late": "strikt"}, "did you mean 'strict'"),
    ],
)
def test_impossible_fields_of_real_time_are_refused(fields, text):
    with pytest.raises(LockonError, match=text):
        RealTime(**fields)
