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

CROPS = ("template", "search")


class FrozenFeatures:
    """A pipeline of feature maps: those of `pipeline` with each crop replaced by the backbone's map of it.

    A map has the layout of a crop, (h, w, C), so that a task takes it for one; float16.

    Args:
        pipeline: Gives `template` and `search` (H, W, 3) uint8.
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
            for name in CROPS:
                image = torch.from_numpy(np.ascontiguousarray(sample[name]))[None].permute(0, 3, 1, 2).float()
                sample[name] = self.backbone(image)[0].permute(1, 2, 0).half().numpy()  # (h, w, C)
        return sample


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
