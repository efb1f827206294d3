"""`PointAssigner`, what the assigners of points share: the nearest point, negative pairs, and points on the target's boundary."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from lockon._config_values import check_field
from lockon.ops.torch.boxes import corner_to_center, point_sides
from lockon.types import BOUNDARY, Candidates, Prediction, Targets


@dataclass(frozen=True, kw_only=True, slots=True)
class PointAssigner(ABC):
    """Labels grid points by where they lie on the target.

    Attributes:
        nearest: The point nearest to the centre is positive even when no other is (small or thin targets), provided it lies within one
            grid step of the box's centre.
        negative_pairs: Points that are negative where the target is absent: "all" of them, or those "near" the unrelated object
            whose box is given, on its middle (SiamBAN), the others being ignored.
        boundary: Other points within this many widths and heights of the centre are marked as boundary (SiamLA); None: none are.

    Raises:
        LockonError: If `boundary` is out of its range.
    """

    nearest: bool = True
    negative_pairs: Literal["all", "near"] = "all"
    boundary: float | None = None

    def __post_init__(self) -> None:
        check_field(self, "boundary", self.boundary is None or 0 < self.boundary <= 0.5, "above 0 and at most 0.5, or none")

    @abstractmethod
    def label(self, points: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Label (N, 2) points for (B, 4) boxes that are all there.

        Returns:
            (B, N) labels, (B, N) bool which points lie on the middle of the box, (B, N, 2) offsets from the centres.
        """

    def __call__(self, candidates: Candidates, boxes: Tensor, present: Tensor, prediction: Prediction | None = None) -> Targets:
        """Label every point for every target, see `Assigner`."""
        points: Tensor = candidates.points
        labels, middle, offset = self.label(points, boxes)
        if self.nearest:
            labels = with_nearest(labels, points, offset)
        labels = with_absent(labels, middle, present, self.negative_pairs)
        targets = Targets(labels=labels, boxes=boxes, present=present)
        return targets if self.boundary is None else with_boundary(targets, points, self.boundary)


def with_nearest(labels: Tensor, points: Tensor, offset: Tensor) -> Tensor:
    """Return `labels` in which the point nearest to the target's centre is positive, if it lies within one grid step of the centre.

    Args:
        labels: (B, N), changed in place.
        points: (N, 2) x, y in crop pixels, row by row.
        offset: (B, N, 2) from the centres to the points.
    """
    distance = offset.abs().amax(-1)  # (B, N)
    nearest = distance.argmin(1, keepdim=True)
    step = points[1, 0] - points[0, 0]
    inside = distance.gather(1, nearest) <= step
    return labels.scatter_(1, nearest, torch.where(inside, torch.ones_like(labels[:, :1]), labels.gather(1, nearest)))


def with_absent(labels: Tensor, middle: Tensor, present: Tensor, kind: Literal["all", "near"]) -> Tensor:
    """Return `labels` (B, N), and where the target is absent those of a negative pair, which has no positive.

    Args:
        labels: (B, N) as if every target was there.
        middle: (B, N) bool, points on the middle of the box.
        present: (B,) bool.
        kind: "all": every point is negative. "near": the middle of the unrelated object is, the rest is ignored.
    """
    absent = torch.zeros_like(labels) if kind == "all" else torch.where(middle, 0.0, -1.0)
    return torch.where(present[:, None], labels, absent)


def boundary_points(points: Tensor, boxes: Tensor, labels: Tensor, reach: float = 0.5) -> Tensor:
    """Return which points inside the box no assigner took for positives: the boundary of SiamLA (Nie et al., Fig. 4a).

    Args:
        points: (N, 2) x, y in crop pixels.
        boxes: (B, 4) x1, y1, x2, y2.
        labels: (B, N), above 0 positive; of any point assigner.
        reach: How far from the centre the region goes, in widths and heights of the box; at 0.5 it is the whole box.

    Returns:
        (B, N) bool.
    """
    margin = (0.5 - reach) * corner_to_center(boxes)[:, None, 2:].clamp(min=0).repeat(1, 1, 2)  # (B, 1, 4)
    return (point_sides(points, boxes) > margin).all(-1) & (labels <= 0)


def with_boundary(targets: Targets, points: Tensor, reach: float = 0.5) -> Targets:
    """Return `targets` in which the points of the boundary are marked `BOUNDARY`, so that they are no negatives; a negative pair has none.

    Args:
        targets: Labels of a point assigner.
        points: (N, 2) x, y in crop pixels.
        reach: As of `boundary_points`.
    """
    boundary = boundary_points(points, targets.boxes, targets.labels, reach)  # (B, N)
    if targets.present is not None:
        boundary = boundary & targets.present[:, None]
    return replace(targets, labels=torch.where(boundary, BOUNDARY, targets.labels))


__all__ = ["PointAssigner", "boundary_points", "with_absent", "with_boundary", "with_nearest"]
