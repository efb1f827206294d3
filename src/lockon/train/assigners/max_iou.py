"""Labels by fixed thresholds on the IoU of the network's own boxes.

The alternative that RTrack compares with (Zeng et al., Sec. 4.3, Table 3a, "MaxIoU"), as RepPoints (Yang et al., ICCV 2019, arXiv
1904.11490, Sec. 3.3) labels its second stage by the boxes of its first.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lockon.train.assigners.base import Selection, require_fractions
from lockon.train.assigners.overlaps import InitBoxes, LabelBoxes, center_distance, overlaps, smallest
from lockon.types import Candidates, Prediction, Targets


@dataclass(frozen=True, kw_only=True, slots=True)
class MaxIoUAssigner:
    """Labels candidates by the IoU of their boxes; a negative pair has negatives only.

    Attributes:
        boxes: Whose boxes: those of the first stage ("leading"), the final ones, or the anchors.
        positive: Candidates with an IoU above this are positive.
        negative: Candidates with an IoU below this are negative; those between both are ignored.
        keep_best: Where none is positive, the candidate of the largest IoU is; of equal ones the nearest to the centre.

    Raises:
        LockonError: If the thresholds are in the wrong order.
    """

    boxes: LabelBoxes = InitBoxes()
    positive: float = 0.5
    negative: float = 0.4
    keep_best: bool = True

    def __post_init__(self) -> None:
        require_fractions(self.negative, self.positive, ("negative", "positive"))

    def __call__(self, candidates: Candidates, boxes: Tensor, present: Tensor, prediction: Prediction | None = None) -> Targets:
        """Label every candidate for every target, see `Assigner`.

        Raises:
            LockonError: Without the boxes that labels are to follow.
        """
        overlap, _, _, positive = self.select(candidates, boxes, prediction)
        if self.keep_best:
            top = smallest(-overlap, 1, center_distance(candidates.points, boxes))
            positive = positive | (top & ~positive.any(1, keepdim=True))
        labels = torch.where(positive, 1.0, torch.where(overlap < self.negative, 0.0, -1.0))
        return Targets(labels=torch.where(present[:, None], labels, 0.0), boxes=boxes, present=present)

    def select(self, candidates: Candidates, boxes: Tensor, prediction: Prediction | None) -> Selection:
        """Compare the IoUs with the threshold, see `ThresholdAssigner`.

        Raises:
            LockonError: As of a call.
        """
        return above(overlaps(self.boxes, candidates, boxes, prediction), self.positive)


def above(overlap: Tensor, positive: float) -> Selection:
    """Compare (B, N) IoUs with one threshold for all samples; every candidate can pass it."""
    threshold = torch.full_like(overlap[:, :1], positive)  # (B, 1)
    return Selection(overlap, torch.ones_like(overlap, dtype=torch.bool), threshold, overlap > positive)


__all__ = ["MaxIoUAssigner", "above"]
