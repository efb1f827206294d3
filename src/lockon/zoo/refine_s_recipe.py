"""The training recipe of refine-s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from lockon.config import apply_overrides, as_json
from lockon.data.datasets.registry import load_videos
from lockon.data.samples.appearance import Appearance
from lockon.data.samples.pipeline import SamplePipeline
from lockon.data.samples.placement import BoxJitter
from lockon.data.samples.refine import RefineDataConfig, refine_pipeline
from lockon.errors import LockonError
from lockon.models.backbones.pretrained import load_pretrained
from lockon.models.refiner import RefinerModel
from lockon.train.config import TrainConfig
from lockon.train.provenance import trained_header
from lockon.train.recipe import Recipe, TrainSources
from lockon.train.refine_task import RefineLossConfig, RefineTask
from lockon.train.refine_validation import RefineValidation
from lockon.zoo.external_weights import read_external
from lockon.zoo.lockon_s_data import SourceWeights, describe_data, load_sources
from lockon.zoo.lockon_s_recipe import TRAIN
from lockon.zoo.refine_s import RefineSConfig, build

GROUPS = ("model", "data", "loss", "mix")  # beside the loop, what decides what is learnt


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeConfig:
    """All settings of a training run; every field can be set by its dotted name, for example ``--set model.head=rpn``.

    Attributes:
        train: the loop. model: the network. data: crops, jitter and augmentation. loss: weights of its terms. mix: sources of pairs.
        backbone_weights: file of ImageNet weights of EfficientNet-Lite0 in their published names (`.pth`, read without executing
            anything, or `.safetensors`); empty starts from random weights.
    """

    train: TrainConfig = field(default_factory=lambda: replace(TRAIN, steps=3000, validate_every=500, best_metric="IoU"))
    model: RefineSConfig = field(default_factory=RefineSConfig)
    data: RefineDataConfig = field(
        default_factory=lambda: RefineDataConfig(
            size=192,
            official=False,
            search=BoxJitter(scale=0.3, offset=0.35),
            reference=BoxJitter(scale=0.05, offset=0.05),
            appearance=Appearance(backdrop=0.5, color=1.0, gray=0.1, occlusion=0.1, degrade=0.7, flip=0.5),
        )
    )
    loss: RefineLossConfig = field(default_factory=lambda: RefineLossConfig(mse_weight=0.0, l1_weight=5.0, iou_weight=2.0, mask_weight=2.0))
    mix: SourceWeights = field(default_factory=lambda: SourceWeights(negative=0.0))
    backbone_weights: str = ""


def recipe(sources: TrainSources, overrides: Mapping[str, str], name: str = "refine-s") -> Recipe:
    """The training run of refine-s on the given folders.

    Raises:
        LockonError: an unknown or ill-typed override, missing data, backbone weights of another network.
    """
    base_config = RecipeConfig()
    config = apply_overrides(base_config, overrides)
    data = replace(config.data, size=config.model.size, masks=config.data.masks and config.model.mask)
    torch.manual_seed(config.train.seed)
    module = build(config.model)
    if config.backbone_weights:
        load_backbone(module, Path(config.backbone_weights))
    pipeline = _pipeline(sources, config, data)
    header = trained_header(name, config.model, tracker=data.tracker_parameters, data=describe_data(sources))
    settings, defaults = ({group: as_json(getattr(c, group)) for group in GROUPS} for c in (replace(config, data=data), base_config))
    return Recipe(
        task=RefineTask(module, config.loss),
        pipeline=pipeline,
        config=config.train,
        validate=None if sources.val is None else RefineValidation(load_videos(sources.val), data),
        header=header,
        settings=settings,
        defaults=defaults,
        notes=pipeline.notes,
    )


def _pipeline(sources: TrainSources, config: RecipeConfig, data: RefineDataConfig) -> SamplePipeline:
    """Return samples of pairs from the sources of lockon-s, as far as their folders are given."""
    if config.mix.negative:
        raise LockonError(f"mix.negative={config.mix.negative} given; a refiner learns nothing from negative pairs, leave it at 0")
    pairs = load_sources(sources, config.mix)
    return refine_pipeline(pairs.draw, data, config.train.seed, pairs.backdrops, notes=pairs.notes)


def load_backbone(module: RefinerModel, path: Path) -> None:
    """ImageNet weights in their published names into the module's backbone, strictly.

    Raises:
        LockonError: the file is missing or holds weights of another network.
    """
    if not path.is_file():
        raise LockonError(f"backbone weights {path} do not exist; docs/training.md says where ImageNet weights can be had")
    load_pretrained(module.backbone, read_external(path), source=str(path), network="efficientnet-lite0")


__all__ = ["RecipeConfig", "load_backbone", "recipe"]
