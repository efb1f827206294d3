"""The oracle protocol: where the tracker is put, and with which size."""

from __future__ import annotations

import numpy as np
import pytest
from scripted import Scripted, make

from colored_videos import BLUE, GREEN, RED, color_tracker, video
from lockon.bench.protocols.one_pass import OnePass
from lockon.bench.protocols.oracle import Oracle, oracle
from lockon.bench.protocols.table import protocol_of
from lockon.bench.record import MaskTexts, RunKey
from lockon.driver import drive, drive_together
from lockon.errors import LockonError
from lockon.refiners.static import StaticTracker
from lockon.types import Result

TRUTH = np.array([[10.0 + 2 * i, 10, 8, 6] for i in range(5)])


class Growing:
    """Where it was put last, two pixels larger each time; keeps what it was sent to."""

    def init(self, frame, box):
        self.box, self.moves = np.asarray(box), []

    def track(self, frame):
        self.box = self.box + np.array([0, 0, 2, 2])
        return Result(self.box, 0.5, "tracked")

    def move(self, box):
        self.box = box
        self.moves.append(box.tolist())


@pytest.mark.parametrize(
    ("when", "moves"),
    [
        ("before", [[12, 10, 8, 6], [13, 9, 10, 8], [14, 8, 12, 10], [15, 7, 14, 12]]),
        ("after", [[10, 10, 8, 6], [11, 9, 10, 8], [12, 8, 12, 10], [13, 7, 14, 12]]),
    ],
)
def test_the_centre_is_the_truth_and_the_size_its_own(when, moves):
    tracker = Growing()
    run = drive(tracker, oracle(make(5, boxes=TRUTH), when))
    assert tracker.moves == moves
    assert run.boxes[1:].tolist() == [[x, y, w + 2, h + 2] for x, y, w, h in moves]
    assert (run.start, run.boxes[0].tolist()) == (0, TRUTH[0].tolist())


@pytest.mark.parametrize(("when", "left"), [("before", [1, 3]), ("after", [2, 4])])
def test_without_truth_it_is_left_alone(when, left):
    truth = TRUTH.copy()
    truth[1] = np.nan
    sequence = make(5, boxes=truth, visible=np.arange(5) != 3)
    moves: list[np.ndarray | None] = []
    drive(Growing(), _noted(oracle(sequence, when), moves))
    assert [number for number, move in enumerate(moves) if number and move is None] == left
    assert all(np.isfinite(move).all() for move in moves if move is not None)


def _noted(episode, moves):
    """The course, with what each of its calls moves to."""
    call = next(episode)
    while True:
        moves.append(call.move)
        try:
            call = episode.send((yield call))
        except StopIteration as end:
            return end.value


def test_a_tracker_that_answers_nothing_keeps_its_last_size():
    class Gone(Growing):
        def track(self, frame):
            return Result(np.full(4, np.nan), 0.5, "lost")

    tracker = Gone()
    drive(tracker, oracle(make(4, boxes=TRUTH[:4])))
    assert tracker.moves == TRUTH[1:4].tolist()


def test_a_tracker_that_cannot_be_moved():
    with pytest.raises(LockonError, match=r"Scripted has no move\(boxes\), so it cannot be put anywhere"):
        drive(Scripted(), oracle(make(3)))


@pytest.mark.parametrize("when", ["before", "after"])
def test_in_batch_as_one_by_one(when):
    videos = [video(name, color) for name, color in (("r", RED), ("g", GREEN), ("b", BLUE))]
    alone = [drive(color_tracker(), oracle(one, when)).boxes for one in videos]
    together = dict(drive_together(color_tracker(), (oracle(one, when) for one in videos), 2))
    for number, boxes in enumerate(alone):
        np.testing.assert_allclose(together[number].boxes, boxes, atol=1e-9)


def test_a_resting_tracker_stays_on_the_truth():
    run = drive(StaticTracker(), oracle(make(5, boxes=TRUTH)))
    assert run.boxes.tolist() == TRUTH.tolist()


def test_as_a_protocol():
    sequence = make(4)
    protocol = Oracle(when="after", repetitions=2)
    assert protocol.runs(sequence) == [[RunKey("oracle", 1), RunKey("oracle", 2)]]
    assert protocol.rules(sequence) == {"when": "after"}
    assert protocol_of("oracle", {"when": "after"}, 2) == protocol
    run = drive(StaticTracker(), protocol.episode(sequence, RunKey("oracle")))
    record = protocol.record(sequence, RunKey("oracle"), run, {}, MaskTexts())
    assert (record.protocol, record.rules, record.anchor) == ("oracle", {"when": "after"}, None)
    assert OnePass().rules(sequence) == {}, "other protocols keep their rules"
    with pytest.raises(LockonError, match="unknown time of the oracle protocol 'bevor'; did you mean 'before'"):
        Oracle(when="bevor")  # type: ignore[arg-type]
