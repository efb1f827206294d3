"""One file per tracker family: model, tracker and training recipe; `registry` knows the names.

`build`, `save` and `convert` need the `torch` extra, and load it only when they are used.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


def build(name: str, **overrides: Any) -> nn.Module:
    """The torch network of a name with random weights: ``.encode(z)``, ``(template, x) -> Prediction``. Needs the `torch` extra."""
    _require_torch()
    from lockon.zoo import torch_weights

    return torch_weights.build(name, **overrides)


def save(
    name: str, state_dict: Mapping[str, Tensor], path: str | Path, *, header: Mapping[str, Any] | None = None, **overrides: Any
) -> None:
    """Weights of a network of the zoo as a `.safetensors` file that `lockon.load`, `lockon export` and `lockon train --init` take.

    Args:
        name: of the network.
        state_dict: its weights under our names, as `build(name).state_dict()` or `convert.from_official` gives them.
        path: file to write; it appears when it is complete.
        header: entries that replace the header's own: licence, data, tracker, metrics, git_revision.
        overrides: fields of the network's `ModelConfig` that differ from the name's own.

    Raises:
        LockonError: unknown name or override; weights that do not fit; a file that cannot be written.
    """
    _require_torch()
    from lockon.zoo import convert

    convert.save(name, state_dict, path, header=header, **overrides)


def _require_torch() -> None:
    from lockon._require import require

    require("torch", "torch")
    require("safetensors", "torch")


def __getattr__(name: str) -> Any:
    if name == "convert":  # torch is loaded with it
        _require_torch()
        return importlib.import_module("lockon.zoo.convert")
    raise AttributeError(f"module 'lockon.zoo' has no attribute {name!r}")


__all__ = ["build", "convert", "save"]
