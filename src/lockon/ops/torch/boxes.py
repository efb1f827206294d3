"""Box overlaps as tensors, with gradients. Boxes are (..., 4) x1, y1, x2, y2."""

from __future__ import annotations

import torch
from torch import Tensor


def _areas(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    size = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0)  # (..., 2)
    inter = size[..., 0] * size[..., 1]
    a_size, b_size = (a[..., 2:] - a[..., :2]).clamp(min=0), (b[..., 2:] - b[..., :2]).clamp(min=0)
    return inter, a_size[..., 0] * a_size[..., 1] + b_size[..., 0] * b_size[..., 1] - inter


def iou(a: Tensor, b: Tensor, eps: float = 1e-7) -> Tensor:
    """Intersection over union, broadcast over leading axes; 0 (not NaN) for two empty boxes."""
    inter, union = _areas(a, b)
    return inter / (union + eps)


def giou(a: Tensor, b: Tensor, eps: float = 1e-7) -> Tensor:
    """Generalized IoU in (-1, 1] (Rezatofighi et al., CVPR 2019, Algorithm 1)."""
    inter, union = _areas(a, b)
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).clamp(min=0)  # (..., 2)
    hull_area = hull[..., 0] * hull[..., 1]
    return inter / (union + eps) - (hull_area - union) / (hull_area + eps)
