"""Labels by the cells of the map that a box covers (TransT: Chen et al., CVPR 2021, arXiv 2103.15436, Sec. 3.3, as its code rounds)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lockon.ops.torch.boxes import corner_to_center
from lockon.train.assigners.points import PointAssigner


@dataclass(frozen=True, kw_only=True, slots=True)
class CellAssigner(PointAssigner):
    """Labels the cells whose left and top edges lie in the target's box; all others are negative.

    With the box in units of cells these are the columns ceil(x1) to ceil(x2) - 1 and the rows likewise, at least one of each: where there
    is none, it is column ceil(x1), or the outermost one where the box lies outside the map.

    Attributes:
        nearest: As of `PointAssigner`; there is always a positive.
    """

    nearest: bool = False

    def label(self, points: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Label points, which are the middles of a square map's cells, see `PointAssigner`."""
        side = round(len(points) ** 0.5)
        step = points[1, 0] - points[0, 0]
        edge = points[0] - step / 2  # (2,) left and top edge of the map
        index = ((points - points[0]) / step).round()  # (N, 2) column and row of each cell
        low = ((boxes[:, :2] - edge) / step).ceil()  # (B, 2)
        high = torch.maximum(((boxes[:, 2:] - edge) / step).ceil() - 1, low)  # (B, 2)
        low, high = low.clamp(max=side - 1)[:, None], high.clamp(min=0)[:, None]  # (B, 1, 2)
        covered = ((index >= low) & (index <= high)).all(-1)  # (B, N)
        return covered.to(boxes.dtype), covered, points[None] - corner_to_center(boxes)[:, None, :2]


__all__ = ["CellAssigner"]
