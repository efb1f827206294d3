"""One file per tracker family: model, tracker and training recipe; `registry` knows the names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


def build(name: str, **overrides: Any) -> nn.Module:
    """The torch network of a name with random weights: ``.encode(z)``, ``(template, x) -> Prediction``. Needs the `torch` extra."""
    from lockon._require import require

    require("torch", "torch")
    from lockon.zoo import torch_weights

    return torch_weights.build(name, **overrides)
