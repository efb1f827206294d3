"""Labels for anchors by their overlap with the target.

SiamRPN (Li et al., CVPR 2018, Sec. 3.3) and SiamRPN++ (Li et al., CVPR 2019, arXiv 1812.11703), whose code also says what a
negative pair teaches: that the object which happens to be there is none, so only the anchors around it are negative.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lockon.errors import LockonError
from lockon.ops.torch.boxes import center_to_corner, iou
from lockon.train.assigners.base import Selection, require_fractions
from lockon.train.assigners.max_iou import above
from lockon.types import Candidates, Prediction, Targets


@dataclass(frozen=True, slots=True)
class AnchorIoUAssigner:
    """Labels anchors by IoU; where the target is absent, by cells around the unrelated object.

    Attributes:
        positive: Anchors with an IoU above this are positive.
        negative: Anchors with an IoU below this are negative; those between both are ignored.
        window: Of a negative pair, anchors in this many by this many cells around the object's centre are negative, the others
            ignored; odd.

    Raises:
        LockonError: If the thresholds are in the wrong order.
    """

    positive: float = 0.6
    negative: float = 0.3
    window: int = 7

    def __post_init__(self) -> None:
        require_fractions(self.negative, self.positive, ("negative", "positive"))

    def __call__(self, candidates: Candidates, boxes: Tensor, present: Tensor, prediction: Prediction | None = None) -> Targets:
        """Label every anchor for every target, see `Assigner`.

        Raises:
            LockonError: If the head has no anchors.
        """
        overlap, _, _, positive = self.select(candidates, boxes, prediction)
        labels = torch.full_like(overlap, -1.0)
        labels[overlap < self.negative] = 0.0
        labels[positive] = 1.0
        absent = torch.where(self._near(candidates, boxes), 0.0, -1.0)  # (B, N)
        return Targets(labels=torch.where(present[:, None], labels, absent), boxes=boxes, present=present)

    def select(self, candidates: Candidates, boxes: Tensor, prediction: Prediction | None) -> Selection:
        """Compare the anchors' IoUs with the threshold, see `ThresholdAssigner`.

        Raises:
            LockonError: If the head has no anchors.
        """
        if candidates.anchors is None:
            raise LockonError("the anchor-iou-assigner was given for a head that predicts at points; take assigner=ellipse-assigner")
        anchors: Tensor = candidates.anchors
        return above(iou(center_to_corner(anchors), boxes[:, None]), self.positive)

    def _near(self, candidates: Candidates, boxes: Tensor) -> Tensor:
        """Return (B, N) which anchors lie in the window around the boxes' centres.

        The official code rounds the centre's cell up after adding a half, so that the window lies half a cell to one cell and a half
        beyond the centre.
        """
        centers: Tensor = candidates.points
        stride = candidates.stride
        first = centers.amin(0)  # (2,) the grid's first cell
        cells = ((centers - first) / stride).round()  # (N, 2) column, row
        middle = (((boxes[:, :2] + boxes[:, 2:]) / 2 - first) / stride + 0.5).ceil()  # (B, 2)
        return ((cells - middle[:, None]).abs() <= self.window // 2).all(-1)


__all__ = ["AnchorIoUAssigner"]
