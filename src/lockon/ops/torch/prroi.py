"""Precise RoI pooling: the exact mean of a feature map over each bin of a box, with exact gradients to map and box.

Jiang et al., IoU-Net, ECCV 2018 (arXiv 1807.11590), Sec. 3.3. The map is continued bilinearly between its cells, and to 0 over
one cell beyond its border; nothing is rounded or sampled. Bilinear weights are a product of a hat in x and a hat in y, whose
integrals have a closed form, so that a box is pooled by two matrix products. So has its derivative by the box, for networks that run
without automatic differentiation.
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


def prroi_pool_with_jacobian(features: Tensor, boxes: Tensor, *, size: int, scale: float) -> tuple[Tensor, Tensor]:
    """Pool each box as `prroi_pool` does, and derive every pooled value by the four coordinates of its box, in closed form.

    A bin's mean V over the columns xa to xb changes with xb by (mean of the map along the line x = xb, minus V) / (xb - xa), and with xa by
    (V minus that along x = xa) / (xb - xa); so do rows. Edges of bins divide the box evenly, so that each depends on both sides of it.

    Args:
        features: (B, C, H, W).
        boxes: (B, R, 4) x1, y1, x2, y2 in pixels: R boxes per map.
        size: P, bins per side.
        scale: Cells per pixel: 1 / stride.

    Returns:
        (B, R, C, P, P) pooled values and (B, R, 4, C, P, P) derivatives per pixel of x1, y1, x2, y2; 0 along a side of no length.
    """
    cells = _cells(boxes, scale)
    share = torch.arange(size + 1, dtype=cells.dtype, device=cells.device) / size  # (P + 1,) of the far side in each edge
    height, width = features.shape[2:]
    down, row_lines, high = _axis(cells[..., 1], cells[..., 3], size, height)
    across, column_lines, wide = _axis(cells[..., 0], cells[..., 2], size, width)
    rows, columns = (torch.cat(pair, dim=2).to(features.dtype) for pair in ((down, row_lines), (across, column_lines)))
    table = _contract(features, rows, columns)  # (B, R, C, 2 P + 1, 2 P + 1)
    pooled = table[..., :size, :size]  # (B, R, C, P, P)
    along_x, along_y = table[..., :size, size:], table[..., size:, :size]  # means along the edges: (B, R, C, P, P + 1), (B, R, C, P + 1, P)
    per_x, per_y = (scale * torch.where(bin_ > 0, 1 / bin_.clamp(min=SMALLEST), 0) for bin_ in (wide, high))  # (B, R)
    left, right = pooled - along_x[..., :-1], along_x[..., 1:] - pooled  # (B, R, C, P, P)
    upper, lower = pooled - along_y[..., :-1, :], along_y[..., 1:, :] - pooled
    near, far = share[:-1], share[1:]  # (P,) of the edges before and behind each bin
    derivatives = (
        (left * (1 - near) + right * (1 - far)) * per_x[..., None, None, None],
        (upper * (1 - near)[:, None] + lower * (1 - far)[:, None]) * per_y[..., None, None, None],
        (left * near + right * far) * per_x[..., None, None, None],
        (upper * near[:, None] + lower * far[:, None]) * per_y[..., None, None, None],
    )
    return pooled, torch.stack(derivatives, dim=2).to(features.dtype)


def _cells(boxes: Tensor, scale: float) -> Tensor:
    """Convert boxes in pixels to cells; half precision is too coarse for coordinates."""
    return boxes.to(torch.promote_types(boxes.dtype, torch.float32)) * scale


def _pool(features: Tensor, boxes: Tensor, rows: int, columns: int, scale: float) -> Tensor:
    """Map (B, C, H, W) and (B, R, 4) to (B, R, C, rows, columns)."""
    height, width = features.shape[2:]
    cells = _cells(boxes, scale)
    down = _axis(cells[..., 1], cells[..., 3], rows, height)[0].to(features.dtype)  # (B, R, P, H)
    across = _axis(cells[..., 0], cells[..., 2], columns, width)[0].to(features.dtype)  # (B, R, Q, W)
    return _contract(features, down, across)


def _contract(features: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Weigh rows and columns of each map: (B, C, H, W) with (B, R, P, H) and (B, R, Q, W) to (B, R, C, P, Q)."""
    c, height = features.shape[1:3]
    count, rows, columns = down.shape[1], down.shape[2], across.shape[2]
    folded = torch.matmul(features.flatten(1, 2), across.flatten(1, 2).transpose(1, 2))  # (B, C H, R Q)
    folded = folded.view(-1, c, height, count, columns).permute(0, 3, 2, 1, 4).flatten(3)  # (B, R, H, C Q)
    pooled = torch.matmul(down, folded).view(-1, count, rows, c, columns)  # (B, R, P, C, Q)
    return pooled.transpose(2, 3)


def _axis(first: Tensor, last: Tensor, bins: int, cells: int) -> tuple[Tensor, Tensor, Tensor]:
    """Compute how much each cell counts, along one axis, in the mean over each bin and in the value at each edge of a bin.

    Args:
        first: (B, R) start of the boxes in cells.
        last: (B, R) end of the boxes in cells.
        bins: Number of bins per box.
        cells: Number of cells of the map.

    Returns:
        (B, R, bins, cells): each row sums to 1 where the bin is inside the map, 0 where the box is empty; (B, R, bins + 1, cells) for the
        edges; (B, R) length of a bin in cells.
    """
    length = (last - first).clamp(min=0) / bins
    edges = first[..., None] + length[..., None] * torch.arange(bins + 1, dtype=first.dtype, device=first.device)  # (B, R, bins + 1)
    offsets = edges[..., None] - torch.arange(cells, dtype=first.dtype, device=first.device)  # (B, R, bins + 1, cells)
    below = _hat_integral(offsets)  # (B, R, bins + 1, cells)
    inside = below[:, :, 1:] - below[:, :, :-1]  # (B, R, bins, cells)
    means = inside / length.clamp(min=SMALLEST)[..., None, None] * (length > 0)[..., None, None]
    return means, (1 - offsets.abs()).clamp(min=0), length


def _hat_integral(t: Tensor) -> Tensor:
    """Return the integral of max(0, 1 - |s|) from 0 to t; its derivative, and so the gradient to the box, is continuous."""
    t = t.clamp(-1, 1)
    return t - t * t.abs() / 2
