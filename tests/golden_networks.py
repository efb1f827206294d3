"""The zoo's networks with the made-up weights of golden_data; needs torch."""

from __future__ import annotations

import dataclasses
import importlib
import re

import torch
from torch import Tensor

import golden_data
from lockon.models.siamese import SiameseModel

ZOO_NAMES = {
    "siamrpn_r50": ("lockon.zoo.siamrpnpp", "siamrpnpp-r50"),
    "siamrpn_alex": ("lockon.zoo.siamrpnpp", "siamrpn-alexnet"),
    "siamban_r50": ("lockon.zoo.siamban", "siamban-r50"),
    "siampw_rbo": ("lockon.zoo.siampw", "siampw-r50-rbo"),
}


def network(golden: str, **changes: object) -> SiameseModel:
    """The network of a golden set with its weights, in evaluation mode; `changes` to its configuration must keep the shapes."""
    family = importlib.import_module(ZOO_NAMES[golden][0])
    config = family.CONFIGS[ZOO_NAMES[golden][1]]
    module: SiameseModel = family.build(dataclasses.replace(config, **changes))
    state = official_tensors(golden)
    for pattern, replacement in family.OFFICIAL_RENAMES:
        state = {re.sub(pattern, replacement, key): value for key, value in state.items()}
    module.load_state_dict(state)
    return module.eval()


def official_tensors(golden: str) -> dict[str, Tensor]:
    """The weights of a golden set under their official names."""
    return {name: torch.from_numpy(array) for name, array in golden_data.official_state(golden).items()}


def images(golden: str, pair: str) -> tuple[Tensor, Tensor]:
    """Template (1, 3, 127, 127) and search crop (1, 3, S, S) of a golden pair, RGB 0..255."""
    template, search = (torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].float() for crop in golden_data.crop_pair(golden, pair))
    return template, search
