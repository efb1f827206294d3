"""Anchor-free head on attention matching: SiamPW (Tang and Ling, RBO, CVPR 2022, Sec. 3.1 and 3.4).

The paper does not describe the layers after the match; they follow the published network: one 1x1 convolution for both tasks,
then a tower of three unpadded 3x3 convolutions per task with group normalization.
"""

from __future__ import annotations

from torch import Tensor, nn

from lockon.models.fusion import attention_match
from lockon.models.heads.ban import LevelledPointHead
from lockon.models.heads.blocks import group_tower, init_prior, init_small

TOWER = 3  # convolutions per task


class AttentionBlock(nn.Module):
    """Attention matching of one level and the towers of both tasks.

    Args:
        channels: C of both inputs.
        padding: Towers keep the map's size; otherwise each convolution takes one cell off every side.
    """

    def __init__(self, channels: int, *, padding: bool = False) -> None:
        super().__init__()
        self.mix = nn.Sequential(nn.Conv2d(2 * channels, channels, 1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        self.cls_tower = group_tower(channels, TOWER, padding=padding)
        self.loc_tower = group_tower(channels, TOWER, padding=padding)
        self.cls = nn.Conv2d(channels, 2, 3, padding=1)
        self.loc = nn.Conv2d(channels, 4, 3, padding=1)
        init_small(self.cls_tower, self.loc_tower, self.cls, self.loc)
        init_prior(self.cls)

    def forward(self, template: Tensor, search: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, C, h, w) and (B, C, H, W) to cls (B, 2, S, S) and raw distances (B, 4, S, S); 31 cells give S = 25."""
        matched = self.mix(attention_match(template, search))  # (B, C, H, W)
        return self.cls(self.cls_tower(matched)), self.loc(self.loc_tower(matched))


class AttentionHead(LevelledPointHead):
    """Head with attention matching; arguments are those of `LevelledPointHead`, 31 search cells give S = 25 without padding."""

    @staticmethod
    def block(channels: int, *, padding: bool) -> nn.Module:
        """Build the block of one level."""
        return AttentionBlock(channels, padding=padding)
