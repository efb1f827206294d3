"""Precise RoI pooling: the exact mean of a feature map over each bin of a box, with exact gradients to map and box.

Jiang et al., IoU-Net, ECCV 2018 (arXiv 1807.11590), Sec. 3.3. The map is continued bilinearly between its cells, and to 0 over
one cell beyond its border; nothing is rounded or sampled. Bilinear weights are a product of a hat in x and a hat in y, whose
integrals have a closed form, so that a box is pooled by two matrix products.
"""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST = 1e-12  # cells: bins below this count as empty


def prroi_pool(features: Tensor, boxes: Tensor, index: Tensor | None = None, *, size: int | tuple[int, int], scale: float) -> Tensor:
    """Pool each box to `size` bins.

    Cell (i, j) of the map lies at the coordinate (i, j), without half a cell: pixel x is at x * scale. What lies outside the map counts
    as 0 and as area. A box without area, or of negative size, gives zeros.

    Args:
        features: (B, C, H, W).
        boxes: (N, 4) x1, y1, x2, y2 in pixels of any size and place; without `index` (B, R, 4): R boxes per map, which needs no copies
            of the maps.
        index: (N,) number of each box's map.
        size: Bins per side, or (rows, columns).
        scale: Cells per pixel: 1 / stride.

    Returns:
        (N, C, rows, columns), or (B, R, C, rows, columns), in the type of `features`.
    """
    rows, columns = (size, size) if isinstance(size, int) else size
    if index is None:
        return _pool(features, boxes, rows, columns, scale)
    return _pool(features[index], boxes[:, None], rows, columns, scale)[:, 0]


def _pool(features: Tensor, boxes: Tensor, rows: int, columns: int, scale: float) -> Tensor:
    """Map (B, C, H, W) and (B, R, 4) to (B, R, C, rows, columns)."""
    c, height, width = features.shape[1:]
    count = boxes.shape[1]
    cells = boxes.to(torch.promote_types(boxes.dtype, torch.float32)) * scale  # half precision is too coarse for coordinates
    down = _weights(cells[..., 1], cells[..., 3], rows, height).to(features.dtype)  # (B, R, P, H)
    across = _weights(cells[..., 0], cells[..., 2], columns, width).to(features.dtype)  # (B, R, Q, W)
    folded = torch.matmul(features.flatten(1, 2), across.flatten(1, 2).transpose(1, 2))  # (B, C H, R Q)
    folded = folded.view(-1, c, height, count, columns).permute(0, 3, 2, 1, 4).flatten(3)  # (B, R, H, C Q)
    pooled = torch.matmul(down, folded).view(-1, count, rows, c, columns)  # (B, R, P, C, Q)
    return pooled.transpose(2, 3)


def _weights(first: Tensor, last: Tensor, bins: int, cells: int) -> Tensor:
    """Compute how much each cell counts in the mean over each bin, along one axis.

    Args:
        first: (B, R) start of the boxes in cells.
        last: (B, R) end of the boxes in cells.
        bins: Number of bins per box.
        cells: Number of cells of the map.

    Returns:
        (B, R, bins, cells): each row sums to 1 where the bin is inside the map; 0 where the box is empty.
    """
    length = (last - first).clamp(min=0) / bins
    edges = first[..., None] + length[..., None] * torch.arange(bins + 1, dtype=first.dtype, device=first.device)  # (B, R, bins + 1)
    centers = torch.arange(cells, dtype=first.dtype, device=first.device)
    below = _hat_integral(edges[..., None] - centers)  # (B, R, bins + 1, cells)
    inside = below[:, :, 1:] - below[:, :, :-1]  # (B, R, bins, cells)
    return inside / length.clamp(min=SMALLEST)[..., None, None] * (length > 0)[..., None, None]


def _hat_integral(t: Tensor) -> Tensor:
    """Return the integral of max(0, 1 - |s|) from 0 to t; its derivative, and so the gradient to the box, is continuous."""
    t = t.clamp(-1, 1)
    return t - t * t.abs() / 2
