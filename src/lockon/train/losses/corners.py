"""L1 losses of predicted corners, in sizes of the target, so that small targets count as much as large ones."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lockon.train.losses.base import Loss, LossInput, average
from lockon.train.losses.centerness import centerness

LARGEST_ERROR = 4.0  # target sizes; boxes that are further off give no gradient


@dataclass(frozen=True, kw_only=True)
class CornerL1(Loss):
    """Absolute error of the corners that positives predict, in widths and heights of the target.

    Attributes:
        centerness: Positives count by their centre-ness; otherwise all alike.
        boundary: Points that the assigner marked as boundary learn boxes too (SiamLA).
    """

    weight: float = 0.5
    centerness: bool = False
    boundary: bool = True

    def __call__(self, x: LossInput) -> Tensor:
        """Compute the mean over the candidates that learn boxes."""
        members, boxes, truth = x.regressed(self.boundary)
        weight = centerness(x.candidates.points, x.targets.boxes)[members] if self.centerness else None  # (P,)
        size = (truth[:, 2:] - truth[:, :2]).repeat(1, 2).clamp(min=1)  # (P, 4)
        return average(((boxes - truth).abs() / size).clamp(max=LARGEST_ERROR), weight)


__all__ = ["CornerL1"]
