"""refine-s, the small refiner for CPUs: Alpha-Refine's idea on lockon-s's backbone.

After Yan et al., Alpha-Refine, CVPR 2021 (arXiv 2012.06815). Other than there: EfficientNet-Lite0 at stride 16, crops of 192 pixels,
features projected before they are matched, narrower heads, and box losses that are independent of the size of the crop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lockon.config import apply_overrides
from lockon.errors import LockonError
from lockon.models.choices import Correlation, Edges, Pool, Reference, Start
from lockon.refiners.alpha_refine import AlphaRefiner, RefinerConfig
from lockon.zoo.alpha_refine import PAPER, PRESETS
from lockon.zoo.card import Card

if TYPE_CHECKING:
    from torch import nn

    from lockon.models.refiner import RefinerModel
    from lockon.zoo.recipe_config import RecipeConfig

STRIDE = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class RefineSConfig:
    """The choices of the network.

    Attributes:
        fusion: How reference and search features are matched.
        head: That gives the box.
        mask: With the mask head.
        reference: Features of the target: cut from the middle of the map, or pooled from its box; "published": as the published code
            of each fusion does it: cut for "pixelwise", pooled for "depthwise" and "naive".
        appearance: The search features go to the heads beside what was matched.
        width: Channels that are matched.
        channels: Of the matched map.
        hidden: Channels of the heads, a multiple of 8.
        laterals: Channels of the backbone's first three stages in the mask head.
        decoder: Channels of the mask head beside them.
        rpn_edges: As `DenseBoxHead.edges`.
        rcnn_pool: As `PooledBoxHead.pool`.
        box_start: As `start` of both.
        size: Side of both crops in pixels, a multiple of 32.

    Raises:
        LockonError: A size or a width that does not fit.
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


def build(c: RefineSConfig) -> RefinerModel:
    """Build the network with random weights."""
    from lockon.models.backbones.inverted_residual import efficientnet_lite0
    from lockon.models.heads.segmentation import MaskDecoder
    from lockon.models.refiner import RefinerModel
    from lockon.models.refiner_fusion import ProjectedFusion

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


def _head(c: RefineSConfig) -> nn.Module:
    from lockon.models.heads.box_regression import DenseBoxHead, PooledBoxHead
    from lockon.models.heads.corner import CornerHead

    cells = c.size // STRIDE
    if c.head == "corner":
        return CornerHead(c.channels, cells=cells, stride=STRIDE, hidden=c.hidden, middle=True)
    if c.head == "rpn":
        return DenseBoxHead(c.channels, cells=cells, stride=STRIDE, hidden=c.hidden, edges=c.rpn_edges, start=c.box_start)
    widths = (2 * c.hidden, c.hidden, c.hidden // 2, c.hidden // 2)
    return PooledBoxHead(c.channels, cells=cells, stride=STRIDE, widths=widths, pool=c.rcnn_pool, pooled=c.hidden, start=c.box_start)


def experiments() -> dict[str, RecipeConfig]:
    """Return the run that the released weights come from."""
    from lockon.data.samples.appearance import Appearance
    from lockon.data.samples.placement import BoxJitter
    from lockon.data.samples.refine import RefineDataConfig
    from lockon.train.losses.iou import IoULoss
    from lockon.train.losses.refinement import CornerMSE, CropCornerL1, MaskCrossEntropy
    from lockon.train.refine_task import RefineLosses
    from lockon.zoo.lockon_s_data import SourceWeights
    from lockon.zoo.recipe_config import SMALL_TRAIN, RecipeConfig

    data = RefineDataConfig(
        size=192,
        official=False,
        search=BoxJitter(scale=0.3, offset=0.35),
        reference=BoxJitter(scale=0.05, offset=0.05),
        appearance=Appearance(backdrop=0.5, color=1.0, gray=0.1, occlusion=0.1, degrade=0.7, flip=0.5),
    )
    loss = RefineLosses(
        mse=CornerMSE(weight=0.0),
        l1=CropCornerL1(weight=5.0),
        overlap=IoULoss(kind="giou", weight=2.0),
        mask=MaskCrossEntropy(weight=2.0),
    )
    train = apply_overrides(SMALL_TRAIN, {"steps": 3000, "output.validate_every": 500, "output.best_metric": "IoU"})
    return {"default": RecipeConfig(train=train, model=RefineSConfig(), data=data, loss=loss, mix=SourceWeights(negative=0.0))}


CARDS = (
    Card(
        name="refine-s",
        kind="refiner",
        summary="the default: small refiner for CPUs, corners and a mask of the target around a tracker's box",
        paper=f"after {PAPER}",
        embedded=True,
        model=RefineSConfig(),
        build=build,
        config=RefinerConfig(),
        presets=PRESETS,
        assemble=AlphaRefiner,
        experiments=experiments,
    ),
)
