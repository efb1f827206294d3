"""Patches back into frames: the exact placement against cropping itself, PySOT's against its arithmetic step by step."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lockon.errors import LockonError
from lockon.localizers.masks import MaskConfig, mask_box, mask_polygon, paste_patch
from lockon.ops.crop import Crop
from lockon.ops.whole_crops import PysotCrop

SIZE = (320, 240)  # width, height
P = 127


@settings(max_examples=40, deadline=None)
@given(
    cx=st.floats(60, 260),
    cy=st.floats(60, 180),
    side=st.floats(100, 400),
    row=st.integers(8, 16),
    col=st.integers(8, 16),
)
def test_a_patch_cut_from_the_search_crop_returns_to_where_it_was(cx: float, cy: float, side: float, row: int, col: int) -> None:
    """A soft blob in the frame, cropped, its window at a cell cut out, pasted back: the blob's mask again, to a tenth of a pixel."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    blob = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * 12.0**2)).astype(np.float32)
    center = np.array([cx - (col - 12) * 8 * side / 255 + 1.3, cy - (row - 12) * 8 * side / 255 - 0.7])  # so that the cell shows the blob
    crop = Crop(center, np.array(side), 255)
    search = cv2.warpAffine(blob, crop.matrix(), (255, 255), flags=cv2.INTER_LINEAR)
    padded = np.pad(search, 32)  # cell 0 begins 32 pixels before the crop
    pasted = paste_patch(padded[row * 8 : row * 8 + P, col * 8 : col * 8 + P], crop, row, col, size=SIZE, config=MaskConfig(threshold=0.5))
    rows, cols = np.nonzero(pasted)
    np.testing.assert_allclose([cols.mean() + 0.5, rows.mean() + 0.5], [cx, cy], atol=0.35)
    expected = blob > 0.5
    assert (pasted != expected).sum() <= 0.06 * expected.sum() + 32 * (side / 255) ** 2


def test_whole_windows_follow_pysot_step_by_step() -> None:
    """The arithmetic of its tracker, one variable after the other, on a random patch; the sides of the frame are not alike."""
    rng = np.random.default_rng(0)
    patch = cv2.resize(rng.uniform(0, 1, (9, 9)).astype(np.float32), (P, P), interpolation=cv2.INTER_CUBIC)
    center, side, row, col = (150.3, 98.8), 211.5, 14, 9
    crop = PysotCrop(np.array(center), np.array(side), 255, middle=127.0)
    rounded = 212.0  # half to even
    scale = rounded / 255
    x, y = (center[0] - rounded / 2 + (col - 4) * 8 * scale, center[1] - rounded / 2 + (row - 4) * 8 * scale)
    zoom = 127 / (127 * scale)
    back = (-x * zoom, -y * zoom, SIZE[0] * zoom, SIZE[1] * zoom)
    a, b = (SIZE[0] - 1) / back[2], (SIZE[1] - 1) / back[3]
    matrix = np.array([[a, 0, -a * back[0]], [0, b, -b * back[1]]])
    expected = cv2.warpAffine(patch, matrix, SIZE, flags=cv2.INTER_LINEAR) > 0.4
    pasted = paste_patch(patch, crop, row, col, size=SIZE, config=MaskConfig(threshold=0.4))
    assert 1000 < expected.sum() < 20000
    assert (pasted != expected).sum() <= 2  # the order of operations may differ in the last bit


def test_threshold_is_strict_and_outside_is_false() -> None:
    crop = Crop(np.array([160.0, 120.0]), np.array(255.0), 255)
    patch = np.full((P, P), 0.25, dtype=np.float32)
    assert not paste_patch(patch, crop, 12, 12, size=SIZE, config=MaskConfig(threshold=0.25)).any()
    mask = paste_patch(patch, crop, 12, 12, size=SIZE, config=MaskConfig(threshold=0.2))
    assert mask.shape == (240, 320)
    # the crop's middle pixel 127 has its centre at (160, 120); the patch is 63 pixels to each side of it, and linear in the outermost
    np.testing.assert_allclose(mask_box(mask), [160 - 63.5, 120 - 63.5, 127, 127], atol=1.5)


@pytest.mark.parametrize(("row", "col"), [(0, 0), (24, 24), (0, 24)])
def test_cells_at_the_border_reach_beyond_the_frame(row: int, col: int) -> None:
    crop = Crop(np.array([160.0, 120.0]), np.array(600.0), 255)
    mask = paste_patch(np.ones((P, P)), crop, row, col, size=SIZE)
    assert mask.shape == (240, 320)
    expected_x = 160 + ((col - 4) * 8 + 63 - 127) * 600 / 255
    assert mask[:, :20].any() == (expected_x - 63 * 600 / 255 < 20)


@pytest.mark.parametrize(
    ("patch", "center"),
    [(np.ones((127, 126)), (5.0, 5.0)), (np.ones((2, 127, 127)), (5.0, 5.0)), (np.ones((127, 127)), ((5.0, 5.0), (6.0, 6.0)))],
)
def test_wrong_shapes_are_named(patch: np.ndarray, center: object) -> None:
    with pytest.raises(LockonError, match="expected one"):
        paste_patch(patch, Crop(np.array(center), np.ones(np.shape(center)[:-1]), 255), 3, 3, size=SIZE)


def test_polygon_of_a_turned_rectangle() -> None:
    corners = cv2.boxPoints(((100.0, 80.0), (60.0, 24.0), 30.0))
    mask = np.zeros((200, 220), np.uint8)
    cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 1)
    found = mask_polygon(mask.astype(bool))
    assert found is not None
    assert found.shape == (4, 2)
    distance = np.linalg.norm(found[:, None] - corners[None], axis=-1).min(axis=1)
    assert distance.max() < 1.5


def test_the_largest_outline_counts_and_small_ones_do_not() -> None:
    mask = np.zeros((120, 120), bool)
    mask[10:22, 10:22] = True  # 11 x 11 between pixel centres
    mask[60:100, 30:50] = True
    assert mask_box(mask).tolist() == [30, 60, 20, 40]
    mask[60:100, 30:50] = False
    assert mask_box(mask).tolist() == [10, 10, 12, 12]
    mask[:, 21] = False  # 10 x 11 = 110
    assert mask_polygon(mask) is not None
    mask[21] = False  # 10 x 10 = 100 is not above 100
    assert mask_polygon(mask) is None
    assert mask_box(mask) is None
    assert mask_box(np.zeros((4, 4), bool)) is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", ["threshold", "stride", "offset"])
@pytest.mark.parametrize("make", [Crop, PysotCrop])
def test_settings_at_the_ends_of_their_ranges_give_a_mask(make: type, name: str) -> None:
    ends = {"threshold": (0, 1), "stride": (0.1, 1000), "offset": (-10_000, 10_000)}
    crop = make(np.array([150.0, 100]), np.array(200.0), 255, **({"middle": 127.0} if make is PysotCrop else {}))
    for value in ends[name]:
        pasted = paste_patch(np.full((P, P), 0.5), crop, 12, 12, size=SIZE, config=MaskConfig(**{name: value}))
        assert (pasted.shape, pasted.dtype) == (SIZE[::-1], np.bool_)
