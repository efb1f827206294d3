"""lockon-s, the default tracker: a small Siamese network for CPUs, and its training recipe.

Backbone at stride 16 (EfficientNet-Lite0 or MobileNetV2), template matched with the search region, an anchor-free head whose score is
its foreground probability times the IoU that it predicts for its own box. Every number that defines the network is a literal below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from lockon.config import apply_overrides, as_json, flatten
from lockon.data.samples.pairs import PairDataConfig, pair_pipeline
from lockon.errors import LockonError
from lockon.models.backbones import inverted_residual
from lockon.models.backbones.pretrained import load_pretrained
from lockon.models.fusion import DepthwiseFusion, PixelwiseFusion
from lockon.models.heads.point import PointHead
from lockon.models.siamese import SiameseModel
from lockon.ops.grid import Grid
from lockon.tracker import TrackerConfig
from lockon.train.config import TrainConfig
from lockon.train.provenance import trained_header
from lockon.train.recipe import Recipe, TrainSources, Validate
from lockon.train.task import SiameseLossConfig, SiameseTask
from lockon.zoo.distillation import TeacherConfig, distillation_pipeline
from lockon.zoo.external_weights import read_external
from lockon.zoo.lockon_s_data import SourceWeights, describe_data, load_sources
from lockon.zoo.tracking_validation import tracking_validation


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """The choices of the network that were compared (see docs/lockon-s.md); the defaults are the released one.

    Attributes:
        backbone: trunk at stride 16. matching: template to search. quality: adds a separate IoU branch.
        channels: width of neck and head. depth, kernel: of the head's towers.
        template_size, search_size: crop sides in pixels, multiples of the stride 16.

    Raises:
        LockonError: a crop side that is no multiple of 16.
    """

    backbone: Literal["efficientnet-lite0", "mobilenet-v2"] = "efficientnet-lite0"
    matching: Literal["pixelwise", "depthwise"] = "pixelwise"
    quality: bool = True
    channels: int = 128
    depth: int = 4
    kernel: int = 3
    template_size: int = 112
    search_size: int = 224

    def __post_init__(self) -> None:
        for name in ("template_size", "search_size"):
            side = getattr(self, name)
            if side < 16 or side % 16:
                raise LockonError(f"{name}={side} given, expected a multiple of 16 (the backbone's stride), for example {name}=128")


CONFIGS = {"lockon-s": ModelConfig()}  # by zoo name


def build(config: ModelConfig | None = None) -> SiameseModel:
    """The network with random weights."""
    c = config or ModelConfig()
    trunk = inverted_residual.efficientnet_lite0() if c.backbone == "efficientnet-lite0" else inverted_residual.mobilenet_v2()
    neck = nn.Sequential(nn.Conv2d(trunk.channels, c.channels, 1, bias=False), nn.BatchNorm2d(c.channels))
    cells = (c.template_size // 16) ** 2
    fusion: nn.Module
    if c.matching == "pixelwise":
        fusion = PixelwiseFusion(c.channels, template_cells=cells, out=c.channels)
    else:
        fusion = DepthwiseFusion(c.channels, out=c.channels)
    head = PointHead(c.channels, grid=Grid(c.search_size // 16, 16), depth=c.depth, kernel=c.kernel, quality=c.quality)
    return SiameseModel(backbone=trunk, neck=neck, fusion=fusion, head=head, template_size=c.template_size, search_size=c.search_size)


# The loop of networks that are small enough to be trained on a CPU; other recipes change a few of these numbers.
TRAIN = TrainConfig(
    steps=5000,
    batch_size=32,
    learning_rate=1e-3,
    backbone_multiplier=0.2,
    warmup_steps=100,
    weight_decay=1e-3,
    ema_decay=0.998,
    unfreeze=((0.0, 0), (0.1, 1)),
    workers=1,
    save_every=250,
    validate_every=2500,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeConfig:
    """All settings of a training run; every field can be set by its dotted name, for example ``--set model.channels=96``.

    Attributes:
        train: the loop. model: the network. data: crops and augmentation. loss: targets and weights. mix: sources of pairs.
        backbone_weights: file of ImageNet weights in their published names (`.pth`, read without executing anything, or
            `.safetensors`); empty starts from random weights.
        teacher: a published tracker whose scores are learnt too, with `loss.teacher_weight`.
    """

    train: TrainConfig = TRAIN
    model: ModelConfig = field(default_factory=ModelConfig)
    data: PairDataConfig = field(default_factory=PairDataConfig)
    loss: SiameseLossConfig = field(default_factory=lambda: SiameseLossConfig(score_target="hard"))
    mix: SourceWeights = field(default_factory=SourceWeights)
    backbone_weights: str = ""
    teacher: TeacherConfig = field(default_factory=TeacherConfig)


def recipe(sources: TrainSources, overrides: Mapping[str, str], name: str = "lockon-s") -> Recipe:
    """The training run of lockon-s on the given folders.

    Raises:
        LockonError: an unknown or ill-typed override, missing data, backbone weights of another network.
    """
    config = apply_overrides(RecipeConfig(), overrides)
    _check_sizes(config)
    torch.manual_seed(config.train.seed)
    module = build(config.model)
    if config.backbone_weights:
        load_backbone(module, config.model, Path(config.backbone_weights))
    data = load_sources(sources, config.mix)
    pairs = pair_pipeline(data.draw, config.data, config.train.seed, data.backdrops, notes=data.notes)
    described = describe_data(sources)
    samples = {"data": as_json(config.data), "mix": as_json(config.mix), "seed": config.train.seed, "sources": described}
    crops = crop_settings(config.data)
    header = trained_header(name, config.model, tracker=crops, data=described)
    settings, defaults = (
        {name: as_json(getattr(c, name)) for name in ("model", "data", "loss", "mix", "teacher")} for c in (config, RecipeConfig())
    )
    validate = make_validation(sources.val, config) if sources.val is not None else None
    return Recipe(
        task=SiameseTask(module, config.loss),
        pipeline=distillation_pipeline(pairs, config.teacher, Grid(config.model.search_size // 16, 16).points(), samples),
        config=config.train,
        validate=validate,
        header=header,
        settings=settings,
        defaults=defaults,
        notes=pairs.notes,
    )


def crop_settings(data: PairDataConfig) -> dict[str, dict[str, float]]:
    """Return the factors of the crops that a network was trained with, as groups of `TrackerConfig`."""
    return {"template_crop": {"factor": data.template.factor}, "search_crop": {"factor": data.search.factor}}


def _check_sizes(config: RecipeConfig) -> None:
    for role, model in (("template", config.model.template_size), ("search", config.model.search_size)):
        data = getattr(config.data, role).size
        if model != data:
            raise LockonError(f"model.{role}_size is {model} but data.{role}.size is {data}; set both to the same number of pixels")


def load_backbone(module: SiameseModel, config: ModelConfig, path: Path) -> None:
    """ImageNet weights in their published names into the module's backbone, strictly.

    Raises:
        LockonError: the file is missing or holds weights of another network.
    """
    if not path.is_file():
        raise LockonError(f"backbone weights {path} do not exist; docs/training.md says where ImageNet weights can be had")
    load_pretrained(module.backbone, read_external(path), source=str(path), network=config.backbone)


def make_validation(folder: Path, config: RecipeConfig) -> Validate:
    """Tracks every validation sequence with the weights at hand: AO and success rates, mean over sequences, first frame excluded."""
    return tracking_validation(folder, apply_overrides(TrackerConfig(), flatten(crop_settings(config.data))))
