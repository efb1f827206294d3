from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lockon.data.refine_pipeline import RefineDataConfig, RefinePipeline, jittered
from lockon.data.sampler import View
from lockon.errors import LockonError
from lockon.ops.boxes import cxcywh_to_xyxy

PLAIN = RefineDataConfig(size=64, official=False, scale=0, offset=0, gray=0, brightness=0)
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

    def draw(self, rng):
        return *self.pair, self.present


def backdrop(rng) -> np.ndarray:
    return np.full((50, 50, 3), 77, np.uint8)


def pipeline(config: RefineDataConfig = PLAIN, **parts) -> RefinePipeline:
    return RefinePipeline(Pairs(**parts), config, 0, backdrop)


def extent(mask: np.ndarray) -> list[int]:
    rows, columns = np.nonzero(mask)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


class TestJitter:
    BOX = np.array([100.0, 80, 40, 10])

    def test_without(self) -> None:
        np.testing.assert_array_equal(jittered(np.random.default_rng(0), self.BOX, 0, 0, "code"), self.BOX)

    def test_sizes_are_log_normal_and_independent(self) -> None:
        """Eq. 2: both sides times e to the 0.25 of a normal number each."""
        rng = np.random.default_rng(0)
        logs = np.log([jittered(rng, self.BOX, 0.25, 0.25, "code")[2:] / self.BOX[2:] for _ in range(4000)])
        np.testing.assert_allclose(logs.mean(axis=0), 0, atol=0.02)
        np.testing.assert_allclose(logs.std(axis=0), 0.25, rtol=0.05)
        assert abs(np.corrcoef(logs.T)[0, 1]) < 0.05

    @pytest.mark.parametrize(("reading", "largest"), [("code", 0.5 * 0.25 * 20), ("paper", 0.5 * 0.25 * 40)])
    def test_centres_are_uniform(self, reading, largest: float) -> None:
        """Eq. 3-4 of a box of 40 x 10: sqrt(40 * 10) = 20, or by the paper, whose h and w are of the crop, sqrt(80 * 20) = 40."""
        rng = np.random.default_rng(0)
        moved = np.array([jittered(rng, self.BOX, 0, 0.25, reading)[:2] - self.BOX[:2] for _ in range(4000)])
        assert np.abs(moved).max() <= largest
        np.testing.assert_allclose(moved.std(axis=0), largest / 3**0.5, rtol=0.05)  # of a uniform number from -largest to largest

    def test_the_range_follows_the_jittered_size(self) -> None:
        """With u = 0.75 and sizes times e^0.25: a shift of 0.25 * 0.25 * 20 * e^0.25."""

        class Fixed:
            def standard_normal(self, n: int) -> np.ndarray:
                return np.ones(n)

            def random(self, n: int) -> np.ndarray:
                return np.full(n, 0.75)

        cx, cy, w, h = jittered(Fixed(), self.BOX, 0.25, 0.25, "code")  # type: ignore[arg-type]
        assert (w, h) == pytest.approx((40 * np.exp(0.25), 10 * np.exp(0.25)))
        assert (cx - 100, cy - 80) == pytest.approx((1.25 * np.exp(0.25),) * 2)


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
    made = pipeline(replace(PLAIN, official=official, scale=0.25, offset=0.25, offset_range="paper", flip=0.5))
    boxes = []
    for index in range(40):
        sample = made.sample(index)
        np.testing.assert_allclose(sample["box"], extent(sample["mask"]), atol=close)
        np.testing.assert_allclose(sample["box"], extent(sample["search"][..., 1] > 157), atol=close)
        boxes.append(sample["box"])
    assert np.std(boxes, axis=0).min() > 2


def test_the_reference_may_be_jittered_as_well() -> None:
    made = pipeline(replace(PLAIN, reference_scale=0.1, reference_offset=0.1))
    samples = [made.sample(index) for index in range(20)]
    assert np.std([sample["template_box"] for sample in samples], axis=0).min() > 0.5
    np.testing.assert_allclose([sample["box"] for sample in samples], [[16, 16, 48, 48]] * 20, atol=1e-4)


def test_truth_is_clipped_to_the_crop() -> None:
    made = pipeline(replace(PLAIN, scale=0.8))
    boxes = np.array([made.sample(index)["box"] for index in range(60)])
    assert boxes.min() == 0
    assert boxes.max() == 64


def test_mirrored() -> None:
    config = replace(PLAIN, scale=0.25, offset=0.25)
    plain, flipped = pipeline(config).sample(5), pipeline(replace(config, flip=1.0)).sample(5)
    x1, y1, x2, y2 = plain["box"]
    np.testing.assert_allclose(flipped["box"], [64 - x2, y1, 64 - x1, y2], atol=1e-4)
    for name in ("template", "search", "mask"):
        np.testing.assert_array_equal(flipped[name], plain[name][:, ::-1])


def test_a_target_without_mask() -> None:
    sample = pipeline(mask=False).sample(0)
    assert not sample["has_mask"]
    assert not sample["mask"].any()


def test_what_covers_the_target_is_not_in_its_mask() -> None:
    free, covered = (pipeline(replace(PLAIN, occlusion=chance)).sample(1) for chance in (0.0, 1.0))
    same = (free["search"] == covered["search"]).all(axis=2)
    assert 20 < (~same & free["mask"]).sum() < free["mask"].sum()
    np.testing.assert_array_equal(covered["mask"], free["mask"] & same)


def test_outside_the_image() -> None:
    """A target in the corner: three quarters of the rim are outside."""
    corner = {"box": (0.0, 0.0, 40.0, 20.0)}
    black, filled = (pipeline(replace(PLAIN, backdrop=chance), **corner).sample(0)["search"] for chance in (0.0, 1.0))
    assert black[:15].max() == black[:, :15].max() == 0
    assert set(filled[:15].ravel()) == set(filled[:, :15].ravel()) == {77}
    np.testing.assert_array_equal(black[17:, 17:], filled[17:, 17:])


def test_brightness_is_drawn_for_each_crop_and_gray_for_both() -> None:
    made = pipeline(replace(PLAIN, brightness=0.2))
    ratios = []
    for index in range(30):
        sample = made.sample(index)
        ratios.append(sample["search"][2:14, 2:60].mean() / sample["template"][2:14, 2:60].mean())
    assert np.std(ratios) > 0.05
    assert 0.8 / 1.2 * 0.97 < min(ratios) < max(ratios) < 1.2 / 0.8 * 1.03
    sample = pipeline(replace(PLAIN, gray=1.0)).sample(0)
    for name in ("template", "search"):
        assert np.ptp(sample[name].astype(int), axis=2).max() == 0


def test_a_function_of_seed_and_index() -> None:
    config = replace(PLAIN, scale=0.25, offset=0.25, color=1.0, degrade=1.0, flip=0.5, occlusion=0.5)
    one, other = pipeline(config), pickle.loads(pickle.dumps(pipeline(config)))
    for index in (0, 7):
        first, second = one.sample(index), other.sample(index)
        assert all(np.array_equal(first[name], second[name]) for name in first)
    assert not np.array_equal(one.sample(0)["search"], one.sample(1)["search"])
    assert not np.array_equal(one.sample(0)["search"], RefinePipeline(Pairs(), config, 1, backdrop).sample(0)["search"])


@pytest.mark.parametrize("pairs", [{"present": False}, {"box": (60.0, 40.0, 61.0, 60.0)}, {"box": (0.0, 0.0, np.nan, 9.0)}])
def test_nothing_to_learn_from(pairs) -> None:
    class Useless(Pairs):
        def __init__(self) -> None:
            super().__init__(present=pairs.get("present", True))
            box = np.array(pairs.get("box", BOX))
            self.pair = tuple(View(view.image, box, view.id) for view in self.pair)

    with pytest.raises(LockonError, match="50 degenerate pairs in a row at sample 4"):
        RefinePipeline(Useless(), PLAIN, 0).sample(4)


def test_a_mask_of_another_size_than_its_image() -> None:
    pairs = Pairs()
    pairs.pair = pairs.pair[0], View(pairs.pair[1].image, np.array(BOX), "test", lambda: np.zeros((5, 5), bool))
    with pytest.raises(LockonError, match=r"test: a mask of \(5, 5\) for an image of \(120, 160\)"):
        RefinePipeline(pairs, PLAIN, 0).sample(0)


@settings(max_examples=60, deadline=None)
@given(
    center=st.tuples(st.floats(0, 160), st.floats(0, 120)),
    size=st.tuples(st.floats(2, 300), st.floats(2, 300)),
    official=st.booleans(),
    index=st.integers(0, 1000),
)
def test_any_box_gives_truth_inside_the_crop(center, size, official: bool, index: int) -> None:
    class Any:
        def draw(self, rng):
            view = View(scene(), cxcywh_to_xyxy([*center, *size]), "any")
            return view, view, True

    sample = RefinePipeline(Any(), replace(PLAIN, official=official, scale=0.25, offset=0.25), 0).sample(index)
    x1, y1, x2, y2 = sample["box"]
    assert 0 <= x1 < x2 <= 64
    assert 0 <= y1 < y2 <= 64


@pytest.mark.parametrize(
    ("field", "value"), [("size", 8), ("scale", -0.1), ("offset", np.inf), ("gray", 1.5), ("flip", -1.0), ("brightness", 2.0)]
)
def test_bad_numbers(field: str, value: float) -> None:
    with pytest.raises(LockonError, match=f"{field}={value}"):
        RefineDataConfig(**{field: value})
