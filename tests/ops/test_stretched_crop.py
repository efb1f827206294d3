from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, strategies as st

from lockon.ops.boxes import cxcywh_to_xyxy
from lockon.ops.stretched_crop import OfficialStretchedCrop, StretchedCrop

BOTH = (StretchedCrop, OfficialStretchedCrop)
BOX = np.array([50.0, 40.0, 20.0, 10.0])  # cx, cy, w, h
side = st.floats(0.6, 300)
place = st.floats(-200, 500)
boxes = st.tuples(place, place, side, side).map(np.array)


def picture(width: int = 120, height: int = 90) -> np.ndarray:
    """Red grows with x by 2 per pixel, green with y; blue is 200 everywhere."""
    y, x = np.mgrid[:height, :width]
    return np.stack([2 * x, 2 * y, np.full_like(x, 200)], axis=-1).astype(np.uint8)


def test_the_box_is_the_middle_half_on_both_axes() -> None:
    crop = StretchedCrop.around(BOX, 2.0, 256)
    assert crop.windows().tolist() == [30, 30, 70, 50]
    assert crop.to_crop(cxcywh_to_xyxy(BOX)).tolist() == [64, 64, 192, 192]
    assert crop.scale.tolist() == [256 / 40, 256 / 20]


def test_pixels_lie_where_the_map_says() -> None:
    """Crop pixel (i, j), whose centre is (i + 0.5, j + 0.5), shows the image at that place: 2 (x - 0.5) of red."""
    crop = StretchedCrop.around(BOX, 2.0, 256)
    pixels = crop.extract(picture())
    for i, j in ((0, 0), (128, 128), (255, 255), (40, 200)):
        x, y = crop.to_image([i + 0.5, j + 0.5, 0, 0])[:2]
        assert pixels[j, i].tolist() == pytest.approx([2 * (x - 0.5), 2 * (y - 0.5), 200], abs=1)


@given(boxes, boxes, st.booleans())
def test_there_and_back(around: np.ndarray, other: np.ndarray, centers: bool) -> None:
    crop = StretchedCrop.around(around, 2.0, 256, middle=127.5 if centers else None)
    corners = cxcywh_to_xyxy(other)
    np.testing.assert_allclose(crop.to_image(crop.to_crop(corners)), corners, atol=1e-6)
    shift = 0.5 if centers else 0.0
    np.testing.assert_allclose(crop.to_crop(corners) + shift, StretchedCrop.around(around, 2.0, 256).to_crop(corners), atol=1e-6)


def test_a_batch_is_its_rows() -> None:
    rows = np.array([BOX, [10, 12, 4, 30]])
    corners = cxcywh_to_xyxy(rows) + 1
    for kind in BOTH:
        crops = kind.around(rows, 2.5, 64)
        for number in range(2):
            np.testing.assert_array_equal(crops.to_crop(corners)[number], crops[number].to_crop(corners[number]))
            np.testing.assert_array_equal(crops.to_image(corners)[number], crops[number].to_image(corners[number]))
            np.testing.assert_array_equal(crops.windows()[number], crops[number].windows())
        many = np.stack([corners, corners + 3], axis=1)  # (B, N, 4)
        np.testing.assert_array_equal(crops.expand().to_image(many)[:, 0], crops.to_image(corners))


def test_tiny_boxes_have_a_window() -> None:
    crop = StretchedCrop.around([50, 40, 0, 0.1], 2.0, 64)
    assert crop.sides.tolist() == [1, 1]
    assert crop.extract(picture()).shape == (64, 64, 3)


def reference_crop(image: np.ndarray, box: tuple[float, float, float, float], factor: float, size: int):
    """The published crop, padding as it does: x, y, w, h; Python's own ceil and round."""
    import math

    x, y, w, h = box
    wide, high = math.ceil(factor * w), math.ceil(factor * h)
    x1, y1 = round(x + w / 2 - wide / 2), round(y + h / 2 - high / 2)
    x2, y2 = x1 + wide, y1 + high
    left, right = max(0, -x1), max(x2 - image.shape[1] + 1, 0)
    top, bottom = max(0, -y1), max(y2 - image.shape[0] + 1, 0)
    inner = image[y1 + top : y2 - bottom, x1 + left : x2 - right]
    padded = cv2.copyMakeBorder(inner, top, bottom, left, right, cv2.BORDER_CONSTANT)
    return cv2.resize(padded, (size, size)), (left, top, right, bottom, wide, high)


@pytest.mark.parametrize(
    "box",
    [
        (30.0, 30, 20, 10),
        (30.3, 30.6, 20.2, 10.9),
        (-4.5, 20.5, 21, 11),
        (80.2, 60, 31.7, 25),
        (90, 70, 20, 10),  # the window ends at the image's last column and row but one
        (90.5, 70, 20, 20),  # it ends beyond: the last column is outside
        (2, 3, 140, 70),
    ],
)
@pytest.mark.parametrize("factor", [2.0, 2.5])
def test_official_crops_to_the_byte(box: tuple[float, float, float, float], factor: float) -> None:
    x, y, w, h = box
    crop = OfficialStretchedCrop.around([x + w / 2, y + h / 2, w, h], factor, 64)
    np.testing.assert_array_equal(crop.extract(picture()), reference_crop(picture(), box, factor, 64)[0])


def test_official_maps_are_no_inverse() -> None:
    """w = 20.2: the window is 41 pixels wide; to the crop by its centre and 127.5, back from x - w / 2 without a half."""
    crop = OfficialStretchedCrop.around([50, 40, 20.2, 10], 2.0, 256)
    assert crop.sides.tolist() == [41, 20]
    x1 = crop.to_crop([40, 0, 60, 0])[0]
    assert x1 == pytest.approx(127.5 - 10 * 256 / 41)
    assert crop.to_image([x1, 0, 0, 0])[0] == pytest.approx(50 - 20.2 + x1 * 41 / 256)
    assert crop.to_image([256, 0, 0, 0])[0] == pytest.approx(50 - 20.2 + 41)


def test_masks_return_to_where_they_were_cut() -> None:
    """Both ways of pasting: a disc that was cut out by the crop lies in its place again."""
    y, x = np.mgrid[:90, :120]
    disc = ((x + 0.5 - 50) ** 2 / 90 + (y + 0.5 - 40) ** 2 / 40 < 1).astype(np.uint8)
    for kind in BOTH:
        crop = kind.around(BOX, 2.0, 256)
        patch = crop.extract(disc * 255) / 255
        found = crop.paste(patch, (120, 90)) > 0.5
        assert found.shape == (90, 120)
        assert (found != disc.astype(bool)).sum() <= 6


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("box", [BOX, np.array([2, 88, 30.3, 21.7]), np.array([118, 1, 20, 9.5])], ids=str)
def test_nothing_is_pasted_outside_the_window(kind: type[StretchedCrop], box: np.ndarray) -> None:
    crop = kind.around(box, 2.0, 64)
    pasted = crop.paste(np.ones((64, 64)), (120, 90))
    x1, y1, x2, y2 = crop.windows()
    y, x = np.mgrid[:90, :120] + 0.5
    inside = (x > x1 + 1) & (x < x2 - 1) & (y > y1 + 1) & (y < y2 - 1)
    outside = (x < x1 - 0.5) | (x > x2 + 0.5) | (y < y1 - 0.5) | (y > y2 + 0.5)
    assert (pasted[inside] == 1).all()
    assert inside.any()
    assert not pasted[outside].any()
    assert outside.any()


@pytest.mark.parametrize("kind", BOTH)
def test_windows_outside_the_image(kind: type[StretchedCrop]) -> None:
    crop = kind.around([-300, 500, 20, 30], 2.0, 32)
    assert (crop.extract(picture(), border_color=(7, 8, 9)) == [7, 8, 9]).all()
    assert not crop.paste(np.ones((32, 32)), (120, 90)).any()


def test_grey_pictures() -> None:
    grey = np.full((90, 120), 50, np.uint8)
    for kind in BOTH:
        assert kind.around(BOX, 2.0, 32).extract(grey, border_color=3).tolist() == [[50] * 32] * 32
