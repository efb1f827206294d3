"""The pipeline itself, with samples of several frames, as trackers that learn online need them."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from lockon.data.samples.appearance import Appearance, appearance_steps
from lockon.data.samples.crop_steps import extract, only_present, place
from lockon.data.samples.pipeline import MAX_REDRAWS, RoleArrays, SamplePipeline
from lockon.data.samples.placement import BoxJitter, MovedBox
from lockon.data.samples.views import View, Views
from lockon.errors import LockonError
from lockon.ops.crop import Crop

BOX = np.array([60.0, 40, 100, 80])


@dataclass
class Frames:
    """Three support frames and two query frames with a white target; every `negative`-th draw is not of use."""

    negative: float = 0.0

    def draw(self, rng, index=0) -> Views:
        image = np.zeros((120, 160, 3), np.uint8)
        image[40:80, 60:100] = 255
        view = View(image, BOX, f"v/{index}", lambda: image[..., 0] > 0)
        return Views({"train": (view,) * 3, "test": (view,) * 2}, present=rng.random() >= self.negative)


def around(box_cxcywh: np.ndarray, size: int) -> Crop:
    return Crop.around(box_cxcywh, 2.5, size)


def pipeline(draw: Frames | None = None, seed: int = 0) -> SamplePipeline:
    roles = {"train": MovedBox(around, 64, BoxJitter()), "test": MovedBox(around, 64, BoxJitter(scale=0.2, offset=1.0))}
    crop = [only_present, partial(place, roles=roles, checked=("train", "test")), partial(extract, masks=("test",))]
    steps = [*crop, *appearance_steps(Appearance(flip=0.5), covered=False)]
    arrays = [RoleArrays("train", box="train_box"), RoleArrays("test", box="test_box", mask="test_mask")]
    return SamplePipeline(draw or Frames(), steps, arrays=arrays, seed=seed, notes=["one"])


def test_roles_of_several_frames_are_stacked() -> None:
    sample = pipeline().sample(3)
    shapes = {name: (value.dtype.str, value.shape) for name, value in sample.items() if name != "ids"}
    assert shapes == {
        "train": ("|u1", (3, 64, 64, 3)),
        "test": ("|u1", (2, 64, 64, 3)),
        "train_box": ("<f4", (3, 4)),
        "test_box": ("<f4", (2, 4)),
        "test_mask": ("|b1", (2, 64, 64)),
        "has_test_mask": ("|b1", (2,)),
        "present": ("|b1", ()),
        "redraws": ("<i8", ()),
    }
    assert sample["ids"] == "v/3 + v/3 + v/3 -> v/3 + v/3"
    assert sample["has_test_mask"].all()
    assert pipeline().notes == ("one",)


def test_each_frame_has_its_own_jitter() -> None:
    for index in range(10):
        sample = pipeline().sample(index)
        np.testing.assert_allclose(sample["train_box"], [[19.2, 19.2, 44.8, 44.8]] * 3, atol=1e-4)
        assert np.abs(sample["test_box"][0] - sample["test_box"][1]).max() > 0.5
        for box, mask in zip(sample["test_box"], sample["test_mask"], strict=True):
            rows, columns = np.nonzero(mask)
            np.testing.assert_allclose(box, [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], atol=1.5)


def test_a_function_of_seed_and_index() -> None:
    made, again = pipeline(), pickle.loads(pickle.dumps(pipeline().steps))
    other = SamplePipeline(made.draw, again, arrays=made.arrays, seed=0)
    for index in (9, 2, 9):
        one, same = made.sample(index), other.sample(index)
        assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.array_equal(made.sample(0)["test"], made.sample(1)["test"])
    assert not np.array_equal(made.sample(0)["test"], pipeline(seed=1).sample(0)["test"])


def test_what_is_of_no_use_is_drawn_again() -> None:
    samples = [pipeline(Frames(negative=0.7)).sample(index) for index in range(30)]
    assert all(sample["present"] for sample in samples)
    assert np.mean([sample["redraws"] for sample in samples]) == pytest.approx(0.7 / 0.3, abs=1)
    with pytest.raises(LockonError, match=f"{MAX_REDRAWS} degenerate draws in a row at sample 5"):
        pipeline(Frames(negative=1.0)).sample(5)
