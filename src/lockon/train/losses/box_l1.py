"""L1 loss of predicted boxes in sides of the search crop (DETR, Carion et al., ECCV 2020; OSTrack, ECCV 2022, Eq. 2)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lockon.train.losses.base import Loss, LossInput, average


@dataclass(frozen=True, kw_only=True)
class BoxL1(Loss):
    """Mean absolute error of x1, y1, x2, y2 that positives predict, in fractions of the crop; 0 without a positive.

    Attributes:
        clip: The truth ends at the crop's border, as in OSTrack; the prediction does not.
        boundary: Points that the assigner marked as boundary learn boxes too.
    """

    weight: float = 5.0
    clip: bool = True
    boundary: bool = False

    def __call__(self, x: LossInput) -> Tensor:
        """Compute the mean over the candidates that learn boxes."""
        _, boxes, truth = x.regressed(self.boundary)  # (P, 4)
        if self.clip:
            truth = truth.clamp(0, x.size)
        return average((boxes - truth).abs() / x.size)


__all__ = ["BoxL1"]
