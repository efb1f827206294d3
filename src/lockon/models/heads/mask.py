"""The two mask branches of SiamMask: coarse masks at every cell of the score map, and a fine one at chosen cells.

Wang et al., CVPR 2019 (arXiv 1812.05050), Sec. 3.2 and the refinement of its Fig. 8; layers as in PySOT's release. Cell n lies at
search pixel 31 + 8 n, and its mask is of the 127 x 127 window around it, which is as large as a template crop.

Letters: B targets, K chosen cells, S cells per side of the score map.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from lockon.models.heads.blocks import DepthwiseBlock
from lockon.ops.torch.windows import windows

COARSE = 63  # side of a coarse mask
FINE = 127  # side of a fine mask, and of the window


class MaskHead(DepthwiseBlock):
    """The coarse branch: at each cell 63 x 63 logits from the depth-wise correlation there.

    Args:
        channels: C of both inputs and of the correlation.
    """

    def __init__(self, channels: int = 256) -> None:
        super().__init__(channels, COARSE**2)

    def at(self, correlation: Tensor, image: Tensor, row: Tensor, col: Tensor) -> Tensor:
        """Compute the coarse masks of K cells: the last layer, by far the largest, runs there alone.

        Args:
            correlation: (B, C, S, S), of `match`.
            image: (K,) number of the target, of the B.
            row: (K,) row of the cell.
            col: (K,) column of the cell.

        Returns:
            (K, 63, 63) logits.
        """
        hidden = self.out[:-1](correlation)  # (B, C, S, S); whole, for the batch normalization's statistics
        chosen = hidden.permute(0, 2, 3, 1)[image, row, col][..., None, None]  # (K, C, 1, 1)
        logits: Tensor = self.out[-1](chosen).view(-1, COARSE, COARSE)
        return logits


class RefineHead(nn.Module):
    """The fine branch: the correlation at one cell, opened to 15 x 15 and raised to 127 x 127 with the backbone's earlier features.

    Args:
        channels: C of the correlation.
        levels: Channels of the stem, layer1 and layer2.
    """

    def __init__(self, channels: int = 256, levels: tuple[int, int, int] = (64, 256, 512)) -> None:
        super().__init__()
        self.open = nn.ConvTranspose2d(channels, 32, 15)
        self.lateral = nn.ModuleList(two_convolutions(cin, cin // 4, out) for cin, out in zip(levels, _WIDTHS, strict=True))
        self.vertical = nn.ModuleList(two_convolutions(width, width, width) for width in _WIDTHS)
        self.merge = nn.ModuleList(nn.Conv2d(width, out, 3, padding=1) for width, out in zip(_WIDTHS, (1, *_WIDTHS), strict=False))

    def forward(self, correlation: Tensor, levels: tuple[Tensor, Tensor, Tensor], image: Tensor, row: Tensor, col: Tensor) -> Tensor:
        """Compute the fine masks of K cells.

        Args:
            correlation: (B, C, S, S).
            levels: Stem, layer1 and layer2 of the search crop, (B, C', H', W') each.
            image: (K,) number of the target, of the B.
            row: (K,) row of the cell.
            col: (K,) column of the cell.

        Returns:
            (K, 127, 127) logits.
        """
        out = self.open(correlation.permute(0, 2, 3, 1)[image, row, col][..., None, None])  # (K, 32, 15, 15)
        for index in (2, 1, 0):  # from the coarsest level up
            stride, padding, side, larger = _WINDOWS[index]
            window = windows(levels[index], image, row * stride - padding, col * stride - padding, side)  # (K, C', side, side)
            out = self.vertical[index](out) + self.lateral[index](window)
            out = self.merge[index](F.interpolate(out, size=(larger, larger)))  # nearest
        logits: Tensor = out.squeeze(1)
        return logits


_WIDTHS = (4, 16, 32)  # channels beside stem, layer1, layer2
# per level: its pixels per cell, pixels that the window of cell 0 begins before the map, side of the window, side of the next one
_WINDOWS = ((4, 16, 61, FINE), (2, 8, 31, 61), (1, 4, 15, 31))


def two_convolutions(cin: int, hidden: int, cout: int) -> nn.Sequential:
    """Build two 3x3 convolutions, each with a ReLU, as in U-shaped mask decoders."""
    return nn.Sequential(nn.Conv2d(cin, hidden, 3, padding=1), nn.ReLU(), nn.Conv2d(hidden, cout, 3, padding=1), nn.ReLU())
