"""Losses on what a box network gives for proposals: their overlap with the target (ATOM), or the target's log-density (PrDiMP).

Danelljan et al., ATOM, CVPR 2019 (arXiv 1811.07628), Sec. 3.1; Danelljan et al., PrDiMP, CVPR 2020 (arXiv 2003.12565), Eq. 7-8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from lockon.train.losses.base import Loss
from lockon.train.losses.iterates import SequenceInput

SMALLEST = 1e-30  # of a density: the least that float32 holds with all its digits is 1e-38


@dataclass(frozen=True, kw_only=True)
class OverlapRegression(Loss):
    """Mean squared error of the predicted overlaps, as 2 IoU - 1."""

    reads: ClassVar[tuple[str, ...]] = ("proposal_iou",)

    def __call__(self, x: SequenceInput) -> Tensor:
        """Compute the error over all proposals."""
        assert x.judged is not None
        return (x.judged - x.truth["proposal_iou"]).square().mean()


@dataclass(frozen=True, kw_only=True)
class BoxDensity(Loss):
    """KL divergence of the predicted density of boxes from a Gaussian around the target's, estimated from the proposals."""

    reads: ClassVar[tuple[str, ...]] = ("proposal_density", "truth_density")

    def __call__(self, x: SequenceInput) -> Tensor:
        """Compute `density_divergence`."""
        assert x.judged is not None
        return density_divergence(x.judged, x.truth["proposal_density"], x.truth["truth_density"])


@dataclass(frozen=True, kw_only=True)
class BoxLikelihood(Loss):
    """Negative log-likelihood of the target's own box, which is the first proposal (`MixtureProposals.truth`)."""

    reads: ClassVar[tuple[str, ...]] = ("proposal_density", "truth")

    def __call__(self, x: SequenceInput) -> Tensor:
        """Compute `negative_log_likelihood`."""
        assert x.judged is not None
        return negative_log_likelihood(x.judged, x.truth["proposal_density"])


def density_divergence(scores: Tensor, proposal_density: Tensor, truth_density: Tensor) -> Tensor:
    """Compute the mean over targets of log(1/K sum exp s / q) - 1/K sum s p / q, up to the entropy of p.

    Args:
        scores: (..., K) logarithm of the unnormalised density at K proposals.
        proposal_density: (..., K) q, of the distribution that they are drawn from, above 0.
        truth_density: (..., K) p, of the distribution that is learnt.
    """
    q = proposal_density.clamp(min=SMALLEST)
    partition = (scores - q.log()).logsumexp(-1) - math.log(scores.shape[-1])  # (...)
    return (partition - (scores * (truth_density / q)).mean(-1)).mean()


def negative_log_likelihood(scores: Tensor, proposal_density: Tensor) -> Tensor:
    """Compute the mean over targets of log(1/(K - 1) sum exp s_k / q_k) - s_0, the sum without the first.

    Args:
        scores: (..., K) logarithm of the unnormalised density, at the target's own box first.
        proposal_density: (..., K) of the distribution that the others are drawn from; the first is not read.
    """
    others = scores[..., 1:] - proposal_density[..., 1:].clamp(min=SMALLEST).log()  # (..., K - 1)
    return (others.logsumexp(-1) - math.log(others.shape[-1]) - scores[..., 0]).mean()


__all__ = ["BoxDensity", "BoxLikelihood", "OverlapRegression", "density_divergence", "negative_log_likelihood"]
