"""Crops and augmentation of the PySOT family, by hand-computed cases and by properties."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lockon.data.pysot_augment import COLOR_SPREAD, Jitter, color_offset, cross_blur, draw_window, jittered_crop, resample
from lockon.data.pysot_crop import box_in_patch, context_side, cut_patch

STRONG = Jitter(shift=64, scale=0.18)
BOX = np.array([235.0, 240, 275, 270])


def ramp(size: int = 511) -> np.ndarray:
    """An image whose red is x / 2 and whose green is y / 2."""
    y, x = np.mgrid[:size, :size]
    return np.stack([x / 2, y / 2, np.zeros((size, size))], axis=-1).round().astype(np.uint8)


@pytest.mark.parametrize(("width", "height"), [(40, 40), (10, 90), (33.5, 20.25)])
def test_context_and_box_in_patch(width: float, height: float) -> None:
    p = (width + height) / 2
    assert context_side(width, height) == pytest.approx(math.sqrt((width + p) * (height + p)))
    box = box_in_patch(width, height)
    np.testing.assert_allclose((box[:2] + box[2:]) / 2, [255, 255])
    np.testing.assert_allclose(box[2:] - box[:2], np.array([width, height]) * 127 / context_side(width, height))


def test_a_square_target_has_half_of_its_template() -> None:
    np.testing.assert_allclose(box_in_patch(30, 30), [255 - 127 / 4, 255 - 127 / 4, 255 + 127 / 4, 255 + 127 / 4])


def test_patch_maps_the_square_to_its_corner_pixels() -> None:
    """A 63.5-pixel square target has a context square of 127 and a patch square of 511: shown at 510 / 511."""
    image = np.zeros((600, 700, 3), np.uint8)
    image[..., 0] = (np.arange(700) // 4).astype(np.uint8)
    middle = np.array([350.0, 300])
    box = np.concatenate([middle - 31.75, middle + 31.75])
    patch = cut_patch(image, box)
    assert patch.shape == (511, 511, 3)
    columns = np.arange(0, 511, 51)
    expected = middle[0] - 511 / 2 + columns * 511 / 510
    np.testing.assert_allclose(patch[255, columns, 0], expected // 4, atol=1)


def test_outside_the_image_is_its_mean_color() -> None:
    image = np.full((50, 60, 3), (10, 20, 30), np.uint8)
    image[:25] = (30, 60, 90)
    patch = cut_patch(image, np.array([20.0, 20, 30, 30]))
    np.testing.assert_array_equal(patch[0, 0], [20, 40, 60])


def test_no_jitter_is_the_middle() -> None:
    rng = np.random.default_rng(0)
    window, factors = draw_window(rng, 511, 255, Jitter())
    np.testing.assert_array_equal(window, [128, 128, 382, 382])
    np.testing.assert_array_equal(factors, [1, 1])
    crop, box, _ = jittered_crop(rng, ramp(), BOX, 255, Jitter())
    np.testing.assert_array_equal(crop, ramp()[128:383, 128:383])
    np.testing.assert_array_equal(box, BOX - 128)
    template, _, _ = jittered_crop(rng, ramp(), BOX, 127, Jitter())
    np.testing.assert_array_equal(template, ramp()[192:319, 192:319])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.sampled_from([127, 255, 401, 505]))
def test_windows_stay_in_the_patch_and_within_their_limits(seed: int, size: int) -> None:
    window, factors = draw_window(np.random.default_rng(seed), 511, size, STRONG)
    assert (factors >= 1 - 0.18).all()
    assert (factors <= min(1.18, 511 / (size - 1))).all()
    np.testing.assert_allclose(window[2:] - window[:2], (size - 1) * factors)
    if ((size - 1) * factors <= 510).all():
        assert (window >= -1e-9).all()
        assert (window <= 510 + 1e-9).all()
        assert (np.abs((window[:2] + window[2:]) / 2 - 255) <= 64 + 1e-9).all()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), flip=st.sampled_from([0.0, 1.0]))
def test_the_box_stays_on_its_object(seed: int, flip: float) -> None:
    """A bright rectangle is found again where the box says it is."""
    patch = np.zeros((511, 511, 3), np.uint8)
    patch[240:271, 235:276] = 255  # the centres of its border pixels are the box
    jitter = Jitter(shift=64, scale=0.18, flip=flip)
    crop, box, mask = jittered_crop(np.random.default_rng(seed), patch, BOX, 255, jitter, mask=patch[..., 0])
    rows, columns = np.nonzero(crop[..., 0] > 127)
    np.testing.assert_array_equal(mask, crop[..., 0] > 127)
    found = [columns.min(), rows.min(), columns.max(), rows.max()]
    np.testing.assert_allclose(box, found, atol=1.01)


def test_color_offsets_are_subtracted_in_order() -> None:
    rng = np.random.default_rng(3)
    draws = np.random.default_rng(3).standard_normal(3)
    np.testing.assert_allclose(color_offset(rng), COLOR_SPREAD @ draws, rtol=1e-6)
    offsets = np.array([color_offset(rng) for _ in range(3000)])
    np.testing.assert_allclose(np.cov(offsets.T), COLOR_SPREAD @ COLOR_SPREAD.T, atol=6)  # the covariance of M n is M M'
    grey = np.full((511, 511, 3), 100, np.uint8)
    for seed in range(20):
        crop, _, _ = jittered_crop(np.random.default_rng(seed), grey, BOX, 127, Jitter(color=1))
        expected = np.random.default_rng(seed)
        expected.random()  # the chance
        np.testing.assert_array_equal(crop[0, 0], np.rint(100 - color_offset(expected)))


def test_colors_are_cut_to_the_range() -> None:
    white = np.full((511, 511, 3), 255, np.uint8)
    crops = [jittered_crop(np.random.default_rng(seed), white, BOX, 127, Jitter(color=1))[0] for seed in range(20)]
    assert all(crop.dtype == np.uint8 and crop.min() > 200 for crop in crops)


def test_blur_is_a_cross_of_weight_one() -> None:
    point = np.zeros((101, 101, 3), np.float32)
    point[50, 50] = 255
    sizes = set()
    for seed in range(200):
        blurred = cross_blur(np.random.default_rng(seed), point)
        assert blurred.sum() == pytest.approx(3 * 255, rel=1e-4)
        rows, columns = np.nonzero(blurred[..., 0] > 1e-4)
        assert np.all((rows == 50) | (columns == 50))
        sizes.add(int(max(np.ptp(rows), np.ptp(columns))) + 1)
    assert sizes == set(range(5, 46, 2))


@pytest.mark.parametrize("seed", range(5))
def test_blur_is_the_family_s_kernel(seed: int) -> None:
    image = np.random.default_rng(1).random((80, 70, 3), dtype=np.float32) * 255
    rng = np.random.default_rng(seed)
    size, upright = int(rng.choice(np.arange(5, 46, 2))), rng.random()
    kernel = np.zeros((size, size))
    kernel[:, size // 2] += upright / size
    kernel[size // 2, :] += (1 - upright) / size
    np.testing.assert_allclose(cross_blur(np.random.default_rng(seed), image), cv2.filter2D(image, -1, kernel), atol=1e-2)


@pytest.mark.parametrize("blur", [0.0, 1.0])
def test_colors_are_those_of_the_floats(blur: float) -> None:
    """The table of grey levels gives what rounding the floats gives."""
    patch = np.random.default_rng(0).integers(0, 256, (511, 511, 3), dtype=np.uint8)
    crop, _, _ = jittered_crop(np.random.default_rng(5), patch, BOX, 127, Jitter(color=1, blur=blur))
    rng = np.random.default_rng(5)
    rng.random()
    expected = patch[192:319, 192:319] - color_offset(rng)
    rng.random()
    if blur:
        expected = cross_blur(rng, expected)
    np.testing.assert_array_equal(crop, np.clip(np.rint(expected), 0, 255))


def test_resample_outside_is_black() -> None:
    grey = np.full((511, 511, 3), 100, np.uint8)
    out = resample(grey, np.array([-20.0, 0, 234, 254]), 255)
    assert out[:, 0].max() == 0
    assert out[:, 30].min() == 100
