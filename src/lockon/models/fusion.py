"""Matching of template and search features.

Letters: B targets, C channels, h w template map, H W search map.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def pixelwise_correlation(template: Tensor, search: Tensor, *, scaled: bool = True) -> Tensor:
    """Correlate every template position, as a 1x1 kernel, with the search map (Yan et al., Alpha-Refine, CVPR 2021, Sec. 3.2).

    Args:
        template: (B, C, h, w).
        search: (B, C, H, W).
        scaled: Divide by sqrt(C), so that the size of the products does not grow with C.

    Returns:
        (B, h w, H, W): dot products.
    """
    b, c, height, width = search.shape
    kernels = template.flatten(2).transpose(1, 2)  # (B, hw, C)
    scores = torch.matmul(kernels, search.flatten(2))  # (B, hw, HW)
    scores = scores * c**-0.5 if scaled else scores
    correlation: Tensor = scores.view(b, -1, height, width)
    return correlation


def depthwise_correlation(template: Tensor, search: Tensor, *, valid: bool = False) -> Tensor:
    """Correlate channel by channel (Li et al., SiamRPN++, CVPR 2019, Sec. 3.3).

    Args:
        template: (B, C, h, w); kernels of even size are centred half a cell up and left.
        search: (B, C, H, W).
        valid: Only where the kernel lies on the map, and the plain sum of the products, as published; otherwise the map is
            padded with zeros to keep its size, and the sum is divided by h w: the mean product over the kernel.

    Returns:
        (B, C, H - h + 1, W - w + 1) if `valid`, else (B, C, H, W).
    """
    b, c, h, w = template.shape
    search = search if valid else _pad(search, h, w)
    height, width = search.shape[-2] - h + 1, search.shape[-1] - w + 1
    if torch.compiler.is_compiling():
        # products with shifted maps: a grouped convolution with B * C groups cannot be exported with a free batch size
        out = torch.matmul(template.reshape(b, c, 1, h * w), _shifts(search, h, w)).view(b, c, height, width)
    else:
        maps, kernels = search.reshape(1, b * c, *search.shape[-2:]), template.reshape(b * c, 1, h, w)
        out = F.conv2d(maps, kernels, groups=b * c).view(b, c, height, width)
    return out if valid else out / (h * w)


def upchannel_correlation(template: Tensor, search: Tensor, *, valid: bool = True) -> Tensor:
    """Correlate K kernels per target, each over all channels (Li et al., SiamRPN, CVPR 2018, Sec. 3.2).

    Args:
        template: (B, K C, h, w): K kernels of C channels, kernel after kernel.
        search: (B, C, H, W).
        valid: As in `depthwise_correlation`; with False the map is padded, and the sum divided by h w.

    Returns:
        (B, K, H - h + 1, W - w + 1) if `valid`, else (B, K, H, W).
    """
    b, _, h, w = template.shape
    c = search.shape[1]
    search = search if valid else _pad(search, h, w)
    height, width = search.shape[-2] - h + 1, search.shape[-1] - w + 1
    kernels = template.reshape(b, -1, c, h, w)  # (B, K, C, h, w)
    if torch.compiler.is_compiling():  # for the same reason as in `depthwise_correlation`
        out = torch.matmul(kernels.flatten(2), _shifts(search, h, w).flatten(1, 2)).view(b, -1, height, width)
    else:
        maps = search.reshape(1, b * c, *search.shape[-2:])
        out = F.conv2d(maps, kernels.flatten(0, 1), groups=b).view(b, -1, height, width)
    correlation: Tensor = out if valid else out / (h * w)
    return correlation


def naive_correlation(template: Tensor, search: Tensor) -> Tensor:
    """Correlate the whole template, as one kernel, with the search map (Bertinetto et al., SiamFC, ECCV-W 2016, Eq. 2, without its bias).

    Args:
        template: (B, C, h, w).
        search: (B, C, H, W).

    Returns:
        (B, 1, H - h + 1, W - w + 1): sums over all channels and kernel cells.
    """
    return upchannel_correlation(template, search)


def attend(query: Tensor, key: Tensor, value: Tensor, *, scaled: bool = True) -> Tensor:
    """Average values at every position of the query map, weighted by a softmax over the keys of the dot products.

    Args:
        query: (B, C, H, W).
        key: (B, C, h, w).
        value: (B, K, h, w).
        scaled: Divide the products by sqrt(C).

    Returns:
        (B, K, H, W).
    """
    weights = pixelwise_correlation(key, query, scaled=scaled).flatten(2).softmax(dim=1)  # (B, hw, HW)
    attended: Tensor = torch.matmul(value.flatten(2), weights).view(-1, value.shape[1], *query.shape[-2:])
    return attended


def attention_match(template: Tensor, search: Tensor) -> Tensor:
    """Attend from every search position to the template and append the search features (Tang and Ling, RBO, CVPR 2022, Eq. 2-3).

    A softmax over the template's positions of the dot products, divided by sqrt(C), weighs the template's features. The paper
    writes the search features first; the published network, and so its weights, have them last.

    Args:
        template: (B, C, h, w).
        search: (B, C, H, W).

    Returns:
        (B, 2 C, H, W): attended template features, then search features.
    """
    return torch.cat([attend(search, template, template), search], dim=1)


def _pad(search: Tensor, h: int, w: int) -> Tensor:
    """Pad the map with zeros, so that a kernel of h x w gives a map of the same size."""
    return F.pad(search, ((w - 1) // 2, w // 2, (h - 1) // 2, h // 2))


def _shifts(search: Tensor, h: int, w: int) -> Tensor:
    """Map (B, C, H, W) to (B, C, h w, H' W'), the inputs of each kernel cell, by few slices: exporting takes as long as there are nodes."""
    height, width = search.shape[-2] - h + 1, search.shape[-1] - w + 1
    across = torch.stack([search.narrow(3, x, width) for x in range(w)], dim=2)  # (B, C, w, H, W')
    return torch.stack([across.narrow(3, y, height).flatten(3) for y in range(h)], dim=2).flatten(2, 3)


class PixelwiseFusion(nn.Module):
    """`pixelwise_correlation` beside the search features, mixed by a 1x1 convolution to `out` channels.

    Args:
        channels: C of both inputs.
        template_cells: h w of the template map (it fixes the number of correlation channels).
        out: Channels of the mixed map.
    """

    def __init__(self, channels: int, *, template_cells: int, out: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(template_cells)
        self.mix = nn.Sequential(nn.Conv2d(channels + template_cells, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True))

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        """Map (B, C, h, w) and (B, C, H, W) to (B, out, H, W)."""
        correlation = self.norm(pixelwise_correlation(template, search))  # (B, hw, H, W)
        mixed: Tensor = self.mix(torch.cat([search, correlation], dim=1))
        return mixed


class DepthwiseFusion(nn.Module):
    """`depthwise_correlation` with the middle of the template, beside the search features, mixed to `out` channels.

    Args:
        channels: C of both inputs.
        out: Channels of the mixed map.
    """

    def __init__(self, channels: int, *, out: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.mix = nn.Sequential(nn.Conv2d(2 * channels, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True))

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        """Map (B, C, h, w) and (B, C, H, W) to (B, out, H, W)."""
        h, w = template.shape[-2:]
        center = template[..., h // 4 : h - h // 4, w // 4 : w - w // 4]  # the target with little context
        correlation = self.norm(depthwise_correlation(center, search))  # (B, C, H, W)
        mixed: Tensor = self.mix(torch.cat([search, correlation], dim=1))
        return mixed
