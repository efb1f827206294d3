from __future__ import annotations

import dataclasses
import typing

import numpy as np
import pytest

from colored_scenes import BLUE, GREEN, RED, scene
from lockon.config import apply_in_order, apply_overrides, part_name
from lockon.errors import LockonError, LockonWarning
from lockon.localizers.dense import LocalizerConfig
from lockon.localizers.masks import MaskConfig, paste_patch
from lockon.localizers.rank import Blend
from lockon.ops.borders import Replicate, Zero
from lockon.ops.crop import Crop, mean_color
from lockon.ops.crop_rules import AreaRule, ContextRule, InsideMajor, PysotRule, PytrackingRule
from lockon.ops.whole_crops import PysotCrop
from lockon.session import Tracker
from lockon.start_rules import ClippedStart, UnclippedStart
from lockon.target import StatePolicy
from lockon.tracker import Calibration, NetworkTracker, TrackerConfig
from lockon.types import Prediction, Template

BY_SCORE = LocalizerConfig(rank=Blend(window_influence=0.0, penalty_k=0.0), size_lr=1.0)
CONFIG = TrackerConfig(localizer=BY_SCORE, states=StatePolicy(lost_after=2))
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


def make(config: TrackerConfig = CONFIG) -> NetworkTracker:
    return NetworkTracker(BlobModel(), config)


def with_states(**changes: float) -> TrackerConfig:
    return dataclasses.replace(CONFIG, states=dataclasses.replace(CONFIG.states, **changes))


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
    """Below `lost`: uncertain for `lost_after` frames, then lost with the trusted box held; found again at once."""
    tracker = make(with_states(search_growth=1.2, max_growth=1.5))
    tracker.init(scene((60, 50, 20, 16, RED)), (60, 50, 20, 16))
    trusted = tracker.track(scene((62, 50, 20, 16, RED))).box
    empty = scene()
    states, boxes, sides = [], [], []
    for _ in range(8):
        sides.append(_next_side(tracker))
        result = tracker.track(empty)
        states.append(result.state)
        boxes.append(result.box)
        assert result.score < CONFIG.states.lost
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
    target = tracker.targets[0]
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
        assert (w, h) == (160, CONFIG.states.min_size)
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
    assert tracker.targets[0].box.tolist() == [7.5, 58, 15, 16]


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
        targets = [getattr(target, item.name) for target in tracker.targets for item in dataclasses.fields(target)]
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


PYSOT = TrackerConfig(
    template_crop=PysotRule(factor=1.0),
    search_crop=PysotRule(factor=2.0),
    start=UnclippedStart(shift=-0.5),
    localizer=BY_SCORE,
    states=StatePolicy(absent_score=0.0, search_growth=1.0, min_size=10.0),
)
CONTINUOUS = dataclasses.replace(
    PYSOT,
    template_crop=ContextRule(factor=1.0, pixel_centers=True),
    search_crop=ContextRule(factor=2.0, pixel_centers=True),
    start=ClippedStart(),
)
TEST_SCRIPT = dataclasses.replace(PYSOT, start=UnclippedStart(shift=0.0))  # PySOT's benchmark script starts elsewhere than its tracker


class Centred(BlobModel):
    """Finds a box of the template's share of the crop, in its middle, counted from pixel centres; keeps the crops."""

    def __init__(self) -> None:
        super().__init__()
        self.templates: list[np.ndarray] = []
        self.searches: list[np.ndarray] = []

    def encode(self, images):
        self.templates.append(images)
        return super().encode(images)

    def __call__(self, template, images):
        self.searches.append(images)
        boxes = np.tile(np.array([55.5, 51.5, 71.5, 75.5], np.float32), (len(images), GRID * GRID, 1))
        return Prediction(np.full((len(images), GRID * GRID), 2.0, np.float32), boxes)


NOISE = np.random.default_rng(5).integers(0, 256, (120, 160, 3), dtype=np.uint8)


@pytest.mark.parametrize(("config", "shift"), [(PYSOT, -0.5), (TEST_SCRIPT, 0.0), (CONTINUOUS, 0.0)])
def test_where_the_state_starts_and_what_is_returned(config: TrackerConfig, shift: float) -> None:
    """The centre of the crop is the last centre: the box comes back with a new size, around the start's centre."""
    tracker = NetworkTracker(Centred(), config)
    tracker.init(NOISE, (60, 50, 20, 30))
    assert tracker.targets[0].box.tolist() == [70 + shift, 65 + shift, 20, 30]
    side = 2 * np.sqrt((20 + 25) * (30 + 25))
    w, h = 16 * side / 128, 24 * side / 128
    np.testing.assert_allclose(tracker.track(NOISE).box, [70 + shift - w / 2, 65 + shift - h / 2, w, h])


@pytest.mark.parametrize(("config", "kind"), [(PYSOT, PysotCrop), (TEST_SCRIPT, PysotCrop), (CONTINUOUS, Crop)])
def test_crops_follow_the_rules(config: TrackerConfig, kind: type[Crop]) -> None:
    model = Centred()
    tracker = NetworkTracker(model, config)
    tracker.init(NOISE, (60, 50, 20, 30))
    box = tracker.targets[0].box
    tracker.track(NOISE)
    for images, factor, size in ((model.templates[0], 1.0, 32), (model.searches[0], 2.0, 128)):
        crop = kind.with_context(box, factor, size)
        np.testing.assert_array_equal(images[0], crop.extract(NOISE, mean_color(NOISE)))


def test_the_official_tracker_does_not_clip_its_start_box() -> None:
    tracker = NetworkTracker(Centred(), PYSOT)
    tracker.init(NOISE, (-5, 50, 20, 16))  # no warning either
    assert tracker.targets[0].box.tolist() == [4.5, 57.5, 20, 16]
    with pytest.raises(LockonError, match="lies outside the frame"):
        tracker.init(NOISE, (-50, 50, 20, 16))


def test_absence_and_growth_turned_off_follow_every_box() -> None:
    tracker = make(with_states(absent_score=0.0, search_growth=1.0))
    tracker.init(scene((60, 50, 20, 16, RED)), (60, 50, 20, 16))
    sides = []
    for _ in range(8):
        sides.append(_next_side(tracker))
        result = tracker.track(scene())
    assert result.state == "lost"
    boxes = [target.box for target in tracker.targets]
    assert not np.allclose(boxes[0], [70, 58, 20, 16]), "the box follows what the network finds"
    assert sides[-1] == pytest.approx(3.75 * np.sqrt(np.prod(boxes[0][2:])), rel=0.2)


class Masked(Centred):
    """Has a mask of ones at every candidate, and remembers which were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []

    def __call__(self, template, images):
        prediction = super().__call__(template, images)
        prediction.logits[:, 44] = 5.0  # row 5, column 4
        return prediction

    def mask(self, prediction, index):
        self.asked += index.tolist()
        return np.ones((len(index), 32, 32), np.float32)


def test_masks_come_from_the_chosen_candidate() -> None:
    config = dataclasses.replace(CONTINUOUS, mask=MaskConfig(stride=16.0, offset=-8.0))
    model = Masked()
    tracker = NetworkTracker(model, config)
    tracker.init(NOISE, (60, 50, 20, 20))
    box = tracker.targets[0].box
    result = tracker.track(NOISE)
    assert model.asked == [44]
    crop = Crop.with_context(box, 2.0, 128)
    expected = paste_patch(np.ones((32, 32)), crop, 5, 4, size=(160, 120), config=config.mask)
    assert result.mask is not None
    assert expected.any()
    np.testing.assert_array_equal(result.mask, expected)
    tracker.init(NOISE, [(60, 50, 20, 20), (30, 30, 20, 20)])
    both = tracker.track(NOISE)
    assert both.mask is not None
    assert both.mask.shape == (2, 120, 160)
    np.testing.assert_array_equal(both.mask[0], expected)


def test_borders_are_those_of_the_rules() -> None:
    """Template black, search region the outermost pixels: the target is as large as the frame, so both crops reach far outside."""
    model, white = Centred(), np.full((120, 160, 3), 255, np.uint8)
    crops = {"template_crop": AreaRule(factor=2.0, border=Zero()), "search_crop": AreaRule(factor=4.0, border=Replicate())}
    tracker = NetworkTracker(model, dataclasses.replace(CONTINUOUS, **crops))
    tracker.init(white, (10, 10, 140, 100))
    assert tracker.targets[0].border_color is None
    tracker.track(white)
    assert model.templates[0][0, 0, 0].tolist() == [0, 0, 0]
    assert (model.templates[0][0, 12:20, 12:20] == 255).all()
    assert (model.searches[0] == 255).all()
    (elsewhere,) = (tracker.placed(target, white, np.array([1.0, 2, 30, 40])) for target in tracker.targets)
    assert elsewhere.border_color is None


def test_rules_that_stay_inside_know_the_frame() -> None:
    """The target is in the corner, the search window of 80 pixels lies in the frame; and boxes are mapped back from where it lies."""
    model = Centred()
    rule = PytrackingRule(factor=4.0, inside=InsideMajor())
    tracker = NetworkTracker(model, dataclasses.replace(CONTINUOUS, search_crop=rule))
    tracker.init(NOISE, (0, 0, 20, 20))
    (output,) = (tracker.search([NOISE], [target]) for target in tracker.targets)
    assert (output.crops.center.tolist(), output.crops.side.tolist()) == ([[40, 40]], [80])
    result = tracker.track(NOISE)  # the network says 55.5, 51.5, 71.5, 75.5 of 128
    np.testing.assert_allclose(result.box, np.array([55.5, 51.5, 16, 24]) * 80 / 128)


def test_no_masks_where_none_are_wanted_or_made() -> None:
    for model, mask in ((Masked(), None), (Centred(), MaskConfig())):
        tracker = NetworkTracker(model, dataclasses.replace(PYSOT, mask=mask))
        tracker.init(NOISE, (60, 50, 20, 20))
        assert tracker.track(NOISE).mask is None


def test_score_maps_are_kept_on_demand() -> None:
    tracker = make()
    frame = scene((60, 50, 20, 16, RED))
    tracker.init(frame, (60, 50, 20, 16))
    tracker.track(frame)
    assert tracker.score_maps == ()
    tracker.keep_scores = True
    tracker.init(frame, (60, 50, 20, 16))
    assert tracker.score_maps == ()
    tracker.track(scene((66, 50, 20, 16, RED)))
    (scores,) = tracker.score_maps
    assert scores.scores.shape == (GRID, GRID)
    assert np.unravel_index(scores.scores.argmax(), (GRID, GRID)) == (3, 3)  # candidate 27
    assert scores.scores.max() == pytest.approx(1 / (1 + np.exp(-4)))
    assert scores.crop.center.tolist() == [70, 58]  # where it was searched, not where it was found
    assert scores.stride == 128 / GRID


def test_anchors_that_do_not_fit_the_network() -> None:
    tracker = make(dataclasses.replace(CONFIG, localizer=LocalizerConfig(anchors=5)))
    tracker.init(scene(), (60, 50, 20, 16))
    with pytest.raises(LockonError, match="64 candidates are not 5 per point"):
        tracker.track(scene())


def test_what_a_weight_file_does_not_name_is_the_default() -> None:
    """A header with a few names gives continuous crops by the area rule, one anchor, and no masks."""
    named = {"search_crop.factor": 4.0, "localizer.rank.window_influence": 0.2, "calibration.scale": 1.5, "states.absent_score": 0.1}
    config = apply_overrides(TrackerConfig(), named)
    assert (config.template_crop, config.search_crop) == (AreaRule(factor=1.875), AreaRule(factor=4.0))
    assert (config.start, config.stride, config.mask) == (ClippedStart(), None, None)
    assert (config.localizer.anchors, config.localizer.rank.zero_border) == (1, False)
    window = config.search_crop(np.array([[50.0, 40, 20, 30]]), 224)
    assert (type(window), window.middle, window.side.tolist()) == (Crop, None, [4 * np.sqrt(600)])


def test_moved_targets_go_on_from_there() -> None:
    """The target is out of reach of the search region until the tracker is moved."""
    tracker = make()
    tracker.init(scene((20, 20, 20, 16, RED)), (20, 20, 20, 16))
    away = scene((130, 90, 20, 16, RED))
    assert tracker.track(away).state == "uncertain"
    tracker.move((128, 88, 20, 16))
    np.testing.assert_allclose(tracker.track(away).box, [130, 90, 20, 16], atol=1)


def test_moving_one_of_several_and_into_the_frame() -> None:
    tracker = make()
    tracker.init(scene(), [(20, 20, 20, 16), (60, 60, 10, 10)])
    still = tracker.targets[1]
    tracker.move([(-50, 20, 20, 1), (np.nan, 0, 5, 5)])
    assert tracker.targets[0].box.tolist() == [0, 20.5, 20, CONFIG.states.min_size]
    assert tracker.targets[1] is still


def test_the_trusted_box_moves_along_where_it_is_the_last_one() -> None:
    tracker = make(with_states(absent_score=0.05, lost_after=1))
    tracker.init(scene((60, 50, 20, 16, RED)), (60, 50, 20, 16))
    tracker.track(scene((60, 50, 20, 16, RED)))
    tracker.move((30, 30, 20, 20))
    empty = scene()
    for _ in range(4):  # nothing there: after `lost_after` of them it is held where it was moved to
        result = tracker.track(empty)
    np.testing.assert_allclose(result.box, [30, 30, 20, 20], atol=1e-9)


def test_moving_mistakes() -> None:
    tracker = make()
    with pytest.raises(LockonError, match=r"move\(\) with boxes of shape \(1, 4\) for 0 targets"):
        tracker.move((1, 2, 3, 4))
    tracker.init(scene(), (60, 50, 20, 16))
    with pytest.raises(LockonError, match="for 1 targets; call it after"):
        tracker.move([(1, 2, 3, 4)] * 2)
    with pytest.raises(LockonError, match=r"boxes have the shape \(3,\); expected \(4,\) or \(n, 4\)"):
        tracker.move((1, 2, 3))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"localizer.anchors": 0}, "localizer.anchors=0 given, expected 1 to 1000"),
        ({"localizer.size_lr": 5}, "size_lr=5 given, expected 0 to 1"),
        ({"localizer.rank.window_influence": -1}, "window_influence=-1 given, expected 0 to 1"),
        ({"localizer.boxes": "mean-ranked", "localizer.boxes.top": 0}, "top=0 given, expected 1 to 100000"),
        ({"states.lost": 2}, "lost=2 given, expected 0 to 1"),
        ({"states.max_growth": 0}, "max_growth=0 given, expected 1 to 100"),
        ({"search_crop.factor": 0}, "factor=0 given, expected 0.01 to 100"),
        ({"mask": "mask-config", "mask.threshold": 1.5}, "mask.threshold=1.5 given, expected 0 to 1"),
        ({"mask": "mask-config", "mask.stride": 0}, "mask.stride=0 given, expected 0.1 to 1000"),
        ({"mask": "mask-config", "mask.offset": 1e5}, "mask.offset=100000 given, expected -10000 to 10000"),
        ({"mask": "mask-config", "mask.stride": "wide"}, r"mask.stride must be a number \(0.1 to 1000\), got 'wide'"),
        ({"search_crop.factor": -4}, "factor=-4 given"),
        ({"search_crop.min_side": 0}, "min_side=0 given, expected 0.01 to 10000"),
    ],
)
def test_numbers_that_make_no_sense_are_refused_before_a_frame_is_seen(changes: dict[str, object], message: str) -> None:
    with pytest.raises(LockonError, match=message):
        apply_overrides(TrackerConfig(), changes)


class BrokenModel(BlobModel):
    """Answers with `value` in the place of everything in the named output, from the third search on."""

    def __init__(self, output: str, value: float) -> None:
        super().__init__()
        self.output, self.value = output, value

    def __call__(self, template, images):
        prediction = super().__call__(template, images)
        if self.searched > 2:
            getattr(prediction, self.output)[:] = self.value
        return prediction


@pytest.mark.parametrize("rule", ["best", "mean-near", "mean-ranked"])
@pytest.mark.parametrize(("output", "value"), [("logits", np.nan), ("boxes", np.nan), ("boxes", np.inf), ("boxes", -np.inf)])
def test_answers_that_are_no_numbers_hold_the_target_and_are_told_once(output: str, value: float, rule: str) -> None:
    tracker = NetworkTracker(BrokenModel(output, value), apply_overrides(CONFIG, {"localizer.boxes": rule}))
    tracker.init(scene((60, 50, 20, 16, RED)), (60, 50, 20, 16))
    for _ in range(2):
        before = tracker.track(scene((60, 50, 20, 16, RED)))
    with pytest.warns(LockonWarning, match="frame 3: the network's answer is not finite") as caught:
        found = [tracker.track(scene((60, 50, 20, 16, RED))) for _ in range(3)]
    assert len(caught) == 1
    for result in found:
        assert (result.state, result.score, result.box.tolist()) == ("lost", 0.0, before.box.tolist())


def test_one_broken_answer_loses_nothing() -> None:
    tracker = NetworkTracker(BrokenModel("boxes", np.nan), CONFIG)
    tracker.init(scene((60, 50, 20, 16, RED)), (60, 50, 20, 16))
    for _ in range(2):
        tracker.track(scene((60, 50, 20, 16, RED)))
    with pytest.warns(LockonWarning):
        tracker.track(scene((60, 50, 20, 16, RED)))
    tracker.model.value = 0.0
    tracker.model.output, tracker.model.searched = "logits", 0
    assert tracker.track(scene((62, 50, 20, 16, RED))).state == "tracked"


def test_coarse_to_fine_holds_the_target_too() -> None:
    config = apply_overrides(CONFIG, {"localizer.place": "coarse-to-fine", "localizer.place.stride": 16, "localizer.place.first": 8})
    tracker = NetworkTracker(BrokenModel("logits", np.nan), config)
    tracker.init(scene((60, 50, 20, 16, RED)), (60, 50, 20, 16))
    for _ in range(2):
        before = tracker.track(scene((60, 50, 20, 16, RED)))
    with pytest.warns(LockonWarning, match="not finite"):
        result = tracker.track(scene((60, 50, 20, 16, RED)))
    assert (result.state, result.box.tolist()) == ("lost", before.box.tolist())


def paths(kind: type, prefix: str = "", taken: tuple[tuple[str, str], ...] = ()) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """Every number of a configuration that --set reaches, with the parts that must be taken for it."""
    hints, found = typing.get_type_hints(kind), []
    for item in dataclasses.fields(kind):
        options = [one for one in (typing.get_args(hints[item.name]) or (hints[item.name],)) if isinstance(one, type)]
        if {int, float} & set(options):
            found.append((f"{prefix}{item.name}", taken))
        for one in [one for one in options if dataclasses.is_dataclass(one)]:
            choice = ((f"{prefix}{item.name}", part_name(one)),) if len(options) > 1 else ()
            found += paths(one, f"{prefix}{item.name}.", (*taken, *choice))
    return found


NUMBERS = list(dict.fromkeys(paths(TrackerConfig)))


def test_all_numbers_of_a_tracker_are_known() -> None:
    assert len(NUMBERS) > 40
    assert {"calibration.scale", "states.min_size", "search_crop.factor", "localizer.score.quality", "mask.threshold"} <= {
        name for name, _ in NUMBERS
    }


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e300", "1e308", "-1", "0", "1" + "0" * 400])
@pytest.mark.parametrize(("name", "taken"), NUMBERS)
def test_every_setting_is_refused_or_tracks_without_nan(name: str, taken: tuple[tuple[str, str], ...], value: str) -> None:
    try:
        config = apply_in_order(CONFIG, *({path: part} for path, part in taken), {name: value})
    except LockonError as error:
        message = str(error)
        assert "\n" not in message
        assert "expected" in message or "must be" in message
        return
    assert value in ("0", "-1"), f"{name}={value} is accepted"
    tracker = make(config)
    tracker.init(scene((60, 50, 20, 16, RED)), (60, 50, 20, 16))
    for x in (62, 64, 300):
        result = tracker.track(scene((x, 50, 20, 16, RED)))
        assert np.isfinite(result.box).all()
        assert 0 <= result.score <= 1


def test_a_target_can_be_lost_for_long() -> None:
    tracker = make(with_states(search_growth=1.05, max_growth=1.5))
    tracker.init(scene((60, 50, 20, 16, RED)), (60, 50, 20, 16))
    (target,) = tracker.targets
    assert tracker.config.states.growth(dataclasses.replace(target, low=10**6)) == 1.5
