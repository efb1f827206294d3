"""refine-s, the small refiner for CPUs: Alpha-Refine's idea on lockon-s's backbone.

After Yan et al., Alpha-Refine, CVPR 2021 (arXiv 2012.06815). Other than there: EfficientNet-Lite0 at stride 16, crops of 192 pixels,
features projected before they are matched, narrower heads, and box losses that are independent of the size of the crop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockon.config import apply_overrides
from lockon.errors import LockonError
from lockon.refiners.alpha_refine import AlphaRefiner, RefinerConfig
from lockon.zoo.alpha_refine import PAPER, PRESETS, STRIDE, BoxRefinerConfig
from lockon.zoo.card import Card

if TYPE_CHECKING:
    from lockon.models.refiner import RefinerModel
    from lockon.zoo.recipe_config import RecipeConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class RefineSConfig(BoxRefinerConfig):
    """The choices of the network.

    Attributes:
        appearance: The search features go to the heads beside what was matched.
        width: Channels that are matched.
        channels: Of the matched map.
        hidden: Channels of the heads, a multiple of 8.
        laterals: Channels of the backbone's first three stages in the mask head.
        decoder: Channels of the mask head beside them.
        size: As of `BoxRefinerConfig`.

    Raises:
        LockonError: A size or a width that does not fit.
    """

    appearance: bool = True
    width: int = 96
    channels: int = 64
    hidden: int = 128
    laterals: tuple[int, int, int] = (16, 32, 64)
    decoder: tuple[int, int, int] = (16, 24, 32)
    size: int = 192

    def __post_init__(self) -> None:
        BoxRefinerConfig.__post_init__(self)
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
    fusion = ProjectedFusion(
        trunk.channels, width=c.width, appearance=c.appearance, reference_cells=c.cells, correlation=c.fusion, out=c.channels
    )
    head = c.box_head(
        c.channels,
        corner={"hidden": c.hidden, "middle": True},
        dense={"hidden": c.hidden},
        pooled={"widths": (2 * c.hidden, c.hidden, c.hidden // 2, c.hidden // 2), "pooled": c.hidden},
    )
    stem, first, second = trunk.stage_channels[:3]
    return RefinerModel(
        backbone=trunk,
        fusion=fusion,
        head=head,
        mask_head=MaskDecoder(c.channels, (stem, first, second), wide=c.laterals, widths=c.decoder) if c.mask else None,
        size=c.size,
        reference_cells=c.cells,
        reference=c.reference_features,
        stride=STRIDE,
    )


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
