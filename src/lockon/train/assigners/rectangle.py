"""Rectangular labels: points on the middle of the target are positive, all others negative.

SiamCAR (Guo et al., CVPR 2020, arXiv 1911.07241), as its code has it: the rectangle has 0.4 of the box's width and height, nothing is
ignored, and nothing is sampled. Added here: the point nearest to the centre may always be positive, for small targets on coarse maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from lockon.ops.torch.boxes import corner_to_center, point_sides
from lockon.train.assigners.points import with_absent, with_nearest
from lockon.types import Targets


@dataclass(frozen=True, slots=True)
class RectangleAssigner:
    """Labels grid points by a rectangle that shares the box's centre and shape.

    Attributes:
        inner: a point is positive whose distance from the centre is below this fraction of the width in x, and of the height in y.
        nearest, negative_pairs: as of `EllipseAssigner`; SiamCAR has no negative pairs and takes no nearest point.
    """

    inner: float = 0.2
    nearest: bool = False
    negative_pairs: Literal["all", "near"] = "all"

    def __call__(self, points: Tensor, boxes: Tensor, present: Tensor) -> Targets:
        """Label every point for every target.

        Args:
            points: (N, 2) x, y in crop pixels.
            boxes: (B, 4) xyxy in crop pixels; of an unrelated object where the target is absent.
            present: (B,) bool; False for a negative pair, which has no positive.

        Returns:
            `Targets` with labels (B, N) in {1, 0}; in {1, 0, -1} with `negative_pairs` "near".
        """
        center = corner_to_center(boxes)[:, None]  # (B, 1, 4)
        # by the distances to the sides, as published: |dx| < inner w is the same but for rounding
        margin = (1 - 2 * self.inner) * (center[..., 2:].clamp(min=0) / 2)
        middle = (point_sides(points, boxes) > margin.repeat(1, 1, 2)).all(-1)  # (B, N)
        labels = middle.to(boxes.dtype)
        if self.nearest:
            labels = with_nearest(labels, points, points[None] - center[..., :2])
        labels = with_absent(labels, middle, present, self.negative_pairs)
        return Targets(labels=labels, boxes=boxes, present=present)


__all__ = ["RectangleAssigner"]
