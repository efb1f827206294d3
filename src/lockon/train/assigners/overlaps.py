"""Which boxes labels follow, and which candidates stand out by them: parts of the assigners that compare IoUs.

RTrack (Zeng et al., Sec. 3.2, Fig. 4): labels of the refined boxes may follow the boxes of the first stage ("leading"), or the refined
boxes themselves. ATSS (Zhang et al., CVPR 2020, arXiv 1912.02424) and DuML (Zhou et al., Appendix A): they follow the anchors.
Letters: B samples, N candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lockon._config_values import check_field
from lockon.errors import LockonError
from lockon.ops.torch.boxes import center_to_corner, iou
from lockon.types import Candidates, Prediction


@dataclass(frozen=True, kw_only=True, slots=True)
class InitBoxes:
    """Labels follow the boxes of the first stage ("leading"), which a head of two stages makes."""

    def __call__(self, candidates: Candidates, prediction: Prediction | None) -> Tensor:
        """Return the (B, N, 4) boxes, without gradient.

        Raises:
            LockonError: Without a prediction; if the head has no such stage.
        """
        extras = needed(prediction).extras
        if "init_boxes" not in extras:
            raise LockonError("assigner.boxes=init-boxes given for a head that makes no init_boxes; set assigner.boxes=own-boxes")
        boxes: Tensor = extras["init_boxes"]
        return boxes.detach()


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnBoxes:
    """Labels follow the candidates' final boxes."""

    def __call__(self, candidates: Candidates, prediction: Prediction | None) -> Tensor:
        """Return the (B, N, 4) boxes, without gradient.

        Raises:
            LockonError: Without a prediction.
        """
        boxes: Tensor = needed(prediction).boxes
        return boxes.detach()


@dataclass(frozen=True, kw_only=True, slots=True)
class AnchorBoxes:
    """Labels follow the anchors, whatever the network predicts."""

    def __call__(self, candidates: Candidates, prediction: Prediction | None) -> Tensor:
        """Return the (N, 4) boxes.

        Raises:
            LockonError: If the head has no anchors.
        """
        if candidates.anchors is None:
            raise LockonError("assigner.boxes=anchor-boxes given for a head that predicts at points; set assigner.boxes=own-boxes")
        return center_to_corner(candidates.anchors)


LabelBoxes = InitBoxes | OwnBoxes | AnchorBoxes


def overlaps(source: LabelBoxes, candidates: Candidates, boxes: Tensor, prediction: Prediction | None) -> Tensor:
    """Return the (B, N) IoU of each candidate's box with the ground truth (B, 4).

    Raises:
        LockonError: Without the boxes that labels are to follow.
    """
    return iou(source(candidates, prediction), boxes[:, None])


def needed(prediction: Prediction | None) -> Prediction:
    """Return the prediction that labels follow.

    Raises:
        LockonError: If there is none.
    """
    if prediction is None:
        raise LockonError("labels that follow the boxes need a prediction; take another assigner, for example ellipse-assigner")
    return prediction


def center_distance(points: Tensor, boxes: Tensor) -> Tensor:
    """Return the (B, N) squared distances of (N, 2) points from the centres of (B, 4) boxes."""
    center = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2  # (B, 1, 2)
    return (points - center).square().sum(-1)


def smallest(values: Tensor, count: int, then: Tensor | None = None) -> Tensor:
    """Return (B, N) bool, the `count` smallest of each row of (B, N) values; of equal ones those where `then` is smaller, or the first."""
    if then is None:
        order = values.sort(dim=1, stable=True).indices[:, :count]
    else:
        by_then = then.sort(dim=1, stable=True).indices  # (B, N)
        order = by_then.gather(1, values.gather(1, by_then).sort(dim=1, stable=True).indices[:, :count])
    return torch.zeros_like(values, dtype=torch.bool).scatter_(1, order, True)


@dataclass(frozen=True, kw_only=True, slots=True)
class CenterDistance:
    """Candidates nearest to the target's centre (CD).

    Attributes:
        k: How many. 12 is the paper's best, its extension has 20.

    Raises:
        LockonError: If `k` is below 1.
    """

    k: int = 12

    def __post_init__(self) -> None:
        check_field(self, "k", self.k >= 1, "1 or more")

    def __call__(self, candidates: Candidates, boxes: Tensor, overlap: Tensor) -> Tensor:
        """Return (B, N) bool which they are, for (B, 4) boxes and (B, N) IoUs."""
        return smallest(center_distance(candidates.points, boxes), self.k)


@dataclass(frozen=True, kw_only=True, slots=True)
class IoUValue:
    """Candidates whose boxes overlap most with the target (IV); of equal ones those nearer to the centre.

    Attributes:
        k: How many.

    Raises:
        LockonError: If `k` is below 1.
    """

    k: int = 16

    def __post_init__(self) -> None:
        check_field(self, "k", self.k >= 1, "1 or more")

    def __call__(self, candidates: Candidates, boxes: Tensor, overlap: Tensor) -> Tensor:
        """Return (B, N) bool which they are, for (B, 4) boxes and (B, N) IoUs."""
        return smallest(-overlap, self.k, center_distance(candidates.points, boxes))


__all__ = [
    "AnchorBoxes",
    "CenterDistance",
    "InitBoxes",
    "IoUValue",
    "LabelBoxes",
    "OwnBoxes",
    "center_distance",
    "needed",
    "overlaps",
    "smallest",
]
