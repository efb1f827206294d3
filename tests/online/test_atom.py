"""ATOM's learner in a tracker around a small NumPy network: what `test_online_tracker` asks of DiMP's."""

from __future__ import annotations

import itertools
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import moving_square
from colored_network import ColoredNetwork
from lockon.errors import LockonError, LockonWarning
from lockon.localizers.peaks import SecondPeak
from lockon.online.atom import ATOMLearner
from lockon.online.config import OnlineConfig
from lockon.online.memory import MemoryRule, SmallestWeight
from lockon.online.target import OnlineTarget
from lockon.online.tracker import OnlineTracker
from lockon.online.windows import NearestPixel
from lockon.ops.boxes import iou_xywh
from lockon.target import StatePolicy
from lockon.tracker import Calibration

LEARNER = ATOMLearner(channels=3, every=4, memory=MemoryRule(capacity=20, place=SmallestWeight()))
CONFIG = OnlineConfig(
    learner=LEARNER,
    placement=NearestPixel(),
    localization=SecondPeak(not_found=0.15, from_middle=True),
    calibration=Calibration(scale=10.0, bias=-2.0),
    states=StatePolicy(absent_score=0.0, search_growth=1.0, lost_after=2),
)
FRAMES = [moving_square.picture(number) for number in range(13)]
BOXES = np.array([moving_square.box_of(number) for number in range(13)], dtype=np.float64)
BLANK = np.full((120, 160, 3), 128, np.uint8)


def tracker(network: ColoredNetwork | None = None, **changes: Any) -> OnlineTracker:
    return OnlineTracker(network or ColoredNetwork(), replace(CONFIG, learner=replace(LEARNER, **changes)))


def run(made: OnlineTracker, target: OnlineTarget, frames: list[np.ndarray]) -> list[OnlineTarget]:
    targets = [target]
    for frame in frames:
        targets += made.step([frame], [targets[-1]])
    return targets


def learned(target: OnlineTarget) -> Any:
    assert target.learned is not None
    return target.learned


def test_a_moving_square_is_followed_and_learnt() -> None:
    made = tracker()
    targets = run(made, made.start(FRAMES[0], BOXES[0])[0], FRAMES[1:] * 2)
    for number, target in enumerate(targets[1:13], start=1):
        assert float(iou_xywh(np.r_[target.box[:2] - target.box[2:] / 2, target.box[2:]], BOXES[number])) > 0.7, number
    memory = learned(targets[-1]).memory
    assert len(memory.samples) == len(memory.targets) == len(memory.weights) == 20
    assert memory.samples[-1].shape == (3, 10, 10)
    assert all(sample.base is None for sample in memory.samples[memory.initial :]), "rows of batches would keep the batches alive"


@pytest.mark.parametrize("count", [2, 3])
def test_targets_in_one_batch_are_learnt_and_tracked_as_alone(count: int) -> None:
    made = tracker()
    boxes = BOXES[:count] + np.arange(count)[:, None]
    together = made.start(FRAMES[0], boxes)
    alone = [made.start(FRAMES[0], box)[0] for box in boxes]
    for number in range(1, 6):
        together = made.step([FRAMES[number]] * count, together)
        alone = [made.step([FRAMES[number]], [one])[0] for one in alone]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.box, other.box, atol=0.01)
        np.testing.assert_allclose(learned(one).filter, learned(other).filter, atol=2e-3 * np.abs(learned(other).filter).max())


def test_a_doubtful_frame_is_not_kept_but_the_filter_is_fitted_when_it_is_due() -> None:
    made = tracker()
    targets = run(made, made.start(FRAMES[0], BOXES[0])[0], [BLANK] * 5)
    assert all(learned(target).memory is learned(targets[0]).memory for target in targets)
    changed = [learned(one).filter is not learned(other).filter for one, other in itertools.pairwise(targets)]
    assert changed == [False, False, False, True, False]


def test_labels_are_1_at_the_targets_centre_and_fall_off_alike() -> None:
    """A centre at pixel 48, 32 is cell 3, 2; one cell aside it is exp(-1 / (2 0.9^2))."""
    found = ATOMLearner().labels(np.array([40.0, 22, 56, 42]), 6)
    assert found[2, 3] == 1
    np.testing.assert_allclose([found[2, 2], found[3, 3], found[3, 4]], np.exp([-1 / 1.62, -1 / 1.62, -2 / 1.62]), rtol=1e-6)


@pytest.mark.parametrize("box", [(70, 50, 28, 22), (80, 60, 1, 1), (20, 60, 100, 1), (0, 0, 160, 120), (-300, -200, 900, 700)], ids=str)
@pytest.mark.parametrize("first", [BLANK, BLANK * 0, FRAMES[0]], ids=["grey", "black", "picture"])
def test_odd_targets_give_numbers(first: np.ndarray, box: tuple[int, ...]) -> None:
    made = tracker()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LockonWarning)  # that a box is clipped
        (begun,) = made.start(first, box)
    for target in run(made, begun, [first, FRAMES[5], BLANK, FRAMES[6]])[1:]:
        assert np.isfinite(target.box).all()
        assert (target.box[2:] > 0).all()
        assert 0 <= target.score <= 1
        assert np.isfinite(learned(target).filter).all()


def test_features_that_are_no_numbers_hold_the_target_and_teach_nothing() -> None:
    made = tracker(ColoredNetwork(broken_after=2))
    with pytest.warns(LockonWarning, match="not finite, so the target is held"):
        _, before, held = run(made, made.start(FRAMES[0], BOXES[0])[0], FRAMES[1:3])
    assert (held.state, held.box.tolist()) == ("lost", before.box.tolist())
    assert held.learned is before.learned


def test_a_first_frame_without_numbers_is_refused() -> None:
    with pytest.raises(LockonError, match="no finite filter: its weights are broken"):
        tracker(ColoredNetwork(broken_after=0)).start(FRAMES[0], BOXES[0])


@pytest.mark.parametrize(
    ("field", "value"),
    [("rate", 1.0), ("channels", 0), ("first_fits", -1), ("first_steps", 0), ("every", 0), ("steps", 1001), ("label_sigma", 0.0)],
)
def test_numbers_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(LockonError, match=field):
        ATOMLearner(**{field: value})  # type: ignore[arg-type]
