from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, strategies as st

from colored_scenes import GREEN, RED, scene
from fake_refiner import BlobRefiner, Fixed, Movable
from lockon.config import apply_overrides
from lockon.errors import LockonError, LockonWarning
from lockon.refiners.alpha_refine import AlphaRefiner
from lockon.refiners.combine import RefineConfig
from lockon.refiners.wrapper import RefinedSession, RefinedTracker, with_refiner
from lockon.session import Tracker
from lockon.types import Result

TARGET = (60, 50, 20, 16)
NEAR = (57.0, 48.0, 22.0, 18.0)
FRAME = scene((*TARGET, RED))


def wrapped(base, *, refiner=None, **config: object) -> RefinedTracker | RefinedSession:
    tracker = with_refiner(base, refiner or AlphaRefiner(BlobRefiner()), RefineConfig(**config))
    tracker.init(FRAME, TARGET)
    return tracker


class Says:
    """A refiner that gives boxes and masks it was made with; `asked` are the boxes it was asked for."""

    def __init__(self, *answers, masks=None) -> None:
        self.answers, self.made, self.asked = list(answers), masks, []

    def init(self, frame, box) -> None:
        self.started = np.asarray(box)

    def refine(self, frame, box, *, mask=False):
        self.asked.append(np.array(box))
        return Result(np.asarray(self.answers.pop(0), dtype=np.float64), 1.0, "tracked", self.made if mask else None)


def test_is_a_tracker() -> None:
    assert isinstance(wrapped(Movable(NEAR)), Tracker)


def test_refines_reports_and_writes_back() -> None:
    base = Movable(NEAR)
    result = wrapped(base).track(FRAME)
    np.testing.assert_allclose(result.box, TARGET, atol=1)
    assert (result.score, result.state, result.mask) == (0.7, "tracked", None), "score and state are the tracker's"
    np.testing.assert_array_equal(base.moves, [result.box])
    assert base.started.tolist() == list(TARGET)


def test_several_targets() -> None:
    """The second is gone: its box stays to the last bit, and it is not moved."""
    base = Movable([NEAR, (100.125, 40, 12, 20)])
    tracker = with_refiner(base, AlphaRefiner(BlobRefiner()))
    tracker.init(scene((*TARGET, RED), (100, 40, 12, 20, GREEN)), [TARGET, (100, 40, 12, 20)])
    result = tracker.track(FRAME)
    np.testing.assert_allclose(result.box[0], TARGET, atol=1)
    assert result.box[1].tolist() == [100.125, 40, 12, 20]
    np.testing.assert_array_equal(base.moves[0][0], result.box[0])
    assert np.isnan(base.moves[0][1]).all()


def test_without_writing_back() -> None:
    base = Movable(NEAR)
    wrapped(base, write_back=False).track(FRAME)
    assert base.moves == []


def test_trackers_that_cannot_be_moved_say_so_once() -> None:
    tracker = wrapped(Fixed(NEAR, NEAR))
    with pytest.warns(LockonWarning, match=r"Fixed has no move\(boxes\)"):
        first = tracker.track(FRAME)
    np.testing.assert_allclose(first.box, TARGET, atol=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tracker.track(FRAME)
    assert not hasattr(tracker, "move")
    assert hasattr(wrapped(Movable(NEAR)), "move")


@pytest.mark.parametrize("lost", [False, True])
def test_lost_targets(lost: bool) -> None:
    base = Movable(NEAR, state="lost")
    result = wrapped(base, lost=lost).track(FRAME)
    assert (result.box.tolist() == list(NEAR)) is not lost
    assert len(base.moves) == lost


def test_clipping() -> None:
    """Reported as it is or cut; written back always cut; the search around the tracker's box, cut if wished."""
    given_box, answer = (-30, 20, 40, 30), (-31, 22, 35, 28)
    for clip in (True, False):
        base, refiner = Movable(given_box), Says(answer)
        result = wrapped(base, refiner=refiner, clip=clip).track(FRAME)
        assert result.box.tolist() == ([0, 22, 10, 28] if clip else list(answer))
        assert base.moves[0].tolist() == [0, 22, 10, 28]
        assert refiner.asked[0].tolist() == list(given_box)
    refiner = Says(answer)
    wrapped(Movable(given_box), refiner=refiner, clip_base=True).track(FRAME)
    assert refiner.asked[0].tolist() == [0, 20, 10, 30]


def test_masks() -> None:
    mask = np.zeros((120, 160), dtype=bool)
    mask[40:60, 50:80] = True
    result = wrapped(Movable(NEAR), refiner=Says(TARGET, masks=mask), mask=True).track(FRAME)
    assert (result.mask == mask).all()
    assert result.box.tolist() == list(TARGET)
    base = Movable(NEAR)
    result = wrapped(base, refiner=Says(TARGET, masks=mask), box="mask").track(FRAME)
    assert (result.box.tolist(), result.mask) == ([50, 40, 30, 20], None)
    small = wrapped(Movable(NEAR), refiner=Says(TARGET, masks=mask), box="mask", mask_area=5000).track(FRAME)
    assert small.box.tolist() == list(NEAR)


def test_masks_around_the_trackers_own_box() -> None:
    """As on VOT2020: the cut box of the tracker itself is reported and written back."""
    mask = np.ones((120, 160), dtype=bool)
    base = Movable((-30, 20, 40, 30))
    result = wrapped(base, refiner=Says(TARGET, masks=mask), box="base", mask=True, clip_base=True).track(FRAME)
    assert (result.box.tolist(), base.moves[0].tolist()) == ([0, 20, 10, 30], [0, 20, 10, 30])
    assert result.mask.all()


def test_masks_of_the_tracker_stay() -> None:
    mask = np.ones((120, 160), dtype=bool)
    assert wrapped(Movable(NEAR, masks=mask)).track(FRAME).mask is mask
    made = wrapped(Movable(NEAR, masks=mask), mask=True).track(FRAME).mask
    assert 0 < made.sum() < mask.sum()
    assert not wrapped(Movable(NEAR, state="lost"), mask=True).track(FRAME).mask.any()


def test_foreign_trackers_may_return_bare_boxes() -> None:
    class Bare(Movable):
        def track(self, frame):
            return list(NEAR)

    result = wrapped(Bare()).track(FRAME)
    np.testing.assert_allclose(result.box, TARGET, atol=1)
    assert np.isnan(result.score)

    class Wrong(Movable):
        def track(self, frame):
            return None

    with pytest.raises(LockonError, match=r"track\(\) returned NoneType None"):
        wrapped(Wrong()).track(FRAME)


def test_official_start() -> None:
    base, refiner = Movable(NEAR), Says(TARGET)
    wrapped(base, refiner=refiner, official_start=True)
    assert base.started.tolist() == refiner.started.tolist() == [60.5, 50.5, 20, 16]


def test_masks_of_a_network_without_masks_and_a_zero_size_are_refused() -> None:
    with pytest.raises(LockonError, match="whose network makes none"):
        with_refiner(Movable(), AlphaRefiner(BlobRefiner(masks=False)), RefineConfig(mask=True))
    with pytest.raises(LockonError, match="min_size=0 given"):
        apply_overrides(RefineConfig(), {"min_size": 0})


@pytest.mark.parametrize("mask", [np.zeros((120, 160), bool), np.ones(1), [True], "yes", None, 1])
def test_a_mask_that_is_no_yes_or_no_is_one_line(mask: object) -> None:
    refiner = AlphaRefiner(BlobRefiner())
    refiner.init(FRAME, (60, 50, 20, 16))
    text = f"mask is of type {type(mask).__name__}; expected True for masks that the refiner makes, or False"
    for masks in (True, False):
        refiner.masks = masks
        with pytest.raises(LockonError, match=text):
            refiner.refine(FRAME, (60, 50, 20, 16), mask=mask)  # type: ignore[arg-type]
    with pytest.raises(LockonError, match=text):
        RefineConfig(mask=mask)  # type: ignore[arg-type]
    assert refiner.refine(FRAME, (60, 50, 20, 16), mask=np.False_).mask is None  # type: ignore[arg-type]


number = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.floats(-300, 400), st.floats(0, 3))
box = st.tuples(number, number, number, number)


@given(box, box, st.sampled_from(["refiner", "mask", "base"]), st.booleans(), st.booleans())
def test_no_box_makes_a_tracker_fail(found, answer, source: str, clip: bool, clip_base: bool) -> None:
    """Any answer of any tracker and refiner: a box that makes sense is reported and written back, or the tracker's own stays."""
    base = Movable(found)
    mask = np.zeros((120, 160), dtype=bool)
    mask[30:50, 40:60] = True
    tracker = wrapped(base, refiner=Says(answer, masks=mask), box=source, mask=True, clip=clip, clip_base=clip_base)
    result = tracker.track(FRAME)
    if not base.moves:
        np.testing.assert_array_equal(result.box, np.array(found, dtype=np.float64))
    for moved in base.moves:
        assert np.isfinite([*moved, *result.box]).all()
        assert (moved[:2] >= 0).all()
        assert (moved[:2] + moved[2:] <= np.array([160, 120]) + 1e-9).all()
        assert (moved[2:] > 0).all()
        assert (result.box[2:] > 0).all()
