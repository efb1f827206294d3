"""`StaticTracker`: it stays where it was put; a refiner behind it tracks alone."""

from __future__ import annotations

import numpy as np
import pytest

from colored_videos import RED, video
from fake_refiner import BlobRefiner
from lockon.errors import LockonError
from lockon.refiners.alpha_refine import AlphaRefiner
from lockon.refiners.static import StaticTracker
from lockon.refiners.wrapper import with_refiner

FRAME = np.zeros((40, 60, 3), np.uint8)


def test_it_stays_where_it_was_put() -> None:
    tracker = StaticTracker()
    tracker.init(FRAME, (1, 2, 3, 4))
    assert tracker.track(FRAME).box.tolist() == [1, 2, 3, 4]
    tracker.move((5, 6, 7, 8))
    result = tracker.track(FRAME)
    assert (result.box.tolist(), result.state) == ([5, 6, 7, 8], "tracked")
    assert np.isnan(result.score)
    tracker.move((np.nan, 6, 7, 8))
    assert tracker.track(FRAME).box.tolist() == [5, 6, 7, 8]


def test_several_targets() -> None:
    tracker = StaticTracker()
    tracker.init(FRAME, [(1, 2, 3, 4), (5, 6, 7, 8)])
    tracker.move([[np.nan] * 4, (9, 9, 9, 9)])
    result = tracker.track(FRAME)
    assert (result.box.tolist(), result.state) == ([[1, 2, 3, 4], [9, 9, 9, 9]], ("tracked", "tracked"))


def test_a_refiner_behind_it_follows_a_slow_target() -> None:
    sequence = video("slow", RED)
    tracker = with_refiner(StaticTracker(), AlphaRefiner(BlobRefiner()))
    tracker.init(sequence.frames[0], sequence.boxes[0])
    for number in range(1, len(sequence)):
        np.testing.assert_allclose(tracker.track(sequence.frames[number]).box, sequence.boxes[number], atol=1.5)


@pytest.mark.parametrize("boxes", [[(5, 6, 7, 8)] * 3, [(1, 2, 3, 4), (5, 6, 7, 8)]])
def test_calls_before_init_and_boxes_of_other_counts_are_refused(boxes: object) -> None:
    tracker = StaticTracker()
    with pytest.raises(LockonError, match=r"track\(\) before init\(\)"):
        tracker.track(FRAME)
    with pytest.raises(LockonError, match=r"call it after init\(\)"):
        tracker.move((1, 2, 3, 4))
    tracker.init(FRAME, (1, 2, 3, 4))
    with pytest.raises(LockonError, match="for 1 targets; call it after init"):
        tracker.move(boxes)  # type: ignore[arg-type]
