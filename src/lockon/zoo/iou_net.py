"""The refiner `iou-net`: the box network of any ATOM, DiMP, PrDiMP, SuperDiMP or compact DiMP weights around any tracker."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockon._require import require
from lockon.config import apply_overrides, flatten
from lockon.errors import LockonError
from lockon.export.deployed import DeployedOnline
from lockon.export.runtime import load_graphs
from lockon.online.ascent import BoxAscent, RelativeSpace
from lockon.ops.crop_rules import InsideMajor, PytrackingRule
from lockon.refiners.iou_net import IoUNetConfig, IoUNetRefiner, LogDensity
from lockon.zoo import atom, compact_dimp, dimp
from lockon.zoo.card import Card

if TYPE_CHECKING:
    from lockon.export.torch_online import TorchOnline

DENSITY = IoUNetConfig(
    crop=PytrackingRule(factor=6.0, inside=InsideMajor()),
    ascent=BoxAscent(steps=10, length=(2.5e-3, 2.5e-3), space=RelativeSpace()),
    confidence=LogDensity(),
)
TRACKERS = {one.name: one for family in (atom, compact_dimp, dimp) for one in family.CARDS}  # that have a box network
# Name of the network in a weight file -> how its box network is used, as its own tracker does.
CONFIGS = dict.fromkeys(("atom", "compact-dimp", "dimp18", "dimp50"), IoUNetConfig())
CONFIGS |= dict.fromkeys(("prdimp18", "prdimp50", "superdimp"), DENSITY)


def construct(path: Path | None, device: str, overrides: Mapping[str, Any]) -> IoUNetRefiner:
    """Make the refiner from the weights of a tracker that has a box network.

    Args:
        path: A `.safetensors` file of one of `CONFIGS`, or what `lockon export` made of it, which needs no torch.
        device: As for `lockon.load`.
        overrides: Of `IoUNetConfig`, over what the weights' own tracker uses.

    Raises:
        LockonError: No weights, weights of another network, or an unknown override.
    """
    if path is None or path.suffix not in (".safetensors", ".onnx", ".xml"):
        raise LockonError(
            f"iou-net needs the weights of a tracker with a box network ({', '.join(CONFIGS)}); type: lockon convert dimp50 FILE "
            "dimp50.safetensors, and give --refiner-weights dimp50.safetensors"
        )
    network = _torch_network(path, device) if path.suffix == ".safetensors" else _deployed_network(path, device)
    return IoUNetRefiner(network, apply_overrides(CONFIGS[_network_name(path, network.header)], overrides))


def _network_name(path: Path, header: Mapping[str, Any]) -> str:
    """Return the name of the network in a weight file.

    Raises:
        LockonError: It has no box network.
    """
    name: str = header.get("architecture", "an unnamed network")
    if name not in CONFIGS:
        raise LockonError(f"{path} holds weights of {name!r}, which has no box network; give those of one of {', '.join(CONFIGS)}")
    return name


def _deployed_network(path: Path, device: str) -> DeployedOnline:
    graphs = load_graphs(path, device)
    _network_name(path, graphs.header)
    return DeployedOnline(graphs)


def _torch_network(path: Path, device: str) -> TorchOnline:
    require("torch", "torch")
    require("safetensors", "torch")
    from lockon.export.torch_online import TorchOnline
    from lockon.train.checkpoint import load_checked, read_weights

    tensors, header = read_weights(path)
    name = _network_name(path, header)
    changes = flatten(header.get("config", {}).get("model", {}))
    one = TRACKERS[name]
    assert one.build is not None, "a network is built"
    module = one.build(apply_overrides(one.model, changes))
    load_checked(module, tensors, header, path)
    return TorchOnline(module, "cpu" if device in ("auto", "torch") else device, header)


CARDS = (
    Card(
        name="iou-net",
        kind="refiner",
        summary="IoU-Net climbing from the given box; weights of atom, compact-dimp, dimp18, dimp50, prdimp18, prdimp50 or superdimp",
        paper="Danelljan et al., ATOM: Accurate Tracking by Overlap Maximization, CVPR 2019 (arXiv 1811.07628)",
        licence="that of the weights",
        checkpoint="those of a tracker with a box network; lockon convert dimp50 FILE dimp50.safetensors",
        config=IoUNetConfig(),
        construct=construct,
    ),
)
