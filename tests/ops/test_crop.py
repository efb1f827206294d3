from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, strategies as st

from lockon.ops.crop import Crop, mean_color
from lockon.ops.whole_crops import PysotCrop

number = st.floats(-500, 500, width=32)
length = st.floats(1, 500, width=32)


def test_around_follows_the_area_rule() -> None:
    crop = Crop.around([[50, 40, 20, 5], [10, 10, 1, 1]], factor=4.0, size=128)
    assert crop.center.tolist() == [[50, 40], [10, 10]]
    assert crop.side.tolist() == [40, 10]  # 4 sqrt(100); the second is held at the least side
    assert crop.size == 128


def test_around_of_a_degenerate_box_is_finite() -> None:
    assert float(Crop.around([5, 5, -3, 2], 4.0, 64).side) == 10


@pytest.mark.parametrize(
    ("side", "box", "expected"),
    [
        (50.0, [100, 80, 110, 90], [64, 64, 84, 84]),  # two crop pixels per image pixel, centre to centre
        (100.0, [50, 30, 150, 130], [0, 0, 100, 100]),
    ],
)
def test_to_crop_by_hand(side: float, box, expected) -> None:
    size = 128 if side == 50 else 100
    crop = Crop(np.array([100.0, 80.0]), np.asarray(side), size)
    got = crop.to_crop(box)
    if side == 50:
        scale = 128 / 50
        expected = [64, 64, 64 + 10 * scale, 64 + 10 * scale]
    np.testing.assert_allclose(got, expected)


@given(center=st.tuples(number, number), side=st.tuples(length, length), size=st.integers(8, 512), box=st.tuples(*[number] * 4))
def test_to_image_is_the_inverse_of_to_crop(center, side, size: int, box) -> None:
    for sides in (np.asarray(side[0]), np.asarray(side)):  # square, and with its own width and height
        crop = Crop(np.asarray(center), sides, size)
        np.testing.assert_allclose(crop.to_image(crop.to_crop(box)), box, atol=1e-6)


@given(center=st.tuples(number, number), side=length, size=st.integers(8, 512), point=st.tuples(number, number))
def test_matrix_agrees_with_to_crop(center, side: float, size: int, point) -> None:
    """The matrix works on pixel indices, whose centres lie at index + 1/2."""
    crop = Crop(np.asarray(center), np.asarray(side), size)
    index = crop.matrix() @ [point[0] - 0.5, point[1] - 0.5, 1]
    np.testing.assert_allclose(index + 0.5, crop.to_crop([*point, *point])[:2], atol=1e-5)


def test_batch_indexing_and_expand() -> None:
    crop = Crop(np.array([[10.0, 20], [30, 40], [50, 60]]), np.array([8.0, 16, 32]), 64)
    boxes = np.random.default_rng(0).uniform(0, 60, (3, 5, 4))
    together = crop.expand().to_image(boxes)
    assert together.shape == (3, 5, 4)
    for i in range(3):
        np.testing.assert_allclose(together[i], np.stack([crop[i].to_image(box) for box in boxes[i]]))
    assert crop[1:].center.tolist() == [[30, 40], [50, 60]]
    assert crop[1:].side.tolist() == [16, 32]


def test_expand_keeps_separate_sides() -> None:
    crop = Crop(np.zeros((2, 2)), np.array([[8.0, 16], [4, 2]]), 32)
    assert crop.expand().to_crop(np.ones((2, 3, 4)))[0, 0].tolist() == [20, 18, 20, 18]


def _extent(channel, level: float = 127.5) -> tuple[float, float]:
    """Sub-pixel start and end of a bright stretch in a 1-D profile, by linear interpolation of its flanks at half height."""
    profile = np.asarray(channel, dtype=np.float64)
    above = np.flatnonzero(profile >= level)
    start, end = above[0], above[-1]
    left = start - (profile[start] - level) / (profile[start] - profile[start - 1])
    right = end + (profile[end] - level) / (profile[end] - profile[end + 1])
    return left + 0.5, right + 0.5  # pixel centres


@pytest.mark.parametrize(("center", "side"), [((60.0, 50.0), 40.0), ((61.3, 48.7), 47.0), ((58.9, 52.2), 80.0)])
def test_extract_puts_a_painted_rectangle_where_to_crop_says(center, side: float) -> None:
    image = np.zeros((100, 120, 3), np.uint8)
    image[45:55, 52:70] = 255  # box 52, 45, 70, 55
    crop = Crop(np.asarray(center), np.asarray(side), 160)
    pixels = crop.extract(image)
    assert pixels.shape == (160, 160, 3)
    x1, y1, x2, y2 = crop.to_crop([52, 45, 70, 55])
    row, column = round((y1 + y2) / 2), round((x1 + x2) / 2)
    np.testing.assert_allclose(_extent(pixels[row, :, 0]), (x1, x2), atol=0.1)
    np.testing.assert_allclose(_extent(pixels[:, column, 0]), (y1, y2), atol=0.1)


def test_extract_of_the_whole_image_at_its_own_size_changes_nothing() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    assert (Crop(np.array([20.0, 20.0]), np.asarray(40.0), 40).extract(image) == image).all()


def test_outside_is_the_border_colour() -> None:
    image = np.full((20, 20, 3), 200, np.uint8)
    pixels = Crop(np.array([0.0, 10.0]), np.asarray(20.0), 40).extract(image, border_color=(10, 20, 30))
    assert (pixels[:, :18] == [10, 20, 30]).all()
    assert (pixels[2:38, 22:] == 200).all()


def test_mean_color() -> None:
    image = np.zeros((2, 4, 3), np.uint8)
    image[0] = (10, 20, 30)
    assert mean_color(image).tolist() == [5, 10, 15]


def test_with_context_by_hand() -> None:
    """A square target: p = w, so the side is 2 w; SiamFC's rule."""
    crop = Crop.with_context([[50, 40, 30, 30], [10, 10, 20, 60]], factor=1.0, size=127)
    assert crop.center.tolist() == [[50, 40], [10, 10]]
    np.testing.assert_allclose(crop.side, [60, np.sqrt((20 + 40) * (60 + 40))])
    np.testing.assert_allclose(Crop.with_context([0, 0, 20, 60], 2.0, 255, context=0.25).side, 2 * np.sqrt(40 * 80))


def test_with_context_of_a_degenerate_box_is_finite() -> None:
    assert Crop.with_context([[5, 5, 0, 0], [5, 5, -3, 2]], 1.0, 64).side.tolist() == [1, 1]


@given(center=st.tuples(number, number), side=length, size=st.integers(8, 512), box=st.tuples(*[number] * 4))
def test_pixel_centres_are_half_a_pixel_below_corners(center, side: float, size: int, box) -> None:
    """The same image box, counted from the first pixel's centre: 1/2 less. And back again to the same place."""
    corners = Crop(np.asarray(center), np.asarray(side), size)
    centers = Crop(np.asarray(center), np.asarray(side), size, middle=(size - 1) / 2)
    np.testing.assert_allclose(centers.to_crop(box), corners.to_crop(box) - 0.5, atol=1e-9)
    np.testing.assert_allclose(centers.to_image(centers.to_crop(box)), box, atol=1e-6)


def test_batches_keep_their_rules() -> None:
    crop = PysotCrop(np.zeros((2, 2)), np.array([8.0, 16]), 32, middle=15.5)
    for other in (crop[0], crop[:1], crop.expand()):
        assert (type(other), other.middle, other.size) == (PysotCrop, 15.5, 32)


def _padded_subwindow(image, center, side: int, size: int, border):
    """PySOT's way, step by step: pad the whole image, cut, resize."""
    left, top = (int(np.floor(c - (side + 1) / 2 + 0.5)) for c in center)
    pad = side + int(max(np.abs(center))) + max(image.shape[:2])
    canvas = np.zeros((image.shape[0] + 2 * pad, image.shape[1] + 2 * pad, 3), np.uint8)
    canvas[:] = np.asarray(border).astype(np.uint8)
    canvas[pad : pad + image.shape[0], pad : pad + image.shape[1]] = image
    patch = canvas[top + pad : top + pad + side, left + pad : left + pad + side]
    return patch if side == size else cv2.resize(patch, (size, size))


@pytest.mark.parametrize("center", [(30.2, 20.7), (0.0, 0.0), (59.9, 40.0), (-3.3, 55.5), (300.0, 20.0), (20.0, -300.0)])
@pytest.mark.parametrize("side", [20.49, 20.5, 21.5, 32.0, 150.2])
def test_whole_windows_are_the_official_ones(center, side: float) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    border = (10.999, 20.0, 255.0)
    got = PysotCrop(np.asarray(center), np.asarray(side), 32).extract(image, border)
    np.testing.assert_array_equal(got, _padded_subwindow(image, center, round(side), 32, border))


def test_whole_windows_of_one_channel() -> None:
    pixels = PysotCrop(np.array([0.0, 0.0]), np.asarray(8.0), 8).extract(np.full((20, 20), 200, np.uint8), 7.9)
    assert pixels.shape == (8, 8)
    assert (pixels[0, 0], pixels[-1, -1]) == (7, 200)
