"""Elliptical labels: points near the target's centre are positive, points off the target negative.

SiamBAN (Chen et al., CVPR 2020, arXiv 2003.06761, Sec. 3.3), there with the semi-axes 1/4 and 1/2 of the box. Added here: the
point nearest to the centre may always be positive, so that small and thin targets are learnt too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lockon.train.assigners.base import require_fractions, require_reach
from lockon.train.assigners.points import with_absent, with_boundary, with_nearest
from lockon.types import Candidates, Prediction, Targets


@dataclass(frozen=True, slots=True)
class EllipseAssigner:
    """Labels grid points by two ellipses that share the box's centre and shape.

    Attributes:
        inner: Semi-axes of the positive ellipse as a fraction of the box's width and height (SiamBAN: 1/4).
        outer: Semi-axes of the ellipse outside which points are negative (SiamBAN: 1/2); between both they are ignored.
        nearest: The point nearest to the centre is positive even when the ellipse holds none (small or thin targets), provided it
            lies within one grid step of the box's centre (SiamBAN: False).
        negative_pairs: Points that are negative where the target is absent: "all" of them, or those "near" the unrelated object
            whose box is given, inside its inner ellipse (SiamBAN), the others being ignored.
        boundary: Other points within this many widths and heights of the centre are marked as boundary (SiamLA); None: none are.

    Raises:
        LockonError: If a fraction is out of its range.
    """

    inner: float = 0.25
    outer: float = 0.5
    nearest: bool = True
    negative_pairs: Literal["all", "near"] = "all"
    boundary: float | None = None

    def __post_init__(self) -> None:
        require_fractions(self.inner, self.outer)
        require_reach(self.boundary)

    def __call__(self, candidates: Candidates, boxes: Tensor, present: Tensor, prediction: Prediction | None = None) -> Targets:
        """Label every point for every target, see `Assigner`."""
        points: Tensor = candidates.points
        center = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2  # (B, 1, 2)
        size = (boxes[:, None, 2:] - boxes[:, None, :2]).clamp(min=1e-3)
        offset = points[None] - center  # (B, N, 2)
        radius = (offset / size).square().sum(-1)  # (B, N) squared distance in box sizes
        labels = torch.full_like(radius, -1.0)
        labels[radius > self.outer**2] = 0.0
        labels[radius < self.inner**2] = 1.0
        if self.nearest:
            labels = with_nearest(labels, points, offset)
        labels = with_absent(labels, radius < self.inner**2, present, self.negative_pairs)
        targets = Targets(labels=labels, boxes=boxes, present=present)
        return targets if self.boundary is None else with_boundary(targets, points, self.boundary)


__all__ = ["EllipseAssigner"]
