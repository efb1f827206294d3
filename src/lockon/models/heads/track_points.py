"""Head that stands for a target by a set of points: at every cell a foreground logit, first points, and refined points.

RTrack (Zeng et al., Sec. 3.1.2 and App. A, B), after RepPoints (Yang et al., ICCV 2019, arXiv 1904.11490), whose sizes it has where the
paper states none. Init stage: points around the cell's centre. Refine stage: score and shift of the points, both from the features that
lie under the first points. Letters: B crops, H W cells, N = H W candidates, K points.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from lockon.models.heads.blocks import PRIOR, PointGridHead, group_norm
from lockon.models.heads.point_boxes import point_boxes
from lockon.models.point_choices import GridStart, TrackPointsConfig
from lockon.ops.grid import Grid
from lockon.ops.torch.deform import deform_conv
from lockon.types import Prediction


class PointConv(nn.Module):
    """Deformable convolution without bias, whose taps lie at given points.

    Args:
        channels: C of input and output.
        points: Number of taps, K.
    """

    def __init__(self, channels: int, points: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, channels, points))
        nn.init.normal_(self.weight, std=0.01)

    def forward(self, features: Tensor, points: Tensor) -> Tensor:
        """Map (B, C, H, W) and (B, N, K, 2) x, y in cells from each cell's centre to (B, C, H, W)."""
        return deform_conv(features, self.weight, points)


class TrackPointsHead(PointGridHead):
    """Head from (B, C, H, W) features to a `Prediction` of N candidates, row by row.

    ``boxes`` are those around the refined points, which follow the first points without giving them gradient.
    ``extras["init_boxes"]`` (B, N, 4) are those around the first points, ``extras["points"]`` (B, N, K, 2) the refined points, x, y in
    pixels of the search crop.

    Args:
        channels: C.
        grid: What the points of each cell count from, in search-crop pixels, see `TrackPointsConfig.grid`; its stride is their unit.
        config: The choices.
    """

    extras = ("init_boxes", "points")
    start: Tensor

    def __init__(self, channels: int, *, grid: Grid, config: TrackPointsConfig | None = None) -> None:
        super().__init__(grid)
        c = config or TrackPointsConfig()
        self.config = c
        width, count = c.widths[-1], c.points
        entry = c.widths[0] if c.projection else channels
        self.projection = nn.Conv2d(channels, entry, 1) if c.projection else nn.Identity()
        self.cls_tower = tower((entry, *c.widths), c.norm)
        self.points_tower = tower((entry, *c.widths), c.norm)
        self.init_conv = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True))
        self.init_points = nn.Conv2d(width, 2 * count, 1)
        self.cls_conv = PointConv(width, count)
        self.cls = nn.Conv2d(width, 1, 1)
        self.refine_conv = PointConv(width, count)
        self.refine_points = nn.Conv2d(width, 2 * count, 1)
        self.to_box = point_boxes(c.boxes)
        self.register_buffer("start", start_points(c), persistent=False)  # (K, 2)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        assert self.cls.bias is not None
        nn.init.constant_(self.cls.bias, -math.log((1 - PRIOR) / PRIOR))

    def stages(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute the network's output.

        Args:
            features: (B, C, H, W).

        Returns:
            Logits (B, N), and the first and the refined points (B, N, K, 2), x, y in cells from each cell's centre, all
            at least float32.
        """
        shared = self.projection(features)
        by_class, by_points = self.cls_tower(shared), self.points_tower(shared)
        first = point_pairs(self.init_points(self.init_conv(by_points))) + self.start  # (B, N, K, 2)
        fixed, share = first.detach(), self.config.gradient
        taps = fixed * (1 - share) + first * share
        score = self.cls(torch.relu(self.cls_conv(by_class, taps))).flatten(1)  # (B, N)
        shift = point_pairs(self.refine_points(torch.relu(self.refine_conv(by_points, taps))))
        return score.to(fixed.dtype), first, fixed + shift

    def forward(self, features: Tensor) -> Prediction:
        """Map (B, C, H, W) to `Prediction` with boxes (B, N, 4) xyxy in search-crop pixels."""
        logits, first, refined = self.stages(features)
        init, points = self.in_pixels(first), self.in_pixels(refined)
        return Prediction(logits=logits, boxes=self.to_box(points), extras={"init_boxes": self.to_box(init), "points": points})

    def in_pixels(self, points: Tensor) -> Tensor:
        """Map (B, N, K, 2) points in cells from each cell's centre to pixels of the search crop."""
        return points * self.grid.stride + self.points[:, None]


def tower(widths: tuple[int, ...], norm: str) -> nn.Sequential:
    """Build a 3x3 convolution without bias, a normalization and a ReLU from each width to the next."""
    layers: list[nn.Module] = []
    for cin, cout in itertools.pairwise(widths):
        normalize = group_norm(cout) if norm == "group" else nn.BatchNorm2d(cout)
        layers += [nn.Conv2d(cin, cout, 3, padding=1, bias=False), normalize, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def point_pairs(maps: Tensor) -> Tensor:
    """Map (B, 2 K, H, W), y and x of the first point, then of the second and so on, to (B, N, K, 2) x, y, at least float32."""
    cells = maps.flatten(2).transpose(1, 2)  # (B, N, 2 K)
    pairs = cells.reshape(*cells.shape[:2], -1, 2).flip(-1)
    return pairs.to(torch.promote_types(maps.dtype, torch.float32))


def start_points(config: TrackPointsConfig) -> Tensor:
    """Return the (K, 2) x, y in cells that the first points count from, row by row."""
    if not isinstance(config.start, GridStart):
        return torch.zeros(config.points, 2)
    axis = torch.linspace(-config.start.reach, config.start.reach, config.side)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], dim=-1).flatten(0, 1)


__all__ = ["PointConv", "TrackPointsHead", "point_pairs", "start_points", "tower"]
