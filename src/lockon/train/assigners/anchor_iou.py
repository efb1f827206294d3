"""Labels for anchors by their overlap with the target.

SiamRPN (Li et al., CVPR 2018, Sec. 3.3) and SiamRPN++ (Li et al., CVPR 2019, arXiv 1812.11703), whose code also says what a
negative pair teaches: that the object which happens to be there is none, so only the anchors around it are negative.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lockon.ops.torch.boxes import center_to_corner, iou
from lockon.types import Targets


@dataclass(frozen=True, slots=True)
class AnchorIoUAssigner:
    """Labels anchors by IoU; where the target is absent, by cells around the unrelated object.

    Attributes:
        stride: distance of neighbouring anchors in crop pixels.
        positive: anchors with an IoU above this are positive. negative: those with an IoU below this are negative; others are ignored.
        window: of a negative pair, anchors in this many by this many cells around the object's centre are negative, the others
            ignored; odd.
    """

    stride: float = 8.0
    positive: float = 0.6
    negative: float = 0.3
    window: int = 7

    def __call__(self, anchors: Tensor, boxes: Tensor, present: Tensor) -> Targets:
        """Label every anchor for every target.

        Args:
            anchors: (N, 4) cx, cy, w, h in crop pixels.
            boxes: (B, 4) xyxy in crop pixels; of an unrelated object where the target is absent.
            present: (B,) bool; False for a negative pair, which has no positive.

        Returns:
            `Targets` with labels (B, N) in {1, 0, -1}, before any sampling.
        """
        overlap = iou(center_to_corner(anchors), boxes[:, None])  # (B, N)
        labels = torch.full_like(overlap, -1.0)
        labels[overlap < self.negative] = 0.0
        labels[overlap > self.positive] = 1.0
        absent = torch.where(self._near(anchors[:, :2], boxes), 0.0, -1.0)  # (B, N)
        return Targets(labels=torch.where(present[:, None], labels, absent), boxes=boxes, present=present)

    def _near(self, centers: Tensor, boxes: Tensor) -> Tensor:
        """(B, N) anchors in the window around the boxes' centres.

        The official code rounds the centre's cell up after adding a half, so that the window lies half a cell to one cell and a half
        beyond the centre.
        """
        first = centers.amin(0)  # (2,) the grid's first cell
        cells = ((centers - first) / self.stride).round()  # (N, 2) column, row
        middle = (((boxes[:, :2] + boxes[:, 2:]) / 2 - first) / self.stride + 0.5).ceil()  # (B, 2)
        return ((cells - middle[:, None]).abs() <= self.window // 2).all(-1)
