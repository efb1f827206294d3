"""The size of the zoo's networks: parameters, crop sizes and floating-point operations, counted without any weights."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from lockon.zoo.networks import build


@dataclass(frozen=True, slots=True)
class NetworkCost:
    """What one network costs.

    Attributes:
        parameters: Those that can learn.
        template_size: Side of the template crop in pixels, of trackers that learn online that of a first-frame view.
        search_size: Side of the search crop in pixels.
        template_flops: Operations of convolutions and matrix products for one target, once at the start, without what is learnt; a
            multiplication and its addition are two.
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
        paired = hasattr(module, "encode")  # not so where trackers learn online: they see crops of one size
        sides = (module.template_size if paired else module.search_size, module.search_size)
        crops = [torch.empty(1, 3, side, side) for side in sides]
        box = torch.empty(1, 4)
    with torch.no_grad():
        with FlopCounterMode(display=False) as first:
            encoded = module.encode(crops[0]) if paired else module.modulation(crops[0], box)
        with FlopCounterMode(display=False) as each:
            module(*((encoded, crops[1]) if paired else crops[1:]))
    return NetworkCost(
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        template_size=int(sides[0]),
        search_size=int(module.search_size),
        template_flops=int(first.get_total_flops()),
        search_flops=int(each.get_total_flops()),
    )


@dataclass(frozen=True, slots=True)
class PairCost:
    """Operations of convolutions and matrix products for one pair of template and search crop; those of losses are not counted.

    Attributes:
        forward: Of the network's output.
        training: Of that and of the gradients of all parameters that learn.
    """

    forward: int
    training: int


def count_pair(name: str, *, keep: float | None = None, stages: int | None = None, **overrides: Any) -> PairCost:
    """Count the operations of one training pair. Masks, which SiamMask computes at a few cells, are not counted.

    Args:
        name: Of the network.
        keep: Share of the search tokens that stays at each elimination; None as the network has it.
        stages: Backbone stages that learn; None: all that can.
        overrides: Fields of its configuration.

    Raises:
        LockonError: Unknown name or override.
    """
    with torch.device("meta"):
        module: Any = build(name, **overrides).to("meta").train()
        template, search = (torch.empty(1, 3, side, side) for side in (module.template_size, module.search_size))
    if stages is not None and hasattr(module.backbone, "set_trainable"):
        module.backbone.set_trainable(stages)
    options = {} if keep is None else {"keep": keep}
    with FlopCounterMode(display=False) as forward:
        output = module(module.encode(template), search, **options)
    learnt = [tensor.float().sum() for tensor in _tensors(output) if tensor.requires_grad]
    with FlopCounterMode(display=False, custom_mapping={torch.ops.aten.convolution_backward: convolution_gradient}) as backward:
        torch.stack(learnt).sum().backward()  # type: ignore[no-untyped-call]
    total = int(forward.get_total_flops())
    return PairCost(total, total + int(backward.get_total_flops()))


def convolution_gradient(gradient: Sequence[int], inputs: Sequence[int], weight: Sequence[int], *rest: Any, **_: Any) -> int:
    """Count the operations of a convolution's gradients, from shapes: each takes as many as the convolution.

    Torch's own count takes every input channel of a grouped convolution for each output channel, 30 times too many for small networks.

    Args:
        gradient: (B, C, h, w) of the output.
        inputs: (B, c, H, W).
        weight: As of the layer, whose groups are in its shape.
        rest: What else `convolution_backward` takes: the fifth says whether it is transposed, the last which gradients are wanted.
    """
    transposed, wanted = rest[4], rest[7]
    places = math.prod((inputs if transposed else gradient)[2:])
    return 2 * gradient[0] * places * math.prod(weight) * (int(wanted[0]) + int(wanted[1]))


def _tensors(output: Any) -> Iterator[Tensor]:
    """Yield the tensors of a network's output, whatever holds them."""
    if isinstance(output, Tensor):
        yield output
    elif dataclasses.is_dataclass(output) and not isinstance(output, type):
        for field in dataclasses.fields(output):
            yield from _tensors(getattr(output, field.name))
    elif isinstance(output, Mapping):
        yield from (tensor for value in output.values() for tensor in _tensors(value))
    elif isinstance(output, tuple | list):
        yield from (tensor for value in output for tensor in _tensors(value))


__all__ = ["NetworkCost", "PairCost", "convolution_gradient", "count", "count_pair"]
