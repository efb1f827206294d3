"""Losses of a refiner: corners, masks, and the confidence of its cells.

Yan et al., Alpha-Refine, CVPR 2021 (arXiv 2012.06815), Sec. 3.4 and Eq. 5.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lockon.train.losses.cross_entropy import balanced_cross_entropy


def mask_cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    """Binary cross entropy, the mean over all pixels of all masks; 0 without masks.

    Args:
        logits: (K, H, W). truth: (K, H, W), 0 or 1 of any type.
    """
    if not len(logits):
        return logits.sum()  # 0, with a gradient of 0
    return F.binary_cross_entropy_with_logits(logits, truth.to(logits.dtype))


def center_cells(boxes: Tensor, cells: int, stride: float) -> Tensor:
    """(B, cells * cells) of 0 and one 1: the cell, row by row, that holds the middle of each (B, 4) xyxy box in crop pixels."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    column, row = (middle / stride).floor().long().clamp(0, cells - 1).unbind(1)  # (B,)
    return F.one_hot(row * cells + column, cells * cells)


def confidence_loss(logits: Tensor, boxes: Tensor, stride: float) -> Tensor:
    """Cross entropy that teaches cells where the target's middle is: half from those that hold one, half from all others.

    The paper does not say how the confidence of its RPN style head learns, and nothing teaches it in the published code.

    Args:
        logits: (B, S S), row by row. boxes: (B, 4) xyxy truth in crop pixels. stride: crop pixels per cell.
    """
    cells = round(logits.shape[1] ** 0.5)
    return balanced_cross_entropy(logits, center_cells(boxes, cells, stride))


def corner_error(boxes: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error of (B, 4) corners in crop pixels."""
    return torch.mean((boxes - truth).square())


__all__ = ["center_cells", "confidence_loss", "corner_error", "mask_cross_entropy"]
