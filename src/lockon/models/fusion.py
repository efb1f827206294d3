"""Matching of template and search features.

Letters: B targets, C channels, h w template map, H W search map.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def pixelwise_correlation(template: Tensor, search: Tensor) -> Tensor:
    """Every template position as a 1x1 kernel over the search map (Yan et al., Alpha-Refine, CVPR 2021, Sec. 3.2).

    Args:
        template: (B, C, h, w). search: (B, C, H, W).

    Returns:
        (B, h w, H, W): scaled dot products, divided by sqrt(C) so that their size does not grow with C.
    """
    b, c, height, width = search.shape
    kernels = template.flatten(2).transpose(1, 2)  # (B, hw, C)
    scores = torch.matmul(kernels, search.flatten(2)) * c**-0.5  # (B, hw, HW)
    correlation: Tensor = scores.view(b, -1, height, width)
    return correlation


def depthwise_correlation(template: Tensor, search: Tensor) -> Tensor:
    """One cross-correlation per channel, zero-padded to the search map's size (Li et al., SiamRPN++, CVPR 2019, Sec. 3.3).

    Args:
        template: (B, C, h, w); kernels of even size are centred half a cell up and left. search: (B, C, H, W).

    Returns:
        (B, C, H, W), divided by h w: the mean product over the kernel.
    """
    h, w = template.shape[-2:]
    height, width = search.shape[-2:]
    padded = F.pad(search, ((w - 1) // 2, w // 2, (h - 1) // 2, h // 2))
    # one shifted product per kernel cell: a grouped convolution with B * C groups cannot be exported with a free batch size
    out = torch.zeros_like(search)
    for y in range(h):
        for x in range(w):
            out = out + padded[..., y : y + height, x : x + width] * template[..., y : y + 1, x : x + 1]
    return out / (h * w)


class PixelwiseFusion(nn.Module):
    """`pixelwise_correlation` beside the search features, mixed by a 1x1 convolution to `out` channels.

    Args:
        channels: C of both inputs.
        template_cells: h w of the template map (it fixes the number of correlation channels).
        out: channels of the mixed map.
    """

    def __init__(self, channels: int, *, template_cells: int, out: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(template_cells)
        self.mix = nn.Sequential(nn.Conv2d(channels + template_cells, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True))

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        """(B, C, h, w) and (B, C, H, W) to (B, out, H, W)."""
        correlation = self.norm(pixelwise_correlation(template, search))  # (B, hw, H, W)
        mixed: Tensor = self.mix(torch.cat([search, correlation], dim=1))
        return mixed


class DepthwiseFusion(nn.Module):
    """`depthwise_correlation` with the middle of the template, beside the search features, mixed to `out` channels.

    Args:
        channels: C of both inputs.
        out: channels of the mixed map.
    """

    def __init__(self, channels: int, *, out: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.mix = nn.Sequential(nn.Conv2d(2 * channels, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True))

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        """(B, C, h, w) and (B, C, H, W) to (B, out, H, W)."""
        h, w = template.shape[-2:]
        center = template[..., h // 4 : h - h // 4, w // 4 : w - w // 4]  # the target with little context
        correlation = self.norm(depthwise_correlation(center, search))  # (B, C, H, W)
        mixed: Tensor = self.mix(torch.cat([search, correlation], dim=1))
        return mixed
