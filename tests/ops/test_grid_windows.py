from __future__ import annotations

import numpy as np
import pytest

from lockon.errors import LockonError
from lockon.ops.grid import AnchorGrid, Grid, unpadded_grid
from lockon.ops.windows import hann


def test_grid_is_centred_and_row_by_row() -> None:
    points = Grid(3, 16).points()
    assert points.dtype == np.float32
    assert points.tolist() == [[x, y] for y in (8, 24, 40) for x in (8, 24, 40)]


def test_grid_with_an_offset() -> None:
    assert Grid(2, 8, offset=31).points().tolist() == [[31, 31], [39, 31], [31, 39], [39, 39]]


def test_anchors_of_the_published_trackers() -> None:
    """Sides are truncated before scaling; boxes come anchor by anchor, then row by row."""
    anchors = AnchorGrid(Grid(2, 8, offset=31))
    assert anchors.shapes().tolist() == [[104, 32], [88, 40], [64, 64], [40, 80], [32, 96]]
    boxes = anchors.boxes()
    assert (anchors.anchors, boxes.dtype, boxes.shape) == (5, np.float32, (20, 4))
    assert boxes[:4].tolist() == [[31, 31, 104, 32], [39, 31, 104, 32], [31, 39, 104, 32], [39, 39, 104, 32]]
    assert boxes[4].tolist() == [31, 31, 88, 40]


def test_anchors_of_several_scales_and_another_base() -> None:
    anchors = AnchorGrid(Grid(1, 16), ratios=(0.5, 1), scales=(2, 4), base=10)
    assert anchors.shapes().tolist() == [[28, 14], [56, 28], [20, 20], [40, 40]]
    assert AnchorGrid(Grid(1, 16), ratios=(1,), scales=(4,)).shapes().tolist() == [[64, 64]]  # the base is the stride


@pytest.mark.parametrize(
    ("search", "base", "size", "first"),
    [(255, 8, 25, 31), (271, 8, 27, 31), (287, 8, 29, 31), (831, 8, 97, 31), (287, 0, 21, 63), (271, 0, 19, 63)],
)
def test_unpadded_maps(search: int, base: int, size: int, first: int) -> None:
    """The first point stays where the features have it; the map is centred on the middle pixel."""
    grid = unpadded_grid(search, base=base)
    assert grid == Grid(size, 8, offset=first)
    assert grid.points().mean(0) == pytest.approx([(search - 1) / 2] * 2)


@pytest.mark.parametrize("search", [256, 100, 0, -255])
def test_unpadded_maps_of_impossible_sizes(search: int) -> None:
    with pytest.raises(LockonError, match=f"search_size={search} given, expected 127 plus a multiple of 8, for example search_size=255"):
        unpadded_grid(search)


@pytest.mark.parametrize("size", [1, 4, 5, 14, 25])
def test_hann_is_symmetric_and_positive(size: int) -> None:
    window = hann(size).reshape(size, size)
    np.testing.assert_allclose(window, window.T)
    np.testing.assert_allclose(window, window[::-1, ::-1])
    assert window.min() > 0
    assert window.max() == pytest.approx(window[size // 2, size // 2])
    assert window.max() == pytest.approx(1) if size % 2 else 0.8 < window.max() < 1


def test_hann_by_hand() -> None:
    """Three points: 0.5 (1 - cos(2 pi k / 4)) for k = 1, 2, 3."""
    assert hann(3) == pytest.approx(np.outer([0.5, 1, 0.5], [0.5, 1, 0.5]).ravel())
    assert hann(3, zero_border=True) == pytest.approx([0, 0, 0, 0, 1, 0, 0, 0, 0])
