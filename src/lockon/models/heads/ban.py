"""Anchor-free head: at every grid point a foreground and a background score, and the distances to the four sides of the box.

SiamBAN (Chen et al., CVPR 2020, arXiv 2003.06761, Sec. 3.2), with depth-wise matching on one or more levels.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from lockon.models.heads.blocks import LOG_LIMIT, DepthwiseBlock, four_sides, level_weights, mean_of_levels, two_class_logits
from lockon.ops.grid import Grid
from lockon.types import Candidates, Prediction


class LevelledPointHead(nn.Module):
    """Head from per-level score and distance maps to one `Prediction` of N = S² points.

    Args:
        blocks: One per level: (B, C, h, w) template and (B, C, H, W) search features to cls (B, 2, S, S), background and
            foreground, and raw distances (B, 4, S, S), before the exponential.
        grid: The points, S per side.
        unit: Pixels per unit of the exponential.
    """

    extras = ("distances",)
    points: Tensor

    def __init__(self, blocks: Iterable[nn.Module], grid: Grid, *, unit: float) -> None:
        super().__init__()
        self.grid = grid
        self.unit = unit
        self.register_buffer("points", torch.from_numpy(grid.points()), persistent=False)  # (N, 2)
        self.levels = nn.ModuleList(blocks)
        self.cls_weight = level_weights(len(self.levels), True)
        self.loc_weight = level_weights(len(self.levels), True)
        self.loc_scale = nn.Parameter(torch.ones(len(self.levels)))

    @property
    def candidates(self) -> Candidates:
        """Return where the candidates lie: at the grid's points."""
        return Candidates(self.points, None, self.grid.stride)

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
        boxes = torch.cat([self.points - distances[..., :2], self.points + distances[..., 2:]], dim=-1)
        return Prediction(logits=two_class_logits(cls), boxes=boxes, extras={"distances": distances})


class BANBlock(nn.Module):
    """Depth-wise matching of one level, for scores and distances separately.

    Args:
        channels: C of both inputs.
        padding: As `BANHead`.
    """

    def __init__(self, channels: int, *, padding: bool = False) -> None:
        super().__init__()
        self.cls = DepthwiseBlock(channels, 2, padding=padding)
        self.loc = DepthwiseBlock(channels, 4, padding=padding)

    def forward(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, C, h, w) and (B, C, H, W) to cls (B, 2, S, S) and raw distances (B, 4, S, S)."""
        return self.cls(template, search), self.loc(template, search)


class BANHead(LevelledPointHead):
    """Head from levels of template and search features to a `Prediction` of N = S² points, row by row.

    Args:
        levels: Number of levels.
        channels: C of each level.
        grid: The points, S per side.
        padding: Maps keep the search map's size (for padded backbones); otherwise template 7 and search 31 cells give S = 25.
        unit: Pixels per unit of the exponential: 1 as published, the stride where training starts from random weights.
    """

    def __init__(self, levels: int, channels: int, grid: Grid, *, padding: bool = False, unit: float = 1.0) -> None:
        super().__init__((BANBlock(channels, padding=padding) for _ in range(levels)), grid, unit=unit)
