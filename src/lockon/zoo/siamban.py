"""SiamBAN: an anchor-free head on depth-wise matching of three layers of the dilated ResNet-50.

Chen et al., CVPR 2020 (arXiv 2003.06761). SiamBAN-RBO (Tang and Ling, CVPR 2022) is the same network, trained otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lockon.zoo.card import Card, OfficialWeights
from lockon.zoo.pysot_inference import BAN_PAPER, RBO_PAPER, SIAMBAN_PARAMS, WindowParams, pysot_config, pysot_presets
from lockon.zoo.unpadded_resnet import BLOCK_RENAMES, NECK_RENAMES, LevelsConfig, resnet_siamese, search_grid

if TYPE_CHECKING:
    from lockon.models.siamese import SiameseModel
    from lockon.zoo.recipe_config import RecipeConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class SiamBANConfig(LevelsConfig):
    """The choices of the network; the defaults are the published ones. Each layer is matched by its own part of the head."""


def build(c: SiamBANConfig) -> SiameseModel:
    """Build the network with random weights."""
    from lockon.models.heads.ban import BANHead

    head = BANHead(len(c.layers), c.channels, search_grid(c.search_size))
    return resnet_siamese(c, head)


OFFICIAL = OfficialWeights(
    renames=(
        *NECK_RENAMES,
        *((rf"^head\.box{level}\.", f"head.levels.{level - 2}.") for level in (2, 3, 4)),
        *BLOCK_RENAMES,
    )
)

VOT2018 = WindowParams(0.08513642556896711, 0.4632532824922313, 0.44418184746462425)
BENCHMARKS = {
    "otb100": WindowParams(0.020530504470126613, 0.3850733326567302, 0.4730770315643308),
    "vot2018": VOT2018,
    "vot2019": WindowParams(0.0012159181005195463, 0.334450048565355, 0.46386814967815493),
}


def experiments() -> dict[str, RecipeConfig]:
    """Return SiamBAN's run on three cards, down to 0.00005, and that of its OTB model."""
    from lockon.zoo.dense_losses import BAN
    from lockon.zoo.pysot_training import SIAMBAN_SETS, pysot_run

    train = {"pairs_per_epoch": 1_000_000, "gradients.accumulate": 3, "schedule.final_lr_ratio": 0.01}
    default = pysot_run(SiamBANConfig(), BAN, SIAMBAN_SETS, train)
    return {"default": default, "otb": replace(default, data=replace(default.data, gray=0.2))}


def rbo_experiments() -> dict[str, RecipeConfig]:
    """Return SiamBAN's run with the paper's ranking losses: gamma 3."""
    from lockon.zoo.pysot_training import ranked_runs

    return ranked_runs(experiments()["default"], gamma=3.0)


SIAMBAN = Card(
    name="siamban-r50",
    summary="SiamBAN: anchor-free points on three levels of a dilated ResNet-50",
    paper=BAN_PAPER,
    licence="released models: the terms of hqucv/siamban",
    checkpoint="hqucv/siamban MODEL_ZOO.md, siamban_r50_l234; lockon convert siamban-r50 model.pth OUT",
    model=SiamBANConfig(),
    build=build,
    official=OFFICIAL,
    config=pysot_config(SIAMBAN_PARAMS),
    presets=pysot_presets(VOT2018, BENCHMARKS),
    search_by_size=True,
    experiments=experiments,
)
CARDS = (
    SIAMBAN,
    replace(
        SIAMBAN,
        name="siamban-r50-rbo",
        summary="SiamBAN trained with the ranking losses of RBO",
        paper=RBO_PAPER,
        licence="",
        checkpoint="",
        presets=pysot_presets(SIAMBAN_PARAMS),  # no numbers were published for it alone: its official ones are its code's
        experiments=rbo_experiments,
    ),
)
