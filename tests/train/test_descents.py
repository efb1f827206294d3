from __future__ import annotations

import pytest
import torch
from plain_descent import PlainTruth, plain_descent, plain_newton
from torch import Tensor

from lockon.errors import LockonError
from lockon.models.online import DescentParameters
from lockon.online.filters import apply_filter
from lockon.train.descents import UnrolledDescent


def parameters(*, maps: bool) -> DescentParameters:
    torch.manual_seed(3)
    made = DescentParameters(maps=maps, label_sigma=0.9, log_step=0.5, regularization=0.1).double()
    for values in made.parameters():
        values.data += 0.05 * torch.randn_like(values)
    return made


def problem() -> tuple[Tensor, Tensor, Tensor]:
    """Features (2, 3, 4, 6, 6), boxes (2, 3, 4), start (2, 4, 4, 4)."""
    generator = torch.Generator().manual_seed(5)
    corners = 20 + 30 * torch.rand(2, 3, 2, generator=generator, dtype=torch.float64)
    features = torch.randn(2, 3, 4, 6, 6, generator=generator, dtype=torch.float64)
    return features, torch.cat([corners, corners + 30], -1), 0.1 * torch.randn(2, 4, 4, 4, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("maps", [True, False])
def test_every_iterate_agrees_with_the_plain_formulas(maps: bool) -> None:
    numbers, (features, boxes, start) = parameters(maps=maps), problem()
    found = UnrolledDescent()(numbers, features, boxes, start)
    expected = (plain_descent if maps else plain_newton)(numbers, PlainTruth(features, boxes), start)
    assert len(found) == 6
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("maps", [True, False])
def test_unrolled_gradients_agree_with_finite_differences(maps: bool) -> None:
    """To features, start and all trained numbers, through two steps."""
    numbers, (features, boxes, start) = parameters(maps=maps), problem()
    inputs = [features[:1, :2, :2].clone().requires_grad_(), start[:1, :2].clone().requires_grad_(), *numbers.parameters()]

    def last(given: Tensor, begin: Tensor, *_: Tensor) -> Tensor:
        return UnrolledDescent(steps=2)(numbers, given, boxes[:1, :2], begin)[-1]

    assert torch.autograd.gradcheck(last, inputs, fast_mode=True)


def test_steps_make_the_density_fit() -> None:
    """The cross entropy that PrDiMP's steps descend on falls at every one of them."""
    numbers, (features, boxes, start) = parameters(maps=False), problem()
    numbers.log_step_length.data.zero_()
    density, losses = PlainTruth(features, boxes).density(7).flatten(2), []
    for filters in UnrolledDescent(steps=8)(numbers, features, boxes, start):
        scores = apply_filter(filters, features).flatten(2)
        data = (scores.logsumexp(-1) - (scores * density).sum(-1)).mean(1)
        decay = numbers.filter_reg.square().clamp(min=0.05**2)
        losses.append((data + decay / 2 * filters.square().sum((1, 2, 3))).sum().item())
    assert losses == sorted(losses, reverse=True)


def test_features_of_zeros_give_no_nan() -> None:
    numbers, (features, boxes, start) = parameters(maps=True), problem()
    for filters in UnrolledDescent()(numbers, torch.zeros_like(features), boxes, torch.zeros_like(start)):
        assert torch.isfinite(filters).all()


def test_no_step_is_refused() -> None:
    with pytest.raises(LockonError, match="steps=0"):
        UnrolledDescent(steps=0)
