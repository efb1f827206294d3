"""Bilinear interpolation of feature maps at free positions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def sample_bilinear(features: Tensor, positions: Tensor) -> Tensor:
    """Interpolate feature vectors between the cells; outside the map they have the value of the nearest border.

    Args:
        features: (B, C, H, W).
        positions: (B, P, 2) x, y in cells: (0, 0) is the centre of the first cell, (W - 1, H - 1) that of the last.

    Returns:
        (B, C, P).
    """
    last = positions.new_tensor([features.shape[-1] - 1, features.shape[-2] - 1])
    inside = torch.minimum(positions.clamp(min=0), last)  # also where a position is huge, and would overflow
    if torch.compiler.is_compiling():  # ONNX Runtime takes five times as long for its own grid sampling
        return _gathered(features, inside, last)
    relative = inside * (2 / last.clamp(min=1)) - 1  # -1 to 1 from the first centre to the last
    sampled = F.grid_sample(features, relative[:, None], mode="bilinear", padding_mode="border", align_corners=True)
    return sampled[:, :, 0]


def _gathered(features: Tensor, positions: Tensor, last: Tensor) -> Tensor:
    """Interpolate at positions (B, P, 2) on the map by four gathers of whole vectors; `last`: (2,) the last column and row."""
    height, width = features.shape[-2:]
    corner = torch.minimum(positions.floor(), (last - 1).clamp(min=0))  # of the four cells around, so that all are on the map
    right, down = positions[..., :1] - corner[..., :1], positions[..., 1:] - corner[..., 1:]  # (B, P, 1)
    index = (corner[..., 1] * width + corner[..., 0]).long()  # (B, P)
    vectors = features.flatten(2).transpose(1, 2)  # (B, H W, C)
    batch = torch.arange(features.shape[0], device=features.device)[:, None]
    step_x, step_y = int(width > 1), width * int(height > 1)
    a, b, c, d = (vectors[batch, index + step] for step in (0, step_x, step_y, step_x + step_y))  # (B, P, C)
    upper, lower = a + (b - a) * right, c + (d - c) * right
    return (upper + (lower - upper) * down).transpose(1, 2)
