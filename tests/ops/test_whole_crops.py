"""Windows of whole pixels beyond what rules make of them; `PysotCrop` against PySOT's steps is in test_crop.py."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from lockon.ops.whole_crops import PatchCrop, padded_window

FRAME = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def test_a_patch_that_is_thinned() -> None:
    """Columns 11, 13, ... 21 and rows 4, 6, ... 14: every second pixel, the odd columns and the even rows."""
    crop = PatchCrop(np.array([16.0, 10.0]), np.asarray(12.0), 6, step=2, phase=(1, 0))
    np.testing.assert_array_equal(crop.extract(FRAME), FRAME[4:16:2, 11:23:2])
    larger = replace(crop, size=12)
    np.testing.assert_array_equal(larger.extract(FRAME), cv2.resize(FRAME[4:16:2, 11:23:2], (12, 12)))
    assert larger.to_crop([10, 4, 22, 16]).tolist() == [0, 0, 12, 12]


def test_a_thinned_patch_beyond_the_frame_repeats_pixels_that_are_kept() -> None:
    crop = PatchCrop(np.array([0.0, 10.0]), np.asarray(12.0), 6, step=3, phase=(2, 1))  # starts at columns -6, rows 4; four of each
    kept = FRAME[1::3, 2::3]
    expected = kept[1:5][:, [0, 0, 0, 1]]
    np.testing.assert_array_equal(crop.extract(FRAME), cv2.resize(expected, (6, 6)))
    black = cv2.resize(np.concatenate([np.zeros((4, 2, 3), np.uint8), expected[:, 2:]], axis=1), (6, 6))
    np.testing.assert_array_equal(crop.extract(FRAME, (0, 0, 0)), black)


def test_width_and_height_of_their_own() -> None:
    crop = PatchCrop(np.array([20.0, 15.0]), np.array([8.0, 16.0]), 8)
    np.testing.assert_array_equal(crop.extract(FRAME), cv2.resize(FRAME[7:23, 16:24], (8, 8)))


def test_a_batch_of_patches() -> None:
    crops = PatchCrop(np.array([[16.0, 10], [30, 20]]), np.array([12.0, 8]), 6, 2.5, np.array([2, 1]), np.array([[1, 0], [0, 0]]))
    assert (int(crops[0].step), int(crops[1].step), crops[0].phase.tolist(), crops[1].middle) == (2, 1, [1, 0], 2.5)
    np.testing.assert_array_equal(crops[0].extract(FRAME), FRAME[4:16:2, 11:23:2])
    np.testing.assert_array_equal(crops[1:].center, [[30, 20]])
    boxes = np.random.default_rng(1).uniform(0, 40, (2, 3, 4))
    many = crops.expand().to_image(boxes)
    np.testing.assert_array_equal(many[1], np.stack([crops[1].to_image(box) for box in boxes[1]]))


@pytest.mark.parametrize("corner", [(-3, -2), (57, 37), (-100, 5), (5, 100), (20, 10)])
@pytest.mark.parametrize("sides", [(7, 5), (70, 50)])
@pytest.mark.parametrize("color", [None, (1, 2, 3)])
def test_padded_window_is_a_cut_of_the_padded_frame(corner: tuple[int, int], sides: tuple[int, int], color: tuple[int, ...] | None) -> None:
    pad = 200
    mode = cv2.BORDER_REPLICATE if color is None else cv2.BORDER_CONSTANT
    padded = cv2.copyMakeBorder(FRAME, pad, pad, pad, pad, mode, value=color)
    (x, y), (w, h) = corner, sides
    np.testing.assert_array_equal(padded_window(FRAME, corner, sides, color), padded[y + pad : y + pad + h, x + pad : x + pad + w])


def test_padded_window_of_one_channel() -> None:
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert padded_window(grey, (-1, 0), (3, 3), (9,)).tolist() == [[9, 0, 1], [9, 3, 4], [9, 9, 9]]
    assert padded_window(grey, (-1, 0), (3, 3), None).tolist() == [[0, 0, 1], [3, 3, 4], [3, 3, 4]]
