"""Necks: backbone features to the width that heads expect.

Li et al., SiamRPN++, CVPR 2019 (arXiv 1812.11703), Sec. 3.2: a 1x1 convolution per level; the template's maps are cut to
their middle by `SiameseModel`.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn


def projection(in_channels: int, out: int) -> nn.Sequential:
    """Return the neck of one map: a 1x1 convolution with batch normalization, (B, in_channels, H, W) to (B, out, H, W)."""
    return nn.Sequential(nn.Conv2d(in_channels, out, 1, bias=False), nn.BatchNorm2d(out))


class LevelNeck(nn.Module):
    """A 1x1 convolution per level, without a nonlinearity.

    Args:
        in_channels: C of every level.
        out: Channels of every output.
        normalized: Batch normalization follows; otherwise the convolution has a bias (DETR, TransT).
    """

    def __init__(self, in_channels: Sequence[int], out: int, *, normalized: bool = True) -> None:
        super().__init__()
        self.levels = nn.ModuleList(projection(channels, out) if normalized else nn.Conv2d(channels, out, 1) for channels in in_channels)

    def forward(self, features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Map one (B, C, H, W) per level to one (B, out, H, W) per level."""
        return tuple(level(feature) for level, feature in zip(self.levels, features, strict=True))
