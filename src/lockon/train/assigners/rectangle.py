"""Rectangular labels: points on the middle of the target are positive, all others negative.

SiamCAR (Guo et al., CVPR 2020, arXiv 1911.07241), as its code has it: the rectangle has 0.4 of the box's width and height, nothing is
ignored, and nothing is sampled. Added here: the point nearest to the centre may always be positive, for small targets on coarse maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from lockon.ops.torch.boxes import corner_to_center, point_sides
from lockon.train.assigners.base import require_fractions, require_reach
from lockon.train.assigners.points import with_absent, with_boundary, with_nearest
from lockon.types import Candidates, Prediction, Targets


@dataclass(frozen=True, slots=True)
class RectangleAssigner:
    """Labels grid points by a rectangle that shares the box's centre and shape.

    Attributes:
        inner: A point is positive whose distance from the centre is below this fraction of the width in x, and of the height in y.
        nearest: As of `EllipseAssigner`; SiamCAR takes no nearest point.
        negative_pairs: As of `EllipseAssigner`; SiamCAR has no negative pairs.
        boundary: As of `EllipseAssigner`; SiamLA: 0.5, all of the box.

    Raises:
        LockonError: If a fraction is out of its range.
    """

    inner: float = 0.2
    nearest: bool = False
    negative_pairs: Literal["all", "near"] = "all"
    boundary: float | None = None

    def __post_init__(self) -> None:
        require_fractions(self.inner, 0.5, ("inner", "a half"))
        require_reach(self.boundary)

    def __call__(self, candidates: Candidates, boxes: Tensor, present: Tensor, prediction: Prediction | None = None) -> Targets:
        """Label every point for every target, see `Assigner`."""
        points: Tensor = candidates.points
        center = corner_to_center(boxes)[:, None]  # (B, 1, 4)
        # by the distances to the sides, as published: |dx| < inner w is the same but for rounding
        margin = (1 - 2 * self.inner) * (center[..., 2:].clamp(min=0) / 2)
        middle = (point_sides(points, boxes) > margin.repeat(1, 1, 2)).all(-1)  # (B, N)
        labels = middle.to(boxes.dtype)
        if self.nearest:
            labels = with_nearest(labels, points, points[None] - center[..., :2])
        labels = with_absent(labels, middle, present, self.negative_pairs)
        targets = Targets(labels=labels, boxes=boxes, present=present)
        return targets if self.boundary is None else with_boundary(targets, points, self.boundary)


__all__ = ["RectangleAssigner"]
