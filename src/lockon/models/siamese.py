"""The Siamese frame: one backbone for template and search, a neck, a fusion, a head. Holds no state between calls."""

from __future__ import annotations

from torch import Tensor, nn

from lockon.types import Prediction, Template


class SiameseModel(nn.Module):
    """`encode` once per target, then call with each search crop.

    Args:
        backbone: (B, 3, H, W) RGB 0..255 to (B, C, H/s, W/s); normalizes its input itself.
        neck: module on the backbone's output, shared by both branches.
        fusion: (template features, search features) to the head's input.
        head: fused features to `Prediction`.
        template_size, search_size: side of the crops in pixels.
    """

    def __init__(
        self,
        *,
        backbone: nn.Module,
        neck: nn.Module,
        fusion: nn.Module,
        head: nn.Module,
        template_size: int,
        search_size: int,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.neck = neck
        self.fusion = fusion
        self.head = head
        self.template_size = template_size
        self.search_size = search_size

    def encode(self, image: Tensor) -> Template:
        """(B, 3, h, w) RGB 0..255 template crops to their features."""
        return Template((self.neck(self.backbone(image)),))

    def forward(self, template: Template, search: Tensor) -> Prediction:
        """Match (B, 3, H, W) RGB 0..255 search crops with B encoded templates."""
        features = self.neck(self.backbone(search))  # (B, C, H/s, W/s)
        prediction: Prediction = self.head(self.fusion(template.features[0], features))
        return prediction
