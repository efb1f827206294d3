"""Overlap losses of predicted boxes against the ground truth.

Yu et al., UnitBox, ACM MM 2016 (arXiv 1608.01471): -ln IoU; SiamBAN (Chen et al., CVPR 2020): the linear form 1 - IoU; Rezatofighi et
al., CVPR 2019: 1 - GIoU. SiamBAN's code adds one square pixel to intersection and union, which keeps the logarithm finite and damps
tiny boxes; `smooth` does that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from lockon._config_values import check_field
from lockon.ops.torch.boxes import hull_area, intersection_union
from lockon.train.losses.base import Loss, LossInput, average
from lockon.train.losses.centerness import centerness

IoUKind = Literal["iou", "linear_iou", "giou"]


@dataclass(frozen=True, kw_only=True)
class IoULoss(Loss):
    """Overlap loss of the boxes that positives predict.

    Attributes:
        kind: Which loss: "iou", "linear_iou" or "giou", see `iou_loss`.
        smooth: Square pixels added to intersection and union (SiamBAN: 1); "iou" needs it above 0.
        centerness: Positives count by their centre-ness (SiamCAR); otherwise all alike.
        boundary: Points that the assigner marked as boundary learn boxes too (SiamLA).
        clip: The truth ends at the crop's border (OSTrack); the prediction does not.

    Raises:
        LockonError: If `smooth` is below 0, or is 0 with "iou".
    """

    kind: IoUKind = "linear_iou"
    smooth: float = 1.0
    centerness: bool = False
    boundary: bool = True
    clip: bool = False

    def __post_init__(self) -> None:
        Loss.__post_init__(self)
        check_field(self, "smooth", 0 <= self.smooth < math.inf, "0 or more")
        check_field(
            self, "smooth", self.smooth > 0 or self.kind != "iou", "above 0 with kind=iou, which is infinite for boxes that do not meet"
        )

    def __call__(self, x: LossInput) -> Tensor:
        """Compute the mean over the candidates that learn boxes."""
        members, boxes, truth = x.regressed(self.boundary)
        weight = centerness(x.candidates.points, x.targets.boxes)[members] if self.centerness else None  # (P,)
        if self.clip:
            truth = truth.clamp(0, x.size)
        return average(iou_loss(boxes, truth, self.kind, self.smooth), weight)


def iou_loss(boxes: Tensor, truth: Tensor, kind: IoUKind = "linear_iou", smooth: float = 1.0, eps: float = 1e-7) -> Tensor:
    """Compute the loss of each box.

    Args:
        boxes: (..., 4) x1, y1, x2, y2.
        truth: (..., 4), broadcast with `boxes`.
        kind: "iou" -ln IoU, "linear_iou" 1 - IoU, "giou" 1 - GIoU.
        smooth: Square pixels added to intersection and union; "iou" needs it above 0.
        eps: What empty areas are divided by.

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


__all__ = ["IoUKind", "IoULoss", "iou_loss"]
