from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.train.losses.focal import quality_focal  # noqa: E402


@pytest.mark.parametrize(
    ("logit", "target", "expected"),
    [
        (0.0, 1.0, 0.5**2 * math.log(2)),
        (0.0, 0.0, 0.5**2 * math.log(2)),
        (0.0, 0.5, 0.0),  # on the target
        (math.log(3), 0.25, 0.5**2 * -(0.25 * math.log(0.75) + 0.75 * math.log(0.25))),  # p = 3/4
    ],
)
def test_quality_focal_loss_equals_that_worked_out_by_hand(logit: float, target: float, expected: float) -> None:
    assert float(quality_focal(torch.tensor(logit), torch.tensor(target))) == pytest.approx(expected, abs=1e-7)


def test_without_modulation_it_is_cross_entropy() -> None:
    logits, targets = torch.randn(50), torch.rand(50)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    torch.testing.assert_close(quality_focal(logits, targets, beta=0), expected)


def test_gradient_points_to_the_target() -> None:
    probability, target = torch.meshgrid(torch.linspace(0.05, 0.95, 19), torch.linspace(0, 1, 21), indexing="ij")
    logits = torch.logit(probability).requires_grad_()
    quality_focal(logits, target).sum().backward()
    expected = (target - probability).abs() ** 2 * (probability - target)
    torch.testing.assert_close(logits.grad, expected, atol=1e-6, rtol=1e-4)


def test_extreme_logits() -> None:
    logits = torch.tensor([1e4, -1e4, 1e4, -1e4], requires_grad=True)
    loss = quality_focal(logits, torch.tensor([1.0, 0.0, 0.0, 1.0]))
    loss.sum().backward()
    assert torch.isfinite(loss).all()
    assert torch.isfinite(logits.grad).all()
    assert loss[:2].tolist() == [0, 0]
