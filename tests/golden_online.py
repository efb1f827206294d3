"""Reference values of pytracking's networks that learn online, with made-up weights; golden/README.md says where they come from.

Needs torch. Four networks: "dimp18", "dimp50", "super_dimp", "atom"; and "iounet_refine", the box network alone on made-up features.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import golden_data
from golden.procedural import fill, normal, smooth_image, uniform
from lockon.localizers.peaks import SecondPeak
from lockon.models.backbones.resnet import IMAGENET_MEAN, IMAGENET_STD
from lockon.zoo import atom, dimp

CARDS = {"dimp18": "dimp18", "dimp50": "dimp50", "super_dimp": "superdimp", "atom": "atom"}  # golden set -> name in the zoo


def build(golden: str) -> nn.Module:
    """The network of a golden set with random weights."""
    name = CARDS[golden]
    return atom.build(atom.NETWORKS[name]) if golden == "atom" else dimp.build(dimp.NETWORKS[name])


@lru_cache(maxsize=1)
def network(golden: str) -> Any:
    """The network of a golden set with its weights, in evaluation mode, converted by the zoo's names."""
    official = (atom if golden == "atom" else dimp).OFFICIAL
    with torch.device("meta"):
        module = build(golden)
    weights = {}
    manifest = golden_data.manifest(golden)
    for entry in manifest["entries"]:
        name = entry["name"]
        if not any(re.match(pattern, name) for pattern in official.unused):
            array = fill(name, entry["shape"], manifest["salt"], entry.get("gain", 1.0), entry.get("offset", 0.0))
            weights[renamed(name, official.renames)] = torch.from_numpy(array)
    module.load_state_dict(weights, assign=True)
    for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):  # no part of a checkpoint
        setattr(module.backbone, name, torch.tensor(values).view(1, 3, 1, 1))
    return module.eval()


def renamed(name: str, renames: tuple[tuple[str, str], ...]) -> str:
    """An official name as ours."""
    for pattern, replacement in renames:
        name = re.sub(pattern, replacement, name)
    return name


@cache
def stored(golden: str) -> dict[str, NDArray[Any]]:
    """All arrays of a set's forward.npz."""
    return dict(np.load(golden_data.FOLDER / golden / "forward.npz"))


def crop(golden: str, which: str) -> NDArray[np.uint8]:
    """(S, S, 3) RGB: "photo" and "test" are cut from frames, "smooth" is made from its key."""
    values = stored(golden)
    side = int(values["photo.layer2.shape"][2]) * 8
    if which == "smooth":
        return smooth_image(str(values["smooth.key"]), side, side)
    return cut(values[f"{which}.cut"], side)


def train_crops(golden: str, count: int) -> NDArray[np.uint8]:
    """(count, S, S, 3) of the samples that filters are fitted to."""
    values = stored(golden)
    side = int(values["photo.layer2.shape"][2]) * 8
    return np.stack([cut(place, side) for place in values["train.cuts"][:count]])


def cut(place: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
    number, left, top = (int(value) for value in place)
    return golden_data.frames()[number][top : top + side, left : left + side]


def difference(golden: str, key: str, values: NDArray[np.floating[Any]] | torch.Tensor) -> float:
    """Largest difference to an array that is stored whole or thinned out, as a fraction of its largest value."""
    found, arrays = np.asarray(values, dtype=np.float64), stored(golden)
    if key in arrays:
        return float(np.abs(found - arrays[key]).max() / np.abs(arrays[key]).max())
    assert found.shape == tuple(arrays[f"{key}.shape"]), (found.shape, arrays[f"{key}.shape"])
    sample = arrays[f"{key}.sample"]
    _, _, low, high, size = arrays[f"{key}.stats"]
    step = -(-int(size) // len(sample))
    return float(np.abs(found.ravel()[::step] - sample).max() / max(abs(low), abs(high)))


def corners(boxes_xywh: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Boxes (..., 4) x, y, w, h as x1, y1, x2, y2."""
    return np.concatenate([boxes_xywh[..., :2], boxes_xywh[..., :2] + boxes_xywh[..., 2:]], axis=-1).astype(np.float32)


STRICT = {  # golden set -> run -> last frame up to which any run of the same arithmetic gives the official boxes
    "dimp18": {"default": 20, "other": 20, "flags": 20},
    "dimp50": {"default": 15, "other": 20, "flags": 20},
    "super_dimp": {"default": 20, "other": 20, "flags": 15},
}

# Golden set, run -> frame whose two largest scores are 5e-4 apart: filters of the same arithmetic in another order differ by 3e-3 by then.
TIED = {("dimp50", "flags"): 18}


@cache
def track(golden: str) -> dict[str, NDArray[Any]]:
    """All arrays of a set's track.npz: runs "default", "other" and "flags" over `golden_data.frames`; positions are y, x."""
    return dict(np.load(golden_data.FOLDER / golden / "track.npz"))


def second_peak(settings: dict[str, Any], *, from_middle: bool = False) -> SecondPeak:
    """The localization of an official run's settings."""
    return SecondPeak(
        not_found=settings["target_not_found_threshold"],
        distractor=settings["distractor_threshold"],
        hard_negative=settings["hard_negative_threshold"],
        neighborhood=settings["target_neighborhood_scale"],
        displacement=settings["dispalcement_scale"],
        from_middle=from_middle,
    )


class RecordedDraws:
    """The random numbers of an official run in their order: a source for `OnlineTracker`'s `draws`.

    Args:
        golden: Set.
        run: Its run.
    """

    def __init__(self, golden: str, run: str) -> None:
        self.key = f"{golden}|main|{run}"
        self.count = 0

    def __call__(self, seed: int, frame: int) -> RecordedDraws:
        return self

    def random(self, size: tuple[int, ...]) -> NDArray[np.float64]:
        if size[-1] not in (2, 4):  # channels
            return uniform(f"{self.key}|dropout", size)
        self.count += 1
        return uniform(f"{self.key}|rand|{self.count - 1}", size).astype(np.float32).astype(np.float64)

    def standard_normal(self, size: tuple[int, ...]) -> NDArray[np.float64]:
        self.count += 1
        return normal(f"{self.key}|normal|{self.count - 1}", size)
