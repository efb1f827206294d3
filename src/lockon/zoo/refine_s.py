"""refine-s, the small refiner for CPUs: Alpha-Refine's idea on lockon-s's backbone; and its training recipe.

After Yan et al., Alpha-Refine, CVPR 2021 (arXiv 2012.06815). Other than there: EfficientNet-Lite0 at stride 16, crops of 192 pixels,
features projected before they are matched, narrower heads, and box losses that are independent of the size of the crop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from lockon.config import apply_overrides, as_json
from lockon.data.datasets.registry import load_videos
from lockon.data.samples.appearance import Appearance
from lockon.data.samples.pipeline import SamplePipeline
from lockon.data.samples.placement import BoxJitter
from lockon.data.samples.refine import RefineDataConfig, refine_pipeline
from lockon.errors import LockonError
from lockon.models.backbones.inverted_residual import efficientnet_lite0
from lockon.models.backbones.pretrained import load_pretrained
from lockon.models.heads.box_regression import DenseBoxHead, Edges, Pool, PooledBoxHead, Start
from lockon.models.heads.corner import CornerHead
from lockon.models.heads.segmentation import MaskDecoder
from lockon.models.refiner import Reference, RefinerModel
from lockon.models.refiner_fusion import Correlation, ProjectedFusion
from lockon.train.config import TrainConfig
from lockon.train.provenance import trained_header
from lockon.train.recipe import Recipe, TrainSources
from lockon.train.refine_task import RefineLossConfig, RefineTask
from lockon.train.refine_validation import RefineValidation
from lockon.zoo.external_weights import read_external
from lockon.zoo.lockon_s import TRAIN
from lockon.zoo.lockon_s_data import SourceWeights, describe_data, load_sources

STRIDE = 16
GROUPS = ("model", "data", "loss", "mix")  # beside the loop, what decides what is learnt


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """The choices of the network.

    Attributes:
        fusion: how reference and search features are matched. head: that gives the box. mask: with the mask head.
        reference: features of the target: cut from the middle of the map, or pooled from its box; "published": as the published code
            of each fusion does it: cut for "pixelwise", pooled for "depthwise" and "naive".
        appearance: the search features go to the heads beside what was matched.
        width: channels that are matched. channels: of the matched map. hidden: of the heads, a multiple of 8.
        laterals, decoder: of the mask head: channels of the backbone's first three stages in it, and of what is beside them.
        rpn_edges, rcnn_pool, box_start: as in `lockon.models.heads.box_regression`.
        size: side of both crops in pixels, a multiple of 32.

    Raises:
        LockonError: a size or a width that does not fit.
    """

    fusion: Correlation = "pixelwise"
    head: Literal["corner", "rpn", "rcnn"] = "corner"
    mask: bool = True
    reference: Literal["published"] | Reference = "published"
    appearance: bool = True
    width: int = 96
    channels: int = 64
    hidden: int = 128
    laterals: tuple[int, int, int] = (16, 32, 64)
    decoder: tuple[int, int, int] = (16, 24, 32)
    rpn_edges: Edges = "offsets"
    rcnn_pool: Pool = "average"
    box_start: Start = "middle"
    size: int = 192

    def __post_init__(self) -> None:
        if self.size < 64 or self.size % 32:
            raise LockonError(f"size={self.size} given, expected a multiple of 32 from 64 on, for example size=192")
        if self.hidden < 8 or self.hidden % 8:
            raise LockonError(f"hidden={self.hidden} given, expected a multiple of 8, for example hidden=128")
        if min(self.width, self.channels, *self.laterals, *self.decoder) < 4:
            raise LockonError("width, channels, laterals and decoder must be 4 or more, for example width=96")


CONFIGS = {"refine-s": ModelConfig()}  # by zoo name


def build(config: ModelConfig | None = None) -> RefinerModel:
    """The network with random weights."""
    c = config or ModelConfig()
    trunk = efficientnet_lite0()
    cells = c.size // (2 * STRIDE)
    fusion = ProjectedFusion(
        trunk.channels, width=c.width, appearance=c.appearance, reference_cells=cells, correlation=c.fusion, out=c.channels
    )
    stem, first, second = trunk.stage_channels[:3]
    return RefinerModel(
        backbone=trunk,
        fusion=fusion,
        head=_head(c),
        mask_head=MaskDecoder(c.channels, (stem, first, second), wide=c.laterals, widths=c.decoder) if c.mask else None,
        size=c.size,
        reference_cells=cells,
        reference=("crop" if c.fusion == "pixelwise" else "prroi") if c.reference == "published" else c.reference,
        stride=STRIDE,
    )


def _head(c: ModelConfig) -> nn.Module:
    cells = c.size // STRIDE
    if c.head == "corner":
        return CornerHead(c.channels, cells=cells, stride=STRIDE, hidden=c.hidden, middle=True)
    if c.head == "rpn":
        return DenseBoxHead(c.channels, cells=cells, stride=STRIDE, hidden=c.hidden, edges=c.rpn_edges, start=c.box_start)
    widths = (2 * c.hidden, c.hidden, c.hidden // 2, c.hidden // 2)
    return PooledBoxHead(c.channels, cells=cells, stride=STRIDE, widths=widths, pool=c.rcnn_pool, pooled=c.hidden, start=c.box_start)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipeConfig:
    """All settings of a training run; every field can be set by its dotted name, for example ``--set model.head=rpn``.

    Attributes:
        train: the loop. model: the network. data: crops, jitter and augmentation. loss: weights of its terms. mix: sources of pairs.
        backbone_weights: file of ImageNet weights of EfficientNet-Lite0 in their published names (`.pth`, read without executing
            anything, or `.safetensors`); empty starts from random weights.
    """

    train: TrainConfig = field(default_factory=lambda: replace(TRAIN, steps=3000, validate_every=500, best_metric="IoU"))
    model: ModelConfig = field(default_factory=ModelConfig)
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
    base_config = RecipeConfig(model=CONFIGS[name])
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


__all__ = ["CONFIGS", "ModelConfig", "RecipeConfig", "build", "load_backbone", "recipe"]
