"""Focal losses on foreground logits.

`quality_focal`: Li et al., Generalized Focal Loss, NeurIPS 2020 (arXiv 2006.04388), Eq. 2: the target of a positive is
the IoU of its own predicted box, so that the score that picks the box knows how good the box is. With hard targets the
same formula is the sigmoid focal loss with gamma 2 up to its alpha weight. Differently from the paper, the modulating
factor carries no gradient: the gradient by a logit is |target - p|^beta (p - target), which always points to the target.

`focal`: Lin et al., Focal Loss, ICCV 2017 (arXiv 1708.02002), Eq. 4, without alpha and with the gradient of the whole formula; DuML
(Zhou et al., Sec. 4) balances it between positives and negatives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from lockon._config_values import check_field
from lockon.train.losses.base import Loss, LossInput
from lockon.train.losses.cross_entropy import mean_of


@dataclass(frozen=True, kw_only=True)
class QualityFocal(Loss):
    """Quality focal loss of the scores, summed over candidates and divided by the number of positives.

    Attributes:
        target: What a positive is to score: the "iou" of its own predicted box, or 1 ("hard").
        positive_weight: Factor on the positives' part.

    Raises:
        LockonError: If a factor is below 0 or not finite.
    """

    target: Literal["iou", "hard"] = "iou"
    positive_weight: float = 2.0

    def __post_init__(self) -> None:
        Loss.__post_init__(self)
        check_field(self, "positive_weight", 0 <= self.positive_weight < math.inf, "0 or more")

    def __call__(self, x: LossInput) -> Tensor:
        """Compute the loss on the sampled labels."""
        overlap, positive = x.overlap, x.positive  # (B, N)
        wanted = torch.where(positive, overlap if self.target == "iou" else torch.ones_like(overlap), torch.zeros_like(overlap))
        weight = torch.where(positive, self.positive_weight, (x.targets.labels == 0).float())
        return (quality_focal(x.prediction.logits, wanted) * weight).sum() / positive.sum().clamp(min=1)


@dataclass(frozen=True, kw_only=True)
class BalancedFocal(Loss):
    """Focal loss of the scores with hard labels, half of it from positives and half from negatives.

    DuML (Sec. 4): both "are split and normalized with each of their total amount such that background and foreground contribute equally to
    the total loss". The paper states no gamma, and no alpha.

    Attributes:
        gamma: Exponent of a score's distance from its label; 0 is `BalancedCrossEntropy`.

    Raises:
        LockonError: If `gamma` is below 0 or not finite.
    """

    gamma: float = 2.0

    def __post_init__(self) -> None:
        Loss.__post_init__(self)
        check_field(self, "gamma", 0 <= self.gamma < math.inf, "0 or more")

    def __call__(self, x: LossInput) -> Tensor:
        """Compute half the mean of all positives plus half the mean of all negatives; a set without elements adds 0."""
        labels = x.targets.labels
        losses = focal(x.prediction.logits, labels > 0, self.gamma)  # (B, N)
        return 0.5 * mean_of(losses, labels > 0) + 0.5 * mean_of(losses, labels == 0)


def focal(logits: Tensor, positive: Tensor, gamma: float = 2.0) -> Tensor:
    """Compute -(1 - p)^gamma ln p of positives and -p^gamma ln(1 - p) of the others, per element.

    Args:
        logits: Any shape.
        positive: The same shape, bool.
        gamma: Exponent of the distance from the label.

    Returns:
        Losses >= 0 of the same shape, with gradient to `logits`, through the modulating factor too.
    """
    wrong = torch.where(positive, -logits, logits)  # logit of the probability of a mistake
    return torch.exp(gamma * F.logsigmoid(wrong)) * F.softplus(wrong)


def quality_focal(logits: Tensor, targets: Tensor, beta: float = 2.0) -> Tensor:
    """Compute |target - p|^beta * binary cross entropy, per element.

    Args:
        logits: Any shape.
        targets: The same shape, in [0, 1].
        beta: Exponent of the modulating factor; 0 is plain cross entropy.

    Returns:
        Losses >= 0 of the same shape, with gradient to `logits`.
    """
    probability = torch.sigmoid(logits)
    weight = (targets - probability).abs().pow(beta).detach() if beta else torch.ones_like(logits)
    return weight * F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


__all__ = ["BalancedFocal", "QualityFocal", "focal", "quality_focal"]
