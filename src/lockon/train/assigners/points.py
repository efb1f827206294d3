"""What the assigners of points share: the point nearest to the target, negative pairs, and points on the target's boundary."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor

from lockon.ops.torch.boxes import corner_to_center, point_sides
from lockon.types import BOUNDARY, Targets


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


__all__ = ["boundary_points", "with_absent", "with_boundary", "with_nearest"]
