"""The training recipe of lockon-s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from lockon.config import apply_overrides, as_json, flatten
from lockon.data.samples.pairs import PairDataConfig, pair_pipeline
from lockon.errors import LockonError
from lockon.models.backbones.pretrained import load_pretrained
from lockon.models.siamese import SiameseModel
from lockon.ops.grid import Grid
from lockon.tracker import TrackerConfig
from lockon.train.config import TrainConfig
from lockon.train.provenance import trained_header
from lockon.train.recipe import Recipe, TrainSources, Validate
from lockon.train.task import SiameseLossConfig, SiameseTask
from lockon.zoo.distillation import TeacherConfig, distillation_pipeline
from lockon.zoo.external_weights import read_external
from lockon.zoo.lockon_s import LockonSConfig, build
from lockon.zoo.lockon_s_data import SourceWeights, describe_data, load_sources
from lockon.zoo.tracking_validation import tracking_validation

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
    model: LockonSConfig = field(default_factory=LockonSConfig)
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


def load_backbone(module: SiameseModel, config: LockonSConfig, path: Path) -> None:
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
