"""The centre head: a score, an offset and a size at every cell of a map (OSTrack, Ye et al., ECCV 2022, Sec. 3.4)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lockon.models.heads.blocks import PointGridHead, conv_tower
from lockon.ops.grid import Grid
from lockon.types import Prediction

EDGE = 1e-4  # scores and sizes stay this far from 0 and 1
LOGIT_EDGE = math.log((1 - EDGE) / EDGE)


class CenterHead(PointGridHead):
    """Head from any (B, C, H, W) map to a `Prediction` of N = H W candidates, row by row; quality None.

    A candidate's box has its centre at the cell's point plus the offset in cells, and the size that the map says, in sides of the crop.

    Args:
        channels: C.
        grid: The cells' points in search-crop pixels. Published: the top-left corner of each cell, ``Grid(n, stride, offset=0)``, to which
            the rounded label of OSTrack fits.
        hidden: Channels after the first of four convolutions, a multiple of 8; each convolution halves them.
    """

    extras = ()

    def __init__(self, channels: int, grid: Grid, *, hidden: int = 256) -> None:
        super().__init__(grid)
        widths = (channels, hidden, hidden // 2, hidden // 4, hidden // 8)

        def branch(outputs: int) -> nn.Sequential:
            return nn.Sequential(*conv_tower(*widths), nn.Conv2d(widths[-1], outputs, 1))

        self.score, self.offset, self.size = branch(1), branch(2), branch(2)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)

    def maps(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the network's output in float32.

        Args:
            features: (B, C, H, W).

        Returns:
            score (B, 1, H, W): logits, those of the score clamped to [1e-4, 1 - 1e-4]. offset (B, 2, H, W): x, y in cells. size
            (B, 2, H, W): width and height in sides of the crop, in the same bounds.
        """
        score = self.score(features).float().clamp(-LOGIT_EDGE, LOGIT_EDGE)
        return score, self.offset(features).float(), self.size(features).float().sigmoid().clamp(EDGE, 1 - EDGE)

    def forward(self, features: Tensor) -> Prediction:
        """Map (B, C, H, W) to `Prediction` with boxes (B, N, 4) xyxy in search-crop pixels."""
        score, offset, size = self.maps(features)
        center = self.points + offset.flatten(2).transpose(1, 2) * self.grid.stride  # (B, N, 2)
        half = size.flatten(2).transpose(1, 2) * (self.grid.size * self.grid.stride / 2)  # (B, N, 2)
        return Prediction(logits=score.flatten(1), boxes=torch.cat([center - half, center + half], dim=-1))


__all__ = ["EDGE", "CenterHead"]
