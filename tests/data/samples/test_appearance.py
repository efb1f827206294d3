from __future__ import annotations

import numpy as np
import pytest

from lockon.data.samples.appearance import Appearance, appearance_steps, mirrored, occlude
from lockon.data.samples.pipeline import CroppedView, Draft
from lockon.data.samples.views import View, Views
from lockon.errors import LockonError

FRAME = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
CROP = CroppedView(FRAME, np.array([4.0, 5, 20, 30]), FRAME[..., 0] > 127)
VIEW = View(FRAME, CROP.box, "v/0")


@pytest.mark.parametrize(("name", "value"), [("gray", 1.5), ("flip", -1.0), ("brightness", 2.0), ("color", -1.0), ("degrade", np.inf)])
def test_bad_numbers(name: str, value: float) -> None:
    with pytest.raises(LockonError, match=f"{name}={value:g}"):
        Appearance(**{name: value})


def test_mirrored_boxes_follow_their_coordinates() -> None:
    """Of 40 pixels, x becomes 40 - x from the corner of the first one, 39 - x from its centre."""
    crop = mirrored(CROP)
    np.testing.assert_array_equal(crop.box, [20, 5, 36, 30])
    np.testing.assert_array_equal(crop.pixels, FRAME[:, ::-1])
    np.testing.assert_array_equal(crop.mask, CROP.mask[:, ::-1])
    np.testing.assert_array_equal(mirrored(CroppedView(FRAME, CROP.box, indices=True)).box, [19, 5, 35, 30])


def test_the_first_role_is_changed_less() -> None:
    """With several views per role: each has its own colours, and hues turn in the second role alone."""
    draft = Draft(Views({"train": (VIEW,) * 20, "test": (VIEW,) * 20}), crops={"train": (CROP,) * 20, "test": (CROP,) * 20})
    (color, *_) = appearance_steps(Appearance(color=1.0))
    made = color(np.random.default_rng(0), draft)
    assert made is not None
    changes = {role: [np.abs(crop.pixels.astype(int) - FRAME).mean() for crop in crops] for role, crops in made.crops.items()}
    assert len({round(value, 6) for values in changes.values() for value in values}) == 40
    assert np.mean(changes["train"]) < 0.8 * np.mean(changes["test"])


def test_a_target_is_not_covered_with_nothing() -> None:
    draft = Draft(Views.pair(VIEW, VIEW), crops={"template": (CROP,), "search": (CROP,)})
    with pytest.raises(LockonError, match="no image to cover targets with"):
        occlude(np.random.default_rng(0), draft, chance=1.0)
