"""Compact trackers for controlled studies: the heads of SiamBAN, SiamRPN++, SiamPW and SiamCAR on lockon-s's backbone, for CPUs.

EfficientNet-Lite0 at stride 16, template 112, search 224 pixels, a map of 14 x 14. The heads are those of the family with every
convolution and correlation padded, so that a map keeps its size; what is ranked, and from what, is as in the papers. Coordinates are
lockon's own, from the corner of the first pixel. Nobody should track with these where lockon-s will do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from lockon.config import apply_overrides, as_json, flatten
from lockon.data.samples.pairs import PairDataConfig, pair_pipeline
from lockon.errors import LockonError
from lockon.models.backbones import inverted_residual
from lockon.models.heads.attention import AttentionHead
from lockon.models.heads.ban import BANHead
from lockon.models.heads.car import Branch, CARHead
from lockon.models.heads.localization import LocalizationConfig
from lockon.models.heads.rpn import RPNHead
from lockon.models.siamese import SiameseModel
from lockon.ops.grid import AnchorGrid, Grid
from lockon.train.config import TrainConfig
from lockon.train.provenance import trained_header
from lockon.train.recipe import Recipe, TrainSources
from lockon.train.siamese_loss import BAN_LOSS, CAR_LOSS, PW_LOSS, RPN_LOSS, SiameseLossConfig
from lockon.train.task import SiameseTask
from lockon.zoo import compact_tracker, lockon_s
from lockon.zoo.lockon_s import TRAIN, crop_settings, load_backbone
from lockon.zoo.lockon_s_data import SourceWeights, describe_data, load_sources
from lockon.zoo.tracking_validation import tracking_validation

STRIDE = 16
RATIOS = (1 / 3, 1 / 2, 1, 2, 3)
SCALE = 4.0  # anchors of 64 x 64 pixels: a target has 60 of the 224


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """The network.

    Attributes:
        head: "ban": points with depth-wise matching. "rpn": five anchors per cell with depth-wise matching. "pw": points with
            attention matching and towers. "car": points with depth-wise matching, towers, and a branch for the box's quality.
        branch: of head "car": "centerness" (SiamCAR), "localization" (SiamLA), or "none", as all other heads.
        localization: choices of the branch "localization".
        channels: width of neck and head. template_size, search_size: crop sides in pixels, multiples of the stride 16.

    Raises:
        LockonError: a crop side that is no multiple of 16, or a branch for a head that has none.
    """

    head: Literal["ban", "rpn", "pw", "car"] = "ban"
    branch: Branch = "none"
    localization: LocalizationConfig = field(default_factory=LocalizationConfig)
    channels: int = 128
    template_size: int = 112
    search_size: int = 224

    def __post_init__(self) -> None:
        for name in ("template_size", "search_size"):
            side = getattr(self, name)
            if side < STRIDE or side % STRIDE:
                raise LockonError(f"{name}={side} given, expected a multiple of 16 (the backbone's stride), for example {name}=112")
        if self.branch != "none" and self.head != "car":
            raise LockonError(f"branch={self.branch} given for head={self.head}, which has no branch; take compact-car (head=car)")


CONFIGS: dict[str, ModelConfig] = {
    "compact-ban": ModelConfig(head="ban"),
    "compact-rpn": ModelConfig(head="rpn"),
    "compact-pw": ModelConfig(head="pw"),
    "compact-car": ModelConfig(head="car", branch="centerness"),
}


def build(config: ModelConfig | None = None) -> SiameseModel:
    """The network with random weights."""
    c = config or ModelConfig()
    trunk = inverted_residual.efficientnet_lite0()
    neck = nn.Sequential(nn.Conv2d(trunk.channels, c.channels, 1, bias=False), nn.BatchNorm2d(c.channels))
    return SiameseModel(backbone=trunk, neck=neck, head=_head(c), template_size=c.template_size, search_size=c.search_size)


def _head(c: ModelConfig) -> nn.Module:
    grid = Grid(c.search_size // STRIDE, STRIDE)
    if c.head == "rpn":
        anchors = AnchorGrid(grid, ratios=RATIOS, scales=(SCALE,), base=STRIDE)
        return RPNHead(1, c.channels, anchors, padding=True)
    if c.head == "car":
        return CARHead(1, c.channels, grid, branch=c.branch, localization=c.localization, padding=True, unit=float(STRIDE))
    kind = BANHead if c.head == "ban" else AttentionHead
    return kind(1, c.channels, grid, padding=True, unit=float(STRIDE))


# The losses of each family. On a map of stride 16 the published ellipse of half the target's size holds two points or three:
# a wider one, and the nearest point where it holds none, give the ranking losses something to rank; the rectangle of SiamCAR is
# widened likewise, to five of the fourteen points on a target, so that labels that follow the boxes have boxes to tell apart.
# Anchors are ranked against all negatives, points against the sampled ones, as in the released code; all else of the sampling is
# the same with and without ranking.
_POINTS: dict[str, Any] = {"inner": 0.35, "nearest": True}
LOSSES: dict[str, SiameseLossConfig] = {
    "ban": replace(BAN_LOSS, **_POINTS),
    "rpn": replace(RPN_LOSS, sampling=replace(RPN_LOSS.sampling, ranking="all")),
    "pw": replace(PW_LOSS, **_POINTS),
    "car": replace(CAR_LOSS, inner=0.3, nearest=True),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeConfig:
    """All settings of a training run; every field can be set by its dotted name, for example ``--set loss.ranking.iou=0.25``.

    Attributes:
        train: the loop. model: the network. data: crops and augmentation. loss: targets and weights. mix: sources of pairs.
        backbone_weights: file of ImageNet weights of EfficientNet-Lite0 in their published names, or empty for random weights.
    """

    train: TrainConfig = field(
        default_factory=lambda: replace(TRAIN, steps=1000, warmup_steps=50, unfreeze=((0.0, 0),), validate_every=1000)
    )
    model: ModelConfig = field(default_factory=ModelConfig)
    data: PairDataConfig = field(default_factory=PairDataConfig)
    loss: SiameseLossConfig = field(default_factory=lambda: LOSSES["ban"])
    mix: SourceWeights = field(default_factory=SourceWeights)
    backbone_weights: str = ""


def default_recipe(name: str) -> RecipeConfig:
    """The untouched settings of one of the compact trackers."""
    model = CONFIGS[name]
    return RecipeConfig(model=model, loss=LOSSES[model.head])


def recipe(sources: TrainSources, overrides: Mapping[str, Any], name: str = "compact-ban") -> Recipe:
    """The training run of a compact tracker on the given folders.

    Raises:
        LockonError: an unknown or ill-typed override, missing data, backbone weights of another network.
    """
    base_config = default_recipe(name)
    config = apply_overrides(base_config, overrides)
    template = replace(config.data.template, size=config.model.template_size)
    data = replace(config.data, template=template, search=replace(config.data.search, size=config.model.search_size))
    torch.manual_seed(config.train.seed)
    module = build(config.model)
    if config.backbone_weights:
        load_backbone(module, lockon_s.ModelConfig(backbone="efficientnet-lite0"), Path(config.backbone_weights))
    pairs = load_sources(sources, config.mix)
    pipeline = pair_pipeline(pairs.draw, data, config.train.seed, pairs.backdrops, notes=pairs.notes)
    crops = crop_settings(data)
    header = trained_header(name, config.model, tracker=crops, data=describe_data(sources))
    settings, defaults = ({group: as_json(getattr(c, group)) for group in ("model", "data", "loss", "mix")} for c in (config, base_config))
    tracker = apply_overrides(compact_tracker.default_config(name), flatten(crops))
    return Recipe(
        task=SiameseTask(module, config.loss),
        pipeline=pipeline,
        config=config.train,
        validate=tracking_validation(sources.val, tracker) if sources.val is not None else None,
        header=header,
        settings=settings,
        defaults=defaults,
        notes=pipeline.notes,
    )


__all__ = ["CONFIGS", "ModelConfig", "RecipeConfig", "build", "default_recipe", "recipe"]
