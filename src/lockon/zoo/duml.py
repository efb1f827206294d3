"""DuML: offline matching and a filter that is learnt online, in one network, fused; and each of both alone.

Zhou et al., Higher Performance Visual Tracking with Dual-Modal Localization (DuML), 2021. There is no public code, and no weights were
published. Coordinates are lockon's own, from the corner of the first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from lockon.ops.grid import AnchorGrid
from lockon.zoo.modalities import ModalityConfig, build_dual_modal
from lockon.zoo.pysot_inference import TEMPLATE_SIZE
from lockon.zoo.unpadded_resnet import LevelsConfig, search_grid

if TYPE_CHECKING:
    from lockon.models.dual_modal import DualModalModel

STRIDE = 8.0  # of the features that filters are learnt on, and of the head's points
FIRST = 7.5  # crop pixel of the first feature, from the corner; the head's points begin three cells later


@dataclass(frozen=True, kw_only=True, slots=True)
class DuMLConfig(LevelsConfig, ModalityConfig):
    """The choices of the network; the defaults are DuML's.

    Attributes:
        backbone: The unpadded ResNet-50 whose last layers keep their strides and are interpolated, or PySOT's dilated one.

    Raises:
        LockonError: As of `LevelsConfig` and `ModalityConfig`.
    """

    backbone: Literal["interpolated-resnet50", "dilated-resnet50"] = "interpolated-resnet50"

    def __post_init__(self) -> None:
        LevelsConfig.__post_init__(self)
        ModalityConfig.__post_init__(self)


def anchor_grid(search_size: int) -> AnchorGrid:
    """Return the anchors of five shapes on the head's points: 25 x 25 from pixel 31.5 on for 255 pixels."""
    grid = search_grid(search_size)
    assert grid.offset is not None  # it counts from the centre of the first pixel
    return AnchorGrid(replace(grid, offset=grid.offset + 0.5))


def build(c: DuMLConfig) -> DualModalModel:
    """Build the network with random weights."""
    from lockon.models.backbones.interpolated_resnet import InterpolatedResNet50
    from lockon.models.backbones.resnet import DilatedResNet50
    from lockon.models.neck import LevelNeck

    backbone = InterpolatedResNet50(c.layers) if c.backbone == "interpolated-resnet50" else DilatedResNet50(c.layers)
    return build_dual_modal(
        c,
        anchor_grid(c.search_size),
        backbone=backbone,
        neck=LevelNeck(backbone.channels, c.channels),
        levels=len(c.layers),
        channels=c.channels,
        sizes=(TEMPLATE_SIZE, c.search_size),
    )
