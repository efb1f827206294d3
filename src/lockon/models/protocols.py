"""What training asks of a network that scores many candidates of a search crop, however it is made."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor

from lockon.types import Prediction, Template


class DenseModel(Protocol):
    """A `torch.nn.Module` that matches a template with a search crop: `SiameseModel`, `OneStreamModel` and the like.

    Its `head` is a `lockon.models.heads.protocols.DenseHead`. A network that can leave search tokens out also takes `keep`.
    """

    head: Any
    template_size: int
    search_size: int

    def encode(self, image: Tensor) -> Template:
        """Encode (B, 3, h, w) RGB 0..255 template crops."""
        ...

    def __call__(self, template: Template, search: Tensor, **options: Any) -> Prediction:
        """Match (B, 3, H, W) RGB 0..255 search crops with B encoded templates."""
        ...


__all__ = ["DenseModel"]
