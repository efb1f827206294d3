"""`DualModalTracker` around a small NumPy network: what it shares with `NetworkTracker`, what it learns, and when it does not."""

from __future__ import annotations

import copy
import itertools
import pickle
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from colored_dual_modal import ColoredDualModal

import colored_videos
import moving_square
from lockon.analysis.score import analyze_score
from lockon.config import apply_overrides
from lockon.driver import Request, drive_together
from lockon.errors import LockonError, LockonWarning
from lockon.localizers.peaks import LargestPeak, SecondPeak
from lockon.localizers.rank import Blend
from lockon.online.dimp import DiMPLearner
from lockon.online.dual_modal import DualModalConfig, DualModalTarget, DualModalTracker
from lockon.online.labels import AnchorLabels, DistanceLabels
from lockon.online.memory import MemoryRule
from lockon.online.views import ViewPlan
from lockon.ops.boxes import iou_xywh, xywh_to_cxcywh
from lockon.ops.crop_rules import AreaRule, ContextRule, PysotRule
from lockon.session import ScoreMapSource, SteppedTracker
from lockon.target import StatePolicy
from lockon.tracker import CandidateTracker, NetworkTracker, TrackerConfig

LEARNER = DiMPLearner(
    labels=DistanceLabels(stride=16.0, first=8.0), first_steps=5, every=4, memory=MemoryRule(capacity=20), rate=0.1, hard_negative_rate=0.2
)
CONFIG = DualModalConfig(
    learner=LEARNER,
    localization=SecondPeak(not_found=0.15),
    states=StatePolicy(tracked=0.3, lost=0.15, absent_score=0.0, search_growth=1.0, lost_after=2),
)
ANCHORED = replace(LEARNER, labels=AnchorLabels(shapes=((80.0, 24.0), (48, 48), (24, 80)), stride=16, first=8))
FRAMES = [moving_square.picture(number) for number in range(13)]
BOXES = np.array([moving_square.box_of(number) for number in range(13)], dtype=np.float64)
BLANK = np.full((120, 160, 3), 128, np.uint8)


def tracker(network: ColoredDualModal | None = None, **changes: Any) -> DualModalTracker:
    return DualModalTracker(network or ColoredDualModal(), apply_overrides(CONFIG, changes))


def run(made: DualModalTracker, target: DualModalTarget, frames: list[np.ndarray]) -> list[DualModalTarget]:
    targets = [target]
    for frame in frames:
        targets += made.step([frame], [targets[-1]])
    return targets


def same(one: DualModalTarget, other: DualModalTarget, atol: float = 0.0) -> None:
    np.testing.assert_allclose(one.base.box, other.base.box, atol=atol, rtol=0)
    assert one.learned is not None
    assert other.learned is not None
    np.testing.assert_allclose(one.learned.filter, other.learned.filter, atol=max(atol, 1e-6) if atol else 0, rtol=0)
    np.testing.assert_allclose(one.learned.memory.weights, other.learned.memory.weights)
    assert (one.base.state, one.base.frame, one.learned.memory.last) == (other.base.state, other.base.frame, other.learned.memory.last)


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


def test_three_filters_for_three_anchors_are_learnt_by_overlap() -> None:
    network = ColoredDualModal(anchors=3, filters=3)
    made = DualModalTracker(network, apply_overrides(replace(CONFIG, learner=ANCHORED), {"localizer.anchors": 3}))
    last = run(made, made.start(FRAMES[0], BOXES[0])[0], FRAMES[1:])[-1]
    assert float(iou_xywh(last.result.box, BOXES[12])) > 0.7
    assert last.learned is not None
    assert last.learned.filter.shape == (3, 4, 5, 5)
    assert not np.array_equal(last.learned.filter[0], last.learned.filter[1])


def test_one_filter_answers_for_all_anchors() -> None:
    made = DualModalTracker(ColoredDualModal(anchors=3), apply_overrides(CONFIG, {"localizer.anchors": 3}))
    targets = made.start(FRAMES[0], BOXES[0])
    seen = made.search([FRAMES[1]], targets)
    assert seen.prediction.extras["online"].shape == (1, 100)
    assert seen.localization.scores.shape == (1, 300)
    assert np.array_equal(seen.localization.scores[:, :100], seen.localization.scores[:, 100:200])


def test_it_is_what_the_rest_of_the_library_asks_for() -> None:
    assert isinstance(tracker(), SteppedTracker)
    assert isinstance(tracker(), ScoreMapSource)
    assert isinstance(tracker(), CandidateTracker)


@pytest.mark.parametrize("modal", [True, False])
def test_without_a_share_of_the_score_it_is_the_plain_tracker_to_the_bit(modal: bool) -> None:
    config = apply_overrides(CONFIG, {"localizer.score.mu": 0.0 if modal else 0.8})
    made = DualModalTracker(ColoredDualModal(modal=modal), config)
    plain = NetworkTracker(ColoredDualModal(modal=modal), config)
    (ours,), (theirs,) = made.start(FRAMES[0], BOXES[0]), plain.start(FRAMES[0], BOXES[0])
    for frame in FRAMES[1:]:
        (ours,), (theirs,) = made.step([frame], [ours]), plain.step([frame], [theirs])
        assert ours.base.box.tobytes() == theirs.box.tobytes()
        assert (ours.base.score, ours.base.state) == (theirs.score, theirs.state)
    assert (ours.learned is None) == (not modal)


def test_without_a_learner_nothing_is_learnt() -> None:
    made = tracker(learner="none")
    target = run(made, made.start(FRAMES[0], BOXES[0])[0], FRAMES[1:4])[-1]
    assert target.learned is None
    assert "online" not in made.search([FRAMES[4]], [target]).prediction.extras


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
        start.learned = None  # type: ignore[misc]


def test_the_seed_decides_about_the_filter() -> None:
    made = tracker()
    filters = [made.start(FRAMES[0], BOXES[0], seed=seed)[0].learned.filter.tolist() for seed in (1, 1, 2)]  # type: ignore[union-attr]
    assert filters[0] == filters[1] != filters[2]


def test_moved_replaces_the_box_and_keeps_what_was_learnt() -> None:
    made = tracker()
    (start,) = made.start(FRAMES[0], BOXES[0])
    moved = made.moved(start, np.array([50.0, 40, 20, 45]))
    assert moved.base.box.tolist() == [60, 62.5, 20, 45]
    assert moved.learned is start.learned
    assert moved.base.template is start.base.template
    (back,) = made.step([FRAMES[4]], [made.moved(start, BOXES[4] + 2)])
    assert float(iou_xywh(back.result.box, BOXES[4])) > 0.7


def test_score_maps_are_kept_where_they_are_wanted() -> None:
    made = tracker()
    assert made.score_maps == ()
    assert not made.keep_scores
    made.keep_scores = True
    made.init(FRAMES[0], BOXES[0])
    made.track(FRAMES[1])
    (kept,) = made.score_maps
    assert (kept.scores.shape, kept.stride) == ((10, 10), 16)
    peak = kept.points()[np.unravel_index(kept.scores.argmax(), kept.scores.shape)]
    assert np.abs(peak - (BOXES[1][:2] + BOXES[1][2:] / 2)).max() < 16


def test_features_that_are_no_numbers_leave_the_matching_and_teach_nothing() -> None:
    network = ColoredDualModal(broken_after=3)
    made = tracker(network)
    targets = run(made, made.start(FRAMES[0], BOXES[0])[0], FRAMES[1:3])
    broken = run(made, targets[-1], FRAMES[3:6])
    plain = NetworkTracker(ColoredDualModal(), made.config)
    matched = [targets[-1].base]
    for frame in FRAMES[3:6]:
        matched += plain.step([frame], [matched[-1]])
    for one, other in zip(broken[1:], matched[1:], strict=True):
        assert one.base.box.tobytes() == other.box.tobytes()
        assert (one.base.state, one.learned) == ("tracked", targets[-1].learned)
    network.broken_after = None
    (found,) = made.step([FRAMES[6]], [broken[-1]])
    assert found.learned is not targets[-1].learned


def test_one_target_without_an_answer_does_not_touch_the_others() -> None:
    made = tracker()
    (start,) = made.start(FRAMES[0], BOXES[0])
    assert start.learned is not None
    bad = replace(start, learned=replace(start.learned, filter=np.full_like(start.learned.filter, np.nan)))
    matched, found = made.step([FRAMES[1], FRAMES[1]], [bad, start])
    assert matched.learned is bad.learned
    assert matched.base.state == "tracked"
    same(found, made.step([FRAMES[1]], [start])[0], atol=1e-5)


def test_a_first_frame_without_numbers_is_refused() -> None:
    with pytest.raises(LockonError, match="no finite filter: its weights are broken"):
        tracker(ColoredDualModal(broken_after=0)).start(FRAMES[0], BOXES[0])


@pytest.mark.parametrize(("filters", "learner"), [(3, LEARNER), (1, ANCHORED), (5, ANCHORED)])
def test_labels_for_another_number_of_filters_are_refused(filters: int, learner: DiMPLearner) -> None:
    made = DualModalTracker(ColoredDualModal(filters=filters), replace(CONFIG, learner=learner))
    with pytest.raises(LockonError, match=f"learner.labels for {learner.labels.filters} filters given, but the network has {filters}"):
        made.start(FRAMES[0], BOXES[0])


@pytest.mark.parametrize("first", [BLANK, BLANK * 0, FRAMES[0]], ids=["grey", "black", "picture"])
@pytest.mark.parametrize("box", [(70, 50, 28, 22), (80, 60, 1, 1), (20, 60, 100, 1), (0, 0, 160, 120), (-300, -200, 900, 700)], ids=str)
def test_odd_targets_give_numbers(first: np.ndarray, box: tuple[int, ...]) -> None:
    """One colour, less than a cell, the whole frame and more: boxes stay in the frame, and states are said."""
    made = tracker()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LockonWarning)  # that a box is clipped
        (begun,) = made.start(first, box)
    for target in run(made, begun, [first, FRAMES[5], BLANK, FRAMES[6]])[1:]:
        assert np.isfinite(target.base.box).all()
        assert (target.base.box[2:] > 0).all()
        assert ((target.base.box[:2] >= 0) & (target.base.box[:2] <= (160, 120))).all()
        assert 0 <= target.base.score <= 1
        assert target.learned is not None
        assert np.isfinite(target.learned.filter).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"localization.not_found": 1000.0},  # nothing is found
        {"localization.distractor": 0.0, "localization.neighborhood": 0.0, "localization.displacement": 100.0},  # all is "uncertain"
        {"states.lost": 1.0, "states.tracked": 1.0, "states.lost_after": 0},  # all is "lost"
        {"states.lost": 1.0, "states.tracked": 1.0, "states.lost_after": 10},  # too low a score, though not yet "lost"
    ],
)
def test_doubtful_frames_are_not_learnt(changes: dict[str, Any]) -> None:
    made = tracker(**changes)
    (start,) = made.start(FRAMES[0], BOXES[0])
    for target in run(made, start, FRAMES[1:5]):
        assert target.learned is start.learned


def test_a_distractor_is_learnt_at_once_and_weighs_more() -> None:
    made = tracker(**{"localization.hard_negative": 0.0, "localization.not_found": -1000.0, "localization.distractor": 1000.0})
    (start,) = made.start(FRAMES[0], BOXES[0])
    (after,) = made.step([FRAMES[1]], [start])
    assert start.learned is not None
    assert after.learned is not None
    assert after.learned.filter is not start.learned.filter
    assert after.learned.memory.weights[-1] == pytest.approx(0.2 / (0.2 + 1 / 0.8))


def test_memory_is_bounded_by_the_capacity() -> None:
    made = tracker()
    target = run(made, made.start(FRAMES[0], BOXES[0])[0], FRAMES[1:] * 2)[-1]
    assert target.learned is not None
    memory = target.learned.memory
    assert len(memory.samples) == len(memory.targets) == len(memory.weights) == 20
    assert len(pickle.dumps(target)) < 2 * 20 * memory.samples[0].nbytes + 20_000
    assert all(sample.base is None for sample in memory.samples), "rows of batches would keep the batches alive"
    assert target.learned.filter.base is None


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


@pytest.mark.parametrize("margin", [0, 1, 2])
def test_responses_are_those_of_the_cells_of_the_candidates(margin: int) -> None:
    made = tracker(ColoredDualModal(margin=margin))
    whole = tracker()
    (start,) = made.start(FRAMES[0], BOXES[0])
    side = 10 - 2 * margin
    inner = made.search([FRAMES[1]], [start]).prediction.extras["online"].reshape(side, side)
    outer = whole.search([FRAMES[1]], [start]).prediction.extras["online"].reshape(10, 10)
    assert np.array_equal(inner, outer[margin : 10 - margin, margin : 10 - margin])


@pytest.mark.parametrize("rule", [AreaRule(factor=3.75), ContextRule(factor=2.0, pixel_centers=True), PysotRule(factor=2.0)], ids=repr)
def test_the_first_samples_are_learnt_where_the_target_is_in_them(rule: Any) -> None:
    """The yellow pixels of each plain or shifted view, counted from the corner, are the box that it is learnt with."""
    made = DualModalTracker(ColoredDualModal(), replace(CONFIG, search_crop=rule))
    kept = []

    class Watched(ColoredDualModal):
        def __call__(self, template: Any, images: np.ndarray) -> Any:
            kept.append(super().__call__(template, images).boxes[:, 0])
            return super().__call__(template, images)

    made = DualModalTracker(Watched(), replace(CONFIG, search_crop=rule))
    (start,) = made.start(FRAMES[0], BOXES[0])
    assert start.learned is not None
    for number in (0, 1, 2, 3, 4):  # the identity and the four shifts
        np.testing.assert_allclose(start.learned.memory.targets[number], kept[0][number], atol=1.6)


def test_a_target_is_searched_in_another_video_with_what_it_has_learnt() -> None:
    made = tracker()
    (target,) = made.start(FRAMES[0], BOXES[0])
    larger = np.pad(FRAMES[3], ((20, 10), (30, 0), (0, 0)), mode="edge")
    box = BOXES[3] + [30, 20, 0, 0]
    placed = made.placed(target, larger, box)
    assert placed.learned is target.learned
    assert placed.base.size == larger.shape[1::-1]
    np.testing.assert_allclose(placed.base.box, xywh_to_cxcywh(box))
    (found,) = made.step([larger], [placed])
    assert iou_xywh(found.result.box, box) > 0.5


def test_its_score_can_be_calibrated() -> None:
    colors = {"red": colored_videos.RED, "green": colored_videos.GREEN, "blue": colored_videos.BLUE}
    videos = [colored_videos.video(name, color, masks=name == "red") for name, color in colors.items()]
    report = analyze_score(tracker(), videos, 0, lambda name, total: lambda count: None)
    assert isinstance(report.config, DualModalConfig)
    assert report.config.calibration.scale > 0
    assert replace(report.config, calibration=CONFIG.calibration, states=CONFIG.states) == CONFIG


def test_the_parameters_of_a_plain_tracker_are_taken_over() -> None:
    plain = TrackerConfig(search_crop=AreaRule(factor=5.0), stride=8.0)
    made = DualModalConfig.of(plain, learner=None, views=ViewPlan(dropped=0))
    assert (made.search_crop, made.stride, made.localizer.rank) == (plain.search_crop, 8.0, Blend())
    assert (made.learner, made.views.dropped) == (None, 0)


def test_the_same_network_with_other_parameters() -> None:
    made = tracker()
    other = made.with_config(replace(CONFIG, learner=None))
    assert (other.model, other.draws, other.learner) == (made.model, made.draws, None)


class Recorded:
    """Remembers what it is asked, and finds all "normal"."""

    def __init__(self) -> None:
        self.seen: list[tuple[np.ndarray, ...]] = []

    def __call__(self, *given: np.ndarray) -> Any:
        self.seen.append(given)
        return LargestPeak()(*given)


@pytest.mark.parametrize("margin", [0, 1])
def test_doubts_are_about_the_largest_response_of_each_cell_and_sizes_in_cells(margin: int) -> None:
    """The crop is 3.75 targets wide. An even map has no cell in its middle: the target, which is there, lies half a cell before the one
    that counts as it."""
    network = ColoredDualModal(anchors=3, filters=3, margin=margin)
    recorded: Any = Recorded()
    config = apply_overrides(replace(CONFIG, learner=ANCHORED), {"localizer.anchors": 3})
    made = DualModalTracker(network, replace(config, localization=recorded))
    (start,) = made.start(FRAMES[0], BOXES[0])
    online = made.search([FRAMES[1]], [start]).prediction.extras["online"]
    made.step([FRAMES[1]], [start])
    maps, sizes, previous = recorded.seen[0]
    side = 10 - 2 * margin
    np.testing.assert_array_equal(maps[0], online.reshape(3, side, side).max(0))
    np.testing.assert_allclose(sizes[0], np.array([28, 22]) * 160 / (3.75 * np.sqrt(28 * 22)) / 16)
    np.testing.assert_allclose(previous[0], [-0.5, -0.5], atol=1e-9)
