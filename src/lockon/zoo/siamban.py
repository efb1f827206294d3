"""SiamBAN: an anchor-free head on depth-wise matching of three layers of the dilated ResNet-50.

Chen et al., CVPR 2020 (arXiv 2003.06761). SiamBAN-RBO (Tang and Ling, CVPR 2022) is the same network, trained otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockon.models.heads.ban import BANHead
from lockon.models.siamese import SiameseModel
from lockon.zoo.unpadded_resnet import BLOCK_RENAMES, NECK_RENAMES, LevelsConfig, resnet_siamese, search_grid


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig(LevelsConfig):
    """The choices of the network; the defaults are the published ones. Each layer is matched by its own part of the head."""


CONFIGS = {"siamban-r50": ModelConfig(), "siamban-r50-rbo": ModelConfig()}

# official key -> ours, applied one after the other
OFFICIAL_RENAMES: tuple[tuple[str, str], ...] = (
    *NECK_RENAMES,
    *((rf"^head\.box{level}\.", f"head.levels.{level - 2}.") for level in (2, 3, 4)),
    *BLOCK_RENAMES,
)


def build(config: ModelConfig | None = None) -> SiameseModel:
    """The network with random weights."""
    c = config or ModelConfig()
    head = BANHead(len(c.layers), c.channels, search_grid(c.search_size))
    return resnet_siamese(c.layers, c.channels, c.search_size, head)
