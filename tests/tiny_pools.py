"""A backbone of single convolutions."""

from __future__ import annotations

import torch
from torch import nn


class Pools(nn.Module):
    """Features at strides 2, 4, 8 and 16 by name."""

    channels = (4, 4, 4, 6)

    def __init__(self) -> None:
        super().__init__()
        inputs = (3, *self.channels[:-1])
        self.steps = nn.ModuleList(nn.Conv2d(cin, cout, 3, 2, 1) for cin, cout in zip(inputs, self.channels, strict=True))

    def features(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        found, x = {}, image / 128 - 1
        for name, step in zip(("stem", "layer1", "layer2", "layer3"), self.steps, strict=True):
            x = found[name] = step(x).tanh()
        return found
