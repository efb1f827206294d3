"""Elliptical labels: points near the target's centre are positive, points off the target negative.

SiamBAN (Chen et al., CVPR 2020, arXiv 2003.06761, Sec. 3.3), there with the semi-axes 1/4 and 1/2 of the box. Added here: the
point nearest to the centre may always be positive, so that small and thin targets are learnt too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lockon.train.assigners.base import require_fractions
from lockon.train.assigners.points import PointAssigner


@dataclass(frozen=True, kw_only=True, slots=True)
class EllipseAssigner(PointAssigner):
    """Labels grid points by two ellipses that share the box's centre and shape; SiamBAN takes no nearest point.

    Attributes:
        inner: Semi-axes of the positive ellipse as a fraction of the box's width and height (SiamBAN: 1/4); it is the middle.
        outer: Semi-axes of the ellipse outside which points are negative (SiamBAN: 1/2); between both they are ignored.

    Raises:
        LockonError: If a fraction is out of its range.
    """

    inner: float = 0.25
    outer: float = 0.5

    def __post_init__(self) -> None:
        PointAssigner.__post_init__(self)
        require_fractions(self.inner, self.outer)

    def label(self, points: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Label points by the ellipses, see `PointAssigner`."""
        center = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2  # (B, 1, 2)
        size = (boxes[:, None, 2:] - boxes[:, None, :2]).clamp(min=1e-3)
        offset = points[None] - center  # (B, N, 2)
        radius = (offset / size).square().sum(-1)  # (B, N) squared distance in box sizes
        middle = radius < self.inner**2
        labels = torch.full_like(radius, -1.0)
        labels[radius > self.outer**2] = 0.0
        labels[middle] = 1.0
        return labels, middle, offset


__all__ = ["EllipseAssigner"]
