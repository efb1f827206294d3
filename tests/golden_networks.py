"""The zoo's networks with the made-up weights of golden_data; needs torch."""

from __future__ import annotations

import torch
from torch import Tensor

import golden_data
from lockon.models.siamese import SiameseModel
from lockon.zoo import build
from lockon.zoo.convert import from_official

ZOO_NAMES = {
    "siamrpn_r50": "siamrpnpp-r50",
    "siamrpn_alex": "siamrpn-alexnet",
    "siamban_r50": "siamban-r50",
    "siampw_rbo": "siampw-r50-rbo",
    "siamcar_r50": "siamcar-r50",
}


def network(golden: str, *, strict: bool = True, **changes: object) -> SiameseModel:
    """The network of a golden set with its weights, in evaluation mode.

    `changes` to its configuration must keep the shapes; parts that only one of both has are left out, or left random, if not `strict`.
    """
    name = ZOO_NAMES[golden]
    module: SiameseModel = build(name, **changes)
    module.load_state_dict(from_official(name, official_tensors(golden)), strict=strict)
    return module.eval()


def official_tensors(golden: str) -> dict[str, Tensor]:
    """The weights of a golden set under their official names."""
    return {name: torch.from_numpy(array) for name, array in golden_data.official_state(golden).items()}


def images(golden: str, pair: str) -> tuple[Tensor, Tensor]:
    """Template (1, 3, 127, 127) and search crop (1, 3, S, S) of a golden pair, RGB 0..255."""
    template, search = (torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].float() for crop in golden_data.crop_pair(golden, pair))
    return template, search
