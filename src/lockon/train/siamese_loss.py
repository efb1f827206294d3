"""`SiameseLossConfig`: every number of a Siamese tracker's targets and losses; and the published sets of them.

`RPN_LOSS` is SiamRPN++ (PySOT), `BAN_LOSS` SiamBAN, `PW_LOSS` the SiamPW baseline of the RBO paper; `with_ranking` adds that paper's
ranking losses the way its authors' code does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from lockon.errors import LockonError
from lockon.train.assigners.sampling import EVERYTHING, SamplingConfig
from lockon.train.losses.ranking import RankingConfig

NO_RANKING = RankingConfig(classification=0.0, iou=0.0)


@dataclass(frozen=True, slots=True)
class SiameseLossConfig:
    """Which targets a Siamese tracker learns, and the weight of each loss. The defaults are those of lockon's own trackers.

    Attributes:
        base: the classification loss: "quality_focal", or "cross_entropy" balanced as in PySOT.
        score_target: "iou": a positive's target is the IoU of its own predicted box (quality focal loss), "hard": it is 1.
        positive_weight: factor on the positive points' quality focal loss.
        skip_single: cross entropy counts a single positive or negative as none, as PySOT's code does.
        hard_negative_weight: factor on the cross entropy of negatives above `hard_negative_threshold` (two-stage cross entropy).
        box_loss: "giou", "linear_iou", "iou" (-ln IoU), or "l1_deltas" on anchor codes (anchor heads only).
        box_smooth: square pixels added to intersection and union (SiamBAN: 1).
        box_weight: factor on the box loss. corner_weight: factor on the L1 loss of the corners, in target sizes.
        quality_weight: factor on the IoU branch's cross entropy (heads with `quality` only).
        inner, outer, nearest, negative_pairs: of `EllipseAssigner`, for heads that predict at points.
        positive_iou, negative_iou: of `AnchorIoUAssigner`, for heads with anchors.
        sampling: how many of the labelled candidates the losses see.
        ranking: ranking losses, for any head; off where both weights are 0.
        teacher_weight: factor on the quality focal loss against a teacher's scores, for samples that have them (`TaughtPipeline`).

    Raises:
        LockonError: a weight below 0, thresholds in the wrong order, or "iou" without `box_smooth`.
    """

    base: Literal["quality_focal", "cross_entropy"] = "quality_focal"
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


__all__ = ["BAN_LOSS", "NO_RANKING", "PW_LOSS", "RPN_LOSS", "SiameseLossConfig", "with_ranking"]
