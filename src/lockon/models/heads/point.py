"""Anchor-free head: at every grid point a foreground logit and the distances to the four sides of the box.

FCOS (Tian et al., ICCV 2019, arXiv 1904.01355, Eq. 1) on the fused map, as in SiamBAN and SiamCAR, with depth-wise
separable towers for CPUs and an optional branch that predicts the IoU of each candidate's own box.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lockon.models.heads.blocks import PointGridHead
from lockon.ops.grid import Grid
from lockon.types import Prediction


def separable(channels: int, kernel: int) -> nn.Sequential:
    """Build a depth-wise kxk and a point-wise 1x1 convolution, each with batch normalization; one ReLU after both."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False),
        nn.BatchNorm2d(channels),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )


class PointHead(PointGridHead):
    """Head from (B, C, H, W) fused features to a `Prediction` of N = H W candidates.

    Args:
        channels: C.
        grid: The candidate points in search-crop pixels.
        depth: Separable convolutions per tower.
        kernel: Their kernel size.
        quality: Whether to add the IoU branch (`Prediction.quality`).
        prior: Foreground probability at initialization (focal-loss bias).
    """

    extras = ()

    def __init__(self, channels: int, *, grid: Grid, depth: int = 3, kernel: int = 5, quality: bool = False, prior: float = 0.02) -> None:
        super().__init__(grid)
        self.cls_tower = nn.Sequential(*(separable(channels, kernel) for _ in range(depth)))
        self.box_tower = nn.Sequential(*(separable(channels, kernel) for _ in range(depth)))
        self.cls = nn.Conv2d(channels, 1, 1)
        self.box = nn.Conv2d(channels, 4, 1)
        self.quality = nn.Conv2d(channels, 1, 1) if quality else None
        # exp(0.7) = 2 strides: half a target of 4 cells, so the first boxes are of the right size
        log_odds = torch.log(torch.tensor((1 - prior) / prior, device="cpu")).item()  # also where the network is built without values
        for layer, bias in ((self.cls, -log_odds), (self.box, 0.7), (self.quality, 0.0)):
            if layer is not None and layer.bias is not None:
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.constant_(layer.bias, bias)

    def forward(self, fused: Tensor) -> Prediction:
        """Map (B, C, H, W) to `Prediction` with boxes (B, N, 4) xyxy in search-crop pixels."""
        cls, box = self.cls_tower(fused), self.box_tower(fused)
        logits = self.cls(cls).flatten(1).float()  # (B, N)
        # distances in strides; exp keeps them positive and makes relative errors equal at every size. float32: pixels need more than bf16
        raw = self.box(box).flatten(2).transpose(1, 2).float()  # (B, N, 4) left, top, right, bottom
        sides = torch.exp(raw.clamp(max=5.0)) * self.grid.stride
        quality = self.quality(box).flatten(1).float() if self.quality is not None else None  # (B, N)
        return Prediction(logits=logits, boxes=self.to_boxes(sides), quality=quality)
