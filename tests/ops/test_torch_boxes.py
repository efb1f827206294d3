from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.ops.boxes import iou_xyxy  # noqa: E402
from lockon.ops.torch.boxes import center_to_corner, corner_to_center, decode_deltas, encode_deltas, iou  # noqa: E402
from lockon.train.losses.iou import iou_loss  # noqa: E402

coordinate = st.floats(-2000, 2000, width=32)
box = st.tuples(coordinate, coordinate, coordinate, coordinate)


def giou(a, b):
    return 1 - iou_loss(a, b, "giou", smooth=0.0)


def _boxes(seed: int, count: int = 64):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 100, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(1, 80, (count, 2))], axis=1)


def test_iou_equals_numpy() -> None:
    a, b = _boxes(0), _boxes(1)
    np.testing.assert_allclose(iou(torch.from_numpy(a), torch.from_numpy(b)).numpy(), iou_xyxy(a, b), atol=1e-8)
    pairs = iou(torch.from_numpy(a)[:, None], torch.from_numpy(b)[None])
    np.testing.assert_allclose(pairs.numpy(), iou_xyxy(a[:, None], b[None]), atol=1e-8)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([0, 0, 2, 2], [0, 0, 2, 2], 1.0),
        ([0, 0, 2, 2], [1, 0, 3, 2], 1 / 3),  # the hull is the union
        ([0, 0, 1, 1], [2, 0, 3, 1], 0 - (3 - 2) / 3),
        ([0, 0, 2, 2], [1, 1, 3, 3], 1 / 7 - (9 - 7) / 9),
    ],
)
def test_giou_by_hand(a, b, expected: float) -> None:
    value = giou(torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64))
    assert float(value) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("overlap", [iou, giou])
def test_gradients(overlap) -> None:
    a = torch.from_numpy(_boxes(2, 8)).requires_grad_()
    b = torch.from_numpy(_boxes(3, 8)).requires_grad_()
    assert torch.autograd.gradcheck(overlap, (a, b))


def test_disjoint_boxes_are_pulled_together() -> None:
    a = torch.tensor([0.0, 0, 1, 1], requires_grad=True)
    (1 - giou(a, torch.tensor([5.0, 0, 6, 1]))).backward()
    assert a.grad[2] < 0  # a larger right side lowers the loss


@settings(deadline=None)
@given(a=box, b=box)
def test_degenerate_boxes_give_finite_values_and_gradients(a, b) -> None:
    first = torch.tensor(a, requires_grad=True)
    for overlap in (iou, giou):
        value = overlap(first, torch.tensor(b))
        (gradient,) = torch.autograd.grad(value, first)
        assert torch.isfinite(value)
        assert torch.isfinite(gradient).all()


def test_identical_empty_boxes() -> None:
    point = torch.tensor([3.0, 3, 3, 3])
    assert float(iou(point, point)) == 0
    assert float(giou(point, point)) == 0


def test_corners_and_centers() -> None:
    corners = torch.tensor([[1.0, 2, 5, 10]])
    assert corner_to_center(corners).tolist() == [[3, 6, 4, 8]]
    assert center_to_corner(corner_to_center(corners)).tolist() == corners.tolist()


def test_deltas_by_hand() -> None:
    """An anchor of 20 x 10 at (10, 10); the box is 40 x 5 at (15, 8)."""
    anchor, target = torch.tensor([10.0, 10, 20, 10]), torch.tensor([-5.0, 5.5, 35, 10.5])
    deltas = encode_deltas(anchor, target)
    torch.testing.assert_close(deltas, torch.tensor([0.25, -0.2, 0.693147, -0.693147]))
    torch.testing.assert_close(decode_deltas(anchor, deltas), target)


def test_deltas_of_empty_boxes_are_finite() -> None:
    anchor = torch.tensor([10.0, 10, 20, 10])
    for values in ([3.0, 3, 3, 3], [9.0, 9, 1, 1]):
        assert torch.isfinite(encode_deltas(anchor, torch.tensor(values))).all()


side = st.floats(1, 400, width=32)


@settings(deadline=None)
@given(center=st.tuples(coordinate, coordinate), size=st.tuples(side, side), anchor=st.tuples(coordinate, coordinate, side, side))
def test_deltas_are_inverted(center, size, anchor) -> None:
    expected = center_to_corner(torch.tensor([*center, *size], dtype=torch.float64))
    anchor = torch.tensor(anchor, dtype=torch.float64)
    torch.testing.assert_close(decode_deltas(anchor, encode_deltas(anchor, expected)), expected, rtol=1e-9, atol=1e-6)
