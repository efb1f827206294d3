"""A tracker as three pure functions: states stay valid, sessions keep them, bare steppers become trackers."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from colored_videos import BLUE, GREEN, RED, color_tracker, video
from fake_refiner import BlobRefiner
from lockon.driver import drive_together
from lockon.errors import LockonError, LockonWarning
from lockon.refiners.alpha_refine import AlphaRefiner
from lockon.refiners.static import StaticTracker
from lockon.refiners.wrapper import RefinedTracker
from lockon.session import Session, SteppedTracker, Tracker, as_session
from noisy_tracker import noisy_tracker
from test_driver import boxes, follow

TRACKERS = {
    "network": color_tracker,
    "noisy": noisy_tracker,
    "static": StaticTracker,
    "refined": lambda: RefinedTracker(color_tracker(), AlphaRefiner(BlobRefiner())),
    "refined-noisy": lambda: RefinedTracker(noisy_tracker(), AlphaRefiner(BlobRefiner())),
}
VIDEOS = [video("a", RED, 7), video("b", GREEN, 4), video("c", BLUE, 9)]


class Bare:
    """Only the three functions of another tracker."""

    def __init__(self, tracker) -> None:
        self.start, self.step, self.moved = tracker.start, tracker.step, tracker.moved


@pytest.mark.parametrize("make", TRACKERS.values(), ids=TRACKERS)
def test_both_contracts_hold(make) -> None:
    assert isinstance(make(), SteppedTracker)
    assert isinstance(make(), Tracker)
    assert isinstance(make(), Session)


@pytest.mark.parametrize("make", TRACKERS.values(), ids=TRACKERS)
def test_any_earlier_state_can_be_stepped_again_also_after_a_pickle(make) -> None:
    tracker, frames, box = make(), VIDEOS[0].frames, VIDEOS[0].boxes[0]
    states = [tracker.start(frames[0], box, seed=3)]
    for index in range(1, 5):
        states.append(tracker.step([frames[index]], states[-1]))
    for index in range(1, 5):
        again = tracker.step([frames[index]], pickle.loads(pickle.dumps(states[index - 1])))
        np.testing.assert_array_equal(again[0].result.box, states[index][0].result.box)


@pytest.mark.parametrize("make", TRACKERS.values(), ids=TRACKERS)
def test_targets_of_several_videos_step_together_as_they_do_alone(make) -> None:
    together = dict(drive_together(make(), map(follow, VIDEOS), 3))
    for number, sequence in enumerate(VIDEOS):
        ((_, alone),) = drive_together(make(), [follow(sequence)], 1)
        np.testing.assert_array_equal(boxes(together[number]), boxes(alone))


@pytest.mark.parametrize("make", TRACKERS.values(), ids=TRACKERS)
def test_moving_changes_the_next_step_and_no_earlier_state(make) -> None:
    tracker, sequence = make(), VIDEOS[0]
    (target,) = tracker.start(sequence.frames[0], sequence.boxes[0])
    before = target.result.box.copy()
    moved = tracker.moved(target, np.array([60.0, 50, 20, 20]))
    np.testing.assert_array_equal(moved.result.box, [60, 50, 20, 20])
    np.testing.assert_array_equal(target.result.box, before)


def test_three_functions_alone_are_a_tracker() -> None:
    bare, tracker = as_session(Bare(color_tracker())), color_tracker()
    assert as_session(tracker) is tracker
    for one in (bare, tracker):
        one.init(VIDEOS[0].frames[0], VIDEOS[0].boxes[0])
    for index in range(1, 4):
        np.testing.assert_array_equal(bare.track(VIDEOS[0].frames[index]).box, tracker.track(VIDEOS[0].frames[index]).box)


def test_the_seed_decides_the_random_numbers_of_a_session() -> None:
    def track(seed: int) -> np.ndarray:
        tracker = noisy_tracker()
        tracker.init(VIDEOS[0].frames[0], VIDEOS[0].boxes[0], seed=seed)
        return np.stack([tracker.track(VIDEOS[0].frames[index]).box for index in range(1, 5)])

    np.testing.assert_array_equal(track(1), track(1))
    assert not np.array_equal(track(1), track(2))


def test_a_session_says_what_is_missing() -> None:
    tracker = StaticTracker()
    with pytest.raises(LockonError, match=r"track\(\) before init\(\)"):
        tracker.track(VIDEOS[0].frames[0])
    with pytest.raises(LockonError, match=r"move\(\) with boxes of shape \(1, 4\) for 0 targets"):
        tracker.move((1, 2, 3, 4))


class Shown(StaticTracker):
    """Keeps what it is shown."""

    def step(self, frames, targets):  # type: ignore[no-untyped-def]
        self.frames = frames
        return super().step(frames, targets)


def test_frames_of_a_session_are_converted_as_its_first_one() -> None:
    ramp = np.linspace(0, 1, 48 * 64).reshape(48, 64)
    tracker = Shown()
    with pytest.warns(LockonWarning, match="stretched"):
        tracker.init((7000 + 300 * ramp).astype(np.uint16), (1, 2, 3, 4))
    tracker.track((7000 + 100 * ramp).astype(np.uint16))
    assert 60 < tracker.frames[0].max() < 130, "a third of the first one's values"
    tracker.init((7000 + 300 * ramp).astype(np.uint16), (1, 2, 3, 4), range=(7000, 7100))
    tracker.track((7000 + 100 * ramp).astype(np.uint16))
    assert tracker.frames[0].max() == 255


def test_a_session_takes_frames_in_the_order_of_opencv() -> None:
    frame = np.full((48, 64, 3), (1, 2, 3), np.uint8)
    tracker = Shown()
    tracker.init(frame, (1, 2, 3, 4), color="bgr")
    tracker.track(frame)
    assert tracker.frames[0][0, 0].tolist() == [3, 2, 1]
    tracker.track(frame, color="rgb")
    assert tracker.frames[0] is frame
    with pytest.raises(LockonError, match="unknown color"):
        tracker.init(frame, (1, 2, 3, 4), color="gbr")


@pytest.mark.parametrize("box", ["1,2,3,4", [1, 2, 3, 4], ((1, 2, 3, 4),)])
def test_a_session_takes_a_box_of_any_kind_and_moves_to_it(box: object) -> None:
    tracker = StaticTracker()
    tracker.init(np.zeros((48, 64, 3), np.uint8), box)  # type: ignore[arg-type]
    tracker.move(box)  # type: ignore[arg-type]
    result = tracker.track(np.zeros((48, 64, 3), np.uint8))
    assert np.ravel(result.box).tolist() == [1, 2, 3, 4]
    assert result.box.ndim == (2 if isinstance(box, tuple) else 1)
