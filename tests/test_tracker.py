from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lockon.errors import LockonError, LockonWarning
from lockon.localizers.window import WindowConfig
from lockon.tracker import Calibration, NetworkTracker, Tracker, TrackerConfig
from lockon.types import Prediction, Template

CONFIG = TrackerConfig(localizer=WindowConfig(window=0.0, penalty=0.0, smoothing=1.0), patience=2)
GRID = 8


class BlobModel:
    """Finds pixels whose colour is near the template's middle pixel; the box is their extent. Counts its calls."""

    template_size = 32
    search_size = 128

    def __init__(self) -> None:
        self.encoded = self.searched = 0
        self.search_batches: list[int] = []

    def encode(self, images):
        assert images.dtype == np.uint8
        assert images.shape[1:] == (32, 32, 3)
        self.encoded += 1
        return Template((images[:, 16, 16].astype(np.float32),))

    def __call__(self, template, images):
        assert images.dtype == np.uint8
        assert images.shape[1:] == (128, 128, 3)
        self.searched += 1
        self.search_batches.append(len(images))
        logits = np.full((len(images), GRID * GRID), -8.0, np.float32)
        boxes = np.tile(np.array([48.0, 48, 80, 80], np.float32), (len(images), GRID * GRID, 1))
        for i, (color, image) in enumerate(zip(template.features[0], images, strict=True)):
            near = np.abs(image.astype(np.float32) - color).max(-1) < 40
            if near.sum() > 4:
                ys, xs = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
                logits[i, 27] = 4.0
                boxes[i, 27] = [xs[0], ys[0], xs[-1] + 1, ys[-1] + 1]
        return Prediction(logits, boxes)


RED, GREEN, BLUE = (230, 20, 20), (20, 230, 20), (20, 20, 230)


def scene(*blobs, size=(160, 120)):
    """A grey frame with coloured rectangles (x, y, w, h, colour)."""
    frame = np.full((size[1], size[0], 3), 100, np.uint8)
    for x, y, w, h, color in blobs:
        frame[max(y, 0) : y + h, max(x, 0) : x + w] = color
    return frame


def make(config: TrackerConfig = CONFIG) -> NetworkTracker:
    return NetworkTracker(BlobModel(), config)


def test_is_a_tracker() -> None:
    assert isinstance(make(), Tracker)


def test_follows_one_target() -> None:
    tracker = make()
    tracker.init(scene((60, 50, 20, 16, RED)), (60, 50, 20, 16))
    for step in range(1, 10):
        result = tracker.track(scene((60 + 3 * step, 50 - 2 * step, 20, 16, RED)))
        assert result.box.shape == (4,)
        np.testing.assert_allclose(result.box, [60 + 3 * step, 50 - 2 * step, 20, 16], atol=1.0)
        assert isinstance(result.score, float)
        assert result.score == pytest.approx(1 / (1 + np.exp(-4)))
        assert result.state == "tracked"


def test_follows_several_targets_in_one_pass_per_frame() -> None:
    tracker = make()
    blobs = [(30, 30, 16, 16, RED), (100, 40, 12, 20, GREEN), (60, 80, 20, 12, BLUE)]
    tracker.init(scene(*blobs), [blob[:4] for blob in blobs])
    model = tracker.model
    result = tracker.track(scene(*blobs))
    assert result.box.shape == (3, 4)
    assert result.score.shape == (3,)
    assert result.state == ("tracked",) * 3
    np.testing.assert_allclose(result.box, [blob[:4] for blob in blobs], atol=1.0)
    assert (model.encoded, model.searched, model.search_batches) == (1, 1, [3])
    assert len(result.each()) == 3


def test_one_box_given_as_a_row_keeps_its_axis() -> None:
    tracker = make()
    tracker.init(scene((60, 50, 20, 16, RED)), [[60, 50, 20, 16]])
    result = tracker.track(scene((60, 50, 20, 16, RED)))
    assert result.box.shape == (1, 4)
    assert result.state == ("tracked",)


def test_batch_equals_separate_trackers() -> None:
    blobs = [(30, 30, 16, 16, RED), (100, 40, 12, 20, GREEN)]
    together, apart = make(), [make(), make()]
    together.init(scene(*blobs), [blob[:4] for blob in blobs])
    for tracker, blob in zip(apart, blobs, strict=True):
        tracker.init(scene(*blobs), blob[:4])
    for step in range(6):
        frame = scene((30 + 2 * step, 30, 16, 16, RED), (100, 40 + 3 * step, 12, 20, GREEN))
        both = together.track(frame)
        for one, tracker in zip(both.each(), apart, strict=True):
            alone = tracker.track(frame)
            np.testing.assert_array_equal(one.box, alone.box)
            assert (one.score, one.state) == (alone.score, alone.state)


def test_step_takes_targets_of_different_videos() -> None:
    tracker = make()
    first, second = scene((30, 30, 16, 16, RED)), scene((200, 90, 20, 20, BLUE), size=(320, 200))
    targets = [*tracker.start(first, (30, 30, 16, 16)), *tracker.start(second, (200, 90, 20, 20))]
    moved = tracker.step([first, second], targets)
    np.testing.assert_allclose(moved[0].box, [38, 38, 16, 16], atol=1.0)
    np.testing.assert_allclose(moved[1].box, [210, 100, 20, 20], atol=1.0)
    assert [target.size for target in moved] == [(160, 120), (320, 200)]


def test_lost_policy() -> None:
    """Below `lost`: uncertain for `patience` frames, then lost with the trusted box held; found again at once."""
    tracker = make(dataclasses.replace(CONFIG, grow=1.2, max_grow=1.5))
    tracker.init(scene((60, 50, 20, 16, RED)), (60, 50, 20, 16))
    trusted = tracker.track(scene((62, 50, 20, 16, RED))).box
    empty = scene()
    states, boxes, sides = [], [], []
    for _ in range(8):
        sides.append(_next_side(tracker))
        result = tracker.track(empty)
        states.append(result.state)
        boxes.append(result.box)
        assert result.score < CONFIG.lost
    assert states == ["uncertain"] * 2 + ["lost"] * 6
    for box in boxes[2:]:
        np.testing.assert_array_equal(box, trusted)
    base = 3.75 * np.sqrt(trusted[2] * trusted[3])
    np.testing.assert_allclose(np.array(sides[3:]) / base, [1.2, 1.44, 1.5, 1.5, 1.5])
    found = tracker.track(scene((75, 55, 20, 16, RED)))
    assert found.state == "tracked"
    np.testing.assert_allclose(found.box, [75, 55, 20, 16], atol=1.5)
    assert _next_side(tracker) == pytest.approx(3.75 * np.sqrt(found.box[2] * found.box[3]))


def _next_side(tracker: NetworkTracker) -> float:
    """Side of the search window that the next frame will be cropped with."""
    sides: list[float] = []
    original = tracker.localizer

    def spy(prediction, crop, boxes):
        sides.append(float(crop.side[0]))
        return original(prediction, crop, boxes)

    tracker.localizer = spy  # type: ignore[assignment]
    target = tracker._targets[0]
    tracker.step([scene(size=target.size)], [target])
    tracker.localizer = original
    return sides[0]


@pytest.mark.parametrize(("bias", "state"), [(0.0, "tracked"), (-4.5, "uncertain"), (-7.0, "uncertain")])
def test_state_follows_the_calibrated_score(bias: float, state: str) -> None:
    tracker = make(dataclasses.replace(CONFIG, calibration=Calibration(scale=1.0, bias=bias)))
    frame = scene((60, 50, 20, 16, RED))
    tracker.init(frame, (60, 50, 20, 16))
    result = tracker.track(frame)
    assert result.score == pytest.approx(1 / (1 + np.exp(-(4 + bias))))
    assert result.state == state


def test_boxes_stay_in_range() -> None:
    class Runaway(BlobModel):
        def __call__(self, template, images):
            boxes = np.tile(np.array([1e4, 1e4, 1e4 + 1e5, 1e4 + 0.01], np.float32), (len(images), GRID * GRID, 1))
            return Prediction(np.full((len(images), GRID * GRID), 5.0, np.float32), boxes)

    tracker = NetworkTracker(Runaway(), CONFIG)
    tracker.init(scene(), (60, 50, 20, 16))
    for _ in range(3):
        x, y, w, h = tracker.track(scene()).box
        assert (w, h) == (160, CONFIG.min_size)
        assert (x + w / 2, y + h / 2) == (160, 120)


def test_frame_of_another_size_is_refused_and_nothing_is_lost() -> None:
    tracker = make()
    frame = scene((60, 50, 20, 16, RED))
    tracker.init(frame, (60, 50, 20, 16))
    with pytest.raises(LockonError, match="frame of 320x240 pixels, but tracking began on 160x120"):
        tracker.track(scene(size=(320, 240)))
    np.testing.assert_allclose(tracker.track(frame).box, [60, 50, 20, 16], atol=1.0)


def test_track_before_init() -> None:
    with pytest.raises(LockonError, match=r"track\(\) before init\(\)"):
        make().track(scene())


@pytest.mark.parametrize("box", [(60, 50, 0, 16), (60, 50, 20), (500, 50, 20, 16), (float("nan"), 0, 5, 5)])
def test_bad_boxes(box) -> None:
    with pytest.raises(LockonError):
        make().init(scene(), box)


def test_box_partly_outside_is_clipped_with_a_warning() -> None:
    tracker = make()
    with pytest.warns(LockonWarning, match="clipped to 0,50,15,16"):
        tracker.init(scene((0, 50, 15, 16, RED)), (-5, 50, 20, 16))
    assert tracker._targets[0].box.tolist() == [7.5, 58, 15, 16]


@pytest.mark.parametrize("kind", ["grey", "rgba", "16-bit", "16-bit grey"])
def test_other_kinds_of_frames(kind: str) -> None:
    def convert(frame):
        if "grey" in kind:
            frame = frame[..., 0]
        if kind == "rgba":
            frame = np.dstack([frame, np.full(frame.shape[:2], 255, np.uint8)])
        return frame.astype(np.uint16) * 257 if "16" in kind else frame

    tracker = make()
    tracker.init(convert(scene((60, 50, 20, 16, (250, 250, 250)))), (60, 50, 20, 16))
    result = tracker.track(convert(scene((66, 50, 20, 16, (250, 250, 250)))))
    np.testing.assert_allclose(result.box, [66, 50, 20, 16], atol=1.0)


def test_init_starts_afresh() -> None:
    tracker = make()
    tracker.init(scene((60, 50, 20, 16, RED)), (60, 50, 20, 16))
    tracker.track(scene())
    tracker.init(scene((30, 30, 10, 10, BLUE), size=(200, 100)), (30, 30, 10, 10))
    result = tracker.track(scene((33, 30, 10, 10, BLUE), size=(200, 100)))
    np.testing.assert_allclose(result.box, [33, 30, 10, 10], atol=1.0)


def test_state_does_not_grow() -> None:
    """After 300 frames a tracker holds what it held after one: no list or dictionary of it is longer."""

    def held(tracker: NetworkTracker) -> list[int]:
        targets = [getattr(target, item.name) for target in tracker._targets for item in dataclasses.fields(target)]
        own = [*vars(tracker).values(), *vars(tracker.localizer).values(), *targets]
        return [len(value) if hasattr(value, "__len__") else 0 for value in own]

    tracker = make()
    frame = scene((60, 50, 20, 16, RED))
    tracker.init(frame, (60, 50, 20, 16))
    tracker.track(frame)
    before = held(tracker)
    for _ in range(300):
        tracker.track(frame)
    assert held(tracker) == before
