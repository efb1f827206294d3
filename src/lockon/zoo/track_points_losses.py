"""What heads of point sets learn (RTrack): their losses, and the set of losses, assigner and sampling that the paper ends with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lockon.train.assigners.one_to_many import OneToManyAssigner
from lockon.train.assigners.sampling import EVERYTHING
from lockon.train.losses.affinity import MutualAffinity
from lockon.train.losses.cross_entropy import HardNegativeCrossEntropy
from lockon.train.losses.gaussian_focal import GaussianFocal
from lockon.train.losses.init_iou import InitIoULoss
from lockon.train.losses.iou import IoULoss
from lockon.train.losses.pair_ranking import IoURanking
from lockon.train.losses.ranking import ClassificationRanking
from lockon.train.losses.soft_targets import GaussianTarget
from lockon.zoo.dense_losses import Margin, Pairs, PointScores


@dataclass(frozen=True, kw_only=True)
class TrackPointsLosses:
    """Losses on candidates that carry sets of points (RTrack, Eq. 6).

    Attributes:
        cls: Of the scores.
        init: Of the first points' boxes.
        box: Of the refined points' boxes.
        affinity: Scores that follow the boxes' IoU.
        hard: As of `RpnLosses`.
        rank_cls: As of `RpnLosses`.
        ranking: As of `RpnLosses`.
    """

    cls: PointScores = GaussianFocal(weight=2.0, target=GaussianTarget(union=True))
    init: InitIoULoss = InitIoULoss()
    box: IoULoss = IoULoss(kind="giou", smooth=0.0, weight=2.0, boundary=False, clip=True)
    affinity: MutualAffinity = MutualAffinity()
    hard: HardNegativeCrossEntropy = HardNegativeCrossEntropy(weight=0.0)
    rank_cls: Margin = ClassificationRanking(weight=0.0)
    ranking: Pairs = IoURanking(weight=0.0)


TRACK_POINTS: dict[str, Any] = {"loss": TrackPointsLosses(), "assigner": OneToManyAssigner(), "sampling": EVERYTHING}

__all__ = ["TRACK_POINTS", "TrackPointsLosses"]
