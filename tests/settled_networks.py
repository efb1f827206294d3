"""Made-up networks whose answers depend on the picture, and pictures that they tell apart."""

from __future__ import annotations

from typing import Any

import torch


def settle(module: Any) -> None:
    """Give batch normalization the statistics of pictures: without them a random network says hardly anything of what it sees."""
    norms = [part for part in module.modules() if isinstance(part, torch.nn.BatchNorm2d)]
    module.eval()
    for part in norms:
        part.momentum = None  # the plain mean over all batches
        part.train()
    with torch.no_grad():
        module(module.encode(patterns(4, module.template_size)), patterns(4, module.search_size))
    module.eval()


def patterns(count: int, side: int) -> torch.Tensor:
    """Return (count, 3, side, side) coarse patterns 0..255, each of its own brightness: noise of pixels is all the same to a network."""
    pattern = torch.nn.functional.interpolate(torch.rand(count, 3, 8, 8), size=(side, side), mode="bilinear")
    return pattern * torch.linspace(100, 255, count)[:, None, None, None]
