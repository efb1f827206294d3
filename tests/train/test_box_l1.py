from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.train.losses.base import LossInput  # noqa: E402
from lockon.train.losses.box_l1 import BoxL1, box_l1  # noqa: E402
from lockon.types import Candidates, Prediction, Targets  # noqa: E402


@pytest.mark.parametrize(
    ("form", "summed", "expected"),
    [
        # corners differ by 0, 1, 4, 3; cx by 2, cy by 2, w by 4, h by 2
        ("corners", True, 8.0),
        ("corners", False, 2.0),
        ("centers", True, 10.0),
        ("centers", False, 2.5),
    ],
)
def test_distances_of_a_box_equal_those_worked_out_by_hand(form: str, summed: bool, expected: float) -> None:
    boxes, truth = torch.tensor([[1.0, 3, 9, 12]]), torch.tensor([[1.0, 2, 5, 9]])
    assert float(box_l1(boxes, truth, form, summed=summed)) == pytest.approx(expected)


def learnt(labels: list[list[float]], boxes: torch.Tensor) -> LossInput:
    truth = torch.tensor([[16.0, 16, 48, 48], [0, 0, 32, 32]])
    points = torch.zeros(boxes.shape[1], 2)
    return LossInput(
        prediction=Prediction(torch.zeros(boxes.shape[:2]), boxes),
        targets=Targets(torch.tensor(labels), truth),
        candidates=Candidates(points, None, 8.0),
        size=64,
    )


def test_the_mean_is_over_the_positives_of_the_batch_in_fractions_of_the_crop() -> None:
    """Two positives of the first image, off by 8 pixels in x1 alone, and one of the second, off by 16 in all four: 3 positives."""
    boxes = torch.zeros(2, 3, 4)
    boxes[0, :2] = torch.tensor([[24.0, 16, 48, 48], [16, 16, 48, 48]])
    boxes[1, 2] = torch.tensor([16.0, 16, 48, 48])
    x = learnt([[1, 1, 0], [0, -2, 1]], boxes.requires_grad_())
    corners = (8 + 0 + 64) / 64 / 3
    assert BoxL1(form="corners")(x).item() == pytest.approx(corners)
    assert BoxL1(form="corners", summed=False)(x).item() == pytest.approx(corners / 4)
    loss = BoxL1()(x)  # cx by 4 and w by 8; cx and cy by 16
    assert loss.item() == pytest.approx((4 + 8 + 16 + 16) / 64 / 3)
    loss.backward()
    assert boxes.grad is not None
    assert boxes.grad[0, 2].abs().sum() == boxes.grad[1, 1].abs().sum() == 0


def test_without_positives_the_loss_is_nothing() -> None:
    boxes = torch.ones(2, 3, 4, requires_grad=True)
    loss = BoxL1()(learnt([[0, 0, 0], [-1, 0, 0]], boxes))
    loss.backward()
    assert loss.item() == 0
    assert boxes.grad is not None
    assert not boxes.grad.any()


def test_gradients_are_those_of_finite_differences() -> None:
    truth = torch.tensor([[10.0, 20, 30, 50]], dtype=torch.float64)
    boxes = torch.tensor([[12.0, 15, 33, 51]], dtype=torch.float64, requires_grad=True)
    for form in ("centers", "corners"):
        assert torch.autograd.gradcheck(lambda given, form=form: box_l1(given, truth, form), boxes)


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(LockonError, match="weight must be 0 or more"):
        BoxL1(weight=-1)
