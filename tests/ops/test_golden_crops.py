"""Crops of the official SiamRPN, SiamRPN++, SiamBAN and SiamPW-RBO trackers, pixel by pixel and by their means."""

from __future__ import annotations

import numpy as np
import pytest

import golden_data
from lockon.ops.crop import mean_color
from lockon.ops.crop_rules import PysotRule
from lockon.ops.whole_crops import PysotCrop


@pytest.mark.parametrize("name", golden_data.NAMES)
def test_the_first_crops_are_exact(name: str) -> None:
    run, frames = golden_data.track(name, "default"), golden_data.frames()
    x, y, w, h = run.boxes[0]
    for number, expected in enumerate(golden_data.track_crops(name)):
        size = len(expected)
        crop = PysotRule(factor=size / 127)([x + (w - 1) / 2, y + (h - 1) / 2, w, h], size)
        assert crop.center.tolist() == run.crop_args[number, :2].tolist()
        np.testing.assert_array_equal(crop.extract(frames[number], mean_color(frames[0])), expected)


@pytest.mark.parametrize("run", golden_data.RUNS)
@pytest.mark.parametrize("name", golden_data.NAMES)
def test_every_crop_has_the_official_mean(name: str, run: str) -> None:
    golden, frames = golden_data.track(name, run), golden_data.frames()
    color = mean_color(frames[0])
    for frame, (cx, cy, size, side), mean in zip(frames, golden.crop_args, golden.crop_mean, strict=True):
        pixels = PysotCrop(np.array([cx, cy]), np.asarray(side), int(size)).extract(frame, color)
        assert pixels.mean(dtype=np.float64) == pytest.approx(mean, abs=1e-9)
