"""The zoo's networks with the made-up weights of golden_data; needs torch."""

from __future__ import annotations

import json
import re
from functools import lru_cache

import torch
from torch import Tensor

import golden_data
from lockon.models.siamese import SiameseModel
from lockon.zoo import build
from lockon.zoo.convert import COUNTER, from_official

ZOO_NAMES = {
    "siamrpn_r50": "siamrpnpp-r50",
    "siamrpn_alex": "siamrpn-alexnet",
    "siamban_r50": "siamban-r50",
    "siampw_rbo": "siampw-r50-rbo",
    "siamcar_r50": "siamcar-r50",
}

# Where the names and shapes of official checkpoints are stored.
OFFICIAL = {
    "siamrpn-alexnet": "siamrpn_alex",
    "siamrpnpp-r50": "siamrpn_r50",
    "siamrpnpp-r50-rbo": "siamrpn_r50",
    "siamban-r50": "siamban_r50",
    "siamban-r50-rbo": "siamban_r50",
    "siamcar-r50": "siamcar_r50",
    "siampw-r50": "siampw_rbo",
    "siampw-r50-rbo": "siampw_rbo",
    "siammask-r50": "siammask_real",
    "alpha-refine-r34": "alpharefine_r34",
    "ostrack256": "ostrack256",
    "ostrack256-ce": "ostrack256_ce",
    "transt-n4": "transt",
    "transt-n2": "transt",
    "dimp18": "dimp18",
    "dimp50": "dimp50",
    "superdimp": "super_dimp",
    "atom": "atom",
}


def official_entries(golden: str) -> list[tuple[str, list[int]]]:
    """Names and shapes of the weights in a golden set's official checkpoint."""
    entries = json.loads((golden_data.FOLDER / golden / "manifest.json").read_text())["entries"]
    return list(entries.items()) if isinstance(entries, dict) else [(entry["name"], entry["shape"]) for entry in entries]


FEWER_LAYERS = {"transt-n2": r"featurefusion_network\.encoder\.layers\.[23]\."}  # what a smaller network of the same set does not have


def blank_of(name: str) -> dict[str, Tensor]:
    """`blank` of the weights that the official checkpoint of a card has."""
    left_out = FEWER_LAYERS.get(name)
    return {key: value for key, value in blank(OFFICIAL[name]).items() if left_out is None or not re.match(left_out, key)}


def blank(golden: str) -> dict[str, Tensor]:
    """Official names and shapes, each weight filled with its own number, so that a swap of two of one shape would show."""
    return {
        key: torch.full(shape, index, dtype=torch.int64 if key.endswith(COUNTER) else torch.float32)
        for index, (key, shape) in enumerate(official_entries(golden))
    }


def network(golden: str, *, strict: bool = True, **changes: object) -> SiameseModel:
    """The network of a golden set with its weights, in evaluation mode.

    `changes` to its configuration must keep the shapes; parts that only one of both has are left out, or left random, if not `strict`.
    """
    name = ZOO_NAMES[golden]
    module: SiameseModel = build(name, **changes)
    module.load_state_dict(converted(name, golden), strict=strict)
    return module.eval()


@lru_cache(maxsize=1)  # hundreds of megabytes
def converted(name: str, golden: str) -> dict[str, Tensor]:
    """The weights of a golden set under our names for a network of the zoo, read-only for tests: they take seconds to make."""
    return from_official(name, official_tensors(golden))


def official_tensors(golden: str) -> dict[str, Tensor]:
    """The weights of a golden set under their official names."""
    return {name: torch.from_numpy(array) for name, array in golden_data.official_state(golden).items()}


def images(golden: str, pair: str) -> tuple[Tensor, Tensor]:
    """Template (1, 3, 127, 127) and search crop (1, 3, S, S) of a golden pair, RGB 0..255."""
    template, search = (torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].float() for crop in golden_data.crop_pair(golden, pair))
    return template, search
