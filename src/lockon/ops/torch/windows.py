"""Square windows of maps at many positions at once, with gradients."""

from __future__ import annotations

import torch
from torch import Tensor


def windows(maps: Tensor, image: Tensor, top: Tensor, left: Tensor, side: int) -> Tensor:
    """Cut K windows; what lies outside the map is 0.

    The windows are cut by indexing, so that they also export with a free batch size.

    Args:
        maps: (B, C, H, W).
        image: (K,) number of each window's map, of the B.
        top: (K,) row of each window's first pixel; may lie outside.
        left: (K,) column of each window's first pixel; may lie outside.
        side: Pixels per side.

    Returns:
        (K, C, side, side).
    """
    steps = torch.arange(side, device=maps.device)
    y, x = top[:, None] + steps, left[:, None] + steps  # (K, side)
    height, width = maps.shape[-2:]
    inside = ((y >= 0) & (y < height))[:, :, None] & ((x >= 0) & (x < width))[:, None, :]  # (K, side, side)
    rows, columns = y.clamp(0, height - 1)[:, :, None], x.clamp(0, width - 1)[:, None, :]
    pixels = maps.permute(0, 2, 3, 1)[image[:, None, None], rows, columns]  # (K, side, side, C)
    return (pixels * inside[..., None]).permute(0, 3, 1, 2)
