"""What the first stage of a head of two stages learns: its box at the candidate nearest to the target's centre.

RTrack (Zeng et al., Sec. 3.2 and Eq. 5). Letters: B samples, N candidates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lockon._config_values import check_field
from lockon.train.losses.base import Loss, LossInput, average
from lockon.train.losses.iou import IoUKind, iou_loss


@dataclass(frozen=True, kw_only=True)
class InitIoULoss(Loss):
    """Overlap loss of the boxes of the first stage at the candidates nearest to the centre, of samples with a target.

    Attributes:
        kind: Which loss, see `iou_loss`.
        smooth: Square pixels added to intersection and union; "iou" needs it above 0.
        positions: Candidates per sample that learn: 1 as published; its appendix also has 2 to 9.

    Raises:
        LockonError: If a number is out of its range.
    """

    kind: IoUKind = "giou"
    smooth: float = 0.0
    positions: int = 1
    reads: ClassVar[tuple[str, ...]] = ("init_boxes",)

    def __post_init__(self) -> None:
        Loss.__post_init__(self)
        check_field(self, "positions", self.positions >= 1, "1 or more")
        check_field(self, "smooth", self.smooth > 0 or (self.kind != "iou" and self.smooth == 0), "0 or more, and above 0 with kind=iou")

    def __call__(self, x: LossInput) -> Tensor:
        """Compute the mean over those candidates; 0 where no sample has a target."""
        truth: Tensor = x.targets.boxes
        center = (truth[:, None, :2] + truth[:, None, 2:]) / 2  # (B, 1, 2)
        distance = (x.candidates.points - center).square().sum(-1)  # (B, N)
        nearest = distance.sort(dim=1, stable=True).indices[:, : self.positions]  # (B, P), of equal ones the first
        boxes = x.prediction.extras["init_boxes"].gather(1, nearest[..., None].expand(-1, -1, 4))  # (B, P, 4)
        loss = iou_loss(boxes, truth[:, None], self.kind, self.smooth)  # (B, P)
        present = torch.ones_like(truth[:, 0], dtype=torch.bool) if x.targets.present is None else x.targets.present
        return average(loss[present])


__all__ = ["InitIoULoss"]
