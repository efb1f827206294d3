"""SiamCAR's and SiamLA's presets on a network whose answers are written down here; no torch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from lockon.tracker import NetworkTracker
from lockon.types import Prediction, Template
from lockon.zoo.loading import inference_config
from lockon.zoo.registry import card

SIDE = 25
FRAME = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
EVERY = [(name, preset) for name in ("siamcar-r50", "siamla-r50") for preset in card(name).presets]


class Answers:
    """A network that sees a target of `reach` crop pixels to each side of cell (12, 12), always."""

    template_size, search_size = 127, 255

    def __init__(self, reach: float) -> None:
        self.reach = reach

    def encode(self, images: NDArray[np.uint8]) -> Template:
        return Template((np.zeros((len(images), 1), dtype=np.float32),))

    def __call__(self, template: Template, images: NDArray[np.uint8]) -> Prediction:
        count = len(images)
        y, x = np.mgrid[:SIDE, :SIDE]
        hill = np.exp(-((y - 12) ** 2 + (x - 12) ** 2) / 8.0).ravel()
        points = np.stack([x.ravel(), y.ravel()], axis=-1) * 8.0 + 32
        boxes = np.concatenate([points - self.reach, points + self.reach], axis=1)
        return Prediction(np.tile(8 * hill - 4, (count, 1)), np.tile(boxes, (count, 1, 1)), np.tile(4 * hill, (count, 1)))


@pytest.mark.parametrize(("name", "preset"), EVERY)
def test_a_target_that_shrinks_to_nothing(name: str, preset: str) -> None:
    """The published code sets no least size; nothing may fail or turn into NaN then."""
    model = Answers(reach=20.0)  # each time two thirds of the last size
    config = inference_config(card(name), preset)
    tracker = NetworkTracker(model, config)
    tracker.init(FRAME, [[60, 40, 30, 20], [20, 50, 8, 8]])
    for _ in range(80):
        box = tracker.track(FRAME).box
        assert np.isfinite(box).all()
        assert (box[:, 2:] >= config.states.min_size).all()
    if config.states.min_size == 0 and not getattr(config.localizer.place, "mixed_units", False):  # those stop at some size
        assert box[:, 2:].max() < 1
    else:
        assert (box[:, 2:] < [30, 20]).all()
    model.reach = 60.0
    for _ in range(3):
        grown = tracker.track(FRAME).box
    assert np.isfinite(grown).all()
    assert (grown[:, 2:] >= box[:, 2:]).all()


@pytest.mark.parametrize("preset", ["default", "official", "siamcar"])
def test_sides_of_exactly_nothing(preset: str) -> None:
    tracker = NetworkTracker(Answers(reach=20.0), inference_config(card("siamla-r50"), preset))
    target = tracker.start(FRAME, (60, 40, 30, 20))[0]
    for size in ([0.0, 0.0], [0.0, 20.0], [30.0, 0.0]):
        moved = tracker.step([FRAME], [replace(target, box=np.array([75.0, 50, *size]))])[0]
        assert np.isfinite(moved.box).all()
        assert 0 < moved.score < 1


def test_the_presets_of_siamla_disagree_by_what_they_say() -> None:
    """The mean of three boxes of the same cell's neighbours, and the place between the cells."""
    boxes = {}
    for preset in ("default", "official", "siamcar"):
        tracker = NetworkTracker(Answers(reach=30.0), inference_config(card("siamla-r50"), preset))
        tracker.init(FRAME, (60, 40, 30, 20))
        boxes[preset] = tracker.track(FRAME).box
    assert not np.allclose(boxes["official"], boxes["siamcar"], atol=0.01)
    assert not np.allclose(boxes["default"], boxes["official"], atol=0.01)  # half a pixel, and whole crops
