"""The training recipe of the compact trackers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from lockon.config import apply_overrides, as_json, flatten
from lockon.data.samples.pairs import PairDataConfig, pair_pipeline
from lockon.train.config import TrainConfig
from lockon.train.provenance import trained_header
from lockon.train.recipe import Recipe, TrainSources
from lockon.train.siamese_loss import BAN_LOSS, CAR_LOSS, PW_LOSS, RPN_LOSS, SiameseLossConfig
from lockon.train.task import SiameseTask
from lockon.zoo.compact import CompactConfig, build
from lockon.zoo.lockon_s import LockonSConfig
from lockon.zoo.lockon_s_data import SourceWeights, describe_data, load_sources
from lockon.zoo.lockon_s_recipe import TRAIN, crop_settings, load_backbone
from lockon.zoo.networks import network_config
from lockon.zoo.registry import card
from lockon.zoo.tracking_validation import tracking_validation

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
    model: CompactConfig = field(default_factory=CompactConfig)
    data: PairDataConfig = field(default_factory=PairDataConfig)
    loss: SiameseLossConfig = field(default_factory=lambda: LOSSES["ban"])
    mix: SourceWeights = field(default_factory=SourceWeights)
    backbone_weights: str = ""


def default_recipe(name: str) -> RecipeConfig:
    """The untouched settings of one of the compact trackers."""
    model = network_config(name)
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
        load_backbone(module, LockonSConfig(backbone="efficientnet-lite0"), Path(config.backbone_weights))
    pairs = load_sources(sources, config.mix)
    pipeline = pair_pipeline(pairs.draw, data, config.train.seed, pairs.backdrops, notes=pairs.notes)
    crops = crop_settings(data)
    header = trained_header(name, config.model, tracker=crops, data=describe_data(sources))
    settings, defaults = ({group: as_json(getattr(c, group)) for group in ("model", "data", "loss", "mix")} for c in (config, base_config))
    tracker = apply_overrides(card(name).config, flatten(crops))
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


__all__ = ["RecipeConfig", "default_recipe", "recipe"]
