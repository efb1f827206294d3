"""Anchor-free head: at every grid point a foreground and a background score, and the distances to the four sides of the box.

SiamBAN (Chen et al., CVPR 2020, arXiv 2003.06761, Sec. 3.2), with depth-wise matching on one or more levels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from lockon.models.heads.blocks import LOG_LIMIT, PointGridHead, four_sides, level_weights, mean_of_levels, two_class_logits
from lockon.models.heads.rpn import RPNBlock
from lockon.ops.grid import Grid
from lockon.types import Prediction


class LevelledPointHead(PointGridHead, ABC):
    """Head from levels of template and search features to a `Prediction` of N = S² points, row by row.

    Args:
        levels: Number of levels.
        channels: C of each level.
        grid: The points, S per side.
        padding: Maps keep the search map's size (for padded backbones); otherwise template 7 and search 31 cells give S = 25.
        unit: Pixels per unit of the exponential: 1 as published, the stride where training starts from random weights.
    """

    extras = ("distances",)

    def __init__(self, levels: int, channels: int, grid: Grid, *, padding: bool = False, unit: float = 1.0) -> None:
        super().__init__(grid)
        self.unit = unit
        self.levels = nn.ModuleList(self.block(channels, padding=padding) for _ in range(levels))
        self.cls_weight = level_weights(levels, True)
        self.loc_weight = level_weights(levels, True)
        self.loc_scale = nn.Parameter(torch.ones(levels))

    @staticmethod
    @abstractmethod
    def block(channels: int, *, padding: bool) -> nn.Module:
        """Build the block of one level.

        It maps (B, C, h, w) template and (B, C, H, W) search features to cls (B, 2, S, S), background and foreground, and raw distances
        (B, 4, S, S), before the exponential.
        """

    def maps(self, template: tuple[Tensor, ...], search: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Compute the network's output after the exponential, which every level takes before the levels are averaged.

        Args:
            template: One (B, C, h, w) per level.
            search: One (B, C, H, W) per level.

        Returns:
            cls (B, 2, S, S): background and foreground. loc (B, 4, S, S): left, top, right, bottom in pixels, positive.
        """
        pairs = [level(z, x) for level, z, x in zip(self.levels, template, search, strict=True)]
        sides = [torch.exp((raw.float() * scale).clamp(max=LOG_LIMIT)) for (_, raw), scale in zip(pairs, self.loc_scale, strict=True)]
        cls = mean_of_levels([cls for cls, _ in pairs], self.cls_weight)
        return cls, mean_of_levels(sides, self.loc_weight) * self.unit

    def forward(self, template: tuple[Tensor, ...], search: tuple[Tensor, ...]) -> Prediction:
        """Map levels as in `maps` to `Prediction`; boxes in the grid's coordinates, `extras["distances"]` (B, N, 4) in pixels."""
        cls, loc = self.maps(template, search)
        distances = four_sides(loc)  # (B, N, 4)
        return Prediction(logits=two_class_logits(cls), boxes=self.to_boxes(distances), extras={"distances": distances})


class BANHead(LevelledPointHead):
    """Head with depth-wise matching, for scores and distances separately; arguments are those of `LevelledPointHead`."""

    @staticmethod
    def block(channels: int, *, padding: bool) -> nn.Module:
        """Build the block of one level: that of an anchor head with one anchor."""
        return RPNBlock(channels, 1, padding=padding, matching="depthwise")
