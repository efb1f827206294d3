from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from lockon.data.samples import augment
from lockon.data.samples.appearance import Appearance
from lockon.data.samples.pairs import PairDataConfig, pair_pipeline
from lockon.data.samples.pipeline import MAX_REDRAWS, SamplePipeline
from lockon.data.samples.sources import MixedDraw
from lockon.data.samples.views import View, Views
from lockon.errors import LockonError

RED = (230, 10, 10)


def plain(rotation: float = 0.0, **appearance: float) -> PairDataConfig:
    """No changes of the pixels but those that are given."""
    default = PairDataConfig()
    return PairDataConfig(
        template=replace(default.template, rotation=rotation),
        search=replace(default.search, rotation=rotation),
        appearance=Appearance(**{"degrade": 1.0, "flip": 0.5, **appearance}),
    )


PLAIN = plain()


class Painted:
    """Views of a red rectangle or ellipse on a textured grey-blue image."""

    def __init__(self, name: str = "painted", ellipse: bool = False, degenerate: int = 0, size: float = 50) -> None:
        self.name, self.ellipse, self.degenerate, self.size = name, ellipse, degenerate, size

    def draw(self, rng, index=0):
        if self.degenerate > 0:
            self.degenerate -= 1
            empty = View(np.zeros((50, 50, 3), np.uint8), np.zeros(4), f"{self.name}/empty")
            return Views.pair(empty, empty)
        return Views.pair(self._view(rng), self._view(rng))

    def _view(self, rng) -> View:
        image = np.zeros((300, 400, 3), np.uint8)
        image[..., 2] = rng.integers(60, 160, (300, 400))
        image[..., 1] = 100
        w, h = (int(v) for v in self.size * rng.uniform(0.6, 1.5, 2))
        x, y = int(rng.integers(120, 280 - w // 2)), int(rng.integers(100, 200 - h // 2))
        if self.ellipse:
            center = ((x + w / 2 - 0.5), (y + h / 2 - 0.5))
            cv2.ellipse(image, (center, (w, h), 0), RED, -1)
        else:
            image[y : y + h, x : x + w] = RED
        return View(image, np.array([x, y, x + w, y + h], dtype=np.float64), f"{self.name}/{rng.integers(10**6)}")


def pipeline(config: PairDataConfig = PLAIN, seed: int = 0, negative: float = 0.0, **source) -> SamplePipeline:
    return pair_pipeline(MixedDraw([(Painted(**source), 1.0)], negative), config, seed)


@pytest.fixture
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No blur, noise or compression, so that colours can be measured."""
    monkeypatch.setattr(augment, "degrade", lambda _, image, strength: image)


def red_extent(crop):
    """Sub-pixel extent of the red pixels: pixels more than half red."""
    red = (crop[..., 0].astype(int) - crop[..., 1]) > 65
    ys, xs = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
    return np.array([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1])


def test_arrays() -> None:
    sample = pipeline(PairDataConfig()).sample(0)
    assert sample["template"].shape == (112, 112, 3)
    assert sample["search"].shape == (224, 224, 3)
    assert sample["template"].dtype == sample["search"].dtype == np.uint8
    assert sample["box"].shape == (4,)
    assert sample["box"].dtype == np.float32
    assert sample["present"].shape == ()
    assert bool(sample["present"])
    assert sample["ids"].startswith("painted/")
    assert sample["template"].flags.c_contiguous
    assert sample["search"].flags.c_contiguous


def same(a: dict, b: dict) -> bool:
    return all(np.array_equal(a[name], b[name]) for name in a)


def test_a_sample_is_a_function_of_seed_and_index() -> None:
    first = pipeline(PairDataConfig(), negative=0.2)
    samples = [first.sample(index) for index in range(6)]
    other = pipeline(PairDataConfig(), negative=0.2)
    assert all(same(other.sample(index), samples[index]) for index in (5, 2, 2, 0))  # any order, any instance
    assert not same(samples[0], samples[1])
    assert not same(pipeline(PairDataConfig(), seed=1, negative=0.2).sample(0), samples[0])


def check_boxes(pairs: SamplePipeline, atol: float) -> None:
    """The box of every sample bounds what is painted red."""
    for index in range(25):
        sample = pairs.sample(index)
        np.testing.assert_allclose(red_extent(sample["search"]), np.clip(sample["box"], 0, 224), atol=atol)


@pytest.mark.usefixtures("_clean")
@pytest.mark.parametrize("flip", [0.0, 1.0])
@pytest.mark.parametrize("size", [30, 50, 130])  # the largest is shrunk before it is warped
def test_box_bounds_the_painted_rectangle(flip: float, size: float) -> None:
    check_boxes(pipeline(plain(flip=flip), size=size), atol=1.6)


@pytest.mark.usefixtures("_clean")
def test_box_bounds_a_rotated_ellipse() -> None:
    """The rule for rotated boxes (extent of the inscribed ellipse) is exact for ellipses."""
    check_boxes(pipeline(plain(rotation=15), ellipse=True), atol=2.5)


@pytest.mark.usefixtures("_clean")
def test_template_is_centred_at_its_scale() -> None:
    for index in range(20):
        x1, y1, x2, y2 = red_extent(pipeline().sample(index)["template"])
        assert abs((x1 + x2) / 2 - 56) < 0.031 * 112 + 2
        assert abs((y1 + y2) / 2 - 56) < 0.031 * 112 + 2
        assert np.sqrt((x2 - x1) * (y2 - y1)) == pytest.approx(112 / 1.875, rel=0.1)


@pytest.mark.usefixtures("_clean")
def test_search_shifts_cover_the_crop_and_favour_its_middle() -> None:
    pairs = pipeline()
    boxes = np.stack([pairs.sample(index)["box"] for index in range(150)])
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2 / 224 - 0.5
    assert np.abs(centers).max() <= 0.361
    assert np.abs(centers).max() > 0.3
    near = (np.abs(centers) < 0.1).all(1).mean()
    assert near > 0.25  # uniform shifts alone would give 0.08


def test_degenerate_draws_are_skipped_and_counted() -> None:
    sample = pipeline(degenerate=7).sample(0)
    assert int(sample["redraws"]) == 7


def test_nothing_but_degenerate_draws() -> None:
    with pytest.raises(LockonError, match=f"{MAX_REDRAWS} degenerate draws in a row at sample 3"):
        pipeline(degenerate=10**9).sample(3)


def test_negative_pairs() -> None:
    draw = MixedDraw([(Painted("a"), 1.0), (Painted("b"), 1.0)], negative=1.0)
    samples = [pair_pipeline(draw, PLAIN, 0).sample(index) for index in range(40)]
    for sample in samples:
        template, search = sample["ids"].split(" -> ")
        assert bool(sample["present"]) == (template[0] == search[0])
    assert {bool(sample["present"]) for sample in samples} == {True, False}


@pytest.mark.usefixtures("_clean")
def test_gray_pairs_lose_their_colour_together() -> None:
    sample = pipeline(plain(rotation=4.0, gray=1.0)).sample(0)
    for name in ("template", "search"):
        assert (sample[name] == sample[name][..., :1]).all()


class Corner:
    """A target in the corner of its image: most of the crop is outside."""

    def draw(self, rng, index=0):
        view = View(np.full((100, 100, 3), 90, np.uint8), np.array([0.0, 0, 40, 40]), "corner/0")
        return Views.pair(view, view)


@pytest.mark.usefixtures("_clean")
@pytest.mark.parametrize(("chance", "expected"), [(1.0, [0, 255, 0]), (0.0, [90, 90, 90])])
def test_what_lies_outside_the_image(chance: float, expected) -> None:
    """A backdrop where one is drawn, else the image's mean colour."""
    green = np.zeros((64, 64, 3), np.uint8)
    green[..., 1] = 255
    pairs = pair_pipeline(Corner(), plain(flip=0, backdrop=chance), 0, backdrops=lambda _: green)
    for index in range(10):
        sample = pairs.sample(index)
        x1, y1 = sample["box"][:2]
        outside = sample["search"][: max(int(y1) - 2, 0), : max(int(x1) - 2, 0)]
        assert (outside == expected).all()
