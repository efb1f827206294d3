"""Box overlaps and box codes as tensors, with gradients; boxes are (..., 4) x1, y1, x2, y2 unless a name states otherwise.

Anchor codes are those of Faster R-CNN (Ren et al., NeurIPS 2015, arXiv 1506.01497, Eq. 2), as SiamRPN uses them.
"""

from __future__ import annotations

import torch
from torch import Tensor


def intersection_union(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Compute areas of intersection and union, broadcast over leading axes; a box of negative width or height is empty."""
    size = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0)  # (..., 2)
    inter = size[..., 0] * size[..., 1]
    a_size, b_size = (a[..., 2:] - a[..., :2]).clamp(min=0), (b[..., 2:] - b[..., :2]).clamp(min=0)
    return inter, a_size[..., 0] * a_size[..., 1] + b_size[..., 0] * b_size[..., 1] - inter


def hull_area(a: Tensor, b: Tensor) -> Tensor:
    """Compute the area of the smallest box around both, broadcast over leading axes (Rezatofighi et al., GIoU, CVPR 2019)."""
    hull = (torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])).clamp(min=0)  # (..., 2)
    return hull[..., 0] * hull[..., 1]


def iou(a: Tensor, b: Tensor, eps: float = 1e-7) -> Tensor:
    """Compute the intersection over union, broadcast over leading axes; 0 (not NaN) for two empty boxes."""
    inter, union = intersection_union(a, b)
    return inter / (union + eps)


def point_sides(points: Tensor, boxes: Tensor) -> Tensor:
    """Compute distances from points to the sides of boxes: left, top, right, bottom; all above 0 where a point lies inside.

    Args:
        points: (N, 2) x, y.
        boxes: (B, 4) xyxy.

    Returns:
        (B, N, 4).
    """
    return torch.cat([points - boxes[:, None, :2], boxes[:, None, 2:] - points], dim=-1)


def center_to_corner(boxes: Tensor) -> Tensor:
    """Convert (..., 4) centre x, centre y, width, height to x1, y1, x2, y2."""
    half = boxes[..., 2:] / 2
    return torch.cat([boxes[..., :2] - half, boxes[..., :2] + half], dim=-1)


def corner_to_center(boxes: Tensor) -> Tensor:
    """Convert (..., 4) x1, y1, x2, y2 to centre x, centre y, width, height."""
    return torch.cat([(boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]], dim=-1)


def encode_deltas(anchors: Tensor, boxes: Tensor, smallest: float = 1e-3) -> Tensor:
    """Encode boxes relative to anchors: offsets of the centres in anchor sides, and logarithms of the ratios of the sides.

    Args:
        anchors: (..., 4) cx, cy, w, h with positive sides, broadcast.
        boxes: (..., 4) xyxy, broadcast.
        smallest: Sides of boxes below this many pixels count as this many, so that the logarithm stays finite.

    Returns:
        (..., 4) dx, dy, dw, dh.
    """
    center = corner_to_center(boxes)
    offset = (center[..., :2] - anchors[..., :2]) / anchors[..., 2:]
    return torch.cat([offset, (center[..., 2:].clamp(min=smallest) / anchors[..., 2:]).log()], dim=-1)


def decode_deltas(anchors: Tensor, deltas: Tensor) -> Tensor:
    """Decode (..., 4) boxes xyxy from anchors cx, cy, w, h and deltas dx, dy, dw, dh; the inverse of `encode_deltas`."""
    center = deltas[..., :2] * anchors[..., 2:] + anchors[..., :2]
    return center_to_corner(torch.cat([center, deltas[..., 2:].exp() * anchors[..., 2:]], dim=-1))
