"""The images of a batch, as networks take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def as_images(crops: Tensor, device: torch.device) -> Tensor:
    """Return (B, H, W, 3) uint8 as (B, 3, H, W) float in channels-last memory: the permuted view already is."""
    return crops.to(device, non_blocking=True).permute(0, 3, 1, 2).float()


def images_of(batch: Mapping[str, Any], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the template and the search images (B, 3, H, W) of a batch of pairs."""
    return as_images(batch["template"], device), as_images(batch["search"], device)


__all__ = ["as_images", "images_of"]
