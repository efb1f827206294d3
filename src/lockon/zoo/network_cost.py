"""The size of the zoo's networks: parameters, crop sizes and floating-point operations, counted without any weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from lockon.zoo.networks import build


@dataclass(frozen=True, slots=True)
class NetworkCost:
    """What one network costs.

    Attributes:
        parameters: Those that can learn.
        template_size: Side of the template crop in pixels.
        search_size: Side of the search crop in pixels.
        template_flops: Operations of convolutions and matrix products for one target, once at the start; a multiplication and its
            addition are two.
        search_flops: Such operations for one target in every frame.
    """

    parameters: int
    template_size: int
    search_size: int
    template_flops: int
    search_flops: int


def count(name: str, **overrides: Any) -> NetworkCost:
    """Count the parameters and operations of a network of the zoo.

    Args:
        name: Of the network.
        overrides: Fields of its configuration.

    Raises:
        LockonError: Unknown name or override.
    """
    with torch.device("meta"):
        module: Any = build(name, **overrides).to("meta").eval()  # constants of NumPy origin move with .to
        crops = [torch.empty(1, 3, side, side) for side in (module.template_size, module.search_size)]
    with torch.no_grad():
        with FlopCounterMode(display=False) as first:
            template = module.encode(crops[0])
        with FlopCounterMode(display=False) as each:
            module(template, crops[1])
    return NetworkCost(
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        template_size=int(module.template_size),
        search_size=int(module.search_size),
        template_flops=int(first.get_total_flops()),
        search_flops=int(each.get_total_flops()),
    )


__all__ = ["NetworkCost", "count"]
