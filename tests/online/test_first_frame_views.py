"""Views of a first frame: the transforms of the official trackers, their order, and the numbers they draw."""

from __future__ import annotations

import numpy as np
import pytest

import golden_data
from golden.procedural import smooth_image
from lockon.errors import LockonError
from lockon.online.views import Blur, Flip, Identity, Rotate, Shift, Transform, ViewPlan, cut

# The official transforms with their shifts x, y.
OFFICIAL: dict[str, tuple[Transform, tuple[int, int]]] = {
    "identity": (Identity(), (-3, 2)),
    "translation": (Shift(0, 0), (-3, 6)),
    "translation_far": (Shift(0, 0), (-14, 15)),
    "flip": (Flip(), (-3, 2)),
    "blur": (Blur(3, 1), (2, 1)),
    "blur_small": (Blur(2, 0.2), (0, 0)),
    "rotate": (Rotate(10), (3, 0)),
    "rotate_45": (Rotate(-45), (0, 0)),
}


@pytest.mark.parametrize("name", OFFICIAL)
def test_transforms_are_the_official_ones(name: str) -> None:
    stored = np.load(golden_data.FOLDER / "pytracking_online.npz")[f"aug.{name}"].transpose(1, 2, 0)
    transform, shift = OFFICIAL[name]
    patch = smooth_image("pt-ops|main|aug", 40, 40).astype(np.float32)
    atol = 0.6 if isinstance(transform, Rotate) else 1e-3  # versions of OpenCV rotate differently
    np.testing.assert_allclose(cut(transform(patch), 24, shift), stored, atol=atol)
    whole = cut(transform(patch.astype(np.uint8)), 24, shift)
    assert whole.dtype == np.uint8
    assert np.abs(whole - stored).max() <= atol + 1


def test_the_official_plan_gives_thirteen_views_in_order() -> None:
    plan = ViewPlan()
    kinds = [type(transform).__name__ for transform in plan.transforms]
    assert kinds == ["Identity", *["Shift"] * 4, "Flip", *["Blur"] * 3, *["Rotate"] * 4]
    assert (plan.count, plan.patch_size(288), plan.patch_size(225)) == (15, 576, 451)
    views = plan.views(np.zeros((576, 576, 3), np.uint8), 288, np.random.default_rng(0))
    assert views.images.shape == (13, 288, 288, 3)
    assert views.shifts[:5].tolist() == [[0, 0], [86, 86], [86, -86], [-86, 86], [-86, -86]]
    drawn = np.random.default_rng(0).random((8, 2)) - 0.5
    assert views.shifts[5:].tolist() == np.trunc(drawn[:, ::-1] * 96).tolist()


def test_content_moves_right_and_down_by_a_shift() -> None:
    patch = np.zeros((12, 12, 1), np.uint8)
    patch[5, 5] = 255
    plan = ViewPlan(shifts=((0.5, 0.25),), flip=False, blurs=(), rotations=(), dropped=0)
    views = plan.views(patch, 8, np.random.default_rng(0))
    assert views.shifts.tolist() == [[0, 0], [2, 1]]
    assert [np.argwhere(image[..., 0]).tolist() for image in views.images] == [[[3, 3]], [[4, 5]]]


def test_nothing_is_drawn_where_views_are_not_moved() -> None:
    class Silent:
        def random(self, size: tuple[int, ...]) -> np.ndarray:
            raise AssertionError(f"random numbers of {size}")

        standard_normal = random

    plan = ViewPlan(random_shift=0.0, dropped=0)
    assert not plan.views(np.zeros((64, 64, 3), np.uint8), 32, Silent()).shifts[5:].any()
    assert plan.kept_channels(8, Silent()) is None


def test_dropped_channels_are_scaled_up_for_the_others() -> None:
    factors = ViewPlan(dropped=3, drop_rate=0.5).kept_channels(1000, np.random.default_rng(1))
    assert factors is not None
    assert (factors.shape, set(np.unique(factors).tolist())) == ((3, 1000), {0.0, 2.0})
    assert 0.4 < (factors == 0).mean() < 0.6
    assert (factors[0] != factors[1]).any()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"expansion": 0.5}, "expansion=0.5"),
        ({"drop_rate": 1.0}, "drop_rate=1 given"),
        ({"dropped": -1}, "dropped=-1"),
        ({"blurs": ((0.0, 1.0),)}, "blurs must be pairs of numbers from 0.05"),
        ({"shifts": ((3.0, 0.0),)}, "shifts must be pairs"),
        ({"rotations": (float("nan"),)}, "rotations must be degrees"),
    ],
)
def test_numbers_that_make_no_views_are_refused(changes: dict[str, object], text: str) -> None:
    with pytest.raises(LockonError, match=text):
        ViewPlan(**changes)  # type: ignore[arg-type]
