"""SiamPW: an anchor-free head on attention matching of two layers of the dilated ResNet-50.

Tang and Ling, RBO, CVPR 2022, Sec. 3.1 and 3.4. The paper builds on SiamBAN and so implies its three layers; the published
networks, and so their weights, have layers 2 and 3 alone. SiamPW-RBO is the same network, trained with the ranking losses.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockon.models.heads.attention import AttentionHead
from lockon.models.siamese import SiameseModel
from lockon.zoo.unpadded_resnet import NECK_RENAMES, check_network, resnet_siamese, search_grid


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig:
    """The choices of the network; the defaults are the published ones.

    Attributes:
        layers: outputs of the ResNet that are matched, each by its own part of the head.
        channels: width of the neck and the head.
        search_size: side of the search crop in pixels: 127 plus a multiple of 8.

    Raises:
        LockonError: layers that are no ascending part of 2, 3, 4; a search size that the stride does not reach.
    """

    layers: tuple[int, ...] = (2, 3)
    channels: int = 256
    search_size: int = 255

    def __post_init__(self) -> None:
        check_network(self.layers, self.channels, self.search_size)


CONFIGS = {"siampw-r50": ModelConfig(), "siampw-r50-rbo": ModelConfig()}

# official key -> ours, applied one after the other
OFFICIAL_RENAMES: tuple[tuple[str, str], ...] = (
    *NECK_RENAMES,
    *((rf"^head\.box{level}\.head\.", f"head.levels.{level - 2}.") for level in (2, 3, 4)),
    (r"^(head\.levels\.\d)\.fi\.", r"\1.mix."),
    (r"^(head\.levels\.\d)\.reg_tower\.", r"\1.loc_tower."),
    (r"^(head\.levels\.\d)\.cls_logits\.", r"\1.cls."),
    (r"^(head\.levels\.\d)\.bbox_pred\.", r"\1.loc."),
)


def build(config: ModelConfig | None = None) -> SiameseModel:
    """The network with random weights."""
    c = config or ModelConfig()
    head = AttentionHead(len(c.layers), c.channels, search_grid(c.search_size))
    return resnet_siamese(c.layers, c.channels, c.search_size, head)
