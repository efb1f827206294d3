"""Focal losses on foreground logits.

`quality_focal`: Li et al., Generalized Focal Loss, NeurIPS 2020 (arXiv 2006.04388), Eq. 2: the target of a positive is
the IoU of its own predicted box, so that the score that picks the box knows how good the box is. With hard targets the
same formula is the sigmoid focal loss with gamma 2 up to its alpha weight. Differently from the paper, the modulating
factor carries no gradient: the gradient by a logit is |target - p|^beta (p - target), which always points to the target.
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


__all__ = ["QualityFocal", "quality_focal"]
