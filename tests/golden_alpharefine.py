"""Reference values of the official Alpha-Refine (golden/README.md); needs torch.

The whole network of ResNet-34 with made-up weights, and the neck of an early version with PrRoI pooling and a non-local block.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import golden_data
from golden.procedural import smooth_image
from lockon.models.refiner import RefinerModel
from lockon.zoo import alpha_refine

NAME = "alpharefine_r34"
NECK = "alpharefine_legacy_neck"


def official_tensors(name: str = NAME) -> dict[str, Tensor]:
    """The weights of a set under their official names."""
    return {key: torch.from_numpy(np.asarray(value)) for key, value in golden_data.official_state(name).items()}


def renamed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Official weights under our names, without those that are never run."""
    kept = {key: value for key, value in state.items() if not any(re.match(one, key) for one in alpha_refine.OFFICIAL.unused)}
    for pattern, replacement in alpha_refine.OFFICIAL.renames:
        kept = {re.sub(pattern, replacement, key): value for key, value in kept.items()}
    return kept


@cache
def network() -> RefinerModel:
    """alpha-refine-r34 with the weights of the set, in evaluation mode."""
    module = alpha_refine.build(alpha_refine.AlphaRefineConfig())
    module.load_state_dict(renamed(official_tensors()))
    return module.eval()


def crop_pair(pair: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Reference and search crop (256, 256, 3) RGB of "photo" or "smooth", whose features and heads are stored."""
    if pair == "smooth":
        return smooth_image("z", 256, 256), smooth_image("x", 256, 256)
    return golden_data.frames()[0][22 : 22 + 256, 42 : 42 + 256], golden_data.frames()[6][38 : 38 + 256, 73 : 73 + 256]


def images(pair: str) -> tuple[Tensor, Tensor]:
    """`crop_pair` as (1, 3, 256, 256) RGB 0..255."""
    reference, search = (torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].float() for crop in crop_pair(pair))
    return reference, search


@cache
def legacy_neck() -> dict[str, NDArray[np.floating]]:
    """Features, boxes and what PrRoI pooling makes of them; ``neck.*``: reference and search features to the neck's output."""
    return dict(np.load(golden_data.FOLDER / NECK / "prroi.npz"))


@cache
def refine() -> dict[str, NDArray[np.generic]]:
    """Two runs of the official refiner over the frames of golden_data: boxes in, corner boxes out, masks thinned out."""
    return dict(np.load(golden_data.FOLDER / NAME / "refine.npz"))
