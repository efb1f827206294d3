"""The unpadded ResNet-50 whose last two layers keep their strides and are interpolated: much cheaper than the dilated one.

Zhou et al., Higher Performance Visual Tracking with Dual-Modal Localization (DuML), Appendix B: "we interpolate the features from the last
two blocks to the same size of feature from block 2". The paper does not say how the network is padded; here stem and layer 2 are those of
`DilatedResNet50`, so that anchors stay aligned, and layers 3 and 4 those of the ordinary network.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from lockon.models.backbones.resnet import Bottleneck, StagedResNet, initialize, strided_layer, unpadded_layer


class InterpolatedResNet50(StagedResNet):
    """ResNet-50 with layers 3 and 4 at strides 16 and 32, brought to layer 2's size: 127 pixels give 15x15, 255 give 31x31.

    Feature k of every output is centred on input pixel 8 k + 7. Input is not normalized; PySOT's weights expect BGR 0..255.

    Args:
        layers: Outputs, in this order, from layer 2 on.
        bgr: Flip RGB input to BGR.
        train_norms: Batch normalization of trained layers runs in training mode, as in PySOT.
    """

    def __init__(self, layers: Sequence[int] = (2, 3, 4), *, bgr: bool = True, train_norms: bool = True) -> None:
        if 1 in layers:
            raise ValueError(f"layers={tuple(layers)} given, expected numbers from 2 to 4: layer 1 is finer than what is interpolated to")
        super().__init__(layers, bgr=bgr, mean=None, std=None, train_norms=train_norms, stem_padding=0)
        cin = 64
        for number in range(1, self.built + 1):
            planes = 32 << number
            self.add_module(f"layer{number}", unpadded_layer(cin, planes, number) if number < 3 else strided_layer(cin, planes, number))
            cin = planes * Bottleneck.expansion
        self.channels = tuple((32 << number) * Bottleneck.expansion for number in layers)
        initialize(self)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Map (B, 3, H, W) RGB 0..255 to one (B, C, H', W') per entry of `layers`, all of layer 2's size."""
        outputs = self.features(image)
        size = outputs["layer2"].shape[-2:]
        return tuple(align_corner(outputs[f"layer{number}"], size, 1 << (number - 2)) for number in self.layers)


def align_corner(features: Tensor, size: Sequence[int], stride: int) -> Tensor:
    """Interpolate features bilinearly to a finer grid whose index ``stride * i`` has what index i had.

    Args:
        features: (B, C, h, w).
        size: H, W of the finer grid. Its cells beyond ``stride * (h - 1)`` have no neighbour on both sides: they repeat the last one.
        stride: Fine cells per cell.

    Returns:
        (B, C, H, W).
    """
    if stride == 1:
        return features
    between = [stride * (cells - 1) + 1 for cells in features.shape[-2:]]
    fine = F.interpolate(features, between, mode="bilinear", align_corners=True)
    bottom, right = (wanted - have for wanted, have in zip(size, between, strict=True))
    return F.pad(fine, (0, right, 0, bottom), mode="replicate") if right or bottom else fine


__all__ = ["InterpolatedResNet50", "align_corner"]
