"""Compact trackers for controlled studies: the heads of SiamBAN, SiamRPN++, SiamPW and SiamCAR on lockon-s's backbone, for CPUs.

EfficientNet-Lite0 at stride 16, template 112, search 224 pixels, a map of 14 x 14. The heads are those of the family with every
convolution and correlation padded, so that a map keeps its size; what is ranked, and from what, is as in the papers. Coordinates are
lockon's own, from the corner of the first pixel. Nobody should track with these where lockon-s will do.

All have the same inference parameters, so that a study compares networks alone: nothing depends on the size of a score, no target is
held in its place and no search region grows. Penalty, window and learning rate of the size are those of the untuned `TrackerConfig`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from lockon.config import apply_overrides
from lockon.errors import LockonError
from lockon.localizers.dense import LocalizerConfig
from lockon.models.choices import Branch, LocalizationConfig
from lockon.models.point_choices import TrackPointsConfig
from lockon.ops.grid import AnchorGrid
from lockon.target import StatePolicy
from lockon.tracker import TrackerConfig
from lockon.zoo.card import Card
from lockon.zoo.lockon_s import STRIDE, StrideConfig
from lockon.zoo.pysot_inference import BAN_PAPER, CAR_PAPER, RBO_PAPER, RPN_PAPER

if TYPE_CHECKING:
    from torch import nn

    from lockon.models.siamese import SiameseModel
    from lockon.zoo.recipe_config import RecipeConfig

RATIOS = (1 / 3, 1 / 2, 1, 2, 3)
INFERENCE = TrackerConfig(states=StatePolicy(absent_score=0.0, search_growth=1.0))  # of all compact trackers
SCALE = 4.0  # anchors of 64 x 64 pixels: a target has 60 of the 224


@dataclass(frozen=True, kw_only=True, slots=True)
class CompactConfig(StrideConfig):
    """The network.

    Attributes:
        head: "ban": points with depth-wise matching. "rpn": five anchors per cell with depth-wise matching. "pw": points with
            attention matching and towers. "car": points with depth-wise matching, towers, and a branch for the box's quality.
            "track-points": sets of points (RTrack) on the map of a depth-wise matching.
        branch: Of head "car": "centerness" (SiamCAR), "localization" (SiamLA), or "none", as all other heads.
        localization: Choices of the branch "localization".
        points: Choices of the head "track-points".

    Raises:
        LockonError: As of `StrideConfig`; a branch for a head that has none.
    """

    head: Literal["ban", "rpn", "pw", "car", "track-points"] = "ban"
    branch: Branch = "none"
    localization: LocalizationConfig = field(default_factory=LocalizationConfig)
    points: TrackPointsConfig = TrackPointsConfig(widths=(128, 128))

    def __post_init__(self) -> None:
        StrideConfig.__post_init__(self)
        if self.branch != "none" and self.head != "car":
            raise LockonError(f"branch={self.branch} given for head={self.head}, which has no branch; take compact-car (head=car)")


def build(c: CompactConfig) -> SiameseModel:
    """Build the network with random weights."""
    from lockon.models.backbones.inverted_residual import efficientnet_lite0
    from lockon.models.fusion import DepthwiseFusion
    from lockon.models.neck import projection
    from lockon.models.siamese import SiameseModel

    trunk = efficientnet_lite0()
    neck = projection(trunk.channels, c.channels)
    fusion = DepthwiseFusion(c.channels, out=c.channels) if c.head == "track-points" else None  # the other heads match themselves
    sizes = {"template_size": c.template_size, "search_size": c.search_size}
    return SiameseModel(backbone=trunk, neck=neck, fusion=fusion, head=_head(c), **sizes)


def _head(c: CompactConfig) -> nn.Module:
    from lockon.models.heads.attention import AttentionHead
    from lockon.models.heads.ban import BANHead
    from lockon.models.heads.car import CARHead
    from lockon.models.heads.rpn import RPNHead
    from lockon.models.heads.track_points import TrackPointsHead

    grid = c.grid
    if c.head == "track-points":
        return TrackPointsHead(c.channels, grid=c.points.grid(grid.size, STRIDE), config=c.points)
    if c.head == "rpn":
        anchors = AnchorGrid(grid, ratios=RATIOS, scales=(SCALE,), base=STRIDE)
        return RPNHead(1, c.channels, anchors, padding=True)
    if c.head == "car":
        return CARHead(1, c.channels, grid, branch=c.branch, localization=c.localization, padding=True, unit=float(STRIDE))
    point_head = BANHead if c.head == "ban" else AttentionHead
    return point_head(1, c.channels, grid, padding=True, unit=float(STRIDE))


def experiments(model: CompactConfig) -> dict[str, RecipeConfig]:
    """Return the run of one of the networks, with the losses of its family; for SiamBAN's also that with RTrack's head in its place.

    On a map of stride 16 the published ellipse of half the target's size holds two points or three: a wider one, and the nearest point
    where it holds none, give the ranking losses something to rank; the rectangle of SiamCAR is widened likewise, to five of the fourteen
    points on a target, so that labels that follow the boxes have boxes to tell apart. Anchors are ranked against all negatives, points
    against the sampled ones, as in the released code; all else of the sampling is the same with and without ranking.
    """
    from lockon.data.samples.pairs import PairDataConfig
    from lockon.train.losses.cross_entropy import HardNegativeCrossEntropy
    from lockon.train.losses.ranking import ClassificationRanking
    from lockon.zoo.dense_losses import BAN, CAR, PW, RPN, RpnLosses
    from lockon.zoo.lockon_s_data import SourceWeights
    from lockon.zoo.recipe_config import SMALL_TRAIN, RecipeConfig
    from lockon.zoo.track_points_losses import TRACK_POINTS

    ellipse = replace(BAN["assigner"], inner=0.35, nearest=True)
    against_all = RpnLosses(
        hard=HardNegativeCrossEntropy(weight=0.0, all_negatives=True), rank_cls=ClassificationRanking(weight=0.0, all_negatives=True)
    )
    learnt = {
        "ban": {**BAN, "assigner": ellipse},
        "rpn": {**RPN, "loss": against_all},
        "pw": {**PW, "assigner": ellipse},
        "car": {**CAR, "assigner": replace(CAR["assigner"], inner=0.3, nearest=True)},
        "track-points": TRACK_POINTS,
    }
    changes = {"steps": 1000, "schedule.warmup_steps": 50, "unfreeze": ((0.0, 0),), "output.validate_every": 1000}
    train = apply_overrides(SMALL_TRAIN, changes)
    runs = {"default": RecipeConfig(train=train, model=model, data=PairDataConfig(), mix=SourceWeights(), **learnt[model.head])}
    if model.head == "ban":
        points = replace(model, head="track-points")
        runs["track-points"] = RecipeConfig(train=train, model=points, data=PairDataConfig(), mix=SourceWeights(), **TRACK_POINTS)
    return runs


def _card(name: str, summary: str, paper: str, model: CompactConfig, *, anchors: int = 1) -> Card:
    """Return the card of a compact tracker; all but the number of anchors, which the head decides, is equal."""
    return Card(
        name=name,
        summary=f"study model: {summary} on the backbone of lockon-s",
        paper=paper,
        model=model,
        build=build,
        config=replace(INFERENCE, localizer=LocalizerConfig(anchors=anchors)),
        experiments=partial(experiments, model),
        header_fields=("template_crop", "search_crop"),
    )


CARDS = (
    _card("compact-ban", "SiamBAN's head", BAN_PAPER, CompactConfig(head="ban")),
    _card("compact-rpn", "SiamRPN++'s head", RPN_PAPER, CompactConfig(head="rpn"), anchors=len(RATIOS)),
    _card("compact-pw", "SiamPW's head", RBO_PAPER, CompactConfig(head="pw")),
    _card("compact-car", "SiamCAR's head, or SiamLA's,", CAR_PAPER, CompactConfig(head="car", branch="centerness")),
)
