"""siammask-r50: SiamMask with the unpadded dilated ResNet-50 (Wang et al., CVPR 2019, arXiv 1812.05050), as PySOT releases it.

One level: layer3, reduced to 256 channels; the fine mask also uses the stem, layer1 and layer2. Weights of PySOT's
``siammask_r50_l3`` convert one to one.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockon.models.backbones.resnet import DilatedResNet50
from lockon.models.heads.mask import MaskHead, RefineHead
from lockon.models.heads.rpn import RPNHead
from lockon.models.neck import LevelNeck
from lockon.models.siammask import SiamMaskModel
from lockon.ops.grid import AnchorGrid
from lockon.zoo.unpadded_resnet import BLOCK_RENAMES, TEMPLATE_CELLS, TEMPLATE_SIZE, check_network, search_grid

LAYERS = (3,)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """The choices of the network.

    Attributes:
        channels: width of the neck and the heads.
        search_size: side of the search crop in pixels: 127 plus a multiple of 8.

    Raises:
        LockonError: fewer than 1 channel; a search size that the stride does not reach.
    """

    channels: int = 256
    search_size: int = 255

    def __post_init__(self) -> None:
        check_network(LAYERS, self.channels, self.search_size)


CONFIGS = {"siammask-r50": ModelConfig()}

# official key -> ours, applied one after the other
OFFICIAL_RENAMES: tuple[tuple[str, str], ...] = (
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


def build(config: ModelConfig | None = None) -> SiamMaskModel:
    """The network with random weights."""
    c = config or ModelConfig()
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
