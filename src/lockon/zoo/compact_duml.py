"""Compact DuML: DuML's modalities on lockon-s's backbone, for controlled studies on CPUs.

EfficientNet-Lite0 at stride 16, template 112, search 224 pixels, a map of 14 x 14, anchors and inference parameters as of the other compact
trackers (`lockon.zoo.compact`). Every modality and pair of them is this one card: ``model.offline`` and ``model.online`` choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lockon.localizers.dense import LocalizerConfig
from lockon.localizers.score import DualModalScore
from lockon.online.dimp import DiMPLearner
from lockon.online.dual_modal import DualModalConfig
from lockon.online.labels import DistanceLabels
from lockon.ops.grid import AnchorGrid, Grid
from lockon.zoo.card import Card
from lockon.zoo.compact import INFERENCE, RATIOS, SCALE
from lockon.zoo.duml import PAPER
from lockon.zoo.lockon_s import STRIDE, StrideConfig
from lockon.zoo.modalities import ModalityConfig, assemble, build_dual_modal

if TYPE_CHECKING:
    from lockon.models.dual_modal import DualModalModel
    from lockon.zoo.recipe_config import RecipeConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class CompactDuMLConfig(StrideConfig, ModalityConfig):
    """The choices of the network: those of DuML and of the backbone.

    A target of 60 pixels has a quarter of the cells of one in DuML's crops, per side half of them: so have the label's deviation and the
    mask. The step's factor starts as compact-dimp's.

    Raises:
        LockonError: As of `StrideConfig` and `ModalityConfig`.
    """

    label_sigma: float = 1.0
    mask_switch: float = 2.0
    log_step: float = 0.0

    def __post_init__(self) -> None:
        StrideConfig.__post_init__(self)
        ModalityConfig.__post_init__(self)


def anchor_grid(grid: Grid) -> AnchorGrid:
    """Return the anchors of five shapes, of 64 x 64 pixels each up to rounding, on the points of the head."""
    return AnchorGrid(grid, ratios=RATIOS, scales=(SCALE,), base=STRIDE)


def build(c: CompactDuMLConfig) -> DualModalModel:
    """Build the network with random weights."""
    from lockon.models.backbones.inverted_residual import efficientnet_lite0
    from lockon.models.neck import projection

    trunk = efficientnet_lite0()
    return build_dual_modal(
        c,
        anchor_grid(c.grid),
        backbone=trunk,
        neck=projection(trunk.channels, c.channels),
        levels=1,
        channels=c.channels,
        sizes=(c.template_size, c.search_size),
        padding=True,
    )


def fitted(run: RecipeConfig, model: CompactDuMLConfig) -> RecipeConfig:
    """Return the settings of a run as the modalities of a network ask for them."""
    from lockon.zoo import duml_training

    return duml_training.fitted(run, model, config=CONFIG, anchors=anchor_grid(model.grid))


def experiments() -> dict[str, RecipeConfig]:
    """Return the run, whatever the modalities are."""
    from lockon.zoo.duml_training import compact_duml_experiments

    return compact_duml_experiments(MODEL, fitted)


MODEL = CompactDuMLConfig()
CONFIG = DualModalConfig.of(
    INFERENCE,
    localizer=LocalizerConfig(score=DualModalScore(), anchors=len(RATIOS)),
    learner=DiMPLearner(labels=DistanceLabels(stride=STRIDE, first=STRIDE / 2), rate=0.1, hard_negative_rate=0.2),
)

CARDS = (
    Card(
        name="compact-duml",
        summary="study model: DuML's modalities on the backbone of lockon-s",
        paper=PAPER,
        model=MODEL,
        build=build,
        config=CONFIG,
        presets={"default": {}, "vote": {"localizer.boxes": "score-vote"}},
        assemble=partial(assemble, default=MODEL, anchors=anchor_grid(MODEL.grid)),
        experiments=experiments,
        fitted=fitted,
        header_fields=("template_crop", "search_crop"),
    ),
)
