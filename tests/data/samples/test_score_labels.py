"""Labels of score maps, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lockon.data.samples.score_labels import AnchorLabel, DensityLabel, GaussianLabel
from lockon.errors import LockonError


def around(*center: float, half: float = 8.0) -> np.ndarray:
    x, y = center
    return np.array([[x - half, y - half, x + half, y + half]])


@pytest.mark.parametrize(
    ("label", "size", "side"),
    [
        (GaussianLabel(), 288, 19),  # DiMP
        (GaussianLabel(odd=True), 288, 18),
        (GaussianLabel(odd=True, stride=8, first=7.5), 255, 31),  # DuML's features
        (GaussianLabel(odd=True, stride=8, first=31.5), 255, 25),  # and the points of its head
        (GaussianLabel(odd=True, stride=8, first=31.5), 319, 33),
        (AnchorLabel(stride=16, first=8), 224, 14),
    ],
)
def test_maps_have_as_many_scores_as_the_crop_has_cells(label: Any, size: int, side: int) -> None:
    assert label(around(size / 2, size / 2), size).shape == (1, side, side)


@pytest.mark.parametrize(
    ("label", "center", "place"),
    [
        (GaussianLabel(), (32, 16), (1, 2)),  # an even filter: scores at 0, 16, 32 ..
        (GaussianLabel(odd=True), (40, 24), (1, 2)),  # at 8, 24, 40 ..
        (GaussianLabel(odd=True, stride=8, first=31.5), (47.5, 39.5), (1, 2)),
    ],
)
def test_a_label_is_1_on_the_cell_of_the_centre_and_falls_off_by_its_deviation(label: GaussianLabel, center: Any, place: Any) -> None:
    (found,) = label(around(*center), 96)
    row, column = place
    assert found[row, column] == pytest.approx(1)
    assert found[row + 1, column] == pytest.approx(np.exp(-0.5 / 0.9**2))
    (density,) = DensityLabel(odd=label.odd, stride=label.stride, first=label.first)(around(*center), 96)
    assert density.sum() == pytest.approx(1)
    np.testing.assert_allclose(density / density.max(), found, rtol=1e-9)


def test_anchors_have_a_map_each_with_a_sign_for_what_does_not_count() -> None:
    """Cells at 4, 12, 20 pixels and a target of 16 x 16 in the middle: 128 of 384 shared is neither 1 nor 0."""
    label = AnchorLabel(shapes=((16.0, 16.0), (32.0, 8.0)), stride=8, first=4)
    (found,) = label(around(12, 12), 24)
    assert found.tolist() == [[[0, -1, 0], [-1, 1, -1], [0, -1, 0]], [[0, 0, 0], [-1, -1, -1], [0, 0, 0]]]


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        (GaussianLabel, {"sigma": 0.0}),
        (GaussianLabel, {"stride": 0.0}),
        (GaussianLabel, {"first": -1.0}),
        (AnchorLabel, {"positive": 1.5}),
        (AnchorLabel, {"negative": -0.5}),
        (AnchorLabel, {"shapes": ((0.0, 1.0),)}),
    ],
)
def test_wrong_numbers_name_themselves(kind: Any, change: dict[str, Any]) -> None:
    with pytest.raises(LockonError, match=next(iter(change))):
        kind(**change)
