"""Anchor head: for every anchor box a foreground and a background score, and how the box differs from the anchor.

SiamRPN (Li et al., CVPR 2018) with up-channel matching on one level; SiamRPN++ (Li et al., CVPR 2019, arXiv 1812.11703) with
depth-wise matching on one or more levels (Sec. 3.2-3.3).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lockon.models.choices import Matching
from lockon.models.heads.blocks import (
    LOG_LIMIT,
    DepthwiseBlock,
    UpChannelBlock,
    four_sides,
    level_weights,
    mean_of_levels,
    two_class_logits,
)
from lockon.ops.grid import AnchorGrid
from lockon.ops.torch.boxes import decode_deltas
from lockon.types import Candidates, Prediction


class RPNBlock(nn.Module):
    """Matching of one level, for scores and boxes separately.

    Args:
        channels: C of both inputs.
        anchors: Anchors per point, A.
        padding: As `RPNHead`.
        matching: As `RPNHead`.
    """

    def __init__(self, channels: int, anchors: int, *, padding: bool, matching: Matching) -> None:
        super().__init__()
        self.cls: nn.Module
        self.loc: nn.Module
        if matching == "depthwise":
            self.cls = DepthwiseBlock(channels, 2 * anchors, padding=padding)
            self.loc = DepthwiseBlock(channels, 4 * anchors, padding=padding)
        else:
            self.cls = UpChannelBlock(channels, 2 * anchors, padding=padding)
            self.loc = UpChannelBlock(channels, 4 * anchors, padding=padding, adjust=True)

    def forward(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, C, h, w) and (B, C, H, W) to cls (B, 2 A, S, S) and loc (B, 4 A, S, S)."""
        return self.cls(template, search), self.loc(template, search)


class RPNHead(nn.Module):
    """Head from levels of template and search features to a `Prediction` of N = A S² candidates: anchor by anchor, then row by row.

    Args:
        levels: Number of levels.
        channels: C of each level.
        grid: The anchor boxes, S points per side.
        weighted: Train how much each level counts, for scores and boxes separately; otherwise all count the same.
        padding: Maps keep the search map's size (for padded backbones); otherwise template 7 and search 31 cells give S = 25.
        matching: Correlation of template and search.
    """

    extras = ("deltas",)
    anchors: Tensor

    def __init__(
        self,
        levels: int,
        channels: int,
        grid: AnchorGrid,
        *,
        weighted: bool = True,
        padding: bool = False,
        matching: Matching = "depthwise",
    ) -> None:
        super().__init__()
        self.grid = grid
        self.register_buffer("anchors", torch.from_numpy(grid.boxes()), persistent=False)  # (N, 4) cx, cy, w, h
        self.levels = nn.ModuleList(RPNBlock(channels, grid.anchors, padding=padding, matching=matching) for _ in range(levels))
        self.cls_weight = level_weights(levels, weighted)
        self.loc_weight = level_weights(levels, weighted)

    @property
    def candidates(self) -> Candidates:
        """Return where the candidates lie: the grid's anchors, at their centres."""
        return Candidates(self.anchors[:, :2], self.anchors, self.grid.grid.stride)

    def maps(self, template: tuple[Tensor, ...], search: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Compute the network's raw output.

        Args:
            template: One (B, C, h, w) per level.
            search: One (B, C, H, W) per level.

        Returns:
            cls (B, 2 A, S, S): background scores of all anchors, then foreground scores. loc (B, 4 A, S, S): dx of all anchors,
            then dy, dw, dh.
        """
        pairs = [level(z, x) for level, z, x in zip(self.levels, template, search, strict=True)]
        cls = mean_of_levels([cls for cls, _ in pairs], self.cls_weight)
        return cls, mean_of_levels([loc for _, loc in pairs], self.loc_weight)

    def forward(self, template: tuple[Tensor, ...], search: tuple[Tensor, ...]) -> Prediction:
        """Map levels as in `maps` to `Prediction`; boxes in the grid's coordinates, `extras["deltas"]` (B, N, 4) dx, dy, dw, dh."""
        cls, loc = self.maps(template, search)
        deltas = four_sides(loc)  # (B, N, 4)
        bounded = torch.cat([deltas[..., :2], deltas[..., 2:].clamp(max=LOG_LIMIT)], dim=-1)
        return Prediction(logits=two_class_logits(cls), boxes=decode_deltas(self.anchors, bounded), extras={"deltas": deltas})
