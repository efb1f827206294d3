"""Cross entropy on foreground logits, balanced between positives and negatives or weighted; and its two-stage form for hard negatives.

The balancing is that of PySOT (SiamRPN++, SiamBAN and their kin): half of the loss comes from the positives of the batch, half from
the negatives, however many there are. A two-way softmax over background and foreground is the sigmoid of their difference, so the
losses are written for one logit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lockon._config_values import check_field
from lockon.train.losses.base import Loss, LossInput


@dataclass(frozen=True, kw_only=True)
class BalancedCrossEntropy(Loss):
    """Cross entropy of the scores with hard labels, half of it from positives and half from negatives.

    Attributes:
        skip_single: A single positive or negative of a batch counts as none, as in PySOT's code.
    """

    skip_single: bool = True

    def __call__(self, x: LossInput) -> Tensor:
        """Compute `balanced_cross_entropy` on the sampled labels."""
        return balanced_cross_entropy(x.prediction.logits, x.targets.labels, skip_single=self.skip_single)


@dataclass(frozen=True, kw_only=True)
class HardNegativeCrossEntropy(Loss):
    """The second stage of a two-stage cross entropy.

    Attributes:
        threshold: Negatives with a foreground probability above this are hard.
        all_negatives: Negatives that were not sampled count too.
    """

    threshold: float = 0.5
    all_negatives: bool = False

    def __call__(self, x: LossInput) -> Tensor:
        """Compute `hard_negative_cross_entropy`."""
        return hard_negative_cross_entropy(x.prediction.logits, x.ranked_labels(self.all_negatives), self.threshold)


@dataclass(frozen=True, kw_only=True)
class WeightedCrossEntropy(Loss):
    """Cross entropy of the scores with hard labels in which a negative counts less than a positive (DETR, TransT).

    Attributes:
        background: Weight of a negative; a positive has the weight 1.

    Raises:
        LockonError: If `background` is below 0 or not finite.
    """

    background: float = 0.0625

    def __post_init__(self) -> None:
        Loss.__post_init__(self)
        check_field(self, "background", 0 <= self.background < math.inf, "0 or more")

    def __call__(self, x: LossInput) -> Tensor:
        """Compute `weighted_cross_entropy` on the sampled labels."""
        return weighted_cross_entropy(x.prediction.logits, x.targets.labels, self.background)


def weighted_cross_entropy(logits: Tensor, labels: Tensor, background: float) -> Tensor:
    """Compute the weighted mean of the loss over all candidates that are not ignored; 0 where nothing counts.

    Args:
        logits: (B, N) foreground logits.
        labels: (B, N) above 0 positive, 0 negative, below 0 ignored.
        background: Weight of a negative; a positive has the weight 1.
    """
    weight = (labels > 0).to(logits.dtype) + background * (labels == 0).to(logits.dtype)  # (B, N)
    losses = F.softplus(torch.where(labels > 0, -logits, logits))  # (B, N)
    return (weight * losses).sum() / weight.sum().clamp(min=torch.finfo(logits.dtype).tiny)


def balanced_cross_entropy(logits: Tensor, labels: Tensor, *, skip_single: bool = False) -> Tensor:
    """Compute half the mean loss of all positives plus half the mean loss of all negatives.

    Args:
        logits: (B, N) foreground logits.
        labels: (B, N) above 0 positive, 0 negative, below 0 ignored.
        skip_single: A set of exactly one element counts as empty, as in PySOT's code.

    Returns:
        Scalar; a set without elements adds 0.
    """
    positive = mean_of(F.softplus(-logits), labels > 0, skip_single)
    negative = mean_of(F.softplus(logits), labels == 0, skip_single)
    return 0.5 * positive + 0.5 * negative


def hard_negative_cross_entropy(logits: Tensor, labels: Tensor, threshold: float = 0.5) -> Tensor:
    """Compute the mean loss of the negatives that are taken for the target; 0 if there are none.

    Added to `balanced_cross_entropy` it is the two-stage cross entropy of Tang and Ling (RBO, CVPR 2022, Sec. 4.2): "the first one
    selects hard negative samples and the second one aims to optimize these hard samples".

    Args:
        logits: (B, N) foreground logits.
        labels: (B, N) 0 is negative.
        threshold: Negatives with a foreground probability above this are hard.
    """
    hard = (labels == 0) & (torch.sigmoid(logits) > threshold)
    return mean_of(F.softplus(logits), hard)


def mean_of(values: Tensor, members: Tensor, skip_single: bool = False) -> Tensor:
    """Return the mean of the `values` where `members` is true; 0 without members, and with `skip_single` for exactly one."""
    count = members.sum()
    total = torch.where(members, values, 0.0).sum()
    mean = total / count.clamp(min=1)
    return torch.where(count == 1, 0.0, mean) if skip_single else mean


__all__ = [
    "BalancedCrossEntropy",
    "HardNegativeCrossEntropy",
    "WeightedCrossEntropy",
    "balanced_cross_entropy",
    "hard_negative_cross_entropy",
    "mean_of",
    "weighted_cross_entropy",
]
