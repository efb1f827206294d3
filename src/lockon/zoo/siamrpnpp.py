"""SiamRPN with AlexNet and SiamRPN++ with ResNet-50: anchor heads on depth-wise matching.

Li et al., SiamRPN, CVPR 2018; Li et al., SiamRPN++, CVPR 2019 (arXiv 1812.11703). The numbers are those of the published
trackers (PySOT's siamrpn_alex_dwxcorr and siamrpn_r50_l234_dwxcorr), whose AlexNet matches depth-wise too. SiamRPN++-RBO (Tang
and Ling, CVPR 2022) is the same network, trained otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lockon.errors import LockonError
from lockon.models.backbones.alexnet import AlexNet
from lockon.models.heads.rpn import Matching, RPNHead
from lockon.models.siamese import SiameseModel
from lockon.ops.grid import AnchorGrid, unpadded_grid
from lockon.zoo.unpadded_resnet import BLOCK_RENAMES, NECK_RENAMES, TEMPLATE_SIZE, check_network, resnet_siamese, search_grid


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """The choices of the network; the defaults are SiamRPN++'s.

    Attributes:
        backbone: the unpadded dilated ResNet-50, with a neck, or the unpadded AlexNet without one.
        layers: outputs of the ResNet that are matched, each by its own head.
        channels: width of the neck and the head (AlexNet's is 256).
        matching: of template and search.
        weighted: learn how much each layer counts; the published OTB model does not.
        search_size: side of the search crop in pixels: 127 plus a multiple of 8.

    Raises:
        LockonError: layers that are no part of 2, 3, 4; another width with AlexNet; a search size that the stride does not reach.
    """

    backbone: Literal["dilated-resnet50", "alexnet"] = "dilated-resnet50"
    layers: tuple[int, ...] = (2, 3, 4)
    channels: int = 256
    matching: Matching = "depthwise"
    weighted: bool = True
    search_size: int = 255

    def __post_init__(self) -> None:
        check_network(self.layers, self.channels, self.search_size)
        if self.backbone == "alexnet" and self.channels != 256:
            raise LockonError(f"channels={self.channels} given, but AlexNet has no neck to change its 256 channels; leave channels out")


CONFIGS = {
    "siamrpn-alexnet": ModelConfig(backbone="alexnet", search_size=287),
    "siamrpnpp-r50": ModelConfig(),
    "siamrpnpp-r50-rbo": ModelConfig(),
}

# official key -> ours, applied one after the other
OFFICIAL_RENAMES: tuple[tuple[str, str], ...] = (
    *NECK_RENAMES,
    *((rf"^rpn_head\.rpn{level}\.", f"head.levels.{level - 2}.") for level in (2, 3, 4)),
    (r"^rpn_head\.(cls|loc)\.", r"head.levels.0.\1."),  # one level
    (r"^rpn_head\.(cls_weight|loc_weight)$", r"head.\1"),
    *BLOCK_RENAMES,
)


def build(config: ModelConfig | None = None) -> SiameseModel:
    """The network with random weights."""
    c = config or ModelConfig()
    if c.backbone == "dilated-resnet50":
        head = RPNHead(len(c.layers), c.channels, AnchorGrid(search_grid(c.search_size)), weighted=c.weighted, matching=c.matching)
        return resnet_siamese(c.layers, c.channels, c.search_size, head)
    grid = unpadded_grid(c.search_size, template_size=TEMPLATE_SIZE, base=0)
    head = RPNHead(1, c.channels, AnchorGrid(grid), matching=c.matching)
    return SiameseModel(backbone=AlexNet(), neck=None, head=head, template_size=TEMPLATE_SIZE, search_size=c.search_size)
