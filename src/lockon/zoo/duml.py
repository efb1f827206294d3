"""DuML: offline matching and a filter that is learnt online, in one network, fused; and each of both alone.

Zhou et al., Higher Performance Visual Tracking with Dual-Modal Localization (DuML), 2021. There is no public code, and no weights were
published. Crops, anchors and inference are PySOT's, whose coordinates count from the centre of the first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from lockon.localizers.score import DualModalScore
from lockon.localizers.vote import ScoreVote
from lockon.models.choices import Offline, Online
from lockon.online.dimp import DiMPLearner
from lockon.online.dual_modal import DualModalConfig
from lockon.online.labels import DistanceLabels
from lockon.ops.grid import AnchorGrid
from lockon.zoo.card import Card
from lockon.zoo.modalities import ModalityConfig, assemble, build_dual_modal, with_modalities
from lockon.zoo.pysot_inference import PYSOT_PARAMS, TEMPLATE_SIZE, pysot_config
from lockon.zoo.unpadded_resnet import LevelsConfig, search_grid

if TYPE_CHECKING:
    from lockon.models.dual_modal import DualModalModel
    from lockon.zoo.recipe_config import RecipeConfig

PAPER = "Zhou et al., Higher Performance Visual Tracking with Dual-Modal Localization, 2021 (no public code, no published weights)"
STRIDE = 8.0  # of the features that filters are learnt on, and of the head's points
FIRST = 7.5  # crop pixel of the first feature, from the corner; the head's points begin `MARGIN` cells later
MARGIN = 3  # cells of the features on each side of the head's map


@dataclass(frozen=True, kw_only=True, slots=True)
class DuMLConfig(LevelsConfig, ModalityConfig):
    """The choices of the network; the defaults are DuML's.

    Attributes:
        backbone: The unpadded ResNet-50 whose last layers keep their strides and are interpolated, or PySOT's dilated one.

    Raises:
        LockonError: As of `LevelsConfig` and `ModalityConfig`.
    """

    backbone: Literal["interpolated-resnet50", "dilated-resnet50"] = "interpolated-resnet50"

    def __post_init__(self) -> None:
        LevelsConfig.__post_init__(self)
        ModalityConfig.__post_init__(self)


def anchor_grid(search_size: int) -> AnchorGrid:
    """Return the anchors of five shapes on the head's points: 25 x 25 from pixel 31 on for 255 pixels."""
    return AnchorGrid(search_grid(search_size))


def build(c: DuMLConfig) -> DualModalModel:
    """Build the network with random weights."""
    from lockon.models.backbones.interpolated_resnet import InterpolatedResNet50
    from lockon.models.backbones.resnet import DilatedResNet50
    from lockon.models.neck import LevelNeck

    backbone = InterpolatedResNet50(c.layers) if c.backbone == "interpolated-resnet50" else DilatedResNet50(c.layers)
    return build_dual_modal(
        c,
        anchor_grid(c.search_size),
        backbone=backbone,
        neck=LevelNeck(backbone.channels, c.channels),
        levels=len(c.layers),
        channels=c.channels,
        sizes=(TEMPLATE_SIZE, c.search_size),
    )


def fitted(run: RecipeConfig, model: DuMLConfig) -> RecipeConfig:
    """Return the settings of a run as the modalities of a network ask for them."""
    from lockon.zoo import duml_training

    return duml_training.fitted(run, model, config=FUSED, anchors=ANCHORS, margin=MARGIN)


def experiments(model: DuMLConfig) -> dict[str, RecipeConfig]:
    """Return the runs of one of the networks."""
    from lockon.zoo.duml_training import duml_experiments

    return duml_experiments(model, fitted)


ANCHORS = anchor_grid(DuMLConfig().search_size)
_SIAMESE = pysot_config(PYSOT_PARAMS, anchors=ANCHORS.anchors)
# Learnt as DiMP's filter, with the rates of Appendix A, on cells of 8 pixels; boxes are not voted for.
FUSED = DualModalConfig.of(
    _SIAMESE,
    localizer=replace(_SIAMESE.localizer, score=DualModalScore()),
    learner=DiMPLearner(labels=DistanceLabels(stride=STRIDE, first=FIRST), rate=0.1, hard_negative_rate=0.2),
)
SEARCH_319 = 319  # pixels of the search crop for NFS30, UAV123 and LaSOT (Appendix A)
PRESETS = {
    "default": {},
    "search319": {"model.search_size": SEARCH_319, "search_crop.factor": SEARCH_319 / TEMPLATE_SIZE},
}

OFFLINE: dict[Offline, str] = {
    "ofr": "offline regression at points",
    "ofc1s": "offline classification of one anchor per point",
    "ofc5s": "offline classification of five anchors per point",
}
ONLINE: dict[Online, str] = {
    "onc1s": "online classification by one filter",
    "onc5s": "online classification by five filters",
    "onr": "online regression",
}


def _card(name: str, offline: Offline, online: Online, *, vote: bool = False) -> Card:
    """Return the card of one modality (Table 2) or of a pair (Table 3)."""
    model = DuMLConfig(offline=offline, online=online)
    told = " and ".join(filter(None, (OFFLINE.get(offline), ONLINE.get(online))))
    config = with_modalities(FUSED, offline, online, ANCHORS)
    if vote:
        config = replace(config, localizer=replace(config.localizer, boxes=ScoreVote()))
    return Card(
        name=name,
        summary=f"{'DuML: ' if vote else 'of DuML: '}{told}{', voted boxes' if vote else ''}",
        paper=PAPER,
        model=model,
        build=build,
        config=config,
        presets=PRESETS,
        assemble=partial(assemble, default=model, anchors=ANCHORS),
        search_by_size=True,
        experiments=partial(experiments, model),
        fitted=fitted,
    )


# The tracker of the paper; one modality alone; the other pairs.
CARDS = (
    _card("duml", "ofc5s", "onr", vote=True),
    *(_card(f"duml-{offline}", offline, "none") for offline in OFFLINE),
    *(_card(f"duml-{online}", "none", online) for online in ONLINE),
    *(_card(f"duml-{a}-{b}", a, b) for a in OFFLINE for b in ONLINE if (a, b) != ("ofc5s", "onr")),
)
