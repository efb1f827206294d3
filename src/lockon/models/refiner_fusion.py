"""Fusion of a refiner's reference and search features to one map: correlation, convolutions, channel attention, a non-local block.

Yan et al., Alpha-Refine, CVPR 2021, Sec. 3.2; what follows the correlation is that of the published weights.

Letters: B crops, C channels, h cells per side of the reference, S of the search map, D channels of the result.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lockon.models.choices import Correlation
from lockon.models.fusion import attend, depthwise_correlation, naive_correlation, pixelwise_correlation
from lockon.models.heads.blocks import conv_bn_relu
from lockon.models.neck import projection

REDUCTION = 4  # of channel attention


class ChannelAttention(nn.Module):
    """Channel attention: each channel times a weight in (0, 1) computed from all channels' means (Hu et al., SENet, CVPR 2018, Sec. 3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, channels // REDUCTION, 1)
        self.excite = nn.Conv2d(channels // REDUCTION, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, D, S, S) to the same shape."""
        weights = self.excite(F.relu(self.squeeze(x.mean(dim=(2, 3), keepdim=True)))).sigmoid()  # (B, D, 1, 1)
        weighed: Tensor = x * weights
        return weighed


class PooledNonLocal(nn.Module):
    """Non-local block whose cells attend to all others at half the resolution (Wang et al., Non-local, CVPR 2018, Sec. 3.3).

    The last normalization starts at 0, so that the block starts as the identity.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 2
        self.query = nn.Conv2d(channels, inner, 1)
        self.key = nn.Conv2d(channels, inner, 1)
        self.value = nn.Conv2d(channels, inner, 1)
        norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(norm.weight)
        self.out = nn.Sequential(nn.Conv2d(inner, channels, 1), norm)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, D, S, S) to the same shape."""
        key, value = (F.max_pool2d(part(x), 2) for part in (self.key, self.value))
        gathered: Tensor = self.out(attend(self.query(x), key, value, scaled=False))
        return x + gathered


class RefinerFusion(nn.Module):
    """Correlation, `post`, `attention`, `non_local`, in this order.

    Args:
        channels: C of both inputs.
        reference_cells: h: pixel-wise correlation gives h h channels.
        correlation: One of the three of Sec. 3.2. Depth-wise and naive correlation, which take whole kernels, shrink the map: a 3x3
            convolution with batch normalization to D channels and bilinear enlargement bring it back to S cells.
        out: D; without `post` pixel-wise correlation needs h h.
        post: Three 1x1 convolutions with batch normalization, of 2 D, 2 D and D channels.
        attention: Whether to use `ChannelAttention`.
        non_local: Whether to use `PooledNonLocal`, which early versions of the published code had.
    """

    def __init__(
        self,
        channels: int,
        *,
        reference_cells: int = 8,
        correlation: Correlation = "pixelwise",
        out: int = 64,
        post: bool = True,
        attention: bool = True,
        non_local: bool = False,
    ) -> None:
        super().__init__()
        self.correlation = correlation
        self.mix = None if correlation == "pixelwise" else conv_bn_relu(channels if correlation == "depthwise" else 1, out, 3, 1, bias=True)
        maps = reference_cells**2 if correlation == "pixelwise" else out
        layers = [*conv_bn_relu(maps, 2 * out, 1, bias=True), *conv_bn_relu(2 * out, 2 * out, 1, bias=True)]
        self.post = nn.Sequential(*layers, *conv_bn_relu(2 * out, out, 1, bias=True)) if post else nn.Identity()
        self.attention = ChannelAttention(out) if attention else nn.Identity()
        self.non_local = PooledNonLocal(out) if non_local else nn.Identity()

    def correlate(self, reference: Tensor, search: Tensor) -> Tensor:
        """Correlate (B, C, h, h) and (B, C, S, S) to (B, h h or D, S, S): plain sums of products, as published."""
        if self.mix is None:
            return pixelwise_correlation(reference, search, scaled=False)
        depthwise = self.correlation == "depthwise"
        maps = depthwise_correlation(reference, search, valid=True) if depthwise else naive_correlation(reference, search)
        return F.interpolate(self.mix(maps), size=search.shape[-2:], mode="bilinear", align_corners=False)

    def forward(self, reference: Tensor, search: Tensor) -> Tensor:
        """Map (B, C, h, h) and (B, C, S, S) to (B, D, S, S)."""
        fused: Tensor = self.non_local(self.attention(self.post(self.correlate(reference, search))))
        return fused


class ProjectedFusion(RefinerFusion):
    """`RefinerFusion` of features that a 1x1 convolution brings to fewer channels, for backbones that are hardly trained.

    Args:
        channels: C of both inputs.
        width: Channels that are matched.
        appearance: The search features stay beside the matched ones, mixed by a 1x1 convolution: matching shows the position of the
            target, appearance its borders.
        out: D.
        **parts: Other arguments of `RefinerFusion`.
    """

    def __init__(self, channels: int, *, width: int, appearance: bool = False, out: int = 64, **parts: Any) -> None:
        super().__init__(width, out=out, **parts)
        self.project = projection(channels, width)
        self.blend = conv_bn_relu(out + width, out, 1) if appearance else None

    def forward(self, reference: Tensor, search: Tensor) -> Tensor:
        """Map (B, C, h, h) and (B, C, S, S) to (B, D, S, S)."""
        projected = self.project(search)
        fused = super().forward(self.project(reference), projected)
        return fused if self.blend is None else self.blend(torch.cat([fused, projected], dim=1))  # type: ignore[no-any-return]


__all__ = ["ChannelAttention", "PooledNonLocal", "ProjectedFusion", "RefinerFusion"]
