"""Overlap losses of predicted boxes against the ground truth.

Yu et al., UnitBox, ACM MM 2016 (arXiv 1608.01471): -ln IoU; SiamBAN (Chen et al., CVPR 2020): the linear form 1 - IoU; Rezatofighi et
al., CVPR 2019: 1 - GIoU. SiamBAN's code adds one square pixel to intersection and union, which keeps the logarithm finite and damps
tiny boxes; `smooth` does that.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from lockon.ops.torch.boxes import hull_area, intersection_union

IoULoss = Literal["iou", "linear_iou", "giou"]


def iou_loss(boxes: Tensor, truth: Tensor, kind: IoULoss = "linear_iou", smooth: float = 1.0, eps: float = 1e-7) -> Tensor:
    """Loss of each box.

    Args:
        boxes, truth: (..., 4) xyxy, broadcast.
        kind: "iou" -ln IoU, "linear_iou" 1 - IoU, "giou" 1 - GIoU.
        smooth: square pixels added to intersection and union; "iou" needs it above 0. eps: what empty areas are divided by.

    Returns:
        (...) losses. Boxes that do not meet have a gradient towards the truth with "giou" alone.
    """
    inter, union = intersection_union(boxes, truth)
    overlap = (inter + smooth) / (union + (smooth + eps))
    if kind == "iou":
        return -overlap.log()
    if kind == "linear_iou":
        return 1 - overlap
    hull = hull_area(boxes, truth)
    return 1 - (overlap - (hull - union) / (hull + eps))
