"""ATOM (Danelljan et al., CVPR 2019, arXiv 1811.07628): a ResNet-18 with a box network.

Published weights convert one to one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockon.zoo.card import OfficialWeights
from lockon.zoo.dimp import BOX_RENAMES, UNUSED, check_network

if TYPE_CHECKING:
    from lockon.models.online import ATOMModel


@dataclass(frozen=True, kw_only=True, slots=True)
class ATOMConfig:
    """The choices of the network.

    Attributes:
        depth: Of the ResNet: 18 or 50.
        search_size: Side of the crops in pixels, an even multiple of 16.
        train_norms: Batch normalization of the backbone's trained layers uses and updates the statistics of the batch.

    Raises:
        LockonError: Another depth; a size that the stride does not reach.
    """

    depth: int = 18
    search_size: int = 288
    train_norms: bool = True

    def __post_init__(self) -> None:
        check_network(self.depth, self.search_size)


def build(c: ATOMConfig) -> ATOMModel:
    """Build the network with random weights."""
    from lockon.models.backbones.resnet import ResNet
    from lockon.models.heads.iou import IoUNet
    from lockon.models.online import ATOMModel

    backbone = ResNet(c.depth, (2, 3), train_norms=c.train_norms)
    return ATOMModel(backbone=backbone, iou=IoUNet(*backbone.channels), search_size=c.search_size)


OFFICIAL = OfficialWeights(renames=((r"^feature_extractor\.", "backbone."), *BOX_RENAMES), unused=UNUSED)
NETWORKS = {"atom": ATOMConfig()}
