"""`OnlineTracker` around a small NumPy network: it follows, in batches as alone, and never returns a box that is not a number."""

from __future__ import annotations

import copy
import itertools
import pickle
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import colored_videos
import moving_square
from colored_network import ColoredNetwork
from lockon.analysis.score import analyze_score
from lockon.config import apply_overrides
from lockon.driver import Request, drive_together
from lockon.errors import LockonError, LockonWarning
from lockon.localizers.peaks import SecondPeak
from lockon.online.config import OnlineConfig
from lockon.online.dimp import DiMPLearner
from lockon.online.memory import MemoryRule
from lockon.online.target import OnlineTarget
from lockon.online.tracker import OnlineTracker
from lockon.online.views import ViewPlan
from lockon.ops.boxes import iou_xywh
from lockon.session import ScoreMapSource, SteppedTracker
from lockon.target import StatePolicy
from lockon.tracker import Calibration

CONFIG = OnlineConfig(
    learner=DiMPLearner(first_steps=5, every=4, memory=MemoryRule(capacity=20)),
    localization=SecondPeak(not_found=0.15),
    calibration=Calibration(scale=10.0, bias=-2.0),
    states=StatePolicy(absent_score=0.0, search_growth=1.0, lost_after=2),
)
FRAMES = [moving_square.picture(number) for number in range(13)]
BOXES = np.array([moving_square.box_of(number) for number in range(13)], dtype=np.float64)


def tracker(network: ColoredNetwork | None = None, **changes: Any) -> OnlineTracker:
    return OnlineTracker(network or ColoredNetwork(), apply_overrides(CONFIG, changes))


def run(made: OnlineTracker, target: OnlineTarget, frames: list[np.ndarray]) -> list[OnlineTarget]:
    targets = [target]
    for frame in frames:
        targets += made.step([frame], [targets[-1]])
    return targets


def same(one: OnlineTarget, other: OnlineTarget, atol: float = 0.0) -> None:
    np.testing.assert_allclose(one.box, other.box, atol=atol, rtol=0)
    assert one.learned is not None
    assert other.learned is not None
    np.testing.assert_allclose(one.learned.filter, other.learned.filter, atol=max(atol, 1e-6) if atol else 0, rtol=0)
    np.testing.assert_allclose(one.learned.memory.weights, other.learned.memory.weights)
    assert (one.state, one.frame, one.learned.memory.last) == (other.state, other.frame, other.learned.memory.last)


def test_a_moving_square_is_followed_and_learnt() -> None:
    made = tracker()
    made.init(FRAMES[0], BOXES[0])
    for number in range(1, 13):
        result = made.track(FRAMES[number])
        assert float(iou_xywh(result.box, BOXES[number])) > 0.7, number
        assert (result.state, 0 <= float(result.score) <= 1) == ("tracked", True)
    (target,) = made.targets
    assert target.learned is not None
    assert len(target.learned.memory.samples) == 20
    assert target.learned.memory.stored == 12


def test_it_is_what_the_rest_of_the_library_asks_for() -> None:
    assert isinstance(tracker(), SteppedTracker)
    assert isinstance(tracker(), ScoreMapSource)


@pytest.mark.parametrize("count", [1, 4, 16])
def test_targets_in_one_batch_are_tracked_as_alone(count: int) -> None:
    """Each has a video of its own: the frames are mirrored, and the start boxes differ."""
    made = tracker()
    flipped = [[frame[:, ::-1] if i % 2 else frame for frame in FRAMES] for i in range(count)]
    boxes = [BOXES[0] + [0, 0, i % 3, 0] for i in range(count)]
    boxes = [np.array([160 - x - w, y, w, h]) if i % 2 else np.array([x, y, w, h]) for i, (x, y, w, h) in enumerate(boxes)]
    starts = [made.start(video[0], box, seed=i)[0] for i, (video, box) in enumerate(zip(flipped, boxes, strict=True))]
    together = starts
    for number in range(1, 7):
        together = made.step([video[number] for video in flipped], together)
    for start, video, last in zip(starts, flipped, together, strict=True):
        same(run(made, start, video[1:7])[-1], last, atol=1e-3)


def test_several_targets_of_one_frame_start_as_alone() -> None:
    made = tracker()
    for one, box in zip(made.start(FRAMES[0], BOXES[:3], seed=3), BOXES[:3], strict=True):
        same(one, made.start(FRAMES[0], box, seed=3)[0], atol=1e-5)


def test_lockstep_over_videos_gives_the_boxes_of_each_alone() -> None:
    def episode(shift: int) -> Any:
        boxes = []
        yield Request(lambda: FRAMES[shift], BOXES[shift], seed=shift)
        for number in range(shift + 1, shift + 6):
            output = yield Request(lambda number=number: FRAMES[number])
            boxes.append(output.box)
        return np.stack(boxes)

    together = dict(drive_together(tracker(), [episode(shift) for shift in range(4)], 3))
    alone = dict(drive_together(tracker(), [episode(shift) for shift in range(4)], 1))
    for shift in range(4):
        np.testing.assert_allclose(together[shift], alone[shift], atol=1e-3)


def test_targets_are_values() -> None:
    """An old one goes on as it did; a copy or a pickled one as the original."""
    made = tracker()
    (start,) = made.start(FRAMES[0], BOXES[0])
    first = run(made, start, FRAMES[1:7])
    for other in (start, copy.deepcopy(start), pickle.loads(pickle.dumps(start))):
        for one, again in zip(first, run(made, other, FRAMES[1:7]), strict=True):
            same(one, again)
    middle = pickle.loads(pickle.dumps(first[3]))
    same(first[6], run(tracker(), middle, FRAMES[4:7])[-1])
    with pytest.raises(AttributeError):
        start.extent = 1.0  # type: ignore[misc]


def test_the_seed_decides_about_the_boxes() -> None:
    made = tracker()
    boxes = [run(made, made.start(FRAMES[0], BOXES[0], seed=seed)[0], FRAMES[1:4])[-1].box for seed in (1, 1, 2)]
    assert boxes[0].tolist() == boxes[1].tolist() != boxes[2].tolist()


def test_moved_replaces_box_and_scale_and_keeps_what_was_learnt() -> None:
    made = tracker()
    (start,) = made.start(FRAMES[0], BOXES[0])
    moved = made.moved(start, np.array([50.0, 40, 20, 45]))
    assert moved.box.tolist() == [60, 62.5, 20, 45]
    assert moved.extent == 30
    assert moved.learned is start.learned
    assert moved.template is start.template
    assert start.extent == pytest.approx(np.sqrt(28 * 22))
    (back,) = made.step([FRAMES[4]], [made.moved(start, BOXES[4] + 2)])
    assert float(iou_xywh(np.r_[back.box[:2] - back.box[2:] / 2, back.box[2:]], BOXES[4])) > 0.7


def test_score_maps_are_kept_where_they_are_wanted() -> None:
    made = tracker()
    assert made.score_maps == ()
    made.keep_scores = True
    made.init(FRAMES[0], BOXES[0])
    made.track(FRAMES[1])
    (kept,) = made.score_maps
    assert (kept.scores.shape, kept.stride) == ((11, 11), 16)
    assert kept.scores.min() >= 0
    assert kept.scores.max() <= 1
    peak = kept.points()[np.unravel_index(kept.scores.argmax(), kept.scores.shape)]
    assert np.abs(peak - (BOXES[1][:2] + BOXES[1][2:] / 2)).max() < 16


@pytest.mark.parametrize("boxes_only", [False, True])
def test_features_that_are_no_numbers_hold_the_target_and_are_told_once(boxes_only: bool) -> None:
    network = ColoredNetwork(broken_after=3, broken_boxes=boxes_only)
    made = tracker(network)
    targets = run(made, made.start(FRAMES[0], BOXES[0])[0], FRAMES[1:3])
    with pytest.warns(LockonWarning, match="not finite, so the target is held") as told:
        targets += run(made, targets[-1], FRAMES[3:6])[1:]
    assert len(told) == 1
    for target in targets[3:]:
        assert (target.state, target.score) == ("lost", 0.0)
        assert target.box.tolist() == targets[2].box.tolist()
        assert target.learned is targets[2].learned
    network.broken_after = None
    (found,) = made.step([FRAMES[3]], [targets[-1]])
    assert found.state == "tracked"


def test_one_target_without_an_answer_does_not_touch_the_others() -> None:
    made = tracker()
    (start,) = made.start(FRAMES[0], BOXES[0])
    assert start.learned is not None
    bad = replace(start, learned=replace(start.learned, filter=np.full_like(start.learned.filter, np.nan)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LockonWarning)
        held, found = made.step([FRAMES[1], FRAMES[1]], [bad, start])
    assert held.state == "lost"
    same(found, made.step([FRAMES[1]], [start])[0], atol=1e-5)


def test_a_first_frame_without_numbers_is_refused() -> None:
    with pytest.raises(LockonError, match="no finite filter: its weights are broken"):
        tracker(ColoredNetwork(broken_after=0)).start(FRAMES[0], BOXES[0])


BLANK = np.full((120, 160, 3), 128, np.uint8)


@pytest.mark.parametrize("first", [BLANK, BLANK * 0, FRAMES[0]], ids=["grey", "black", "picture"])
@pytest.mark.parametrize("box", [(70, 50, 28, 22), (80, 60, 1, 1), (20, 60, 100, 1), (0, 0, 160, 120), (-300, -200, 900, 700)], ids=str)
def test_odd_targets_give_numbers(first: np.ndarray, box: tuple[int, ...]) -> None:
    """One colour, less than a cell, the whole frame and more: boxes stay in the frame, and states are said."""
    made = tracker()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LockonWarning)  # that a box is clipped
        (begun,) = made.start(first, box)
    for target in run(made, begun, [first, FRAMES[5], BLANK, FRAMES[6]])[1:]:
        assert np.isfinite(target.box).all()
        assert (target.box[2:] > 0).all()
        assert ((target.box[:2] >= 0) & (target.box[:2] <= (160, 120))).all()
        assert 0 <= target.score <= 1
        assert target.state in ("tracked", "uncertain", "lost")
        assert target.learned is not None
        assert np.isfinite(target.learned.filter).all()


def test_a_target_that_is_gone_is_not_found_and_nothing_is_learnt() -> None:
    made = tracker()
    (start,) = made.start(FRAMES[0], BOXES[0])
    targets = run(made, start, [BLANK] * 4)
    assert [target.state for target in targets[1:]] == ["uncertain", "uncertain", "lost", "lost"]
    for target in targets[1:]:
        assert target.box.tolist() == start.box.tolist()
        assert target.learned is start.learned
    (found,) = made.step([FRAMES[1]], [targets[-1]])
    assert found.state == "tracked"


def test_memory_is_bounded_by_the_capacity() -> None:
    made = tracker()
    target = run(made, made.start(FRAMES[0], BOXES[0])[0], FRAMES[1:] * 2)[-1]
    assert target.learned is not None
    memory = target.learned.memory
    assert len(memory.samples) == len(memory.targets) == len(memory.weights) == 20
    size = len(pickle.dumps(target))
    assert size < 2 * 20 * memory.samples[0].nbytes + 20_000
    assert all(sample.base is None for sample in memory.samples), "rows of batches would keep the batches alive"


def test_updates_are_done_when_they_are_due() -> None:
    """Every fourth frame; a filter is the same value until then."""
    made = tracker()
    targets = run(made, made.start(FRAMES[0], BOXES[0])[0], FRAMES[1:9])
    filters = [target.learned.filter for target in targets if target.learned is not None]
    assert [one is not other for one, other in itertools.pairwise(filters)] == [n % 4 == 0 for n in range(1, 9)]


def test_frames_of_another_size_are_refused() -> None:
    made = tracker()
    made.init(FRAMES[0], BOXES[0])
    with pytest.raises(LockonError, match="frame of 100x120 pixels, but tracking began on 160x120"):
        made.track(FRAMES[1][:, :100])


def test_plain_views_are_enough() -> None:
    made = OnlineTracker(ColoredNetwork(), replace(CONFIG, views=ViewPlan(shifts=(), flip=False, blurs=(), rotations=(), dropped=0)))
    last = run(made, made.start(FRAMES[0], BOXES[0])[0], FRAMES[1:6])[-1]
    assert float(iou_xywh(np.r_[last.box[:2] - last.box[2:] / 2, last.box[2:]], BOXES[5])) > 0.7


@pytest.mark.parametrize(("field", "value"), [("inside", 1.5), ("search_size", 100), ("search_size", 10_000)])
def test_numbers_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(LockonError, match=field):
        OnlineConfig(**{field: value})  # type: ignore[arg-type]


def test_without_a_refinement_the_box_keeps_its_size() -> None:
    """Its centre is that of the response's peak, a cell of 16 crop pixels wide at the finest."""
    made = tracker(refinement="none")
    made.init(FRAMES[0], BOXES[0])
    for number in range(1, 13):
        result = made.track(FRAMES[number])
        assert result.box[2:].tolist() == BOXES[0][2:].tolist()
        assert float(iou_xywh(result.box, BOXES[number])) > 0.3, number


def test_the_same_network_with_other_parameters() -> None:
    made = tracker()
    other = made.with_config(replace(CONFIG, calibration=Calibration(scale=1.0)))
    assert (other.network, other.draws) == (made.network, made.draws)
    assert other.config.calibration.scale == 1.0
    assert made.config is CONFIG or made.config == CONFIG


def test_a_target_is_searched_in_another_video_with_what_it_has_learnt() -> None:
    made = tracker()
    (target,) = made.start(FRAMES[0], BOXES[0])
    larger = np.pad(FRAMES[3], ((20, 10), (30, 0), (0, 0)), mode="edge")
    box = BOXES[3] + [30, 20, 0, 0]
    placed = made.placed(target, larger, box)
    assert placed.learned is target.learned
    assert placed.size == larger.shape[1::-1]
    assert placed.extent == pytest.approx(np.sqrt(box[2] * box[3]))
    (found,) = made.step([larger], [placed])
    assert iou_xywh(found.result.box, box) > 0.5
    assert found.state == "tracked"


def test_its_score_can_be_calibrated() -> None:
    colors = {"red": colored_videos.RED, "green": colored_videos.GREEN, "blue": colored_videos.BLUE}
    videos = [colored_videos.video(name, color, masks=name == "red") for name, color in colors.items()]
    report = analyze_score(tracker(), videos, 0, lambda name, total: lambda count: None)
    assert isinstance(report.config, OnlineConfig)
    assert report.config.calibration.scale > 0
    assert replace(report.config, calibration=CONFIG.calibration, states=CONFIG.states) == CONFIG
    assert report.metrics["overlap"]["frames"] == sum(len(one) - 1 for one in videos)
    assert report.metrics["absence"]["composites"]["videos"] > 0


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_any_search_area_that_a_crop_may_have_can_be_learnt_though_views_are_cut_from_a_wider_patch(factor: float) -> None:
    made = tracker(**{"search_crop.factor": factor})
    (target,) = made.start(FRAMES[0], BOXES[0])
    assert np.isfinite(made.step([FRAMES[1]], [target])[0].box).all()
