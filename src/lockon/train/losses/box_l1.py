"""L1 distance of predicted boxes from the ground truth, in fractions of the crop's side.

DETR (Carion et al., ECCV 2020) introduced it for boxes that are numbers from 0 to 1; TransT and OSTrack train on it beside the GIoU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from lockon.ops.torch.boxes import corner_to_center
from lockon.train.losses.base import Loss, LossInput

BoxForm = Literal["centers", "corners"]


@dataclass(frozen=True, kw_only=True)
class BoxL1(Loss):
    """Mean over the positives of the L1 distance of their boxes.

    Attributes:
        form: The four numbers of a box: "centers" cx, cy, w, h (TransT), or "corners" x1, y1, x2, y2 (OSTrack).
        summed: The distance is the sum of the four differences (TransT); otherwise their mean (OSTrack).
        clip: The truth ends at the crop's border (OSTrack); the prediction does not.
    """

    form: BoxForm = "centers"
    summed: bool = True
    clip: bool = False

    def __call__(self, x: LossInput) -> Tensor:
        """Compute the mean; 0 without positives."""
        _, boxes, truth = x.regressed(boundary=False)
        if self.clip:
            truth = truth.clamp(0, x.size)
        return box_l1(boxes / x.size, truth / x.size, self.form, summed=self.summed).sum() / max(1, len(boxes))


def box_l1(boxes: Tensor, truth: Tensor, form: BoxForm = "centers", *, summed: bool = True) -> Tensor:
    """Compute the L1 distance of each box.

    Args:
        boxes: (..., 4) x1, y1, x2, y2 in any unit.
        truth: (..., 4) likewise.
        form: As of `BoxL1`.
        summed: As of `BoxL1`.

    Returns:
        (...) distances in that unit.
    """
    difference = boxes - truth  # (..., 4); the change to centres is linear
    if form == "centers":
        difference = corner_to_center(difference)
    distance = difference.abs()
    return distance.sum(-1) if summed else distance.mean(-1)


__all__ = ["BoxForm", "BoxL1", "box_l1"]
