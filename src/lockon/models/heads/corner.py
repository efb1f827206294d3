"""The corner head: two heat maps, whose means are a box's top-left and bottom-right corner.

Yan et al., Alpha-Refine, CVPR 2021, Sec. 3.3 and Fig. 6c; sizes and coordinates as in the published weights.

Letters: B crops, C channels, S cells per side.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lockon.models.heads.blocks import conv_tower
from lockon.types import Candidates, Prediction


class CornerHead(nn.Module):
    """Head with a tower per corner: four 3x3 convolutions with batch normalization, whose width halves, one heat map; soft-argmax.

    The mean of positions under the softmax of the map is a coordinate between cells, trained by regression alone.

    Args:
        channels: C of the input.
        cells: Cells per side, S.
        stride: Crop pixels per cell.
        hidden: Channels after the first convolution, a multiple of 8.
        middle: Positions are the middles of the cells; otherwise, as published, their top-left corners: 0, 16, ..., 240, so that no
            corner can lie beyond 240 of 256 pixels.
    """

    extras = ("heat",)
    places: Tensor

    def __init__(self, channels: int = 64, *, cells: int = 16, stride: int = 16, hidden: int = 256, middle: bool = False) -> None:
        super().__init__()
        widths = (channels, hidden, hidden // 2, hidden // 4, hidden // 8)
        self.towers = nn.ModuleList(nn.Sequential(*conv_tower(*widths), nn.Conv2d(widths[-1], 1, 1)) for _ in range(2))
        places = (torch.arange(cells) + (0.5 if middle else 0.0)) * stride
        self.register_buffer("places", places, persistent=False)  # (S,) pixels
        self.side = float(cells * stride)

    @property
    def candidates(self) -> Candidates:
        """Return the one candidate: in the middle of the crop."""
        return Candidates(torch.full_like(self.places[:1, None].expand(-1, 2), self.side / 2), None, self.side)

    def heat(self, features: Tensor) -> Tensor:
        """Map (B, C, S, S) to (B, 2, S, S) logits of the top-left and the bottom-right corner."""
        return torch.cat([tower(features) for tower in self.towers], dim=1)

    def forward(self, features: Tensor) -> Prediction:
        """Map (B, C, S, S) to one candidate per crop, without a confidence: logits of 0; ``extras["heat"]`` as `heat` gives it."""
        heat = self.heat(features).float()
        chance = heat.flatten(2).softmax(dim=2).view_as(heat)  # (B, 2, S, S)
        x = (chance.sum(dim=2) * self.places).sum(dim=2)  # (B, 2)
        y = (chance.sum(dim=3) * self.places).sum(dim=2)
        boxes = torch.stack([x, y], dim=2).flatten(1)[:, None]  # (B, 1, 4)
        return Prediction(logits=torch.zeros_like(boxes[..., 0]), boxes=boxes, extras={"heat": heat})
