"""The one-stream network: an encoder in which template and search see each other from the first block on. No state between calls.

Ye et al., OSTrack, ECCV 2022 (arXiv 2203.11991), Sec. 3.2.
"""

from __future__ import annotations

from typing import Protocol, cast

from torch import Tensor, nn

from lockon.types import Prediction, Template


class StreamEncoder(Protocol):
    """What mixes the tokens of template and search."""

    def template_tokens(self, features: Tensor) -> Tensor:
        """Map the template's (B, D, h, w) to (B, Z, C): all that depends on the template alone."""
        ...

    def __call__(self, template: Tensor, features: Tensor, *, keep: float | None = None) -> Tensor:
        """Map (B, Z, C) and the search crop's (B, D, H, W) to (B, C, H, W); `keep` as of `JointEncoder`."""
        ...


class OneStreamModel(nn.Module):
    """One-stream network: `encode` once per target, then call with each search crop.

    Args:
        backbone: (B, 3, H, W) RGB 0..255 to one map (B, D, H / 16, W / 16); normalizes its input itself, and has `channels`, D.
        encoder: A `StreamEncoder`, such as `lockon.models.backbones.vit.JointEncoder`.
        head: (B, C, H, W) to `Prediction`.
        template_size: Side of the template crop in pixels.
        search_size: Side of the search crop in pixels.
    """

    def __init__(self, *, backbone: nn.Module, encoder: nn.Module, head: nn.Module, template_size: int, search_size: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.encoder = encoder
        self.head = head
        self.template_size = template_size
        self.search_size = search_size

    def encode(self, image: Tensor) -> Template:
        """Encode (B, 3, h, w) RGB 0..255 template crops to their tokens (B, Z, C), with positions."""
        return Template((cast(StreamEncoder, self.encoder).template_tokens(self.backbone(image)),))

    def forward(self, template: Template, search: Tensor, *, keep: float | None = None) -> Prediction:
        """Match (B, 3, H, W) RGB 0..255 search crops with B encoded templates.

        Args:
            template: Of `encode`.
            search: The crops.
            keep: Share of the search tokens that stays at each elimination: 1 is dense, None is the encoder's own.
        """
        fused = self.encoder(template.features[0], self.backbone(search), keep=keep)  # (B, C, H, W)
        prediction: Prediction = self.head(fused)
        return prediction


__all__ = ["OneStreamModel", "StreamEncoder"]
