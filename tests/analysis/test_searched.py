"""What trackers saw of single frames: a tracker that knows colours, and candidates by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from colored_videos import GRID, RED, ColorModel, box_at, color_tracker, video
from lockon.analysis.searched import by_point, frame_numbers, searched_frames
from lockon.errors import LockonError
from lockon.ops.crop import Crop
from lockon.ops.crop_rules import AreaRule
from lockon.ops.score_map import ScoreMap
from lockon.tracker import NetworkTracker, TrackerConfig
from lockon.types import Result

VIDEO = video("red", RED)  # 10 frames


@pytest.mark.parametrize(("count", "expected"), [(1, (9,)), (3, (3, 6, 9)), (9, tuple(range(1, 10))), (50, tuple(range(1, 10)))])
def test_frames_are_spread_evenly_up_to_the_last(count, expected):
    assert frame_numbers(VIDEO, count) == expected


def test_frames_are_counted_from_the_first_annotated_one():
    boxes = VIDEO.boxes.copy()
    boxes[:4] = np.nan
    assert frame_numbers(replace(VIDEO, boxes=boxes), 2) == (6, 9)  # rounded to even: 6.5


def test_a_network_shows_its_candidates_in_pixels_of_the_crop():
    told: list[int] = []
    first, second = searched_frames(color_tracker(), VIDEO, [2, 5], told.append)
    assert (first.frame, second.frame) == (2, 5)
    assert sum(told) == 5  # the last frame that is asked for ends it
    assert second.seen is not None
    assert second.seen.prediction.logits.shape == (1, GRID * GRID)
    assert second.scores.shape == (GRID, GRID)
    assert second.stride == 64 / GRID  # the candidates fill the crop
    truth = second.window.to_image(second.truth)
    np.testing.assert_allclose(truth, [*box_at(5)[:2], box_at(5)[0] + 24, box_at(5)[1] + 24])
    assert second.iou > 0.9
    assert second.overlap(second.box) == second.iou
    x, y = second.points(GRID)
    np.testing.assert_allclose(x, 4 + 8 * np.arange(8))
    np.testing.assert_allclose(y, x)


def test_the_way_is_that_of_the_tracker():
    """Looking at frames changes nothing: the answer in a frame is that of a run in which nobody looks."""
    tracker = color_tracker()
    *_, last = searched_frames(color_tracker(), VIDEO, [1, 2, 3, 4])
    tracker.init(VIDEO.frames[0], VIDEO.boxes[0])
    result = [tracker.track(VIDEO.frames[number]) for number in range(1, 5)][-1]
    corners = last.window.to_image(last.box)
    np.testing.assert_allclose([*corners[:2], *(corners[2:] - corners[:2])], result.box, atol=1e-9)


class Mapped:
    """Shows a score map alone, as trackers do that learn online."""

    keep_scores = False

    def init(self, frame: Any, box: Any) -> None:
        self.box = np.asarray(box, dtype=np.float64)

    def track(self, frame: Any) -> Result:
        return Result(self.box, 0.5, "tracked")

    @property
    def score_maps(self) -> tuple[ScoreMap, ...]:
        return (ScoreMap(Crop(np.array([50.0, 50.0]), np.array(64.0), 128), np.eye(4), 16.0),) if self.keep_scores else ()


def test_a_tracker_without_candidates_shows_its_score_map():
    (found,) = searched_frames(Mapped(), VIDEO, [3])
    assert found.seen is None
    assert (found.scores.tolist(), found.stride) == (np.eye(4).tolist(), 16.0)
    np.testing.assert_allclose(found.box, [(40 - 18) * 2, (40 - 18) * 2, (64 - 18) * 2, (64 - 18) * 2])  # two crop pixels per pixel
    np.testing.assert_allclose(found.points(4)[0], [40, 56, 72, 88])  # around the middle, 64


def test_absent_targets_have_no_true_box():
    visible = np.ones(10, dtype=bool)
    visible[5] = False
    (found,) = searched_frames(color_tracker(), replace(VIDEO, visible=visible), [5])
    assert found.truth is None
    assert np.isnan(found.iou)


def test_what_lies_outside_of_the_frame_is_black():
    """The window has 8 sides of the target, 192 pixels, around (54, 53): it begins 42 pixels left of the frame."""
    config = replace(TrackerConfig(), search_crop=AreaRule(factor=8.0))
    (found,) = searched_frames(NetworkTracker(ColorModel(), config), VIDEO, [1])
    assert found.image[32, :13].max() == 0
    assert found.image[32, 15].tolist() == [128, 128, 128]


class Still:
    def init(self, frame: Any, box: Any) -> None:
        self.box = box

    def track(self, frame: Any) -> Any:
        return self.box


@pytest.mark.parametrize(
    ("tracker", "numbers", "text"),
    [
        (Still(), [1], "Still shows neither candidates nor score maps"),
        (Mapped(), [0, 3], r"red has tracked frames 1 to 9; \[0, 3\] were asked for"),
        (Mapped(), [10], r"red has tracked frames 1 to 9; \[10\] were asked for"),
    ],
)
def test_what_cannot_be_shown_is_an_error(tracker, numbers, text):
    with pytest.raises(LockonError, match=text):
        list(searched_frames(tracker, VIDEO, numbers))


def test_sequences_without_a_frame_to_track_are_an_error():
    with pytest.raises(LockonError, match="no frame after its first annotated one"):
        frame_numbers(video("short", RED, 1), 3)
    with pytest.raises(LockonError, match="no annotated frame"):
        frame_numbers(replace(VIDEO, boxes=np.full((10, 4), np.nan)), 3)


def test_a_point_has_the_highest_of_its_anchors():
    assert by_point(np.array([1.0, 2, 3, 4, 4, 3, 5, 1]), 2).tolist() == [[4, 3], [5, 4]]
