"""What a frozen backbone makes of a sample, in the place of its crops: computed once, it serves every run that does not train it."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch
from torch import nn

from lockon.errors import LockonError
from lockon.models.one_stream import OneStreamModel
from lockon.models.siamese import SiameseModel
from lockon.train.launch import computes_bf16
from lockon.train.recipe import Pipeline, Recipe


class FrozenFeatures:
    """A pipeline of feature maps: those of `pipeline` with each crop replaced by the backbone's map of it.

    A map has the layout of a crop, (h, w, C), so that a task takes it for one; float16. Of the crops of several frames of one role,
    (N, H, W, 3), it makes (N, h, w, C).

    Args:
        pipeline: Its crops are those entries of its samples that are uint8 RGB.
        backbone: (B, 3, H, W) RGB 0..255 to one map (B, C, h, w).
    """

    def __init__(self, pipeline: Pipeline, backbone: nn.Module) -> None:
        self.pipeline = pipeline
        self.backbone = backbone.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def sample(self, index: int) -> dict[str, Any]:
        """Sample `index` of the pipeline, its crops as feature maps."""
        sample = dict(self.pipeline.sample(index))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=computes_bf16("cpu")):
            for name in [name for name, value in sample.items() if is_crop(value)]:
                frames = np.ascontiguousarray(sample[name])
                images = torch.from_numpy(frames.reshape(-1, *frames.shape[-3:])).permute(0, 3, 1, 2).float()
                maps = self.backbone(images).permute(0, 2, 3, 1).half().numpy()  # (N, h, w, C)
                sample[name] = maps.reshape(*frames.shape[:-3], *maps.shape[1:])
        return sample


def is_crop(value: object) -> bool:
    """Return whether an entry of a sample is a crop (H, W, 3) uint8, or those of several frames (N, H, W, 3)."""
    return isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim in (3, 4) and value.shape[-1] == 3


def is_frozen(recipe: Recipe) -> bool:
    """Return whether the recipe's backbone never learns and gives one map, so that its maps can be kept."""
    module, stages = recipe.task.module, recipe.config.unfreeze
    never = bool(stages) and not any(count for _, count in stages)
    return never and isinstance(module, SiameseModel | OneStreamModel) and isinstance(getattr(module.backbone, "channels", None), int)


def fingerprint(module: nn.Module) -> str:
    """Return the hexadecimal digest of a module's weights and buffers."""
    digest = hashlib.sha256()
    for name, value in module.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def take_backbone(module: nn.Module) -> nn.Module:
    """Replace the module's backbone by nothing, for training on its maps; return it.

    Raises:
        LockonError: The module has none.
    """
    backbone = getattr(module, "backbone", None)
    if not isinstance(backbone, nn.Module):
        raise LockonError(f"{type(module).__name__} has no backbone whose features could be kept; give --cache images")
    module.backbone = nn.Identity()
    return backbone


__all__ = ["FrozenFeatures", "fingerprint", "is_frozen", "take_backbone"]
