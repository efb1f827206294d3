"""Networks of the trackers that learn online: features to fit a filter on, the filter's start, and the box network. No state.

DiMP: Bhat et al., ICCV 2019 (arXiv 1904.07220), Sec. 3; PrDiMP: Danelljan et al., CVPR 2020 (arXiv 2003.12565), the same layers.
ATOM: Danelljan et al., CVPR 2019 (arXiv 1811.07628), Sec. 3.

Letters: B crops, C channels, h cells per side, K = 4 cells per side of a filter.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lockon.models.backbones.inverted_residual import TwoLevelTrunk
from lockon.models.backbones.resnet import BasicBlock, ResNet
from lockon.models.heads.iou import IoUNet, Pair
from lockon.ops.torch.prroi import prroi_pool

STRIDE = 16  # of the features that filters are learnt on
FILTER_SIZE = 4  # K
NUMBERS = ("log_step_length", "filter_reg", "label_map", "target_mask", "spatial_weight")  # of the optimiser
BINS, BIN = 100, 0.1  # of the distance to the target's centre: their number and width in cells


class OnlineTaps(NamedTuple):
    """What training needs of B crops.

    Attributes:
        low: (B, C', 2 h, 2 h) backbone features of stride 8.
        high: (B, C'', h, h) backbone features of stride 16.
        classification: (B, C, h, h) features that filters are learnt on.
    """

    low: Tensor
    high: Tensor
    classification: Tensor


class InstanceL2Norm(nn.Module):
    """Scale each sample to the length ``scale * sqrt(C H W)``, (B, C, H, W) to the same (DiMP, Sec. 3.4).

    Args:
        scale: Root mean square of the result.
        epsilon: Added to the sum of squares.
    """

    def __init__(self, scale: float, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.scale = scale
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to the same shape; a map of zeros stays one."""
        energy = x.square().sum((1, 2, 3), keepdim=True)  # (B, 1, 1, 1)
        return x * (self.scale * torch.sqrt(math.prod(x.shape[1:]) / (energy + self.epsilon)))


class ClassificationFeatures(nn.Module):
    """Backbone features to those that filters are learnt on: residual blocks, a 3x3 convolution, `InstanceL2Norm`.

    Args:
        cin: Input channels.
        out: C.
        blocks: Number of residual blocks: 1 behind ResNet-18, 0 behind ResNet-50.
    """

    def __init__(self, cin: int, out: int, *, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(BasicBlock(cin, cin) for _ in range(blocks)))
        self.conv = nn.Conv2d(cin, out, 3, padding=1, bias=False)
        self.norm = InstanceL2Norm(math.sqrt(1 / (out * FILTER_SIZE**2)))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, cin, h, h) to (B, C, h, h)."""
        result: Tensor = self.norm(self.conv(self.blocks(x)))
        return result


class FilterInitializer(nn.Module):
    """Predict a filter from one sample: a 3x3 convolution, and its mean over each bin of the target's box (DiMP, Sec. 3.3).

    Args:
        channels: C.
        zero: Start training with filters of zero, as PrDiMP does.
    """

    def __init__(self, channels: int, *, zero: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        if zero:
            nn.init.zeros_(self.conv.weight)
        assert self.conv.bias is not None
        nn.init.zeros_(self.conv.bias)

    def forward(self, features: Tensor, boxes: Tensor) -> Tensor:
        """Map (M, C, h, h) features and (M, 4) x1, y1, x2, y2 in crop pixels to (M, C, K, K)."""
        return prroi_pool(self.conv(features), boxes[:, None], size=FILTER_SIZE, scale=1 / STRIDE)[:, 0]


class DescentParameters(nn.Module):
    """The trained numbers of DiMP's optimiser (Sec. 3.4), or the first two alone of PrDiMP's; shapes are those of published weights.

    Args:
        maps: With label, mask and spatial weight as functions of the distance to the target's centre.
        label_sigma: Deviation of the label at the start of training, in cells.
        log_step: Logarithm of the step's factor at the start.
        regularization: Weight of the filter at the start, before it is squared.
        mask_switch: Distance in cells at which the target mask is a half at the start; beyond it scores below 0 no longer count.
    """

    def __init__(self, *, maps: bool, label_sigma: float, log_step: float, regularization: float, mask_switch: float = 2.0) -> None:
        super().__init__()
        distance = torch.arange(BINS) * BIN
        label = torch.exp(-0.5 * (distance / label_sigma) ** 2)
        self.log_step_length = nn.Parameter(torch.full((1,), log_step))
        self.filter_reg = nn.Parameter(torch.full((1,), regularization))
        self.label_map = nn.Parameter((label - label.min()).view(1, -1, 1, 1)) if maps else None
        self.target_mask = nn.Parameter((3 * torch.tanh(mask_switch - distance)).view(1, -1, 1, 1)) if maps else None
        self.spatial_weight = nn.Parameter(torch.ones(1, BINS, 1, 1)) if maps else None

    def numbers(self) -> dict[str, Tensor | None]:
        """Return the numbers by name as (1,) and (100,) tensors with their gradients; the maps are None without `maps`."""
        return {name: None if value is None else value.flatten() for name, value in ((name, getattr(self, name)) for name in NUMBERS)}


class DiMPModel(nn.Module):
    """DiMP's and PrDiMP's network: `taps` of crops, `initializer` and `optimizer` for the filter, `iou` for boxes.

    Args:
        backbone: With outputs at strides 8 and 16 (layers 2 and 3 of a ResNet).
        classification: Features that filters are learnt on, of those of layer 3.
        initializer: Starts of filters.
        optimizer: Trained numbers of the optimiser.
        iou: Box network.
        search_size: Side of the crops in pixels.
    """

    def __init__(
        self,
        *,
        backbone: ResNet | TwoLevelTrunk,
        classification: ClassificationFeatures,
        initializer: FilterInitializer,
        optimizer: DescentParameters,
        iou: IoUNet,
        search_size: int,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.classification = classification
        self.initializer = initializer
        self.optimizer = optimizer
        self.iou = iou
        self.search_size = search_size

    def taps(self, images: Tensor) -> OnlineTaps:
        """Compute what (B, 3, H, W) RGB 0..255 crops show, with gradients where parameters have them."""
        low, high = self.backbone(images)
        return OnlineTaps(low, high, self.classification(high))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map (B, 3, H, W) RGB 0..255 crops to the features that filters are learnt on, and the two of the box network."""
        taps = self.taps(images)
        return taps.classification, *self.iou.features(taps[:2])

    def modulation(self, images: Tensor, boxes: Tensor) -> Pair:
        """Encode the targets (B, 4) x1, y1, x2, y2 of (B, 3, H, W) RGB 0..255 crops for the box network."""
        low, high = self.backbone(images)
        return self.iou.modulation((low, high), boxes)


class ATOMModel(nn.Module):
    """ATOM's network: a backbone whose features filters are learnt on as they are, up to their scale, and `iou` for boxes.

    Args:
        backbone: With the outputs of layers 2 and 3.
        iou: Box network.
        search_size: Side of the crops in pixels.
    """

    def __init__(self, *, backbone: ResNet, iou: IoUNet, search_size: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.iou = iou
        self.search_size = search_size

    def taps(self, images: Tensor) -> OnlineTaps:
        """Compute what (B, 3, H, W) RGB 0..255 crops show; layer 3 is divided by its root mean square to classify."""
        low, high = self.backbone(images)
        power = high.square().mean((1, 2, 3), keepdim=True)  # (B, 1, 1, 1)
        return OnlineTaps(low, high, high / torch.sqrt(power + 1e-10))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Map (B, 3, H, W) RGB 0..255 crops to the features that filters are learnt on, and the two of the box network."""
        taps = self.taps(images)
        return taps.classification, *self.iou.features(taps[:2])

    def modulation(self, images: Tensor, boxes: Tensor) -> Pair:
        """Encode the targets (B, 4) x1, y1, x2, y2 of (B, 3, H, W) RGB 0..255 crops for the box network."""
        low, high = self.backbone(images)
        return self.iou.modulation((low, high), boxes)


__all__ = [
    "ATOMModel",
    "ClassificationFeatures",
    "DescentParameters",
    "DiMPModel",
    "FilterInitializer",
    "InstanceL2Norm",
    "OnlineTaps",
]
