"""The unpadded AlexNet of SiamFC and SiamRPN at stride 8.

Krizhevsky et al., NeurIPS 2012, with batch normalization, no padding and no groups, cut after the fifth convolution:
Bertinetto et al., SiamFC, ECCV-W 2016 (arXiv 1606.09549), Table 1. Parameter names are those of PySOT's "legacy" AlexNet.
"""

from __future__ import annotations

from torch import Tensor, nn

from lockon.models.backbones.staged import StagedBackbone


class AlexNet(StagedBackbone):
    """AlexNet of (B, 3, H, W) RGB 0..255 to one (B, 256, H', W'): 127 pixels give 6x6, 255 give 22x22, 287 give 26x26.

    The last convolution is normalized but not rectified. Feature k is centred on input pixel 8 k + 43.

    Args:
        bgr: The weights expect blue, green, red; the input stays RGB.
        train_norms: Batch normalization of trained stages uses and updates the statistics of the batch.

    Attributes:
        channels: C of the single output.
    """

    STAGES = ((0, 4), (4, 8), (8, 11), (11, 14), (14, 16))  # one convolution each, as ranges of `features`

    def __init__(self, *, bgr: bool = True, train_norms: bool = True) -> None:
        super().__init__(len(self.STAGES), train_norms=train_norms)
        self.bgr = bgr
        self.channels: tuple[int, ...] = (256,)
        self.features = nn.Sequential(
            nn.Conv2d(3, 96, 11, 2),
            nn.BatchNorm2d(96),
            nn.MaxPool2d(3, 2),
            nn.ReLU(inplace=True),
            nn.Conv2d(96, 256, 5),
            nn.BatchNorm2d(256),
            nn.MaxPool2d(3, 2),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 384, 3),
            nn.BatchNorm2d(384),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 384, 3),
            nn.BatchNorm2d(384),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3),
            nn.BatchNorm2d(256),
        )

    def stage(self, number: int) -> list[nn.Module]:
        """Return one of the five convolutions with what follows it."""
        start, end = self.STAGES[number]
        return list(self.features)[start:end]

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Map (B, 3, H, W) RGB 0..255 to one (B, 256, H', W')."""
        return (self.features(image.flip(1) if self.bgr else image),)


__all__ = ["AlexNet"]
