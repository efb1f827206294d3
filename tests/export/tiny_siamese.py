"""A Siamese tracker network small enough to export in a second."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lockon.types import Prediction, Template

STRIDE = 16


def block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))


@dataclass(frozen=True)
class TinyConfig:
    quality: bool = True


def build(config: TinyConfig) -> TinySiamese:
    return TinySiamese(quality=config.quality)


class TinySiamese(nn.Module):
    """Conv-BN backbone, pixel-wise correlation, a head that decodes left, top, right, bottom distances."""

    def __init__(self, *, quality: bool = True, template_size: int = 64, search_size: int = 128, seed: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.template_size, self.search_size = template_size, search_size
        self.backbone = nn.Sequential(block(3, 16, 2), block(16, 32, 2), block(32, 32, 2), block(32, 32, 2))
        cells = (template_size // STRIDE) ** 2
        self.norm = nn.BatchNorm2d(cells)  # follows no convolution: cannot be folded
        self.mix = block(32 + cells, 32, 1)
        self.head = nn.Conv2d(32, 6 if quality else 5, 3, padding=1)
        self.quality = quality
        axis = STRIDE / 2 + STRIDE * torch.arange(search_size // STRIDE, dtype=torch.float32)
        y, x = torch.meshgrid(axis, axis, indexing="ij")
        self.register_buffer("points", torch.stack([x.flatten(), y.flatten()], dim=-1), persistent=False)  # (N, 2)
        for layer in self.modules():
            if isinstance(layer, nn.BatchNorm2d):  # statistics of a trained network are not 0 and 1
                layer.running_mean.normal_(0, 0.1)
                layer.running_var.uniform_(0.5, 2)
        with torch.no_grad():  # outputs that move with the image, as a trained network's do
            self.head.weight.mul_(10)
        self.eval()

    def encode(self, z: Tensor) -> Template:
        return Template((self.backbone(z / 127.5 - 1),))

    def forward(self, template: Template, x: Tensor) -> Prediction:
        search = self.backbone(x / 127.5 - 1)  # (B, C, H, W)
        kernels = template.features[0].flatten(2).transpose(1, 2)  # (B, hw, C)
        scores = torch.matmul(kernels, search.flatten(2)).unflatten(2, search.shape[2:])  # (B, hw, H, W)
        out = self.head(self.mix(torch.cat([search, self.norm(scores)], dim=1))).flatten(2).transpose(1, 2)  # (B, N, 6)
        distances = torch.exp(out[..., 1:5].clamp(max=4)) * STRIDE
        boxes = torch.cat([self.points - distances[..., :2], self.points + distances[..., 2:]], dim=-1)
        return Prediction(out[..., 0], boxes, out[..., 5] if self.quality else None)
