from __future__ import annotations

import math

import numpy as np
import pytest

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

from soft_target_case import at, case  # noqa: E402

from lockon.errors import LockonError  # noqa: E402
from lockon.train.losses.gaussian_focal import GaussianFocal, RegressiveFocal, gaussian_focal, regressive_focal  # noqa: E402
from lockon.train.losses.soft_targets import GaussianTarget, OneHotTarget, PositivesGaussian, WindowGaussian  # noqa: E402


def test_loss_and_gradient_equal_those_of_the_official_code() -> None:
    golden = golden_data.losses("ostrack_losses")
    score = torch.from_numpy(golden["score"]).flatten(1)
    x, y, w, h = golden["gt_xywh"].T * 256
    logits = torch.logit(score.double()).requires_grad_()
    loss = GaussianFocal(target=GaussianTarget(origin="crop"))(case(np.stack([x, y, x + w, y + h], 1), logits=logits, cells=16))
    loss.backward()
    assert loss.item() == pytest.approx(float(golden["loss.focal"]), rel=golden_data.LOSS_LIMIT)
    stored = torch.from_numpy(golden["grad.focal.score"]).flatten(1) * score * (1 - score)  # by the logits
    assert (logits.grad - stored).abs().max() < golden_data.GRADIENT_LIMIT * stored.abs().max()


def test_loss_by_hand() -> None:
    """All scores 1/2: a positive gives ln 2 / 4, a negative of target t (1 - t)^4 ln 2 / 4."""
    x = case([[-16.0, -16.0, 64.0, 64.0]])
    quarter = math.log(2) / 4
    negatives = 4 * (1 - math.exp(-2)) ** 4 + 4 * (1 - math.exp(-4)) ** 4 + 7
    assert float(GaussianFocal()(x)) == pytest.approx(quarter * (1 + negatives), rel=1e-6)
    assert float(GaussianFocal(target=OneHotTarget())(x)) == pytest.approx(quarter * 16, rel=1e-6)  # no positive: undivided


def test_normalizer_is_the_number_of_positives_of_the_batch_or_nothing() -> None:
    x = case([[0.0, 0.0, 32.0, 32.0]] * 2, [at(0, 1, 2), at(5)])
    total = float(GaussianFocal(target=OneHotTarget(), divide_by="none")(x))
    assert float(GaussianFocal(target=OneHotTarget())(x)) == pytest.approx(total / 4)


def test_other_normalizers_are_the_candidates_or_both_halves_alike() -> None:
    """Scores of 1/2 against hard labels cost ln 2 / 4 each: of 3 positives, 12 negatives, and an ignored one that counts nothing."""
    labels = at(0, 1, 2)
    labels[9] = -1.0
    x = case([[0.0, 0.0, 32.0, 32.0]], [labels], torch.tensor([[2.0 if place < 3 else 0.0 for place in range(16)]]))
    positive = -((1 - 1 / (1 + math.exp(-2))) ** 2) * math.log(1 / (1 + math.exp(-2)))
    negative = math.log(2) / 4
    assert float(GaussianFocal(target=OneHotTarget(), divide_by="halves")(x)) == pytest.approx((positive + negative) / 2, rel=1e-5)
    assert float(GaussianFocal(target=OneHotTarget(), divide_by="candidates")(x)) == pytest.approx((3 * positive + 12 * negative) / 15)
    nothing = case([[0.0, 0.0, 32.0, 32.0]], [[-1.0] * 16])
    assert float(GaussianFocal(divide_by="halves")(nothing)) == float(GaussianFocal(divide_by="candidates")(nothing)) == 0


def test_regressive_loss_by_hand() -> None:
    """-t^4 (t - p)^2 ln p: nothing where p = t, where t = 0, and at p = 1."""
    t = torch.tensor([0.5, 0.5, 0.0, 1.0, 1.0])
    p = torch.tensor([0.25, 0.5, 0.7, 0.5, 0.9999])
    wanted = [0.5**4 * 0.25**2 * math.log(4), 0, 0, 0.25 * math.log(2), 0]
    np.testing.assert_allclose(regressive_focal(p, t), wanted, atol=1e-8)


def test_regressive_term_is_the_mean_over_candidates_that_count() -> None:
    """A deviation of one cell (a quarter of the crop): targets exp(-1/2), exp(-1) around cell 5; all scores are 1/2."""
    labels = [[-1.0 if place == 15 else 0.0 for place in range(16)]]
    x = case([[8.0, 8.0, 40.0, 40.0]], labels)
    places = [(place % 4 - 1, place // 4 - 1) for place in range(15)]
    targets = [math.exp(-(a * a + b * b) / 2) for a, b in places]
    wanted = sum(t**4 * (t - 0.5) ** 2 * math.log(2) for t in targets) / 15
    assert float(RegressiveFocal(target=WindowGaussian(sigma=0.25))(x)) == pytest.approx(wanted, rel=1e-5)


def test_regressive_gradient_agrees_with_finite_differences_and_is_zero_at_the_target() -> None:
    target = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)
    probability = (target + 0.05).requires_grad_()
    torch.autograd.gradcheck(lambda p: regressive_focal(p, target), probability)
    there = target.clone().requires_grad_()
    regressive_focal(there, target).sum().backward()
    assert there.grad.abs().max() == 0


@pytest.mark.parametrize("part", [GaussianTarget(), GaussianTarget(union=True), OneHotTarget(), PositivesGaussian(), WindowGaussian()])
def test_ignored_candidates_weigh_nothing(part) -> None:
    logits = torch.zeros(1, 16, requires_grad=True)
    labels = [[-1.0 if place in (5, 6) else float(place == 0) for place in range(16)]]
    GaussianFocal(target=part)(case([[-16.0, -16.0, 64.0, 64.0]], labels, logits)).backward()
    assert (logits.grad[0, [5, 6]] == 0).all()
    assert (logits.grad[0, 7:] > 0).all()


@pytest.mark.parametrize("part", [GaussianTarget(), GaussianTarget(union=True), OneHotTarget(), PositivesGaussian(), WindowGaussian()])
@pytest.mark.parametrize("box", [[10.0, 10.0, 10.0, 10.0], [300.0, 300.0, 340.0, 340.0], [-1e6, -1e6, 1e6, 1e6], [40.0, 40.0, 20.0, 20.0]])
def test_degenerate_boxes_and_scores_give_finite_losses(part, box: list[float]) -> None:
    logits = torch.tensor([[1e4 if place == 3 else -1e4 for place in range(16)]], requires_grad=True)
    for divide_by in ("positives", "candidates", "halves"):
        loss = GaussianFocal(target=part, divide_by=divide_by)(case([box], logits=logits))
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(logits.grad).all()


def test_gradient_agrees_with_finite_differences() -> None:
    probability = torch.rand(3, 5, dtype=torch.float64).mul(0.8).add(0.1).requires_grad_()
    target = torch.rand(3, 5, dtype=torch.float64)
    torch.autograd.gradcheck(lambda p: gaussian_focal(p, target, target > 0.7), probability)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GaussianFocal(power=-1), "power must be"),
        (lambda: GaussianFocal(clamp=0.5), "clamp must be"),
        (lambda: RegressiveFocal(power=3), "power must be an even number"),
        (lambda: RegressiveFocal(clamp=0), "clamp must be"),
    ],
)
def test_bad_settings_are_refused(make, words: str) -> None:
    with pytest.raises(LockonError, match=words):
        make()
