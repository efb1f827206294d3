"""SiamRPN with AlexNet and SiamRPN++ with ResNet-50: anchor heads on depth-wise matching.

Li et al., SiamRPN, CVPR 2018; Li et al., SiamRPN++, CVPR 2019 (arXiv 1812.11703). The numbers are those of the published
trackers (PySOT's siamrpn_alex_dwxcorr and siamrpn_r50_l234_dwxcorr), whose AlexNet matches depth-wise too. SiamRPN++-RBO (Tang
and Ling, CVPR 2022) is the same network, trained otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from lockon.errors import LockonError
from lockon.models.choices import Matching
from lockon.ops.grid import AnchorGrid, unpadded_grid
from lockon.zoo.card import Card, OfficialWeights
from lockon.zoo.pysot_inference import (
    PYSOT_LICENCE,
    PYSOT_PARAMS,
    RBO_LICENCE,
    RBO_PAPER,
    RPN_PAPER,
    TEMPLATE_SIZE,
    WindowParams,
    each_vot,
    pysot_config,
    pysot_presets,
)
from lockon.zoo.unpadded_resnet import BLOCK_RENAMES, NECK_RENAMES, LevelsConfig, resnet_siamese, search_grid

if TYPE_CHECKING:
    from lockon.models.siamese import SiameseModel
    from lockon.zoo.recipe_config import RecipeConfig

ANCHORS = 5  # per point of the map


@dataclass(frozen=True, kw_only=True, slots=True)
class SiamRPNConfig(LevelsConfig):
    """The choices of the network; the defaults are SiamRPN++'s.

    Attributes:
        backbone: The unpadded dilated ResNet-50, with a neck, or the unpadded AlexNet without one.
        matching: Of template and search.
        weighted: Learn how much each layer counts; the published OTB model does not.

    Raises:
        LockonError: As of `LevelsConfig`; another width than 256 with AlexNet.
    """

    backbone: Literal["dilated-resnet50", "alexnet"] = "dilated-resnet50"
    matching: Matching = "depthwise"
    weighted: bool = True

    def __post_init__(self) -> None:
        LevelsConfig.__post_init__(self)
        if self.backbone == "alexnet" and self.channels != 256:
            raise LockonError(f"channels={self.channels} given, but AlexNet has no neck to change its 256 channels; leave channels out")


def build(c: SiamRPNConfig) -> SiameseModel:
    """Build the network with random weights."""
    from lockon.models.backbones.alexnet import AlexNet
    from lockon.models.heads.rpn import RPNHead
    from lockon.models.siamese import SiameseModel

    if c.backbone == "dilated-resnet50":
        head = RPNHead(len(c.layers), c.channels, AnchorGrid(search_grid(c.search_size)), weighted=c.weighted, matching=c.matching)
        return resnet_siamese(c, head)
    grid = unpadded_grid(c.search_size, template_size=TEMPLATE_SIZE, base=0)
    head = RPNHead(1, c.channels, AnchorGrid(grid), matching=c.matching)
    return SiameseModel(backbone=AlexNet(), neck=None, head=head, template_size=TEMPLATE_SIZE, search_size=c.search_size)


OFFICIAL = OfficialWeights(
    renames=(
        *NECK_RENAMES,
        *((rf"^rpn_head\.rpn{level}\.", f"head.levels.{level - 2}.") for level in (2, 3, 4)),
        (r"^rpn_head\.(cls|loc)\.", r"head.levels.0.\1."),  # one level
        (r"^rpn_head\.(cls_weight|loc_weight)$", r"head.\1"),
        *BLOCK_RENAMES,
    )
)

ALEXNET = SiamRPNConfig(backbone="alexnet", search_size=287)
ALEXNET_PARAMS = WindowParams(0.16, 0.40, 0.30)
VOT = WindowParams(0.05, 0.42, 0.38)
RBO_BENCHMARKS = {
    "otb100": WindowParams(0.0806, 0.4585, 0.3244),
    "uav123": WindowParams(0.0074, 0.1277, 0.309),
    "nfs30": WindowParams(0.0267, 0.0428, 0.8365),
    "tc128": WindowParams(0.157, 0.315, 0.4364),
    "vot2016": WindowParams(0.0645, 0.4062, 0.42989),
    "lasot": WindowParams(0.04, 0.2, 0.5),
    "got10k": WindowParams(0.01, 0.1, 0.8),
}


def alexnet_experiments() -> dict[str, RecipeConfig]:
    """Return PySOT's run on sixteen cards.

    50 epochs, 0.005 up to 0.01 and down to 0.0005; the last two convolutions learn from epoch 10 on, at full rate.
    """
    from lockon.data.samples.pysot import PysotDataConfig
    from lockon.zoo.dense_losses import RPN
    from lockon.zoo.pysot_training import PYSOT_SETS, pysot_run

    train = {
        "epochs": 50,
        "batch_size": 32,
        "gradients.accumulate": 16,
        "optimizer.learning_rate": 0.01,
        "optimizer.backbone_multiplier": 1.0,
        "schedule.warmup_ratio": 0.5,
        "schedule.final_lr_ratio": 0.05,
        "unfreeze": ((0.0, 0), (0.2, 2)),
    }
    search = replace(PysotDataConfig().search, size=ALEXNET.search_size)  # as large as in tracking: 287 pixels
    return {"default": pysot_run(ALEXNET, RPN, PYSOT_SETS, train, negative=0.05, search=search)}


def r50_experiments() -> dict[str, RecipeConfig]:
    """Return PySOT's run on eight cards, that on sixteen, and that of its OTB model."""
    from lockon.zoo.dense_losses import RPN
    from lockon.zoo.pysot_training import PYSOT_SETS, pysot_run

    # greyer, layer 1 learns too, down to 0.0025 only; its levels count alike
    otb = {"batch_size": 16, "schedule.final_lr_ratio": 0.5, "unfreeze": ((0.0, 0), (0.5, 4))}
    return {
        "default": pysot_run(SiamRPNConfig(), RPN, PYSOT_SETS),
        "16gpu": pysot_run(SiamRPNConfig(), RPN, PYSOT_SETS, {"batch_size": 24, "gradients.accumulate": 16}),
        "otb": pysot_run(SiamRPNConfig(weighted=False), RPN, PYSOT_SETS, otb, gray=0.2),
    }


def rbo_experiments() -> dict[str, RecipeConfig]:
    """Return the runs on four cards of 32 pairs, down to 0.00005; gamma 3 with all data, 5 on GOT-10k."""
    from lockon.zoo.dense_losses import ranked_rpn
    from lockon.zoo.pysot_training import RBO_SETS, pysot_run, with_got10k

    train = {"pairs_per_epoch": 800_000, "batch_size": 32, "gradients.accumulate": 4, "schedule.final_lr_ratio": 0.01}
    default = pysot_run(SiamRPNConfig(), ranked_rpn(gamma=3.0), RBO_SETS, train)
    return with_got10k(default, ranked_rpn(gamma=5.0)["loss"])


SIAMRPNPP = Card(
    name="siamrpnpp-r50",
    summary="SiamRPN++: anchors on three levels of a dilated ResNet-50",
    paper=RPN_PAPER,
    licence=PYSOT_LICENCE,
    checkpoint="STVIR/pysot MODEL_ZOO.md, siamrpn_r50_l234_dwxcorr; lockon convert siamrpnpp-r50 model.pth OUT",
    model=SiamRPNConfig(),
    build=build,
    official=OFFICIAL,
    config=pysot_config(PYSOT_PARAMS, anchors=ANCHORS),
    presets=pysot_presets(VOT, {"otb100": WindowParams(0.24, 0.5, 0.25), **each_vot(VOT)}),
    search_by_size=True,
    experiments=r50_experiments,
)
CARDS = (
    Card(
        name="siamrpn-alexnet",
        summary="SiamRPN with depth-wise matching on AlexNet: five anchors per cell, the lightest of the family",
        paper="Li et al., High Performance Visual Tracking with Siamese Region Proposal Network, CVPR 2018; matching as in SiamRPN++",
        licence=PYSOT_LICENCE,
        checkpoint="STVIR/pysot MODEL_ZOO.md, siamrpn_alex_dwxcorr; lockon convert siamrpn-alexnet model.pth OUT",
        model=ALEXNET,
        build=build,
        official=OFFICIAL,
        config=pysot_config(ALEXNET_PARAMS, search_size=ALEXNET.search_size, anchors=ANCHORS),
        presets=pysot_presets(ALEXNET_PARAMS, {"otb100": ALEXNET_PARAMS, **each_vot(ALEXNET_PARAMS)}),
        search_by_size=True,
        experiments=alexnet_experiments,
    ),
    SIAMRPNPP,
    replace(
        SIAMRPNPP,
        name="siamrpnpp-r50-rbo",
        summary="SiamRPN++ trained with the ranking losses of RBO",
        paper=RBO_PAPER,
        licence=RBO_LICENCE,
        checkpoint="sansanfree/RBO, one file for GOT-10k and two general ones for the other benchmarks; "
        "lockon convert siamrpnpp-r50-rbo FILE OUT",
        presets=pysot_presets(RBO_BENCHMARKS["otb100"], RBO_BENCHMARKS),
        experiments=rbo_experiments,
    ),
)
