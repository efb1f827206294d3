"""`SiameseLossConfig`: every number of a Siamese tracker's targets and losses; and the published sets of them.

`RPN_LOSS` is SiamRPN++ (PySOT), `BAN_LOSS` SiamBAN, `PW_LOSS` the SiamPW baseline of the RBO paper; `with_ranking` adds that paper's
ranking losses the way its authors' code does. `CAR_LOSS` is SiamCAR, `LA_LOSS` SiamLA; `with_localization` adds parts of the latter.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from lockon.errors import LockonError
from lockon.train.assigners.sampling import EVERYTHING, SamplingConfig
from lockon.train.losses.dynamic_labels import DynamicLabelConfig
from lockon.train.losses.localization import LocalizationLossConfig
from lockon.train.losses.ranking import RankingConfig

NO_RANKING = RankingConfig(classification=0.0, iou=0.0)
DYNAMIC = DynamicLabelConfig()
LOCALIZATION = LocalizationLossConfig()


@dataclass(frozen=True, slots=True)
class SiameseLossConfig:
    """Which targets a Siamese tracker learns, and the weight of each loss. The defaults are those of lockon's own trackers.

    Attributes:
        base: the classification loss: "quality_focal", "cross_entropy" balanced as in PySOT, or "dynamic": the labels are the IoUs of
            the predicted boxes (SiamLA; heads that predict at points only).
        dynamic: of base "dynamic": labels, smoothing of the boundary points, weights.
        score_target: "iou": a positive's target is the IoU of its own predicted box (quality focal loss), "hard": it is 1.
        positive_weight: factor on the positive points' quality focal loss.
        skip_single: cross entropy counts a single positive or negative as none, as PySOT's code does.
        hard_negative_weight: factor on the cross entropy of negatives above `hard_negative_threshold` (two-stage cross entropy).
        box_loss: "giou", "linear_iou", "iou" (-ln IoU), or "l1_deltas" on anchor codes (anchor heads only).
        box_smooth: square pixels added to intersection and union (SiamBAN: 1).
        box_average: positives count alike in the box and corner losses ("uniform"), or by their "centerness" (SiamCAR).
        box_weight: factor on the box loss. corner_weight: factor on the L1 loss of the corners, in target sizes.
        quality_target: what a head's `quality` learns: the "iou" of each positive's own box, its "centerness" (SiamCAR), or
            "localization": the IoU, and random points off the target (SiamLA, Eq. 10).
        quality_weight: factor on that branch's cross entropy (heads with `quality` only).
        localization: of quality_target "localization": how many points off the target, and what they learn.
        assigner: which points are positive: those in an "ellipse" (SiamBAN) or in a "rectangle" (SiamCAR).
        inner, nearest, negative_pairs: of either assigner, for heads that predict at points. outer: of `EllipseAssigner`.
        positive_iou, negative_iou: of `AnchorIoUAssigner`, for heads with anchors.
        sampling: how many of the labelled candidates the losses see.
        ranking: ranking losses, for any head; off where both weights are 0.
        teacher_weight: factor on the quality focal loss against a teacher's scores, for samples that have them (`DistillationPipeline`).

    Raises:
        LockonError: a weight below 0, thresholds in the wrong order, "iou" without `box_smooth`, or smoothed boundary labels without
            base "dynamic".
    """

    base: Literal["quality_focal", "cross_entropy", "dynamic"] = "quality_focal"
    score_target: Literal["iou", "hard"] = "iou"
    positive_weight: float = 2.0
    skip_single: bool = False
    hard_negative_weight: float = 0.0
    hard_negative_threshold: float = 0.5
    box_loss: Literal["giou", "linear_iou", "iou", "l1_deltas"] = "giou"
    box_smooth: float = 0.0
    box_weight: float = 2.0
    corner_weight: float = 0.5
    quality_weight: float = 1.0
    inner: float = 0.28
    outer: float = 0.5
    nearest: bool = True
    negative_pairs: Literal["all", "near"] = "all"
    positive_iou: float = 0.6
    negative_iou: float = 0.3
    sampling: SamplingConfig = EVERYTHING
    ranking: RankingConfig = NO_RANKING
    teacher_weight: float = 0.0
    dynamic: DynamicLabelConfig = DYNAMIC
    box_average: Literal["uniform", "centerness"] = "uniform"
    quality_target: Literal["iou", "centerness", "localization"] = "iou"
    localization: LocalizationLossConfig = LOCALIZATION
    assigner: Literal["ellipse", "rectangle"] = "ellipse"

    def __post_init__(self) -> None:
        weights = ("positive_weight", "hard_negative_weight", "box_weight", "corner_weight", "quality_weight", "teacher_weight")
        for name in (*weights, "box_smooth"):
            if not 0 <= getattr(self, name) < math.inf:
                raise LockonError(f"{name} must be 0 or more, got {getattr(self, name)!r}")
        for low, high in (("inner", "outer"), ("negative_iou", "positive_iou")):
            if not 0 < getattr(self, low) <= getattr(self, high):
                raise LockonError(f"{low} must be above 0 and at most {high}, got {getattr(self, low)!r} and {getattr(self, high)!r}")
        if self.box_loss == "iou" and not self.box_smooth:
            raise LockonError("box_loss=iou is infinite for boxes that do not meet; give box_smooth above 0, for example box_smooth=1")
        if self.dynamic.boundary_lambda is not None and self.base != "dynamic":
            given = f"dynamic.boundary_lambda={self.dynamic.boundary_lambda}"
            raise LockonError(f"{given} has no effect with base={self.base}; add base=dynamic, or dynamic.boundary_lambda=none")


RPN_LOSS = SiameseLossConfig(
    base="cross_entropy",
    skip_single=True,
    box_loss="l1_deltas",
    box_weight=1.2,
    corner_weight=0.0,
    sampling=SamplingConfig(positives=16, negatives=48, negative_pair=16),
)
BAN_LOSS = SiameseLossConfig(
    base="cross_entropy",
    skip_single=True,
    box_loss="linear_iou",
    box_smooth=1.0,
    box_weight=1.0,
    corner_weight=0.0,
    inner=0.25,
    outer=0.5,
    nearest=False,
    negative_pairs="near",
    sampling=SamplingConfig(positives=16, negatives=48, negative_pair=16),
)
PW_LOSS = replace(BAN_LOSS, sampling=SamplingConfig(positives=16, negatives=48, negative_pair=None))
CAR_LOSS = SiameseLossConfig(
    base="cross_entropy",
    skip_single=True,
    box_loss="iou",
    box_smooth=1.0,
    box_average="centerness",
    box_weight=3.0,
    corner_weight=0.0,
    quality_target="centerness",
    assigner="rectangle",
    inner=0.2,
    nearest=False,
)


def with_ranking(loss: SiameseLossConfig, ranking: RankingConfig | None = None) -> SiameseLossConfig:
    """`loss` with ranking losses, and with the sampling that goes with them on anchors.

    SiamRPN++-RBO ranks against all negatives of an image, not the sampled ones; in "official" mode its cross entropy then sees 48
    negatives of the whole batch, where the paper has 48 per image. Losses on points (SiamBAN, SiamPW) keep their sampling.

    Args:
        loss: what to add to; "l1_deltas" tells the anchor head. ranking: weights and choices; None: those of the paper.
    """
    ranking = ranking or RankingConfig()
    if loss.box_loss != "l1_deltas":
        return replace(loss, ranking=ranking)
    sampling = replace(loss.sampling, ranking="all", scope="batch" if ranking.mode == "official" else "image")
    return replace(loss, ranking=ranking, sampling=sampling)


def with_localization(
    loss: SiameseLossConfig, *, labels: bool = True, boundary: float | None = 0.2, branch: bool = False
) -> SiameseLossConfig:
    """`loss` with parts of SiamLA, each by itself, as in Table III of its paper. For any head that predicts at points.

    Args:
        loss: what to add to; its assigner and sampling stay.
        labels: dynamic labels (LADL, Eq. 3-6). False with a `boundary`: labels are 1 and lambda, whatever the boxes are.
        boundary: lambda of the boundary points (LALS, Eq. 7), which Table V tries from 0.1 to 0.4; None: they are no positives.
        branch: the head's `quality` learns by Eq. 10. A centre-ness that weighted the box loss is gone with its branch: positives
            count alike, with weight 1, as in Eq. 2 and 11.

    Raises:
        LockonError: a loss for anchors.
    """
    if loss.box_loss == "l1_deltas":
        raise LockonError("the parts of SiamLA need a head that predicts at points, got a loss for anchors (box_loss=l1_deltas)")
    if labels or boundary is not None:
        dynamic = replace(loss.dynamic, boundary_lambda=boundary)
        if not labels:
            dynamic = replace(dynamic, hard=True, negative_weight="none")
        loss = replace(loss, base="dynamic", dynamic=dynamic)
    if branch:
        loss = replace(loss, quality_target="localization")
        if loss.box_average == "centerness":
            loss = replace(loss, box_average="uniform", box_weight=1.0)
    return loss


LA_LOSS = with_localization(CAR_LOSS, branch=True)


__all__ = [
    "BAN_LOSS",
    "CAR_LOSS",
    "LA_LOSS",
    "NO_RANKING",
    "PW_LOSS",
    "RPN_LOSS",
    "SiameseLossConfig",
    "with_localization",
    "with_ranking",
]
