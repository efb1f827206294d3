from __future__ import annotations

import numpy as np
import pytest

from lockon.ops.grid import Grid
from lockon.ops.windows import hann


def test_grid_is_centred_and_row_by_row() -> None:
    points = Grid(3, 16).points()
    assert points.dtype == np.float32
    assert points.tolist() == [[x, y] for y in (8, 24, 40) for x in (8, 24, 40)]


def test_grid_with_an_offset() -> None:
    assert Grid(2, 8, offset=31).points().tolist() == [[31, 31], [39, 31], [31, 39], [39, 39]]


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
