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
from lockon.zoo.registry import networks

NETWORKS = networks()  # name -> module with CONFIGS (name -> ModelConfig) and build(config)


def config_of(name: str, **overrides: Any) -> Any:
    """The `ModelConfig` of a name's network, with fields replaced.

    Raises:
        LockonError: unknown name or override.
    """
    if name not in NETWORKS:
        raise unknown_name("network", name, NETWORKS)
    return apply_overrides(importlib.import_module(NETWORKS[name]).CONFIGS[name], overrides)


def build(name: str, **overrides: Any) -> nn.Module:
    """The network of a name with random weights; `overrides` change its `ModelConfig`.

    Raises:
        LockonError: unknown name or override.
    """
    config = config_of(name, **overrides)
    module: nn.Module = importlib.import_module(NETWORKS[name]).build(config)
    return module


def load_network(name: str, path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network as the weight file's header describes it, with those weights, and the header.

    Raises:
        LockonError: the file is missing, damaged, no safetensors, or of another architecture.
    """
    if path.suffix != ".safetensors":
        raise LockonError(
            f"{path} is not a safetensors file; weights of lockon end in .onnx or .safetensors, "
            f"published ones of others become such a file by: lockon convert {name} {path} OUT.safetensors"
        )
    header = read_weights(path)[1]
    if header.get("architecture") != name:
        raise LockonError(f"{path} holds weights of {header.get('architecture', 'an unnamed network')!r}, not of {name!r}; use that name")
    module = build(name, **flatten(header.get("config", {}).get("model", {})))
    return module, load_weights(module, path)


def load_model(name: str, path: Path, device: str) -> tuple[TorchModel, dict[str, Any]]:
    """`load_network` behind the NumPy interface."""
    module, header = load_network(name, path)
    return TorchModel(module, device=device, header=header), header
