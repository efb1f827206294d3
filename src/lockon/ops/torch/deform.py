"""Deformable sampling: a convolution whose taps lie at free positions around every cell, in plain PyTorch.

Dai et al., Deformable Convolutional Networks, ICCV 2017 (arXiv 1703.06211), Sec. 2.1. Positions are points, not offsets to a regular
grid of taps: tap k of a cell reads the map where point k of that cell lies, so that any number of taps will do, and a kernel of even side
needs no rule for its middle.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def deform_conv(features: Tensor, weight: Tensor, points: Tensor) -> Tensor:
    """Compute sum over k of weight_k times the features at point k of each cell.

    Args:
        features: (B, C, H, W).
        weight: (O, C, K).
        points: (B, H W, K, 2) x, y in cells from the cell's own centre, row by row.

    Returns:
        (B, O, H, W), with gradient to all three; the map counts as 0 outside.
    """
    batch, _, height, width = features.shape
    sampled = sample_points(features, points_on_map(points, width))  # (B, C, H W, K)
    columns = sampled.permute(0, 2, 1, 3).flatten(2)  # (B, H W, C K)
    result = torch.matmul(columns.to(weight.dtype), weight.flatten(1).t())  # (B, H W, O)
    return result.transpose(1, 2).reshape(batch, -1, height, width)


def points_on_map(points: Tensor, width: int) -> Tensor:
    """Return the positions on the map of (B, N, K, 2) points that count from their cells' centres, for rows of `width` cells."""
    cell = torch.arange(points.shape[1], device=points.device)
    own = torch.stack([cell % width, torch.div(cell, width, rounding_mode="floor")], dim=-1)  # (N, 2) column, row
    return points + own[:, None].to(points.dtype)


def sample_points(features: Tensor, positions: Tensor) -> Tensor:
    """Interpolate feature vectors bilinearly between the cells; beyond the border they fall to 0 within one cell.

    Args:
        features: (B, C, H, W).
        positions: (B, N, K, 2) x, y in cells: (0, 0) is the centre of the first cell, (W - 1, H - 1) that of the last. Float32, also
            where the features are not: half precision is too coarse for coordinates.

    Returns:
        (B, C, N, K), with gradient to both.
    """
    sides = positions.new_tensor([features.shape[-1], features.shape[-2]])
    near = torch.minimum(positions.clamp(min=-1), sides)  # the map is 0 from there on, and huge positions would overflow
    if torch.compiler.is_compiling():  # ONNX Runtime takes several times as long for its own grid sampling
        return _gathered_points(features, near, sides)
    relative = near * (2 / (sides - 1).clamp(min=1)) - 1  # -1 to 1 from the first centre to the last
    if features.shape[-1] > 1 and features.shape[-2] > 1:
        exact = torch.promote_types(features.dtype, relative.dtype)
        sampled = F.grid_sample(features.to(exact), relative.to(exact), mode="bilinear", padding_mode="zeros", align_corners=True)
        return sampled.to(features.dtype)
    return _gathered_points(features, near, sides)  # a single row or column has no such scale


def _gathered_points(features: Tensor, positions: Tensor, sides: Tensor) -> Tensor:
    """Interpolate at positions (B, N, K, 2) between -1 and the `sides` (2,) by four gathers of whole vectors."""
    batch, channels, _, width = features.shape
    corner = positions.floor()  # of the four cells around
    right, down = (positions - corner).unbind(-1)  # (B, N, K)
    vectors = features.flatten(2).transpose(1, 2)  # (B, H W, C)
    image = torch.arange(batch, device=features.device)[:, None]
    last = sides - 1
    total: Tensor | None = None
    for dx, across in ((0, 1 - right), (1, right)):
        for dy, along in ((0, 1 - down), (1, down)):
            cell = corner + positions.new_tensor([dx, dy])
            inside = torch.minimum(cell.clamp(min=0), last)  # (B, N, K, 2)
            share = across * along * (cell == inside).all(-1).to(positions.dtype)  # (B, N, K) 0 outside
            index = (inside[..., 1] * width + inside[..., 0]).long().flatten(1)  # (B, N K)
            part = vectors[image, index] * share.flatten(1)[..., None].to(features.dtype)  # (B, N K, C)
            total = part if total is None else total + part
    assert total is not None
    return total.transpose(1, 2).reshape(batch, channels, *positions.shape[1:3])


__all__ = ["deform_conv", "points_on_map", "sample_points"]
