"""The images of a batch, as networks take them.

Samples name their crops by role: "template" and "search" for pairs. Tasks ask for the roles that they know.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

PAIR = ("template", "search")  # roles of the two crops of a pair


def as_images(crops: Tensor, device: torch.device) -> Tensor:
    """Return (B, H, W, 3) uint8 as (B, 3, H, W) float in channels-last memory: the permuted view already is."""
    return crops.to(device, non_blocking=True).permute(0, 3, 1, 2).float()


def images_of(batch: Mapping[str, Any], device: torch.device, roles: tuple[str, ...] = PAIR) -> tuple[Tensor, ...]:
    """Return the images (B, 3, H, W) of a batch by role, in the order of `roles`."""
    return tuple(as_images(batch[role], device) for role in roles)


__all__ = ["PAIR", "as_images", "images_of"]
