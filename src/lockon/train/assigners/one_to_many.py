"""Several positives per sample, as many as the boxes are good: among K candidates those above a threshold that follows their IoUs.

RTrack (Zeng et al., Sec. 3.2 and App. B) after ATSS (Zhang et al., CVPR 2020, arXiv 1912.02424, Sec. 3.2). The paper's threshold is the
sum of mean and variance, ATSS' that of mean and standard deviation; they select very differently.

DuML (Zhou et al., Appendix A) takes ATSS over the whole map, by the IoUs of the anchors: `atss_max_iou` and `atss_min_l2`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lockon.ops.torch.boxes import point_sides
from lockon.train.assigners.base import Selection
from lockon.train.assigners.overlaps import (
    AnchorBoxes,
    CenterDistance,
    InitBoxes,
    IoUValue,
    LabelBoxes,
    center_distance,
    overlaps,
    smallest,
)
from lockon.types import Candidates, Prediction, Targets

ROUNDING = 1e-6  # by which an IoU may miss the threshold, so that equal ones reach their own mean


@dataclass(frozen=True, kw_only=True, slots=True)
class StandardDeviation:
    """Standard deviation of the candidates' IoUs.

    Attributes:
        unbiased: Of a sample (K - 1 in the denominator, as ATSS' code), not of all there is.
    """

    unbiased: bool = False

    def __call__(self, overlap: Tensor, chosen: Tensor) -> Tensor:
        """Return the (B, 1) deviations of (B, N) IoUs where `chosen` (B, N) is true."""
        return variance(overlap, chosen, unbiased=self.unbiased).sqrt()


@dataclass(frozen=True, kw_only=True, slots=True)
class Variance:
    """Variance of the candidates' IoUs, as RTrack prints it.

    Attributes:
        unbiased: As of `StandardDeviation`.
    """

    unbiased: bool = False

    def __call__(self, overlap: Tensor, chosen: Tensor) -> Tensor:
        """Return the (B, 1) variances of (B, N) IoUs where `chosen` (B, N) is true."""
        return variance(overlap, chosen, unbiased=self.unbiased)


@dataclass(frozen=True, kw_only=True, slots=True)
class OneToManyAssigner:
    """Labels candidates above the sum of mean and spread of the IoUs of K of them; all others are negative.

    With the standard deviation that sum can exceed every IoU: eleven of 0.9 and one of 0.1 give 0.833 + 0.221. No IoU of 0 is above it.

    Attributes:
        candidates: Which K: the nearest to the centre (CD), or those of the largest IoU (IV).
        boxes: Whose boxes the IoUs are of: those of the first stage ("leading"), the final ones, or the anchors.
        spread: What is added to the mean.
        keep_best: The candidate of the largest IoU among the K is positive even below the threshold; of equal ones the nearest to the
            centre.
        keep_nearest: So is the one nearest to the centre, which the first stage learns.
        inside: Only candidates whose point lies in the box can be positive by the threshold (ATSS).
    """

    candidates: CenterDistance | IoUValue = IoUValue()
    boxes: LabelBoxes = InitBoxes()
    spread: StandardDeviation | Variance = StandardDeviation()
    keep_best: bool = True
    keep_nearest: bool = True
    inside: bool = False

    def __call__(self, candidates: Candidates, boxes: Tensor, present: Tensor, prediction: Prediction | None = None) -> Targets:
        """Label every candidate for every target, see `Assigner`.

        Raises:
            LockonError: Without the boxes that labels are to follow.
        """
        overlap, chosen, _, positive = self.select(candidates, boxes, prediction)
        distance = center_distance(candidates.points, boxes)
        if self.keep_best:
            positive = positive | smallest(torch.where(chosen, -overlap, 1.0), 1, distance)
        if self.keep_nearest:
            positive = positive | smallest(distance, 1)
        return Targets(labels=(positive & present[:, None]).to(overlap.dtype), boxes=boxes, present=present)

    def select(self, candidates: Candidates, boxes: Tensor, prediction: Prediction | None) -> Selection:
        """Compare the IoUs with the threshold, see `ThresholdAssigner`.

        Raises:
            LockonError: As of a call.
        """
        overlap = overlaps(self.boxes, candidates, boxes, prediction)  # (B, N)
        chosen = self.candidates(candidates, boxes, overlap)
        threshold = mean(overlap, chosen) + self.spread(overlap, chosen)  # (B, 1)
        passed = chosen & (overlap >= threshold - ROUNDING) & (overlap > 0)
        if self.inside:
            passed = passed & (point_sides(candidates.points, boxes) > 0).all(-1)
        return Selection(overlap, chosen, threshold, passed)


def atss_max_iou(k: int) -> OneToManyAssigner:
    """Return DuML's labels of anchors, ATSS_MaxIoU.

    Candidates are the k anchors of the largest IoU. Those at or above mean + standard deviation (of a sample, as in ATSS' code) whose
    centre lies in the box are positive (ATSS' rule, which the paper does not repeat), all others negative.

    Args:
        k: 15 for anchors of five shapes, 11 for one shape.
    """
    return OneToManyAssigner(candidates=IoUValue(k=k), **_ATSS)


def atss_min_l2(k: int) -> OneToManyAssigner:
    """Return the labels that the paper compares `atss_max_iou` with, ATSS_Min.L2: candidates are the k anchors nearest to the centre."""
    return OneToManyAssigner(candidates=CenterDistance(k=k), **_ATSS)


_ATSS: dict[str, Any] = {
    "boxes": AnchorBoxes(),
    "spread": StandardDeviation(unbiased=True),
    "keep_best": False,
    "keep_nearest": False,
    "inside": True,
}


def mean(overlap: Tensor, chosen: Tensor) -> Tensor:
    """Return the (B, 1) mean of (B, N) values where `chosen` (B, N) is true; 0 of none."""
    return torch.where(chosen, overlap, 0.0).sum(1, keepdim=True) / chosen.sum(1, keepdim=True).clamp(min=1)


def variance(overlap: Tensor, chosen: Tensor, *, unbiased: bool = False) -> Tensor:
    """Return the (B, 1) variance of (B, N) values where `chosen` (B, N) is true; 0 of fewer than two."""
    squares = torch.where(chosen, (overlap - mean(overlap, chosen)).square(), 0.0).sum(1, keepdim=True)
    return squares / (chosen.sum(1, keepdim=True) - int(unbiased)).clamp(min=1)


__all__ = ["OneToManyAssigner", "StandardDeviation", "Variance", "atss_max_iou", "atss_min_l2", "mean", "variance"]
