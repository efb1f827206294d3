from __future__ import annotations

import math

import numpy as np
import pytest

from lockon.data.synthesize import Cutout, Layer, Motion, Scene, paste, random_motion, random_scene


def still(x: float, y: float, size: float, **changes: float) -> Motion:
    """A motion that stays; changes: aspect, angle, bend."""
    start = np.array([x, y, math.log(size), changes.get("aspect", 0.0), changes.get("angle", 0.0), changes.get("bend", 0.0)])
    return Motion(start, np.zeros(6), np.zeros(6), rate=0.0, phase=0.0)


def opaque(w: int = 40, h: int = 40) -> Cutout:
    rgba = np.full((h, w, 4), 255, np.uint8)
    return Cutout(rgba, "white")


def ellipse(w: int = 60, h: int = 40) -> Cutout:
    y, x = np.mgrid[:h, :w]
    inside = ((x - (w - 1) / 2) / (w / 2)) ** 2 + ((y - (h - 1) / 2) / (h / 2)) ** 2 <= 1
    return Cutout(np.dstack([np.full((h, w, 3), 255, np.uint8), inside.astype(np.uint8) * 255]), "ellipse")


def extent(frame, level: int = 127) -> list[int]:
    """Extent of a white object on black: half covered pixels have half the brightness."""
    solid = frame[..., 0] > level
    ys, xs = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    return [xs[0], ys[0], xs[-1] + 1, ys[-1] + 1]


CASES = [
    (opaque(), still(100, 80, 40)),
    (opaque(), still(100.3, 79.6, 40)),
    (opaque(), still(100, 80, 15)),  # shrunk
    (opaque(), still(100, 80, 70)),  # enlarged
    (opaque(), still(100, 80, 40, aspect=math.log(3))),
    (opaque(), still(100, 80, 40, angle=0.5)),
    (ellipse(), still(100, 80, 50, angle=-0.3, bend=0.06)),
    (ellipse(), still(90, 70, 12)),
]


@pytest.mark.parametrize(("cutout", "motion"), CASES)
def test_box_is_the_extent_of_the_pixels(cutout: Cutout, motion: Motion) -> None:
    frame = np.zeros((160, 200, 3), np.uint8)
    assert paste(frame, Layer(cutout, motion), 0).tolist() == extent(frame)


@pytest.mark.parametrize(("aspect", "size"), [(0.0, 40), (math.log(4), 40), (-math.log(2), 60)])
def test_size_and_aspect_are_as_asked(aspect: float, size: float) -> None:
    x1, y1, x2, y2 = paste(np.zeros((300, 300, 3), np.uint8), Layer(opaque(), still(150, 150, size, aspect=aspect)), 0)
    assert (x2 - x1) == pytest.approx(size * math.exp(aspect / 2), abs=2)
    assert (y2 - y1) == pytest.approx(size * math.exp(-aspect / 2), abs=2)
    assert ((x1 + x2) / 2, (y1 + y2) / 2) == pytest.approx((150, 150), abs=1.5)


def test_outside_the_frame_the_extent_goes_on() -> None:
    frame = np.zeros((100, 100, 3), np.uint8)
    box = paste(frame, Layer(opaque(), still(-10, 50, 40)), 0)
    assert box == pytest.approx([-30, 30, 10, 70], abs=1)
    assert extent(frame)[0] == 0
    assert extent(frame)[2] == box[2]
    far = paste(frame.copy(), Layer(opaque(), still(-100, 50, 40)), 0)
    assert far == pytest.approx([-120, 30, -80, 70], abs=1)


def test_an_invisible_object_has_no_box() -> None:
    frame = np.zeros((100, 100, 3), np.uint8)
    clear = Cutout(np.zeros((40, 40, 4), np.uint8), "clear")
    assert np.isnan(paste(frame, Layer(clear, still(50, 50, 40)), 0)).all()
    assert np.isnan(paste(frame, Layer(opaque(), still(50, 50, 1e6)), 0)).all()
    assert frame.max() == 0


def test_motion() -> None:
    motion = Motion(np.arange(6.0), np.full(6, 2.0), np.ones(6), rate=0.25, phase=0.0)
    assert motion.at(0).tolist() == [0, 1, 2, 3, 4, 5]
    assert motion.at(1) == pytest.approx(np.arange(6) + 3)  # a quarter turn: the whole sway


def scene(target: Motion, front: tuple[Layer, ...] = ()) -> Scene:
    black = np.zeros((120, 160, 3), np.uint8)
    return Scene(black, np.zeros(2), (), Layer(opaque(), target), front, (160, 120))


def test_render_clips_the_box_and_counts_what_is_seen() -> None:
    image, box, seen = scene(still(160, 60, 40)).render(0)
    assert image.shape == (120, 160, 3)
    assert box.tolist() == extent(image)
    assert box[2] == 160
    assert seen == pytest.approx(0.5, abs=0.03)


def test_render_of_a_covered_target() -> None:
    cover = Layer(Cutout(np.dstack([np.zeros((40, 40, 3), np.uint8), np.full((40, 40), 255, np.uint8)]), "black"), still(90, 60, 40))
    image, box, seen = scene(still(80, 60, 40), (cover,)).render(0)
    assert box == pytest.approx([60, 40, 100, 80], abs=1)  # the whole target
    assert extent(image)[2] == pytest.approx(70, abs=1)  # what can be seen of it
    assert seen == pytest.approx(0.25, abs=0.03)


def test_render_of_a_departed_target() -> None:
    leaving = Motion(np.array([80.0, 60, math.log(40), 0, 0, 0]), np.array([10.0, 0, 0, 0, 0, 0]), np.zeros(6), 0.0, 0.0)
    assert scene(leaving).render(0)[2] == 1
    image, _, seen = scene(leaving).render(20)
    assert seen == 0
    assert image.max() == 0


def test_cutout_from_mask() -> None:
    image = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    mask = np.zeros((300, 400), dtype=bool)
    mask[50:150, 60:360] = True
    cutout = Cutout.from_mask(image, mask, "box", max_side=150)
    assert cutout is not None
    assert cutout.rgba.shape == (50, 150, 4)
    assert cutout.label == "box"
    mask[:] = False
    mask[:10, :10] = True
    assert Cutout.from_mask(image, mask, "tiny") is None
    assert Cutout.from_mask(image, np.zeros_like(mask), "nothing") is None


def test_random_scenes_are_a_function_of_their_seed() -> None:
    background = np.random.default_rng(1).integers(0, 256, (200, 300, 3), dtype=np.uint8)

    def render(seed: int):
        generator = np.random.default_rng(seed)
        return random_scene(generator, background, ellipse(), [opaque(), ellipse()]).render(7)

    first, again, other = render(0), render(0), render(1)
    assert np.array_equal(first[0], again[0])
    assert first[1].tolist() == again[1].tolist()
    assert not np.array_equal(first[0], other[0])
    assert first[0].shape == (300, 400, 3)


def test_random_motion_is_smooth() -> None:
    for seed in range(20):
        motion = random_motion(np.random.default_rng(seed), np.array([100.0, 100]), 50)
        path = np.array([motion.at(t) for t in range(60)])
        assert np.abs(np.diff(path[:, :2], axis=0)).max() < 50 / 2  # less than half the target per frame
        assert np.abs(np.diff(path[:, 2])).max() < 0.15


def test_mask_is_what_is_seen_of_the_target() -> None:
    background = np.zeros((160, 200, 3), np.uint8)
    target, cover = Layer(ellipse(), still(100, 80, 50)), Layer(opaque(), still(120, 80, 30))
    alone, covered = (Scene(background, np.zeros(2), (), target, front, (200, 160)) for front in ((), (cover,)))
    frame, box, _ = alone.render(0)
    mask = alone.mask(0)
    assert (mask == (frame[..., 0] > 127)).mean() > 0.999
    assert extent(mask[..., None] * np.uint8(255)) == box.tolist()
    hidden = mask & ~covered.mask(0)
    assert extent(hidden[..., None] * np.uint8(255))[0] == pytest.approx(105, abs=1)  # the cover is 30 wide around 120
    assert not (covered.mask(0) & ~mask).any()
    assert hidden.sum() == pytest.approx(mask[:, 105:].sum(), rel=0.35)


def test_mask_of_a_target_outside_the_frame() -> None:
    scene = Scene(np.zeros((160, 200, 3), np.uint8), np.zeros(2), (), Layer(opaque(), still(900, 80, 30)), (), (200, 160))
    assert not scene.mask(0).any()
