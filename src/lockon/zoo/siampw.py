"""SiamPW: an anchor-free head on attention matching of two layers of the dilated ResNet-50.

Tang and Ling, RBO, CVPR 2022, Sec. 3.1 and 3.4. The paper builds on SiamBAN and so implies its three layers; the published
networks, and so their weights, have layers 2 and 3 alone. SiamPW-RBO is the same network, trained with the ranking losses.
"""

from __future__ import annotations

from dataclasses import dataclass

from lockon.models.heads.attention import AttentionHead
from lockon.models.siamese import SiameseModel
from lockon.zoo.unpadded_resnet import NECK_RENAMES, LevelsConfig, resnet_siamese, search_grid


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig(LevelsConfig):
    """The choices of the network; the defaults are the published ones. Each layer is matched by its own part of the head."""

    layers: tuple[int, ...] = (2, 3)


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
