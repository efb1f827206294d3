"""Losses of the trackers that learn online against the official code's numbers (golden/losses/dimp_losses.npz)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor

import golden_data
from lockon.errors import LockonError
from lockon.train.losses.base import active_terms, evaluate
from lockon.train.losses.iterates import FirstIterate, LastIterate, MiddleIterates, SequenceInput
from lockon.train.losses.proposals import BoxDensity, BoxLikelihood, OverlapRegression, density_divergence, negative_log_likelihood
from lockon.train.losses.score_maps import GridCrossEntropy, LabelHinge, grid_cross_entropy, label_hinge

GOLDEN = golden_data.losses("dimp_losses")


def stored(name: str) -> Tensor:
    return torch.from_numpy(GOLDEN[name])


def check(loss: Tensor, inputs: Tensor, name: str) -> None:
    expected = float(GOLDEN[f"{name}.loss"])
    assert loss.item() == pytest.approx(expected, rel=golden_data.LOSS_LIMIT)
    (gradient,) = torch.autograd.grad(loss, inputs)
    reference = GOLDEN[f"{name}.gradient"]
    limit = golden_data.GRADIENT_LIMIT * max(np.abs(reference).max(), 1e-12)
    np.testing.assert_allclose(gradient.numpy(), reference, atol=limit, rtol=0)


@pytest.mark.parametrize("case", range(4))
def test_the_hinge_agrees_with_the_official_one(case: int) -> None:
    scores = stored(f"hinge{case}.prediction").requires_grad_()
    threshold, clip = (float(value) for value in GOLDEN[f"hinge{case}.threshold_clip"])
    loss = label_hinge(
        scores, stored(f"hinge{case}.label"), 0.0 if math.isnan(threshold) else threshold, None if math.isnan(clip) else clip
    )
    check(loss, scores, f"hinge{case}")


@pytest.mark.parametrize("case", [0, 2])
def test_the_monte_carlo_divergence_agrees_with_the_official_one(case: int) -> None:
    scores = stored(f"kl{case}.scores").requires_grad_()
    loss = density_divergence(scores, stored(f"gmm{case}.proposal_density"), stored(f"gmm{case}.gt_density"))
    check(loss, scores, f"kl{case}")


def test_the_likelihood_agrees_with_the_official_one() -> None:
    scores = stored("ml.scores").requires_grad_()
    check(negative_log_likelihood(scores, stored("ml.density")[None]), scores, "ml")


def test_the_grid_cross_entropy_agrees_with_the_official_one() -> None:
    scores = stored("kl_grid.scores").requires_grad_()
    check(grid_cross_entropy(scores, stored("kl_grid.density")), scores, "kl_grid")


def test_the_hinge_by_hand() -> None:
    """Residuals 2 - 1, 0 (background below 0), 3 (background above 0), 0.5 - 0.06."""
    scores, label = torch.tensor([[2.0, -1.0], [3.0, 0.5]]), torch.tensor([[1.0, 0.0], [0.04, 0.06]])
    assert label_hinge(scores, label).item() == pytest.approx((1 + 0 + 9 + 0.44**2) / 4)


def test_the_hinge_gives_no_gradient_above_its_clip() -> None:
    scores = torch.full((1, 3, 3), 2.0, requires_grad=True)
    loss = label_hinge(scores, torch.zeros(1, 3, 3), clip=0.5)
    loss.backward()
    assert loss.item() == 0.5
    assert scores.grad is not None
    assert not scores.grad.any()


def test_the_divergence_is_least_at_the_learnt_density() -> None:
    """With s = log p up to a constant the estimate is that of the cross entropy; any other score costs more."""
    torch.manual_seed(0)
    q, p = torch.rand(2, 64).double() + 0.1, torch.rand(2, 64).double() + 0.1
    p = p / (p / q).mean(-1, keepdim=True)  # normalised under the same samples
    best = density_divergence(p.log() + 3, q, p)
    assert best < density_divergence(p.log() + 0.1 * torch.randn(2, 64), q, p)
    assert torch.allclose(best, density_divergence(p.log(), q, p))


@pytest.mark.parametrize("loss", [label_hinge, grid_cross_entropy])
def test_gradients_agree_with_finite_differences(loss) -> None:
    torch.manual_seed(1)
    scores, label = torch.randn(2, 4, 4).double().requires_grad_(), torch.rand(2, 4, 4).double()
    assert torch.autograd.gradcheck(lambda values: loss(values, label), scores)


def test_a_density_of_zero_gives_no_nan() -> None:
    scores = torch.randn(2, 5, requires_grad=True)
    loss = density_divergence(scores, torch.zeros(2, 5), torch.zeros(2, 5)) + negative_log_likelihood(scores, torch.zeros(2, 5))
    loss.backward()
    assert torch.isfinite(loss)
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()


@dataclass(frozen=True, kw_only=True)
class Terms:
    last: LabelHinge = LabelHinge(weight=100.0)
    first: LabelHinge = LabelHinge(weight=10.0, iterates=FirstIterate())
    middle: LabelHinge = LabelHinge(weight=1.0, iterates=MiddleIterates())
    box: OverlapRegression = OverlapRegression()


def test_every_term_sees_its_own_iterates() -> None:
    """Constant maps of 1, 2, 3, 4 on a label of 0: squares 1 (first), 4 and 9 (middle), 16 (last)."""
    maps = tuple(torch.full((1, 1, 2, 2), float(number)) for number in (1, 2, 3, 4))
    x = SequenceInput(maps, torch.zeros(1, 1, 2), {"label": torch.zeros(1, 1, 2, 2), "proposal_iou": torch.ones(1, 1, 2)})
    values = {name: value.item() for name, value in evaluate(active_terms(Terms(), ("label", "proposal_iou")), x).items()}
    assert values == {"loss": 100 * 16 + 10 * 1 + 6.5 + 1, "last": 16, "first": 1, "middle": 6.5, "box": 1}


def test_there_is_no_middle_of_two_iterates() -> None:
    maps = tuple(torch.zeros(1, 1, 2, 2) for _ in range(2))
    x = SequenceInput(maps, torch.zeros(1, 1, 2), {"label": torch.zeros(1, 1, 2, 2), "proposal_iou": torch.ones(1, 1, 2)})
    assert "middle" not in evaluate(active_terms(Terms(), ("label", "proposal_iou")), x)


@pytest.mark.parametrize(
    ("term", "missing"),
    [(BoxDensity(), "proposal_density"), (BoxLikelihood(), "proposal_density"), (GridCrossEntropy(iterates=LastIterate()), "label")],
)
def test_a_term_that_the_samples_do_not_serve_is_refused(term, missing: str) -> None:
    @dataclass(frozen=True, kw_only=True)
    class One:
        term: object

    with pytest.raises(LockonError, match=missing):
        active_terms(One(term=term), ("proposal_iou",))


@pytest.mark.parametrize("clip", [0.0, -1.0, math.inf])
def test_a_clip_that_makes_no_sense_is_refused(clip: float) -> None:
    with pytest.raises(LockonError, match="clip must be above 0"):
        LabelHinge(clip=clip)


def test_labels_below_0_do_not_count() -> None:
    """One positive is wrong by 0.5, one background by 0.2, one below 0 is no mistake, and the last one is neither: 0.29 / 3."""
    scores, label = torch.tensor([[0.5, 0.2], [-3.0, 9.0]], requires_grad=True), torch.tensor([[1.0, 0.0], [0.0, -1.0]])
    loss = label_hinge(scores, label)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.29 / 3)
    assert scores.grad is not None
    assert scores.grad.flatten().tolist() == pytest.approx([-1 / 3, 0.4 / 3, 0.0, 0.0])
