from __future__ import annotations

import numpy as np
import pytest

from lockon.data.samples.placement import BoxJitter, MovedBox, MovedWindow, WindowJitter
from lockon.data.samples.views import View
from lockon.errors import LockonError
from lockon.ops.crop import Crop


class TestBoxJitter:
    BOX = np.array([100.0, 80, 40, 10])

    def test_without(self) -> None:
        np.testing.assert_array_equal(BoxJitter()(np.random.default_rng(0), self.BOX), self.BOX)

    def test_sizes_are_log_normal_and_independent(self) -> None:
        """Eq. 2: both sides times e to the 0.25 of a normal number each."""
        rng = np.random.default_rng(0)
        logs = np.log([BoxJitter(scale=0.25, offset=0.25)(rng, self.BOX)[2:] / self.BOX[2:] for _ in range(4000)])
        np.testing.assert_allclose(logs.mean(axis=0), 0, atol=0.02)
        np.testing.assert_allclose(logs.std(axis=0), 0.25, rtol=0.05)
        assert abs(np.corrcoef(logs.T)[0, 1]) < 0.05

    @pytest.mark.parametrize(("offset", "largest"), [(0.25, 0.5 * 0.25 * 20), (0.5, 0.5 * 0.25 * 40)])
    def test_centres_are_uniform(self, offset: float, largest: float) -> None:
        """Eq. 3-4 of a box of 40 x 10: sqrt(40 * 10) = 20, or by the paper, whose h and w are of the crop, sqrt(80 * 20) = 40."""
        rng = np.random.default_rng(0)
        moved = np.array([BoxJitter(offset=offset)(rng, self.BOX)[:2] - self.BOX[:2] for _ in range(4000)])
        assert np.abs(moved).max() <= largest
        np.testing.assert_allclose(moved.std(axis=0), largest / 3**0.5, rtol=0.05)  # of a uniform number from -largest to largest

    def test_the_range_follows_the_jittered_size(self) -> None:
        """With u = 0.75 and sizes times e^0.25: a shift of 0.25 * 0.25 * 20 * e^0.25."""

        class Fixed:
            def standard_normal(self, n: int) -> np.ndarray:
                return np.ones(n)

            def random(self, n: int) -> np.ndarray:
                return np.full(n, 0.75)

        cx, cy, w, h = BoxJitter(scale=0.25, offset=0.25)(Fixed(), self.BOX)  # type: ignore[arg-type]
        assert (w, h) == pytest.approx((40 * np.exp(0.25), 10 * np.exp(0.25)))
        assert (cx - 100, cy - 80) == pytest.approx((1.25 * np.exp(0.25),) * 2)

    @pytest.mark.parametrize(("name", "value"), [("scale", -0.1), ("offset", np.inf)])
    def test_bad_numbers(self, name: str, value: float) -> None:
        with pytest.raises(LockonError, match=f"{name}={value}"):
            BoxJitter(**{name: value})


def around(box_cxcywh: np.ndarray, size: int) -> Crop:
    return Crop.around(box_cxcywh, 2.0, size)


VIEW = View(np.zeros((120, 160, 3), np.uint8), np.array([60.0, 40, 100, 80]), "v")


def test_any_rule_places_crops() -> None:
    """A square target of 40 pixels is half of a window of 80: the middle half of 64 pixels."""
    rng = np.random.default_rng(0)
    for placement in (MovedBox(around, 64, BoxJitter()), MovedWindow(around, WindowJitter(size=64, factor=2.0))):
        np.testing.assert_allclose(placement(rng, VIEW).box, [16, 16, 48, 48])


def test_masks_turn_with_their_crops() -> None:
    image = np.zeros((120, 160, 3), np.uint8)
    image[40:80, 60:100] = 255
    jitter = WindowJitter(size=64, factor=2.5, shift=0.1, scale=0.1, aspect=0.1, rotation=8.0)
    for seed in range(5):
        placed = MovedWindow(around, jitter)(np.random.default_rng(seed), VIEW)
        np.testing.assert_array_equal(placed.extract_mask(image[..., 0]), placed.extract(image // 255 * 255, None)[..., 0] > 127)
