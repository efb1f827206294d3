"""What the dense heads of the zoo learn: each family's losses, and the published sets of losses, assigner and sampling.

`RPN` is SiamRPN++ (PySOT), `BAN` SiamBAN, `PW` the SiamPW baseline of the RBO paper; `CAR` is SiamCAR, `LA` SiamLA, `TRANST` TransT,
`CENTER` OSTrack. Each set has the keys "loss", "assigner" and "sampling", as the settings of a training run do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lockon.train.assigners.anchor_iou import AnchorIoUAssigner
from lockon.train.assigners.cells import CellAssigner
from lockon.train.assigners.ellipse import EllipseAssigner
from lockon.train.assigners.max_iou import MaxIoUAssigner
from lockon.train.assigners.one_to_many import OneToManyAssigner
from lockon.train.assigners.one_to_one import OneToOneAssigner
from lockon.train.assigners.peak import PeakAssigner
from lockon.train.assigners.rectangle import RectangleAssigner
from lockon.train.assigners.sampling import EVERYTHING, SamplingConfig
from lockon.train.losses.affinity import MutualAffinity
from lockon.train.losses.box_l1 import BoxL1
from lockon.train.losses.corners import CornerL1
from lockon.train.losses.cross_entropy import BalancedCrossEntropy, HardNegativeCrossEntropy, WeightedCrossEntropy
from lockon.train.losses.deltas import DeltaL1
from lockon.train.losses.distillation import Distillation
from lockon.train.losses.dynamic_labels import DynamicLabels, SmoothedLabels
from lockon.train.losses.focal import BalancedFocal, QualityFocal
from lockon.train.losses.gaussian_focal import GaussianFocal, RegressiveFocal
from lockon.train.losses.iou import IoULoss
from lockon.train.losses.localization import LocalizationQuality
from lockon.train.losses.masks import CoarseMaskLoss, FineMaskLoss
from lockon.train.losses.pair_ranking import IoURanking, PaperIoURanking, RankDetNet
from lockon.train.losses.quality import CenternessQuality, IoUQuality
from lockon.train.losses.ranking import ClassificationRanking, PaperClassificationRanking

BoxAssigner = OneToOneAssigner | OneToManyAssigner | MaxIoUAssigner
DenseAssigner = EllipseAssigner | RectangleAssigner | AnchorIoUAssigner | CellAssigner | PeakAssigner | BoxAssigner
AnchorScores = BalancedCrossEntropy | QualityFocal | BalancedFocal
PointScores = AnchorScores | WeightedCrossEntropy | DynamicLabels | SmoothedLabels | GaussianFocal | RegressiveFocal
Quality = IoUQuality | CenternessQuality | LocalizationQuality
Margin = ClassificationRanking | PaperClassificationRanking
Pairs = IoURanking | PaperIoURanking | RankDetNet

_NO_HARD, _NO_MARGIN, _NO_PAIRS = HardNegativeCrossEntropy(weight=0.0), ClassificationRanking(weight=0.0), IoURanking(weight=0.0)
_NO_AFFINITY = MutualAffinity(weight=0.0)


@dataclass(frozen=True, kw_only=True)
class RpnLosses:
    """Losses on anchors (SiamRPN++).

    Attributes:
        cls: Of the scores.
        box: Of the anchor codes, or of the boxes.
        hard: A second cross entropy on hard negatives (two-stage cross entropy).
        rank_cls: Positives above hard negatives (RBO).
        ranking: Positives in the order of their boxes' IoU (RBO).
        affinity: Scores that follow the boxes' IoU (RTrack).
    """

    cls: AnchorScores = BalancedCrossEntropy()
    box: DeltaL1 | IoULoss = DeltaL1(weight=1.2)
    hard: HardNegativeCrossEntropy = _NO_HARD
    rank_cls: Margin = _NO_MARGIN
    ranking: Pairs = _NO_PAIRS
    affinity: MutualAffinity = _NO_AFFINITY


@dataclass(frozen=True, kw_only=True)
class MaskLosses(RpnLosses):
    """Losses on anchors and masks (SiamMask).

    Attributes:
        mask_coarse: Of the 63 x 63 masks.
        mask_fine: Of the 127 x 127 masks.
    """

    mask_coarse: CoarseMaskLoss = CoarseMaskLoss()
    mask_fine: FineMaskLoss = FineMaskLoss()


@dataclass(frozen=True, kw_only=True)
class BanLosses:
    """Losses on points (SiamBAN, SiamPW).

    Attributes:
        cls: Of the scores.
        box: Of the boxes.
        hard: As of `RpnLosses`.
        rank_cls: As of `RpnLosses`.
        ranking: As of `RpnLosses`.
        affinity: As of `RpnLosses`.
    """

    cls: PointScores = BalancedCrossEntropy()
    box: IoULoss = IoULoss(kind="linear_iou", smooth=1.0)
    hard: HardNegativeCrossEntropy = _NO_HARD
    rank_cls: Margin = _NO_MARGIN
    ranking: Pairs = _NO_PAIRS
    affinity: MutualAffinity = _NO_AFFINITY


@dataclass(frozen=True, kw_only=True)
class CarLosses:
    """Losses on points with a branch for the box's quality (SiamCAR, SiamLA).

    Attributes:
        cls: Of the scores.
        box: Of the boxes.
        quality: Of the branch, where the network has it.
        hard: As of `RpnLosses`.
        rank_cls: As of `RpnLosses`.
        ranking: As of `RpnLosses`.
        affinity: As of `RpnLosses`.
    """

    cls: PointScores = BalancedCrossEntropy()
    box: IoULoss = IoULoss(kind="iou", smooth=1.0, centerness=True, weight=3.0)
    quality: Quality = CenternessQuality()
    hard: HardNegativeCrossEntropy = _NO_HARD
    rank_cls: Margin = _NO_MARGIN
    ranking: Pairs = _NO_PAIRS
    affinity: MutualAffinity = _NO_AFFINITY


@dataclass(frozen=True, kw_only=True)
class CellLosses:
    """Losses on the cells of a map of which each tells the whole box (TransT).

    Attributes:
        cls: Of the scores.
        box: Of the boxes' overlap.
        l1: Of the boxes' numbers.
        hard: As of `RpnLosses`.
        rank_cls: As of `RpnLosses`.
        ranking: As of `RpnLosses`.
        affinity: As of `RpnLosses`.
    """

    cls: PointScores = WeightedCrossEntropy(weight=8.334)
    box: IoULoss = IoULoss(kind="giou", smooth=0.0, weight=2.0, boundary=False)
    l1: BoxL1 = BoxL1(weight=5.0)
    hard: HardNegativeCrossEntropy = _NO_HARD
    rank_cls: Margin = _NO_MARGIN
    ranking: Pairs = _NO_PAIRS
    affinity: MutualAffinity = _NO_AFFINITY


@dataclass(frozen=True, kw_only=True)
class PointLosses:
    """Losses of lockon's own networks on points.

    Attributes:
        cls: Of the scores.
        box: Of the boxes.
        corner: Of the boxes' corners.
        quality: Of the IoU branch, where the network has it.
        hard: As of `RpnLosses`.
        rank_cls: As of `RpnLosses`.
        ranking: As of `RpnLosses`.
        affinity: As of `RpnLosses`.
        teacher: Against a teacher's scores, for samples that have them.
    """

    cls: PointScores = QualityFocal()
    box: IoULoss = IoULoss(kind="giou", smooth=0.0, weight=2.0)
    corner: CornerL1 = CornerL1()
    quality: Quality = IoUQuality()
    hard: HardNegativeCrossEntropy = _NO_HARD
    rank_cls: Margin = _NO_MARGIN
    ranking: Pairs = _NO_PAIRS
    affinity: MutualAffinity = _NO_AFFINITY
    teacher: Distillation = Distillation(weight=0.0)


@dataclass(frozen=True, kw_only=True)
class CenterLosses:
    """Losses on the cells of a one-stream network (OSTrack, Eq. 2).

    Attributes:
        cls: Of the scores.
        l1: Of the boxes, in sides of the crop.
        box: Of the boxes' overlap.
        hard: As of `RpnLosses`.
        rank_cls: As of `RpnLosses`.
        ranking: As of `RpnLosses`.
        affinity: As of `RpnLosses`.
    """

    cls: PointScores = GaussianFocal()
    l1: BoxL1 = BoxL1(weight=5.0, form="corners", summed=False, clip=True)
    box: IoULoss = IoULoss(kind="giou", smooth=0.0, weight=2.0, boundary=False, clip=True)
    hard: HardNegativeCrossEntropy = _NO_HARD
    rank_cls: Margin = _NO_MARGIN
    ranking: Pairs = _NO_PAIRS
    affinity: MutualAffinity = _NO_AFFINITY


_SIXTEEN = SamplingConfig(positives=16, negatives=48, negative_pair=16)
_SIAMBAN = EllipseAssigner(inner=0.25, outer=0.5, nearest=False, negative_pairs="near")
_SIAMCAR = RectangleAssigner(inner=0.2)

RPN: dict[str, Any] = {"loss": RpnLosses(), "assigner": AnchorIoUAssigner(), "sampling": _SIXTEEN}
BAN: dict[str, Any] = {"loss": BanLosses(), "assigner": _SIAMBAN, "sampling": _SIXTEEN}
PW: dict[str, Any] = {**BAN, "sampling": SamplingConfig(positives=16, negatives=48, negative_pair=None)}
CAR: dict[str, Any] = {"loss": CarLosses(), "assigner": _SIAMCAR, "sampling": EVERYTHING}
LA: dict[str, Any] = {
    "loss": CarLosses(cls=DynamicLabels(), box=IoULoss(kind="iou", smooth=1.0), quality=LocalizationQuality()),
    "assigner": RectangleAssigner(inner=0.2, boundary=0.5),
    "sampling": EVERYTHING,
}
TRANST: dict[str, Any] = {"loss": CellLosses(), "assigner": CellAssigner(), "sampling": EVERYTHING}
CENTER: dict[str, Any] = {"loss": CenterLosses(), "assigner": PeakAssigner(), "sampling": EVERYTHING}


def ranked_rpn(gamma: float = 3.0) -> dict[str, Any]:
    """Return `RPN` with ranking losses as the code of SiamRPN++-RBO has them.

    They rank against all negatives of an image, not the sampled ones; the cross entropy then sees 48 negatives of the whole batch, where
    the paper has 48 per image.
    """
    loss = RpnLosses(rank_cls=ClassificationRanking(all_negatives=True), ranking=IoURanking(gamma=gamma))
    return {**RPN, "loss": loss, "sampling": SamplingConfig(positives=16, negatives=48, negative_pair=16, scope="batch")}


def ranked_points(gamma: float = 3.0) -> BanLosses:
    """Return the losses of `BAN` and `PW` with ranking losses; they rank the sampled negatives."""
    return BanLosses(rank_cls=ClassificationRanking(), ranking=IoURanking(gamma=gamma))


def ranked_cells(gamma: float = 3.0) -> CellLosses:
    """Return the losses of `TRANST` with ranking losses beside them, which rank all negatives of an image; RBO published no numbers."""
    return CellLosses(rank_cls=ClassificationRanking(weight=0.5), ranking=IoURanking(weight=0.25, gamma=gamma))


__all__ = [
    "BAN",
    "CAR",
    "CENTER",
    "LA",
    "PW",
    "RPN",
    "TRANST",
    "BanLosses",
    "CarLosses",
    "CellLosses",
    "CenterLosses",
    "DenseAssigner",
    "MaskLosses",
    "PointLosses",
    "RpnLosses",
    "ranked_cells",
    "ranked_points",
    "ranked_rpn",
]
