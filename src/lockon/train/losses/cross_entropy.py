"""Cross entropy on foreground logits, balanced between positives and negatives; and its two-stage form for hard negatives.

The balancing is that of PySOT (SiamRPN++, SiamBAN and their kin): half of the loss comes from the positives of the batch, half from
the negatives, however many there are. A two-way softmax over background and foreground is the sigmoid of their difference, so the
losses are written for one logit.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def balanced_cross_entropy(logits: Tensor, labels: Tensor, *, skip_single: bool = False) -> Tensor:
    """Half the mean loss of all positives plus half the mean loss of all negatives.

    Args:
        logits: (B, N) foreground logits. labels: (B, N) above 0 positive, 0 negative, below 0 ignored.
        skip_single: a set of exactly one element counts as empty, as in PySOT's code.

    Returns:
        Scalar; a set without elements adds 0.
    """
    positive = mean_of(F.softplus(-logits), labels > 0, skip_single)
    negative = mean_of(F.softplus(logits), labels == 0, skip_single)
    return 0.5 * positive + 0.5 * negative


def hard_negative_cross_entropy(logits: Tensor, labels: Tensor, threshold: float = 0.5) -> Tensor:
    """Mean loss of the negatives that are taken for the target; 0 if there are none.

    Added to `balanced_cross_entropy` it is the two-stage cross entropy of Tang and Ling (RBO, CVPR 2022, Sec. 4.2): "the first one
    selects hard negative samples and the second one aims to optimize these hard samples".

    Args:
        logits: (B, N) foreground logits. labels: (B, N) 0 is negative.
        threshold: negatives with a foreground probability above this are hard.
    """
    hard = (labels == 0) & (torch.sigmoid(logits) > threshold)
    return mean_of(F.softplus(logits), hard)


def mean_of(values: Tensor, members: Tensor, skip_single: bool = False) -> Tensor:
    """Mean of the `values` where `members` is true; 0 without members, and with `skip_single` for exactly one."""
    count = members.sum()
    total = torch.where(members, values, 0.0).sum()
    mean = total / count.clamp(min=1)
    return torch.where(count == 1, 0.0, mean) if skip_single else mean
