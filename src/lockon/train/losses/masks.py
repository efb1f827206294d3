"""The loss of a mask branch: SiamMask (Wang et al., CVPR 2019, arXiv 1812.05050), Eq. 3.

Letters: B images, K chosen cells of their score maps, P side of a predicted mask, W side of the window that it is of.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lockon.ops.torch.windows import windows
from lockon.train.losses.base import Loss, LossInput, Scalars

WINDOW = 127  # pixels of the search crop that a cell's mask is of: a template crop
STRIDE = 8
OFFSET = -32  # first pixel of cell 0's window


@dataclass(frozen=True, kw_only=True)
class FineMaskLoss(Loss):
    """Logistic loss of the fine masks; nothing in a batch without masks."""

    weight: float = 32.0

    def __call__(self, x: LossInput) -> Scalars:
        """Compute `mask_loss`."""
        return {} if x.masks is None else mask_loss(x.masks.fine, x.masks.truth)


@dataclass(frozen=True, kw_only=True)
class CoarseMaskLoss(Loss):
    """Logistic loss of the coarse masks; nothing in a batch without masks."""

    weight: float = 32.0

    def __call__(self, x: LossInput) -> Scalars:
        """Compute `mask_loss`."""
        return {} if x.masks is None or x.masks.coarse is None else mask_loss(x.masks.coarse, x.masks.truth)


def mask_windows(masks: Tensor, image: Tensor, row: Tensor, col: Tensor) -> Tensor:
    """Return the truth at K cells: (K, 127, 127) windows of the masks, 0 outside the crop.

    Args:
        masks: (B, H, W) of search crops, 0 or 1, of any type.
        image: (K,) which mask.
        row: (K,) row of the cell.
        col: (K,) column of the cell.
    """
    return windows(masks.float().unsqueeze(1), image, row * STRIDE + OFFSET, col * STRIDE + OFFSET, WINDOW).squeeze(1)


def mask_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Compute the binary logistic loss, the mean over pixels and cells; 0 without cells.

    Args:
        logits: (K, P, P). A smaller mask than its window is enlarged bilinearly, corner on corner.
        truth: (K, W, W) of `mask_windows`.
    """
    if not len(logits):
        return logits.sum()  # 0, with a gradient of 0
    if logits.shape[-1] != truth.shape[-1]:
        logits = F.interpolate(logits[:, None], size=truth.shape[-2:], mode="bilinear", align_corners=True).squeeze(1)
    return F.softplus(logits * (1 - 2 * truth)).mean()  # log(1 + exp(-y m)), y = +-1


def mask_iou(logits: Tensor, truth: Tensor, threshold: float = 0.5) -> Tensor:
    """Return the (K,) overlap of each mask, cut at a probability, with the truth; 0 where both are empty."""
    predicted, wanted = logits.sigmoid() > threshold, truth > 0.5
    both = torch.logical_and(predicted, wanted).sum(dim=(1, 2))
    return both / torch.logical_or(predicted, wanted).sum(dim=(1, 2)).clamp(min=1)


__all__ = ["CoarseMaskLoss", "FineMaskLoss", "mask_iou", "mask_loss", "mask_windows"]
