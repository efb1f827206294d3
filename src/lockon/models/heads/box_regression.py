"""Heads that regress one box per crop: one box per cell, of which the most confident counts, or one box of the whole map.

Yan et al., Alpha-Refine, CVPR 2021, Sec. 3.3 and Fig. 6a, 6b: the alternatives to the corner head. Where the paper and the published
code differ, an option selects between them.

Letters: B crops, C channels, S cells per side.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lockon.models.choices import Edges, Pool, Start
from lockon.models.heads.blocks import conv_bn_relu, conv_tower
from lockon.types import Prediction


class DenseBoxHead(nn.Module):
    """RPN-style head: a tower of four 3x3 convolutions for the boxes, another for the confidence, each 1x1 to its maps.

    Args:
        channels: C of the input.
        cells: Cells per side, S.
        stride: Crop pixels per cell.
        hidden: Channels inside the towers.
        edges: "offsets", as in the published code: signed pixels from the cell to each edge; "distances", as in the paper: pixels
            outwards from the cell, none below 0.
        start: "middle": before training each cell's box has the size of the middle half of the crop, where the target is expected;
            "zero": no size, the default initialization.
    """

    extras = ("confidence", "boxes")
    places: Tensor
    signs: Tensor

    def __init__(
        self,
        channels: int = 64,
        *,
        cells: int = 16,
        stride: int = 16,
        hidden: int = 256,
        edges: Edges = "offsets",
        start: Start = "middle",
    ) -> None:
        super().__init__()
        self.edges = edges
        self.box_tower = conv_tower(channels, *(hidden,) * 4)
        self.box = nn.Conv2d(hidden, 4, 1)
        self.confidence_tower = conv_tower(channels, *(hidden,) * 4)
        self.confidence = nn.Conv2d(hidden, 1, 1)
        places = torch.arange(cells, dtype=torch.float32) * stride  # top-left corners of the cells, as published
        x, y = places.repeat(cells), places.repeat_interleave(cells)  # row by row
        self.register_buffer("places", torch.stack([x, x, y, y]), persistent=False)  # (4, S S)
        outwards = torch.tensor([-1.0, 1.0, -1.0, 1.0])[:, None]  # left, right, top, bottom: the published order of the channels
        self.register_buffer("signs", outwards if edges == "distances" else torch.ones(4, 1), persistent=False)
        if start == "middle":
            quarter = cells * stride / 4
            with torch.no_grad():
                _bias(self.box).copy_((outwards * self.signs * quarter)[:, 0])

    def forward(self, features: Tensor) -> Prediction:
        """Map (B, C, S, S) to one candidate per crop: the box of the most confident cell, and the logit of that confidence.

        ``extras["confidence"]`` (B, S S) logits and ``extras["boxes"]`` (B, S S, 4) are those of all cells, row by row. The published code
        trains the chosen box alone, so that its confidence is not trained; a loss on the logits trains it.
        """
        logits = self.confidence(self.confidence_tower(features)).flatten(1).float()  # (B, S S)
        pixels = self.box(self.box_tower(features)).flatten(2).float()  # (B, 4, S S)
        pixels = pixels.clamp(min=0) if self.edges == "distances" else pixels
        left, right, top, bottom = (self.places + self.signs * pixels).unbind(1)
        boxes = torch.stack([left, top, right, bottom], dim=2)  # (B, S S, 4)
        best, chosen = logits.max(dim=1)  # (B,)
        box = boxes.gather(1, chosen[:, None, None].expand(-1, 1, 4))  # (B, 1, 4)
        return Prediction(logits=best[:, None], boxes=box, extras={"confidence": logits, "boxes": boxes})


class PooledBoxHead(nn.Module):
    """RCNN-style head: four 3x3 convolutions, the whole map pooled to one vector, a linear layer to the box in crop pixels.

    Args:
        channels: C of the input.
        cells: Cells per side, S.
        stride: Crop pixels per cell.
        widths: Channels after each convolution.
        pool: "average" over the map, as in the paper; "convolution" over the whole map to `pooled` channels with batch normalization
            and ReLU, as in the published code: it keeps positions.
        pooled: Channels of the pooled vector with "convolution".
        start: "middle": before training the box is the middle half of the crop; "zero": next to 0, 0, 0, 0.
    """

    extras = ()

    def __init__(
        self,
        channels: int = 64,
        *,
        cells: int = 16,
        stride: int = 16,
        widths: tuple[int, ...] = (512, 256, 128, 64),
        pool: Pool = "average",
        pooled: int = 256,
        start: Start = "middle",
    ) -> None:
        super().__init__()
        self.tower = conv_tower(channels, *widths)
        self.pool: nn.Module = nn.AdaptiveAvgPool2d(1) if pool == "average" else conv_bn_relu(widths[-1], pooled, cells, bias=True)
        self.box = nn.Linear(widths[-1] if pool == "average" else pooled, 4)
        if start == "middle":
            with torch.no_grad():
                _bias(self.box).copy_(torch.tensor([0.25, 0.25, 0.75, 0.75]) * cells * stride)

    def forward(self, features: Tensor) -> Prediction:
        """Map (B, C, S, S) to one candidate per crop, without a confidence: logits of 0."""
        vector = self.pool(self.tower(features)).flatten(1)  # (B, pooled)
        boxes = self.box(vector).float()[:, None]  # (B, 1, 4)
        return Prediction(logits=torch.zeros_like(boxes[..., 0]), boxes=boxes)


def _bias(layer: nn.Conv2d | nn.Linear) -> Tensor:
    assert layer.bias is not None
    return layer.bias


__all__ = ["DenseBoxHead", "PooledBoxHead"]
