"""Rectangular labels: points on the middle of the target are positive, all others negative.

SiamCAR (Guo et al., CVPR 2020, arXiv 1911.07241), as its code has it: the rectangle has 0.4 of the box's width and height, nothing is
ignored, and nothing is sampled. Added here: the point nearest to the centre may always be positive, for small targets on coarse maps.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lockon.ops.torch.boxes import corner_to_center, point_sides
from lockon.train.assigners.base import require_fractions
from lockon.train.assigners.points import PointAssigner


@dataclass(frozen=True, kw_only=True, slots=True)
class RectangleAssigner(PointAssigner):
    """Labels grid points by a rectangle that shares the box's centre and shape.

    SiamCAR takes no nearest point and has no negative pairs; SiamLA has the boundary 0.5, all of the box.

    Attributes:
        inner: A point is positive whose distance from the centre is below this fraction of the width in x, and of the height in y.
        nearest: As of `PointAssigner`.

    Raises:
        LockonError: If a fraction is out of its range.
    """

    inner: float = 0.2
    nearest: bool = False

    def __post_init__(self) -> None:
        PointAssigner.__post_init__(self)
        require_fractions(self.inner, 0.5, ("inner", "a half"))

    def label(self, points: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Label points by the rectangle, see `PointAssigner`."""
        center = corner_to_center(boxes)[:, None]  # (B, 1, 4)
        # by the distances to the sides, as published: |dx| < inner w is the same but for rounding
        margin = (1 - 2 * self.inner) * (center[..., 2:].clamp(min=0) / 2)
        middle = (point_sides(points, boxes) > margin.repeat(1, 1, 2)).all(-1)  # (B, N)
        return middle.to(boxes.dtype), middle, points[None] - center[..., :2]


__all__ = ["RectangleAssigner"]
