"""Crops of a batch as the images that networks take."""

from __future__ import annotations

import torch
from torch import Tensor


def as_images(crops: Tensor, device: torch.device) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) float in channels-last memory: the permuted view already is."""
    return crops.to(device, non_blocking=True).permute(0, 3, 1, 2).float()


__all__ = ["as_images"]
