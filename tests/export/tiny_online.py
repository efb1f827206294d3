"""A network to learn online on, small enough to export in seconds; its boxes' scores have a gradient in closed form."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lockon.models.online import DescentParameters, OnlineTaps

SIDE = 64
Pair = tuple[Tensor, Tensor]


class TinyBoxes(nn.Module):
    """Scores of boxes: how alike means of crop and target are, times the place of the box."""

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = nn.Conv2d(8, 6, 1), nn.Conv2d(8, 6, 1)

    def features(self, taps: Pair) -> Pair:
        return self.low(taps[0]), self.high(taps[1])

    def modulation(self, taps: Pair, boxes: Tensor) -> Pair:
        width = (boxes[:, 2] - boxes[:, 0])[:, None] / SIDE
        return self.low(taps[0]).mean((2, 3)) * width, self.high(taps[1]).mean((2, 3)) * width

    def value_and_gradient(self, features: Pair, modulation: Pair, boxes: Tensor) -> Pair:
        alike = sum((one.mean((2, 3)) * two).sum(1) for one, two in zip(features, modulation, strict=True))[:, None]  # (B, 1)
        return alike * boxes.sum(-1) / SIDE, alike[..., None] * torch.ones_like(boxes) / SIDE


class TinyInitializer(nn.Module):
    """The first filter: a corner of the features, times the width of the box."""

    def forward(self, features: Tensor, boxes: Tensor) -> Tensor:
        return features[:, :, :4, :4] * (boxes[:, 2] - boxes[:, 0])[:, None, None, None] / SIDE


class TinyOnline(nn.Module):
    """Two convolutions with normalization, features of stride 8 and 16.

    Args:
        maps: The optimiser has label, mask and spatial weight, as DiMP's; PrDiMP's has none.
        filters: The network predicts first filters and has an optimiser; ATOM has neither.
        seed: Of the weights.
    """

    def __init__(self, *, maps: bool = True, filters: bool = True, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.search_size = SIDE
        self.first = nn.Sequential(nn.Conv2d(3, 8, 8, 8), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.second = nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.iou = TinyBoxes()
        if filters:
            self.initializer = TinyInitializer()
            self.optimizer = DescentParameters(maps=maps, label_sigma=0.9, log_step=0.9, regularization=0.1)
        with torch.no_grad():
            self.second[0].weight.mul_(5)
        self.eval()

    def backbone(self, images: Tensor) -> Pair:
        low = self.first(images / 64 - 2)
        return low, self.second(low)

    def taps(self, images: Tensor) -> OnlineTaps:
        low, high = self.backbone(images)
        return OnlineTaps(low, high, high * 2)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        taps = self.taps(images)
        return taps.classification, *self.iou.features(taps[:2])

    def modulation(self, images: Tensor, boxes: Tensor) -> Pair:
        return self.iou.modulation(self.backbone(images), boxes)
