from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.train.losses.refinement import center_cells, confidence_loss, corner_error, mask_cross_entropy  # noqa: E402


def test_corner_error_by_hand() -> None:
    """Errors 1, -2, 0, 3 and 0, 0, 4, 0: (1 + 4 + 9 + 16) / 8."""
    boxes = torch.tensor([[11.0, 18, 30, 43], [0, 0, 9, 5]], requires_grad=True)
    truth = torch.tensor([[10.0, 20, 30, 40], [0, 0, 5, 5]])
    loss = corner_error(boxes, truth)
    assert loss.item() == pytest.approx(30 / 8)
    loss.backward()
    torch.testing.assert_close(boxes.grad, torch.tensor([[1.0, -2, 0, 3], [0, 0, 4, 0]]) * 2 / 8)


def test_mask_cross_entropy_by_hand() -> None:
    """Logits 0, ln 3 against 1, 0: -ln(1/2) and -ln(1/4), whose mean is 1.5 ln 2."""
    logits = torch.tensor([[[0.0, math.log(3)]]], requires_grad=True)
    loss = mask_cross_entropy(logits, torch.tensor([[[True, False]]]))
    assert loss.item() == pytest.approx(1.5 * math.log(2))
    loss.backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[[-0.5, 0.75]]]) / 2)


def test_no_masks() -> None:
    logits = torch.zeros(3, 4, 4, requires_grad=True)
    loss = mask_cross_entropy(logits[:0], torch.zeros(0, 4, 4, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_extreme_logits_stay_finite() -> None:
    logits = torch.tensor([[[1e4, -1e4]]], requires_grad=True)
    loss = mask_cross_entropy(logits, torch.tensor([[[0, 1]]]))
    loss.backward()
    assert loss.item() == pytest.approx(1e4)
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize(
    ("box", "cell"),
    [
        ((0, 0, 8, 8), 0),  # middle 4, 4
        ((20, 0, 44, 8), 2),  # middle 32, 4: the third cell begins at 32
        ((0, 20, 8, 43), 4),  # middle 4, 31.5
        ((60, 60, 64, 64), 15),
        ((90, -40, 100, -20), 3),  # outside: the nearest cell
    ],
)
def test_the_cell_with_the_middle(box, cell: int) -> None:
    found = center_cells(torch.tensor([box], dtype=torch.float32), 4, 16.0)
    assert found.shape == (1, 16)
    assert found.nonzero().tolist() == [[0, cell]]


def test_confidence_loss_by_hand() -> None:
    """Four cells; ln 3 where the middle is: -ln(3/4); the others -ln(1/2), -ln(1/2), -ln(3/4): half of each mean."""
    logits = torch.tensor([[0.0, math.log(3), 0.0, -math.log(3)]], requires_grad=True)
    loss = confidence_loss(logits, torch.tensor([[20.0, 2, 28, 10]]), 16.0)
    wanted = 0.5 * math.log(4 / 3) + 0.5 * (2 * math.log(2) + math.log(4 / 3)) / 3
    assert loss.item() == pytest.approx(wanted)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad[0, 1] < 0) & (logits.grad[0, [0, 2, 3]] > 0).all()
