"""Inverted residual networks cut at stride 16: MobileNetV2 and EfficientNet-Lite0.

MobileNetV2: Sandler et al., CVPR 2018 (arXiv 1801.04381), Table 2. EfficientNet-Lite0: the ReLU6 variant of
EfficientNet-B0 (Tan and Le, ICML 2019, arXiv 1905.11946, Table 1) without squeeze-and-excitation. Both are one stem
and a stack of the same block, so they share this file. `stages` splits the stack where the stride doubles, which is how
training freezes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lockon.models.backbones.resnet import IMAGENET_MEAN, IMAGENET_STD
from lockon.models.backbones.staged import StagedBackbone

# (expansion, output channels, repeats, stride, kernel) per row of the papers' tables, down to stride 16
MOBILENET_V2_ROWS = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 32, 3, 2, 3), (6, 64, 4, 2, 3), (6, 96, 3, 1, 3))
_LITE_INPUT: dict[str, Any] = {"mean": (127.0, 127.0, 127.0), "std": (128.0, 128.0, 128.0), "eps": 1e-3}
EFFICIENTNET_LITE0_ROWS = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5))


def conv_bn(
    cin: int, cout: int, kernel: int = 1, stride: int = 1, *, groups: int = 1, act: bool = True, eps: float = 1e-5
) -> nn.Sequential:
    """Build a convolution without bias, batch normalization, and ReLU6 unless `act` is False; padding keeps size / stride."""
    layers: list[nn.Module] = [
        nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(cout, eps=eps),
    ]
    if act:
        layers.append(nn.ReLU6(inplace=True))
    return nn.Sequential(*layers)


class InvertedResidual(nn.Module):
    """Inverted residual block: expand 1x1, depth-wise kxk, project 1x1; the input is added where shapes allow.

    Args:
        cin: Input channels.
        cout: Output channels.
        expansion: Factor from input channels to those inside.
        stride: Stride of the depth-wise convolution.
        kernel: Side of the depth-wise kernel.
        eps: Epsilon of the batch normalizations.
    """

    def __init__(self, cin: int, cout: int, *, expansion: int, stride: int, kernel: int, eps: float = 1e-5) -> None:
        super().__init__()
        hidden = cin * expansion
        self.expand = conv_bn(cin, hidden, eps=eps) if expansion != 1 else nn.Identity()
        self.depthwise = conv_bn(hidden, hidden, kernel, stride, groups=hidden, eps=eps)
        self.project = conv_bn(hidden, cout, act=False, eps=eps)
        self.residual = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, cin, H, W) to (B, cout, H/stride, W/stride)."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class InvertedResidualTrunk(StagedBackbone):
    """Stem and blocks down to stride 16, split into four stages of stride 2, 4, 8, 16; frozen ones run without recording gradients.

    Batch normalization keeps its ImageNet statistics: batches of crops are too small and too alike to replace them.

    Args:
        name: Name of the network, for messages.
        rows: (expansion, channels, repeats, stride, kernel) per group of blocks.
        mean: Per-channel RGB mean of 0..255 input.
        std: Per-channel RGB standard deviation of 0..255 input.
        eps: Epsilon of the batch normalizations (1e-3 in EfficientNet-Lite, 1e-5 in MobileNetV2).

    Attributes:
        channels: C of the output.
        stage_channels: C of every entry of `features`, in their order.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, name: str, rows: Sequence[tuple[int, int, int, int, int]], *, mean: Sequence[float], std: Sequence[float], eps: float
    ) -> None:
        super().__init__(1 + sum(stride == 2 for *_, stride, _ in rows), train_norms=False)
        self.name = name
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        stages: list[list[nn.Module]] = [[conv_bn(3, 32, 3, 2, eps=eps)]]
        channels, widths = 32, []
        for expansion, cout, repeats, stride, kernel in rows:
            if stride == 2:
                stages.append([])
                widths.append(channels)
            for index in range(repeats):
                block = InvertedResidual(channels, cout, expansion=expansion, stride=stride if index == 0 else 1, kernel=kernel, eps=eps)
                stages[-1].append(block)
                channels = cout
        self.stages = nn.ModuleList(nn.Sequential(*stage) for stage in stages)
        self.channels = channels
        self.stage_channels = (*widths, channels)

    def stage(self, number: int) -> tuple[nn.Module]:
        """Return the modules of a stage."""
        return (self.stages[number],)

    def features(self, image: Tensor) -> dict[str, Tensor]:
        """Return every stage's output by the names of `StagedResNet.features`: "stem", "layer1", "layer2", "layer3" at strides 2, 4, 8, 16.

        Args:
            image: (B, 3, H, W) RGB 0..255.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.is_trained(0)):
            x = (image - self.mean) / self.std
        outputs = {}
        for index, stage in enumerate(self.stages):
            with torch.set_grad_enabled(torch.is_grad_enabled() and self.is_trained(index)):
                x = stage(x)
            outputs[f"layer{index}" if index else "stem"] = x
        return outputs

    def forward(self, image: Tensor) -> Tensor:
        """Map (B, 3, H, W) RGB 0..255 to (B, C, H/16, W/16)."""
        return self.features(image)[f"layer{len(self.stages) - 1}"]


class TwoLevelTrunk(InvertedResidualTrunk):
    """The same trunk, by the same names, whose outputs at strides 8 and 16 are both wanted."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]  # two levels instead of one
        """Map (B, 3, H, W) RGB 0..255 to (B, C', H/8, W/8) and (B, C, H/16, W/16)."""
        features = self.features(image)
        return features["layer2"], features["layer3"]


def mobilenet_v2() -> InvertedResidualTrunk:
    """Build MobileNetV2 1.0 to its last stride-16 block: 96 channels, 0.54 M parameters."""
    return InvertedResidualTrunk("mobilenet-v2", MOBILENET_V2_ROWS, mean=IMAGENET_MEAN, std=IMAGENET_STD, eps=1e-5)


def efficientnet_lite0() -> InvertedResidualTrunk:
    """Build EfficientNet-Lite0 to its last stride-16 block: 112 channels, 0.70 M parameters."""
    return InvertedResidualTrunk("efficientnet-lite0", EFFICIENTNET_LITE0_ROWS, **_LITE_INPUT)


def two_level_lite0() -> TwoLevelTrunk:
    """Build EfficientNet-Lite0 with its outputs at strides 8 and 16: 40 and 112 channels."""
    return TwoLevelTrunk("efficientnet-lite0", EFFICIENTNET_LITE0_ROWS, **_LITE_INPUT)
