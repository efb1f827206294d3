"""Conversions of point sets to the boxes that they stand for.

RTrack (Zeng et al., App. A): all are differentiable, so that points are learnt from boxes alone. RepPoints (Yang et al., ICCV 2019,
arXiv 1904.11490, Sec. 3.2) has the same three. Letters: (...) any leading axes, K points.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lockon.models.point_choices import MinMax, Moment, PartialMinMax


class MinMaxBoxes(nn.Module):
    """Box around points.

    Args:
        first: How many of them count; None: all.
    """

    def __init__(self, first: int | None = None) -> None:
        super().__init__()
        self.first = first

    def forward(self, points: Tensor) -> Tensor:
        """Map (..., K, 2) x, y to (..., 4) x1, y1, x2, y2; never of negative size."""
        points = points[..., : self.first, :]
        return torch.cat([points.amin(-2), points.amax(-2)], dim=-1)


class MomentBoxes(nn.Module):
    """Box around the mean of points, as large as they are spread: mean +- deviation * exp(m), with one learnt m for x and one for y.

    The deviation is that of a sample (K - 1 in the denominator): the sides of a square of 3 x 3 points are 1.155 times as
    long as those of its box with m = 0.

    Args:
        multiplier: Factor on the gradient of m.
    """

    def __init__(self, multiplier: float = 0.01) -> None:
        super().__init__()
        self.multiplier = multiplier
        self.log_scale = nn.Parameter(torch.zeros(2))

    def forward(self, points: Tensor) -> Tensor:
        """Map (..., K, 2) x, y to (..., 4) x1, y1, x2, y2; all points on one place give a box without area, and finite gradients."""
        mean = points.mean(-2)  # (..., 2)
        variance = (points - mean[..., None, :]).square().sum(-2) / (points.shape[-2] - 1)
        spread = variance > 0
        deviation = torch.where(spread, torch.where(spread, variance, 1.0).sqrt(), 0.0)  # the root has no gradient at 0
        scale = self.log_scale * self.multiplier + self.log_scale.detach() * (1 - self.multiplier)
        half = deviation * scale.exp()
        return torch.cat([mean - half, mean + half], dim=-1)


def point_boxes(config: MinMax | PartialMinMax | Moment) -> nn.Module:
    """Build the module of a conversion."""
    if isinstance(config, Moment):
        return MomentBoxes(config.multiplier)
    return MinMaxBoxes(config.first if isinstance(config, PartialMinMax) else None)


__all__ = ["MinMaxBoxes", "MomentBoxes", "point_boxes"]
