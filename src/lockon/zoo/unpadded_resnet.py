"""What the trackers on the unpadded dilated ResNet-50 share: crop sizes, neck, and how official keys are renamed.

Li et al., SiamRPN++, CVPR 2019 (arXiv 1812.11703), Sec. 3.2: template 127 pixels, whose 15x15 features are cut to the middle
7x7, and a search crop of 255 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lockon.errors import LockonError
from lockon.ops.grid import Grid, unpadded_grid
from lockon.zoo.pysot_inference import TEMPLATE_SIZE

if TYPE_CHECKING:
    from torch import nn

    from lockon.models.siamese import SiameseModel

TEMPLATE_CELLS = 7

# official key -> ours, one after the other; in every family with a neck
NECK_RENAMES = tuple((rf"^neck\.downsample{level}\.downsample\.", f"neck.levels.{level - 2}.") for level in (2, 3, 4))
BLOCK_RENAMES = (
    (r"^(head\.levels\.\d\.(?:cls|loc))\.conv_kernel\.", r"\1.template."),
    (r"^(head\.levels\.\d\.(?:cls|loc))\.conv_search\.", r"\1.search."),
    (r"^(head\.levels\.\d\.(?:cls|loc))\.head\.", r"\1.out."),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LevelsConfig:
    """The choices that networks of points on levels of the ResNet have in common.

    Attributes:
        layers: Outputs of the ResNet that are matched.
        channels: Width of the neck and the head (AlexNet's is 256).
        search_size: Side of the search crop in pixels: 127 plus a multiple of 8.

    Raises:
        LockonError: Layers that are no ascending part of 2, 3, 4; a search size that the stride does not reach.
    """

    layers: tuple[int, ...] = (2, 3, 4)
    channels: int = 256
    search_size: int = 255

    def __post_init__(self) -> None:
        check_network(self.layers, self.channels, self.search_size)


def check_network(layers: tuple[int, ...], channels: int, search_size: int) -> None:
    """Refuse what the network cannot be built of.

    Raises:
        LockonError: Layers that are no ascending part of 2, 3, 4; fewer than 1 channel; a search size that the stride does not reach.
    """
    if not layers or not set(layers) <= {2, 3, 4} or tuple(sorted(set(layers))) != layers:
        raise LockonError(f"layers={','.join(map(str, layers))} given, expected some of 2,3,4 in ascending order, for example layers=2,3,4")
    if channels < 1:
        raise LockonError(f"channels={channels} given, expected at least 1, for example channels=256")
    search_grid(search_size)


def search_grid(search_size: int) -> Grid:
    """Return the head's points: 25x25 from pixel 31 on for 255 pixels.

    Raises:
        LockonError: A search size that the stride does not reach.
    """
    return unpadded_grid(search_size, template_size=TEMPLATE_SIZE)


def resnet_siamese(c: LevelsConfig, head: nn.Module) -> SiameseModel:
    """Build the network around a head that matches the levels itself."""
    from lockon.models.backbones.resnet import DilatedResNet50
    from lockon.models.neck import LevelNeck
    from lockon.models.siamese import SiameseModel

    backbone = DilatedResNet50(c.layers)
    return SiameseModel(
        backbone=backbone,
        neck=LevelNeck(backbone.channels, c.channels),
        head=head,
        template_size=TEMPLATE_SIZE,
        search_size=c.search_size,
        template_cells=TEMPLATE_CELLS,
    )
