"""The loss of a mask branch: SiamMask (Wang et al., CVPR 2019, arXiv 1812.05050), Eq. 3.

Letters: B images, K chosen cells of their score maps, P side of a predicted mask, W side of the window that it is of.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lockon.ops.torch.windows import windows

WINDOW = 127  # pixels of the search crop that a cell's mask is of: a template crop
STRIDE = 8
OFFSET = -32  # first pixel of cell 0's window


def mask_windows(masks: Tensor, image: Tensor, row: Tensor, col: Tensor) -> Tensor:
    """The truth at K cells: (K, 127, 127) windows of (B, H, W) masks of search crops, 0 outside the crop.

    Args:
        masks: 0 or 1, of any type. image, row, col: (K,) which mask, and which cell.
    """
    return windows(masks.float().unsqueeze(1), image, row * STRIDE + OFFSET, col * STRIDE + OFFSET, WINDOW).squeeze(1)


def mask_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Binary logistic loss, the mean over pixels and cells; 0 without cells.

    Args:
        logits: (K, P, P); a smaller mask than its window is enlarged bilinearly, corner on corner.
        truth: (K, W, W) of `mask_windows`.
    """
    if not len(logits):
        return logits.sum()  # 0, with a gradient of 0
    if logits.shape[-1] != truth.shape[-1]:
        logits = F.interpolate(logits[:, None], size=truth.shape[-2:], mode="bilinear", align_corners=True).squeeze(1)
    return F.softplus(logits * (1 - 2 * truth)).mean()  # log(1 + exp(-y m)), y = +-1


def mask_iou(logits: Tensor, truth: Tensor, threshold: float = 0.5) -> Tensor:
    """(K,) overlap of each mask, cut at a probability, with the truth; a figure to watch. 0 where both are empty."""
    found, wanted = logits.sigmoid() > threshold, truth > 0.5
    both = torch.logical_and(found, wanted).sum(dim=(1, 2))
    return both / torch.logical_or(found, wanted).sum(dim=(1, 2)).clamp(min=1)
