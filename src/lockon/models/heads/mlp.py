"""`MLPHead`: a box and a two-class score at every cell, each by three linear layers on the cell's features alone.

Chen et al., Transformer Tracking (TransT), CVPR 2021 (arXiv 2103.15436), Sec. 3.1: no anchors and no points; every cell says where in the
crop the whole box is.
"""

from __future__ import annotations

import itertools

import torch.nn.functional as F
from torch import Tensor, nn

from lockon.models.heads.blocks import PointGridHead
from lockon.ops.grid import Grid
from lockon.ops.torch.boxes import center_to_corner
from lockon.types import Prediction


class MultilayerPerceptron(nn.Module):
    """Linear layers with a ReLU after each but the last.

    Args:
        widths: Of the input, of every hidden layer, and of the output.
    """

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(cin, cout) for cin, cout in itertools.pairwise(widths))

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., C) to (..., K)."""
        *hidden, last = self.layers
        for layer in hidden:
            x = F.relu(layer(x))
        out: Tensor = last(x)
        return out


class MLPHead(PointGridHead):
    """Head from (B, C, H, W) fused features to a `Prediction` of N = H W candidates.

    Args:
        channels: C.
        grid: The middles of the cells in search-crop pixels.
    """

    extras = ()

    def __init__(self, channels: int, *, grid: Grid) -> None:
        super().__init__(grid)
        self.cls = MultilayerPerceptron(channels, channels, channels, 2)
        self.box = MultilayerPerceptron(channels, channels, channels, 4)

    def forward(self, fused: Tensor) -> Prediction:
        """Map (B, C, H, W) to `Prediction` with boxes (B, N, 4) xyxy in search-crop pixels."""
        tokens = fused.flatten(2).transpose(1, 2)  # (B, N, C)
        classes = self.cls(tokens).float()  # (B, N, 2) target, background
        fractions = self.box(tokens).float().sigmoid()  # (B, N, 4) cx, cy, w, h of the crop
        boxes = center_to_corner(fractions * (self.grid.size * self.grid.stride))
        return Prediction(logits=classes[..., 0] - classes[..., 1], boxes=boxes)


__all__ = ["MLPHead", "MultilayerPerceptron"]
