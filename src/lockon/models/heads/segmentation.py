"""The mask head of a refiner: a small U-Net decoder from the matched map up to the whole crop.

Yan et al., Alpha-Refine, CVPR 2021, Sec. 3.3 (after Ronneberger et al., U-Net, MICCAI 2015); layers as in the published weights, without
batch normalization.

Letters: B crops, C channels, S cells per side of the matched map.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from lockon.models.heads.blocks import conv_bn_relu
from lockon.models.heads.mask import two_convolutions

WIDE = (64, 256, 512)  # channels of ResNet-50's first three stages, for which the decoder was made
WIDTHS = (4, 16, 32)  # channels of the decoder beside them, as published


class MaskDecoder(nn.Module):
    """Decoder of the matched map, doubled in size three times, each time joined by the backbone's features of that size; then once more.

    Args:
        channels: C of the matched map.
        taps: Channels of the backbone's stem, first and second layer.
        wide: Channels that a 1x1 convolution with batch normalization brings the taps to, where they differ.
        widths: Channels of the decoder beside each tap.
    """

    def __init__(
        self,
        channels: int,
        taps: tuple[int, int, int],
        *,
        wide: tuple[int, int, int] = WIDE,
        widths: tuple[int, int, int] = WIDTHS,
    ) -> None:
        super().__init__()
        adjust = (conv_bn_relu(cin, cout, 1, bias=True) if taps != wide else nn.Identity() for cin, cout in zip(taps, wide, strict=True))
        self.adjust = nn.ModuleList(adjust)
        self.lateral = nn.ModuleList(two_convolutions(cin, cin // 4, out) for cin, out in zip(wide, widths, strict=True))
        inputs = (*widths[:-1], channels)
        self.vertical = nn.ModuleList(two_convolutions(cin, width, width) for cin, width in zip(inputs, widths, strict=True))
        self.merge = nn.ModuleList(nn.Conv2d(width, out, 3, padding=1) for width, out in zip(widths, (1, *widths[:-1]), strict=True))

    def forward(self, matched: Tensor, taps: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """Decode the masks of B crops.

        Args:
            matched: (B, C, S, S).
            taps: Features of the same crops, (B, C', 8 S, 8 S), (B, C', 4 S, 4 S), (B, C', 2 S, 2 S).

        Returns:
            (B, 16 S, 16 S) logits.
        """
        out = matched
        for level in (2, 1, 0):  # from the coarsest tap up
            side = self.lateral[level](self.adjust[level](taps[level]))
            out = self.merge[level](_doubled(self.vertical[level](out)) + side)
        return _doubled(out).squeeze(1)


def _doubled(maps: Tensor) -> Tensor:
    return F.interpolate(maps, scale_factor=2.0, mode="bilinear", align_corners=False)
