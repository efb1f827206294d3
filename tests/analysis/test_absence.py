"""Absence made from videos: whose truth is known, so that a tracker that knows colours must answer rightly."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from colored_videos import BLUE, GREEN, HEIGHT, RED, SIDE, WIDTH, ColorModel, box_at, color_tracker, video
from lockon.analysis.absence import BATCH, search_swapped, usable_frames
from lockon.analysis.composites import AbsenceClip, PresenceSchedule, cut_out, make_composites, run_composites
from lockon.errors import LockonError
from lockon.ops.crop_rules import AreaRule
from lockon.target import StatePolicy

VIDEOS = [video("red", RED), video("green", GREEN), video("blue", BLUE)]
RAW = {"states": StatePolicy(lost=0.0)}


def ignore(_: int) -> None:
    pass


def test_usable_frames_leave_out_what_is_not_there() -> None:
    sequence = video("red", RED, frames=4)
    boxes = sequence.boxes.copy()
    boxes[1], boxes[2, 2] = np.nan, 0
    assert usable_frames(replace(sequence, boxes=boxes)).tolist() == [0, 3]
    assert usable_frames(replace(sequence, boxes=boxes, visible=np.array([False, True, True, True]))).tolist() == [3]


def test_each_target_is_searched_where_it_is_and_where_it_is_not() -> None:
    tracker = color_tracker(**RAW)
    told: list[int] = []
    searches = search_swapped(tracker, VIDEOS, [4, 4, 6], 0, told.append)
    assert Counter((s.template, s.present) for s in searches) == {
        ("red", True): 4,
        ("red", False): 4,
        ("green", True): 4,
        ("green", False): 4,
        ("blue", True): 6,
        ("blue", False): 6,
    }
    assert all((s.template == s.scene) is s.present for s in searches)
    assert {s.scene for s in searches if s.template == "red" and not s.present} == {"green", "blue"}  # every other video
    assert {round(s.score, 3) for s in searches if s.present} == {0.953}  # sigmoid(3): a search window that holds the target
    assert {round(s.score, 3) for s in searches if not s.present} == {0.047}
    assert sum(told) == len(searches) == 28
    assert isinstance(tracker.model, ColorModel)
    assert max(tracker.model.batches) == BATCH


def test_searches_follow_from_the_seed() -> None:
    runs = [search_swapped(color_tracker(**RAW), VIDEOS, [5, 5, 5], seed, ignore) for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


def test_two_targets_of_one_video_are_not_searched_in_each_others_frames() -> None:
    pair = [video("a.1", RED, video_name="a"), video("a.2", RED, video_name="a"), video("green", GREEN)]
    scenes = {s.scene for s in search_swapped(color_tracker(**RAW), pair, [3, 3, 3], 0, ignore) if s.template == "a.1" and not s.present}
    assert scenes == {"green"}
    with pytest.raises(LockonError, match=r"no other video than that of a\.1"):
        search_swapped(color_tracker(**RAW), pair[:2], [3, 3], 0, ignore)


def test_one_annotated_frame_is_too_few() -> None:
    with pytest.raises(LockonError, match="red has no two annotated frames"):
        search_swapped(color_tracker(**RAW), [video("red", RED, frames=1), VIDEOS[1]], [1, 1], 0, ignore)


def test_the_course_leads_out_and_back() -> None:
    schedule = PresenceSchedule(stay=3, leave=2, away=4, back=2, end=3)
    assert len(schedule) == 14
    assert [schedule.outside(t) for t in range(14)] == [0, 0, 0, 0, 0.5, 1, 1, 1, 1, 1, 0.5, 0, 0, 0]


def test_cut_outs_are_the_masked_pixels() -> None:
    cutouts = cut_out(video("red", RED, masks=True), count=3)
    assert len(cutouts) == 3
    assert cutouts[0].rgba.shape == (SIDE, SIDE, 4)
    assert (cutouts[0].rgba[SIDE // 2, SIDE // 2] == (*RED, 255)).all()
    assert cut_out(video("red", RED)) == ()


@pytest.mark.parametrize("seed", range(8))  # all four borders
def test_a_composite_knows_where_its_target_is(seed: int) -> None:
    (composite,) = make_composites([video("red", RED, masks=True), video("green", GREEN)], seed, scenes=1)
    parts = []
    for t in range(len(composite.schedule)):
        frame, box, part = composite.render(t)
        parts.append(part)
        assert frame.shape == (HEIGHT, WIDTH, 3)
        red = (frame[..., 0] > 190) & (frame[..., 1] < 70)
        assert red.any() == (part > 0.1) or 0 < part <= 0.1
        if part > 0.5:
            ys, xs = np.nonzero(red)
            assert np.abs(box - (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)).max() <= 2
    schedule = composite.schedule
    assert min(parts[: schedule.stay]) == 1
    assert max(parts[schedule.stay + schedule.leave : schedule.stay + schedule.leave + schedule.away]) == 0
    assert min(parts[-schedule.end :]) == 1
    assert composite.scene.frames[0][0, 0].tolist() == [128, 128, 128]  # frames of the scene are not painted on


def test_composites_need_masks_and_another_video() -> None:
    assert make_composites(VIDEOS, 0) == []
    assert make_composites([video("red", RED, masks=True)], 0) == []
    made = make_composites([video("red", RED, masks=True), *VIDEOS[1:]], 0, scenes=2)
    assert [(one.target, one.scene.name) for one in made] in ([("red", "green"), ("red", "blue")], [("red", "blue"), ("red", "green")])


def test_a_good_tracker_loses_and_finds_the_target() -> None:
    told: list[int] = []
    composites = make_composites([video("red", RED, masks=True), *VIDEOS[1:]], 0)
    clips = run_composites(color_tracker(states=StatePolicy(lost_after=3, lost=0.2)), composites, told.append)
    assert [clip.scene for clip in clips] == [composite.scene.name for composite in composites]
    assert sum(told) == 2 * 99
    for clip in clips:
        assert clip.on_target_before
        assert clip.scores[clip.present].min() > 0.9
        assert clip.scores[clip.absent].max() < 0.1
        assert {clip.states[i] for i in np.flatnonzero(clip.absent)[3:]} == {"lost"}
        assert clip.overlaps[clip.visible == 1].min() > 0.5
        assert clip.frames_to_return is not None
        assert clip.frames_to_return <= 2


def clip(overlaps: list[float], visible: list[float]) -> AbsenceClip:
    return AbsenceClip("a", "b", np.zeros(len(visible)), np.array(overlaps), np.array(visible), ("lost",) * len(visible))


@pytest.mark.parametrize(
    ("overlaps", "before", "wait"),
    [
        ([0.9, 0.8, 0.1, 0, 0, 0.2, 0.7, 0.9], True, 0),
        ([0.9, 0.8, 0.1, 0, 0, 0.2, 0.3, 0.9], True, 1),
        ([0.9, 0.4, 0.1, 0, 0, 0.2, 0.3, 0.4], False, None),
        ([0.4, 0.9, 0.1, 0, 0, 0.6, 0.6, 0.4], True, 0),  # found while still entering: no wait
    ],
)
def test_waiting_is_counted_from_the_return(overlaps: list[float], before: bool, wait: int | None) -> None:
    one = clip(overlaps, [1, 1, 0.2, 0, 0, 0.3, 0.8, 1])
    assert not clip([0.9, 0.4, *overlaps[2:]], [1, 1, 0.2, 0, 0, 0.3, 0.8, 1]).on_target_before  # the last whole view counts
    assert clip([0.9, 0.4, *overlaps[2:]], [1, 0.8, 0.2, 0, 0, 0.3, 0.8, 1]).on_target_before
    assert (one.on_target_before, one.frames_to_return) == (before, wait)
    assert one.present.tolist() == [True, True, False, False, False, False, True, True]
    assert one.absent.tolist() == [False, False, False, True, True, False, False, False]


def test_the_box_searched_around_is_the_scenes() -> None:
    """Around the wrong place, here 100 pixels off, a present target would not be found."""
    searches = search_swapped(color_tracker(**RAW, search_crop=AreaRule(factor=1.5)), VIDEOS, [5, 5, 5], 0, ignore)
    assert all(s.score > 0.9 for s in searches if s.present)
    assert box_at(9)[0] - box_at(0)[0] == 18  # the target moves by less than its size
