from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.train.losses.centerness import centerness  # noqa: E402


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        ((20, 10), 1.0),
        ((10, 10), math.sqrt(1 / 3)),  # l 10, r 30; t = b
        ((10, 5), math.sqrt(1 / 3 * 1 / 3)),  # t 5, b 15
        ((0, 10), 0.0),  # on the side
        ((-1, 10), 0.0),
        ((-1, -1), 0.0),  # two negative ratios are not a positive one
        ((41, 21), 0.0),
    ],
)
def test_centerness_of_a_point_equals_that_worked_out_by_hand(point, expected: float) -> None:
    found = centerness(torch.tensor([point], dtype=torch.float32), torch.tensor([[0.0, 0, 40, 20]]))
    assert found.shape == (1, 1)
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_points_of_several_boxes_are_broadcast() -> None:
    points, boxes = torch.tensor([[5.0, 5], [10, 10], [30, 30]]), torch.tensor([[0.0, 0, 20, 20], [20, 20, 40, 40]])
    assert centerness(points, boxes).tolist() == [pytest.approx([1 / 3, 1, 0]), [0, 0, 1]]


corner = st.floats(-1000, 1000, width=32)


@given(box=st.tuples(corner, corner, corner, corner), x=corner, y=corner)
def test_between_0_and_1(box, x: float, y: float) -> None:
    found = centerness(torch.tensor([[x, y]]), torch.tensor([box])).item()
    assert 0 <= found <= 1
    assert found == 0 or (box[0] < x < box[2] and box[1] < y < box[3])


def test_centerness_equals_that_of_siamcar() -> None:
    golden = golden_data.losses("siamcar_targets")
    found = centerness(torch.from_numpy(golden["locations"]), torch.from_numpy(golden["boxes"]).float()).numpy()
    positive = golden["labels"] == 1
    assert np.abs(found - golden["centerness"])[positive].max() < 1e-5
    assert positive.sum() == 179
