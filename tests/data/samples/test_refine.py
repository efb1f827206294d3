from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lockon.data.samples.appearance import Appearance
from lockon.data.samples.pipeline import SamplePipeline
from lockon.data.samples.placement import BoxJitter
from lockon.data.samples.refine import RefineDataConfig, refine_pipeline
from lockon.data.samples.views import View, Views
from lockon.errors import LockonError
from lockon.ops.boxes import cxcywh_to_xyxy

PLAIN = RefineDataConfig(size=64, official=False, search=BoxJitter(), appearance=Appearance())
MOVED = replace(PLAIN, search=BoxJitter(scale=0.25, offset=0.25))
BOX = (60.0, 40.0, 100.0, 60.0)  # x1, y1, x2, y2 in an image of 160 x 120


def scene(box=BOX) -> np.ndarray:
    """A white box on dark noise."""
    image = np.random.default_rng(0).integers(0, 60, (120, 160, 3), dtype=np.uint8)
    x1, y1, x2, y2 = (int(value) for value in box)
    image[y1:y2, x1:x2] = 255
    return image


class OneMask:
    """The mask of `scene`."""

    def __init__(self, box=BOX) -> None:
        self.box = box

    def __call__(self) -> np.ndarray:
        return scene(self.box)[..., 0] == 255


class Pairs:
    """The same pair always."""

    def __init__(self, *, mask: bool = True, present: bool = True, box=BOX) -> None:
        image = scene(box)
        self.pair = View(image, np.array(box), "ref"), View(image, np.array(box), "test", OneMask(box) if mask else None)
        self.present = present

    def draw(self, rng, index=0) -> Views:
        return Views.pair(*self.pair, present=self.present)


def backdrop(rng) -> np.ndarray:
    return np.full((50, 50, 3), 77, np.uint8)


def changed(config: RefineDataConfig = PLAIN, **appearance: float) -> RefineDataConfig:
    return replace(config, appearance=Appearance(**appearance))


def pipeline(config: RefineDataConfig = PLAIN, **parts) -> SamplePipeline:
    return refine_pipeline(Pairs(**parts), config, 0, backdrop)


def extent(mask: np.ndarray) -> list[int]:
    rows, columns = np.nonzero(mask)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


def test_what_a_sample_has() -> None:
    sample = pipeline().sample(3)
    shapes = {name: (value.dtype.str, value.shape) for name, value in sample.items() if name != "ids"}
    assert shapes == {
        "template": ("|u1", (64, 64, 3)),
        "search": ("|u1", (64, 64, 3)),
        "template_box": ("<f4", (4,)),
        "box": ("<f4", (4,)),
        "mask": ("|b1", (64, 64)),
        "has_mask": ("|b1", ()),
        "present": ("|b1", ()),
        "redraws": ("<i8", ()),
    }
    assert sample["ids"] == "ref -> test"
    assert "mask" not in pipeline(replace(PLAIN, masks=False)).sample(3)


def test_without_jitter_the_target_is_the_middle_half() -> None:
    sample = pipeline().sample(0)
    for name in ("box", "template_box"):
        np.testing.assert_allclose(sample[name], [16, 16, 48, 48], atol=1e-4)
    assert extent(sample["mask"]) == [16, 16, 48, 48]
    assert sample["search"][20:44, 20:44].min() == 255
    np.testing.assert_array_equal(sample["search"], sample["template"])


def test_official_coordinates_are_half_a_pixel_aside() -> None:
    """cx 80 of 160: the window of 80 x 40 begins at 40, 30; 64 / 80 crop pixels per image pixel; the middle is (64 - 1) / 2."""
    sample = pipeline(replace(PLAIN, official=True)).sample(0)
    np.testing.assert_allclose(sample["box"], [15.5, 15.5, 47.5, 47.5], atol=1e-5)


@pytest.mark.parametrize(("official", "close"), [(False, 1.6), (True, 2.7)])  # official windows are of whole image pixels
def test_box_and_mask_follow_the_jitter(official: bool, close: float) -> None:
    made = pipeline(changed(replace(PLAIN, official=official, search=BoxJitter(scale=0.25, offset=0.5)), flip=0.5))
    boxes = []
    for index in range(40):
        sample = made.sample(index)
        np.testing.assert_allclose(sample["box"], extent(sample["mask"]), atol=close)
        np.testing.assert_allclose(sample["box"], extent(sample["search"][..., 1] > 157), atol=close)
        boxes.append(sample["box"])
    assert np.std(boxes, axis=0).min() > 2


def test_the_reference_may_be_jittered_as_well() -> None:
    made = pipeline(replace(PLAIN, reference=BoxJitter(scale=0.1, offset=0.1)))
    samples = [made.sample(index) for index in range(20)]
    assert np.std([sample["template_box"] for sample in samples], axis=0).min() > 0.5
    np.testing.assert_allclose([sample["box"] for sample in samples], [[16, 16, 48, 48]] * 20, atol=1e-4)


def test_truth_is_clipped_to_the_crop() -> None:
    made = pipeline(replace(PLAIN, search=BoxJitter(scale=0.8)))
    boxes = np.array([made.sample(index)["box"] for index in range(60)])
    assert boxes.min() == 0
    assert boxes.max() == 64


def test_mirrored() -> None:
    plain, flipped = pipeline(MOVED).sample(5), pipeline(changed(MOVED, flip=1.0)).sample(5)
    x1, y1, x2, y2 = plain["box"]
    np.testing.assert_allclose(flipped["box"], [64 - x2, y1, 64 - x1, y2], atol=1e-4)
    for name in ("template", "search", "mask"):
        np.testing.assert_array_equal(flipped[name], plain[name][:, ::-1])


def test_a_target_without_mask() -> None:
    sample = pipeline(mask=False).sample(0)
    assert not sample["has_mask"]
    assert not sample["mask"].any()


def test_what_covers_the_target_is_not_in_its_mask() -> None:
    free, covered = (pipeline(changed(occlusion=chance)).sample(1) for chance in (0.0, 1.0))
    same = (free["search"] == covered["search"]).all(axis=2)
    assert 20 < (~same & free["mask"]).sum() < free["mask"].sum()
    np.testing.assert_array_equal(covered["mask"], free["mask"] & same)


def test_outside_the_image() -> None:
    """A target in the corner: three quarters of the rim are outside."""
    corner = {"box": (0.0, 0.0, 40.0, 20.0)}
    black, filled = (pipeline(changed(backdrop=chance), **corner).sample(0)["search"] for chance in (0.0, 1.0))
    assert black[:15].max() == black[:, :15].max() == 0
    assert set(filled[:15].ravel()) == set(filled[:, :15].ravel()) == {77}
    np.testing.assert_array_equal(black[17:, 17:], filled[17:, 17:])


def test_brightness_is_drawn_for_each_crop_and_gray_for_both() -> None:
    made = pipeline(changed(brightness=0.2))
    ratios = []
    for index in range(30):
        sample = made.sample(index)
        ratios.append(sample["search"][2:14, 2:60].mean() / sample["template"][2:14, 2:60].mean())
    assert np.std(ratios) > 0.05
    assert 0.8 / 1.2 * 0.97 < min(ratios) < max(ratios) < 1.2 / 0.8 * 1.03
    sample = pipeline(changed(gray=1.0)).sample(0)
    for name in ("template", "search"):
        assert np.ptp(sample[name].astype(int), axis=2).max() == 0


def test_a_function_of_seed_and_index() -> None:
    config = changed(MOVED, color=1.0, degrade=1.0, flip=0.5, occlusion=0.5)
    one, other = pipeline(config), pickle.loads(pickle.dumps(pipeline(config)))
    for index in (0, 7):
        first, second = one.sample(index), other.sample(index)
        assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(one.sample(0)["search"], one.sample(1)["search"])
    assert not np.array_equal(one.sample(0)["search"], refine_pipeline(Pairs(), config, 1, backdrop).sample(0)["search"])


@pytest.mark.parametrize("pairs", [{"present": False}, {"box": (60.0, 40.0, 61.0, 60.0)}, {"box": (0.0, 0.0, np.nan, 9.0)}])
def test_nothing_to_learn_from(pairs) -> None:
    class Useless(Pairs):
        def __init__(self) -> None:
            super().__init__(present=pairs.get("present", True))
            box = np.array(pairs.get("box", BOX))
            self.pair = tuple(View(view.image, box, view.id) for view in self.pair)

    with pytest.raises(LockonError, match="50 degenerate draws in a row at sample 4"):
        refine_pipeline(Useless(), PLAIN, 0).sample(4)


def test_a_mask_of_another_size_than_its_image() -> None:
    pairs = Pairs()
    pairs.pair = pairs.pair[0], View(pairs.pair[1].image, np.array(BOX), "test", lambda: np.zeros((5, 5), bool))
    with pytest.raises(LockonError, match=r"test: a mask of \(5, 5\) for an image of \(120, 160\)"):
        refine_pipeline(pairs, PLAIN, 0).sample(0)


@settings(max_examples=60, deadline=None)
@given(
    center=st.tuples(st.floats(0, 160), st.floats(0, 120)),
    size=st.tuples(st.floats(2, 300), st.floats(2, 300)),
    official=st.booleans(),
    index=st.integers(0, 1000),
)
def test_any_box_gives_truth_inside_the_crop(center, size, official: bool, index: int) -> None:
    class Any:
        def draw(self, rng, index=0) -> Views:
            view = View(scene(), cxcywh_to_xyxy([*center, *size]), "any")
            return Views.pair(view, view)

    sample = refine_pipeline(Any(), replace(MOVED, official=official), 0).sample(index)
    x1, y1, x2, y2 = sample["box"]
    assert 0 <= x1 < x2 <= 64
    assert 0 <= y1 < y2 <= 64


def test_a_size_that_is_too_small() -> None:
    with pytest.raises(LockonError, match="size=8"):
        RefineDataConfig(size=8)
