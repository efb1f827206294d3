"""Augmentation of the PySOT family, by hand-computed cases and by properties."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lockon.data.samples.patch_jitter import COLOR_SPREAD, PatchJitter, color_offset, cross_blur, draw_window, jittered_crop, resample
from lockon.data.samples.pipeline import CroppedView
from lockon.data.samples.views import View
from lockon.errors import LockonError

BOX = np.array([235.0, 240, 275, 270])


def ramp(size: int = 511) -> np.ndarray:
    """An image whose red is x / 2 and whose green is y / 2."""
    y, x = np.mgrid[:size, :size]
    return np.stack([x / 2, y / 2, np.zeros((size, size))], axis=-1).round().astype(np.uint8)


def crop_of(patch: np.ndarray, jitter: PatchJitter, seed: int = 0) -> CroppedView:
    view = View(patch, BOX, "patch", lambda: patch[..., 0])
    return jittered_crop(np.random.default_rng(seed), view, jitter, mask=True)


def test_no_jitter_is_the_middle() -> None:
    rng = np.random.default_rng(0)
    window, factors = draw_window(rng, 511, PatchJitter(size=255))
    np.testing.assert_array_equal(window, [128, 128, 382, 382])
    np.testing.assert_array_equal(factors, [1, 1])
    crop = crop_of(ramp(), PatchJitter(size=255))
    np.testing.assert_array_equal(crop.pixels, ramp()[128:383, 128:383])
    np.testing.assert_array_equal(crop.box, BOX - 128)
    np.testing.assert_array_equal(crop_of(ramp(), PatchJitter(size=127)).pixels, ramp()[192:319, 192:319])


@pytest.mark.parametrize("size", [1, 600])
def test_sizes(size: int) -> None:
    with pytest.raises(LockonError, match=f"size={size} given, expected 2 to 511"):
        PatchJitter(size=size)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.sampled_from([127, 255, 401, 505]))
def test_windows_stay_in_the_patch_and_within_their_limits(seed: int, size: int) -> None:
    window, factors = draw_window(np.random.default_rng(seed), 511, PatchJitter(size=size, shift=64, scale=0.18))
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
    crop = crop_of(patch, PatchJitter(size=255, shift=64, scale=0.18, flip=flip), seed)
    rows, columns = np.nonzero(crop.pixels[..., 0] > 127)
    np.testing.assert_array_equal(crop.mask, crop.pixels[..., 0] > 127)
    np.testing.assert_allclose(crop.box, [columns.min(), rows.min(), columns.max(), rows.max()], atol=1.01)


def test_color_offsets_are_subtracted_in_order() -> None:
    rng = np.random.default_rng(3)
    draws = np.random.default_rng(3).standard_normal(3)
    np.testing.assert_allclose(color_offset(rng), COLOR_SPREAD @ draws, rtol=1e-6)
    offsets = np.array([color_offset(rng) for _ in range(3000)])
    np.testing.assert_allclose(np.cov(offsets.T), COLOR_SPREAD @ COLOR_SPREAD.T, atol=6)  # the covariance of M n is M M'
    grey = np.full((511, 511, 3), 100, np.uint8)
    for seed in range(20):
        crop = crop_of(grey, PatchJitter(size=127, color=1), seed).pixels
        expected = np.random.default_rng(seed)
        expected.random()  # the chance
        np.testing.assert_array_equal(crop[0, 0], np.rint(100 - color_offset(expected)))


def test_colors_are_cut_to_the_range() -> None:
    white = np.full((511, 511, 3), 255, np.uint8)
    crops = [crop_of(white, PatchJitter(size=127, color=1), seed).pixels for seed in range(20)]
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
    crop = crop_of(patch, PatchJitter(size=127, color=1, blur=blur), 5).pixels
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
