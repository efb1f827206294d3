"""Residual networks: the unpadded dilated ResNet-50 of the PySOT family, and the ordinary ResNet-18/34/50.

`interpolated_resnet` has the unpadded ResNet-50 whose last layers keep their strides (DuML).

ResNet: He et al., CVPR 2016 (arXiv 1512.03385), Table 1, with the stride on the 3x3 convolution as in all published weights.
Dilated: Li et al., SiamRPN++, CVPR 2019 (arXiv 1812.11703), Sec. 3.2: layers 2 to 4 at stride 8, no padding where the size shrinks,
so that features stay translation invariant. Parameter names are torchvision's, which timm and PySOT use as well.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lockon.models.backbones.staged import StagedBackbone

IMAGENET_MEAN = (123.675, 116.28, 103.53)  # RGB, 0..255
IMAGENET_STD = (58.395, 57.12, 57.375)
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}  # per layer


class BasicBlock(nn.Module):
    """Residual block of two 3x3 convolutions and a shortcut: (B, cin, H, W) to (B, planes, H/stride, W/stride).

    Args:
        cin: Input channels.
        planes: Output channels.
        stride: Stride of the first convolution.
        shortcut: None where shapes agree.
    """

    expansion = 1
    norm_pairs = (("conv1", "bn1"), ("conv2", "bn2"))  # each normalization follows that convolution alone: export folds them

    def __init__(self, cin: int, planes: int, *, stride: int = 1, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, cin, H, W) to (B, planes, H/stride, W/stride)."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        out: Tensor = self.relu(y + (x if self.downsample is None else self.downsample(x)))
        return out


class Bottleneck(nn.Module):
    """Residual block of 1x1, 3x3, 1x1 convolutions and a shortcut: (B, cin, H, W) to (B, 4 planes, H', W').

    Args:
        cin: Input channels.
        planes: Width inside.
        stride: Stride of the 3x3 convolution.
        padding: Padding of the 3x3 convolution.
        dilation: Dilation of the 3x3 convolution.
        shortcut: None where shapes agree.
    """

    expansion = 4
    norm_pairs = (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3"))

    def __init__(
        self, cin: int, planes: int, *, stride: int = 1, padding: int = 1, dilation: int = 1, shortcut: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(cin, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, padding, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, cin, H, W) to (B, 4 planes, H', W')."""
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        out: Tensor = self.relu(y + (x if self.downsample is None else self.downsample(x)))
        return out


class StagedResNet(StagedBackbone):
    """Stem and layers with outputs after any of the layers; subclasses build them.

    Args:
        layers: Numbers (1 to 4) of the layers whose outputs `forward` returns, in this order; later ones are not built.
        bgr: The weights expect blue, green, red; the input stays RGB.
        mean: RGB mean of 0..255 input; None passes the pixels to the stem as they are.
        std: RGB standard deviation of 0..255 input; None with `mean`.
        train_norms: Batch normalization of trained stages uses and updates the statistics of the batch.
        stem_padding: Padding of the first convolution.
        pool_padding: Padding of the pooling behind it.

    Attributes:
        channels: C of each output.
    """

    norm_pairs = (("conv1", "bn1"),)
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        layers: Sequence[int],
        *,
        bgr: bool,
        mean: Sequence[float] | None,
        std: Sequence[float] | None,
        train_norms: bool,
        stem_padding: int,
        pool_padding: int = 1,
    ) -> None:
        if not layers or not set(layers) <= {1, 2, 3, 4}:
            raise ValueError(f"layers={tuple(layers)} given, expected numbers from 1 to 4")
        super().__init__(max(layers) + 1, train_norms=train_norms)
        self.built = max(layers)
        self.layers = tuple(layers)
        self.bgr = bgr
        self.normalized = mean is not None
        self.register_buffer("mean", torch.tensor(mean or (0.0,) * 3).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std or (1.0,) * 3).view(1, 3, 1, 1), persistent=False)
        self.conv1 = nn.Conv2d(3, 64, 7, 2, stem_padding, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, pool_padding)
        self.channels: tuple[int, ...] = ()

    def stage(self, number: int) -> tuple[nn.Module, ...]:
        """Return the modules of the stem, number 0, or of a layer."""
        return (self.get_submodule(f"layer{number}"),) if number else (self.conv1, self.bn1)

    def features(self, image: Tensor) -> dict[str, Tensor]:
        """Return every stage's output: "stem" (after the first ReLU, before pooling), "layer1" and so on, as many as are built.

        Args:
            image: (B, 3, H, W) RGB 0..255.
        """
        x = (image - self.mean) / self.std if self.normalized else image
        x = x.flip(1) if self.bgr else x
        x = self.relu(self.bn1(self.conv1(x)))
        outputs = {"stem": x}
        x = self.maxpool(x)
        for number in range(1, self.built + 1):
            x = self.get_submodule(f"layer{number}")(x)
            outputs[f"layer{number}"] = x
        return outputs

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Map (B, 3, H, W) RGB 0..255 to one (B, C, H', W') per entry of `layers`."""
        outputs = self.features(image)
        return tuple(outputs[f"layer{number}"] for number in self.layers)


class DilatedResNet50(StagedResNet):
    """ResNet-50 with layers 2 to 4 at stride 8: 127 pixels give 15x15, 255 give 31x31, 287 give 35x35.

    Feature k is centred on input pixel 8 k + 7. Input is not normalized; PySOT's weights expect BGR 0..255.

    Args:
        layers: Outputs, in this order; (2, 3, 4) in SiamRPN++ and SiamBAN, (2, 3) in SiamPW, (3,) in SiamMask.
        bgr: Flip RGB input to BGR.
        train_norms: Batch normalization of trained layers runs in training mode, as in PySOT.
    """

    def __init__(self, layers: Sequence[int] = (2, 3, 4), *, bgr: bool = True, train_norms: bool = True) -> None:
        super().__init__(layers, bgr=bgr, mean=None, std=None, train_norms=train_norms, stem_padding=0)
        cin = 64
        for number in range(1, self.built + 1):
            planes = 32 << number
            self.add_module(f"layer{number}", unpadded_layer(cin, planes, number) if number < 3 else _dilated_layer(cin, planes, number))
            cin = planes * Bottleneck.expansion
        self.channels = tuple((32 << number) * Bottleneck.expansion for number in layers)
        initialize(self)


class ResNet(StagedResNet):
    """The ordinary ImageNet ResNet-18, 34 or 50: layer n at stride 2^(n+1), half of that from `unstrided` on; RGB input normalized inside.

    Args:
        depth: 18, 34 or 50.
        layers: Outputs, in this order.
        train_norms: As `StagedResNet`; small batches of crops are too alike to replace the ImageNet statistics.
        unstrided: A layer that keeps the stride of the one before (TransT: 3); the 3x3 convolution of its first block alone is dilated
            by 2. ResNet-50 only; None for none.
    """

    def __init__(self, depth: int, layers: Sequence[int] = (3,), *, train_norms: bool = False, unstrided: int | None = None) -> None:
        if depth not in BLOCKS:
            raise ValueError(f"depth={depth} given, expected one of {', '.join(map(str, BLOCKS))}")
        if unstrided is not None and (depth != 50 or unstrided not in (2, 3, 4)):
            raise ValueError(f"unstrided={unstrided} with depth={depth} given, expected layer 2, 3 or 4 of depth 50")
        super().__init__(layers, bgr=False, mean=IMAGENET_MEAN, std=IMAGENET_STD, train_norms=train_norms, stem_padding=3)
        block = Bottleneck if depth == 50 else BasicBlock
        cin = 64
        for number in range(1, self.built + 1):
            planes, stride = 32 << number, 1 if number in (1, unstrided) else 2
            cout = planes * block.expansion
            shortcut = None if stride == 1 and cin == cout else _shortcut(cin, cout, stride=stride)
            dilated = {"padding": 2, "dilation": 2} if number == unstrided else {}
            blocks: list[nn.Module] = [block(cin, planes, stride=stride, shortcut=shortcut, **dilated)]
            blocks += [block(cout, planes) for _ in range(BLOCKS[depth][number - 1] - 1)]
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
            cin = cout
        self.channels = tuple((32 << number) * block.expansion for number in layers)
        initialize(self)


def unpadded_layer(cin: int, planes: int, number: int) -> nn.Sequential:
    """Build layer 1, or layer 2 whose first block shrinks without padding: index i of its output is centred on 2 i + 1 of its input."""
    cout = planes * Bottleneck.expansion
    shape = {"stride": 2, "padding": 0} if number == 2 else {}
    shortcut = _shortcut(cin, cout, kernel=3, stride=2) if number == 2 else _shortcut(cin, cout)
    first = Bottleneck(cin, planes, shortcut=shortcut, **shape)
    return nn.Sequential(first, *(Bottleneck(cout, planes) for _ in range(BLOCKS[50][number - 1] - 1)))


def strided_layer(cin: int, planes: int, number: int) -> nn.Sequential:
    """Build layer 3 or 4 of the ordinary network: index i of its output is centred on 2 i of its input."""
    cout = planes * Bottleneck.expansion
    first = Bottleneck(cin, planes, stride=2, shortcut=_shortcut(cin, cout, stride=2))
    return nn.Sequential(first, *(Bottleneck(cout, planes) for _ in range(BLOCKS[50][number - 1] - 1)))


def _dilated_layer(cin: int, planes: int, number: int) -> nn.Sequential:
    """Build layer 3 or 4, which dilate by 2 and 4, their first block by half of that."""
    cout = planes * Bottleneck.expansion
    half = number - 2  # 1 and 2
    shortcut = _shortcut(cin, cout, kernel=3, padding=half, dilation=half)
    first = Bottleneck(cin, planes, padding=half, dilation=half, shortcut=shortcut)
    dilation = 2 * half
    return nn.Sequential(first, *(Bottleneck(cout, planes, padding=dilation, dilation=dilation) for _ in range(BLOCKS[50][number - 1] - 1)))


def _shortcut(cin: int, cout: int, *, kernel: int = 1, stride: int = 1, padding: int = 0, dilation: int = 1) -> nn.Sequential:
    """Build the shortcut of a block that changes its input's shape: a convolution and a batch normalization."""
    return nn.Sequential(nn.Conv2d(cin, cout, kernel, stride, padding, dilation, bias=False), nn.BatchNorm2d(cout))


def initialize(module: nn.Module) -> None:
    """Initialize convolutions from N(0, 2 / (k k out)), as He et al., ICCV 2015 (arXiv 1502.01852), Eq. 14."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")


__all__ = [
    "BLOCKS",
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "BasicBlock",
    "Bottleneck",
    "DilatedResNet50",
    "ResNet",
    "StagedResNet",
    "initialize",
    "strided_layer",
    "unpadded_layer",
]
