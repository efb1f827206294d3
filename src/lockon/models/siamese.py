"""The Siamese network: a backbone for template and search, a neck, a fusion, a head. It holds no state between calls."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from lockon.types import Prediction, Template


@runtime_checkable
class PreparingFusion(Protocol):
    """A fusion that does once per target what depends on the template alone."""

    def prepare(self, template: Tensor) -> Tensor:
        """Map (B, C, h, w) template features to what the fusion is called with in their place."""


class SiameseModel(nn.Module):
    """Siamese network: `encode` once per target, then call with each search crop.

    Features are tuples of levels, one (B, C, H, W) map each; a backbone or neck that returns one map gives one level.

    Args:
        backbone: (B, 3, H, W) RGB 0..255 to features; normalizes its input itself.
        neck: Module on the backbone's output, shared by both branches; None leaves the features as they are.
        head: Features to `Prediction`: called with the fused map, or without a fusion with the levels of template and search.
        fusion: (template features, search features) of the first level to the head's input; None where the head matches itself. One
            with a method `prepare` gets what that made of the template's features.
        template_size: Side of the template crop in pixels.
        search_size: Side of the search crop in pixels.
        template_cells: Keep only the middle of the template's maps, this many cells per side: less context, and none of the
            features that padding made; None keeps all.
    """

    def __init__(
        self,
        *,
        backbone: nn.Module,
        neck: nn.Module | None,
        head: nn.Module,
        template_size: int,
        search_size: int,
        fusion: nn.Module | None = None,
        template_cells: int | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.neck = nn.Identity() if neck is None else neck
        self.fusion = fusion
        self.head = head
        self.template_size = template_size
        self.search_size = search_size
        self.template_cells = template_cells

    def levels(self, image: Tensor) -> tuple[Tensor, ...]:
        """Map (B, 3, H, W) RGB 0..255 to the neck's levels."""
        features: Tensor | tuple[Tensor, ...] = self.neck(self.backbone(image))
        return features if isinstance(features, tuple) else (features,)

    def encode(self, image: Tensor) -> Template:
        """Encode (B, 3, h, w) RGB 0..255 template crops to their features."""
        levels = self.levels(image)
        if self.template_cells is not None:
            levels = tuple(center_crop(level, self.template_cells) for level in levels)
        if isinstance(self.fusion, PreparingFusion):
            levels = (self.fusion.prepare(levels[0]), *levels[1:])
        return Template(levels)

    def forward(self, template: Template, search: Tensor) -> Prediction:
        """Match (B, 3, H, W) RGB 0..255 search crops with B encoded templates."""
        levels = self.levels(search)
        prediction: Prediction
        if self.fusion is None:
            prediction = self.head(template.features, levels)
        else:
            prediction = self.head(self.fusion(template.features[0], levels[0]))
        return prediction


def center_crop(features: Tensor, cells: int) -> Tensor:
    """Cut the middle `cells` x `cells` of (B, C, H, W), half a cell up and left where it cannot be exact; smaller maps stay whole."""
    height, width = features.shape[-2:]
    top, left = max(height - cells, 0) // 2, max(width - cells, 0) // 2
    return features[..., top : top + cells, left : left + cells]
