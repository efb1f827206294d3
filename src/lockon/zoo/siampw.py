"""SiamPW: an anchor-free head on attention matching of two layers of the dilated ResNet-50.

Tang and Ling, RBO, CVPR 2022, Sec. 3.1 and 3.4. The paper builds on SiamBAN and so implies its three layers; the published
networks, and so their weights, have layers 2 and 3 alone. SiamPW-RBO is the same network, trained with the ranking losses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lockon.zoo.card import Card, OfficialWeights
from lockon.zoo.pysot_inference import RBO_LICENCE, RBO_PAPER, SIAMBAN_PARAMS, WindowParams, pysot_config, pysot_presets
from lockon.zoo.unpadded_resnet import NECK_RENAMES, LevelsConfig, resnet_siamese, search_grid

if TYPE_CHECKING:
    from lockon.models.siamese import SiameseModel
    from lockon.zoo.recipe_config import RecipeConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class SiamPWConfig(LevelsConfig):
    """The choices of the network; the defaults are the published ones. Each layer is matched by its own part of the head."""

    layers: tuple[int, ...] = (2, 3)


def build(c: SiamPWConfig) -> SiameseModel:
    """Build the network with random weights."""
    from lockon.models.heads.attention import AttentionHead

    head = AttentionHead(len(c.layers), c.channels, search_grid(c.search_size))
    return resnet_siamese(c, head)


OFFICIAL = OfficialWeights(
    renames=(
        *NECK_RENAMES,
        *((rf"^head\.box{level}\.head\.", f"head.levels.{level - 2}.") for level in (2, 3, 4)),
        (r"^(head\.levels\.\d)\.fi\.", r"\1.mix."),
        (r"^(head\.levels\.\d)\.reg_tower\.", r"\1.loc_tower."),
        (r"^(head\.levels\.\d)\.cls_logits\.", r"\1.cls."),
        (r"^(head\.levels\.\d)\.bbox_pred\.", r"\1.loc."),
    )
)

RBO_BENCHMARKS = {
    "otb100": WindowParams(0.002, 0.441, 0.487),
    "uav123": WindowParams(0.085828, 0.35483, 0.3115735),
    "nfs30": WindowParams(0.06772, 0.1455, 0.94515),
    "tc128": WindowParams(0.0285, 0.505, 0.31592),
    "vot2016": WindowParams(0.1223, 0.542, 0.67865),
    "lasot": WindowParams(0.04, 0.25, 0.7),
    "got10k": WindowParams(0.04, 0.1, 0.94),
}


def experiments() -> dict[str, RecipeConfig]:
    """Return the runs on four cards; the network ends with layer 3, so that layers 2 and 3 learn from epoch 10 on."""
    from lockon.zoo.dense_losses import PW
    from lockon.zoo.pysot_training import SIAMBAN_SETS, pysot_run, with_got10k

    train = {"pairs_per_epoch": 1_000_000, "gradients.accumulate": 4, "schedule.final_lr_ratio": 0.01, "unfreeze": ((0.0, 0), (0.5, 2))}
    return with_got10k(pysot_run(SiamPWConfig(), PW, SIAMBAN_SETS, train))


def rbo_experiments() -> dict[str, RecipeConfig]:
    """Return the same runs with ranking losses: gamma 5, with all data and on GOT-10k."""
    from lockon.zoo.pysot_training import ranked_runs

    return ranked_runs(experiments()["default"], gamma=5.0)


SIAMPW = Card(
    name="siampw-r50",
    summary="SiamPW: points on two levels of a dilated ResNet-50, matched by attention",
    paper=RBO_PAPER,
    model=SiamPWConfig(),
    build=build,
    official=OFFICIAL,
    config=pysot_config(SIAMBAN_PARAMS),
    presets=pysot_presets(SIAMBAN_PARAMS),  # no numbers were published for it alone: its official ones are its code's
    search_by_size=True,
    experiments=experiments,
)
CARDS = (
    SIAMPW,
    replace(
        SIAMPW,
        name="siampw-r50-rbo",
        summary="SiamPW trained with the ranking losses of RBO",
        licence=RBO_LICENCE,
        checkpoint="sansanfree/RBO, one file for GOT-10k and two general ones for the other benchmarks; "
        "lockon convert siampw-r50-rbo FILE OUT",
        presets=pysot_presets(RBO_BENCHMARKS["otb100"], RBO_BENCHMARKS),
        experiments=rbo_experiments,
    ),
)
