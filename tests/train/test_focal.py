from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from soft_target_case import at, case  # noqa: E402

from lockon.errors import LockonError  # noqa: E402
from lockon.train.losses.cross_entropy import BalancedCrossEntropy  # noqa: E402
from lockon.train.losses.focal import BalancedFocal, focal, quality_focal  # noqa: E402


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


@pytest.mark.parametrize(
    ("logit", "positive", "gamma", "expected"),
    [
        (0.0, True, 2.0, 0.25 * math.log(2)),
        (math.log(3), True, 2.0, 0.25**2 * -math.log(0.75)),  # p = 3/4
        (math.log(3), False, 2.0, 0.75**2 * math.log(4)),
        (math.log(3), False, 0.0, math.log(4)),
        (math.log(3), True, 0.5, 0.5 * -math.log(0.75)),
    ],
)
def test_focal_loss_equals_that_worked_out_by_hand(logit: float, positive: bool, gamma: float, expected: float) -> None:
    assert float(focal(torch.tensor(logit), torch.tensor(positive), gamma)) == pytest.approx(expected, rel=1e-6)


def test_focal_gradient_is_that_of_the_whole_formula() -> None:
    """By the logit of a positive: (1 - p)^2 (2 p ln p + p - 1) (Lin et al., Appendix B); finite differences agree."""
    logits = torch.linspace(-3, 3, 13, dtype=torch.float64, requires_grad=True)
    focal(logits, torch.ones(13, dtype=torch.bool)).sum().backward()
    p = torch.sigmoid(logits.detach())
    torch.testing.assert_close(logits.grad, (1 - p) ** 2 * (2 * p * p.log() + p - 1))
    torch.autograd.gradcheck(lambda x: focal(x, torch.arange(13) % 2 == 0), logits)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_of_extreme_logits_is_finite(gamma: float) -> None:
    logits = torch.tensor([1e4, -1e4, 1e4, -1e4], requires_grad=True)
    loss = focal(logits, torch.tensor([True, False, False, True]), gamma)
    loss.sum().backward()
    assert loss.tolist() == [0, 0, 1e4, 1e4]
    assert torch.isfinite(logits.grad).all()


def test_positives_and_negatives_weigh_alike_however_many_there_are() -> None:
    """One positive of logit ln 3, ten negatives of logit 0, five ignored ones: (1/16 ln 4/3 + 1/4 ln 2) / 2."""
    labels = [at(0)[0:11] + [-1.0] * 5]
    logits = torch.tensor([[math.log(3)] + [0.0] * 15])
    wanted = 0.5 * (math.log(4 / 3) / 16 + math.log(2) / 4)
    assert float(BalancedFocal()(case([[0.0, 0.0, 32.0, 32.0]], labels, logits))) == pytest.approx(wanted)
    none = case([[0.0, 0.0, 32.0, 32.0]], [[0.0] * 16], torch.zeros(1, 16))
    assert float(BalancedFocal()(none)) == pytest.approx(math.log(2) / 8)  # no positive adds 0


def test_without_gamma_it_is_the_balanced_cross_entropy() -> None:
    x = case([[0.0, 0.0, 32.0, 32.0]], [at(0, 3, 4)], torch.linspace(-4, 4, 16)[None])
    assert float(BalancedFocal(gamma=0.0)(x)) == pytest.approx(float(BalancedCrossEntropy()(x)), rel=1e-6)


def test_a_negative_gamma_is_refused() -> None:
    with pytest.raises(LockonError, match="gamma must be 0 or more"):
        BalancedFocal(gamma=-1.0)
