"""Losses on the score maps of a filter that is learnt online: the hinge-like squared error of DiMP, the cross entropy of PrDiMP.

Bhat et al., DiMP, ICCV 2019 (arXiv 1904.07220), Eq. 8; Danelljan et al., PrDiMP, CVPR 2020 (arXiv 2003.12565), Eq. 9.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lockon._config_values import check_field
from lockon.train.losses.base import Loss
from lockon.train.losses.iterates import Iterates, LastIterate, SequenceInput


@dataclass(frozen=True, kw_only=True)
class LabelHinge(Loss):
    """Squared error of the scores; where the label says background only scores above 0 count, and nothing where it is below 0.

    Attributes:
        iterates: Which filters the term is about; it is the mean over them.
        threshold: Labels below this are background.
        clip: The term is at most this, and gives no gradient above it; None for no limit.

    Raises:
        LockonError: A limit that is not above 0.
    """

    iterates: Iterates = LastIterate()
    threshold: float = 0.05
    clip: float | None = None
    reads: ClassVar[tuple[str, ...]] = ("label",)

    def __post_init__(self) -> None:
        Loss.__post_init__(self)
        check_field(self, "threshold", math.isfinite(self.threshold), "a finite number")
        check_field(self, "clip", self.clip is None or 0 < self.clip < math.inf, "above 0, or none")

    def __call__(self, x: SequenceInput) -> Tensor | dict[str, Tensor]:
        """Compute the mean of `label_hinge`; no name where there is no such iterate."""
        return _mean(self.iterates(x.scores), lambda scores: label_hinge(scores, x.truth["label"], self.threshold, self.clip))


@dataclass(frozen=True, kw_only=True)
class GridCrossEntropy(Loss):
    """Cross entropy of the softmax over all positions of a score map with the density of the target's centre.

    Attributes:
        iterates: Which filters the term is about; it is the mean over them.
    """

    iterates: Iterates = LastIterate()
    reads: ClassVar[tuple[str, ...]] = ("label",)

    def __call__(self, x: SequenceInput) -> Tensor | dict[str, Tensor]:
        """Compute the mean of `grid_cross_entropy`; no name where there is no such iterate."""
        return _mean(self.iterates(x.scores), lambda scores: grid_cross_entropy(scores, x.truth["label"]))


def label_hinge(scores: Tensor, label: Tensor, threshold: float = 0.05, clip: float | None = None) -> Tensor:
    """Compute the mean squared residual: s - y where y >= threshold, max(s, 0) elsewhere, over labels from 0 on.

    Args:
        scores: (..., S, S).
        label: (..., S, S) from 0 to 1; below 0 does not count.
        threshold: Labels below this are background.
        clip: Largest value, above which the gradient is 0; None for no limit.
    """
    target = label >= threshold  # (..., S, S)
    residual = torch.where(target, scores - label, scores.relu())
    counts = label >= 0
    loss = torch.where(counts, residual, 0.0).square().sum() / counts.sum().clamp(min=1)
    return loss if clip is None else loss.clamp(max=clip)


def grid_cross_entropy(scores: Tensor, density: Tensor) -> Tensor:
    """Compute the mean of log sum exp s - <s, p> over maps, the KL divergence up to the entropy of p.

    Args:
        scores: (..., S, S) logarithm of an unnormalised density.
        density: (..., S, S) what it should be; sums to 1.
    """
    return (scores.flatten(-2).logsumexp(-1) - (scores * density).flatten(-2).sum(-1)).mean()


def _mean(chosen: tuple[Tensor, ...], loss: Callable[[Tensor], Tensor]) -> Tensor | dict[str, Tensor]:
    return torch.stack([loss(scores) for scores in chosen]).mean() if chosen else {}


__all__ = ["GridCrossEntropy", "LabelHinge", "grid_cross_entropy", "label_hinge"]
