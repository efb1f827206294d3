from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.ops.grid import Grid  # noqa: E402
from lockon.train.losses.affinity import (  # noqa: E402
    Concordance,
    MutualAffinity,
    Pearson,
    PrintedProduct,
    PrintedRoot,
    affinity_loss,
    moments,
)
from lockon.train.losses.base import LossInput  # noqa: E402
from lockon.types import Candidates, Prediction, Targets  # noqa: E402

ALL = [Concordance(), Pearson(), PrintedProduct(), PrintedRoot()]
TRUTH = [0.0, 0.0, 40.0, 40.0]


def rho(part, s, b) -> float:
    s, b = (torch.tensor([values], dtype=torch.float64) for values in (s, b))
    return float(part(moments(s, b, torch.ones_like(s, dtype=torch.bool))))


def case(scores, ious, labels) -> LossInput:
    """Candidates with these scores, and boxes with these IoUs."""
    logits = torch.logit(torch.tensor(scores, dtype=torch.float64)).requires_grad_()
    boxes = torch.tensor([[[0, 0, 40 * iou, 40] for iou in row] for row in ious], dtype=torch.float64).requires_grad_()
    truth = torch.tensor([TRUTH] * len(scores), dtype=torch.float64)
    return LossInput(
        prediction=Prediction(logits, boxes),
        targets=Targets(torch.tensor(labels, dtype=torch.float64), truth),
        candidates=Candidates(torch.from_numpy(Grid(2, 16).points()), None, 16),
        size=64,
    )


@pytest.mark.parametrize(
    ("s", "b", "expected"),
    [
        # means .4, .6; variances .04, .04; covariance .04
        ([0.2, 0.6], [0.4, 0.8], {"c": 0.08 / 0.12, "p": 1.0, "3": 0.08, "4": 0.04 / math.sqrt(0.12)}),
        ([0.2, 0.6], [0.8, 0.4], {"c": -0.08 / 0.12, "p": -1.0, "3": -0.08, "4": -0.04 / math.sqrt(0.12)}),
        # means 1/2; variances 1/4, 1/16; covariance 1/8
        ([0.0, 1.0], [0.25, 0.75], {"c": 0.25 / 0.3125, "p": 1.0, "3": 0.25, "4": 0.125 / math.sqrt(0.3125)}),
        ([0.3, 0.3], [0.3, 0.9], {"c": 0.0, "p": 0.0, "3": 0.0, "4": 0.0}),  # scores without variance
    ],
)
def test_coefficients_by_hand(s, b, expected) -> None:
    """The denominators' 1e-6 is below the tolerance."""
    found = {name: rho(part, s, b) for name, part in zip("cp34", ALL, strict=True)}
    assert found == pytest.approx(expected, abs=1e-5)


def test_the_four_readings_of_equation_3_on_twelve_candidates() -> None:
    """Covariance -0.00995, std s std b 0.04414, var s + var b + (mean s - mean b)^2 0.13214: four values that differ much.

    A wave and one of another frequency have no correlation; deviations of 0.2101 and means 0.2094 apart give these moments.
    """
    turn = 2 * math.pi * np.arange(12) / 12
    one, other = math.sqrt(2) * np.cos(turn), math.sqrt(2) * np.cos(2 * turn)  # mean 0, variance 1
    r, deviation = -0.2254, 0.2101
    s, b = 0.3 + deviation * one, 0.5094 + deviation * (r * one + math.sqrt(1 - r * r) * other)
    found = [rho(part, s.tolist(), b.tolist()) for part in ALL]
    assert found == pytest.approx([-0.1506, -0.2254, -0.0199, -0.0274], abs=1e-4)


def test_lines_3_and_4_are_what_the_printed_sums_say() -> None:
    rng = np.random.default_rng(0)
    s, b = rng.random(12), rng.random(12)
    vs, vb = s - s.mean(), b - b.mean()
    third = 2 * (vs * vb).sum() / (math.sqrt((vs**2).sum()) * math.sqrt((vb**2).sum())) * s.std() * b.std()
    fourth = (vs * vb).mean() / math.sqrt(s.var() + b.var() + (s.mean() - b.mean()) ** 2)
    assert rho(PrintedProduct(), s.tolist(), b.tolist()) == pytest.approx(third, abs=1e-9)
    assert rho(PrintedRoot(), s.tolist(), b.tolist()) == pytest.approx(fourth, abs=1e-5)
    assert rho(Concordance(), s.tolist(), b.tolist()) == pytest.approx(third / (s.var() + b.var() + (s.mean() - b.mean()) ** 2), abs=1e-5)


def test_perfect_agreement() -> None:
    assert rho(Concordance(), [0.1, 0.5, 0.9], [0.1, 0.5, 0.9]) == pytest.approx(1, abs=1e-4)
    assert rho(Pearson(), [0.1, 0.2, 0.3], [0.1, 0.5, 0.9]) == pytest.approx(1, abs=1e-4)


SCORES, IOUS = [[0.2, 0.6, 0.9, 0.5], [0.3, 0.4, 0.7, 0.5]], [[0.4, 0.8, 0.1, 0.2], [0.9, 0.5, 0.6, 0.3]]


@pytest.mark.parametrize(
    ("config", "labels", "sets"),
    [
        (MutualAffinity(), [[1, 1, 0, -1], [1, 0, 0, 0]], [([0.2, 0.6, 0.3], [0.4, 0.8, 0.9])]),
        (MutualAffinity(scope="image"), [[1, 1, 0, -1], [1, 0, 0, 0]], [([0.2, 0.6], [0.4, 0.8])]),  # one positive: left out
        (
            MutualAffinity(scope="image", correlation=Pearson()),
            [[1, 1, 1, 0], [1, 1, 0, 0]],
            [([0.2, 0.6, 0.9], [0.4, 0.8, 0.1]), ([0.3, 0.4], [0.9, 0.5])],
        ),
        (MutualAffinity(members="all"), [[1, 1, 0, -1], [-1, -1, -1, -1]], [([0.2, 0.6, 0.9], [0.4, 0.8, 0.1])]),
    ],
)
def test_sets(config: MutualAffinity, labels, sets) -> None:
    expected = np.mean([1 - rho(config.correlation, s, b) for s, b in sets])
    assert config(case(SCORES, IOUS, labels)).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("part", ALL)
@pytest.mark.parametrize("scope", ["batch", "image"])
def test_boxes_get_no_gradient_and_scores_of_the_set_alone_do(part, scope: str) -> None:
    x = case(SCORES, IOUS, [[1, 1, 0, -1], [1, 1, 0, 0]])
    MutualAffinity(correlation=part, scope=scope)(x).backward()
    assert x.prediction.boxes.grad is None
    grad = x.prediction.logits.grad
    assert (grad[:, 2:] == 0).all()
    assert (grad[:, :2] != 0).all()


def test_without_truncation_boxes_of_the_set_learn_too() -> None:
    x = case(SCORES, IOUS, [[1, 1, 0, -1], [1, 1, 0, 0]])
    MutualAffinity(truncate=False)(x).backward()
    grad = x.prediction.boxes.grad.abs().sum(-1)
    assert (grad[:, :2] > 0).all()
    assert (grad[:, 2:] == 0).all()


@pytest.mark.parametrize("part", ALL)
@pytest.mark.parametrize("scope", ["batch", "image"])
@pytest.mark.parametrize("labels", [[[0, 0, 0, 0], [0, 0, -1, -1]], [[1, 0, 0, 0], [0, 0, 0, 0]]])
def test_fewer_than_two_positives_give_0(part, scope: str, labels) -> None:
    x = case(SCORES, IOUS, labels)
    loss = MutualAffinity(correlation=part, scope=scope)(x)
    loss.backward()
    assert loss.item() == 0
    assert (x.prediction.logits.grad == 0).all()


@pytest.mark.parametrize("part", ALL)
def test_equal_scores_or_ious_and_extreme_scores_give_finite_gradients(part) -> None:
    for scores, ious in (([[0.5] * 4], [[0.0] * 4]), ([[1e-7, 1 - 1e-7] * 2], [[0.3] * 4]), ([[0.5] * 4], [[0.5] * 4])):
        x = case(scores, ious, [[1, 1, 1, 1]])
        loss = MutualAffinity(correlation=part)(x)
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(x.prediction.logits.grad).all()


@pytest.mark.parametrize("part", ALL)
def test_gradients_agree_with_finite_differences(part) -> None:
    torch.manual_seed(0)
    score, overlap = (torch.rand(3, 6, dtype=torch.float64).requires_grad_() for _ in range(2))
    members = torch.tensor([[1, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1]]).bool()
    torch.autograd.gradcheck(lambda s, b: affinity_loss(s, b, members, part), (score, overlap))
