"""One file per family, whose cards say all that is known of its trackers or refiners; `registry` knows the names.

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
    """Build the torch network of a name with random weights; needs the `torch` extra.

    >>> network = build("lockon-s", channels=64)  # doctest: +SKIP

    Args:
        name: Of the network.
        overrides: Fields of its configuration that differ from the name's own.

    Returns:
        A module with ``.encode(template_crops)`` and ``(template, search_crops) -> Prediction``.

    Raises:
        LockonError: Unknown name or override.
    """
    _require_torch()
    from lockon.zoo import networks

    return networks.build(name, **overrides)


def save(
    name: str, state_dict: Mapping[str, Tensor], path: str | Path, *, header: Mapping[str, Any] | None = None, **overrides: Any
) -> None:
    """Write weights of a network of the zoo as a `.safetensors` file that `lockon.load`, `lockon export` and `lockon train --init` take.

    Args:
        name: Of the network.
        state_dict: Its weights under our names, as `build(name).state_dict()` or `convert.from_official` gives them.
        path: File to write; it appears when it is complete.
        header: Entries that replace the header's own: licence, data, tracker, metrics, git_revision.
        overrides: Fields of the network's configuration that differ from the name's own.

    Raises:
        LockonError: Unknown name or override; weights that do not fit; a file that cannot be written.
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
