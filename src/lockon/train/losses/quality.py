"""What a head's quality branch learns: the IoU of each positive's own box, or how central the positive lies.

IoU-Net (Jiang et al., ECCV 2018) introduced the first, FCOS (Tian et al., ICCV 2019) the second, which SiamCAR took over.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from lockon.train.losses.base import Loss, LossInput, Scalars
from lockon.train.losses.centerness import centerness


@dataclass(frozen=True, kw_only=True)
class QualityLoss(Loss):
    """Cross entropy of the quality branch with what it is to predict; nothing for networks without that branch.

    Attributes:
        boundary: Points that the assigner marked as boundary learn it too (SiamLA).
    """

    boundary: bool = True

    @abstractmethod
    def wanted(self, x: LossInput) -> Tensor:
        """Return (B, N) what the branch is to predict, in [0, 1]."""

    def __call__(self, x: LossInput) -> Scalars:
        """Compute the mean over the candidates that learn it."""
        logits = x.prediction.quality
        if logits is None:
            return {}
        members = x.regressed(self.boundary).members  # (B, N)
        total = F.binary_cross_entropy_with_logits(logits[members], self.wanted(x)[members], reduction="sum")
        return total / members.sum().clamp(min=1)


@dataclass(frozen=True, kw_only=True)
class IoUQuality(QualityLoss):
    """Quality is the IoU of the candidate's own box."""

    def wanted(self, x: LossInput) -> Tensor:
        """Return the IoUs."""
        return x.overlap


@dataclass(frozen=True, kw_only=True)
class CenternessQuality(QualityLoss):
    """Quality is how near the candidate lies to the middle of the target."""

    def wanted(self, x: LossInput) -> Tensor:
        """Return `centerness`."""
        return centerness(x.candidates.points, x.targets.boxes)


__all__ = ["CenternessQuality", "IoUQuality", "QualityLoss"]
