"""Anchor-free head on attention matching: SiamPW (Tang and Ling, RBO, CVPR 2022, Sec. 3.1 and 3.4).

The paper does not describe the layers after the match; they follow the published network: one 1x1 convolution for both tasks,
then a tower of three unpadded 3x3 convolutions per task with group normalization.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from lockon.models.fusion import attention_match
from lockon.models.heads.ban import LevelledPointHead
from lockon.ops.grid import Grid

TOWER = 3  # convolutions per task
GROUPS = 32  # of the group normalization, or as many as divide the channels
PRIOR = 0.01  # foreground probability that the classification bias stands for


class AttentionBlock(nn.Module):
    """Attention matching of one level and the towers of both tasks.

    Args:
        channels: C of both inputs. padding: towers keep the map's size; otherwise each convolution takes one cell off every side.
    """

    def __init__(self, channels: int, *, padding: bool = False) -> None:
        super().__init__()
        self.mix = nn.Sequential(nn.Conv2d(2 * channels, channels, 1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        self.cls_tower = _tower(channels, int(padding))
        self.loc_tower = _tower(channels, int(padding))
        self.cls = nn.Conv2d(channels, 2, 3, padding=1)
        self.loc = nn.Conv2d(channels, 4, 3, padding=1)
        for part in (self.cls_tower, self.loc_tower, self.cls, self.loc):
            for layer in part.modules():
                if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                    nn.init.normal_(layer.weight, std=0.01)
                    nn.init.zeros_(layer.bias)
        assert self.cls.bias is not None
        nn.init.constant_(self.cls.bias, -math.log((1 - PRIOR) / PRIOR))  # of both classes, as published: their difference is 0

    def forward(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, h, w) and (B, C, H, W) to cls (B, 2, S, S) and raw distances (B, 4, S, S); 31 cells give S = 25."""
        matched = self.mix(attention_match(template, search))  # (B, C, H, W)
        return self.cls(self.cls_tower(matched)), self.loc(self.loc_tower(matched))


class AttentionHead(LevelledPointHead):
    """Levels of template and search features to a `Prediction` of N = S² points, row by row.

    Args:
        levels: how many. channels: C of each.
        grid: the points, S per side.
        padding: maps keep the search map's size (for padded backbones); otherwise 31 cells give S = 25.
        unit: pixels per unit of the exponential: 1 as published, the stride where training starts from random weights.
    """

    def __init__(self, levels: int, channels: int, grid: Grid, *, padding: bool = False, unit: float = 1.0) -> None:
        super().__init__((AttentionBlock(channels, padding=padding) for _ in range(levels)), grid, unit=unit)


def _tower(channels: int, padding: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(TOWER):
        layers += [
            nn.Conv2d(channels, channels, 3, padding=padding),
            nn.GroupNorm(math.gcd(GROUPS, channels), channels),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
