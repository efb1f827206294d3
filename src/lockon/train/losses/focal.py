"""Focal losses on foreground logits.

`quality_focal`: Li et al., Generalized Focal Loss, NeurIPS 2020 (arXiv 2006.04388), Eq. 2: the target of a positive is
the IoU of its own predicted box, so that the score that picks the box knows how good the box is. With hard targets the
same formula is the sigmoid focal loss with gamma 2 up to its alpha weight. Differently from the paper, the modulating
factor carries no gradient: the gradient by a logit is |target - p|^beta (p - target), which always points to the target.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def quality_focal(logits: Tensor, targets: Tensor, beta: float = 2.0) -> Tensor:
    """|target - p|^beta * binary cross entropy, per element.

    Args:
        logits: any shape. targets: same shape, in [0, 1].
        beta: exponent of the modulating factor; 0 is plain cross entropy.

    Returns:
        Losses >= 0 of the same shape, with gradient to `logits`.
    """
    probability = torch.sigmoid(logits)
    weight = (targets - probability).abs().pow(beta).detach() if beta else torch.ones_like(logits)
    return weight * F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
