"""The penalty-reduced focal loss of score maps, and its regressive form.

Law and Deng, CornerNet, ECCV 2018 (arXiv 1808.01244), Eq. 1; OSTrack (Ye et al., ECCV 2022), RTrack (Zeng et al., Eq. 4) and DuML (Zhou et
al., Appendix A, Eq. 9) take it with alpha 2 and beta 4. Negatives count the less the higher their soft target is. RTrack prints the loss
without saying where its targets lie between 0 and 1, and without a normaliser: both are fields here.

Letters: B samples, N candidates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lockon._config_values import check_field
from lockon.train.losses.base import Loss, LossInput
from lockon.train.losses.cross_entropy import mean_of
from lockon.train.losses.soft_targets import GaussianTarget, OneHotTarget, PositivesGaussian, WindowGaussian


@dataclass(frozen=True, kw_only=True)
class GaussianFocal(Loss):
    """Focal loss of the scores against soft targets; candidates that the assigner ignores (labels below 0) count nothing.

    Attributes:
        target: What the candidates are to score.
        power: The papers' alpha, the exponent of a score's distance from 1 or 0.
        soft_power: The papers' beta, the exponent of the negatives' 1 - target.
        divide_by: The sum is divided by the number of "positives" of the batch, at least 1 (CornerNet), or of "candidates" that count, or
            left alone ("none"). "halves": half the mean of the positives plus half the mean of the others (DuML, Sec. 4).
        clamp: Scores end this far from 0 and 1, where they give no more gradient.

    Raises:
        LockonError: If a number is out of its range.
    """

    target: GaussianTarget | OneHotTarget | PositivesGaussian | WindowGaussian = GaussianTarget()
    power: float = 2.0
    soft_power: float = 4.0
    divide_by: Literal["positives", "candidates", "halves", "none"] = "positives"
    clamp: float = 1e-4

    def __post_init__(self) -> None:
        Loss.__post_init__(self)
        for name in ("power", "soft_power"):
            check_field(self, name, 0 <= getattr(self, name) < math.inf, "0 or more")
        check_field(self, "clamp", 0 < self.clamp < 0.5, "above 0 and below 0.5")

    def __call__(self, x: LossInput) -> Tensor:
        """Compute the sum over the candidates that count, divided as `divide_by` says."""
        probability = x.probability.clamp(self.clamp, 1 - self.clamp)
        target, positive = self.target(x)
        counts = x.targets.labels >= 0  # (B, N)
        positive = positive & counts
        losses = gaussian_focal(probability, target, positive, alpha=self.power, beta=self.soft_power)  # (B, N)
        if self.divide_by == "halves":
            return 0.5 * mean_of(losses, positive) + 0.5 * mean_of(losses, counts & ~positive)
        total = torch.where(counts, losses, 0.0).sum()
        if self.divide_by == "none":
            return total
        divisor: Tensor = (positive if self.divide_by == "positives" else counts).sum().clamp(min=1)
        return total / divisor


@dataclass(frozen=True, kw_only=True)
class RegressiveFocal(Loss):
    """Focal loss of the scores that is 0 where they equal soft targets: DuML's FC_RG (Appendix A, Eq. 10), which it found worse.

    Eq. 10 has two minus signs, with which the loss would be negative; here it has one. By its formula a candidate whose target is 0 counts
    nothing, and a score of 1 costs nothing either, whatever its target is. The mean over the candidates that the assigner does not ignore.

    Attributes:
        target: What the candidates are to score.
        power: The paper's alpha, the exponent of a score's distance from its target; even, so that both sides count.
        soft_power: The paper's beta, the exponent of the target.
        clamp: Scores end this far from 0 and 1, where they give no more gradient.

    Raises:
        LockonError: If a number is out of its range.
    """

    target: GaussianTarget | WindowGaussian = WindowGaussian()
    power: int = 2
    soft_power: float = 4.0
    clamp: float = 1e-4

    def __post_init__(self) -> None:
        Loss.__post_init__(self)
        check_field(self, "power", self.power > 0 and self.power % 2 == 0, "an even number above 0")
        check_field(self, "soft_power", 0 <= self.soft_power < math.inf, "0 or more")
        check_field(self, "clamp", 0 < self.clamp < 0.5, "above 0 and below 0.5")

    def __call__(self, x: LossInput) -> Tensor:
        """Compute the mean of `regressive_focal`."""
        probability = x.probability.clamp(self.clamp, 1 - self.clamp)
        losses = regressive_focal(probability, self.target(x)[0], alpha=self.power, beta=self.soft_power)  # (B, N)
        return mean_of(losses, x.targets.labels >= 0)


def gaussian_focal(probability: Tensor, target: Tensor, positive: Tensor, *, alpha: float = 2.0, beta: float = 4.0) -> Tensor:
    """Compute -(1 - p)^alpha ln p of positives and -(1 - t)^beta p^alpha ln(1 - p) of the others, per element.

    Args:
        probability: Scores p, any shape, strictly between 0 and 1.
        target: The same shape, t in [0, 1].
        positive: The same shape, bool.
        alpha: Exponent of the score's distance from the target.
        beta: Exponent of 1 - t.

    Returns:
        Losses >= 0 of the same shape, with gradient to `probability`.
    """
    hit = (1 - probability) ** alpha * probability.log()
    miss = (1 - target) ** beta * probability**alpha * (1 - probability).log()
    return -torch.where(positive, hit, miss)


def regressive_focal(probability: Tensor, target: Tensor, *, alpha: int = 2, beta: float = 4.0) -> Tensor:
    """Compute -t^beta (t - p)^alpha ln p, per element.

    Args:
        probability: Scores p, any shape, strictly between 0 and 1.
        target: The same shape, t in [0, 1].
        alpha: Exponent of the distance, even.
        beta: Exponent of the target.

    Returns:
        Losses >= 0 of the same shape, with gradient to `probability`.
    """
    return -(target**beta) * (target - probability) ** alpha * probability.log()


__all__ = ["GaussianFocal", "RegressiveFocal", "gaussian_focal", "regressive_focal"]
