"""Driving trackers: one episode with any tracker, many with one stepped tracker."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from colored_videos import BLUE, GREEN, HEIGHT, RED, WIDTH, color_tracker, video
from lockon.driver import Request, drive, drive_together
from lockon.errors import LockonError
from lockon.localizers.masks import MaskConfig
from lockon.types import Result


def follow(sequence, *, first=0, step=1):
    """Boxes from frame `first` on."""
    rows = []
    for index in range(first, len(sequence), step):
        output = yield Request(partial(sequence.frames.__getitem__, index), sequence.boxes[index] if index == first else None)
        rows.append(output)
    return rows


def boxes(rows):
    return np.stack([row.box for row in rows])


class Fixed:
    """Answers one thing."""

    def __init__(self, output):
        self.output = output

    def init(self, frame, box):
        pass

    def track(self, frame):
        return self.output


def test_an_episode_gets_the_answers_of_any_tracker():
    mask = np.zeros((HEIGHT, WIDTH), bool)
    rows = drive(Fixed(Result(np.array([1.0, 2, 3, 4]), 0.25, "lost", mask)), follow(video("a", RED, 3)))
    start, output, _ = rows
    assert (start.score, start.state, start.mask, start.size) == (1.0, "tracked", None, (WIDTH, HEIGHT))
    assert start.box.tolist() == [40, 40, 24, 24]
    assert (output.box.tolist(), output.score, output.state) == ([1, 2, 3, 4], 0.25, "lost")
    assert output.mask is mask
    assert all(row.seconds >= 0 for row in rows)


def test_a_result_of_one_row_is_one_target():
    (_, output) = drive(Fixed(Result(np.array([[1.0, 2, 3, 4]]), np.array([0.5]), ("uncertain",))), follow(video("a", RED, 2)))
    assert (output.box.tolist(), output.score, output.state) == ([1, 2, 3, 4], 0.5, "uncertain")


@pytest.mark.parametrize("output", [(1, 2, 3, 4), [1.0, 2, 3, 4], np.array([1, 2, 3, 4])])
def test_a_bare_box_has_no_score(output):
    (_, found) = drive(Fixed(output), follow(video("a", RED, 2)))
    assert (found.box.tolist(), found.state) == ([1, 2, 3, 4], "tracked")
    assert np.isnan(found.score)


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (None, "returned NoneType None; expected a lockon.Result or a box"),
        ((1, 2, 3), r"returned tuple \(1, 2, 3\)"),
        (((1, 2, 3, 4), 0.5), "returned tuple"),
        ("1,2,3,4", "returned str"),
        (Result(np.ones((2, 4)), np.ones(2), ("lost", "lost")), "returned 2 targets after a start with one"),
    ],
)
def test_other_answers_are_refused(output, text):
    with pytest.raises(LockonError, match=text):
        drive(Fixed(output), follow(video("a", RED, 2)))


def test_a_trackers_stop_iteration_is_an_error_not_an_end():
    class Exhausted(Fixed):
        def track(self, frame):
            return next(iter(()))

    with pytest.raises(StopIteration):
        drive(Exhausted(None), follow(video("a", RED, 3)))


@pytest.mark.parametrize("readers", [0, 3])
@pytest.mark.parametrize("batch", [1, 2, 8])
def test_together_equals_one_by_one(batch, readers):
    """Videos of several lengths that start late or skip frames, more of them than slots."""
    plan = [(RED, 9, {}), (GREEN, 4, {}), (BLUE, 7, {"first": 2}), (RED, 5, {"step": 2}), (GREEN, 1, {})]
    tracker = color_tracker()
    episodes = (follow(video(str(number), color, frames), **how) for number, (color, frames, how) in enumerate(plan))
    together = dict(drive_together(tracker, episodes, batch, readers=readers))
    assert sorted(together) == [0, 1, 2, 3, 4]
    assert max(tracker.model.batches, default=0) <= batch
    for number, (color, frames, how) in enumerate(plan):
        alone = drive(color_tracker(), follow(video(str(number), color, frames), **how))
        np.testing.assert_allclose(boxes(together[number]), boxes(alone), atol=1e-4)
        assert [row.state for row in together[number]] == [row.state for row in alone]
        assert [row.size for row in together[number]] == [row.size for row in alone]


def test_slots_are_filled_again_and_episodes_are_taken_when_needed():
    taken = []

    def episodes():
        for number, frames in enumerate([2, 6, 2, 2]):
            taken.append(number)
            yield follow(video(str(number), RED, frames))

    tracker = color_tracker()
    ends = []
    for number, _ in drive_together(tracker, episodes(), 2):
        ends.append((number, len(taken)))
    assert ends == [(0, 2), (2, 3), (1, 4), (3, 4)]
    assert tracker.model.batches == [2, 1, 2, 1, 2]


def test_an_episode_that_fails_ends_alone():
    broken = video("broken", RED, 6)
    good_read = broken.frames.read

    def read(path):
        if path.name == "3":
            raise LockonError("frame 3 is cut off")
        return good_read(path)

    object.__setattr__(broken.frames, "read", read)

    def raises():
        yield Request(partial(video("x", RED, 2).frames.__getitem__, 0), np.array([40.0, 40, 24, 24]))
        raise ValueError("mine")

    def outside():
        yield Request(partial(video("x", RED, 2).frames.__getitem__, 0), np.array([500.0, 500, 24, 24]))

    def never_started():
        yield Request(partial(video("x", RED, 2).frames.__getitem__, 0))

    def other_size():
        output = yield Request(partial(video("x", RED, 2).frames.__getitem__, 0), np.array([40.0, 40, 24, 24]))
        yield Request(lambda: np.zeros((10, 10, 3), np.uint8))
        return output

    episodes = [follow(broken), raises(), outside(), never_started(), other_size(), follow(video("good", GREEN, 6))]
    found = dict(drive_together(color_tracker(), episodes, 10))
    assert [str(found[number])[:24] for number in range(5)] == [
        "frame 3 is cut off",
        "mine",
        str(found[2])[:24],
        "an episode asked to trac",
        "frame of 10x10 pixels, b",
    ]
    assert isinstance(found[2], LockonError)
    alone = drive(color_tracker(), follow(video("good", GREEN, 6)))
    np.testing.assert_allclose(boxes(found[5]), boxes(alone), atol=1e-4)


def test_the_batch_is_a_positive_number():
    with pytest.raises(LockonError, match="batch=0"):
        list(drive_together(color_tracker(), [], 0))
    assert list(drive_together(color_tracker(), [], 3)) == []


def test_masks_reach_the_answers_of_both_ways():
    class Masked(type(color_tracker().model)):
        def mask(self, prediction, index):
            return np.ones((len(index), 32, 32), np.float32)

    tracker = color_tracker(mask=MaskConfig())
    tracker.model.__class__ = Masked
    alone = drive(tracker, follow(video("a", RED, 3)))
    ((_, together),) = drive_together(tracker, [follow(video("a", RED, 3))], 1)
    assert alone[0].mask is None
    for one, other in zip(alone[1:], together[1:], strict=True):
        assert one.mask.shape == (HEIGHT, WIDTH)
        assert one.mask.any()
        np.testing.assert_array_equal(one.mask, other.mask)
