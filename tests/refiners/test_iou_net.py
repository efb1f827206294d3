"""The box network as a refiner, around a network whose best box is known: the red rectangle."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from lockon.errors import LockonError
from lockon.online.ascent import BoxAscent, RelativeSpace
from lockon.ops.crop_rules import AreaRule, InsideMajor, PytrackingRule
from lockon.refiners.iou_net import IoUNetConfig, IoUNetRefiner, LogDensity, Overlap
from lockon.refiners.protocol import Refiner

RED = (230, 20, 20)
TARGET = (60, 50, 20, 16)


class RedBoxes:
    """A box network that knows where red is: the score falls with the squared distance of the corners, in units of ten pixels."""

    search_size = 160
    header: Mapping[str, Any] = MappingProxyType({})

    def box_features(self, images):
        found = []
        for image in images:
            ys, xs = np.nonzero((image[..., 0] > 180) & (image[..., 1] < 90))
            found.append([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] if len(xs) else [np.nan] * 4)
        return (np.array(found, dtype=np.float64),)

    def modulation(self, images, boxes_xyxy):
        return (np.asarray(boxes_xyxy, dtype=np.float32),)

    def overlap(self, features, modulation, boxes_xyxy):
        offset = boxes_xyxy - features[0][:, None]
        return 1 - (offset**2).sum(-1) / 100, -offset / 50


ASCENT = BoxAscent(steps=40, length=(0.1, 0.1))


def scene(*boxes):
    frame = np.full((120, 160, 3), 100, np.uint8)
    for x, y, w, h in boxes:
        frame[y : y + h, x : x + w] = RED
    return frame


@pytest.mark.parametrize("crop", [PytrackingRule(factor=5.0), PytrackingRule(factor=6.0, inside=InsideMajor()), AreaRule(factor=5.0)])
def test_a_box_climbs_to_the_target(crop) -> None:
    refiner = IoUNetRefiner(RedBoxes(), IoUNetConfig(crop=crop, ascent=ASCENT))
    assert isinstance(refiner, Refiner)
    refiner.init(scene(TARGET), TARGET)
    result = refiner.refine(scene((66, 52, 22, 18)), (62, 50, 20, 16))
    assert np.abs(result.box - (66, 52, 22, 18)).max() < 1
    assert result.state == "tracked"
    assert result.score > 0.95


def test_refining_again_gives_the_same_box_and_targets_do_not_see_each_other() -> None:
    refiner = IoUNetRefiner(RedBoxes(), IoUNetConfig(ascent=BoxAscent(steps=3, length=(0.1, 0.1))))
    frames = [scene((66, 52, 22, 18)), scene((30, 40, 18, 20))]
    boxes = np.array([[62.0, 50, 20, 16], [28, 42, 20, 16]])
    references = refiner.start(scene(TARGET), [TARGET, TARGET])
    both = refiner.refine_batch(frames, references, boxes)
    for number, one in enumerate(both):
        (alone,) = refiner.refine_batch(frames[number : number + 1], references[number : number + 1], boxes[number : number + 1])
        np.testing.assert_allclose(one.box, alone.box, atol=1e-9)
    moved = IoUNetRefiner(RedBoxes(), IoUNetConfig(ascent=BoxAscent(steps=3, length=(0.1, 0.1)), seed=1))
    assert np.abs(moved.refine_batch(frames, references, boxes)[0].box - both[0].box).max() > 1e-6, "another seed, other start boxes"


def test_a_box_stays_where_the_network_has_no_finite_answer_or_no_plausible_box() -> None:
    refiner = IoUNetRefiner(RedBoxes(), IoUNetConfig(ascent=ASCENT))
    refiner.init(scene(TARGET), TARGET)
    for frame in (scene(), scene((0, 52, 160, 4))):  # nothing red; a line of it
        result = refiner.refine(frame, (62, 50, 20, 16))
        assert result.box.tolist() == [62, 50, 20, 16]
        assert (result.score, result.state) == (0, "uncertain")
    for box in ([np.nan, 0, 5, 5], [10, 10, 0.5, 30], [-90, 10, 20, 20], [0, 0, 5000, 20]):
        assert refiner.refine(scene(TARGET), box).state == "uncertain"


def test_confidences_by_hand() -> None:
    assert [Overlap()(score) for score in (1.0, 0.0, -3.0, 9.0)] == [1, 0.5, 1e-3, 1]
    assert LogDensity()(0.0) == 0.5
    assert LogDensity()(-100.0) == 1e-3
    with pytest.raises(LockonError, match="seed"):
        IoUNetConfig(seed=-1)
    with pytest.raises(LockonError, match="masks"):
        IoUNetRefiner(RedBoxes()).refine_batch([scene(TARGET)], [()], np.array([[1.0, 2, 3, 4]]), mask=True)


def test_relative_steps_refine_too() -> None:
    config = IoUNetConfig(ascent=BoxAscent(steps=60, length=(5e-4, 5e-4), space=RelativeSpace()), confidence=LogDensity())
    refiner = IoUNetRefiner(RedBoxes(), config)
    refiner.init(scene(TARGET), TARGET)
    result = refiner.refine(scene((66, 52, 22, 18)), (62, 50, 20, 16))
    assert np.abs(result.box - (66, 52, 22, 18)).max() < 2
