"""Losses of a refiner: corners, masks, and the confidence of its cells.

Yan et al., Alpha-Refine, CVPR 2021 (arXiv 2012.06815), Sec. 3.4 and Eq. 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from lockon.train.losses.base import Loss, LossInput, Scalars
from lockon.train.losses.cross_entropy import balanced_cross_entropy


@dataclass(frozen=True, kw_only=True)
class CornerMSE(Loss):
    """Mean squared error of the corners in crop pixels."""

    def __call__(self, x: LossInput) -> Tensor:
        """Compute `corner_error` of the one candidate of each crop."""
        return corner_error(x.prediction.boxes[:, 0], x.targets.boxes)


@dataclass(frozen=True, kw_only=True)
class CropCornerL1(Loss):
    """Mean absolute error of the corners in sides of the crop."""

    def __call__(self, x: LossInput) -> Tensor:
        """Compute the error of the one candidate of each crop."""
        error: Tensor = (x.prediction.boxes[:, 0] - x.targets.boxes).abs()  # (B, 4)
        return error.mean() / x.size


@dataclass(frozen=True, kw_only=True)
class MaskCrossEntropy(Loss):
    """Cross entropy of the masks that are known; nothing in a batch without masks."""

    def __call__(self, x: LossInput) -> Scalars:
        """Compute `mask_cross_entropy`."""
        return {} if x.masks is None else mask_cross_entropy(x.masks.fine, x.masks.truth)


@dataclass(frozen=True, kw_only=True)
class ConfidenceLoss(Loss):
    """Cross entropy of the confidence of heads that have one in every cell."""

    reads: ClassVar[tuple[str, ...]] = ("confidence",)

    def __call__(self, x: LossInput) -> Tensor:
        """Compute `confidence_loss`."""
        return confidence_loss(x.prediction.extras["confidence"], x.targets.boxes, x.candidates.stride)


def mask_cross_entropy(logits: Tensor, truth: Tensor) -> Tensor:
    """Compute the binary cross entropy, the mean over all pixels of all masks; 0 without masks.

    Args:
        logits: (K, H, W).
        truth: (K, H, W), 0 or 1 of any type.
    """
    if not len(logits):
        return logits.sum()  # 0, with a gradient of 0
    return F.binary_cross_entropy_with_logits(logits, truth.to(logits.dtype))


def center_cells(boxes: Tensor, cells: int, stride: float) -> Tensor:
    """Return (B, cells * cells) of 0 and one 1: the cell, row by row, that holds the middle of each (B, 4) box in crop pixels."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    column, row = (middle / stride).floor().long().clamp(0, cells - 1).unbind(1)  # (B,)
    return F.one_hot(row * cells + column, cells * cells)


def confidence_loss(logits: Tensor, boxes: Tensor, stride: float) -> Tensor:
    """Compute the cross entropy that teaches cells where the target's middle is: half from those that hold one, half from all others.

    The paper does not say how the confidence of its RPN style head learns, and nothing teaches it in the published code.

    Args:
        logits: (B, S S), row by row.
        boxes: (B, 4) x1, y1, x2, y2 truth in crop pixels.
        stride: Crop pixels per cell.
    """
    cells = round(logits.shape[1] ** 0.5)
    return balanced_cross_entropy(logits, center_cells(boxes, cells, stride))


def corner_error(boxes: Tensor, truth: Tensor) -> Tensor:
    """Compute the mean squared error of (B, 4) corners in crop pixels."""
    return torch.mean((boxes - truth).square())


__all__ = [
    "ConfidenceLoss",
    "CornerMSE",
    "CropCornerL1",
    "MaskCrossEntropy",
    "center_cells",
    "confidence_loss",
    "corner_error",
    "mask_cross_entropy",
]
