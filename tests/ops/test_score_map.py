from __future__ import annotations

import numpy as np
import pytest

from lockon.ops.crop import Crop
from lockon.ops.grid import Grid
from lockon.ops.score_map import ScoreMap

CROP = Crop(np.array([100.0, 50.0]), np.asarray(100.0), 200)


def test_the_best_anchor_of_each_place() -> None:
    scores = ScoreMap.of(CROP, [0.1, 0.2, 0.3, 0.4, 0.5, 0.0, 0.9, 0.1], 2, 16).scores
    assert scores.tolist() == [[0.5, 0.2], [0.9, 0.4]]


@pytest.mark.parametrize(
    ("crop", "grid"),
    [
        (Crop(np.array([100.0, 50]), np.asarray(112.0), 224), Grid(14, 16)),  # fills the crop
        (Crop(np.array([33.0, 44]), np.asarray(300.0), 255, middle=127), Grid(25, 8, 31)),  # of PySOT, from pixel centres
        (Crop(np.array([33.0, 44]), np.asarray(300.0), 287, middle=143), Grid(21, 8, 63)),
    ],
)
def test_points_are_where_the_grid_says(crop: Crop, grid: Grid) -> None:
    stride = None if grid.offset is None else grid.stride
    found = ScoreMap.of(crop, np.zeros(grid.size**2), grid.size, stride).points()
    points = grid.points()
    expected = crop.to_image(np.concatenate([points, points], axis=-1))[:, :2]
    np.testing.assert_allclose(found.reshape(-1, 2), expected, atol=1e-9)


def test_step_is_in_image_pixels() -> None:
    assert ScoreMap.of(CROP, np.zeros(25), 5).step.tolist() == [20, 20]  # 200 crop pixels over 5 points, 2 per image pixel
    assert ScoreMap.of(CROP, np.zeros(25), 5, 8).step.tolist() == [4, 4]
