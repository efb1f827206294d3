"""Torch networks of the zoo by name: built from literals, or from the configuration in a weight file's header."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from torch import nn

from lockon.config import apply_overrides, flatten
from lockon.errors import LockonError, unknown_name
from lockon.export.torch_model import TorchModel
from lockon.train.checkpoint import load_weights, read_weights

NETWORKS = {"lockon-s": "lockon.zoo.lockon_s"}  # name -> module with ModelConfig and build(config)


def build(name: str, **overrides: Any) -> nn.Module:
    """The network of a name with random weights; `overrides` change its `ModelConfig`.

    Raises:
        LockonError: unknown name or override.
    """
    if name not in NETWORKS:
        raise unknown_name("network", name, NETWORKS)
    family = importlib.import_module(NETWORKS[name])
    module: nn.Module = family.build(apply_overrides(family.ModelConfig(), overrides))
    return module


def load_network(name: str, path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network as the weight file's header describes it, with those weights, and the header.

    Raises:
        LockonError: the file is missing, damaged, no safetensors, or of another architecture.
    """
    if path.suffix != ".safetensors":
        raise LockonError(f"{path} is not a safetensors file; weights of lockon end in .onnx or .safetensors")
    header = read_weights(path)[1]
    if header.get("architecture") != name:
        raise LockonError(f"{path} holds weights of {header.get('architecture', 'an unnamed network')!r}, not of {name!r}; use that name")
    module = build(name, **flatten(header.get("config", {}).get("model", {})))
    return module, load_weights(module, path)


def load_model(name: str, path: Path, device: str) -> tuple[TorchModel, dict[str, Any]]:
    """`load_network` behind the NumPy interface."""
    module, header = load_network(name, path)
    return TorchModel(module, device=device, header=header), header
