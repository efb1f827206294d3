"""SiamCAR and SiamLA: an anchor-free head on the concatenated depth-wise matching of three layers of the dilated ResNet-50.

Guo et al., SiamCAR, CVPR 2020 (arXiv 1911.07241). SiamLA (Nie et al., "Learning Localization-aware Target Confidence for Siamese
Visual Tracking") is the same network with a localization branch in the place of the centre-ness, trained otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lockon.models.heads.car import Branch, CARHead
from lockon.models.heads.localization import LocalizationConfig
from lockon.models.siamese import SiameseModel
from lockon.ops.grid import Grid
from lockon.zoo.unpadded_resnet import NECK_RENAMES, LevelsConfig, resnet_siamese, search_grid


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelConfig(LevelsConfig):
    """The choices of the network; the defaults are SiamCAR's.

    Attributes:
        branch: what the scores are multiplied by: centre-ness, the localization branch, or nothing.
        localization: choices of the branch "localization".
    """

    branch: Branch = "centerness"
    localization: LocalizationConfig = field(default_factory=LocalizationConfig)


CONFIGS = {"siamcar-r50": ModelConfig(), "siamla-r50": ModelConfig(branch="localization")}

# official key -> ours, applied one after the other
OFFICIAL_RENAMES: tuple[tuple[str, str], ...] = (
    *NECK_RENAMES,
    (r"^down\.", "head.reduce."),
    (r"^car_head\.bbox_tower\.", "head.box_tower."),
    (r"^car_head\.cls_logits\.", "head.cls."),
    (r"^car_head\.bbox_pred\.", "head.box."),
    (r"^car_head\.(cls_tower|centerness)\.", r"head.\1."),
)
OFFICIAL_NETWORKS = ("siamcar-r50",)  # no weights of SiamLA were ever released
OFFICIAL_TRANSPOSED = ("head.reduce.weight",)  # ours; officially a transposed convolution of one cell: input channels first


def build(config: ModelConfig | None = None) -> SiameseModel:
    """The network with random weights."""
    c = config or ModelConfig()
    cells = search_grid(c.search_size)
    head = CARHead(len(c.layers), c.channels, point_grid(c.search_size), branch=c.branch, localization=c.localization, cells=cells)
    return resnet_siamese(c.layers, c.channels, c.search_size, head)


def point_grid(search_size: int) -> Grid:
    """Where the published training counts distances from: pixel 32 + 8 n, one right and below the centre of cell n."""
    cells = search_grid(search_size)
    return replace(cells, offset=float(cells.points()[0, 0]) + 1)
