"""Building blocks of matching heads: a block that matches one level with convolutions around a correlation, and the mean over levels."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lockon.models.fusion import depthwise_correlation, upchannel_correlation
from lockon.ops.grid import Grid
from lockon.types import Candidates

GROUPS = 32  # of group normalization
PRIOR = 0.01  # foreground probability that the bias of published classification layers stands for
LOG_LIMIT = 8.0  # exponents of sides end here: no crop has sides of 2981 units, and infinite boxes would make every loss NaN


def conv_bn_relu(cin: int, cout: int, kernel: int, padding: int = 0, *, bias: bool = False) -> nn.Sequential:
    """Build convolution, batch normalization, ReLU; a bias in between does nothing, but some published weights have one."""
    return nn.Sequential(nn.Conv2d(cin, cout, kernel, padding=padding, bias=bias), nn.BatchNorm2d(cout), nn.ReLU(inplace=True))


def conv_tower(*widths: int) -> nn.Sequential:
    """Build a 3x3 convolution with bias, batch normalization and ReLU from each width to the next."""
    return nn.Sequential(*(conv_bn_relu(cin, cout, 3, padding=1, bias=True) for cin, cout in itertools.pairwise(widths)))


def group_norm(channels: int) -> nn.GroupNorm:
    """Build a group normalization in 32 groups, or as many as divide the channels."""
    return nn.GroupNorm(math.gcd(GROUPS, channels), channels)


def group_tower(channels: int, depth: int, *, padding: bool = True) -> nn.Sequential:
    """Build `depth` 3x3 convolutions with group normalization and ReLU; without padding each takes one cell off every side."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Conv2d(channels, channels, 3, padding=int(padding)), group_norm(channels), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def init_small(*parts: nn.Module) -> None:
    """Initialize every convolution in `parts` with random weights of deviation 0.01, and its bias with 0."""
    for part in parts:
        for layer in part.modules():
            if isinstance(layer, nn.Conv2d) and layer.bias is not None:
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.zeros_(layer.bias)


def init_prior(cls: nn.Conv2d) -> None:
    """Initialize the bias of both classes with -ln((1 - prior) / prior), as published: their difference is 0."""
    assert cls.bias is not None
    nn.init.constant_(cls.bias, -math.log((1 - PRIOR) / PRIOR))


class DepthwiseBlock(nn.Module):
    """Depth-wise matching of one level for one task (Li et al., SiamRPN++, CVPR 2019, Sec. 3.3, Fig. 4c).

    Args:
        channels: C of both inputs.
        out: Channels of the result.
        padding: Keep the search map's size; otherwise only positions where nothing is padded.
    """

    def __init__(self, channels: int, out: int, *, padding: bool = False) -> None:
        super().__init__()
        self.padding = padding
        self.template = conv_bn_relu(channels, channels, 3)
        self.search = conv_bn_relu(channels, channels, 3, padding=int(padding))
        self.out = nn.Sequential(*conv_bn_relu(channels, channels, 1), nn.Conv2d(channels, out, 1))

    def match(self, template: Tensor, search: Tensor) -> Tensor:
        """Map (B, C, h, w) and (B, C, H, W) to the correlation (B, C, S, S): 7 and 31 cells give S = 25, or 31 with padding."""
        return depthwise_correlation(self.template(template), self.search(search), valid=not self.padding)

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        """Map (B, C, h, w) and (B, C, H, W) to (B, out, S, S)."""
        result: Tensor = self.out(self.match(template, search))
        return result


class UpChannelBlock(nn.Module):
    """Up-channel matching of one level for one task (Li et al., SiamRPN, CVPR 2018, Sec. 3.2): one full kernel per output channel.

    Args:
        channels: C of both inputs.
        out: Channels of the result.
        padding: Keep the search map's size, as in `DepthwiseBlock`.
        adjust: A 1x1 convolution on the result, which the published network has for the boxes.
    """

    def __init__(self, channels: int, out: int, *, padding: bool = False, adjust: bool = False) -> None:
        super().__init__()
        self.padding = padding
        self.template = nn.Conv2d(channels, channels * out, 3)
        self.search = nn.Conv2d(channels, channels, 3, padding=int(padding))
        self.adjust = nn.Conv2d(out, out, 1) if adjust else nn.Identity()

    def forward(self, template: Tensor, search: Tensor) -> Tensor:
        """Map (B, C, h, w) and (B, C, H, W) to (B, out, S, S)."""
        result: Tensor = self.adjust(upchannel_correlation(self.template(template), self.search(search), valid=not self.padding))
        return result


def level_weights(levels: int, weighted: bool) -> nn.Parameter | None:
    """Create the (L,) weights of the levels before the softmax, all equal at first; None where there is nothing to weigh."""
    return nn.Parameter(torch.ones(levels)) if weighted and levels > 1 else None


def mean_of_levels(maps: Sequence[Tensor], weights: Tensor | None) -> Tensor:
    """Compute the softmax-weighted sum of one (B, K, S, S) map per level, or their plain mean."""
    stack = torch.stack(list(maps))  # (L, B, K, S, S)
    return stack.mean(0) if weights is None else (stack * weights.softmax(0).view(-1, 1, 1, 1, 1)).sum(0)


def two_class_logits(cls: Tensor) -> Tensor:
    """Map (B, 2 A, S, S) scores, all backgrounds, then all foregrounds, to (B, A S S) foreground minus background in float32."""
    classes = cls.reshape(cls.shape[0], 2, -1).float()  # (B, 2, N)
    return classes[:, 1] - classes[:, 0]


def four_sides(loc: Tensor) -> Tensor:
    """Map (B, 4 A, S, S), first of the four for all anchors, then the second and so on, to (B, A S S, 4) in float32."""
    return loc.reshape(loc.shape[0], 4, -1).transpose(1, 2).float()


class PointGridHead(nn.Module):
    """A head that predicts distances to the four sides of a box at the N points of a grid; subclasses have the layers.

    Args:
        grid: The points in search-crop pixels.
    """

    points: Tensor

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self.grid = grid
        self.register_buffer("points", torch.from_numpy(grid.points()), persistent=False)  # (N, 2)

    @property
    def candidates(self) -> Candidates:
        """Return where the candidates lie: at the grid's points."""
        return Candidates(self.points, None, self.grid.stride)

    def to_boxes(self, distances: Tensor) -> Tensor:
        """Map (B, N, 4) distances left, top, right, bottom to boxes x1, y1, x2, y2."""
        return torch.cat([self.points - distances[..., :2], self.points + distances[..., 2:]], dim=-1)
