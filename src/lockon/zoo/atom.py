"""ATOM (Danelljan et al., CVPR 2019, arXiv 1811.07628): a ResNet-18 with a box network, a classifier that is learnt online.

Published weights convert one to one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lockon.localizers.peaks import SecondPeak
from lockon.online.atom import ATOMLearner
from lockon.online.tracker import OnlineTracker
from lockon.online.views import ViewPlan
from lockon.online.windows import NearestPixel
from lockon.zoo.card import Card, OfficialWeights
from lockon.zoo.dimp import BOX_RENAMES, UNUSED, check_network, run
from lockon.zoo.dimp_inference import DIMP, PRESETS

if TYPE_CHECKING:
    from lockon.models.online import ATOMModel
    from lockon.zoo.recipe_config import RecipeConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class ATOMConfig:
    """The choices of the network.

    Attributes:
        depth: Of the ResNet: 18 or 50.
        search_size: Side of the crops in pixels, an even multiple of 16 up to 2048.
        train_norms: Batch normalization of the backbone's trained layers uses and updates the statistics of the batch.

    Raises:
        LockonError: Another depth; a size that the stride does not reach.
    """

    depth: int = 18
    search_size: int = 288
    train_norms: bool = True

    def __post_init__(self) -> None:
        check_network(self.depth, self.search_size)


def build(c: ATOMConfig) -> ATOMModel:
    """Build the network with random weights."""
    from lockon.models.backbones.resnet import ResNet
    from lockon.models.heads.iou import IoUNet
    from lockon.models.online import ATOMModel

    backbone = ResNet(c.depth, (2, 3), train_norms=c.train_norms)
    return ATOMModel(backbone=backbone, iou=IoUNet(*backbone.channels), search_size=c.search_size)


def experiments() -> dict[str, RecipeConfig]:
    """Return the published run."""
    from lockon.zoo.online_training import atom_experiments

    return atom_experiments(NETWORKS["atom"])


OFFICIAL = OfficialWeights(renames=((r"^feature_extractor\.", "backbone."), *BOX_RENAMES), unused=UNUSED)
NETWORKS = {"atom": ATOMConfig()}

ATOM = replace(
    DIMP,
    placement=NearestPixel(),
    views=ViewPlan(
        blurs=((2.0, 0.2), (0.2, 2.0), (3.0, 1.0), (1.0, 3.0), (2.0, 2.0)),
        rotations=(5.0, -5.0, 10.0, -10.0, 20.0, -20.0, 30.0, -30.0, 45.0, -45.0, -60.0, 60.0),
        dropped=7,
    ),
    learner=ATOMLearner(),
    localization=SecondPeak(from_middle=True),
)

CARDS = (
    Card(
        name="atom",
        summary="ATOM: ResNet-18, a filter learnt online from random numbers, IoU-Net",
        paper="Danelljan et al., ATOM: Accurate Tracking by Overlap Maximization, CVPR 2019 (arXiv 1811.07628)",
        licence="released models: the terms of visionml/pytracking (GPL-3.0)",
        checkpoint="visionml/pytracking MODEL_ZOO.md, atom_default.pth; lockon convert atom atom_default.pth OUT.safetensors",
        model=NETWORKS["atom"],
        build=build,
        torch_network=run,
        official=OFFICIAL,
        config=ATOM,
        presets=PRESETS,
        assemble=OnlineTracker,
        experiments=experiments,
    ),
)
