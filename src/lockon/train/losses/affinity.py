"""Mutual affinity: scores are to follow the IoUs of the boxes, measured by a correlation coefficient.

RTrack (Zeng et al., Sec. 3.3, Eq. 1-3), after the correlation loss of Kahraman et al. (arXiv 2301.01019). The right-hand sides of the
printed Eq. 3 are not equal to each other, nor to the concordance correlation coefficient that both resemble: each is a part here.

Letters: B samples, N candidates, C of them in the set, s scores, b IoUs; all moments are those of all there is (C in the denominator).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from lockon.ops.torch.boxes import iou
from lockon.train.losses.base import Loss, LossInput

EPS = 1e-6  # of denominators


class Moments(NamedTuple):
    """Moments of scores and IoUs over sets, (R,) each.

    Attributes:
        mean_s: Mean of the scores.
        mean_b: Mean of the IoUs.
        var_s: Variance of the scores.
        var_b: Variance of the IoUs.
        cov: Covariance of both.
    """

    mean_s: Tensor
    mean_b: Tensor
    var_s: Tensor
    var_b: Tensor
    cov: Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Coefficient(ABC):
    """A coefficient of how much scores follow IoUs."""

    @abstractmethod
    def __call__(self, m: Moments) -> Tensor:
        """Return the (R,) coefficients."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Concordance(Coefficient):
    """Concordance correlation coefficient: 2 cov / (var s + var b + (mean s - mean b)^2), in [-1, 1]; 1 where s = b."""

    def __call__(self, m: Moments) -> Tensor:
        """Return the coefficients."""
        return 2 * m.cov / (_distance(m) + EPS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pearson(Coefficient):
    """Pearson's coefficient: cov / (std s std b), in [-1, 1]; 1 where s is any rising linear function of b."""

    def __call__(self, m: Moments) -> Tensor:
        """Return the coefficients; 0 where either has no variance."""
        return m.cov / (m.var_s * m.var_b + EPS * EPS).sqrt()


@dataclass(frozen=True, kw_only=True, slots=True)
class PrintedProduct(Coefficient):
    """Third line of Eq. 3 as printed: twice Pearson's coefficient times std s std b, which is 2 cov; at most 1/2 for scores in [0, 1]."""

    def __call__(self, m: Moments) -> Tensor:
        """Return the coefficients."""
        return 2 * m.cov


@dataclass(frozen=True, kw_only=True, slots=True)
class PrintedRoot(Coefficient):
    """Fourth line of Eq. 3 as printed: cov / sqrt(var s + var b + (mean s - mean b)^2)."""

    def __call__(self, m: Moments) -> Tensor:
        """Return the coefficients."""
        return m.cov / (_distance(m) + EPS).sqrt()


@dataclass(frozen=True, kw_only=True)
class MutualAffinity(Loss):
    """1 - correlation of scores and IoUs (Eq. 2); 0 for a set of fewer than two candidates. Works with every dense head.

    Attributes:
        correlation: The coefficient.
        scope: One set for the whole "batch", or one per "image", over which the loss is averaged; sets of fewer than two are left out.
        members: Who is in a set: the "positives", or "all" that are positive or negative (Table A2a).
        truncate: IoUs get no gradient, so that boxes cannot be spoilt to fit the scores; without it the paper finds training unstable.
    """

    weight: float = 0.5
    correlation: Concordance | Pearson | PrintedProduct | PrintedRoot = Concordance()
    scope: Literal["batch", "image"] = "batch"
    members: Literal["positives", "all"] = "positives"
    truncate: bool = True

    def __call__(self, x: LossInput) -> Tensor:
        """Compute the loss on the sampled labels."""
        members = x.positive if self.members == "positives" else x.targets.labels >= 0  # (B, N)
        overlap = x.overlap
        if not self.truncate:
            truth = x.targets.boxes[:, None]
            overlap = iou(torch.where(members[..., None], x.prediction.boxes, truth), truth)  # no gradient from boxes that do not count
        rows = (1, -1) if self.scope == "batch" else members.shape
        score, overlap, members = (value.reshape(rows) for value in (x.probability, overlap, members))
        return affinity_loss(score, overlap, members, self.correlation)


def affinity_loss(score: Tensor, overlap: Tensor, members: Tensor, correlation: Coefficient) -> Tensor:
    """Compute the mean of 1 - correlation over the sets of two candidates or more.

    Args:
        score: (R, N) of R sets.
        overlap: (R, N) IoUs.
        members: (R, N) bool, who is in the set.
        correlation: The coefficient.

    Returns:
        Scalar; 0 with zero gradient where no set has two.
    """
    rated = (members.sum(1) >= 2).to(score.dtype)  # (R,)
    rho = correlation(moments(score, overlap, members))
    return ((1 - rho) * rated).sum() / rated.sum().clamp(min=1)


def moments(score: Tensor, overlap: Tensor, members: Tensor) -> Moments:
    """Return the moments of (R, N) scores and IoUs where `members` (R, N) is true; 0 of none."""
    count = members.sum(1).clamp(min=1)  # (R,)

    def mean(values: Tensor) -> Tensor:
        return torch.where(members, values, 0.0).sum(1) / count

    mean_s, mean_b = mean(score), mean(overlap)
    ds, db = score - mean_s[:, None], overlap - mean_b[:, None]  # (R, N)
    return Moments(mean_s, mean_b, mean(ds * ds), mean(db * db), mean(ds * db))


def _distance(m: Moments) -> Tensor:
    """Return the mean squared distance that scores and IoUs would have if they were not correlated."""
    return m.var_s + m.var_b + (m.mean_s - m.mean_b).square()


__all__ = ["Concordance", "MutualAffinity", "Pearson", "PrintedProduct", "PrintedRoot", "affinity_loss", "moments"]
