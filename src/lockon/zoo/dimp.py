"""DiMP (Bhat et al., ICCV 2019, arXiv 1904.07220), PrDiMP (Danelljan et al., CVPR 2020, arXiv 2003.12565) and SuperDiMP: networks.

SuperDiMP is DiMP's classifier with PrDiMP's box regression and a larger search area. Published weights convert one to one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from lockon._config_values import check_range
from lockon.errors import LockonError
from lockon.online.config import OnlineConfig
from lockon.online.tracker import OnlineTracker
from lockon.zoo.card import Card, OfficialWeights
from lockon.zoo.dimp_inference import DIMP, DIMP_PRESETS, PRDIMP, PRESETS, SUPERDIMP

if TYPE_CHECKING:
    from torch import nn

    from lockon.export.torch_online import TorchOnline
    from lockon.models.online import DiMPModel
    from lockon.zoo.recipe_config import RecipeConfig

STRIDE = 16
MAX_SIZE = 2048  # of a crop in pixels, as for every tracker that learns online


@dataclass(frozen=True, kw_only=True, slots=True)
class DiMPConfig:
    """The choices of the network; the defaults are DiMP-50.

    Attributes:
        depth: Of the ResNet: 18 or 50.
        search_size: Side of the crops in pixels, an even multiple of 16 up to 2048.
        search_factor: Side of the search area over the target's sqrt(w h): the label's width at the start of training depends on it.
        maps: The optimiser learns label, mask and spatial weight (DiMP, SuperDiMP); PrDiMP's has none.
        zero_filter: Training starts with filters of zero (PrDiMP).
        train_norms: Batch normalization of the backbone's trained layers uses and updates the statistics of the batch, as published.

    Raises:
        LockonError: Another depth; a size that the stride does not reach; a factor outside 1..100.
    """

    depth: int = 50
    search_size: int = 288
    search_factor: float = 5.0
    maps: bool = True
    zero_filter: bool = False
    train_norms: bool = True

    def __post_init__(self) -> None:
        check_network(self.depth, self.search_size)
        check_range("search_factor", self.search_factor, 1, 100)

    @property
    def label_sigma(self) -> float:
        """Deviation of the label in cells: a quarter of the target's mean side."""
        return self.search_size / STRIDE / self.search_factor / 4


def check_network(depth: int, search_size: int) -> None:
    """Check the depth of the ResNet, and the side of the crops in pixels.

    Raises:
        LockonError: Another depth; a size that the stride does not reach.
    """
    if depth not in (18, 50):
        raise LockonError(f"depth={depth} given, expected 18 or 50, for example depth=18")
    if not 0 < search_size <= MAX_SIZE or search_size % (2 * STRIDE):
        raise LockonError(
            f"search_size={search_size} given, expected a multiple of {2 * STRIDE} up to {MAX_SIZE}, for example search_size=288"
        )


def build(c: DiMPConfig) -> DiMPModel:
    """Build the network with random weights."""
    from lockon.models.backbones.resnet import ResNet
    from lockon.models.heads.iou import IoUNet
    from lockon.models.online import ClassificationFeatures, DescentParameters, DiMPModel, FilterInitializer

    backbone = ResNet(c.depth, (2, 3), train_norms=c.train_norms)
    low, high = backbone.channels
    channels, blocks = (256, 1) if c.depth == 18 else (512, 0)
    log_step, regularization = (0.9, 0.1) if c.maps else (1.0, 0.05)
    return DiMPModel(
        backbone=backbone,
        classification=ClassificationFeatures(high, channels, blocks=blocks),
        initializer=FilterInitializer(channels, zero=c.zero_filter),
        optimizer=DescentParameters(maps=c.maps, label_sigma=c.label_sigma, log_step=log_step, regularization=regularization),
        iou=IoUNet(low, high),
        search_size=c.search_size,
    )


# The box network's names in published weights, DiMP's and ATOM's alike.
BOX_RENAMES = (
    (r"^bb_regressor\.conv3_1r\.", "iou.reference_low."),
    (r"^bb_regressor\.conv4_1r\.", "iou.reference_high."),
    (r"^bb_regressor\.fc3_1r\.", "iou.reference_pooled."),
    (r"^bb_regressor\.fc34_3r\.", "iou.modulation_low."),
    (r"^bb_regressor\.fc34_4r\.", "iou.modulation_high."),
    (r"^bb_regressor\.conv3_1t\.", "iou.test_low.0."),
    (r"^bb_regressor\.conv3_2t\.", "iou.test_low.1."),
    (r"^bb_regressor\.conv4_1t\.", "iou.test_high.0."),
    (r"^bb_regressor\.conv4_2t\.", "iou.test_high.1."),
    (r"^bb_regressor\.fc3_rt\.", "iou.box_low."),
    (r"^bb_regressor\.fc4_rt\.", "iou.box_high."),
    (r"^bb_regressor\.iou_predictor\.", "iou.predictor."),
)
UNUSED = (r"^feature_extractor\.(layer4|fc)\.",)  # the end of the ImageNet classifier


OFFICIAL = OfficialWeights(
    renames=(
        (r"^feature_extractor\.", "backbone."),
        (r"^classifier\.filter_initializer\.filter_conv\.", "initializer.conv."),
        (r"^classifier\.filter_optimizer\.label_map_predictor\.weight$", "optimizer.label_map"),
        (r"^classifier\.filter_optimizer\.target_mask_predictor\.0\.weight$", "optimizer.target_mask"),
        (r"^classifier\.filter_optimizer\.spatial_weight_predictor\.weight$", "optimizer.spatial_weight"),
        (r"^classifier\.filter_optimizer\.", "optimizer."),
        (r"^classifier\.feature_extractor\.[01]\.weight$", "classification.conv.weight"),
        (r"^classifier\.feature_extractor\.0\.", "classification.blocks.0."),
        *BOX_RENAMES,
    ),
    unused=UNUSED,
)

NETWORKS = {
    "dimp18": DiMPConfig(depth=18),
    "dimp50": DiMPConfig(),
    "prdimp18": DiMPConfig(depth=18, search_size=352, search_factor=6.0, maps=False, zero_filter=True),
    "prdimp50": DiMPConfig(search_size=352, search_factor=6.0, maps=False, zero_filter=True),
    "superdimp": DiMPConfig(search_size=352, search_factor=6.0),
}


def run(module: nn.Module, *, device: str, header: Mapping[str, Any]) -> TorchOnline:
    """Return the network as an online tracker takes it."""
    from lockon.export.torch_online import TorchOnline

    return TorchOnline(module, device, header)


def _dimp_runs(model: DiMPConfig) -> dict[str, RecipeConfig]:
    from lockon.zoo.online_training import dimp_experiments

    return dimp_experiments(model)


def _prdimp_runs(model: DiMPConfig) -> dict[str, RecipeConfig]:
    from lockon.zoo.online_training import prdimp_experiments

    return prdimp_experiments(model)


def _superdimp_runs(model: DiMPConfig) -> dict[str, RecipeConfig]:
    from lockon.zoo.online_training import superdimp_experiments

    return superdimp_experiments(model)


DIMP_PAPER = "Bhat et al., Learning Discriminative Model Prediction for Tracking, ICCV 2019 (arXiv 1904.07220)"
PRDIMP_PAPER = "Danelljan et al., Probabilistic Regression for Visual Tracking, CVPR 2020 (arXiv 2003.12565)"


_DENSITIES = "densities of places and boxes learnt online"

Runs = Callable[[DiMPConfig], dict[str, "RecipeConfig"]]


def _card(name: str, summary: str, paper: str, file: str, config: OnlineConfig, *, runs: Runs) -> Card:
    """Return the card of one of the published trackers; `file` is that of its weights."""
    return Card(
        name=name,
        summary=summary,
        paper=paper,
        licence="released models: the terms of visionml/pytracking (GPL-3.0)",
        checkpoint=f"visionml/pytracking MODEL_ZOO.md, {file}; lockon convert {name} {file} OUT.safetensors",
        model=NETWORKS[name],
        build=build,
        torch_network=run,
        official=OFFICIAL,
        config=config,
        presets=DIMP_PRESETS if config == DIMP else PRESETS,
        assemble=OnlineTracker,
        experiments=partial(runs, NETWORKS[name]),
    )


CARDS = (
    _card("dimp18", "DiMP: ResNet-18, a filter learnt online, IoU-Net", DIMP_PAPER, "dimp18.pth", DIMP, runs=_dimp_runs),
    _card("dimp50", "DiMP: ResNet-50, a filter learnt online, IoU-Net", DIMP_PAPER, "dimp50.pth", DIMP, runs=_dimp_runs),
    _card("prdimp18", f"PrDiMP: ResNet-18, {_DENSITIES}", PRDIMP_PAPER, "prdimp18.pth.tar", PRDIMP, runs=_prdimp_runs),
    _card("prdimp50", f"PrDiMP: ResNet-50, {_DENSITIES}", PRDIMP_PAPER, "prdimp50.pth.tar", PRDIMP, runs=_prdimp_runs),
    _card(
        "superdimp",
        "SuperDiMP: DiMP's classifier, PrDiMP's boxes, a larger search area",
        PRDIMP_PAPER,
        "super_dimp.pth.tar",
        SUPERDIMP,
        runs=_superdimp_runs,
    ),
)
