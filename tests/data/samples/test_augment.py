from __future__ import annotations

import numpy as np
import pytest

from lockon.data.samples import augment


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


ALL = {
    "jitter_color": lambda r, i: augment.jitter_color(r, i, brightness=0.2, contrast=0.3, saturation=0.4, hue=20),
    "gaussian_blur": augment.gaussian_blur,
    "motion_blur": augment.motion_blur,
    "jpeg": augment.jpeg,
    "low_resolution": augment.low_resolution,
    "noise": augment.noise,
    "occlude": lambda r, i: augment.occlude(r, i, np.array([30.0, 20, 90, 70]), i[::-1]),
    "degrade": augment.degrade,
}


@pytest.mark.parametrize("name", ALL)
def test_each_is_a_function_of_generator_and_image(name: str, image) -> None:
    kept = image.copy()
    outputs = [ALL[name](rng(seed), image) for seed in range(20)]
    again = [ALL[name](rng(seed), image) for seed in range(20)]
    assert all(np.array_equal(a, b) for a, b in zip(outputs, again, strict=True))
    assert len({output.tobytes() for output in outputs}) > 5
    assert all(output.dtype == np.uint8 and output.shape == image.shape for output in outputs)
    assert np.array_equal(image, kept)


def test_colour_jitter_of_no_strength_changes_nothing(image) -> None:
    assert np.array_equal(augment.jitter_color(rng(), image, brightness=0, contrast=0, saturation=0, hue=0), image)


def test_to_gray_has_equal_channels(image) -> None:
    gray = augment.to_gray(image)
    assert (gray == gray[..., :1]).all()
    assert gray.std() > 10


@pytest.mark.parametrize("blur", [augment.gaussian_blur, augment.motion_blur, augment.low_resolution])
def test_blurs_smooth_and_keep_the_mean(blur, image) -> None:
    out = blur(rng(), image)
    assert out.astype(float).std() < 0.95 * image.astype(float).std()
    assert abs(out.astype(float).mean() - image.mean()) < 2


def test_occlusion_covers_part_of_the_box_and_little_else() -> None:
    image, patch = np.zeros((100, 100, 3), np.uint8), np.full((50, 50, 3), 255, np.uint8)
    box = np.array([30.0, 40, 70, 80])
    for seed in range(50):
        covered = augment.occlude(rng(seed), image, box, patch, max_cover=0.5)[..., 0] > 0
        ys, xs = np.nonzero(covered)
        assert 0 < covered.sum() <= 0.55 * 40 * 40
        assert covered[40:80, 30:70].sum() > 0
        assert xs.min() >= 30 - 41
        assert ys.min() >= 40 - 41


def test_occlusion_of_a_box_outside_the_image_changes_nothing(image) -> None:
    assert augment.occlude(rng(), image, np.array([500.0, 500, 520, 520]), image) is image
